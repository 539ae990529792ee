/* What lies inside of the program: descriptors that nothing else can make ready.
 *
 * If all threads wait, and for such descriptors alone, no thread can go on. If one waits for a descriptor that
 * reaches outside, the program may just be idle. So each kind of descriptor is asked for what it is:
 *
 *   pipe         inside, unless the program inherited it, or another process holds it
 *   eventfd      inside, unless the program has children
 *   socket       inside, if its other end is in this process, or in the backlog of a socket that listens here. The
 *                kernel is asked for the other end: of a Unix socket by its inode (sock_diag), of an Internet socket by
 *                its addresses. A socket that listens, or that any process may send to, reaches outside.
 *   timerfd      inside if it is not armed and has no tick to read: it stays silent then
 *   epoll        as what it watches
 *   signalfd     a signal ends the wait
 *   all else     outside: files, terminals, devices, other processes
 *
 * Data between two Internet sockets may be on its way: the queue of the sender is not empty until the receiver has it.
 *
 * A child process has copies of the program's descriptors. A process that was sent a descriptor has a copy, too. While the
 * program has children, a wait in real time comes first. Then, and if it had any or has sent descriptors, the
 * descriptors of all processes that can be seen are compared. The server, the parent process, has copies of what was inherited, and uses none of them.
 *
 * This is asked only by the thread that has the turn, so the buffers are static: a thread's stack may be small. Nothing
 * here allocates, and system calls are made directly: the program's allocator and calls are hooked.
 */
#include "inside.h"

#include "kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { INHERITED_MOST = 256, NEST_MOST = 4 };

/* Of the kernel, as getdents64 returns it. */
struct entry {
    uint64_t inode, next;
    unsigned short size;
    unsigned char kind;
    char name[];
};

static uint64_t inherited[INHERITED_MOST];
static int inherited_count;
static bool sent;

/* ---- lists of the system ---- */

/* Calls `take` with each number that names an entry of the folder, until it returns true. */
static bool any_number(const char *path, bool (*take)(int number, void *argument), void *argument,
                       char *buffer, size_t size)
{
    int folder = (int)thrum__kernel(SYS_openat, AT_FDCWD, (long)path,
                                    O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
    bool found = false;
    long got = 0;
    if (folder < 0)
        return false;
    while (!found &&
           (got = thrum__kernel(SYS_getdents64, folder, (long)buffer, (long)size, 0, 0)) > 0)
        for (long at = 0; at < got && !found;) {
            const struct entry *entry = (const struct entry *)(buffer + at);
            char *end;
            long number = strtol(entry->name, &end, 10);
            found =
                end != entry->name && *end == 0 && number != folder && take((int)number, argument);
            at += entry->size;
        }
    (void)thrum__kernel(SYS_close, folder, 0, 0, 0, 0);
    return found;
}

/* The inode that the text names, as in "pipe:[42]"; 0 if it names none of this kind. */
static uint64_t inode_in(const char *text, const char *kind)
{
    size_t length = strlen(kind);
    return strncmp(text, kind, length) == 0 ? strtoull(text + length, NULL, 10) : 0;
}

/* What the descriptor of the process is; pid 0 is this process. */
static void name_of(int pid, int file, char *text, size_t size)
{
    char path[64];
    if (pid)
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, file);
    else
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    long length =
        thrum__kernel(SYS_readlinkat, AT_FDCWD, (long)path, (long)text, (long)size - 1, 0);
    text[length > 0 ? length : 0] = 0;
}

static uint64_t inode_of(int pid, int file)
{
    char text[64];
    name_of(pid, file, text, sizeof text);
    uint64_t inode = inode_in(text, "pipe:[");
    return inode ? inode : inode_in(text, "socket:[");
}

static bool note_inherited(int file, void *unused)
{
    uint64_t inode = inode_of(0, file);
    (void)unused;
    if (inode && inherited_count < INHERITED_MOST)
        inherited[inherited_count++] = inode;
    return false;
}

void thrum__inside_begin(void)
{
    char buffer[1024];
    (void)any_number("/proc/self/fd", note_inherited, NULL, buffer, sizeof buffer);
}

void thrum__inside_sent(void)
{
    sent = true;
}

static bool is_inherited(uint64_t inode)
{
    for (int i = 0; i < inherited_count; i++)
        if (inherited[i] == inode)
            return true;
    return inherited_count == INHERITED_MOST;
}

/* ---- other processes ---- */

struct holder {
    uint64_t inodes[2];
    int pid;
};

static bool holds(int file, void *argument)
{
    const struct holder *holder = argument;
    uint64_t inode = inode_of(holder->pid, file);
    return inode && (inode == holder->inodes[0] || inode == holder->inodes[1]);
}

static bool process_holds(int pid, void *argument)
{
    static char buffer[4096];
    struct holder *holder = argument;
    char path[64];
    if (pid == getpid() || pid == getppid())
        return false;
    holder->pid = pid;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    return any_number(path, holds, holder, buffer, sizeof buffer);
}

static bool held_elsewhere(uint64_t one, uint64_t other)
{
    static char buffer[4096];
    struct holder holder = {.inodes = {one, other}};
    return any_number("/proc", process_holds, &holder, buffer, sizeof buffer);
}

static bool has_children(void)
{
    siginfo_t info;
    return thrum__kernel(SYS_waitid, P_ALL, 0, (long)&info, WEXITED | WNOHANG | WNOWAIT, 0) !=
           -ECHILD;
}

/* True if another process may have a copy of a descriptor: there is or was a child, or one was sent. */
static bool may_be_held(void)
{
    struct rusage used = {0};
    return sent || thrum__turn_region->free_children || has_children() ||
           thrum__kernel(SYS_getrusage, RUSAGE_CHILDREN, (long)&used, 0, 0, 0) != 0 ||
           used.ru_maxrss;
}

/* Both inodes are known to be here. */
static enum turn_source unless_shared(uint64_t one, uint64_t other, bool certain)
{
    if (certain)
        return may_be_held() && held_elsewhere(one, other) ? SOURCE_OUTSIDE : SOURCE_INSIDE;
    return has_children() ? SOURCE_MOVES : SOURCE_INSIDE;
}

/* ---- sockets ---- */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        struct sockaddr_storage room;
    };
};

struct end {
    int type;
    struct address own, other; /* as addresses of IPv6, with the port */
    uint64_t inode;            /* found: the other end */
    int file;
};

/* Makes an address of IPv4 one of IPv6. False if it is neither. */
static bool widen(struct address *address)
{
    if (address->any.sa_family == AF_INET6)
        return true;
    if (address->any.sa_family != AF_INET)
        return false;
    struct sockaddr_in four = address->four;
    bool any = four.sin_addr.s_addr == htonl(INADDR_ANY);
    address->six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = four.sin_port};
    if (!any) {
        address->six.sin6_addr.s6_addr[10] = address->six.sin6_addr.s6_addr[11] = 0xff;
        memcpy(&address->six.sin6_addr.s6_addr[12], &four.sin_addr, 4);
    }
    return true;
}

static bool name(long call, int file, struct address *ret)
{
    socklen_t size = sizeof *ret;
    return thrum__kernel(call, file, (long)ret, (long)&size, 0, 0) == 0;
}

static int option(int file, int which)
{
    int value = 0;
    socklen_t size = sizeof value;
    return thrum__kernel(SYS_getsockopt, file, SOL_SOCKET, which, (long)&value, (long)&size) == 0
               ? value
               : -1;
}

static bool same(const struct address *one, const struct address *other)
{
    return one->six.sin6_port == other->six.sin6_port &&
           memcmp(&one->six.sin6_addr, &other->six.sin6_addr, sizeof one->six.sin6_addr) == 0;
}

/* True if what is sent to the address may arrive at a socket that is bound to `own`. */
static bool reaches(const struct address *own, const struct address *to)
{
    static const struct in6_addr any;
    return same(own, to) || (own->six.sin6_port == to->six.sin6_port &&
                             memcmp(&own->six.sin6_addr, &any, sizeof any) == 0);
}

static bool is_other_end(int file, void *argument)
{
    struct end *end = argument;
    struct address own, other;
    if (option(file, SO_TYPE) != end->type || !name(SYS_getsockname, file, &own) || !widen(&own))
        return false;
    bool connected = name(SYS_getpeername, file, &other) && widen(&other);
    bool open = option(file, SO_ACCEPTCONN) == 1 || (end->type == SOCK_DGRAM && !connected);
    if (!(open ? reaches(&own, &end->other)
               : connected && same(&own, &end->other) && same(&other, &end->own)))
        return false;
    end->inode = inode_of(0, file);
    end->file = file;
    return true;
}

/* Bytes that it has sent, and that its other end does not have yet. */
static bool sends(int file)
{
    int count = 0;
    return thrum__kernel(SYS_ioctl, file, SIOCOUTQ, (long)&count, 0, 0) == 0 && count > 0;
}

static enum turn_source internet_socket(int file, struct end *end, bool certain)
{
    static char buffer[1024];
    end->type = option(file, SO_TYPE);
    if (!name(SYS_getpeername, file, &end->other) || !widen(&end->own) || !widen(&end->other) ||
        !any_number("/proc/self/fd", is_other_end, end, buffer, sizeof buffer))
        return SOURCE_OUTSIDE;
    enum turn_source source = unless_shared(inode_of(0, file), end->inode, certain);
    bool moves = end->type == SOCK_STREAM && !certain && (sends(file) || sends(end->file));
    return source == SOURCE_INSIDE && moves ? SOURCE_MOVES : source;
}

/* The inode of the other end of a Unix socket; 0 if it has none, or if the kernel does not tell. */
static uint64_t unix_other_end(uint64_t inode)
{
    static union {
        struct nlmsghdr header;
        char bytes[1024];
    } answer;
    struct {
        struct nlmsghdr header;
        struct unix_diag_req request;
    } question = {
        .header = {.nlmsg_len = sizeof question,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .request = {.sdiag_family = AF_UNIX,
                    .udiag_states = UINT32_MAX,
                    .udiag_ino = (uint32_t)inode,
                    .udiag_show = UDIAG_SHOW_PEER,
                    .udiag_cookie = {UINT32_MAX, UINT32_MAX}},
    };
    int channel = (int)thrum__kernel(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
                                     NETLINK_SOCK_DIAG, 0, 0);
    if (channel < 0)
        return 0;
    long put = thrum__kernel(SYS_write, channel, (long)&question, sizeof question, 0, 0);
    long got = put == sizeof question
                   ? thrum__kernel(SYS_read, channel, (long)&answer, sizeof answer, 0, 0)
                   : 0;
    (void)thrum__kernel(SYS_close, channel, 0, 0, 0, 0);
    if (got < (long)NLMSG_LENGTH(sizeof(struct unix_diag_msg)) ||
        answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return 0;
    for (long at = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct unix_diag_msg)));
         at + (long)sizeof(struct nlattr) <= got;) {
        const struct nlattr *part = (const struct nlattr *)(answer.bytes + at);
        uint32_t other;
        if (part->nla_type == UNIX_DIAG_PEER && at + NLA_HDRLEN + (long)sizeof other <= got) {
            memcpy(&other, answer.bytes + at + NLA_HDRLEN, sizeof other);
            return other;
        }
        if (part->nla_len < NLA_HDRLEN)
            break;
        at += NLA_ALIGN(part->nla_len);
    }
    return 0;
}

static bool is_this(int file, void *argument)
{
    return inode_of(0, file) == *(const uint64_t *)argument;
}

/* A connection that was not accepted yet has no descriptor, but the process that listens made its other end. */
static bool was_made_here(int file)
{
    struct ucred maker = {0};
    socklen_t size = sizeof maker;
    return thrum__kernel(SYS_getsockopt, file, SOL_SOCKET, SO_PEERCRED, (long)&maker,
                         (long)&size) == 0 &&
           maker.pid == getpid();
}

static enum turn_source unix_socket(int file, bool certain)
{
    static char buffer[1024];
    uint64_t inode = inode_of(0, file), other = unix_other_end(inode);
    bool here = other ? any_number("/proc/self/fd", is_this, &other, buffer, sizeof buffer)
                      : was_made_here(file) && !has_children();
    return here ? unless_shared(inode, other, certain) : SOURCE_OUTSIDE;
}

static enum turn_source socket_source(int file, bool certain)
{
    struct end end = {0};
    if (option(file, SO_ACCEPTCONN) == 1 || !name(SYS_getsockname, file, &end.own))
        return SOURCE_OUTSIDE;
    if (end.own.any.sa_family == AF_UNIX)
        return unix_socket(file, certain);
    return internet_socket(file, &end, certain);
}

/* ---- kinds of descriptors ---- */

static enum turn_source source_of(int file, bool certain, int depth);

/* What the kernel says of the descriptor. */
static size_t about(int file, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file);
    int from = (int)thrum__kernel(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0);
    long got, total = 0;
    if (from < 0)
        return 0;
    while (total < (long)size - 1 && (got = thrum__kernel(SYS_read, from, (long)text + total,
                                                          (long)size - 1 - total, 0, 0)) > 0)
        total += got;
    (void)thrum__kernel(SYS_close, from, 0, 0, 0, 0);
    text[total] = 0;
    return (size_t)total;
}

static enum turn_source epoll_source(int file, bool certain, int depth)
{
    static char texts[NEST_MOST][4096];
    char *text = texts[depth];
    enum turn_source all = SOURCE_INSIDE;
    size_t size = about(file, text, sizeof texts[0]);
    if (size == 0 || size == sizeof texts[0] - 1) /* too many to look at */
        return SOURCE_OUTSIDE;
    for (const char *line = strstr(text, "tfd:"); line && all != SOURCE_OUTSIDE;
         line = strstr(line + 4, "tfd:")) {
        enum turn_source one = source_of((int)strtol(line + 4, NULL, 10), certain, depth + 1);
        all = one > all ? one : all;
    }
    return all;
}

static bool timer_is_silent(int file)
{
    char text[512];
    (void)about(file, text, sizeof text);
    return strstr(text, "it_value: (0, 0)") && strstr(text, "ticks: 0\n");
}

/* A timer that has expired since its reader looked is not armed, but has a tick to read. One whose time is over may have
 * neither for a moment, until the kernel counts the tick: so it is asked again after a millisecond. */
static enum turn_source timer_source(int file)
{
    const struct timespec moment = {0, 1000000};
    if (!timer_is_silent(file))
        return SOURCE_OUTSIDE;
    (void)thrum__kernel(SYS_nanosleep, (long)&moment, 0, 0, 0, 0);
    return timer_is_silent(file) ? SOURCE_INSIDE : SOURCE_OUTSIDE;
}

static enum turn_source source_of(int file, bool certain, int depth)
{
    char text[64];
    uint64_t inode;
    if (file < 0 || depth == NEST_MOST)
        return file < 0 ? SOURCE_INSIDE : SOURCE_OUTSIDE;
    name_of(0, file, text, sizeof text);
    if ((inode = inode_in(text, "pipe:[")) != 0)
        return is_inherited(inode) ? SOURCE_OUTSIDE : unless_shared(inode, 0, certain);
    if ((inode = inode_in(text, "socket:[")) != 0)
        return is_inherited(inode) ? SOURCE_OUTSIDE : socket_source(file, certain);
    if (strcmp(text, "anon_inode:[eventfd]") == 0 && has_children())
        return certain ? SOURCE_OUTSIDE : SOURCE_MOVES;
    if (strcmp(text, "anon_inode:[eventfd]") == 0)
        return SOURCE_INSIDE;
    if (strcmp(text, "anon_inode:[signalfd]") == 0)
        return SOURCE_SIGNAL;
    if (strcmp(text, "anon_inode:[timerfd]") == 0)
        return timer_source(file);
    if (strcmp(text, "anon_inode:[eventpoll]") == 0)
        return epoll_source(file, certain, depth);
    return SOURCE_OUTSIDE;
}

enum turn_source thrum__inside_file(int file, bool certain)
{
    return source_of(file, certain, 0);
}
