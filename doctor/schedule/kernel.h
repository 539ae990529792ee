/* System calls that do not go by way of the C library: this library replaces its `syscall`, and under
 * memory points the calls of its code are watched (memory.c). */
#ifndef DOCTOR_SCHEDULE_KERNEL_H
#define DOCTOR_SCHEDULE_KERNEL_H

#include "preload/real.h"

#include <errno.h>

/* Returns what the kernel returns: a negative errno, or a result. */
static inline long thrum__kernel(long number, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__)
    long result;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return result;
#else
    long result = REAL(syscall)(number, a, b, c, d, e, 0L);
    return result == -1 ? -errno : result;
#endif
}

#endif
