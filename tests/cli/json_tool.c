// SPDX-License-Identifier: Apache-2.0
// Looks at the JSON on standard input, for the scripts of this folder:
//   json_tool check      exactly one document and nothing else; exit 1 otherwise
//   json_tool stable     prints it without the member "run"
//   json_tool get a.0.b  prints one member: text as it is, everything else as JSON; exit 1 if
//   absent
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 16 * 1024 * 1024 };

static cJSON *parse(void)
{
    static char text[BYTES_MAX];
    size_t bytes = fread(text, 1, sizeof text - 1, stdin);
    text[bytes] = '\0';
    const char *end = NULL;
    cJSON *document = cJSON_ParseWithOpts(text, &end, 0);
    if (document == NULL || end[strspn(end, " \t\r\n")] != '\0' || strlen(text) != bytes) {
        (void)fprintf(stderr, "not exactly one JSON document: %.200s\n", text);
        exit(1);
    }
    return document;
}

static const cJSON *find(const cJSON *item, const char *path)
{
    while (item != NULL && *path != '\0') {
        char name[128];
        size_t length = strcspn(path, ".");
        (void)snprintf(name, sizeof name, "%.*s", (int)length, path);
        if (cJSON_IsArray(item)) {
            item = cJSON_GetArrayItem(item, (int)strtol(name, NULL, 10));
        } else {
            item = cJSON_GetObjectItemCaseSensitive(item, name);
        }
        path += length + (path[length] == '.');
    }
    return item;
}

static void print_text(char *text)
{
    (void)puts(text != NULL ? text : "");
    cJSON_free(text);
}

static int print_member(const cJSON *document, const char *path)
{
    const cJSON *item = find(document, path);
    if (item == NULL) {
        return 1;
    }
    if (cJSON_IsString(item)) {
        (void)puts(item->valuestring);
    } else {
        print_text(cJSON_PrintUnformatted(item));
    }
    return 0;
}

int main(int argc, char **argv)
{
    cJSON *document = parse();
    int code = 0;
    if (argc == 3 && strcmp(argv[1], "get") == 0) {
        code = print_member(document, argv[2]);
    } else if (argc == 2 && strcmp(argv[1], "stable") == 0) {
        cJSON_DeleteItemFromObjectCaseSensitive(document, "run");
        print_text(cJSON_Print(document));
    }
    cJSON_Delete(document);
    return code;
}
