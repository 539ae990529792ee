/* The handler chains: what was installed before it is called by it, with the same arguments. Where
 * that was the default, it is put back and the handler returns, so that the touch that failed is
 * made again and the process dies by it, with the right address in its core. */
#include "base/crash.h"

#include "base/memory.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static struct sigaction before;
static void (*looks)(const void *address);

static void handle(int number, siginfo_t *info, void *context)
{
    void (*look)(const void *) = __atomic_load_n(&looks, __ATOMIC_ACQUIRE);
    if (look)
        look(info->si_addr);
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(number, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(number);
    else
        signal(number, SIG_DFL); /* and touches it again */
}

void thrum__crash_watch(void (*look)(const void *address))
{
    static uint32_t installed;
    __atomic_store_n(&looks, look, __ATOMIC_RELEASE);
    if (__atomic_exchange_n(&installed, 1, __ATOMIC_ACQ_REL))
        return;
#ifndef THRUM_EXPLORE /* which has a handler, and threads that are none */
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before);
#else
    (void)handle;
#endif
}

void *thrum__crash_stack_new(size_t size)
{
#ifdef THRUM_EXPLORE
    (void)size;
    return NULL;
#else
    stack_t now;
    if (sigaltstack(NULL, &now) || !(now.ss_flags & SS_DISABLE))
        return NULL;
    size = size < (size_t)SIGSTKSZ ? (size_t)SIGSTKSZ : size;
    void *memory = thrum__alloc(size);
    stack_t stack = {.ss_sp = memory, .ss_size = size};
    if (memory && sigaltstack(&stack, NULL)) {
        thrum__free(memory);
        return NULL;
    }
    return memory;
#endif
}

void thrum__crash_stack_free(void *stack)
{
    if (!stack)
        return;
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    thrum__free(stack);
}

void thrum__crash_say(const char *const *pieces)
{
    char line[512];
    size_t used = 0;
    for (; *pieces; pieces++)
        for (const char *at = *pieces; *at && used < sizeof line - 1; at++)
            line[used++] = *at;
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0) {
        /* nothing is left to say it with */
    }
}
