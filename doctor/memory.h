/* Reading the memory of another process, or of one that left a core file. */
#ifndef DOCTOR_MEMORY_H
#define DOCTOR_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory {
    /* Reads all of it, or nothing and returns false. */
    bool (*read)(const struct memory *memory, uint64_t address, void *into, size_t size);
    int pid;                 /* of a live process: any thread of it that lives */
    const struct core *core; /* of a core file */
};

static inline bool memory_read(const struct memory *memory, uint64_t address, void *into,
                               size_t size)
{
    return memory->read(memory, address, into, size);
}

/* The memory of a live process. No thread of it is stopped. */
struct memory memory_live(int pid);

/* Reads up to `size` bytes, as many as are mapped from `address` on; returns how many. */
size_t memory_read_some(const struct memory *memory, uint64_t address, void *into, size_t size);

static inline bool memory_word(const struct memory *memory, uint64_t address, uint64_t *ret)
{
    return memory_read(memory, address, ret, sizeof *ret);
}

static inline bool memory_half(const struct memory *memory, uint64_t address, uint32_t *ret)
{
    return memory_read(memory, address, ret, sizeof *ret);
}

#endif
