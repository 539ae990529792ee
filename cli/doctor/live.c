#include "live.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

/* How long a thread waits before a look at the reason; the pause after a look without a result; the
 * number of ticks without movement before all threads are suspected. The library does not see waits
 * for locks that a program makes itself. For these there is a look each BLIND_PAUSE. */
static const double WAIT_LEAST = 0.025, PAUSE_LEAST = 0.1, PAUSE_MOST = 2, BLIND_PAUSE = 1,
                    LEAK_PAUSE_LEAST = 0.5, LEAK_PAUSE_MOST = 16;
enum { QUIET_TICKS = 3 };

double live_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* True for a wait that ends when another thread unlocks or ends. */
static bool has_owner(uint32_t kind)
{
    switch (kind) {
    case LOCK_MUTEX:
    case LOCK_RWLOCK:
    case LOCK_SPIN:
    case LOCK_ONCE:
    case LOCK_THRUM_LOCK:
    case LOCK_THRUM_RWLOCK:
    case LOCK_THRUM_FUTURE:
    case LOCK_THREAD:
        return true;
    default:
        return false;
    }
}

static uint64_t mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * UINT64_C(0x100000001b3);
}

/* A sum over the threads that wait and the numbers of their waits; 0 if none waits. *ret_all is 0
 * if a thread does something else. */
static uint64_t sum_waits(const struct region *region, uint64_t *ret_all)
{
    uint32_t count = recording_count(region->slot_count, REGION_SLOTS);
    uint64_t locks = 0, all = 1, now = (uint64_t)(live_now() * 1e9);
    for (uint32_t i = 0; i < count; i++) {
        const struct slot *slot = &region->slots[i];
        if (!region->slot_tids[i])
            continue;
        uint64_t object = __atomic_load_n(&slot->waits_for, __ATOMIC_ACQUIRE);
        bool long_enough = object && slot->waits_since + (uint64_t)(WAIT_LEAST * 1e9) < now;
        if (!long_enough) {
            all = 0;
            continue;
        }
        all = all ? mix(mix(all, i), slot->wait_count) | 1 : 0;
        if (has_owner(slot->waits_kind))
            locks = mix(mix(locks, i), slot->wait_count) | 1;
    }
    *ret_all = all == 1 ? 0 : all;
    return locks;
}

static uint64_t sum_deadlocks(const struct look *look)
{
    uint64_t sum = 0;
    for (int i = 0; i < look->deadlock_count; i++)
        for (int j = 0; j < look->deadlocks[i].count; j++)
            sum = mix(sum, (uint64_t)look->process.threads[look->deadlocks[i].threads[j]].tid) | 1;
    return sum;
}

/* Takes a look. Returns true if it is the second that proves the deadlock. */
static bool look_for_deadlock(struct live *live, int pid, bool lines, struct look *ret_look)
{
    char message[256];
    bool second = live->deadlock != 0;
    const struct look_options how = {.lines = lines && second};
    if (look_at(ret_look, pid, &how, message, sizeof message) < 0)
        return false;
    uint64_t sum = sum_deadlocks(ret_look);
    if (sum && sum == live->deadlock) {
        live->reported = true;
        return true;
    }
    live->deadlock = sum;
    live->pause = live->pause * 2 < PAUSE_MOST ? live->pause * 2 : PAUSE_MOST;
    live->next = sum ? 0 : live_now() + live->pause;
    look_free(ret_look);
    return false;
}

static bool look_for_quiet(struct live *live, int pid, bool lines, struct look *ret_look)
{
    char message[256];
    const struct look_options how = {.interval = 0.1, .lines = lines};
    live->suspected = true;
    if (look_at(ret_look, pid, &how, message, sizeof message) < 0)
        return false;
    if (ret_look->verdict == VERDICT_SUSPECTED)
        return true;
    look_free(ret_look);
    return false;
}

bool live_look(struct live *live, const struct recording *recording, bool lines,
               struct look *ret_look)
{
    uint64_t all, waiting = sum_waits(recording->region, &all);
    if (live->blind == 0)
        live->blind = live_now() + BLIND_PAUSE;
    if (waiting != live->waiting) {
        live->waiting = waiting;
        live->reported = false;
        live->deadlock = 0;
        live->next = 0;
        live->pause = PAUSE_LEAST;
    }
    if (all != live->all || !all) {
        live->all = all;
        live->same_all = 0;
        live->suspected = false;
    } else
        live->same_all++;
    bool due = waiting && live_now() >= live->next;
    if (live_now() >= live->blind || (!waiting && live->deadlock)) {
        due = true;
        live->blind = live_now() + BLIND_PAUSE;
    }
    if (due && !live->reported && look_for_deadlock(live, recording->pid, lines, ret_look))
        return true;
    if (all && live->same_all >= QUIET_TICKS && !live->suspected && !live->reported &&
        !live->deadlock)
        return look_for_quiet(live, recording->pid, lines, ret_look);
    return false;
}

/* The search stops the process for some milliseconds, so it comes more and more rarely while it finds nothing new. */
bool live_leaks(struct live *live, const struct recording *recording, bool lines,
                struct look *ret_look)
{
    char message[256];
    uint64_t sum = 0;
    const struct look_options how = {.leaks = true, .lines = lines};
    if (live->leak_next == 0) {
        live->leak_pause = LEAK_PAUSE_LEAST;
        live->leak_next = live_now() + live->leak_pause;
    }
    if (live_now() < live->leak_next ||
        look_at(ret_look, recording->pid, &how, message, sizeof message) < 0)
        return false;
    for (int i = 0; i < ret_look->process.count; i++)
        if (ret_look->process.threads[i].leaked)
            sum = mix(sum, ret_look->process.threads[i].claim_address) | 1;
    bool news = sum != 0 && sum != live->leaked;
    live->leaked = sum;
    live->leak_pause =
        live->leak_pause * 2 < LEAK_PAUSE_MOST ? live->leak_pause * 2 : LEAK_PAUSE_MOST;
    live->leak_next = live_now() + live->leak_pause;
    if (!news)
        look_free(ret_look);
    return news;
}

void live_end_with_core(int pid)
{
    const struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    struct rlimit limit;
    /* Without the right to raise the hard limit, the limit is raised to it. */
    if (prlimit(pid, RLIMIT_CORE, &most, NULL) != 0 &&
        prlimit(pid, RLIMIT_CORE, NULL, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        prlimit(pid, RLIMIT_CORE, &limit, NULL);
    }
    kill(pid, SIGABRT);
}
