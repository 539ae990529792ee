/* Threads of the system.
 *
 * pthread_cancel has no effect on a thread that is started here: it would unwind the stack of a
 * task, and with it whatever the library is amid. A task ends by its return. One that ends its
 * thread by pthread_exit, or allows cancellation again and is cancelled, would take a worker or a
 * result along; it stops the program.
 *
 * Such an end unwinds the stack before the library hears of it. The frames of the library's functions
 * are then dead, but other threads still read records in them until the program has stopped: the scope
 * of a future that runs, a worker, a fork. So nothing may overwrite them. `run_below` leaves ROOM bytes
 * between the frame of `begin`, where the unwinder comes out, and the frames of the library;
 * ended_early runs in these bytes. They are address space beside the stack that the caller asks for.
 */
#include "base/os_thread.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/panic.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
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

int thrum__os_thread_start_helper(void *(*run)(void *))
{
    uintptr_t id;
    return thrum__explore_thread_start(&id, run, NULL);
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

struct start {
    void *(*run)(void *);
    void *argument;
};

enum { ROOM = 32 << 10 };

/* Runs where the stack of a thread is unwound, also from the stack of a fiber. In the ROOM bytes. */
static void ended_early(void *unused)
{
    char name[16] = "";
    (void)unused;
    pthread_getname_np(pthread_self(), name, sizeof name);
    thrum__panic(
        NULL,
        "thread \"%s\" ended by pthread_exit or pthread_cancel inside its task; a task ends "
        "by its return",
        name);
}

/* Neither inlined, which would give its room to the frame of `begin`, nor instrumented, which would put the room
 * on the heap. */
static __attribute__((noinline, no_sanitize("address"))) void *run_below(const struct start *start)
{
    char room[ROOM];
    __asm__ volatile("" : "=m"(room)); /* for the compiler it is used; it is not touched */
    void *result = start->run(start->argument);
    __asm__ volatile("" ::"m"(room)); /* no tail call */
    return result;
}

static void *begin(void *memory)
{
    struct start start = *(struct start *)memory;
    void *result;
    thrum__free(memory);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_push(ended_early, NULL);
    result = run_below(&start);
    pthread_cleanup_pop(0);
    return result;
}

int thrum__os_thread_start(thrum__os_thread *ret_thread, size_t stack_size, void *(*run)(void *),
                           void *argument)
{
    if (thrum__fault(THRUM__FAULT_THREAD_START))
        return -EAGAIN;
    struct start *start = thrum__alloc(sizeof *start);
    if (!start)
        return -ENOMEM;
    *start = (struct start){run, argument};
    pthread_attr_t attributes;
    pthread_t thread;
    int rc = -pthread_attr_init(&attributes);
    if (rc == 0) {
        size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
        if (stack_size)
            rc = -pthread_attr_setstacksize(&attributes,
                                            ROOM + (stack_size < least ? least : stack_size));
        if (rc == 0)
            rc = -pthread_create(&thread, &attributes, begin, start);
        pthread_attr_destroy(&attributes);
    }
    if (rc == 0)
        ret_thread->id = (uintptr_t)thread;
    else
        thrum__free(start);
    return rc;
}

int thrum__os_thread_start_helper(void *(*run)(void *))
{
    enum { STACK = 128 << 10 };
    if (thrum__fault(THRUM__FAULT_HELPER_START))
        return -EAGAIN;
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes))
        return -EAGAIN;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK + (size_t)sysconf(_SC_THREAD_STACK_MIN));
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits it */
    int rc = pthread_create(&thread, &attributes, run, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return rc ? -EAGAIN : 0;
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
