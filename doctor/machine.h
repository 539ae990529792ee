/* What differs between processors: registers as DWARF numbers them, and calls as code writes them.
 */
#ifndef DOCTOR_MACHINE_H
#define DOCTOR_MACHINE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
enum {
    REGISTER_COUNT = 17,
    REGISTER_BASE = 3, /* rbx */
    REGISTER_FRAME = 6,
    REGISTER_STACK = 7,
    REGISTER_RETURN = 16,
    MACHINE_ELF = EM_X86_64,
};
/* What a function leaves as its caller had it: rbx, rbp, rsp, r12 to r15. */
#define REGISTERS_SAVED ((uint64_t)0xf0c8)
#elif defined(__aarch64__)
enum {
    REGISTER_COUNT =
        35, /* x0 to x30, sp, and three pseudo registers; the last says if x30 is signed */
    REGISTER_BASE = 19,
    REGISTER_FRAME = 29,
    REGISTER_STACK = 31,
    REGISTER_RETURN = 30,
    MACHINE_ELF = EM_AARCH64,
};
/* x19 to x29, sp. x30 holds the return address of a function that has not saved it. */
#define REGISTERS_SAVED ((uint64_t)0xfff80000)
#else
#error "the doctor knows x86-64 and aarch64"
#endif

struct registers {
    uint64_t value[REGISTER_COUNT];
    uint64_t known; /* a bit for each */
    uint64_t pc;
};

static inline bool register_known(const struct registers *registers, unsigned number)
{
    return number < REGISTER_COUNT && (registers->known >> number & 1);
}

static inline void register_set(struct registers *registers, unsigned number, uint64_t value)
{
    if (number >= REGISTER_COUNT)
        return;
    registers->value[number] = value;
    registers->known |= (uint64_t)1 << number;
}

/* A return address without the signature that some processors keep in its upper bits. */
static inline uint64_t return_address(uint64_t value)
{
#if defined(__aarch64__)
    return value & 0x0000ffffffffffff;
#else
    return value;
#endif
}

#endif
