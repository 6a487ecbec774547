// SPDX-License-Identifier: Apache-2.0
// What the memory test needs, without mopt and without a protobuf library:
//   memory_tool write FILE MEGABYTES      writes a float model of about that size
//   memory_tool run COMMAND ARGUMENT...   runs it and says "<largest resident KiB> <milliseconds>",
//                                         or "failed <exit code>"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIDE = 512, MATRIX = SIDE * SIDE * 4, MESSAGE = 2, NUMBER = 0 };

// ---- Protocol buffers, as far as a model of MatMul nodes needs them -----------------------------

struct bytes {
    char data[512];
    size_t length;
};

static void add_varint(struct bytes *out, uint64_t value)
{
    for (; value >= 128; value >>= 7) {
        out->data[out->length++] = (char)(value | 128);
    }
    out->data[out->length++] = (char)value;
}

static void add_number(struct bytes *out, unsigned field, uint64_t value)
{
    add_varint(out, field << 3 | NUMBER);
    add_varint(out, value);
}

static void add_block(struct bytes *out, unsigned field, const void *data, size_t length)
{
    add_varint(out, field << 3 | MESSAGE);
    add_varint(out, length);
    memcpy(out->data + out->length, data, length);
    out->length += length;
}

static void add_text(struct bytes *out, unsigned field, const char *text)
{
    add_block(out, field, text, strlen(text));
}

static void add_message(struct bytes *out, unsigned field, const struct bytes *message)
{
    add_block(out, field, message->data, message->length);
}

// ValueInfoProto float[1,SIDE].
static struct bytes value_info(const char *name)
{
    struct bytes one = {.length = 0};
    struct bytes side = {.length = 0};
    struct bytes shape = {.length = 0};
    struct bytes tensor = {.length = 0};
    struct bytes type = {.length = 0};
    struct bytes value = {.length = 0};
    add_number(&one, 1, 1);
    add_number(&side, 1, SIDE);
    add_message(&shape, 1, &one);
    add_message(&shape, 1, &side);
    add_number(&tensor, 1, 1); // float
    add_message(&tensor, 2, &shape);
    add_message(&type, 1, &tensor);
    add_text(&value, 1, name);
    add_message(&value, 2, &type);
    return value;
}

static struct bytes node(unsigned index)
{
    struct bytes out = {.length = 0};
    char name[32];
    (void)snprintf(name, sizeof name, "v%u", index);
    add_text(&out, 1, name);
    (void)snprintf(name, sizeof name, "w%u", index);
    add_text(&out, 1, name);
    (void)snprintf(name, sizeof name, "v%u", index + 1);
    add_text(&out, 2, name);
    add_text(&out, 4, "MatMul");
    return out;
}

// Initializer w<index> up to its numbers, as a field of the graph.
static struct bytes weight_head(unsigned index)
{
    struct bytes tensor = {.length = 0};
    struct bytes out = {.length = 0};
    char name[32];
    (void)snprintf(name, sizeof name, "w%u", index);
    add_number(&tensor, 1, SIDE);
    add_number(&tensor, 1, SIDE);
    add_number(&tensor, 2, 1); // float
    add_text(&tensor, 8, name);
    add_varint(&tensor, 9 << 3 | MESSAGE);
    add_varint(&tensor, MATRIX);
    add_varint(&out, 5 << 3 | MESSAGE);
    add_varint(&out, tensor.length + MATRIX);
    memcpy(out.data + out.length, tensor.data, tensor.length);
    out.length += tensor.length;
    return out;
}

// Each of the following writes to file, or nothing when that is NULL, and gives the length.

static uint64_t put(FILE *file, const struct bytes *bytes)
{
    if (file != NULL) {
        (void)fwrite(bytes->data, bytes->length, 1, file);
    }
    return bytes->length;
}

// Numbers of which no two matrices have the same.
static uint64_t put_numbers(FILE *file, uint32_t *state)
{
    float row[SIDE];
    for (size_t i = 0; i < SIDE && file != NULL; i++) {
        for (size_t j = 0; j < SIDE; j++) {
            *state = *state * 1664525U + 1013904223U;
            row[j] = (float)(*state >> 8) / 16777216.0F - 0.5F;
        }
        (void)fwrite(row, sizeof row, 1, file);
    }
    return MATRIX;
}

static uint64_t put_graph(FILE *file, unsigned count)
{
    uint64_t length = 0;
    uint32_t state = 1;
    char last[32];
    for (unsigned i = 0; i < count; i++) {
        struct bytes inner = node(i);
        struct bytes field = {.length = 0};
        add_message(&field, 1, &inner);
        length += put(file, &field);
    }
    struct bytes name = {.length = 0};
    add_text(&name, 2, "large");
    length += put(file, &name);
    for (unsigned i = 0; i < count; i++) {
        struct bytes head = weight_head(i);
        length += put(file, &head) + put_numbers(file, &state);
    }
    (void)snprintf(last, sizeof last, "v%u", count);
    struct bytes input = value_info("v0");
    struct bytes output = value_info(last);
    struct bytes ends = {.length = 0};
    add_message(&ends, 11, &input);
    add_message(&ends, 12, &output);
    return length + put(file, &ends);
}

static int write_model(const char *path, const char *megabytes)
{
    unsigned count = (unsigned)(strtoul(megabytes, NULL, 10) * 1000000U / MATRIX);
    FILE *file = count > 0 ? fopen(path, "wb") : NULL;
    if (file == NULL) {
        return 2;
    }
    struct bytes head = {.length = 0};
    struct bytes opset = {.length = 0};
    struct bytes tail = {.length = 0};
    add_number(&head, 1, 8); // IR version
    add_varint(&head, 7 << 3 | MESSAGE);
    add_varint(&head, put_graph(NULL, count));
    add_text(&opset, 1, "");
    add_number(&opset, 2, 13);
    add_message(&tail, 8, &opset);
    (void)put(file, &head);
    (void)put_graph(file, count);
    (void)put(file, &tail);
    int failed = ferror(file);
    return fclose(file) != 0 || failed ? 1 : 0;
}

// ---- Measuring ----------------------------------------------------------------------------------

static double milliseconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int run(char **command)
{
    struct rusage usage;
    int state = 0;
    double start = milliseconds();
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(STDERR_FILENO, STDOUT_FILENO); // the numbers stand alone
        (void)execv(command[0], command);
        _exit(127);
    }
    if (child < 0 || wait4(child, &state, 0, &usage) != child) {
        return 126;
    }
    int code = WIFEXITED(state) ? WEXITSTATUS(state) : 128;
    if (code != 0) {
        (void)printf("failed %d\n", code);
    } else {
        (void)printf("%ld %.3f\n", usage.ru_maxrss, milliseconds() - start);
    }
    return code;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "write") == 0) {
        return write_model(argv[2], argv[3]);
    }
    if (argc > 2 && strcmp(argv[1], "run") == 0) {
        return run(argv + 2);
    }
    return 2;
}
