// SPDX-License-Identifier: Apache-2.0
// Entry of the program: signal handlers around mopt__cli_main. The first SIGINT or SIGTERM asks the
// running job to stop (it looks at its budget between nodes and samples); the second one, or a job
// that does not stop within a second, ends the program at once. Either way no temporary file stays
// behind and the signal is raised again, so that the caller sees how the program died.
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"
#include "cli/cli.h"
#include "mopt/status.h"

static volatile int seen; // signal that asked us to stop, 0 = none
static char handler_stack[64 * 1024];

static void raise_again(int number)
{
    mopt__output_remove_all();
    (void)signal(number, SIG_DFL);
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, number);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(number);
}

static void on_stop(int number)
{
    if (seen != 0) {
        raise_again(number);
    }
    seen = number;
    (void)alarm(1);
}

static void on_alarm(int number)
{
    raise_again(seen != 0 ? seen : number);
}

static void on_fatal(int number)
{
    static const char internal[] = "mopt: error: internal error, the program crashed\n";
    static const char changed[] = "mopt: error: an input file became shorter while it was read\n";
    mopt__output_remove_all();
    const char *text = number == SIGBUS ? changed : internal;
    ssize_t done = write(STDERR_FILENO, text, strlen(text));
    (void)done;
    if (number == SIGBUS) {
        _exit(mopt_status_exit_code(MOPT_E_IO)); // a mapped file was cut off below us
    }
    raise_again(number);
}

static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static void install_handlers(void)
{
    stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    (void)sigaltstack(&stack, NULL);
    struct sigaction old;
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < MOPT_COUNTOF(stops); i++) {
        // A shell starts background jobs with SIGINT ignored; nohup ignores SIGHUP: both stay so.
        if (sigaction(stops[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            handle(stops[i], on_stop, 0);
        }
    }
    handle(SIGALRM, on_alarm, 0);
    handle(SIGPIPE, SIG_IGN, 0); // a reader that went away shows as EPIPE
#if !defined(__SANITIZE_ADDRESS__)
    static const int fatal[] = {SIGSEGV, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < MOPT_COUNTOF(fatal); i++) {
        handle(fatal[i], on_fatal, SA_ONSTACK);
    }
#endif
    handle(SIGBUS, on_fatal, SA_ONSTACK);
}

int main(int argc, char **argv)
{
    install_handlers();
    bool interrupted = false;
    int code = mopt__cli_main(argc, argv, &seen, &interrupted);
    if (interrupted && seen != 0) {
        raise_again(seen);
    }
    return code;
}
