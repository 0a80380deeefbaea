#define _GNU_SOURCE
#include "confinement.h"

#include <errno.h>

#ifdef __linux__

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t count = write(file, text, strlen(text));
    close(file);
    return count == (ssize_t)strlen(text) ? 0 : -1;
}

/// Maps the user and the group of the process to themselves, and nobody else.
static int map_user(uid_t user, gid_t group) {
    char text[64];
    // A process without rights over the group may not map it while groups can be changed.
    if (write_file("/proc/self/setgroups", "deny") != 0) return -1;
    snprintf(text, sizeof text, "%u %u 1", user, user);
    if (write_file("/proc/self/uid_map", text) != 0) return -1;
    snprintf(text, sizeof text, "%u %u 1", group, group);
    return write_file("/proc/self/gid_map", text);
}

/// Becomes slirp4netns for the network of `process`, as soon as `start` says that it is there.
static void provide(const char *slirp4netns, pid_t process, int start, int ready) {
    char number[24], users[64], byte;
    // It ends with the process that it works for, whatever that becomes.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != process) _exit(1);
    if (read(start, &byte, 1) != 1) _exit(1);
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(ready, STDERR_FILENO + 1) < 0) _exit(1);
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++) dup2(null, file);
    if (syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0) != 0) _exit(1);
    snprintf(number, sizeof number, "%d", process);
    snprintf(users, sizeof users, "--userns-path=/proc/%d/ns/user", process);
    execl(slirp4netns, "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox",
          "--enable-seccomp", "--ready-fd=3", users, number, "tap0", (char *)NULL);
    _exit(1);
}

/// Has the kernel answer for an IPv4 network that nothing leads there.
static int refuse(int routes, const char *address, unsigned char length) {
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
        struct rtattr attribute;
        struct in_addr address;
    } request = {
        .header = {.nlmsg_len = sizeof request,
                   .nlmsg_type = RTM_NEWROUTE,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK},
        .route = {.rtm_family = AF_INET,
                  .rtm_dst_len = length,
                  .rtm_table = RT_TABLE_MAIN,
                  .rtm_protocol = RTPROT_STATIC,
                  .rtm_scope = RT_SCOPE_UNIVERSE,
                  .rtm_type = RTN_UNREACHABLE},
        .attribute = {.rta_len = RTA_LENGTH(sizeof(struct in_addr)), .rta_type = RTA_DST},
    };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[256];
    } answer;
    if (inet_pton(AF_INET, address, &request.address) != 1 || send(routes, &request, sizeof request, 0) < 0) return -1;
    if (recv(routes, &answer, sizeof answer, 0) < (ssize_t)(sizeof answer.header + sizeof answer.error)) return -1;
    if (answer.header.nlmsg_type != NLMSG_ERROR || answer.error.error != 0) {
        errno = -answer.error.error;
        return -1;
    }
    return 0;
}

int confinement_enter_network(const char *slirp4netns, const char *const *networks, const unsigned char *lengths) {
    int start[2], ready[2];
    char byte;
    pid_t process = getpid();
    uid_t user = getuid();
    gid_t group = getgid();
    if (pipe2(start, O_CLOEXEC) != 0 || pipe2(ready, O_CLOEXEC) != 0) return -1;
    // It has to be outside of the network that this process is about to enter.
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) provide(slirp4netns, process, start[0], ready[1]);
    close(start[0]);
    close(ready[1]);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 || map_user(user, group) != 0) return -1;
    int routes = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (routes < 0) return -1;
    // Before there is a way out at all.
    for (int index = 0; networks[index] != NULL; index++)
        if (refuse(routes, networks[index], lengths[index]) != 0) return -1;
    close(routes);
    if (write(start[1], "", 1) != 1) return -1;
    ssize_t count = read(ready[0], &byte, 1);
    close(start[1]);
    close(ready[0]);
    if (count != 1) errno = ENETDOWN;
    return count == 1 ? 0 : -1;
}

#else

int confinement_enter_network(const char *slirp4netns, const char *const *networks, const unsigned char *lengths) {
    (void)slirp4netns, (void)networks, (void)lengths;
    errno = ENOSYS;
    return -1;
}

#endif
