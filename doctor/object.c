/* The objects of the C library, as their bytes.
 *
 * A futex is a word; which object it belongs to, and where in it, follows from the function that
 * waits. The layouts have been the same since glibc 2.25, as programs with such objects in static
 * memory depend on them:
 *
 *   mutex      lock 0, count 4, owner 8 (the number of a thread), users 12, kind 16; waits on 0
 *   rwlock     readers 0, writers 4, phase 8, writers' word 12, writer 24 (a number); waits on 8 or 12,
 *              or on 0. Readers are counted (bits 3 and up), not named
 *   condition  words of two groups at 40 and 44 (glibc 2.41: 32 and 36); waits on one. No owner
 *   semaphore  value 0, waiters 4; waits on 0. No owner
 *   barrier    arrived 0, round 4, parties 8; waits on 4. No owner
 *   join       the word in the thread's descriptor that holds its number, and that the kernel clears
 *   FILE       lock 0, count 4, owner 8: the address of the owner's descriptor
 *
 * musl:
 *
 *   mutex      kind 0, lock 4, waiters 8; waits on 4. A normal one holds 16 and names no owner; of any other
 *              kind the word holds the owner's number
 *   semaphore  value 0, waiters 4
 *   join       a state in the thread's descriptor; the thread's number lies 8 bytes before it
 *
 * Which of the possible places a condition begins at is told by its waiter: pthread_cond_wait keeps
 * the addresses of condition and mutex side by side on its stack, for cancellation.
 *
 * If no function is known (a stripped static program) the bytes must do: a mutex is a word of 1, 2
 * or an owner with that thread's number at 8 and a legal kind at 16; a join is a word that holds a
 * thread's number and is expected to. What fits neither stays a futex. A number that no thread has
 * proves nothing here.
 */
#include "wait.h"

#include <stdio.h>

enum {
    MUTEX_KINDS = 0x3,
    MUTEX_ROBUST = 0x10,
    MUTEX_INHERIT = 0x20,
    MUTEX_SHARED = 0x80,
    MUTEX_BITS = 0x3f3, /* these, priority protection, and two for elision */
    OWN_STACK = 4096,
    CONTENDED = 2, /* what a waiter for a mutex expects in its word */
    TID_MASK = 0x3fffffff,
    MUSL_LOCKED = 16,
};

struct mutex_bytes {
    uint32_t lock, count;
    int32_t owner;
    uint32_t users, kind;
};

/* True if the bytes are those of a mutex that a living thread holds. */
static bool looks_like_mutex(const struct process *process, uint64_t address)
{
    struct mutex_bytes mutex;
    return memory_read(&process->memory, address, &mutex, sizeof mutex) &&
           (mutex.kind & ~(uint32_t)MUTEX_BITS) == 0 && mutex.users <= 0xffff &&
           process_thread(process, mutex.owner) >= 0 &&
           (mutex.lock == 1 || mutex.lock == 2 || (int)(mutex.lock & TID_MASK) == mutex.owner);
}

static void set_owner(struct wait *wait, int tid)
{
    wait->owner_tid = tid;
    wait->owner_state = tid > 0 ? OWNER_GONE : OWNER_NONE; /* until wait_owners has found it */
}

/* The system refuses to let a thread wait for mutexes with priority inheritance in a circle, and
 * the C library then lets the thread wait for ever, on a word of its own stack. Which mutex it was
 * is not kept. */
static bool is_refused(const struct process *process, const struct thread *thread, uint64_t word)
{
    uint64_t sp = thread->registers.value[REGISTER_STACK];
    const struct mapping *map = modules_map(&process->modules, word);
    return map && sp >= map->start && word >= sp && word < sp + OWN_STACK && !thread->wait.limited;
}

static void glibc_mutex(const struct process *process, const struct thread *thread,
                        struct wait *wait)
{
    static const char *const kinds[] = {"normal", "recursive", "error-checking", "adaptive"};
    struct mutex_bytes mutex;
    wait->object = wait->word;
    if (is_refused(process, thread, wait->word)) {
        wait->hopeless = true;
        wait->object = 0;
        snprintf(wait->type, sizeof wait->type, "a mutex");
        snprintf(wait->detail, sizeof wait->detail,
                 "priority inheritance: the system found that this "
                 "would close a circle, so it waits for ever");
        return;
    }
    if (!memory_read(&process->memory, wait->object, &mutex, sizeof mutex))
        return;
    set_owner(wait, mutex.owner);
    if (mutex.lock == 0)
        set_owner(wait, 0); /* released; the waiter is about to run */
    if (mutex.kind & MUTEX_SHARED)
        wait->shared = true;
    int length =
        snprintf(wait->detail, sizeof wait->detail, "%s%s%s", kinds[mutex.kind & MUTEX_KINDS],
                 mutex.kind & MUTEX_ROBUST ? ", robust" : "",
                 mutex.kind & MUTEX_INHERIT ? ", priority inheritance" : "");
    if ((mutex.kind & MUTEX_KINDS) == 1 && mutex.count > 1)
        snprintf(wait->detail + length, sizeof wait->detail - (size_t)length, ", locked %u times",
                 mutex.count);
}

static void musl_mutex(const struct process *process, struct wait *wait)
{
    uint32_t kind, lock;
    wait->object = wait->word - 4;
    if (!memory_half(&process->memory, wait->object, &kind) ||
        !memory_half(&process->memory, wait->word, &lock))
        return;
    if ((kind & 3) == 0 && (lock & 0x7fffffff) == MUSL_LOCKED)
        snprintf(wait->detail, sizeof wait->detail, "normal; musl keeps no owner of such a mutex");
    else
        set_owner(wait, (int)(lock & TID_MASK));
    if (kind & 128)
        wait->shared = true;
}

static void glibc_rwlock(const struct process *process, struct wait *wait, uint32_t expected)
{
    enum { WRITE_PHASE = 1, WRITE_LOCKED = 2, READER_SHIFT = 3 };
    uint32_t readers;
    int32_t writer;
    bool upper = wait->word % 8 == 4;
    uint64_t at_readers = wait->word;
    wait->object = upper ? wait->word - 12 : expected > 3 ? at_readers : wait->word - 8;
    if (!memory_half(&process->memory, wait->object, &readers) ||
        !memory_read(&process->memory, wait->object + 24, &writer, sizeof writer))
        return;
    set_owner(wait, writer);
    if (writer > 0)
        snprintf(wait->detail, sizeof wait->detail, "held for writing");
    else if (readers >> READER_SHIFT)
        snprintf(wait->detail, sizeof wait->detail,
                 "held by %u reader%s; the C library counts readers, but does not name them",
                 readers >> READER_SHIFT, readers >> READER_SHIFT == 1 ? "" : "s");
}

/* A pair of neighbouring words in the inner frames: the first is `first`, or the second is
 * `second`, and the other one is an address. Returns the other one; 0 if there is no such pair. */
static uint64_t pair_on_stack(const struct process *process, const struct thread *thread,
                              uint64_t first, uint64_t second)
{
    enum { INNER_FRAMES = 6, WORDS = 256 };
    uint64_t words[WORDS];
    for (int i = 0; i < thread->frame_count && i < INNER_FRAMES; i++) {
        const struct frame *frame = &thread->frames[i];
        size_t count = (size_t)(frame->top - frame->bottom) / 8;
        if (count > WORDS)
            count = WORDS;
        if (count < 2 || !memory_read(&process->memory, frame->bottom, words, count * 8))
            continue;
        for (size_t at = 0; at + 1 < count; at++) {
            if (first && words[at] == first && modules_map(&process->modules, words[at + 1]))
                return words[at + 1];
            if (second && words[at + 1] == second && words[at] != second &&
                modules_map(&process->modules, words[at]))
                return words[at];
        }
    }
    return 0;
}

static void glibc_condition(struct process *process, const struct thread *thread, struct wait *wait,
                            uint32_t expected)
{
    static const int offsets[] = {40, 32};
    uint64_t mutex = 0, base = wait->word - (wait->word % 8 == 4 ? 4 : 0);
    wait->object = base - 40;
    for (int i = 0; i < 2 && !mutex; i++) {
        mutex = pair_on_stack(process, thread, base - (uint64_t)offsets[i], 0);
        if (mutex)
            wait->object = base - (uint64_t)offsets[i];
    }
    if (!mutex && (pair_on_stack(process, thread, 0, wait->word) ||
                   (expected == CONTENDED && looks_like_mutex(process, wait->word)))) {
        /* The condition is left, and the wait is for its mutex again. */
        wait->kind = OBJECT_MUTEX;
        wait->action = "lock";
        snprintf(wait->type, sizeof wait->type, "mutex");
        glibc_mutex(process, thread, wait);
        size_t length = strlen(wait->detail);
        snprintf(wait->detail + length, sizeof wait->detail - length,
                 ", taken again after a wait for a condition");
    } else if (mutex) {
        char name[120];
        wait_name(process, mutex, name, sizeof name);
        snprintf(wait->detail, sizeof wait->detail, "with mutex %s", name);
    }
}

static void barrier(const struct process *process, struct wait *wait)
{
    uint32_t words[3];
    wait->object = wait->word - 4;
    if (process->musl || !memory_read(&process->memory, wait->object, words, sizeof words))
        return;
    if (words[2] > 0)
        snprintf(wait->detail, sizeof wait->detail, "%u of %u have arrived", words[0] - words[1],
                 words[2]);
}

static void semaphore(const struct process *process, struct wait *wait)
{
    uint32_t words[3];
    wait->object = wait->word;
    if (!memory_read(&process->memory, wait->object, words, sizeof words))
        return;
    if (words[2] != 0 && !process->musl)
        wait->shared = true;
    /* musl marks that there are waiters by the upper bit, alone or with all others. */
    uint32_t value = words[0] == ~(uint32_t)0 ? 0 : words[0] & 0x7fffffff;
    snprintf(wait->detail, sizeof wait->detail, "value %u", value);
}

/* The owner of a FILE's lock is the address of a thread's descriptor, which holds the thread's
 * number somewhere; it begins with its own address at 16. */
static void stream(const struct process *process, struct wait *wait)
{
    enum { DESCRIPTOR = 0x400 };
    uint64_t owner;
    uint32_t words[DESCRIPTOR / 4];
    wait->object = wait->word;
    if (process->musl || !memory_word(&process->memory, wait->object + 8, &owner) || owner == 0 ||
        !memory_read(&process->memory, owner, words, sizeof words))
        return;
    uint64_t self = (uint64_t)words[5] << 32 | words[4];
    if (self != owner)
        return;
    for (size_t i = 0x280 / 4; i < DESCRIPTOR / 4; i++)
        if (process_thread(process, (int)words[i]) >= 0) {
            set_owner(wait, (int)words[i]);
            return;
        }
}

static void by_bytes(const struct process *process, const struct thread *thread, struct wait *wait,
                     uint32_t expected)
{
    uint32_t word;
    wait->object = wait->word;
    if (!memory_half(&process->memory, wait->word, &word))
        return;
    if (word == expected && process_thread(process, (int)word) >= 0 && word > 2) {
        wait->kind = OBJECT_THREAD;
        wait->action = "join";
        snprintf(wait->type, sizeof wait->type, "end");
        set_owner(wait, (int)word);
        wait->shared = false;
        return;
    }
    if (!process->musl && looks_like_mutex(process, wait->word)) {
        wait->kind = OBJECT_MUTEX;
        wait->action = "lock";
        snprintf(wait->type, sizeof wait->type, "mutex");
        glibc_mutex(process, thread, wait);
    }
}

static void join(const struct process *process, struct wait *wait, uint32_t expected)
{
    uint32_t word;
    wait->object = wait->word;
    wait->shared = false; /* the kernel wakes it as if it were */
    if (process->musl) {
        if (memory_half(&process->memory, wait->word - 8, &word) &&
            process_thread(process, (int)word) >= 0)
            set_owner(wait, (int)word);
    } else if (memory_half(&process->memory, wait->word, &word) && word == expected)
        set_owner(wait, (int)word);
}

void object_decode(struct process *process, const struct thread *thread, struct wait *wait,
                   uint32_t expected)
{
    wait->object = wait->word;
    switch (wait->kind) {
    case OBJECT_MUTEX:
        process->musl ? musl_mutex(process, wait) : glibc_mutex(process, thread, wait);
        break;
    case OBJECT_RWLOCK:
        if (!process->musl)
            glibc_rwlock(process, wait, expected);
        break;
    case OBJECT_CONDITION:
        if (!process->musl)
            glibc_condition(process, thread, wait, expected);
        break;
    case OBJECT_SEMAPHORE:
        semaphore(process, wait);
        break;
    case OBJECT_BARRIER:
        barrier(process, wait);
        break;
    case OBJECT_THREAD:
        join(process, wait, expected);
        break;
    case OBJECT_STREAM:
        stream(process, wait);
        break;
    case OBJECT_FUTEX:
        by_bytes(process, thread, wait, expected);
        break;
    default:
        break;
    }
}
