// Faults of a disk, for a program that was started with this library in LD_PRELOAD: see DiskFaults.h.
//
// The library stands between SQLite and the system's calls, so that the program under test is the one that users run,
// and what happens to it happens at the same place in each run.

#define _GNU_SOURCE
#include "DiskFaults.h"

const char *disk_faults_variable(void) { return "DISK_FAULT"; }

#if defined(__linux__)

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum fault { NONE, BEFORE, AFTER, POWER, TORN, FULL, BRIEF, READONLY, BROKEN };

static enum fault fault = NONE;
static long when = 0;
static atomic_long syncs = 0;
static atomic_long written = 0;
/// How long the log was when it was synced last. All of the store's writes come from one thread at a time.
static atomic_long synced = 0;

static int (*real_fdatasync)(int);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);

__attribute__((constructor)) static void read_fault(void) {
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    real_pwrite64 = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    static const struct {
        const char *name;
        enum fault fault;
    } names[] = {{"before:", BEFORE}, {"after:", AFTER}, {"power:", POWER},
                 {"torn:", TORN},     {"full:", FULL},   {"brief:", BRIEF},
                 {"error:", BROKEN},  {"readonly:", READONLY}};
    const char *text = getenv(disk_faults_variable());
    for (size_t i = 0; text && i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i].name);
        if (strncmp(text, names[i].name, length)) continue;
        fault = names[i].fault;
        when = atol(text + length);
    }
}

/// Whether a descriptor is a file of the database, and whether it is the log.
static bool is_database(int file, bool *is_log) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return false;
    path[length] = 0;
    const char *name = strrchr(path, '/');
    if (!name || strncmp(name, "/tasks.sqlite", 13)) return false;
    *is_log = !strcmp(name, "/tasks.sqlite-wal");
    return true;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/// Takes away what was written to the log since it was synced, or leaves half of it and rubbish.
static void lose_log(int file) {
    struct stat status;
    if (fstat(file, &status) || status.st_size <= synced) return;
    long half = fault == TORN ? (status.st_size - synced) / 2 : 0;
    if (ftruncate(file, synced + half)) die();
    if (fault != TORN) return;
    char rubbish[512];
    memset(rubbish, 0xa5, sizeof rubbish);
    if (real_pwrite64(file, rubbish, sizeof rubbish, synced + half) < 0) die();
}

int fdatasync(int file) {
    bool is_log = false;
    if (fault == NONE || fault == FULL || fault == BRIEF || fault == READONLY || !is_database(file, &is_log)) return real_fdatasync(file);
    long count = atomic_fetch_add(&syncs, 1) + 1;
    if (fault == BROKEN && count >= when) {
        errno = EIO;
        return -1;
    }
    if (count == when && fault != AFTER) {
        if (is_log && fault != BEFORE) lose_log(file);
        die();
    }
    int result = real_fdatasync(file);
    struct stat status;
    if (is_log && !fstat(file, &status)) synced = status.st_size;
    if (count == when) die();
    return result;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t place) {
    bool is_log = false;
    // What an earlier life left in the log counts as synced.
    static atomic_bool is_begun = false;
    struct stat status;
    if ((fault == POWER || fault == TORN) && !is_begun && is_database(file, &is_log) && is_log && !fstat(file, &status)) {
        is_begun = true;
        synced = status.st_size;
    }
    static atomic_int failures = 0;
    bool may_fail = fault == FULL || (fault == BRIEF && failures < 3);
    if (may_fail && is_database(file, &is_log) && atomic_fetch_add(&written, (long)count) + (long)count > when) {
        failures++;
        errno = ENOSPC;
        return -1;
    }
    return real_pwrite64(file, bytes, count, place);
}

static int open_unless_read_only(const char *name, const char *path, int flags, mode_t mode) {
    const char *file = strrchr(path, '/');
    bool is_ours = file && (!strcmp(file, "/lock") || !strncmp(file, "/tasks.sqlite", 13));
    if (fault == READONLY && is_ours && flags & (O_WRONLY | O_RDWR | O_CREAT)) {
        errno = EROFS;
        return -1;
    }
    int (*real_open)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    return real_open(path, flags, mode);
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;                                   \
        va_end(arguments);                                                                                             \
        return open_unless_read_only(#name, path, flags, mode);                                                        \
    }

OPEN(open)
OPEN(open64)

#endif
