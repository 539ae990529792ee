/* The beginning of a stack: what the first switch to it finds there. See switch.h. */
#include "base/switch.h"

#include <stdint.h>
#include <string.h>

#if defined(THRUM__SWITCH_X86_64)

/* Calls the function in rbp with the argument in rbx. The frame pointer 0 and the undefined return
 * address tell unwinders that there is no caller. */
__asm__(".text\n"
        ".globl thrum__switch_begin\n"
        ".hidden thrum__switch_begin\n"
        ".type thrum__switch_begin, @function\n"
        "thrum__switch_begin:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined rip\n"
        "    endbr64\n"
        "    movq %rbx, %rdi\n"
        "    movq %rbp, %rax\n"
        "    xorl %ebp, %ebp\n"
        "    callq *%rax\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size thrum__switch_begin, . - thrum__switch_begin\n");

#elif defined(THRUM__SWITCH_AARCH64)

/* The same with x29 and x19. */
__asm__(".text\n"
        ".globl thrum__switch_begin\n"
        ".hidden thrum__switch_begin\n"
        ".type thrum__switch_begin, %function\n"
        "thrum__switch_begin:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined x30\n"
        "    hint 36\n"
        "    mov x0, x19\n"
        "    mov x1, x29\n"
        "    mov x29, xzr\n"
        "    mov x30, xzr\n"
        "    blr x1\n"
        "    brk #1\n"
        "    .cfi_endproc\n"
        ".size thrum__switch_begin, . - thrum__switch_begin\n");

#endif

#if defined(THRUM__SWITCH_X86_64) || defined(THRUM__SWITCH_AARCH64)

void thrum__switch_begin(void);

void thrum__switch_new(thrum__switch *fresh, void *bottom, size_t size, void (*begin)(void *),
                       void *argument)
{
    void (*entry)(void) = thrum__switch_begin;
    fresh->stack = (void *)(((uintptr_t)bottom + size) & ~(uintptr_t)15);
    memcpy(&fresh->place, &entry, sizeof entry);
    memcpy(&fresh->frame, &begin, sizeof begin);
    fresh->base = argument;
}

#else

#include <stdlib.h>

/* makecontext passes integers: the two pointers go as halves. */
static void call(unsigned begin_high, unsigned begin_low, unsigned high, unsigned low)
{
    uintptr_t code = (uintptr_t)((uint64_t)begin_high << 32 | begin_low);
    uintptr_t data = (uintptr_t)((uint64_t)high << 32 | low);
    void (*begin)(void *);
    memcpy(&begin, &code, sizeof begin);
    begin((void *)data);
}

void thrum__switch_new(thrum__switch *fresh, void *bottom, size_t size, void (*begin)(void *),
                       void *argument)
{
    uintptr_t code;
    memcpy(&code, &begin, sizeof code);
    uint64_t data = (uintptr_t)argument;
    if (getcontext(&fresh->context))
        abort(); /* fails for nothing that we give it */
    fresh->context.uc_stack.ss_sp = bottom;
    fresh->context.uc_stack.ss_size = size;
    fresh->context.uc_link = NULL;
    makecontext(&fresh->context, (void (*)(void))call, 4, (unsigned)((uint64_t)code >> 32),
                (unsigned)code, (unsigned)(data >> 32), (unsigned)data);
}

#endif
