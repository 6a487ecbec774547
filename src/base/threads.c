// SPDX-License-Identifier: Apache-2.0
// The thread pool. Each worker has a mailbox of its own: the caller hands a ticket only to the
// workers that take part in a loop and waits for exactly these, so no worker ever looks at a job
// that is being replaced. Both sides spin for a moment, then sleep. Knows nothing of what the loops
// compute.
#include "base/threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/internal.h"

enum { THREADS_LARGEST = 256, SPIN_NS = 20000 };

// Waits for an atomic number to change. The waiter announces itself before it looks a last time,
// the waker changes the number before it looks for sleepers (both sequentially consistent): one of
// them sees the other.
struct gate {
    atomic_uint number;
    atomic_bool asleep;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

struct job {
    void (*body)(void *context, int64_t begin, int64_t end, int thread);
    void *context;
    int64_t count;
    int64_t parts;
};

struct worker {
    alignas(64) struct gate ticket; // number: how many jobs were handed to this worker
    struct mopt_pool *pool;
    pthread_t thread;
    int index;
};

struct mopt_pool {
    alignas(64) struct gate running; // number: workers that have not finished the present job
    struct job job;
    pthread_mutex_t submit; // one caller at a time
    int size;
    bool spin; // there is a processor for each thread
    atomic_bool stop;
    struct worker *workers; // size-1 of them; worker i runs part i+1
    int started;
};

// Set while this thread runs a loop body: loops started from there are serial.
static _Thread_local bool inside_body;
static _Thread_local int body_thread;

static void gate_init(struct gate *gate)
{
    // With default attributes these calls have no way to fail on Linux.
    pthread_mutex_init(&gate->mutex, NULL);
    pthread_cond_init(&gate->changed, NULL);
    atomic_init(&gate->number, 0);
    atomic_init(&gate->asleep, false);
}

static void gate_release(struct gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->mutex);
}

static void pause_briefly(void)
{
    for (int i = 0; i < 16; i++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    }
}

// For the side that waits: the wanted state is number != value (equal false) or number == value
// (equal true).
static bool gate_reached(struct gate *gate, unsigned value, bool equal)
{
    return (atomic_load(&gate->number) == value) == equal;
}

static void gate_wait(struct gate *gate, unsigned value, bool equal, bool spin)
{
    uint64_t end = spin ? mopt__clock_ns() + SPIN_NS : 0;
    while (spin && mopt__clock_ns() < end) {
        if (gate_reached(gate, value, equal)) {
            return;
        }
        pause_briefly();
    }
    pthread_mutex_lock(&gate->mutex);
    atomic_store(&gate->asleep, true);
    while (!gate_reached(gate, value, equal)) {
        pthread_cond_wait(&gate->changed, &gate->mutex);
    }
    atomic_store(&gate->asleep, false);
    pthread_mutex_unlock(&gate->mutex);
}

// Called after number was changed.
static void gate_wake(struct gate *gate)
{
    if (atomic_load(&gate->asleep)) {
        pthread_mutex_lock(&gate->mutex);
        pthread_cond_signal(&gate->changed);
        pthread_mutex_unlock(&gate->mutex);
    }
}

// Part of [0,count): the first count % parts ranges are one longer than the others.
static void run_part(const struct job *job, int part)
{
    int64_t length = job->count / job->parts;
    int64_t longer = job->count % job->parts;
    int64_t begin = part * length + (part < longer ? part : longer);
    int64_t end = begin + length + (part < longer);
    inside_body = true;
    body_thread = part;
    job->body(job->context, begin, end, part);
    inside_body = false;
    body_thread = 0;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct mopt_pool *pool = worker->pool;
    unsigned seen = 0;
    for (;;) {
        gate_wait(&worker->ticket, seen, false, pool->spin);
        seen++;
        if (atomic_load(&pool->stop)) {
            return NULL;
        }
        run_part(&pool->job, worker->index + 1);
        if (atomic_fetch_sub(&pool->running.number, 1) == 1) {
            gate_wake(&pool->running);
        }
    }
}

static void hand_ticket(struct worker *worker)
{
    atomic_fetch_add(&worker->ticket.number, 1);
    gate_wake(&worker->ticket);
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
        gate_release(&pool->workers[i].ticket);
    }
    gate_release(&pool->running);
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
        gate_init(&worker->ticket);
        int code = pthread_create(&worker->thread, NULL, work, worker);
        if (code != 0) {
            gate_release(&worker->ticket);
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
    pool->job = (struct job){0};
    atomic_init(&pool->stop, false);
    gate_init(&pool->running);
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
    job->body(job->context, 0, job->count, thread);
    inside_body = nested;
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
    struct job job = {.body = body, .context = context, .count = count, .parts = parts};
    if (parts <= 1 || inside_body) {
        run_serially(pool, &job);
        return;
    }
    pthread_mutex_lock(&pool->submit);
    pool->job = job;
    atomic_store(&pool->running.number, (unsigned)(parts - 1));
    for (int i = 0; i < (int)parts - 1; i++) {
        hand_ticket(&pool->workers[i]);
    }
    run_part(&job, 0);
    gate_wait(&pool->running, 0, true, pool->spin);
    pthread_mutex_unlock(&pool->submit);
}
