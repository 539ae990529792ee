/* Hardware watchpoints, by the performance events of the kernel.
 *
 * The processor stops at an access to the watched bytes, and the kernel records the thread, its registers and the top of its
 * stack. The program is not traced, no signal is sent, and if this process ends in any way, its events end with it.
 * ptrace can set the same registers of the processor, but a traced process whose tracer is killed would die of the next
 * access.
 *
 * An event belongs to a thread and a processor, and threads that the thread starts inherit it. That way events
 * of one processor share a ring: the kernel allows no ring for an event that is inherited and on all processors.
 * The processor has four watchpoints of at most 8 bytes, aligned to their size.
 *
 * Accesses by the kernel (a read(2) into the variable) are not seen. An instruction that writes the same value
 * is an access.
 */
#include "watchpoint.h"

#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RING_PAGES = 64, PIECES_MOST = 4 };

#if defined(__x86_64__)
/* In the order of the record: ax bx cx dx si di bp sp ip r8 to r15. */
#define REGISTERS 0xff01ffull
enum { REGISTERS_COUNT = 17 };

static void take_registers(struct user_regs_struct *user, const uint64_t *value)
{
    *user = (struct user_regs_struct){.rax = value[0],
                                      .rbx = value[1],
                                      .rcx = value[2],
                                      .rdx = value[3],
                                      .rsi = value[4],
                                      .rdi = value[5],
                                      .rbp = value[6],
                                      .rsp = value[7],
                                      .rip = value[8],
                                      .r8 = value[9],
                                      .r9 = value[10],
                                      .r10 = value[11],
                                      .r11 = value[12],
                                      .r12 = value[13],
                                      .r13 = value[14],
                                      .r14 = value[15],
                                      .r15 = value[16]};
}
#else
#define REGISTERS 0x1ffffffffull /* x0 to x30, sp, pc */
enum { REGISTERS_COUNT = 33 };

static void take_registers(struct user_regs_struct *user, const uint64_t *value)
{
    *user = (struct user_regs_struct){.sp = value[31], .pc = value[32]};
    memcpy(user->regs, value, sizeof user->regs);
}
#endif

struct ring {
    struct perf_event_mmap_page *page;
    int event; /* the event that has the ring; -1: none yet */
};

struct watchpoints {
    int *events;
    int count, room, processors;
    struct ring *rings; /* for each processor */
    size_t page_size;
    uint64_t lost;
};

/* A record that was copied out of a ring. */
struct copied {
    uint64_t time;
    size_t size;
    uint8_t *bytes;
};

static int refuse(char *message, size_t size, int error)
{
    if (error == EACCES || error == EPERM)
        snprintf(message, size,
                 "the system refuses watchpoints: be root, have the capability PERFMON, or set "
                 "/proc/sys/kernel/perf_event_paranoid to 2");
    else if (error == EMFILE)
        snprintf(message, size, "too many threads and processors for the limit of open files");
    else if (error == ENOSPC)
        snprintf(message, size, "another program uses the processor's watchpoints");
    else if (error == EOPNOTSUPP || error == ENODEV || error == ENOENT || error == ENOSYS)
        snprintf(message, size, "this processor or kernel has no watchpoints");
    else
        snprintf(message, size, "cannot set a watchpoint: %s", strerror(error));
    return -error;
}

static int map_ring(struct watchpoints *watchpoints, struct ring *ring, int event)
{
    void *page = mmap(NULL, (1 + RING_PAGES) * watchpoints->page_size, PROT_READ | PROT_WRITE,
                      MAP_SHARED, event, 0);
    if (page == MAP_FAILED)
        return -errno;
    ring->page = page;
    ring->event = event;
    return 0;
}

/* Returns 0 or a negative errno; -ESRCH if the thread has ended, and -ENODEV if the processor is off. */
static int add_event(struct watchpoints *watchpoints, int tid, int processor, uint64_t address,
                     size_t size, bool reads)
{
    struct perf_event_attr about = {
        .type = PERF_TYPE_BREAKPOINT,
        .size = sizeof about,
        .sample_period = 1,
        .sample_type =
            PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
        .inherit = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC,
        .wakeup_events = 1,
        .bp_type = reads ? HW_BREAKPOINT_RW : HW_BREAKPOINT_W,
        .bp_addr = address,
        .bp_len = size,
        .sample_regs_user = REGISTERS,
        .sample_stack_user = WATCHPOINT_STACK,
    };
    struct ring *ring = &watchpoints->rings[processor];
    if (watchpoints->count == watchpoints->room) {
        int room = watchpoints->room ? watchpoints->room * 2 : 64;
        int *events = realloc(watchpoints->events, (size_t)room * sizeof *events);
        if (!events)
            return -ENOMEM;
        watchpoints->events = events;
        watchpoints->room = room;
    }
    int event = (int)syscall(SYS_perf_event_open, &about, tid, processor, -1, PERF_FLAG_FD_CLOEXEC);
    if (event < 0)
        return -errno;
    watchpoints->events[watchpoints->count++] = event;
    if (!ring->page)
        return map_ring(watchpoints, ring, event);
    return ioctl(event, PERF_EVENT_IOC_SET_OUTPUT, ring->event) == 0 ? 0 : -errno;
}

/* The largest piece from there on that the processor can watch. */
static size_t piece_of(uint64_t address, size_t size)
{
    size_t piece = 8;
    while (piece > size || address % piece != 0)
        piece /= 2;
    return piece;
}

static int add_thread(struct watchpoints *watchpoints, int tid, uint64_t address, size_t size,
                      bool reads)
{
    int rc = 0;
    for (size_t done = 0; done < size && rc == 0;) {
        size_t piece = piece_of(address + done, size - done);
        for (int i = 0; i < watchpoints->processors && rc == 0; i++) {
            rc = add_event(watchpoints, tid, i, address + done, piece, reads);
            if (rc == -ENODEV && i > 0)
                rc = 0; /* it is off */
        }
        done += piece;
    }
    return rc == -ESRCH ? 0 : rc;
}

int watchpoints_open(struct watchpoints **ret, const struct process *process, uint64_t address,
                     size_t size, bool reads, char *message, size_t message_size)
{
    struct watchpoints *watchpoints = calloc(1, sizeof *watchpoints);
    if (!watchpoints)
        return refuse(message, message_size, ENOMEM);
    watchpoints->page_size = (size_t)sysconf(_SC_PAGESIZE);
    watchpoints->processors = (int)sysconf(_SC_NPROCESSORS_CONF);
    watchpoints->rings = calloc((size_t)watchpoints->processors, sizeof *watchpoints->rings);
    int rc = watchpoints->rings ? 0 : -ENOMEM;
    for (int i = 0; i < process->count && rc == 0; i++)
        rc = add_thread(watchpoints, process->threads[i].tid, address, size, reads);
    if (rc == 0 && watchpoints->count == 0)
        rc = -ESRCH;
    if (rc < 0) {
        watchpoints_close(watchpoints);
        return refuse(message, message_size, -rc);
    }
    *ret = watchpoints;
    return 0;
}

void watchpoints_close(struct watchpoints *watchpoints)
{
    for (int i = 0; watchpoints->rings && i < watchpoints->processors; i++)
        if (watchpoints->rings[i].page)
            munmap(watchpoints->rings[i].page, (1 + RING_PAGES) * watchpoints->page_size);
    for (int i = 0; i < watchpoints->count; i++)
        (void)close(watchpoints->events[i]);
    free(watchpoints->rings);
    free(watchpoints->events);
    free(watchpoints);
}

int watchpoints_descriptors(const struct watchpoints *watchpoints, int *list, int most)
{
    int count = 0;
    for (int i = 0; i < watchpoints->processors && count < most; i++)
        if (watchpoints->rings[i].page)
            list[count++] = watchpoints->rings[i].event;
    return count;
}

uint64_t watchpoints_lost(const struct watchpoints *watchpoints)
{
    return watchpoints->lost;
}

/* ---- records ---- */

static void copy_out(const struct watchpoints *watchpoints, const struct ring *ring, uint64_t from,
                     void *into, size_t size)
{
    size_t whole = RING_PAGES * watchpoints->page_size, at = from % whole;
    size_t first = size < whole - at ? size : whole - at;
    const uint8_t *bytes = (const uint8_t *)ring->page + watchpoints->page_size;
    memcpy(into, bytes + at, first);
    memcpy((uint8_t *)into + first, bytes, size - first);
}

static bool keep(struct copied **list, size_t *count, size_t *room, struct copied record)
{
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 64;
        struct copied *grown = realloc(*list, more * sizeof *grown);
        if (!grown)
            return false;
        *list = grown;
        *room = more;
    }
    (*list)[(*count)++] = record;
    return true;
}

/* The body of a sample begins with pid, tid and time. */
static int empty_ring(struct watchpoints *watchpoints, struct ring *ring, struct copied **list,
                      size_t *count, size_t *room)
{
    uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
    uint64_t tail = ring->page->data_tail, lost[2];
    int rc = 0;
    while (tail < head && rc == 0) {
        struct perf_event_header header;
        copy_out(watchpoints, ring, tail, &header, sizeof header);
        if (header.size < sizeof header)
            break;
        size_t size = header.size - sizeof header;
        if (header.type == PERF_RECORD_LOST && size >= sizeof lost) {
            copy_out(watchpoints, ring, tail + sizeof header, lost, sizeof lost);
            watchpoints->lost += lost[1];
        } else if (header.type == PERF_RECORD_SAMPLE && size >= 16) {
            struct copied record = {.size = size, .bytes = malloc(size)};
            if (record.bytes) {
                copy_out(watchpoints, ring, tail + sizeof header, record.bytes, size);
                memcpy(&record.time, record.bytes + 8, 8);
            }
            if (!record.bytes || !keep(list, count, room, record)) {
                free(record.bytes);
                rc = -ENOMEM;
            }
        }
        tail += header.size;
    }
    __atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
    return rc;
}

static int by_time(const void *a, const void *b)
{
    const struct copied *first = a, *second = b;
    return first->time < second->time ? -1 : first->time > second->time;
}

static struct watchpoint_access access_of(const struct copied *record)
{
    struct watchpoint_access access = {.time = record->time};
    uint64_t abi, values[REGISTERS_COUNT], size, used;
    uint32_t ids[2];
    size_t at = 16;
    memcpy(ids, record->bytes, sizeof ids);
    access.tid = (int)ids[1];
    if (record->size < at + 8)
        return access;
    memcpy(&abi, record->bytes + at, 8);
    at += 8;
    if (abi != PERF_SAMPLE_REGS_ABI_64 || record->size < at + sizeof values + 8)
        return access;
    memcpy(values, record->bytes + at, sizeof values);
    at += sizeof values;
    memcpy(&size, record->bytes + at, 8);
    at += 8;
    take_registers(&access.registers, values);
    access.placed = true;
    if (size == 0 || record->size - at < size || record->size - at - size < 8)
        return access;
    memcpy(&used, record->bytes + at + size, 8);
    access.stack = record->bytes + at;
    access.stack_size = used < size ? used : size;
    return access;
}

int watchpoints_read(struct watchpoints *watchpoints,
                     bool (*see)(void *argument, const struct watchpoint_access *access),
                     void *argument)
{
    struct copied *list = NULL;
    size_t count = 0, room = 0;
    int rc = 0;
    bool more = true;
    for (int i = 0; i < watchpoints->processors && rc == 0; i++)
        if (watchpoints->rings[i].page)
            rc = empty_ring(watchpoints, &watchpoints->rings[i], &list, &count, &room);
    if (count)
        qsort(list, count, sizeof *list, by_time);
    for (size_t i = 0; i < count; i++) {
        struct watchpoint_access access = access_of(&list[i]);
        more = more && see(argument, &access);
        free(list[i].bytes);
    }
    free(list);
    return rc;
}
