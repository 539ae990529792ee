/* Sections and forks: why a child process finds no object half changed.
 *
 * A child process has one thread, which called fork. Every other thread of the parent is lost at
 * whatever instruction it had reached. An object that such a thread had half changed stays so for
 * ever: a guard bit that nobody clears, a queue with one link set of two. So the library decides
 * for every word of every object what a child finds there:
 *
 *     a guard bit, and the queue behind it   clear and whole: guards are held in sections only, and a fork
 *                                            waits until no other thread is in a section
 *     a cell of a ring between claim and     filled or free, for the same reason
 *     publication
 *     the owner of a lock                    the holder, which may be a lost thread: a waiter in the child
 *                                            is stopped with its name. LOCKED without an owner is never
 *                                            seen, as lock.c sets both in one step
 *     WAKING, the designated waker           may name a lost thread; it carries the number of the process
 *                                            (modulo 256), and counts only in that process (lock.c)
 *     a waiter of a lost thread in a queue   skipped by every wake (thrum__claim_waiter), and dropped
 *     a claim word, a signal word            belong to one context. The forking thread does not wait, so its
 *                                            words are at rest; those of lost contexts are never used again
 *     a lock of the library itself           free: the forking thread takes it before the fork
 *                                            (sync/fork_lock.c)
 *     an inbox, a ring of a fiber pool, a    belong to a pool, whose workers are lost: the pool refuses
 *     reactor                                further work with -ESRCH
 *     a future of such a pool                pending or running for ever: a wait in the child does not end
 *                                            before its deadline
 *     permits, arrivals that a lost thread   stay taken: the object does not know who has them
 *     has
 *     readings of a lost thread              end if they are in its slots (sync/read_slots.c), else stay
 *
 * The protocol. Each thread has a record with the depth of its sections. It writes its depth and
 * then reads the gate; the forking thread closes the gate and then reads all depths. Between write
 * and read each side needs a full fence, so that one of them sees the other. The forking thread has
 * one made for all threads at once, by membarrier; so the other threads need only keep the compiler
 * from reordering. Where the kernel has no membarrier the gate is never zero, and each section
 * makes its own fence.
 *
 * A thread that finds the gate closed leaves its section and sleeps until the gate opens. A nested
 * section passes: its thread is in a section already, and the fork waits for that. The forking
 * thread itself passes too, as handlers of the program that run after this one may use the library.
 * Nobody spins for a guard within a section of its own (park/guard.h), unless nested; so the fork
 * waits for a few instructions of threads that have a processor, or will get one.
 *
 * Threads that fork at the same time take turns: the gate is their lock. It closes after all other
 * handlers of the library and opens before them, as this file registers its handlers when it is
 * loaded: handlers may take locks, and their holders must be able to go on. What is registered
 * before that, by a library that is loaded earlier, runs while the gate is closed; such a handler
 * must not wait for another thread that uses thrum.
 *
 * Records live for ever: a record whose thread has ended is used again. In a child those of lost
 * threads are free.
 *
 * A program that makes processes by vfork, posix_spawn, _Fork or clone runs no handlers: after
 * these only exec and functions that are safe in a signal handler are allowed anyway.
 *
 * Rejected - Numbers of the process in every guard word, by which a child recognises a guard that
 * was left behind: every
 *   kind of object then needs its own repair of a half changed queue.
 * - The record naming the guard word, for a child that repairs it: at the end of a section the
 * object may be
 *   gone, and its memory another's.
 * - Holding all guards across the fork: the library has no list of the objects of a program.
 *
 * Sources: the asymmetric fences of liburcu (Desnoyers), membarrier(2); stop-the-world of garbage
 * collectors.
 */
#include "base/section.h"
#include "base/futex.h"
#include "base/spin.h"
#include <thrum/time.h>

#include <limits.h>
#include <stddef.h>

uint32_t thrum__section_gate;

enum { CLOSED = THRUM__GATE_CLOSED, UNFENCED = THRUM__GATE_UNFENCED };

static thrum__section_record *first; /* of all records; grows at its head */

void thrum__section_wait(thrum__section_record *self)
{
    for (;;) {
        uint32_t gate = thrum__load_acquire(&thrum__section_gate);
        if (gate & UNFENCED) {
            thrum__fence_seq_cst();
            gate = thrum__load_acquire(&thrum__section_gate);
        }
        if (!(gate & CLOSED) || self->forks || self->depth > 1)
            return;
        thrum__section_end(self);
        (void)thrum__futex_wait(&thrum__section_gate, gate, THRUM_FOREVER);
        thrum__store_relaxed(&self->depth, self->depth + 1);
        thrum__section_fence();
    }
}

#ifdef THRUM_EXPLORE

/* A client's records: one for each of its threads. */
static thrum__section_record records[THRUM__EXPLORE_THREADS];

void thrum__section_fence_all(void)
{
    thrum__fence_seq_cst();
}

thrum__section_record *thrum__section_self_make(void)
{
    thrum__section_record *self = &records[thrum__explore_thread_number()];
    if (!self->used) {
        self->used = 1;
        self->next = first;
        first = self;
    }
    return self;
}

#else

#include "base/panic.h"
#include "base/process.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STATIC_RECORDS = 32, MORE_RECORDS = 64 };

__thread thrum__section_record *thrum__section_self __attribute__((tls_model("initial-exec")));

static thrum__section_record static_records[STATIC_RECORDS];
static uint32_t list_lock; /* for the list and the marks `used`; a fork has it */
static pthread_key_t key;  /* only for its destructor */
static bool has_key;

void thrum__section_fence_all(void)
{
    if (thrum__load_relaxed(&thrum__section_gate) & UNFENCED)
        thrum__fence_seq_cst();
    else
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

static void lock_list(void)
{
    uint32_t turn = 0, expected = 0;
    while (!thrum__cas_weak_acquire(&list_lock, &expected, 1)) {
        expected = 0;
        thrum__spin(&turn);
    }
}

static void unlock_list(void)
{
    thrum__store_release(&list_lock, 0);
}

static void give_back(void *record)
{
    lock_list();
    ((thrum__section_record *)record)->used = 0;
    unlock_list();
    thrum__section_self = NULL;
}

/* Adds `count` records to the list. Under its lock. */
static void add_records(thrum__section_record *records, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        records[i].next = first;
        thrum__store_release(&first, &records[i]);
    }
}

/* One that is not in use, or NULL. Under the lock of the list. */
static thrum__section_record *find_free(void)
{
    thrum__section_record *record = first;
    while (record && record->used)
        record = record->next;
    return record;
}

thrum__section_record *thrum__section_self_make(void)
{
    lock_list();
    thrum__section_record *self = find_free();
    if (!self) {
        thrum__section_record *more = thrum__alloc_immortal(MORE_RECORDS * sizeof *more);
        if (more)
            add_records(more, MORE_RECORDS);
        self = more;
    }
    if (self)
        self->used = 1;
    unlock_list();
    if (!self)
        thrum__panic(NULL, "out of memory: cannot register a thread for forks");
    if (has_key)
        (void)pthread_setspecific(key, self); /* else its record is not used again */
    thrum__section_self = self;
    return self;
}

static void before_fork(void)
{
    thrum__section_record *self =
        thrum__section_self ? thrum__section_self : thrum__section_self_make();
    thrum__section_close(self);
    lock_list();
}

static void after_fork(void)
{
    unlock_list();
    thrum__section_open(thrum__section_self);
}

/* The records of lost threads, which are in no section, are free. */
static void begin_child(void)
{
    thrum__process_generation++;
    for (thrum__section_record *record = first; record; record = record->next)
        if (record != thrum__section_self)
            record->used = record->depth = 0;
    if (!(thrum__section_gate & UNFENCED))
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    after_fork();
}

__attribute__((constructor(101))) static void begin(void)
{
    add_records(static_records, STATIC_RECORDS);
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) < 0)
        thrum__section_gate = UNFENCED;
    has_key = pthread_key_create(&key, give_back) == 0;
    if (thrum__process_on_fork(before_fork, after_fork, begin_child) < 0)
        thrum__panic(NULL, "out of memory: cannot register what a fork has to do");
}

#endif

void thrum__section_close(thrum__section_record *self)
{
    uint32_t gate = thrum__load_relaxed(&thrum__section_gate);
    while (gate & CLOSED || !thrum__cas_acquire(&thrum__section_gate, &gate, gate | CLOSED)) {
        if (gate & CLOSED)
            (void)thrum__futex_wait(&thrum__section_gate, gate, THRUM_FOREVER);
        gate = thrum__load_relaxed(&thrum__section_gate);
    }
    self->forks = 1;
    thrum__section_fence_all();
    thrum__section_record *record = thrum__load_acquire(&first);
    for (; record; record = record->next) {
        uint32_t turn = 0;
        while (record != self && thrum__load_acquire(&record->depth))
            thrum__spin(&turn);
    }
}

void thrum__section_open(thrum__section_record *self)
{
    self->forks = 0;
    thrum__and_release(&thrum__section_gate, ~(uint32_t)CLOSED);
    thrum__futex_wake(&thrum__section_gate, INT_MAX);
}
