/* The floor: two threads, or two processes, that wake each other with nothing but the kernel's futex. */
#ifndef BENCH_RAW_FUTEX_H
#define BENCH_RAW_FUTEX_H

#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline void raw_post(uint32_t *word)
{
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

static inline void raw_wait(uint32_t *word)
{
    while (!__atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE))
        syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0);
}

/* The same for a word in memory that two processes share. */
static inline void raw_post_shared(uint32_t *word)
{
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static inline void raw_wait_shared(uint32_t *word)
{
    while (!__atomic_exchange_n(word, 0, __ATOMIC_ACQUIRE))
        syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

#endif
