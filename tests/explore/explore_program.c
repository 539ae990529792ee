/* Programs of the fuzzer (tests/fuzz/), small ones, in every interleaving up to a bound. What the fuzzer
 * tries in the few schedules that the system gives is tried here in all, and a failure replays.
 *
 * The operations and what they check are the fuzzer's own. Only this differs: all actors are threads of
 * the explorer, and deadlines pass when it says so. A program is small
 * enough if it has two or three actors with up to three operations each. */
#include "../fuzz/fuzz.h"
#include "explore.h"
#include "park/scope.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ACTORS = 3, OPS = 3, PROGRAMS = 32 };

const struct fuzz_program *fuzz_program;

static struct fuzz_self actors[ACTORS];

/* Requests to stop. A context may be asked only while its actor is there: under the lock. */
static struct {
    thrum_lock lock;
    thrum__context *context[ACTORS];
    uint32_t asked[ACTORS];
} requests;

static void set_present(unsigned actor, thrum__context *context)
{
    thrum_lock_acquire(&requests.lock);
    requests.context[actor] = context;
    thrum_lock_release(&requests.lock);
}

static void cancel(struct fuzz_self *self, const struct fuzz_op *op)
{
    (void)self;
    thrum_lock_acquire(&requests.lock);
    if (requests.context[op->object]) {
        thrum__store_release(&requests.asked[op->object], 1);
        thrum__cancel(requests.context[op->object]);
    }
    thrum_lock_release(&requests.lock);
}

static void nothing(void)
{
}

static const struct fuzz_kind kinds[] = {{"cancel", 1u << FUZZ_WORKER, 6, ACTORS, false, cancel}};

const struct fuzz_concern fuzz_requests = {kinds, 1, nothing, nothing};

void fuzz_fail(const char *file, int line, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    thrum__explore_fail("%s, at %s:%d", text, thrum__explore_file(file), line);
}

bool fuzz_fault(const char *name)
{
    (void)name;
    return false;
}

thrum_deadline fuzz_deadline(struct fuzz_self *self, unsigned wait)
{
    (void)self;
    switch (wait) {
    case FUZZ_FOREVER:
        return THRUM_FOREVER;
    case FUZZ_NOW:
        return THRUM_NOW;
    case FUZZ_PAST:
        return thrum_at(thrum_now() - 1);
    default:
        return thrum_in(1);
    }
}

void fuzz_allowed(const struct fuzz_self *self, unsigned wait, int rc, const char *file, int line)
{
    if (rc == -ECANCELED && thrum__load_acquire(self->asked))
        return;
    if (rc == 0 || (wait == FUZZ_NOW && rc == -EAGAIN) ||
        (wait != FUZZ_NOW && wait != FUZZ_FOREVER && rc == -ETIMEDOUT))
        return;
    fuzz_fail(file, line, "a wait gives %d, which its deadline %u does not allow", rc, wait);
}

static void act(void *argument)
{
    struct fuzz_self *self = argument;
    const struct fuzz_actor *actor = &fuzz_program->actor[self->actor];
    set_present(self->actor, thrum__self());
    for (unsigned i = 0; i < actor->count; i++)
        fuzz_kind(actor->op[i].kind)->run(self, &actor->op[i]);
    if (actor->role == FUZZ_PRODUCER || actor->role == FUZZ_CONSUMER)
        fuzz_leave_stream(self);
    else if (actor->role == FUZZ_PARTY)
        fuzz_leave_barrier(self);
    set_present(self->actor, NULL);
}

static void run(uint64_t seed)
{
    static const char *const names[ACTORS] = {"actor 0", "actor 1", "actor 2"};
    static struct fuzz_program program;
    fuzz_generate(&program, seed, ACTORS, OPS);
    fuzz_program = &program;
    for (unsigned i = 0; fuzz_concern(i); i++)
        fuzz_concern(i)->set_up();
    unsigned parties = 0;
    for (unsigned a = 0; a < program.actors; a++) {
        parties += program.actor[a].role == FUZZ_PARTY;
        fuzz_join_stream(&program.actor[a]);
    }
    fuzz_parties(parties);
    for (unsigned a = 0; a < program.actors; a++) {
        actors[a] = (struct fuzz_self){a, seed + a, &requests.asked[a]};
        explore_spawn(names[a], act, &actors[a]);
    }
    explore_join_all();
    for (unsigned i = 0; fuzz_concern(i); i++)
        fuzz_concern(i)->finish();
}

/* By walks, as many programs as there are runs; `explore --only program_any --random 100000` at length.
 * The number of the program is a choice of the explorer, so a replay has it. */
EXPLORE(program_any, .preemptions = 1, .timeouts = 1, .rescue = true, .runs = 200, .partial = true,
        .walks = 4000)
{
    uint64_t low = explore_any(PROGRAMS), middle = explore_any(PROGRAMS);
    run(low + PROGRAMS * (middle + PROGRAMS * (uint64_t)explore_any(PROGRAMS)));
}

/* Some by name, with every interleaving up to one preemption. */
#define PROGRAM(number)                                                                            \
    EXPLORE(program_##number, .preemptions = 1, .long_preemptions = 2, .timeouts = 1,              \
            .rescue = true, .runs = 3000, .partial = true)                                         \
    {                                                                                              \
        run(number);                                                                               \
    }

PROGRAM(1)
PROGRAM(2)
PROGRAM(3)
PROGRAM(4)
PROGRAM(5)
PROGRAM(6)
PROGRAM(7)
PROGRAM(8)
