// SPDX-License-Identifier: Apache-2.0
// What the files of the text form share: tokens, printing of small parts, parsing of small parts.
// Private to text_*.c. Grammar beyond the picture in text.h:
//   type    = dtype [ "[" dim, ... "]" ] | seq(type) | optional(type) | map(dtype, type) |
//   sparse(type) | "?"
//             "float[...]", in short "float", has an unknown rank; "float[]" is a scalar
//   dim     = number | name | "?" | "?7" | expression with + - * floor(a/b) ceil(a/b) mod(a, b)
//   min(...) max(...) tensor  = dtype[dims] { element, ... } | dtype[dims] raw"hex bytes";
//   elements: numbers, nan, -inf, nan(hex bits), "text" value   = 1 | 1.0 | "text" | tensor |
//   sparse(type){values, indices} | graph ... | type(type) | [value, ...] |
//             ints[] (empty list) | @name:kind (reference to an attribute of the enclosing
//             function) | undefined
//   details = @doc("text") @meta("key", "value"), after what they describe
#ifndef MOPT_IR_TEXT_PRIVATE_H
#define MOPT_IR_TEXT_PRIVATE_H

#include "ir/graph_private.h"
#include "ir/text.h"

// ---- text_names.c: spelling of names, strings and keywords
bool mopt__text_is_identifier(const char *text);
bool mopt__text_is_reserved(const char *text); // means something where a value name may stand
bool mopt__text_is_type_word(const char *text);
void mopt__text_add_string(struct mopt_strbuf *out, const char *data, size_t size); // quoted
void mopt__text_add_word(struct mopt_strbuf *out, const char *text); // quoted if no identifier
void mopt__text_add_name(struct mopt_strbuf *out, const char *text); // and if reserved
extern const char *const mopt__attr_kind_names[15];

// ---- text_dim.c, printing
struct mopt_dim_mirror {
    struct mopt_dims *dims;
    struct mopt_map fresh;
    struct mopt_arena arena;
};
bool mopt__mirror_init(
    struct mopt_dim_mirror *mirror); // false: out of memory; release it all the same
void mopt__mirror_release(struct mopt_dim_mirror *mirror);
// Text that the parser reads as the same dim and that is printed again from there; an expression
// that cannot be read becomes a quoted name.
void mopt__print_dim(const struct mopt_dims *dims, int64_t dim, struct mopt_dim_mirror *mirror,
                     struct mopt_strbuf *out);

// ---- text_print_data.c: everything smaller than a node
struct mopt_printer {
    const struct mopt_model *model;
    struct mopt_text_options options;
    struct mopt_strbuf *out;
    struct mopt_dim_mirror mirror;
    int indent;
};
void mopt__print_type(struct mopt_printer *printer, const struct mopt_type *type);
void mopt__print_tensor_data(struct mopt_printer *printer, const struct mopt_tensor *tensor);
void mopt__print_tensor(struct mopt_printer *printer, const struct mopt_tensor *tensor);
void mopt__print_sparse_type(struct mopt_printer *printer, const struct mopt_sparse *sparse);
void mopt__print_sparse_data(struct mopt_printer *printer, const struct mopt_sparse *sparse);
void mopt__print_f32(struct mopt_strbuf *out, float value, bool point); // point: "1.0", never "1"
void mopt__print_details(struct mopt_printer *printer, const char *doc,
                         const struct mopt_property *metadata, size_t count);

// ---- text_lex.c
enum mopt_token_kind {
    MOPT_TOKEN_END,
    MOPT_TOKEN_WORD,
    MOPT_TOKEN_STRING,
    MOPT_TOKEN_NUMBER,
    MOPT_TOKEN_MARK
};
struct mopt_token {
    enum mopt_token_kind kind;
    const char *text; // strings: with their quotes
    size_t size;
    size_t line, column; // from 1
};
struct mopt_lexer {
    const char *text, *end, *at;
    const char *line_start;
    size_t line;
    struct mopt_token token;
    struct mopt_error *err;
    enum mopt_status status; // of the first error; then every token is the end
};
void mopt__lex_init(struct mopt_lexer *lexer, const char *text, size_t bytes,
                    struct mopt_error *err);
void mopt__lex_next(struct mopt_lexer *lexer);
bool mopt__lex_is(const struct mopt_lexer *lexer, const char *text); // word or mark
bool mopt__lex_accept(struct mopt_lexer *lexer, const char *text);   // and steps over it
bool mopt__lex_expect(struct mopt_lexer *lexer, const char *text);
// Sets "line 3, column 14: expected ..., found '...'" once; returns false.
bool mopt__lex_expected(struct mopt_lexer *lexer, const char *what);
bool mopt__lex_error_at(struct mopt_lexer *lexer, const struct mopt_token *token,
                        const char *format, ...) MOPT_PRINTF(3, 4);
bool mopt__lex_fail(struct mopt_lexer *lexer, enum mopt_status status); // err is set already
// Text of a word or string token in the arena, escapes resolved; false: error set. Steps over it.
bool mopt__lex_string(struct mopt_lexer *lexer, struct mopt_arena *arena, struct mopt_string *out);
// As above for names: no NUL inside. what: for the message.
bool mopt__lex_name(struct mopt_lexer *lexer, struct mopt_arena *arena, const char *what,
                    const char **out);
bool mopt__lex_i64(struct mopt_lexer *lexer, int64_t *out); // [-]digits
// Number, nan, inf with an optional sign. bits: width of the float format for nan(hex).
struct mopt_number {
    bool is_integer, has_bits;
    uint64_t magnitude; // of integers that fit
    bool negative, fits;
    double value;
    uint64_t bits; // of nan(...)
};
bool mopt__lex_number(struct mopt_lexer *lexer, struct mopt_number *out);

// ---- text_dim.c, parsing
struct mopt_dim_reader {
    struct mopt_dims *dims;
    struct mopt_arena *arena;
    struct mopt_map *fresh; // number after "?" -> dim
    int depth;
};
bool mopt__read_dim(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t *out);

// ---- text_parse_data.c and text_parse_attribute.c
struct mopt_pending; // a use of a name that is not bound yet
struct mopt_parser {
    struct mopt_lexer lexer;
    struct mopt_model *model;
    struct mopt_arena *arena;
    struct mopt_map fresh;
    struct mopt_pending *pending;
    size_t pending_count, pending_capacity;
};
bool mopt__parse_oom(struct mopt_parser *parser); // sets MOPT_E_MEMORY, returns false
bool mopt__parse_type(struct mopt_parser *parser, const struct mopt_type **out, int depth);
bool mopt__parse_starts_type(const struct mopt_parser *parser);
// Data of a tensor after its type; type must be a tensor with known dims (no rank: scalar).
bool mopt__parse_tensor_data(struct mopt_parser *parser, const struct mopt_type *type,
                             struct mopt_tensor **out);
bool mopt__parse_sparse_data(struct mopt_parser *parser, const struct mopt_type *type,
                             struct mopt_sparse **out);
struct mopt_details {
    const char *doc;
    struct mopt_property *metadata;
    size_t count;
};
bool mopt__parse_details(struct mopt_parser *parser, struct mopt_details *out);
// name=value; graphs inside belong to owner (NULL: none allowed). Tensor references are the
// caller's.
bool mopt__parse_attribute(struct mopt_parser *parser, struct mopt_node *owner,
                           struct mopt_attribute *out);
// ---- text_parse.c
bool mopt__parse_graph(struct mopt_parser *parser,
                       struct mopt_graph *graph); // from the word "graph" on

#endif
