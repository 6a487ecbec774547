// SPDX-License-Identifier: Apache-2.0
// Mappings, and opening beneath a folder by both ways (kernel and walk).
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/internal.h"
#include "base/size.h"
#include "tests.h"

static int enter(void **state)
{
    (void)state;
    mopt__test_folder();
    return 0;
}

static int leave(void **state)
{
    (void)state;
    mopt__test_remove_folder();
    return 0;
}

static void expect_mapping(struct mopt_mapping *mapping, const char *text)
{
    assert_non_null(mapping);
    assert_non_null(mapping->data);
    assert_int_equal(mapping->size, strlen(text));
    assert_memory_equal(mapping->data, text, mapping->size);
    mopt__mapping_unref(mapping);
}

static void maps_a_file(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    const char *path = mopt__test_path_in("f");
    mopt__test_write(path, "hello");
    assert_int_equal(mopt__mapping_open(path, 0, &mapping, &err), MOPT_OK);
    assert_string_equal(mapping->path, path);
    assert_ptr_equal(mopt__mapping_ref(mapping), mapping);
    mopt__mapping_unref(mapping);
    assert_int_equal(unlink(path), 0); // the contents stay
    expect_mapping(mapping, "hello");
    mopt__mapping_unref(NULL);
}

static void maps_an_empty_file(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    const char *path = mopt__test_path_in("empty");
    mopt__test_write(path, "");
    assert_int_equal(mopt__mapping_open(path, 1, &mapping, &err), MOPT_OK);
    expect_mapping(mapping, "");
}

static void follows_links_of_the_user(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    mopt__test_write(mopt__test_path_in("f"), "x");
    assert_int_equal(symlink("f", mopt__test_path_in("link")), 0);
    assert_int_equal(mopt__mapping_open(mopt__test_path_in("link"), 0, &mapping, &err), MOPT_OK);
    expect_mapping(mapping, "x");
}

static void holds_the_limit(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    const char *path = mopt__test_path_in("f");
    mopt__test_write(path, "12345");
    assert_int_equal(mopt__mapping_open(path, 4, &mapping, &err), MOPT_E_LIMIT);
    assert_null(mapping);
    assert_int_equal(mopt__mapping_open(path, 5, &mapping, &err), MOPT_OK);
    expect_mapping(mapping, "12345");
    // Larger than any memory: refused by size or by the kernel, never by a crash.
    assert_int_equal(truncate(path, (off_t)1 << 43), 0);
    assert_int_equal(mopt__mapping_open(path, (size_t)1 << 40, &mapping, &err), MOPT_E_LIMIT);
}

// Makes one of each thing that is no regular file; returns its name.
static void make_odd_things(void)
{
    assert_int_equal(mkdir(mopt__test_path_in("folder"), 0777), 0);
    assert_int_equal(mkfifo(mopt__test_path_in("fifo"), 0666), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length =
        snprintf(address.sun_path, sizeof address.sun_path, "%s", mopt__test_path_in("sock"));
    assert_in_range(length, 1, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static const char *const odd_things[] = {"folder", "fifo", "sock"};

static void refuses_what_is_no_regular_file(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    make_odd_things();
    for (size_t i = 0; i < MOPT_COUNTOF(odd_things); i++) {
        const char *path = mopt__test_path_in(odd_things[i]);
        assert_int_equal(mopt__mapping_open(path, 0, &mapping, &err), MOPT_E_FORMAT);
        assert_non_null(strstr(err.text, path));
    }
    assert_int_equal(mopt__mapping_open("/dev/zero", 0, &mapping, &err), MOPT_E_FORMAT);
}

static void says_what_is_missing(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    mopt__test_write(mopt__test_path_in("f"), "x");
    assert_int_equal(symlink("loop", mopt__test_path_in("loop")), 0);
    assert_int_equal(mopt__mapping_open(mopt__test_path_in("none"), 0, &mapping, &err),
                     MOPT_E_MISSING);
    assert_non_null(strstr(err.text, "no such file"));
    assert_int_equal(mopt__mapping_open(mopt__test_path_in("f/x"), 0, &mapping, &err),
                     MOPT_E_MISSING);
    assert_int_equal(mopt__mapping_open("", 0, &mapping, &err), MOPT_E_MISSING);
    assert_int_equal(mopt__mapping_open(mopt__test_path_in("loop"), 0, &mapping, &err), MOPT_E_IO);
}

// Puts a pipe with `text` (closed behind it) in the place of standard input; returns the old one.
static int pipe_to_stdin(const char *text)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
    close(ends[1]);
    int old = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    return old;
}

static void restore_stdin(int old)
{
    if (old >= 0) {
        dup2(old, STDIN_FILENO);
        close(old);
    } else {
        close(STDIN_FILENO);
    }
}

static void reads_standard_input(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    static const char *const texts[] = {"some bytes", ""};
    for (size_t i = 0; i < 2; i++) {
        int old = pipe_to_stdin(texts[i]);
        enum mopt_status status = mopt__mapping_open("-", 10, &mapping, &err);
        restore_stdin(old);
        assert_int_equal(status, MOPT_OK);
        assert_string_equal(mapping->path, "-");
        expect_mapping(mapping, texts[i]);
    }
    int old = pipe_to_stdin("some bytes");
    enum mopt_status status = mopt__mapping_open("-", 9, &mapping, &err);
    restore_stdin(old);
    assert_int_equal(status, MOPT_E_LIMIT);
    assert_null(mapping);
}

static void reads_long_standard_input(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    const char *path = mopt__test_path_in("long");
    size_t size = 1000003;
    unsigned char *data = mopt__malloc(size);
    for (size_t i = 0; i < size; i++) {
        data[i] = (unsigned char)(i * 31 >> 3);
    }
    assert_int_equal(mopt__file_write(path, data, size, false, &err), MOPT_OK);
    int fd = open(path, O_RDONLY);
    int old = dup(STDIN_FILENO);
    dup2(fd, STDIN_FILENO);
    close(fd);
    enum mopt_status status = mopt__mapping_open("-", 0, &mapping, &err);
    restore_stdin(old);
    assert_int_equal(status, MOPT_OK);
    assert_int_equal(mapping->size, size);
    assert_memory_equal(mapping->data, data, size);
    mopt__mapping_unref(mapping);
    mopt__free(data);
}

static void reports_unreadable_standard_input(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    int folder = open(mopt__test_path_in("."), O_RDONLY | O_DIRECTORY);
    int old = dup(STDIN_FILENO);
    dup2(folder, STDIN_FILENO);
    close(folder);
    enum mopt_status status = mopt__mapping_open("-", 0, &mapping, &err);
    restore_stdin(old);
    assert_int_equal(status, MOPT_E_IO);
    assert_non_null(strstr(err.text, "cannot read '-'"));
}

static void takes_memory(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    assert_int_equal(mopt__mapping_take(mopt__strdup("abc"), 3, "inline", &mapping, &err), MOPT_OK);
    assert_string_equal(mapping->path, "inline");
    expect_mapping(mapping, "abc");
    assert_int_equal(mopt__mapping_take(NULL, 0, "none", &mapping, &err), MOPT_OK);
    expect_mapping(mapping, "");
    assert_int_equal(mopt__mapping_take(mopt__malloc(0), 0, "zero", &mapping, &err), MOPT_OK);
    expect_mapping(mapping, "");
}

// top/in/f "inner", top/f "file", top/link -> f, top/out -> .., top/abs -> absolute, secret beside
// top.
static void make_tree(void)
{
    assert_int_equal(mkdir(mopt__test_path_in("top"), 0777), 0);
    assert_int_equal(mkdir(mopt__test_path_in("top/in"), 0777), 0);
    mopt__test_write(mopt__test_path_in("secret"), "secret");
    mopt__test_write(mopt__test_path_in("top/f"), "file");
    mopt__test_write(mopt__test_path_in("top/in/f"), "inner");
    mopt__test_write(mopt__test_path_in("top/..f"), "dots");
    assert_int_equal(symlink("f", mopt__test_path_in("top/link")), 0);
    assert_int_equal(symlink("in", mopt__test_path_in("top/lin")), 0);
    assert_int_equal(symlink("..", mopt__test_path_in("top/out")), 0);
    assert_int_equal(symlink("../secret", mopt__test_path_in("top/esc")), 0);
    assert_int_equal(symlink(mopt__test_path_in("secret"), mopt__test_path_in("top/abs")), 0);
    assert_int_equal(symlink("gone", mopt__test_path_in("top/dangling")), 0);
    assert_int_equal(symlink("top", mopt__test_path_in("toplink")), 0);
    assert_int_equal(mkfifo(mopt__test_path_in("top/fifo"), 0666), 0);
}

static const struct {
    const char *relative;
    enum mopt_status status;
    const char *text;
    int code; // of the two ways beneath, where they are asked: 0, ENOENT, ENOTDIR, ELOOP; -1: they
              // are not
} beneath_rows[] = {
    {"f", MOPT_OK, "file", 0},
    {"./f", MOPT_OK, "file", 0},
    {"in/f", MOPT_OK, "inner", 0},
    {"in//./f", MOPT_OK, "inner", 0},
    {"..f", MOPT_OK, "dots", 0},
    {"none", MOPT_E_MISSING, NULL, ENOENT},
    {"none/f", MOPT_E_MISSING, NULL, ENOENT},
    {"f/x", MOPT_E_MISSING, NULL, ENOTDIR},
    {"f/", MOPT_E_MISSING, NULL, ENOTDIR},
    {"in", MOPT_E_FORMAT, NULL, 0},
    {"in/", MOPT_E_FORMAT, NULL, 0},
    {".", MOPT_E_FORMAT, NULL, 0},
    {"fifo", MOPT_E_FORMAT, NULL, 0},
    {"link", MOPT_E_FORMAT, NULL, ELOOP},
    {"lin/f", MOPT_E_FORMAT, NULL, ELOOP},
    {"out/secret", MOPT_E_FORMAT, NULL, ELOOP},
    {"esc", MOPT_E_FORMAT, NULL, ELOOP},
    {"abs", MOPT_E_FORMAT, NULL, ELOOP},
    {"dangling", MOPT_E_FORMAT, NULL, ELOOP},
    {"", MOPT_E_FORMAT, NULL, -1},
    {"..", MOPT_E_FORMAT, NULL, -1},
    {"../secret", MOPT_E_FORMAT, NULL, -1},
    {"in/../f", MOPT_E_FORMAT, NULL, -1},
    {"in/..", MOPT_E_FORMAT, NULL, -1},
    {"/etc/hostname", MOPT_E_FORMAT, NULL, -1},
};

static void opens_only_beneath(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    make_tree();
    static const char *const tops[] = {"top", "toplink", "top/"}; // the folder itself may be a link
    for (size_t t = 0; t < MOPT_COUNTOF(tops); t++) {
        const char *top = mopt__test_path_in(tops[t]);
        for (size_t i = 0; i < MOPT_COUNTOF(beneath_rows); i++) {
            enum mopt_status status =
                mopt__mapping_open_beneath(top, beneath_rows[i].relative, &mapping, &err);
            if (status != beneath_rows[i].status) {
                fail_msg("'%s': %s", beneath_rows[i].relative, status ? err.text : "opened");
            }
            if (status == MOPT_OK) {
                expect_mapping(mapping, beneath_rows[i].text);
            } else {
                assert_null(mapping);
            }
        }
    }
    assert_int_equal(mopt__mapping_open_beneath(mopt__test_path_in("no"), "f", &mapping, &err),
                     MOPT_E_MISSING);
    assert_int_equal(mopt__mapping_open_beneath(mopt__test_path_in("top/f"), "f", &mapping, &err),
                     MOPT_E_MISSING);
}

static void opens_beneath_the_current_folder(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    mopt__test_write(mopt__test_path_in("f"), "here");
    int before = open(".", O_PATH | O_DIRECTORY);
    assert_int_equal(chdir(mopt__test_path_in(".")), 0);
    enum mopt_status status = mopt__mapping_open_beneath("", "f", &mapping, &err);
    assert_int_equal(fchdir(before), 0);
    close(before);
    assert_int_equal(status, MOPT_OK);
    assert_string_equal(mapping->path, "f");
    expect_mapping(mapping, "here");
}

static void both_ways_agree(void **state)
{
    (void)state;
    make_tree();
    int top = open(mopt__test_path_in("top"), O_PATH | O_DIRECTORY);
    for (size_t i = 0; i < MOPT_COUNTOF(beneath_rows); i++) {
        if (beneath_rows[i].code < 0) {
            continue;
        }
        const char *relative = beneath_rows[i].relative;
        int walked = mopt__open_beneath_walk(top, relative);
        int kernel = mopt__open_beneath_kernel(top, relative);
        if ((walked < 0 ? -walked : 0) != beneath_rows[i].code) {
            fail_msg("walk '%s': %d", relative, walked);
        }
        if (kernel != -ENOSYS && kernel != -EPERM &&
            (kernel < 0 ? -kernel : 0) != beneath_rows[i].code) {
            fail_msg("kernel '%s': %d", relative, kernel);
        }
        if (walked >= 0 && kernel >= 0) {
            struct stat a;
            struct stat b;
            assert_int_equal(fstat(walked, &a), 0);
            assert_int_equal(fstat(kernel, &b), 0);
            assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
        }
        if (walked >= 0) {
            close(walked);
        }
        if (kernel >= 0) {
            close(kernel);
        }
    }
    // The kernel alone holds these too; the walk relies on the check of the letters in front of it.
    int escaped = mopt__open_beneath_kernel(top, "../secret");
    assert_true(escaped == -EXDEV || escaped == -ENOSYS || escaped == -EPERM);
    int next = dup(top); // no descriptor was left open
    assert_int_equal(next, top + 1);
    close(next);
    close(top);
}

static enum mopt_status open_both(void *context, struct mopt_error *err)
{
    struct mopt_mapping *a = NULL;
    struct mopt_mapping *b = NULL;
    struct mopt_mapping *c = NULL;
    char *file = mopt__path_join(context, "f");
    enum mopt_status status = file ? mopt__mapping_open(file, 0, &a, err) : mopt_error_memory(err);
    mopt__free(file);
    if (status == MOPT_OK) {
        status = mopt__mapping_open_beneath(context, "f", &b, err);
    }
    if (status == MOPT_OK) {
        void *data = mopt__malloc(3);
        status = data ? mopt__mapping_take(data, 3, "x", &c, err) : mopt_error_memory(err);
    }
    mopt__mapping_unref(a);
    mopt__mapping_unref(b);
    mopt__mapping_unref(c);
    return status;
}

static enum mopt_status read_stdin(void *context, struct mopt_error *err)
{
    (void)context;
    struct mopt_mapping *mapping = NULL;
    enum mopt_status status = mopt__mapping_open("-", 0, &mapping, err);
    mopt__mapping_unref(mapping);
    return status;
}

static enum mopt_status walk_down(void *context, struct mopt_error *err)
{
    int folder = open(context, O_PATH | O_DIRECTORY);
    int fd = mopt__open_beneath_walk(folder, "f");
    close(folder);
    if (fd >= 0) {
        close(fd);
        return MOPT_OK;
    }
    return fd == -ENOMEM ? mopt_error_memory(err) : MOPT_E_IO;
}

static void files_without_memory(void **state)
{
    (void)state;
    mopt__test_write(mopt__test_path_in("f"), "abc");
    char *folder = mopt__strdup(mopt__test_path_in("."));
    mopt__test_out_of_memory(open_both, folder);
    mopt__test_out_of_memory(walk_down, folder);
    mopt__free(folder);
    int old = pipe_to_stdin(""); // at its end for every run
    mopt__test_out_of_memory(read_stdin, NULL);
    restore_stdin(old);
    int before = open("/dev/null", O_RDONLY);
    close(before);
    assert_in_range(before, 0, 15); // failures leave no descriptor behind
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int mopt__test_file(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(maps_a_file),
        IN_FOLDER(maps_an_empty_file),
        IN_FOLDER(follows_links_of_the_user),
        IN_FOLDER(holds_the_limit),
        IN_FOLDER(refuses_what_is_no_regular_file),
        IN_FOLDER(says_what_is_missing),
        IN_FOLDER(reads_standard_input),
        IN_FOLDER(reads_long_standard_input),
        IN_FOLDER(reports_unreadable_standard_input),
        IN_FOLDER(takes_memory),
        IN_FOLDER(opens_only_beneath),
        IN_FOLDER(opens_beneath_the_current_folder),
        IN_FOLDER(both_ways_agree),
        IN_FOLDER(files_without_memory),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
