// Threads that work on one loop at a time.

#ifndef CK_TEAM_H
#define CK_TEAM_H

#include <stddef.h>

typedef struct ck_team ck_team;

/// `threads` includes the caller of `ck_team_run`. NULL when a thread cannot be started.
ck_team *ck_team_create(size_t threads);

/// Only when no run is under way.
void ck_team_destroy(ck_team *team);

/// Calls body(context, worker) once on each thread, worker being 0 (the caller) to threads - 1; returns when all have
/// returned. Several callers take turns. Not from within a body.
void ck_team_run(ck_team *team, void (*body)(void *context, size_t worker), void *context);

/// Within a body: returns when all workers have called it.
void ck_team_barrier(ck_team *team);

/// Within a body: takes the next `count` pieces of this run's work and returns the first one's number.
size_t ck_team_take(ck_team *team, size_t count);

#endif
