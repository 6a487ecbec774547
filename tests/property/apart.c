// SPDX-License-Identifier: Apache-2.0
// See apart.h.
#include "property/apart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS_MAX = 120 };

struct apart {
    bool all;
    char reason[TRIAL_REASON_BYTES];
};

struct apart *apart_new(bool all)
{
    struct apart *apart =
        mmap(NULL, sizeof *apart, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (apart == MAP_FAILED) {
        return NULL;
    }
    apart->all = all;
    return apart;
}

void apart_free(struct apart *apart)
{
    if (apart != NULL) {
        (void)munmap(apart, sizeof *apart);
    }
}

const char *apart_reason(const struct apart *apart)
{
    return apart->reason;
}

enum trial_verdict apart_trial(struct apart *apart, const char *text)
{
    int status;
    apart->reason[0] = '\0';
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(SECONDS_MAX);
        exit((int)trial(text, apart->all, apart->reason));
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        (void)snprintf(apart->reason, sizeof apart->reason, "no process");
        return TRIAL_BROKEN;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) <= (int)TRIAL_BROKEN) {
        return (enum trial_verdict)WEXITSTATUS(status);
    }
    if (WIFSIGNALED(status)) {
        (void)snprintf(apart->reason, sizeof apart->reason, "ended by signal %d (%s)",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(apart->reason, sizeof apart->reason, "ended with %d, see above",
                       WEXITSTATUS(status));
    }
    return TRIAL_FAILED;
}
