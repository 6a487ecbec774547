// SPDX-License-Identifier: Apache-2.0
// Building JSON documents with cJSON. An allocation that fails ends the program with exit code 75,
// temporaries removed, so that no caller needs to check.
#ifndef MOPT_CLI_JSON_H
#define MOPT_CLI_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Must run before any other function of cJSON. json: standard output promises a JSON document.
void mopt__json_setup(void);
void mopt__json_promise(bool json);
// Ends the program: out of memory (75).
_Noreturn void mopt__die_of_memory(void);

// Add a member to an object (name) or an item to an array (name NULL). Text is made valid UTF-8
// (malformed bytes as \xNN), NULL gives null; numbers that are not finite give null.
void mopt__json_text(cJSON *parent, const char *name, const char *text);
void mopt__json_int(cJSON *parent, const char *name, int64_t value);
void mopt__json_size(cJSON *parent, const char *name, uint64_t value);
void mopt__json_number(cJSON *parent, const char *name, double value);
void mopt__json_bool(cJSON *parent, const char *name, bool value);
void mopt__json_null(cJSON *parent, const char *name);
cJSON *mopt__json_object(cJSON *parent, const char *name);
cJSON *mopt__json_array(cJSON *parent, const char *name);
// Takes over item.
void mopt__json_add(cJSON *parent, const char *name, cJSON *item);

#endif
