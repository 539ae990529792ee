/* Coroutines of the explorer: several stacks on one OS thread.
 *
 * A switch pushes the registers that a call must keep, stores the stack pointer, takes the other
 * and pops. It happens at every step of an explored program, often tens of millions of times in a
 * search, and swapcontext would make two system calls each time. Elsewhere than on the two
 * processors below it is swapcontext nevertheless.
 */
#include "base/explore_machine.h"

#include <string.h>

#if defined(__x86_64__)

__asm__(".text\n"
        ".globl thrum__explore_switch\n"
        ".hidden thrum__explore_switch\n"
        ".type thrum__explore_switch, @function\n"
        "thrum__explore_switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size thrum__explore_switch, . - thrum__explore_switch\n");

void *thrum__explore_switch_new(char *top, void (*begin)(void))
{
    void **frame = (void **)(void *)top - 8; /* six registers, the start, no caller */
    memset(frame, 0, 8 * sizeof *frame);
    memcpy(&frame[6], &begin, sizeof begin);
    return frame;
}

#elif defined(__aarch64__)

__asm__(".text\n"
        ".globl thrum__explore_switch\n"
        ".hidden thrum__explore_switch\n"
        ".type thrum__explore_switch, %function\n"
        "thrum__explore_switch:\n"
        "    stp x29, x30, [sp, #-160]!\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #16]\n"
        "    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    ldp x29, x30, [sp], #160\n"
        "    ret\n"
        ".size thrum__explore_switch, . - thrum__explore_switch\n");

void *thrum__explore_switch_new(char *top, void (*begin)(void))
{
    void **frame = (void **)(void *)top - 20; /* x29, x30, then the rest */
    memset(frame, 0, 20 * sizeof *frame);
    memcpy(&frame[1], &begin, sizeof begin);
    return frame;
}

#else

#include <stdlib.h>
#include <ucontext.h>

/* The "stack pointer" is the context, which lies at the top of its stack. */
void thrum__explore_switch(void **save, void *next)
{
    ucontext_t here;
    *save = &here;
    swapcontext(&here, next);
}

void *thrum__explore_switch_new(char *top, void (*begin)(void))
{
    ucontext_t *context = (ucontext_t *)(void *)top - 1;
    if (getcontext(context))
        abort();
    context->uc_stack.ss_sp = top - 65536;
    context->uc_stack.ss_size = 65536 - sizeof *context;
    context->uc_link = NULL;
    makecontext(context, begin, 0);
    return context;
}

#endif
