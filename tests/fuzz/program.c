/* Programs: a list of operations for each actor, drawn from a seed.
 *
 * Every program ends, unless the library is wrong: a hang is then always a defect. An operation that
 * waits without a deadline waits for one of these.
 *
 *   - A lock or a permit. Its holder waits only for locks that are later in one fixed order, and gives
 *     it back.
 *   - A submitted task, which runs leaf operations only: these wait for locks and permits alone.
 *   - An item or room in a stream. An actor is a producer or a consumer of one stream, and consumers
 *     go on until they have taken as many items as are put, or until the stream is closed. A stream
 *     that lacks either side, after shrinking, is left alone.
 *   - An event or a future. These are set and ended by workers alone, and a worker waits for no actor
 *     without a deadline. What no worker sets is set before the start.
 *   - The barrier: its parties all go through the same number of rounds, and wait for nothing but it,
 *     locks and tasks. A wait there that ends early breaks it for all.
 *
 * An operation that was taken out, or an actor all of whose operations were taken out, leaves a
 * program of the same kind: that is what shrinking needs. The mask of an actor says which are left. */
#include "fuzz.h"

#include <stdio.h>

/* The explorer runs the same programs, small ones, in every interleaving: without what needs the system. */
#ifdef THRUM_EXPLORE
enum { STREAM_KINDS = FUZZ_PIPE };
static const struct fuzz_concern *const concerns[] = {&fuzz_sync, &fuzz_streams, &fuzz_futures,
                                                      &fuzz_requests, NULL};
#else
enum { STREAM_KINDS = FUZZ_STREAM_KINDS };
static const struct fuzz_concern *const concerns[] = {&fuzz_sync,   &fuzz_streams, &fuzz_futures,
                                                      &fuzz_pools,  &fuzz_system,  &fuzz_net,
                                                      &fuzz_shared, NULL};
#endif

static const char *const role_names[] = {"worker", "producer", "consumer", "party"};
static const char *const carrier_names[] = {"thread", "bare", "fiber", "fibers", "pool", "inline"};
static const char *const wait_names[] = {"forever", "now", "past", "tiny", "short"};
static const char *const stream_names[] = {"unbounded", "bounded", "lifo", "priority", "locked",
                                           "condition", "deque",   "pipe", "socket",   "shared"};
static const char *const end_names[] = {"tickets", "closed", "abrupt"};

/* splitmix64: a permutation of a counter. */
uint64_t fuzz_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(uint64_t *state, unsigned count)
{
    return (unsigned)(fuzz_random(state) % count);
}

const struct fuzz_concern *fuzz_concern(unsigned index)
{
    return concerns[index];
}

unsigned fuzz_kind_count(void)
{
    unsigned count = 0;
    for (unsigned i = 0; concerns[i]; i++)
        count += concerns[i]->count;
    return count;
}

const struct fuzz_kind *fuzz_kind(unsigned index)
{
    for (unsigned i = 0; concerns[i]; index -= concerns[i++]->count)
        if (index < concerns[i]->count)
            return &concerns[i]->kinds[index];
    return NULL;
}

bool fuzz_has(const struct fuzz_actor *actor, unsigned op)
{
    return op < actor->count && actor->mask >> op & 1;
}

/* Whether some actor has such an operation on that object. */
bool fuzz_program_uses(void (*run)(struct fuzz_self *, const struct fuzz_op *), unsigned object)
{
    for (unsigned a = 0; a < fuzz_program->actors; a++) {
        const struct fuzz_actor *actor = &fuzz_program->actor[a];
        for (unsigned i = 0; i < actor->count; i++)
            if (fuzz_has(actor, i) && actor->op[i].object == object &&
                fuzz_kind(actor->op[i].kind)->run == run)
                return true;
    }
    return false;
}

/* An operation for that role, by weight. With a favoured concern, half of them are of it: so a program
 * has many operations on few objects. */
static struct fuzz_op draw(uint64_t *state, unsigned role, const struct fuzz_concern *favoured)
{
    unsigned sum = 0, at = 0;
    bool narrow = below(state, 2);
    for (int pass = 0; pass < 2; pass++) {
        unsigned left = pass && sum ? below(state, sum) : 0;
        for (unsigned i = 0; i < fuzz_kind_count(); i++) {
            const struct fuzz_kind *kind = fuzz_kind(i);
            bool mine = kind >= favoured->kinds && kind < favoured->kinds + favoured->count;
            if (!(kind->roles >> role & 1) || (narrow && !mine))
                continue;
            if (!pass) {
                sum += kind->weight;
            } else if (left < kind->weight) {
                at = i;
                break;
            } else {
                left -= kind->weight;
            }
        }
        if (!pass && !sum && narrow) { /* it has nothing for this role */
            narrow = false;
            pass = -1;
        }
    }
    return (struct fuzz_op){.kind = (uint8_t)at,
                            .object = (uint8_t)below(state, fuzz_kind(at)->objects),
                            .wait = (uint8_t)below(state, FUZZ_WAITS),
                            .value = (uint16_t)fuzz_random(state)};
}

static void generate_actor(struct fuzz_program *program, unsigned number, unsigned ops,
                           uint64_t *state)
{
    static const uint8_t roles[] = {FUZZ_WORKER,   FUZZ_WORKER, FUZZ_PRODUCER, FUZZ_CONSUMER,
                                    FUZZ_CONSUMER, FUZZ_PARTY,  FUZZ_PRODUCER, FUZZ_WORKER};
    struct fuzz_actor *actor = &program->actor[number];
    actor->role = roles[below(state, 8)];
    actor->stream = (uint8_t)below(state, FUZZ_STREAMS);
    /* Half of the threads are such as the library did not start. */
    actor->carrier = (uint8_t)(below(state, 3) ? below(state, FUZZ_CARRIERS) : FUZZ_BARE);
    actor->count = (uint8_t)(1 + below(state, ops));
    actor->mask = UINT64_MAX;
    const struct fuzz_concern *favoured =
        concerns[below(state, sizeof concerns / sizeof *concerns - 1)];
    for (unsigned i = 0; i < actor->count; i++)
        actor->op[i] = draw(state, actor->role, favoured);
}

void fuzz_generate(struct fuzz_program *program, uint64_t seed, unsigned actors, unsigned ops)
{
    *program = (struct fuzz_program){.seed = seed};
    uint64_t state = seed;
    program->actors = 2 + below(&state, actors - 1);
    program->rounds = below(&state, 8) ? 2 : 10;
    program->permits = 1 + below(&state, 3);
    program->workers = 1 + below(&state, 4);
    program->fiber_stack = below(&state, 3) ? 0 : (size_t)32 << 10;
    for (unsigned i = 0; i < FUZZ_STREAMS; i++) {
        program->stream[i].kind = (uint8_t)below(&state, STREAM_KINDS);
        program->stream[i].end = (uint8_t)below(&state, 3);
        program->stream[i].capacity = (uint8_t)(1 + below(&state, 4));
    }
    for (unsigned i = 0; i < program->actors; i++)
        generate_actor(program, i, ops, &state);
}

void fuzz_print(const struct fuzz_program *program)
{
    printf("program %#jx: %u rounds, %u permits, %u workers, fiber stacks of %zu\n",
           (uintmax_t)program->seed, program->rounds, program->permits, program->workers,
           program->fiber_stack);
    for (unsigned i = 0; i < FUZZ_STREAMS; i++)
        printf("  stream %u: %s, %s, capacity %u\n", i, stream_names[program->stream[i].kind],
               end_names[program->stream[i].end], program->stream[i].capacity);
    for (unsigned a = 0; a < program->actors; a++) {
        const struct fuzz_actor *actor = &program->actor[a];
        if (!(actor->mask & ((UINT64_C(1) << actor->count) - 1)))
            continue;
        printf("  actor %u, %s (stream %u), carried by %s:", a, role_names[actor->role],
               actor->stream, carrier_names[actor->carrier]);
        for (unsigned i = 0; i < actor->count; i++)
            if (fuzz_has(actor, i))
                printf(" %s(%u,%s,%u)", fuzz_kind(actor->op[i].kind)->name, actor->op[i].object,
                       wait_names[actor->op[i].wait], actor->op[i].value);
        printf("\n");
    }
}
