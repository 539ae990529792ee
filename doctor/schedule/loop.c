/* Loops in which a thread waits for memory that another thread writes.
 *
 * A thread that reads the same values again and again, without a write or a call in between, may wait for another:
 * it goes behind. An atomic instruction that leaves the value as it was, such as a test-and-set of a lock that is held, is
 * such a read. If no other thread could go on, and the registers and the stack are those of an earlier turn of the loop,
 * too, nothing will ever change, and the run has failed. Yields and sleeps of the loop change nothing either. A loop that
 * counts is none that waits: its counter differs.
 *
 * A function of a library that the loop calls could remember something, and return the same: that is not seen.
 */
#include "loop.h"

#include "pages.h"
#include "turns.h"

#include <string.h>

#if defined(__x86_64__)

enum {
    READS_KEPT = 8,
    LOOPS_MOST = 1024, /* reads of the same values, while no other thread goes on */
    STACK_SEEN = 8192, /* of the stack, the part that a loop may use */
    RED_ZONE = 128,
    FXSAVE_SIZE = 416, /* of the area of fxsave: x87 and SSE */
    LOOP_SLEEP_NS = 1000000,
};

/* What the threads have read last. */
static struct {
    uint64_t seen[READS_KEPT]; /* a hash of place, address and value */
    uint32_t next, loops;
    uint32_t moves, steps; /* of the run, when it read last */
    uint64_t state;        /* a hash of registers and stack, at an earlier turn of the loop */
} reads[SCHEDULE_THREADS];

/* The last atomic instruction of each thread. */
static struct atomic {
    uintptr_t place, address;
    uint64_t before;
    uint32_t steps; /* of the run, after it; 0: none */
    uint8_t size;
} atomics[SCHEDULE_THREADS];

static uint64_t hash(uint64_t sum, const void *from, size_t size)
{
    const uint8_t *bytes = from;
    for (size_t at = 0; at + sizeof sum <= size; at += sizeof sum) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof word);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15;
        sum ^= sum >> 32;
    }
    return sum;
}

/* All that a thread can count with: its registers and its stack, but for frames far outside. A call leaves anything in the
 * registers that it need not keep, and below the stack. */
static uint64_t state_of(const ucontext_t *user, bool called)
{
    static const uint8_t kept[] = {REG_RBX, REG_RBP, REG_R12, REG_R13,
                                   REG_R14, REG_R15, REG_RSP, REG_RIP};
    static uint8_t stack[STACK_SEEN];
    const greg_t *registers = user->uc_mcontext.gregs;
    uintptr_t top = (uintptr_t)registers[REG_RSP];
    uint64_t sum = 1;
    for (size_t i = 0; called && i < sizeof kept; i++)
        sum = hash(sum, &registers[kept[i]], sizeof *registers);
    if (!called) {
        sum = hash(sum, registers, (REG_EFL + 1) * sizeof *registers);
        if (user->uc_mcontext.fpregs)
            sum = hash(sum, user->uc_mcontext.fpregs, FXSAVE_SIZE);
        top -= RED_ZONE;
    }
    return hash(sum, stack, thrum__pages_peek_some(top, stack, sizeof stack));
}

/* True if the thread has been in the same state before. The state of a power of two is kept, so a loop of any
 * period is found (Brent, "An improved Monte Carlo factorization algorithm", 1980). */
static bool is_back(const ucontext_t *user, uint32_t loops, bool called)
{
    uint64_t *kept = &reads[thrum__turn_self->index].state, state = state_of(user, called);
    if ((loops & (loops - 1)) != 0)
        return state == *kept;
    *kept = state;
    return false;
}

bool thrum__loop_read(const ucontext_t *user, uintptr_t place, uintptr_t address, uint64_t value)
{
    const struct turn_thread *self = thrum__turn_self;
    uint64_t seen = ((place * 31 + address) * 0x9e3779b97f4a7c15 ^ value) | 1;
    uint32_t moves = thrum__turn_moves(), steps = thrum__turn_region->steps;
    bool again = false, alone = reads[self->index].moves + 1 == moves;
    bool called = reads[self->index].steps + 1 != steps;
    for (int i = 0; i < READS_KEPT; i++)
        again |= reads[self->index].seen[i] == seen;
    reads[self->index].moves = moves;
    reads[self->index].steps = steps;
    if (!again) {
        reads[self->index].seen[reads[self->index].next++ % READS_KEPT] = seen;
        reads[self->index].loops = 0;
        return false;
    }
    thrum__turn_region->loops |= thrum__turn_region->plan.learn;
    thrum__turn_behind();
    /* No other thread has taken a step since it read last: perhaps none ever will. */
    uint32_t loops = reads[self->index].loops = alone ? reads[self->index].loops + 1 : 0;
    if (loops < LOOPS_MOST)
        return true;
    if (is_back(user, loops, called) && !thrum__turn_anyone())
        thrum__turn_fail(VERDICT_STUCK, (const void *)address, (const void *)place,
                         "a thread waits in a loop for memory that no other thread can change");
    if (loops % LOOPS_MOST == 0 && thrum__turn_anyone()) { /* time must pass first */
        thrum__turn_sleep(thrum__turn_now() + LOOP_SLEEP_NS * loops, (const void *)(place + 1));
        reads[self->index].steps = thrum__turn_region->steps;
    }
    return true;
}

void thrum__loop_ends(void)
{
    memset(&reads[thrum__turn_self->index], 0, sizeof reads[0]);
}

void thrum__loop_atomic(uintptr_t place, uintptr_t address, uint64_t value, size_t size)
{
    atomics[thrum__turn_self->index] =
        (struct atomic){place, address, value, thrum__turn_region->steps, (uint8_t)size};
}

/* If another thread has taken a step since, the instruction counts as a write. */
bool thrum__loop_settle(const ucontext_t *user)
{
    struct atomic *last = &atomics[thrum__turn_self->index];
    uint64_t value = 0;
    uint32_t steps = last->steps;
    if (steps == 0)
        return false;
    last->steps = 0;
    if (steps == thrum__turn_region->steps &&
        thrum__pages_peek(last->address, &value, last->size) && value == last->before)
        return thrum__loop_read(user, last->place, last->address, value);
    thrum__loop_ends();
    return false;
}

#endif
