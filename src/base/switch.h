/* The context switch: one OS thread leaves one stack and goes on with another.
 *
 * A switch is a jump, not a return. What a call must keep is given to the compiler as clobbered,
 * so that it saves what it needs itself, and the switch stores four words: the stack pointer, the
 * place to go on at, and the two registers that may not be named as clobbered (the frame pointer,
 * and the register that a compiler takes as a base where it needs another). So there is no call that a
 * return would have to match, and the processor's prediction of returns stays in step: with a
 * routine that ends by `ret` each switch was mispredicted where two fibers wait at different
 * places (8.8 instead of 3.4 ns), and one that is called and ends by a jump spoils all returns
 * above it (25 instead of 11 ns at a depth of three).
 *
 * What is kept: all that a called function must keep by the psABI (rbx, rbp, r12 to r15; x19 to
 * x29, d8 to d15), but for the control words of the floating-point units (mxcsr and the x87 word,
 * fpcr). They belong to the OS thread: saving and comparing them costs as much again as the rest
 * of the switch, and hardly a program changes them. A task that sets another rounding mode sets it
 * back before it waits.
 *
 * Unwinding: a place to go on at stands in the function that waits, with that function's own frame
 * and CFI; given the four words a debugger walks on from there. A fresh stack begins in a piece of
 * assembly whose caller is marked undefined, where every unwinder ends.
 *
 * CET and BTI: each place that is jumped to begins with the landing mark that indirect branch
 * tracking asks for. Shadow stacks are not switched: the library must run without them, as programs
 * do unless they and all their libraries ask for them.
 *
 * Elsewhere than on the two processors it is swapcontext, with a system call for the signal mask.
 *
 * The explorer's virtual threads use it too.
 *
 * Sources: the psABI of x86-64 and of aarch64; GCC's manual on extended asm.
 */
#ifndef THRUM_BASE_SWITCH_H
#define THRUM_BASE_SWITCH_H

#include <stddef.h>

#if defined(__x86_64__) && !defined(__ILP32__) && !defined(THRUM_SWITCH_UCONTEXT)
#define THRUM__SWITCH_X86_64 1
#elif defined(__aarch64__) && !defined(THRUM_SWITCH_UCONTEXT)
#define THRUM__SWITCH_AARCH64 1
#else
#include <ucontext.h>
#endif

/* A coroutine that is switched out; its fields mean nothing while it runs. */
#if defined(THRUM__SWITCH_X86_64) || defined(THRUM__SWITCH_AARCH64)
typedef struct thrum__switch {
    void *stack, *place, *frame, *base;
} thrum__switch;
#else
typedef struct thrum__switch {
    ucontext_t context;
} thrum__switch;
#endif

/* Where its stack ends; NULL where that is the system's secret. */
static inline const void *thrum__switch_stack(const thrum__switch *out)
{
#if defined(THRUM__SWITCH_X86_64) || defined(THRUM__SWITCH_AARCH64)
    return out->stack;
#else
    (void)out;
    return NULL;
#endif
}

/* Makes `fresh` one that, once switched to, calls `begin(argument)` on the `size` bytes of stack at
 * `bottom`. `begin` must not return. */
void thrum__switch_new(thrum__switch *fresh, void *bottom, size_t size, void (*begin)(void *),
                       void *argument);

/* Leaves the running stack, which goes on from here when another switches to `from`, for `to`. */
#if defined(THRUM__SWITCH_X86_64)

static inline __attribute__((always_inline)) void thrum__switch_to(thrum__switch *from,
                                                                   const thrum__switch *to)
{
    __asm__ __volatile__("leaq 1f(%%rip), %%rax\n\t"
                         "movq %%rsp, 0(%%rdi)\n\t"
                         "movq %%rax, 8(%%rdi)\n\t"
                         "movq %%rbp, 16(%%rdi)\n\t"
                         "movq %%rbx, 24(%%rdi)\n\t"
                         "movq 24(%%rsi), %%rbx\n\t"
                         "movq 16(%%rsi), %%rbp\n\t"
                         "movq 0(%%rsi), %%rsp\n\t"
                         "jmpq *8(%%rsi)\n"
                         "1:\n\t"
                         "endbr64"
                         : "+D"(from), "+S"(to)
                         :
                         : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                           "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                           "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
#ifdef __AVX512F__
                           "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",
                           "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31",
                           "k1", "k2", "k3", "k4", "k5", "k6", "k7",
#endif
                           "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)",
                           "memory", "cc");
}

#elif defined(THRUM__SWITCH_AARCH64)

static inline __attribute__((always_inline)) void thrum__switch_to(thrum__switch *from,
                                                                   const thrum__switch *to)
{
    register thrum__switch *x0 __asm__("x0") = from;
    register const thrum__switch *x1 __asm__("x1") = to;
    /* hint 36 is the landing mark "bti j", a no-operation to those that do not know it. */
    __asm__ __volatile__("adr x2, 1f\n\t"
                         "mov x3, sp\n\t"
                         "stp x3, x2, [x0]\n\t"
                         "stp x29, x19, [x0, #16]\n\t"
                         "ldp x3, x2, [x1]\n\t"
                         "ldp x29, x19, [x1, #16]\n\t"
                         "mov sp, x3\n\t"
                         "br x2\n"
                         "1:\n\t"
                         "hint 36"
                         : "+r"(x0), "+r"(x1)
                         :
                         : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
                           "x13", "x14", "x15", "x16", "x17", "x20", "x21", "x22", "x23", "x24",
                           "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5",
                           "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",
                           "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
                           "v27", "v28", "v29", "v30", "v31", "memory", "cc");
}

#else

static inline void thrum__switch_to(thrum__switch *from, const thrum__switch *to)
{
    swapcontext(&from->context, &to->context);
}

#endif

#endif
