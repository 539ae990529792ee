/* Races: two plain accesses to one place, one of them a write, that nothing orders.
 *
 * Each marked place remembers its last writer and the writer's step, and for each thread its last
 * read. An access is ordered after another if the other's step is in the clock of the thread that
 * accesses now (order.c). A plain access counts as a part of its thread's next step, so only a
 * later release orders it.
 *
 * Places are words of four bytes. Accesses that are smaller or not aligned are kept byte by byte. A
 * place that is accessed in both ways is two places here, which may hide a race, and never invents
 * one. A race is found in every interleaving in which both accesses are unordered, whichever runs
 * first, so few interleavings suffice to find it.
 */
#include "explorer/race.h"
#include "explorer/machine.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 8192, WORD = 4 };

struct access {
    uint32_t epoch; /* 0: none */
    int line;
    const char *file;
};

struct place {
    uintptr_t key; /* its address, and 1 in the top bit where it is a byte */
    uint32_t run;
    uint8_t writer;
    struct access write;
    struct access read[THRUM__EXPLORE_THREADS];
};

static struct table {
    uint32_t run;
    unsigned used;
    uint32_t filled[SLOTS]; /* the places of this run */
    struct place place[SLOTS];
} * table; /* made before the first run: see memory.c */

void thrum__explore_race_reset(void)
{
    if (!table)
        table = calloc(1, sizeof *table);
    if (!table)
        abort();
    table->run++;
    table->used = 0;
}

static struct place *find(uintptr_t key)
{
    unsigned at = (unsigned)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 51) % SLOTS;
    while (table->place[at].run == table->run) {
        if (table->place[at].key == key)
            return &table->place[at];
        at = (at + 1) % SLOTS;
    }
    if (table->used == SLOTS - 1)
        thrum__explore_fail("more than %d places are marked in one run", SLOTS);
    table->filled[table->used++] = at;
    struct place *place = &table->place[at];
    memset(place, 0, sizeof *place);
    place->key = key;
    place->run = table->run;
    return place;
}

static const uintptr_t byte_bit = (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1);

void thrum__explore_race_forget(const void *address, size_t size)
{
    uintptr_t from = (uintptr_t)address;
    for (unsigned i = 0; i < table->used; i++) {
        struct place *place = &table->place[table->filled[i]];
        if ((place->key & ~byte_bit) - from < size) {
            place->write.epoch = 0;
            memset(place->read, 0, sizeof place->read);
        }
    }
}

__attribute__((noreturn)) static void fail(const void *address, const char *now, const char *file,
                                           int line, const char *then, unsigned thread,
                                           const struct access *other)
{
    char text[128];
    thrum__explore_describe(text, sizeof text, address);
    thrum__explore_fail("race on %s: %s by %s at %s:%d is not ordered after the %s by %s at %s:%d",
                        text, now, thrum__explore_thread_name(thrum__explore_machine_->current),
                        thrum__explore_file(file), line, then, thrum__explore_thread_name(thread),
                        thrum__explore_file(other->file), other->line);
}

static void visit(uintptr_t key, bool write, const char *file, int line)
{
    thrum__explore_machine *m = thrum__explore_machine_;
    unsigned me = m->current;
    const thrum__explore_clock *clock = &thrum__explore_self()->clock;
    const void *address = (const void *)(key & ~byte_bit);
    const char *now = write ? "write" : "read";
    struct place *place = find(key);
    if (place->write.epoch > clock->at[place->writer] && place->writer != me)
        fail(address, now, file, line, "write", place->writer, &place->write);
    struct access access = {.epoch = clock->at[me] + 1, .line = line, .file = file};
    if (!write) {
        place->read[me] = access;
        return;
    }
    for (unsigned i = 0; i < m->threads; i++)
        if (i != me && place->read[i].epoch > clock->at[i])
            fail(address, now, file, line, "read", i, &place->read[i]);
    place->writer = (uint8_t)me;
    place->write = access;
}

void thrum__explore_race_each(void (*visit_access)(uintptr_t place, unsigned kind, unsigned thread,
                                                   uint32_t epoch))
{
    for (unsigned i = 0; i < table->used; i++) {
        const struct place *place = &table->place[table->filled[i]];
        visit_access(place->key, 0, place->writer, place->write.epoch);
        for (unsigned t = 0; t < thrum__explore_machine_->threads; t++)
            visit_access(place->key, 1, t, place->read[t].epoch);
    }
}

void thrum__explore_race_end(const void *address, size_t size)
{
    const thrum__explore_thread *self = thrum__explore_self();
    uintptr_t from = (uintptr_t)address;
    for (unsigned i = 0; i < table->used; i++) {
        uintptr_t key = table->place[table->filled[i]].key;
        if ((key & ~byte_bit) - from < size)
            visit(key, true, self->file, self->line);
    }
}

static void do_plain(const void *address, size_t size, bool write, const char *file, int line)
{
    if (!thrum__explore_active())
        return;
    thrum__explore_thread *self = thrum__explore_self();
    self->file = file;
    self->line = line;
    thrum__explore_memory_check(address, size, write ? "write" : "read");
    thrum__explore_tell(write ? "write" : "read", address, 0, 0, false);
    uintptr_t at = (uintptr_t)address;
    bool words = at % WORD == 0 && size % WORD == 0;
    for (size_t i = 0; i < size; i += words ? WORD : 1)
        visit(words ? at + i : (at + i) | byte_bit, write, file, line);
}

void thrum__explore_plain(const void *address, size_t size, bool write, const char *file, int line)
{
    do_plain(address, size, write, file, line);
    thrum__explore_wipe();
}
