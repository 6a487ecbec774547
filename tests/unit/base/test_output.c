// SPDX-License-Identifier: Apache-2.0
// Atomic output: what is on disk before, during and after, and every way to fail that a test can
// make.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/size.h"
#include "base/strings.h"
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

static struct mopt_output *open_output(const char *path, bool force)
{
    struct mopt_error err;
    struct mopt_output *output;
    mopt_error_clear(&err);
    if (mopt__output_open(path, force, &output, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return output;
}

static void put(struct mopt_output *output, const char *text)
{
    struct mopt_error err;
    assert_int_equal(mopt__output_write(output, text, strlen(text), &err), MOPT_OK);
}

static void commit(struct mopt_output *output)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__output_commit(output, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
}

static enum mopt_status try_open(const char *path, bool force, struct mopt_error *err)
{
    struct mopt_output *output;
    enum mopt_status status = mopt__output_open(path, force, &output, err);
    mopt__output_abort(output);
    return status;
}

static void appears_at_commit(void **state)
{
    (void)state;
    const char *path = mopt__test_path_in("out");
    struct mopt_output *output = open_output(path, false);
    put(output, "some ");
    put(output, "text");
    assert_int_equal(mopt__output_position(output), 9);
    assert_false(mopt__path_exists(path));
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 1); // the temporary
    commit(output);
    mopt__test_expect_content(path, "some text");
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 1);
}

static void abort_leaves_nothing(void **state)
{
    (void)state;
    struct mopt_output *output = open_output(mopt__test_path_in("out"), false);
    put(output, "text");
    mopt__output_abort(output);
    mopt__output_abort(NULL);
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 0);
}

static void refuses_an_existing_target(void **state)
{
    (void)state;
    struct mopt_error err;
    const char *path = mopt__test_path_in("out");
    mopt__test_write(path, "old");
    assert_int_equal(symlink("gone", mopt__test_path_in("dangling")), 0);
    assert_int_equal(try_open(path, false, &err), MOPT_E_CREATE);
    assert_non_null(strstr(err.text, "exists"));
    assert_int_equal(try_open(mopt__test_path_in("dangling"), false, &err), MOPT_E_CREATE);
    mopt__test_expect_content(path, "old");
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 2);
}

static void replaces_with_force(void **state)
{
    (void)state;
    const char *path = mopt__test_path_in("out");
    mopt__test_write(path, "old");
    struct mopt_output *output = open_output(path, true);
    put(output, "new");
    mopt__test_expect_content(path, "old");
    commit(output);
    mopt__test_expect_content(path, "new");
    output = open_output(path, true);
    put(output, "newer");
    mopt__output_abort(output);
    mopt__test_expect_content(path, "new");
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 1);
}

static void does_not_replace_a_latecomer(void **state)
{
    (void)state;
    struct mopt_error err;
    const char *path = mopt__test_path_in("out");
    struct mopt_output *output = open_output(path, false);
    put(output, "ours");
    mopt__test_write(path, "theirs");
    assert_int_equal(mopt__output_commit(output, &err), MOPT_E_CREATE);
    mopt__test_expect_content(path, "theirs");
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 1);
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void modes(void **state)
{
    (void)state;
    struct mopt_error err;
    const char *path = mopt__test_path_in("out");
    mode_t before = umask(027);
    assert_int_equal(mopt__file_write(path, "x", 1, false, &err), MOPT_OK);
    umask(before);
    assert_int_equal(mode_of(path), 0640); // 0666 & ~umask
    assert_int_equal(chmod(path, 04604), 0);
    assert_int_equal(mopt__file_write(path, "y", 1, true, &err), MOPT_OK);
    assert_int_equal(mode_of(path), 0604); // the one before, without set-user-id
}

static void writes_behind_links(void **state)
{
    (void)state;
    struct mopt_error err;
    assert_int_equal(mkdir(mopt__test_path_in("deep"), 0777), 0);
    mopt__test_write(mopt__test_path_in("deep/real"), "old");
    assert_int_equal(symlink("deep/real", mopt__test_path_in("one")), 0);
    assert_int_equal(symlink(mopt__test_path_in("one"), mopt__test_path_in("two")), 0);
    assert_int_equal(symlink("deep/new", mopt__test_path_in("dangling")), 0);
    struct mopt_output *output = open_output(mopt__test_path_in("two"), true);
    put(output, "fresh");
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in("deep")),
                     2); // beside the real file
    commit(output);
    mopt__test_expect_content(mopt__test_path_in("deep/real"), "fresh");
    struct stat info;
    assert_int_equal(lstat(mopt__test_path_in("two"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(mopt__file_write(mopt__test_path_in("dangling"), "n", 1, true, &err), MOPT_OK);
    mopt__test_expect_content(mopt__test_path_in("deep/new"), "n");
    assert_int_equal(symlink("loop", mopt__test_path_in("loop")), 0);
    assert_int_equal(try_open(mopt__test_path_in("loop"), true, &err), MOPT_E_CREATE);
}

static void refuses_bad_targets(void **state)
{
    (void)state;
    struct mopt_error err;
    mopt__test_write(mopt__test_path_in("file"), "x");
    assert_int_equal(mkdir(mopt__test_path_in("folder"), 0777), 0);
    assert_int_equal(symlink("folder", mopt__test_path_in("link")), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length =
        snprintf(address.sun_path, sizeof address.sun_path, "%s", mopt__test_path_in("sock"));
    assert_in_range(length, 1, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    static const char *const bad[] = {"folder", "folder/", ".",     "link",
                                      "file/x", "none/x",  "none/", "sock"};
    for (size_t i = 0; i < MOPT_COUNTOF(bad); i++) {
        for (int force = 0; force < 2; force++) {
            assert_int_equal(try_open(mopt__test_path_in(bad[i]), force, &err), MOPT_E_CREATE);
            assert_non_null(strstr(err.text, bad[i]));
        }
    }
    assert_int_equal(try_open("", false, &err), MOPT_E_CREATE);
    static char name[400];
    memset(name, 'n', sizeof name - 1);
    assert_int_equal(try_open(mopt__test_path_in(name), false, &err), MOPT_E_CREATE);
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 4);
}

static void bears_long_names(void **state)
{
    (void)state;
    struct mopt_error err;
    static char name[256];
    for (size_t i = 0; i < 255; i += 3) {
        memcpy(name + i, "\xe2\x82\xac", 3); // the temporary's name is cut between characters
    }
    const char *path = mopt__test_path_in(name);
    struct mopt_output *output = open_output(path, false);
    char **names;
    size_t count;
    assert_int_equal(mopt__dir_list(mopt__test_path_in("."), &names, &count, &err), MOPT_OK);
    assert_int_equal(count, 1);
    assert_true(mopt__utf8_valid(names[0], strlen(names[0])));
    mopt__names_free(names, count);
    put(output, "x");
    commit(output);
    mopt__test_expect_content(path, "x");
}

static void works_in_the_current_folder(void **state)
{
    (void)state;
    struct mopt_error err;
    int before = open(".", O_PATH | O_DIRECTORY);
    assert_int_equal(chdir(mopt__test_path_in(".")), 0);
    struct mopt_output *output = open_output("plain", false);
    put(output, "x");
    assert_int_equal(fchdir(before), 0); // the folder is the one of the beginning
    close(before);
    assert_int_equal(mopt__output_commit(output, &err), MOPT_OK);
    mopt__test_expect_content(mopt__test_path_in("plain"), "x");
}

// Content by pieces of all sizes around the buffer's, checked through a mapping.
static void any_size_of_piece(void **state)
{
    (void)state;
    static const size_t pieces[] = {
        0, 1, (1 << 20) - 2, 1, 1, 1 << 20, (1 << 20) + 1, 3, (1 << 20) - 1, 3u << 20, 0, 7};
    struct mopt_error err;
    const char *path = mopt__test_path_in("out");
    size_t largest = (size_t)3 << 20;
    unsigned char *data = mopt__malloc(largest);
    for (size_t i = 0; i < largest; i++) {
        data[i] = (unsigned char)(i * 2654435761U >> 13);
    }
    struct mopt_output *output = open_output(path, false);
    size_t total = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(pieces); i++) {
        assert_int_equal(mopt__output_write(output, pieces[i] ? data : NULL, pieces[i], &err),
                         MOPT_OK);
        total += pieces[i];
        assert_int_equal(mopt__output_position(output), total);
    }
    commit(output);
    struct mopt_mapping *mapping;
    assert_int_equal(mopt__mapping_open(path, 0, &mapping, &err), MOPT_OK);
    assert_int_equal(mapping->size, total);
    size_t at = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(pieces); i++) {
        assert_memory_equal(mapping->data + at, data, pieces[i]);
        at += pieces[i];
    }
    mopt__mapping_unref(mapping);
    mopt__free(data);
}

static void pads_with_zeros(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_mapping *mapping;
    const char *path = mopt__test_path_in("out");
    struct mopt_output *output = open_output(path, false);
    assert_int_equal(mopt__output_pad(output, 4096, &err), MOPT_OK);
    assert_int_equal(mopt__output_position(output), 0);
    put(output, "ab");
    assert_int_equal(mopt__output_pad(output, 1, &err), MOPT_OK);
    assert_int_equal(mopt__output_pad(output, 64, &err), MOPT_OK);
    assert_int_equal(mopt__output_position(output), 64);
    assert_int_equal(mopt__output_pad(output, 10000, &err),
                     MOPT_OK); // not a power of two, longer than 4096
    assert_int_equal(mopt__output_position(output), 10000);
    put(output, "c");
    commit(output);
    assert_int_equal(mopt__mapping_open(path, 0, &mapping, &err), MOPT_OK);
    assert_int_equal(mapping->size, 10001);
    assert_memory_equal(mapping->data, "ab", 2);
    for (size_t i = 2; i < 10000; i++) {
        assert_int_equal(mapping->data[i], 0);
    }
    assert_int_equal(mapping->data[10000], 'c');
    mopt__mapping_unref(mapping);
}

static void empty_output_is_an_empty_file(void **state)
{
    (void)state;
    struct mopt_error err;
    const char *path = mopt__test_path_in("out");
    assert_int_equal(mopt__file_write(path, NULL, 0, false, &err), MOPT_OK);
    mopt__test_expect_content(path, "");
}

static void a_full_device_is_an_io_error(void **state)
{
    (void)state;
    struct mopt_error err;
    assert_int_equal(mopt__file_write("/dev/full", "x", 1, false, &err), MOPT_E_IO);
    assert_string_equal(err.text, "cannot write '/dev/full': No space left on device");
    struct mopt_output *output = open_output("/dev/full", true);
    static char data[2 << 20];
    assert_int_equal(mopt__output_write(output, data, sizeof data, &err), MOPT_E_IO);
    mopt_error_clear(&err);
    assert_int_equal(mopt__output_write(output, "x", 1, &err), MOPT_E_IO); // sticky
    assert_non_null(strstr(err.text, "No space left"));
    mopt_error_clear(&err);
    assert_int_equal(mopt__output_pad(output, 64, &err), MOPT_E_IO);
    assert_int_equal(mopt__output_commit(output, &err), MOPT_E_IO);
    assert_non_null(strstr(err.text, "No space left"));
    assert_int_equal(mopt__file_write("/dev/null", "x", 1, false, &err), MOPT_OK);
    assert_true(mopt__path_exists("/dev/full"));
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    struct mopt_error err;
    const char *path = mopt__test_path_in("out");
    mopt__test_write(path, "old");
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 100000, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct mopt_output *output = open_output(path, true);
    static char data[4 << 20];
    enum mopt_status wrote =
        mopt__output_write(output, data, sizeof data, &err); // short write, then EFBIG
    enum mopt_status committed = mopt__output_commit(output, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(wrote, MOPT_E_IO);
    assert_int_equal(committed, MOPT_E_IO);
    assert_non_null(strstr(err.text, "File too large"));
    mopt__test_expect_content(path, "old");
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 1);
}

static void a_vanished_folder_fails_at_commit(void **state)
{
    (void)state;
    struct mopt_error err;
    assert_int_equal(mkdir(mopt__test_path_in("d"), 0777), 0);
    struct mopt_output *output = open_output(mopt__test_path_in("d/out"), false);
    char **names;
    size_t count;
    assert_int_equal(mopt__dir_list(mopt__test_path_in("d"), &names, &count, &err), MOPT_OK);
    assert_int_equal(count, 1);
    char *temporary = mopt__path_join(mopt__test_path_in("d"), names[0]);
    assert_int_equal(unlink(temporary), 0);
    mopt__free(temporary);
    mopt__names_free(names, count);
    assert_int_equal(rmdir(mopt__test_path_in("d")), 0);
    put(output, "x");
    assert_int_equal(mopt__output_commit(output, &err), MOPT_E_CREATE);
}

static void pipes_are_written_directly(void **state)
{
    (void)state;
    const char *path = mopt__test_path_in("fifo");
    assert_int_equal(mkfifo(path, 0666), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    struct mopt_output *output = open_output(path, false);
    put(output, "through");
    commit(output);
    char got[16] = "";
    assert_int_equal(read(reader, got, sizeof got), 7);
    assert_string_equal(got, "through");
    close(reader);
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
}

static void a_pipe_without_reader_is_an_io_error(void **state)
{
    (void)state;
    struct mopt_error err;
    const char *path = mopt__test_path_in("fifo");
    assert_int_equal(mkfifo(path, 0666), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    struct mopt_output *output = open_output(path, false);
    put(output, "x");
    close(reader);
    assert_int_equal(mopt__output_commit(output, &err), MOPT_E_IO); // and not death by SIGPIPE
    assert_non_null(strstr(err.text, "Broken pipe"));
    sigset_t pending;
    sigemptyset(&pending);
    assert_int_equal(sigpending(&pending), 0);
    assert_false(sigismember(&pending, SIGPIPE));
    sigset_t mask;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGPIPE)); // as before
}

// A pipe that takes little at a time and is not blocking.
static void waits_for_a_slow_reader(void **state)
{
    (void)state;
    struct mopt_error err;
    size_t bytes = 300000;
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) { // counts
        close(ends[1]);
        fcntl(ends[0], F_SETFL, 0);
        static char buf[1000];
        size_t total = 0;
        ssize_t got;
        while ((got = read(ends[0], buf, sizeof buf)) > 0) {
            total += (size_t)got;
        }
        _exit(total == bytes ? 0 : 1);
    }
    close(ends[0]);
    int old = dup(STDOUT_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    char *data = mopt__calloc(1, bytes);
    enum mopt_status status = mopt__file_write("-", data, bytes, false, &err);
    dup2(old, STDOUT_FILENO);
    close(old);
    mopt__free(data);
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(status, MOPT_OK);
    assert_int_equal(result, 0);
}

static void dash_is_standard_output(void **state)
{
    (void)state;
    struct mopt_error err;
    const char *path = mopt__test_path_in("captured");
    fflush(stdout);
    int old = dup(STDOUT_FILENO);
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    dup2(fd, STDOUT_FILENO);
    close(fd);
    enum mopt_status status = mopt__file_write("-", "bytes", 5, false, &err);
    bool open_still = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    close(STDOUT_FILENO);
    enum mopt_status closed = mopt__file_write("-", "bytes", 5, false, &err);
    dup2(old, STDOUT_FILENO);
    close(old);
    assert_int_equal(status, MOPT_OK);
    assert_true(open_still);
    assert_int_equal(closed, MOPT_E_IO);
    mopt__test_expect_content(path, "bytes");
    assert_false(mopt__path_exists("-"));
}

static void counts_open_outputs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_output *outputs[64];
    char name[16];
    for (int i = 0; i < 64; i++) {
        snprintf(name, sizeof name, "o%d", i);
        outputs[i] = open_output(mopt__test_path_in(name), false);
    }
    assert_int_equal(try_open(mopt__test_path_in("more"), false, &err), MOPT_E_LIMIT);
    mopt__output_abort(outputs[10]);
    outputs[10] = open_output(mopt__test_path_in("more"), false);
    for (int i = 0; i < 64; i++) {
        if (i % 2) {
            commit(outputs[i]);
        } else {
            mopt__output_abort(outputs[i]);
        }
    }
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 32);
}

static void on_signal(int number)
{
    mopt__output_remove_all();
    signal(number, SIG_DFL);
    raise(number);
}

static void a_signal_removes_temporaries(void **state)
{
    (void)state;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct mopt_error err;
        struct mopt_output *outputs[3];
        static const char *const names[3] = {"a", "b", "c"};
        int opened = 0;
        for (int i = 0; i < 3; i++) {
            opened += mopt__output_open(mopt__test_path_in(names[i]), false, &outputs[i], &err) ==
                      MOPT_OK;
        }
        if (opened != 3 || mopt__test_count_entries(mopt__test_path_in(".")) != 3 ||
            mopt__output_commit(outputs[1], &err) != MOPT_OK) {
            _exit(1);
        }
        signal(SIGTERM, on_signal);
        raise(SIGTERM);
        _exit(2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 1);
    assert_true(mopt__path_exists(mopt__test_path_in("b")));
}

static void a_program_that_goes_on_may_open_again(void **state)
{
    (void)state;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) { // what remove_all takes is not freed: not in the process that looks for leaks
        struct mopt_error err;
        struct mopt_output *old;
        struct mopt_output *fresh;
        bool good = mopt__output_open(mopt__test_path_in("a"), false, &old, &err) == MOPT_OK;
        mopt__output_remove_all();
        good = good && mopt__output_open(mopt__test_path_in("b"), false, &fresh, &err) == MOPT_OK;
        good = good &&
               mopt__output_commit(old, &err) == MOPT_E_CREATE; // must not take the other's place
        good = good && mopt__output_commit(fresh, &err) == MOPT_OK;
        _exit(good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 1);
    assert_true(mopt__path_exists(mopt__test_path_in("b")));
}

static enum mopt_status write_file(void *context, struct mopt_error *err)
{
    return mopt__file_write(context, "text", 4, true, err);
}

static void output_without_memory(void **state)
{
    (void)state;
    char *path = mopt__strdup(mopt__test_path_in("link"));
    assert_int_equal(symlink("out", path), 0);
    mopt__test_out_of_memory(write_file, path);
    mopt__test_expect_content(mopt__test_path_in("out"), "text");
    assert_int_equal(mopt__test_count_entries(mopt__test_path_in(".")), 2);
    mopt__free(path);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int mopt__test_output(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(appears_at_commit),
        IN_FOLDER(abort_leaves_nothing),
        IN_FOLDER(refuses_an_existing_target),
        IN_FOLDER(replaces_with_force),
        IN_FOLDER(does_not_replace_a_latecomer),
        IN_FOLDER(modes),
        IN_FOLDER(writes_behind_links),
        IN_FOLDER(refuses_bad_targets),
        IN_FOLDER(bears_long_names),
        IN_FOLDER(works_in_the_current_folder),
        IN_FOLDER(any_size_of_piece),
        IN_FOLDER(pads_with_zeros),
        IN_FOLDER(empty_output_is_an_empty_file),
        IN_FOLDER(a_full_device_is_an_io_error),
        IN_FOLDER(a_failed_write_leaves_the_old_file),
        IN_FOLDER(a_vanished_folder_fails_at_commit),
        IN_FOLDER(pipes_are_written_directly),
        IN_FOLDER(a_pipe_without_reader_is_an_io_error),
        IN_FOLDER(waits_for_a_slow_reader),
        IN_FOLDER(dash_is_standard_output),
        IN_FOLDER(counts_open_outputs),
        IN_FOLDER(a_signal_removes_temporaries),
        IN_FOLDER(a_program_that_goes_on_may_open_again),
        IN_FOLDER(output_without_memory),
    };
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
