/* process_vm_readv copies from another address space without stopping anything in it. It needs the
 * right to trace the process, as ptrace does, but does not attach.
 */
#include "memory.h"

#include <sys/uio.h>

static bool read_live(const struct memory *memory, uint64_t address, void *into, size_t size)
{
    struct iovec here = {into, size};
    struct iovec there = {(void *)(uintptr_t)address, size};
    return process_vm_readv(memory->pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

struct memory memory_live(int pid)
{
    return (struct memory){.read = read_live, .pid = pid};
}

size_t memory_read_some(const struct memory *memory, uint64_t address, void *into, size_t size)
{
    enum { PAGE = 4096 };
    size_t done = 0;
    if (memory_read(memory, address, into, size))
        return size;
    while (done < size) {
        size_t step = PAGE - (address + done) % PAGE;
        if (step > size - done)
            step = size - done;
        if (!memory_read(memory, address + done, (char *)into + done, step))
            break;
        done += step;
    }
    return done;
}
