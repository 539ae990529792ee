/* What a thread waits for.
 *
 * Any sleep on a lock is the system call futex; which lock is told by the function that called it.
 * That function is the innermost one on the stack whose name, or whose name at the call, stands in
 * the table below. The name at the call matters: a stripped C library has no names for the
 * functions in between, and sem_wait ends in a jump, so that it has no frame.
 *
 * A futex wait without a time limit ends only by a wake-up. With a limit it ends by itself, so it
 * is never part of a deadlock, however it looks. A word in memory that is shared with other
 * processes can be woken by them.
 */
#include "wait.h"

#include "demangle.h"

#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

struct named_call {
    const char *function;
    enum object_kind kind;
    const char *action, *type;
};

static const struct named_call named_calls[] = {
    {"pthread_mutex_lock", OBJECT_MUTEX, "lock", "mutex"},
    {"pthread_mutex_timedlock", OBJECT_MUTEX, "lock", "mutex"},
    {"pthread_mutex_clocklock", OBJECT_MUTEX, "lock", "mutex"},
    {"__pthread_mutex_cond_lock", OBJECT_MUTEX, "lock", "mutex"},
    {"__pthread_mutex_timedlock", OBJECT_MUTEX, "lock", "mutex"},
    {"pthread_mutex_cond_lock", OBJECT_MUTEX, "lock", "mutex"},
    {"mtx_lock", OBJECT_MUTEX, "lock", "mutex"},
    {"mtx_timedlock", OBJECT_MUTEX, "lock", "mutex"},
    {"pthread_rwlock_rdlock", OBJECT_RWLOCK, "read", "rwlock"},
    {"pthread_rwlock_timedrdlock", OBJECT_RWLOCK, "read", "rwlock"},
    {"pthread_rwlock_clockrdlock", OBJECT_RWLOCK, "read", "rwlock"},
    {"pthread_rwlock_wrlock", OBJECT_RWLOCK, "write", "rwlock"},
    {"pthread_rwlock_timedwrlock", OBJECT_RWLOCK, "write", "rwlock"},
    {"pthread_rwlock_clockwrlock", OBJECT_RWLOCK, "write", "rwlock"},
    {"pthread_cond_wait", OBJECT_CONDITION, "wait", "condition"},
    {"pthread_cond_timedwait", OBJECT_CONDITION, "wait", "condition"},
    {"pthread_cond_clockwait", OBJECT_CONDITION, "wait", "condition"},
    {"cnd_wait", OBJECT_CONDITION, "wait", "condition"},
    {"cnd_timedwait", OBJECT_CONDITION, "wait", "condition"},
    {"sem_wait", OBJECT_SEMAPHORE, "wait", "semaphore"},
    {"sem_timedwait", OBJECT_SEMAPHORE, "wait", "semaphore"},
    {"sem_clockwait", OBJECT_SEMAPHORE, "wait", "semaphore"},
    {"pthread_barrier_wait", OBJECT_BARRIER, "wait", "barrier"},
    {"pthread_join", OBJECT_THREAD, "join", "end"},
    {"pthread_timedjoin_np", OBJECT_THREAD, "join", "end"},
    {"pthread_clockjoin_np", OBJECT_THREAD, "join", "end"},
    {"thrd_join", OBJECT_THREAD, "join", "end"},
    {"pthread_once", OBJECT_ONCE, "wait", "once control"},
    {"call_once", OBJECT_ONCE, "wait", "once control"},
    {"__cxa_guard_acquire", OBJECT_ONCE, "wait", "static variable's guard"},
    {"flockfile", OBJECT_STREAM, "lock", "FILE"},
    {"fputs", OBJECT_STREAM, "lock", "FILE"},
    {"puts", OBJECT_STREAM, "lock", "FILE"},
    {"fputc", OBJECT_STREAM, "lock", "FILE"},
    {"putc", OBJECT_STREAM, "lock", "FILE"},
    {"putchar", OBJECT_STREAM, "lock", "FILE"},
    {"printf", OBJECT_STREAM, "lock", "FILE"},
    {"fprintf", OBJECT_STREAM, "lock", "FILE"},
    {"vfprintf", OBJECT_STREAM, "lock", "FILE"},
    {"fwrite", OBJECT_STREAM, "lock", "FILE"},
    {"fread", OBJECT_STREAM, "lock", "FILE"},
    {"fgets", OBJECT_STREAM, "lock", "FILE"},
    {"fgetc", OBJECT_STREAM, "lock", "FILE"},
    {"getc", OBJECT_STREAM, "lock", "FILE"},
    {"fflush", OBJECT_STREAM, "lock", "FILE"},
    {"fclose", OBJECT_STREAM, "lock", "FILE"},
    {"malloc", OBJECT_FUTEX, "wait", "lock of malloc"},
    {"free", OBJECT_FUTEX, "wait", "lock of malloc"},
    {"calloc", OBJECT_FUTEX, "wait", "lock of malloc"},
    {"realloc", OBJECT_FUTEX, "wait", "lock of malloc"},
};

static const struct named_call *call_named(const char *name)
{
    if (!name)
        return NULL;
    for (size_t i = 0; i < sizeof named_calls / sizeof *named_calls; i++)
        if (strcmp(named_calls[i].function, name) == 0)
            return &named_calls[i];
    return NULL;
}

/* What stands between the program and a function of the table: another of the table, as
 * pthread_cond_wait calls pthread_mutex_cond_lock, or the C++ library. */
static bool is_wrapper(const char *name)
{
    return name && (call_named(name) || strncmp(name, "std::", 5) == 0 ||
                    strncmp(name, "__gthread_", 10) == 0);
}

static const struct named_call *waiting_call(const struct thread *thread, int *ret_caller)
{
    enum { INNER_FRAMES = 10 };
    for (int i = 0; i < thread->frame_count && i < INNER_FRAMES; i++) {
        const struct named_call *found = call_named(thread->frames[i].place->function);
        if (!found && i + 1 < thread->frame_count)
            found = call_named(thread->frames[i + 1].place->callee);
        if (!found)
            continue;
        int caller = i + 1;
        while (caller < thread->frame_count && is_wrapper(thread->frames[caller].place->function))
            caller++;
        *ret_caller = caller < thread->frame_count ? caller : -1;
        return found;
    }
    return NULL;
}

/* Seconds left of a time limit, or -1. */
static double time_left(const struct process *process, uint64_t address, bool absolute, bool real)
{
    struct timespec limit, now;
    if (process->tasks < 0 || !memory_read(&process->memory, address, &limit, sizeof limit))
        return -1;
    if (!absolute)
        return -1; /* when it began is not known */
    clock_gettime(real ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
    double left = (double)(limit.tv_sec - now.tv_sec) + (double)(limit.tv_nsec - now.tv_nsec) / 1e9;
    return left > 0 ? left : 0;
}

/* False if the call is no wait on a futex. */
static bool sleeps_on_word(const struct process *process, const struct thread *thread,
                           struct wait *wait, uint32_t *ret_expected)
{
    if (thread->where != THREAD_IN_CALL || thread->call != SYS_futex)
        return false;
    int operation = (int)thread->arguments[1], command = operation & FUTEX_CMD_MASK;
    if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI &&
        command != FUTEX_LOCK_PI2 && command != FUTEX_WAIT_REQUEUE_PI)
        return false;
    const struct mapping *map = modules_map(&process->modules, thread->arguments[0]);
    wait->word = thread->arguments[0];
    wait->shared = map && map->shared;
    wait->limited = thread->arguments[3] != 0;
    wait->left = -1;
    if (wait->limited)
        wait->left = time_left(process, thread->arguments[3], command != FUTEX_WAIT,
                               (operation & FUTEX_CLOCK_REALTIME) || command == FUTEX_LOCK_PI);
    *ret_expected = (uint32_t)thread->arguments[2];
    return true;
}

void wait_name(struct process *process, uint64_t address, char *text, size_t size)
{
    struct symbol symbol;
    const struct mapping *map = modules_map(&process->modules, address);
    struct module *module = modules_find(&process->modules, address);
    text[0] = 0;
    if (module && module_variable(module, address, &symbol)) {
        if (address == symbol.start)
            snprintf(text, size, "%s", demangle(symbol.name));
        else
            snprintf(text, size, "%s+0x%lx", demangle(symbol.name),
                     (unsigned long)(address - symbol.start));
        return;
    }
    for (int i = 0; map && i < process->count; i++) {
        const struct thread *thread = &process->threads[i];
        uint64_t sp = thread->registers.value[REGISTER_STACK];
        if (thread->frame_count > 0 && sp >= map->start && sp < map->end && address >= sp) {
            snprintf(text, size, "0x%lx, on the stack of %s %d", (unsigned long)address,
                     thread->fiber ? "fiber" : "thread", thread->tid);
            return;
        }
    }
    const char *where = "";
    const char *file = module ? strrchr(module->path, '/') : NULL;
    if (map && strcmp(map->label, "[heap]") == 0)
        where = ", on the heap";
    else if (map && map->shared)
        where = ", in shared memory";
    if (file && !map->shared)
        snprintf(text, size, "0x%lx, in %s", (unsigned long)address, file + 1);
    else
        snprintf(text, size, "0x%lx%s", (unsigned long)address, where);
}

void wait_decode(struct process *process, struct thread *thread)
{
    struct wait *wait = &thread->wait;
    uint32_t expected;
    if (!sleeps_on_word(process, thread, wait, &expected)) {
        call_describe(process, thread);
        return;
    }
    wait->caller = -1;
    const struct named_call *call = waiting_call(thread, &wait->caller);
    wait->kind = call ? call->kind : OBJECT_FUTEX;
    wait->action = call ? call->action : "wait";
    wait->call = call ? call->function : NULL;
    snprintf(wait->type, sizeof wait->type, "%s", call ? call->type : "futex");
    object_decode(process, thread, wait, expected);
}

bool wait_same_owner(struct process *process, const struct thread *thread)
{
    struct wait again = thread->wait;
    /* The owners of these were found once all threads had been looked at. */
    if (again.kind == OBJECT_THRUM || again.kind == OBJECT_ONCE || again.word == 0 || thread->fiber)
        return true;
    if (again.kind == OBJECT_THREAD && again.call == NULL && again.object != again.word)
        return true; /* a join of thrum's */
    again.owner_state = OWNER_NONE;
    again.owner_tid = 0;
    object_decode(process, thread, &again, (uint32_t)thread->arguments[2]);
    return again.owner_tid == thread->wait.owner_tid;
}

/* The thread that runs the initializer of a once: pthread_once keeps the address of the object on
 * its stack, so that a cancelled initializer can be undone. */
static int once_owner(const struct process *process, int waiter, uint64_t object)
{
    enum { FRAME_SIZE = 4096 }; /* of pthread_once; a wrong frame may seem to have any size */
    for (int i = 0; i < process->count; i++) {
        const struct thread *thread = &process->threads[i];
        if (i == waiter || (thread->wait.kind == OBJECT_ONCE && thread->wait.object == object))
            continue;
        for (int f = 0; f < thread->frame_count; f++) {
            const struct frame *frame = &thread->frames[f];
            const char *name = frame->place->function;
            const char *called =
                f + 1 < thread->frame_count ? thread->frames[f + 1].place->callee : NULL;
            if (!(name && (strcmp(name, "pthread_once") == 0 || strcmp(name, "call_once") == 0 ||
                           strcmp(name, "__pthread_once_slow") == 0)) &&
                !(called &&
                  (strcmp(called, "pthread_once") == 0 || strcmp(called, "call_once") == 0)))
                continue;
            uint64_t size = frame->top - frame->bottom;
            if (size > FRAME_SIZE)
                size = FRAME_SIZE;
            for (uint64_t at = frame->bottom; at - frame->bottom < size; at += 8) {
                uint64_t value;
                if (memory_word(&process->memory, at, &value) && value == object)
                    return i;
            }
        }
    }
    return -1;
}

void wait_owners(struct process *process)
{
    for (int i = 0; i < process->count; i++) {
        struct wait *wait = &process->threads[i].wait;
        if (wait->kind == OBJECT_NONE)
            continue;
        if (!wait->name[0] && wait->object && wait->kind != OBJECT_THREAD)
            wait_name(process, wait->object, wait->name, sizeof wait->name);
        if (wait->kind == OBJECT_THRUM || wait->owner >= 0) /* thrum_objects.c knows it */
            continue;
        if (wait->kind == OBJECT_ONCE && !process->musl) {
            wait->owner = once_owner(process, i, wait->object);
            if (wait->owner >= 0) {
                wait->owner_state = OWNER_LIVES;
                wait->owner_tid = process->threads[wait->owner].inner_tid;
            }
            continue;
        }
        if (wait->owner_state == OWNER_NONE)
            continue;
        wait->owner = process_thread(process, wait->owner_tid);
        if (wait->owner >= 0)
            wait->owner_state = OWNER_LIVES;
        else
            wait->owner_state = wait->shared ? OWNER_OUTSIDE : OWNER_GONE;
    }
}
