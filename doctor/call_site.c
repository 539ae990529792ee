/* What was called is in the code: a stripped library does not say which function a place belongs
 * to, but the program that called it does, by its call to an exported name. And a function that
 * ends by a jump to another (sem_wait does) has no frame of its own; the call to it is still there.
 *
 * A call by the procedure linkage table goes to a stub, which jumps to where a slot of the global
 * offset table points. The slot was filled in by the time the function ran.
 */
#include "call_site.h"

#include "machine.h"

#include <string.h>

static bool read_code(const struct modules *modules, uint64_t address, void *into, size_t size)
{
    return modules_executable(modules, address) &&
           memory_read(modules->memory, address, into, size);
}

#if defined(__x86_64__)

static uint64_t relative(uint64_t next, const uint8_t *at)
{
    int32_t away;
    memcpy(&away, at, sizeof away);
    return next + (uint64_t)(int64_t)away;
}

/* Follows stubs: endbr64, bnd and jmp *slot(%rip), and plain jumps. */
static uint64_t follow(const struct modules *modules, uint64_t function)
{
    static const uint8_t landing[] = {0xf3, 0x0f, 0x1e, 0xfa};
    uint8_t code[16];
    uint64_t target;
    if (!read_code(modules, function, code, sizeof code))
        return function;
    size_t at = memcmp(code, landing, sizeof landing) == 0 ? sizeof landing : 0;
    at += code[at] == 0xf2;
    if (code[at] == 0xff && code[at + 1] == 0x25 &&
        memory_word(modules->memory, relative(function + at + 6, code + at + 2), &target))
        return target;
    return function;
}

/* The length of a memory operand that begins at the byte ModRM. */
static size_t operand_length(const uint8_t *modrm)
{
    unsigned mode = modrm[0] >> 6, base = modrm[0] & 7;
    size_t length = 1;
    if (mode == 3)
        return 1;
    if (base == 4) {
        length++;
        if (mode == 0 && (modrm[1] & 7) == 5)
            return length + 4;
    } else if (mode == 0 && base == 5)
        return length + 4;
    return length + (mode == 1 ? 1 : mode == 2 ? 4 : 0);
}

enum call_kind call_before(const struct modules *modules, uint64_t address, uint64_t *ret_function)
{
    enum { LONGEST = 9 };
    uint8_t code[LONGEST + 8] = {0};
    if (address < LONGEST || !read_code(modules, address - LONGEST, code, LONGEST))
        return CALL_NONE;
    const uint8_t *end = code + LONGEST;
    if (end[-5] == 0xe8) {
        uint64_t function = relative(address, end - 4);
        if (modules_executable(modules, function)) {
            *ret_function = follow(modules, function);
            return CALL_KNOWN;
        }
    }
    uint64_t target;
    if (end[-6] == 0xff && end[-5] == 0x15 &&
        memory_word(modules->memory, relative(address, end - 4), &target) &&
        modules_executable(modules, target)) {
        *ret_function = target;
        return CALL_KNOWN;
    }
    for (size_t length = 2; length < LONGEST; length++) {
        const uint8_t *at = end - length;
        if (at[0] == 0xff && (at[1] >> 3 & 7) == 2 && 1 + operand_length(at + 1) == length)
            return CALL_INDIRECT;
    }
    return CALL_NONE;
}

#else

/* Follows stubs: adrp x16, page; ldr x17, [x16, offset]; add ...; br x17, after an optional bti. */
static uint64_t follow(const struct modules *modules, uint64_t function)
{
    uint32_t code[3];
    uint64_t target, at = function;
    if (!read_code(modules, at, code, sizeof code))
        return function;
    if (code[0] == 0xd503245f) { /* bti c */
        at += 4;
        if (!read_code(modules, at, code, sizeof code))
            return function;
    }
    if ((code[0] & 0x9f00001f) != 0x90000010 || (code[1] & 0xffc003ff) != 0xf9400211)
        return function;
    int64_t pages = (int64_t)((code[0] >> 5 & 0x7ffff) << 2 | (code[0] >> 29 & 3));
    pages = pages << 43 >> 43;
    uint64_t slot = (at & ~(uint64_t)4095) + ((uint64_t)pages << 12) + (code[1] >> 10 & 0xfff) * 8;
    return memory_word(modules->memory, slot, &target) ? target : function;
}

enum call_kind call_before(const struct modules *modules, uint64_t address, uint64_t *ret_function)
{
    uint32_t code;
    if (address < 4 || address % 4 || !read_code(modules, address - 4, &code, sizeof code))
        return CALL_NONE;
    if (code >> 26 == 0x25) { /* bl */
        int64_t words = (int64_t)((uint64_t)(code & 0x3ffffff) << 38) >> 38;
        *ret_function = follow(modules, address - 4 + (uint64_t)(words * 4));
        return CALL_KNOWN;
    }
    /* blr, and those that check a signature */
    return (code & 0xfffffc1f) == 0xd63f0000 || (code & 0xfefff800) == 0xd63f0800 ? CALL_INDIRECT
                                                                                  : CALL_NONE;
}

#endif
