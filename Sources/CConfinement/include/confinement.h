// System calls of Linux by which a process gives up rights for good: Landlock, seccomp and namespaces.
//
// glibc has no functions for them, and Swift cannot call the variadic syscall(2). Each returns -1 and sets errno where the
// kernel refuses; on other systems all return -1 with ENOSYS.

#ifndef CONFINEMENT_H
#define CONFINEMENT_H

#include <stddef.h>
#include <stdint.h>

/// The version of Landlock's interface that the kernel has, from 1.
int confinement_landlock_version(void);

/// Makes an empty rule set: what it handles is refused unless a rule allows it. Returns a descriptor.
int confinement_landlock_create(uint64_t file_accesses, uint64_t network_accesses, uint64_t scopes);

/// Allows accesses to the hierarchy of a directory, or else to a file.
int confinement_landlock_allow(int rules, const char *path, uint64_t to_hierarchy, uint64_t to_file);

/// Puts the calling thread, and what it starts, under a rule set.
int confinement_landlock_restrict(int rules);

/// Gives up all capabilities of the calling thread, and keeps programs that it starts from gaining rights, such as by setuid
/// or by being root's.
int confinement_drop_privileges(void);

/// Filters the system calls of the calling thread, and of what it starts, by a program of `struct sock_filter`.
int confinement_filter(const void *instructions, uint16_t count);

/// Puts the calling process, which may have one thread only, into a new network and a new user namespace that owns it, with
/// slirp4netns as the way out: a program that opens ordinary connections on behalf of this process, ends with it, and
/// opens none to the host's loopback. Programs that the process becomes stay in the network, and cannot change it from
/// a user namespace of their own.
///
/// `networks` are IPv4 addresses up to a null pointer, each with the length of its prefix in `lengths`, that nothing leads to.
///
/// Returns -1 and sets errno where that is not possible; the process is then to end.
int confinement_enter_network(const char *slirp4netns, const char *const *networks, const unsigned char *lengths);

#endif
