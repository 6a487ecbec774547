// SPDX-License-Identifier: Apache-2.0
// The thread pool. Each worker has a mailbox of its own: the caller puts a part of a loop and a new
// ticket into the mailboxes of the workers that take part and waits until exactly these have
// finished it, so no worker ever looks at a loop that is being replaced. A hand-off moves one cache
// line there and one back. Both sides spin for a while, then sleep. The part of a worker that must
// be woken is only offered to it: when the caller is through with its own part first, it runs that
// one, too. Knows nothing of what the loops compute.
#include "base/threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/internal.h"

enum {
    THREADS_LARGEST = 256,
    SPIN_NS = 200000, // longer than most gaps between the loops of a running network
    SPIN_LOOKS = 64,  // looks at a number between two looks at the clock, which takes longer
    LINE = 64,        // cache line; processors fetch them in pairs
};

// Someone who may be asleep until a number changes. He announces it before he looks a last time,
// the waker changes the number before he looks for sleepers (both sequentially consistent): one of
// them sees the other.
struct sleeper {
    atomic_bool asleep;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

struct job {
    void (*body)(void *context, int64_t begin, int64_t end, int thread);
    void *context;
    int64_t begin, end;
    bool offered; // whoever sets `taken` runs it
};

// What the caller did with a part.
enum hand_off {
    HANDED,  // the worker runs it
    OFFERED, // the worker runs it, unless the caller is faster
    KEPT,    // the worker has not even seen its last offer: the caller runs it
};

struct worker {
    alignas(LINE) struct job job; // written by the caller before the ticket, in the same line
    atomic_uint ticket;           // how many jobs were handed to this worker
    enum hand_off hand_off;       // the caller's
    char far_from_ticket[LINE + 16];
    alignas(LINE) atomic_uint done; // last ticket it is through with
    atomic_bool taken;
    char far_from_done[2 * LINE - 8];
    struct sleeper sleeper;
    struct mopt_pool *pool;
    pthread_t thread;
    int index;
};

struct mopt_pool {
    alignas(LINE) struct sleeper caller; // waiting for its workers
    // What workers read is not in the line of the lock, which changes with every loop.
    alignas(LINE) atomic_bool stop;
    bool spin; // there is a processor for each thread
    int size;
    int started;
    struct worker *workers; // size-1 of them; worker i runs part i+1
    char far_from_submit[LINE];
    alignas(LINE) pthread_mutex_t submit; // one caller at a time
};

// Set while this thread runs a loop body: loops started from there are serial.
static _Thread_local bool inside_body;
static _Thread_local int body_thread;

static void sleeper_init(struct sleeper *sleeper)
{
    // With default attributes these calls have no way to fail on Linux.
    pthread_mutex_init(&sleeper->mutex, NULL);
    pthread_cond_init(&sleeper->changed, NULL);
    atomic_init(&sleeper->asleep, false);
}

static void sleeper_release(struct sleeper *sleeper)
{
    pthread_cond_destroy(&sleeper->changed);
    pthread_mutex_destroy(&sleeper->mutex);
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// The wanted state is number != value (equal false) or number == value (equal true).
static bool reached(const atomic_uint *number, unsigned value, bool equal)
{
    return (atomic_load(number) == value) == equal;
}

// Looks at the number for SPIN_NS; false when it did not change.
static bool spin_until(const atomic_uint *number, unsigned value, bool equal)
{
    uint64_t end = 0;
    for (;;) {
        for (int i = 0; i < SPIN_LOOKS; i++) {
            if (reached(number, value, equal)) {
                return true;
            }
            pause_briefly();
        }
        uint64_t now = mopt__clock_ns();
        if (end == 0) {
            end = now + SPIN_NS;
        } else if (now >= end) {
            return false;
        }
    }
}

static void wait_until(struct sleeper *sleeper, const atomic_uint *number, unsigned value,
                       bool equal, bool spin)
{
    if (spin ? spin_until(number, value, equal) : reached(number, value, equal)) {
        return;
    }
    pthread_mutex_lock(&sleeper->mutex);
    atomic_store(&sleeper->asleep, true);
    while (!reached(number, value, equal)) {
        pthread_cond_wait(&sleeper->changed, &sleeper->mutex);
    }
    atomic_store(&sleeper->asleep, false);
    pthread_mutex_unlock(&sleeper->mutex);
}

// Called after the number was changed.
static void wake(struct sleeper *sleeper)
{
    if (atomic_load(&sleeper->asleep)) {
        pthread_mutex_lock(&sleeper->mutex);
        pthread_cond_signal(&sleeper->changed);
        pthread_mutex_unlock(&sleeper->mutex);
    }
}

static void run_part(const struct job *job, int part)
{
    inside_body = true;
    body_thread = part;
    job->body(job->context, job->begin, job->end, part);
    inside_body = false;
    body_thread = 0;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct mopt_pool *pool = worker->pool;
    unsigned seen = 0;
    for (;;) {
        wait_until(&worker->sleeper, &worker->ticket, seen, false, pool->spin);
        seen++;
        if (atomic_load(&pool->stop)) {
            return NULL;
        }
        if (!worker->job.offered || !atomic_exchange(&worker->taken, true)) {
            run_part(&worker->job, worker->index + 1);
        }
        atomic_store(&worker->done, seen);
        wake(&pool->caller);
    }
}

static void hand_ticket(struct worker *worker)
{
    atomic_fetch_add(&worker->ticket, 1);
    wake(&worker->sleeper);
}

void mopt__pool_free(struct mopt_pool *pool)
{
    if (!pool) {
        return;
    }
    atomic_store(&pool->stop, true);
    for (int i = 0; i < pool->started; i++) {
        hand_ticket(&pool->workers[i]);
    }
    for (int i = 0; i < pool->started; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        sleeper_release(&pool->workers[i].sleeper);
    }
    sleeper_release(&pool->caller);
    pthread_mutex_destroy(&pool->submit);
    mopt__free_aligned(pool->workers);
    mopt__free_aligned(pool);
}

// Signals belong to the threads of the program, not to workers; only faults of the worker itself
// stay open.
static void block_signals(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

static enum mopt_status start_workers(struct mopt_pool *pool, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    sigset_t before;
    block_signals(&before);
    while (pool->started < pool->size - 1) {
        struct worker *worker = &pool->workers[pool->started];
        worker->pool = pool;
        worker->index = pool->started;
        atomic_init(&worker->ticket, 0);
        atomic_init(&worker->done, 0);
        sleeper_init(&worker->sleeper);
        int code = pthread_create(&worker->thread, NULL, work, worker);
        if (code != 0) {
            sleeper_release(&worker->sleeper);
            status = mopt_error_set(err, MOPT_E_LIMIT, "cannot start thread %d of %d: %s",
                                    pool->started + 2, pool->size, mopt__errno_text(code));
            break;
        }
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

enum mopt_status mopt__pool_new(int threads, struct mopt_pool **out, struct mopt_error *err)
{
    *out = NULL;
    if (threads < 0 || threads > THREADS_LARGEST) {
        return mopt_error_set(err, MOPT_E_USAGE, "number of threads is %d, must be 0 to %d",
                              threads, THREADS_LARGEST);
    }
    int cpus = mopt__cpu_count();
    if (threads == 0) {
        threads = cpus < THREADS_LARGEST ? cpus : THREADS_LARGEST;
    }
    struct mopt_pool *pool = mopt__malloc_aligned(sizeof *pool);
    struct worker *workers = mopt__malloc_aligned((size_t)threads * sizeof *workers);
    if (!pool || !workers) {
        mopt__free_aligned(pool);
        mopt__free_aligned(workers);
        return mopt_error_memory(err);
    }
    pool->size = threads;
    pool->spin = threads <= cpus;
    pool->workers = workers;
    pool->started = 0;
    atomic_init(&pool->stop, false);
    sleeper_init(&pool->caller);
    pthread_mutex_init(&pool->submit, NULL);
    enum mopt_status status = start_workers(pool, err);
    if (status != MOPT_OK) {
        mopt__pool_free(pool);
        return status;
    }
    *out = pool;
    return MOPT_OK;
}

int mopt__pool_size(const struct mopt_pool *pool)
{
    return pool ? pool->size : 1;
}

// Runs the whole range in this thread. Inside another loop's body the number of that part is kept
// where it is legal for this pool, so that scratch memory indexed by it is not shared between
// parts.
static void run_serially(const struct mopt_pool *pool, const struct job *job)
{
    bool nested = inside_body;
    int outer = body_thread;
    int thread = outer < mopt__pool_size(pool) ? outer : 0;
    inside_body = true;
    job->body(job->context, job->begin, job->end, thread);
    inside_body = nested;
}

// Part of the job's range: the first ranges are one longer than the others where it does not
// divide.
static struct job part_of(const struct job *job, int64_t parts, int64_t part)
{
    int64_t length = job->end / parts;
    int64_t longer = job->end % parts;
    struct job own = *job;
    own.begin = part * length + (part < longer ? part : longer);
    own.end = own.begin + length + (part < longer);
    return own;
}

static void hand_off(struct worker *worker, const struct job *part)
{
    if (atomic_load(&worker->done) != atomic_load(&worker->ticket)) {
        worker->hand_off = KEPT;
        return;
    }
    bool asleep = atomic_load(&worker->sleeper.asleep);
    worker->hand_off = asleep ? OFFERED : HANDED;
    worker->job = *part;
    worker->job.offered = asleep;
    if (asleep) {
        atomic_store(&worker->taken, false);
    }
    hand_ticket(worker);
}

static void run_parts(struct mopt_pool *pool, const struct job *job, int64_t parts)
{
    pthread_mutex_lock(&pool->submit);
    for (int i = 0; i < (int)parts - 1; i++) {
        const struct job part = part_of(job, parts, i + 1);
        hand_off(&pool->workers[i], &part);
    }
    const struct job own = part_of(job, parts, 0);
    run_part(&own, 0);
    for (int i = 0; i < (int)parts - 1; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->hand_off == KEPT ||
            (worker->hand_off == OFFERED && !atomic_exchange(&worker->taken, true))) {
            const struct job part = part_of(job, parts, i + 1);
            worker->hand_off = KEPT;
            run_part(&part, i + 1);
        }
    }
    for (int i = 0; i < (int)parts - 1; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->hand_off != KEPT) {
            wait_until(&pool->caller, &worker->done, atomic_load(&worker->ticket), true,
                       pool->spin);
        }
    }
    pthread_mutex_unlock(&pool->submit);
}

void mopt__pool_for(struct mopt_pool *pool, int64_t count, int64_t grain,
                    void (*body)(void *context, int64_t begin, int64_t end, int thread),
                    void *context)
{
    if (count <= 0) {
        return;
    }
    int64_t parts = count / (grain > 0 ? grain : 1);
    if (parts > mopt__pool_size(pool)) {
        parts = mopt__pool_size(pool);
    }
    const struct job job = {.body = body, .context = context, .end = count};
    if (parts <= 1 || inside_body) {
        run_serially(pool, &job);
    } else {
        run_parts(pool, &job, parts);
    }
}
