/* Stacks are copied, not unwound: the watcher unwinds the copy by the tables for exceptions, as it does
 * with the stacks of a process that it looks at. That needs no lock, no memory and no unwinder in the
 * program, and is exact, as the registers are here.
 *
 * A copy begins in this function's frame and ends where the stack does, STACK_MOST bytes later, or where memory
 * ends. The ends of a thread's stack are known (its thread control block lies there); on another stack, as
 * that of a fiber or a signal handler's, the kernel copies, which stops where nothing is mapped.
 */
#include "watch.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static inline void save_registers(uint64_t *into)
{
#if defined(__x86_64__)
    __asm__ __volatile__("lea 0(%%rip), %%rax\n\t"
                         "mov %%rax, 0(%0)\n\t"
                         "mov %%rsp, 8(%0)\n\t"
                         "mov %%rbp, 16(%0)\n\t"
                         "mov %%rbx, 24(%0)\n\t"
                         "mov %%r12, 32(%0)\n\t"
                         "mov %%r13, 40(%0)\n\t"
                         "mov %%r14, 48(%0)\n\t"
                         "mov %%r15, 56(%0)"
                         :
                         : "r"(into)
                         : "rax", "memory");
#elif defined(__aarch64__)
    __asm__ __volatile__("adr x9, .\n\t"
                         "mov x10, sp\n\t"
                         "stp x9, x10, [%0]\n\t"
                         "stp x19, x20, [%0, #16]\n\t"
                         "stp x21, x22, [%0, #32]\n\t"
                         "stp x23, x24, [%0, #48]\n\t"
                         "stp x25, x26, [%0, #64]\n\t"
                         "stp x27, x28, [%0, #80]\n\t"
                         "stp x29, x30, [%0, #96]"
                         :
                         : "r"(into)
                         : "x9", "x10", "memory");
#endif
}

static size_t copy_unknown(void *into, uint64_t from, size_t size)
{
    struct iovec here = {into, size}, there[STACK_MOST / 4096 + 1];
    unsigned long parts = 0;
    for (uint64_t at = from; at < from + size; parts++) {
        uint64_t end = (at | 4095) + 1;
        there[parts] = (struct iovec){(void *)at, (end < from + size ? end : from + size) - at};
        at = end;
    }
    long got =
        syscall(SYS_process_vm_readv, (long)thrum__watch_region->pid, &here, 1L, there, parts, 0L);
    return got > 0 ? (size_t)got : 0;
}

static size_t put_held(const struct slot *slot, struct stack_held *into)
{
    size_t count = 0;
    for (uint32_t i = 0; i < slot->depth && i < HELD_MOST; i++) {
        const struct held *held = &slot->held[i];
        if (held->lock)
            into[count++] = (struct stack_held){held->site, held->sp, thrum__watch_held_lock(held),
                                                held->epoch};
    }
    return count;
}

__attribute__((noinline)) uint32_t thrum__watch_stack(struct slot *slot)
{
    uint64_t registers[STACK_REGISTERS] = {0};
    save_registers(registers);
    uint64_t from = registers[1];
    bool inside = from >= slot->stack_low && from < slot->stack_high;
    size_t size = STACK_MOST;
    if (inside && slot->stack_high - from < size)
        size = slot->stack_high - from;
    size_t whole = sizeof(struct stack_record) + slot->depth * sizeof(struct stack_held) + size;
    whole = (whole + 15) & ~(size_t)15;
    uint64_t offset = __atomic_load_n(&thrum__watch_region->stack_used, __ATOMIC_RELAXED);
    if (offset + whole <= REGION_STACK_BYTES)
        offset = __atomic_fetch_add(&thrum__watch_region->stack_used, whole, __ATOMIC_RELAXED);
    if (offset + whole > REGION_STACK_BYTES) {
        thrum__watch_drop(DROPPED_STACKS);
        return 0;
    }
    struct stack_record *record = (struct stack_record *)(thrum__watch_region->stacks + offset);
    memcpy(record->registers, registers, sizeof registers);
    struct stack_held *held = (struct stack_held *)(record + 1);
    record->held_count = (uint32_t)put_held(slot, held);
    record->start = from;
    uint8_t *bytes = (uint8_t *)(held + record->held_count);
    if (inside)
        memcpy(bytes, (const void *)from, size);
    else
        size = copy_unknown(bytes, from, size);
    __atomic_store_n(&record->size, (uint32_t)size, __ATOMIC_RELEASE);
    return (uint32_t)(offset / 16);
}
