#define _GNU_SOURCE
#include "confinement.h"

#include <errno.h>

#ifdef __linux__

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The numbers are the same on all architectures; <linux/landlock.h> of the system may be older than its kernel.
enum { landlock_create_ruleset = 444, landlock_add_rule = 445, landlock_restrict_self = 446 };
enum { version_flag = 1, path_beneath_rule = 1 };

struct ruleset {
    uint64_t file_accesses, network_accesses, scopes;
};

struct __attribute__((packed)) path_beneath {
    uint64_t accesses;
    int32_t path;
};

int confinement_landlock_version(void) {
    return (int)syscall(landlock_create_ruleset, NULL, 0, version_flag);
}

int confinement_landlock_create(uint64_t file_accesses, uint64_t network_accesses, uint64_t scopes) {
    // An older kernel takes the longer struct as long as what it does not know is zero.
    struct ruleset rules = {file_accesses, network_accesses, scopes};
    return (int)syscall(landlock_create_ruleset, &rules, sizeof rules, 0);
}

int confinement_landlock_allow(int rules, const char *path, uint64_t to_hierarchy, uint64_t to_file) {
    int file = open(path, O_PATH | O_CLOEXEC);
    struct stat status;
    if (file < 0) return -1;
    int result = fstat(file, &status);
    if (result == 0) {
        struct path_beneath rule = {S_ISDIR(status.st_mode) ? to_hierarchy : to_file, file};
        result = (int)syscall(landlock_add_rule, rules, path_beneath_rule, &rule, 0);
    }
    close(file);
    return result;
}

int confinement_landlock_restrict(int rules) { return (int)syscall(landlock_restrict_self, rules, 0); }

int confinement_drop_privileges(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}, {0, 0, 0}};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return (int)syscall(SYS_capset, &header, none);
}

int confinement_filter(const void *instructions, uint16_t count) {
    struct sock_fprog program = {count, (struct sock_filter *)instructions};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

#else

static int unsupported(void) {
    errno = ENOSYS;
    return -1;
}

int confinement_landlock_version(void) { return unsupported(); }
int confinement_landlock_create(uint64_t file_accesses, uint64_t network_accesses, uint64_t scopes) {
    (void)file_accesses, (void)network_accesses, (void)scopes;
    return unsupported();
}
int confinement_landlock_allow(int rules, const char *path, uint64_t to_hierarchy, uint64_t to_file) {
    (void)rules, (void)path, (void)to_hierarchy, (void)to_file;
    return unsupported();
}
int confinement_landlock_restrict(int rules) { return (void)rules, unsupported(); }
int confinement_drop_privileges(void) { return unsupported(); }
int confinement_filter(const void *instructions, uint16_t count) { return (void)instructions, (void)count, unsupported(); }

#endif
