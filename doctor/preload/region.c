/* Making the region, and what a child of fork does with its parent's.
 *
 * The variable THRUM_DOCTOR holds the name of the watcher's socket, in the abstract namespace. So
 * a program that has changed its root still reaches it. The environment is read once, as the
 * program may change it. Descriptors are closed at once: the program sees none of ours. System calls
 * are made directly, as the C library's functions are points of cancellation, and other preloaded
 * libraries may replace them.
 *
 * Which files are mapped is noted when the region is made, and at exit. A process may end before the watcher looks at it, and
 * without exit(). A region is made while the program starts: in this library's constructor, or in that of another one, which
 * for a worker of libthrum never returns. The loader's lock is free then. In a child of fork it may be held by a thread that
 * the child does not have. So the child copies what its parent has noted, whose region stays mapped until then.
 *
 * A program without a watcher, or to which the system refuses what is needed here, runs on as if the
 * library were not there.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

struct region *thrum__watch_region;
static struct region *inherited; /* a parent's, in a child of fork that has made none yet */

enum { UNTRIED, IN_WORK, OPEN, OFF };
static uint32_t state;
static char watcher[100]; /* the name of its socket */
static bool name_read;
static unsigned ring_bits; /* of the rings that the watcher wants; 0: none */

static void read_wishes(const char *value)
{
    static const char rings[] = ",rings=";
    memcpy(watcher, value, strlen(value) + 1);
    char *comma = strchr(watcher, ',');
    if (!comma)
        return;
    if (strncmp(comma, rings, sizeof rings - 1) == 0)
        for (const char *at = comma + sizeof rings - 1; *at >= '0' && *at <= '9'; at++)
            ring_bits = ring_bits * 10 + (unsigned)(*at - '0');
    if (ring_bits < RING_BITS_LEAST || ring_bits > RING_BITS_MOST)
        ring_bits = 0;
    *comma = 0;
}

bool thrum__watch_wanted(void)
{
    if (!name_read) {
        const char *name = secure_getenv(REGION_VARIABLE);
        if (name && strlen(name) < sizeof watcher)
            read_wishes(name);
        name_read = true;
    }
    return watcher[0] != 0;
}

static bool send_region(int descriptor, const struct region *region)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct region_hello hello = {REGION_MAGIC, REGION_VERSION, region->pid};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof descriptor)];
    } control = {0};
    struct iovec part = {&hello, sizeof hello};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    size_t length = strlen(watcher);
    memcpy(address.sun_path + 1, watcher, length);
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof descriptor), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    long file = syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0)
        return false;
    bool sent = syscall(SYS_connect, file, &address,
                        offsetof(struct sockaddr_un, sun_path) + 1 + length) == 0 &&
                syscall(SYS_sendmsg, file, &message, MSG_NOSIGNAL) == (long)sizeof hello;
    syscall(SYS_close, file);
    return sent;
}

static long make_file(void)
{
    struct rlimit limit;
    /* A file beyond the limit would cost the program a SIGXFSZ. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < region_size(ring_bits))
        return -1;
    long file = syscall(SYS_memfd_create, "thrum-doctor",
                        MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (file < 0)
        file = syscall(SYS_memfd_create, "thrum-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0)
        return -1;
    if (syscall(SYS_ftruncate, file, region_size(ring_bits)) != 0 ||
        syscall(SYS_fcntl, file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        syscall(SYS_close, file);
        return -1;
    }
    return file;
}

static void fill_in(struct region *region)
{
    region->magic = REGION_MAGIC;
    region->version = REGION_VERSION;
    region->size = region_size(ring_bits);
    region->ring_bits = ring_bits;
    region->pid = (uint32_t)syscall(SYS_getpid);
    region->parent = (uint32_t)syscall(SYS_getppid);
    region->began = thrum__watch_now();
    region->lock_count = region->node_count = region->variant_count = region->event_count = 1;
    region->wait_count = region->finding_count = region->segment_count = 1;
    region->thread_count = region->name_count = 1;
    region->stack_used = 16;
    long length =
        syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", region->program, REGION_PATH - 1);
    region->program[length > 0 ? length : 0] = 0;
}

static int note_file(struct dl_phdr_info *info, size_t size, void *argument);

static void note_files_at_start(struct region *region)
{
    if (!inherited) {
        dl_iterate_phdr(note_file, region);
        return;
    }
    uint32_t count = __atomic_load_n(&inherited->segment_count, __ATOMIC_ACQUIRE);
    memcpy(region->segments, inherited->segments, count * sizeof *region->segments);
    region->segment_count = count;
    syscall(SYS_munmap, inherited, inherited->size);
    inherited = NULL;
}

/* The arguments of syscall are passed as they are: the last one lies on the stack, where an int would leave its
 * upper half undefined. */
static bool open_now(void)
{
    if (!thrum__watch_wanted())
        return false;
    long file = make_file();
    if (file < 0)
        return false;
    long address = syscall(SYS_mmap, NULL, region_size(ring_bits), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_NORESERVE, file, 0L);
    bool done = false;
    if (address >= 0 || address < -4095) {
        struct region *region = (struct region *)address;
        fill_in(region);
        note_files_at_start(region);
        thrum__trace_open(region);
        done = send_region((int)file, region);
        if (done)
            __atomic_store_n(&thrum__watch_region, region, __ATOMIC_RELEASE);
        else
            syscall(SYS_munmap, region, region_size(ring_bits));
    }
    syscall(SYS_close, file);
    return done;
}

bool thrum__watch_region_open(void)
{
    uint32_t expected = UNTRIED;
    if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == OPEN)
        return true;
    if (!__atomic_compare_exchange_n(&state, &expected, IN_WORK, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_ACQUIRE))
        return expected == OPEN;
    bool done = open_now();
    __atomic_store_n(&state, done ? OPEN : OFF, __ATOMIC_RELEASE);
    return done;
}

void thrum__watch_region_leave(void)
{
    if (thrum__watch_region)
        inherited = thrum__watch_region;
    thrum__watch_region = NULL;
    if (state == OPEN)
        state = UNTRIED;
}

static bool known(const struct region *region, uint64_t start, const char *path)
{
    for (uint32_t i = 1; i < region->segment_count && i < REGION_SEGMENTS; i++)
        if (region->segments[i].start == start && strcmp(region->segments[i].path, path) == 0)
            return true;
    return false;
}

static int note_file(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct region *region = argument;
    const char *path = info->dlpi_name && info->dlpi_name[0] ? info->dlpi_name : region->program;
    (void)size;
    if (path[0] != '/' || strlen(path) >= REGION_PATH)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uint64_t start = (info->dlpi_addr + part->p_vaddr) & ~UINT64_C(4095);
        if (part->p_type != PT_LOAD || known(region, start, path))
            continue;
        if (region->segment_count >= REGION_SEGMENTS) {
            thrum__watch_drop(DROPPED_OTHER);
            return 1;
        }
        struct segment_record *segment = &region->segments[region->segment_count];
        segment->start = start;
        segment->end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
        segment->offset = part->p_offset & ~UINT64_C(4095);
        segment->execute = (part->p_flags & PF_X) != 0;
        memcpy(segment->path, path, strlen(path) + 1);
        __atomic_store_n(&region->segment_count, region->segment_count + 1, __ATOMIC_RELEASE);
    }
    return 0;
}

void thrum__watch_segments(void)
{
    if (thrum__watch_region)
        dl_iterate_phdr(note_file, thrum__watch_region);
}
