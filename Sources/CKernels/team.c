#define _GNU_SOURCE
#include "ck_team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define LINE __attribute__((aligned(64)))

// Between the loops of one forward pass lie microseconds, between two tokens less than this; waking a thread that sleeps
// costs tens of microseconds.
static const int64_t spin_nanoseconds = 200000;

struct ck_team {
    size_t threads;
    pthread_t *workers;
    void (*body)(void *, size_t);
    void *context;
    bool stopping;
    /// Held by the caller whose run it is.
    pthread_mutex_t turn;
    /// Guards nothing but the sleep of workers on `awake`.
    pthread_mutex_t bed;
    pthread_cond_t awake;
    // Each on a line of its own: they are written by one thread while another spins on its neighbour.
    LINE _Atomic uint32_t generation;
    LINE _Atomic size_t sleeping;
    LINE _Atomic size_t running;
    LINE _Atomic size_t arrived;
    LINE _Atomic uint32_t phase;
    LINE _Atomic size_t taken;
};

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/// Spins while `*value` is `old`; false when that has lasted too long.
static bool spin_while_equal(_Atomic uint32_t *value, uint32_t old) {
    int64_t end = 0;
    for (unsigned i = 0;; i++) {
        if (atomic_load_explicit(value, memory_order_acquire) != old) return true;
        pause_briefly();
        if (i % 64 == 63) {
            int64_t now = nanoseconds();
            if (end == 0) end = now + spin_nanoseconds;
            if (now > end) return false;
        }
    }
}

static void sleep_while_equal(ck_team *team, uint32_t old) {
    pthread_mutex_lock(&team->bed);
    // Counted before the last look at the generation, as the caller of a run raises the generation before its look at
    // this count: one of the two sees the other.
    atomic_fetch_add(&team->sleeping, 1);
    while (atomic_load(&team->generation) == old) pthread_cond_wait(&team->awake, &team->bed);
    atomic_fetch_sub(&team->sleeping, 1);
    pthread_mutex_unlock(&team->bed);
}

static void wake_workers(ck_team *team) {
    atomic_fetch_add(&team->generation, 1);
    if (atomic_load(&team->sleeping) > 0) {
        pthread_mutex_lock(&team->bed);
        pthread_cond_broadcast(&team->awake);
        pthread_mutex_unlock(&team->bed);
    }
}

typedef struct {
    ck_team *team;
    size_t index;
} recruit;

static void *work(void *argument) {
    recruit *self = argument;
    ck_team *team = self->team;
    size_t index = self->index;
    free(self);
    for (uint32_t seen = 0;; seen++) {
        if (!spin_while_equal(&team->generation, seen)) sleep_while_equal(team, seen);
        if (team->stopping) return NULL;
        team->body(team->context, index);
        atomic_fetch_sub_explicit(&team->running, 1, memory_order_release);
    }
}

ck_team *ck_team_create(size_t threads) {
    if (threads == 0 || threads > 4096) return NULL;
    ck_team *team = aligned_alloc(64, sizeof(ck_team));
    if (team == NULL) return NULL;
    *team = (ck_team){.threads = 1};
    team->workers = calloc(threads, sizeof(pthread_t));
    pthread_mutex_init(&team->turn, NULL);
    pthread_mutex_init(&team->bed, NULL);
    pthread_cond_init(&team->awake, NULL);
    while (team->workers != NULL && team->threads < threads) {
        recruit *next = malloc(sizeof(recruit));
        if (next == NULL) break;
        *next = (recruit){team, team->threads};
        if (pthread_create(&team->workers[team->threads], NULL, work, next) != 0) {
            free(next);
            break;
        }
        team->threads++;
    }
    if (team->threads == threads && team->workers != NULL) return team;
    ck_team_destroy(team);
    return NULL;
}

void ck_team_destroy(ck_team *team) {
    team->stopping = true;
    wake_workers(team);
    for (size_t i = 1; i < team->threads; i++) pthread_join(team->workers[i], NULL);
    free(team->workers);
    pthread_cond_destroy(&team->awake);
    pthread_mutex_destroy(&team->bed);
    pthread_mutex_destroy(&team->turn);
    free(team);
}

/// Work is divided evenly, so the wait is short, unless another program has the processor: then it is given way.
static void wait_briefly(unsigned *rounds) {
    if (++*rounds % 4096 == 0) sched_yield();
    pause_briefly();
}

void ck_team_run(ck_team *team, void (*body)(void *context, size_t worker), void *context) {
    pthread_mutex_lock(&team->turn);
    atomic_store_explicit(&team->taken, 0, memory_order_relaxed);
    if (team->threads > 1) {
        team->body = body;
        team->context = context;
        atomic_store_explicit(&team->running, team->threads - 1, memory_order_relaxed);
        wake_workers(team);
    }
    body(context, 0);
    unsigned rounds = 0;
    while (atomic_load_explicit(&team->running, memory_order_acquire) > 0) wait_briefly(&rounds);
    pthread_mutex_unlock(&team->turn);
}

void ck_team_barrier(ck_team *team) {
    if (team->threads == 1) return;
    uint32_t phase = atomic_load_explicit(&team->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) == team->threads - 1) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->phase, phase + 1, memory_order_release);
        return;
    }
    unsigned rounds = 0;
    while (atomic_load_explicit(&team->phase, memory_order_acquire) == phase) wait_briefly(&rounds);
}

size_t ck_team_take(ck_team *team, size_t count) {
    return atomic_fetch_add_explicit(&team->taken, count, memory_order_relaxed);
}
