#include "base/os_thread.h"
#include "base/fault.h"
#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef THRUM_EXPLORE
#include "base/explore.h"

int32_t thrum__os_thread_number(void)
{
    return (int32_t)getpid() + thrum__explore_thread_number();
}

void thrum__os_thread_yield(void)
{
    thrum__explore_pause();
}

#else

int32_t thrum__os_thread_number(void)
{
    return (int32_t)syscall(SYS_gettid);
}

void thrum__os_thread_yield(void)
{
    sched_yield();
}

#endif

int thrum__os_thread_is_main(void)
{
    return thrum__os_thread_number() == (int32_t)getpid();
}

void thrum__os_thread_set_name(const char *name)
{
#ifndef THRUM_EXPLORE
    char shown[16];
    snprintf(shown, sizeof shown, "%s", name);
    pthread_setname_np(pthread_self(), shown); /* cannot fail: short enough, and our own */
#else
    (void)name;
#endif
}

#ifdef THRUM_EXPLORE

int thrum__os_thread_start(thrum__os_thread *ret_thread, size_t stack_size, void *(*run)(void *),
                           void *argument)
{
    (void)stack_size;
    return thrum__explore_thread_start(&ret_thread->id, run, argument);
}

void thrum__os_thread_join(thrum__os_thread thread)
{
    thrum__explore_thread_join(thread.id);
}

void thrum__os_thread_detach(thrum__os_thread thread)
{
    (void)thread;
}

#else

int thrum__os_thread_start(thrum__os_thread *ret_thread, size_t stack_size, void *(*run)(void *),
                           void *argument)
{
    if (thrum__fault(THRUM__FAULT_THREAD_START))
        return -EAGAIN;
    pthread_attr_t attributes;
    pthread_t thread;
    int rc = -pthread_attr_init(&attributes);
    if (rc == 0) {
        size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
        if (stack_size)
            rc = -pthread_attr_setstacksize(&attributes, stack_size < least ? least : stack_size);
        if (rc == 0)
            rc = -pthread_create(&thread, &attributes, run, argument);
        pthread_attr_destroy(&attributes);
    }
    if (rc == 0)
        ret_thread->id = (uintptr_t)thread;
    return rc;
}

void thrum__os_thread_join(thrum__os_thread thread)
{
    pthread_join((pthread_t)thread.id, NULL);
}

void thrum__os_thread_detach(thrum__os_thread thread)
{
    pthread_detach((pthread_t)thread.id);
}

#endif
