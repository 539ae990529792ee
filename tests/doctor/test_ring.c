/* Rings of events, written as the preload library does and read as the watcher does.
 *
 * A region is laid out here, so a test can also leave an event half written, which in a program only a
 * preempted thread or a handler does.
 */
#include "harness.h"

#include "doctor/preload/trace.h"
#include "doctor/ring_reader.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

enum { BITS = 8, EVENTS = 1 << BITS };

/* What the inline functions of the library refer to. */
struct region *thrum__watch_region;
__thread struct slot *thrum__watch_self;

uint64_t thrum__watch_now(void)
{
    return 0;
}

uint32_t thrum__trace_intern(struct slot *slot, uint64_t key, uint64_t site, enum lock_kind kind)
{
    (void)slot;
    (void)key;
    (void)site;
    (void)kind;
    return 0;
}

static struct recording recording;
static struct slot *slot;

static struct ring *ring(void)
{
    return (struct ring *)(uintptr_t)slot->ring;
}

static void prepare(void)
{
    struct region *region = mmap(NULL, region_size(BITS), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(region != MAP_FAILED);
    region->ring_bits = BITS;
    region->ring_clock = RING_CLOCK_COUNTER;
    thrum__watch_region = region;
    slot = &region->slots[3];
    slot->ring_bits = BITS;
    slot->ring = (uint64_t)(uintptr_t)(region + 1) + 3 * ring_size(BITS);
    recording = (struct recording){.region = region, .ring_bits = BITS};
}

/* An event whose two words belong together. */
static void write_event(uint64_t number)
{
    thrum__trace_put(slot, RING_ACQUIRE, number, (uint32_t)(number * 7 % RING_PLACES));
}

static void check_event(const struct ring_event *event, uint64_t number)
{
    CHECK_INT(ring_kind(event), ==, RING_ACQUIRE);
    CHECK_INT(ring_object(event), ==, number & RING_OBJECT_MASK);
    CHECK_INT(ring_place(event), ==, number * 7 % RING_PLACES);
}

TEST(a_reader_gets_what_was_written)
{
    struct ring_cursor cursor = {0};
    struct ring_event events[64];
    prepare();
    CHECK_INT(ring_read(&recording, 3, &cursor, events, 64, false), ==, 0);
    for (uint64_t i = 0; i < 100; i++)
        write_event(i);
    CHECK_INT(ring_read(&recording, 3, &cursor, events, 64, false), ==, 64);
    for (uint64_t i = 0; i < 64; i++)
        check_event(&events[i], i);
    CHECK_INT(ring_read(&recording, 3, &cursor, events, 64, false), ==, 36);
    check_event(&events[35], 99);
    CHECK_INT(ring_read(&recording, 3, &cursor, events, 64, false), ==, 0);
    CHECK_INT(cursor.lost, ==, 0);
    CHECK_INT(ring_read(&recording, 2, &(struct ring_cursor){0}, events, 64, true), ==, 0);
}

TEST(what_is_written_over_is_counted)
{
    struct ring_cursor cursor = {0};
    static struct ring_event events[EVENTS * 2];
    prepare();
    for (uint64_t i = 0; i < 1000; i++)
        write_event(i);
    CHECK_INT(ring_read(&recording, 3, &cursor, events, EVENTS * 2, false), ==, EVENTS);
    CHECK_INT(cursor.lost, ==, 1000 - EVENTS);
    for (uint64_t i = 0; i < EVENTS; i++)
        check_event(&events[i], 1000 - EVENTS + i);
}

/* Takes a place as a thread does that is preempted right after. */
static struct ring_event *claim(uint64_t *ret_lap)
{
    uint64_t at = thrum__trace_claim(ring());
    *ret_lap = (at >> BITS) + 1;
    return &ring()->events[at & (EVENTS - 1)];
}

static void check_torn(uint64_t before, bool when, bool what)
{
    struct ring_cursor cursor = {0};
    struct ring_event events[EVENTS], *torn;
    uint64_t lap;
    prepare();
    for (uint64_t i = 0; i < before; i++)
        write_event(i);
    while (ring_read(&recording, 3, &cursor, events, EVENTS, false) > 0)
        ;
    torn = claim(&lap);
    if (when)
        torn->when = ring_when(5, RING_ACQUIRE, lap);
    if (what)
        torn->what = ring_what(before, before * 7 % RING_PLACES, lap);
    write_event(before + 1);
    /* It may become whole. */
    uint64_t lost = cursor.lost;
    CHECK_INT(ring_read(&recording, 3, &cursor, events, EVENTS, false), ==, 0);
    CHECK_INT(ring_read(&recording, 3, &cursor, events, EVENTS, false), ==, 0);
    struct ring_cursor end = cursor;
    CHECK_INT(ring_read(&recording, 3, &end, events, EVENTS, true), ==, 1);
    check_event(&events[0], before + 1);
    CHECK_INT(end.lost, ==, lost + 1);
    torn->when = ring_when(5, RING_ACQUIRE, lap);
    torn->what = ring_what(before, before * 7 % RING_PLACES, lap);
    CHECK_INT(ring_read(&recording, 3, &cursor, events, EVENTS, false), ==, 2);
    check_event(&events[0], before);
    check_event(&events[1], before + 1);
    CHECK_INT(cursor.lost, ==, lost);
}

TEST(a_torn_event_is_waited_for_and_then_skipped)
{
    static const uint64_t before[] = {0, 5, EVENTS - 1, EVENTS, EVENTS * 3 + 1, EVENTS * 4 + 9};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        for (int words = 0; words < 3; words++)
            check_torn(before[i], words == 1, words == 2);
}

TEST(an_event_that_stays_torn_does_not_stop_the_reader)
{
    struct ring_cursor cursor = {0};
    struct ring_event events[EVENTS];
    uint64_t lap, read = 0;
    prepare();
    claim(&lap);
    for (uint64_t i = 1; i < EVENTS / 2; i++)
        write_event(i);
    CHECK_INT(ring_read(&recording, 3, &cursor, events, EVENTS, false), ==, 0);
    for (uint64_t i = EVENTS / 2; i < EVENTS - 3; i++)
        write_event(i);
    while ((read = ring_read(&recording, 3, &cursor, events, EVENTS, false)) > 0)
        check_event(&events[0], cursor.next - read);
    CHECK_INT(cursor.lost, ==, 1);
    CHECK_INT(cursor.next, ==, EVENTS - 3);
}

static uint64_t wanted = 2000000;
static uint64_t stop_writing;

static void *write_many(void *unused)
{
    for (uint64_t i = 0; i < wanted; i++)
        write_event(i);
    __atomic_store_n(&stop_writing, 1, __ATOMIC_RELEASE);
    return unused;
}

/* The place tells the number of an event: this is what a mixed event would break. */
TEST_DEADLINE(a_reader_beside_a_writer_gets_whole_events_in_order, 60)
{
    struct ring_cursor cursor = {0};
    struct ring_event events[64];
    pthread_t thread;
    uint64_t read = 0;
    size_t count;
    prepare();
    CHECK_INT(pthread_create(&thread, NULL, write_many, NULL), ==, 0);
    for (bool last = false;;) {
        uint64_t before = cursor.lost + read;
        count = ring_read(&recording, 3, &cursor, events, 64, last);
        CHECK_INT(cursor.lost + read + count, >=, before);
        for (size_t i = 1; i < count; i++)
            CHECK(ring_object(&events[i]) > ring_object(&events[i - 1]));
        for (size_t i = 0; i < count; i++)
            check_event(&events[i], ring_object(&events[i]));
        if (count)
            CHECK_INT(ring_object(&events[count - 1]), <, cursor.next);
        read += count;
        if (count == 0 && last)
            break;
        last = __atomic_load_n(&stop_writing, __ATOMIC_ACQUIRE);
    }
    pthread_join(thread, NULL);
    CHECK_INT(read + cursor.lost, ==, wanted);
    CHECK(read >= EVENTS);
}

static uint64_t from_handler;

static void handle(int number)
{
    (void)number;
    for (int i = 0; i < 3; i++)
        write_event(UINT64_C(1) << 40 | from_handler++);
}

/* The handler takes places between those of the thread that it interrupts; each event stays whole. */
TEST_DEADLINE(a_handler_takes_places_of_its_own, 60)
{
    struct sigaction action = {.sa_handler = handle};
    struct itimerval every = {{0, 20}, {0, 20}}, never = {{0, 0}, {0, 0}};
    struct ring_cursor cursor = {0};
    static struct ring_event events[EVENTS];
    uint64_t number = 0, seen = 0;
    prepare();
    sigaction(SIGPROF, &action, NULL);
    CHECK_INT(setitimer(ITIMER_PROF, &every, NULL), ==, 0);
    while (seen < 300) {
        for (int i = 0; i < 100; i++)
            write_event(number++);
        for (size_t count; (count = ring_read(&recording, 3, &cursor, events, EVENTS, false)) > 0;)
            for (size_t i = 0; i < count; i++) {
                check_event(&events[i], ring_object(&events[i]));
                seen += ring_object(&events[i]) >> 40;
            }
    }
    setitimer(ITIMER_PROF, &never, NULL);
}

TEST(a_hostile_head_gives_nothing)
{
    static const uint64_t heads[] = {UINT64_MAX, UINT64_C(1) << 63, 1, EVENTS + 1};
    struct ring_event events[EVENTS];
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct ring_cursor cursor = {0};
        prepare();
        ring()->head = heads[i];
        size_t count = ring_read(&recording, 3, &cursor, events, EVENTS, true);
        /* Memory that was never written fits one lap of 64; what is read has no kind. */
        for (size_t j = 0; j < count; j++)
            CHECK_INT(ring_kind(&events[j]), ==, RING_NONE);
        CHECK_INT(count + cursor.lost, ==, heads[i]);
    }
}
