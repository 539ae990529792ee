/* Advice on the number of workers, from samples.
 *
 * Every 2 ms the records of the program are read: which threads wait, and for what; which locks are held; how many
 * tasks of thrum have begun and ended. Every 50 ms the processor time of the threads is read. The program pays nothing for it.
 *
 * A pool is what runs tasks of thrum, or the threads that run the same function, if these are at least two. Of it is
 * known:
 *
 *     C   what a task computes: processor time of the pool, by the number of tasks
 *     R   how long a task takes from its begin: by Little's law the mean number of tasks in flight, by their rate
 *     W   R - C: how long it waits; less the time in which it waited for a lock, or for a processor, which another
 *         number of workers would change
 *     u   the share of the time in which the hottest lock is held; so a task needs it for u / rate
 *
 * Then W / C + 1 workers keep one processor busy. At most rate / u tasks a second pass the hottest lock, and R * rate / u
 * workers are enough for that many. For a wanted rate x there must be x * R workers (Little's law again), and it must be
 * less than what the lock and the processors allow.
 *
 * A task of plain threads has no begin. Waits for conditions, semaphores and barriers count as waits for work; so the share W / C
 * is known, but no rate. Where too little was seen, or a pool neither computes nor waits, the advice is "cannot tell".
 */
#include "advice.h"

#include "json_text.h"
#include "live.h"
#include "report.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double CPU_PAUSE = 0.05;

enum { SAMPLES_LEAST = 100, TASKS_LEAST = 20, WORKERS_MOST = 10000 };

/* The processor time of a thread, ns, and how long it was ready without a processor. False if it is not known. */
static bool times_of(int pid, uint32_t tid, uint64_t *ret_cpu, uint64_t *ret_delay)
{
    char path[64], text[64], *end;
    snprintf(path, sizeof path, "/proc/%d/task/%u/schedstat", pid, tid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t length = read(file, text, sizeof text - 1);
    (void)close(file);
    if (length <= 0)
        return false;
    text[length] = 0;
    *ret_cpu = strtoull(text, &end, 10);
    *ret_delay = strtoull(end, NULL, 10);
    return true;
}

static struct advice_thread *thread_of(struct advice *advice, uint32_t thread)
{
    for (uint32_t i = 0; i < ADVICE_THREADS; i++) {
        struct advice_thread *at = &advice->threads[(thread + i) % ADVICE_THREADS];
        if (at->thread == thread)
            return at;
        if (!at->thread) {
            at->thread = thread;
            return at;
        }
    }
    return NULL;
}

static void note_lock(struct advice *advice, uint64_t address, uint32_t kind)
{
    for (int i = 0; i < ADVICE_LOCKS; i++) {
        struct advice_lock *lock = &advice->locks[i];
        if (lock->address && lock->address != address)
            continue;
        lock->address = address;
        lock->kind = kind;
        lock->samples++;
        return;
    }
}

/* Whether a thread that waits for it waits for work, and not for the end of another's. */
static bool is_idle(uint32_t kind)
{
    return kind == LOCK_CONDITION || kind == LOCK_SEMAPHORE || kind == LOCK_BARRIER ||
           kind == LOCK_THRUM_CONDITION || kind == LOCK_THRUM_SEMAPHORE ||
           kind == LOCK_THRUM_BARRIER || kind == LOCK_THRUM_EVENT || kind == LOCK_THRUM_QUEUE ||
           kind == LOCK_THRUM_OTHER;
}

static bool is_lock(uint32_t kind)
{
    return kind == LOCK_MUTEX || kind == LOCK_RWLOCK || kind == LOCK_SPIN ||
           kind == LOCK_THRUM_LOCK || kind == LOCK_THRUM_RWLOCK;
}

/* A lock is in the list of the thread that waits for it, too. Each lock counts once in a sample: `seen` are those that did. */
static void sample_slot(struct advice *advice, const struct slot *slot, uint64_t *seen, int *count)
{
    uint64_t waits_for = __atomic_load_n(&slot->waits_for, __ATOMIC_ACQUIRE) & ~UINT64_C(1);
    for (uint32_t i = 0; i < slot->depth && i < HELD_MOST; i++) {
        uint64_t lock = slot->held[i].lock;
        bool known = !lock || lock == waits_for;
        for (int j = 0; !known && j < *count; j++)
            known = seen[j] == lock;
        if (known || *count == ADVICE_LOCKS)
            continue;
        seen[(*count)++] = lock;
        note_lock(advice, lock, (uint32_t)(slot->held[i].sp >> SITE_BITS));
    }
    if (slot->task) {
        advice->blocked += waits_for && is_lock(slot->waits_kind);
        return;
    }
    struct advice_thread *thread = thread_of(advice, slot->thread);
    if (!thread)
        return;
    thread->samples++;
    if (waits_for && is_idle(slot->waits_kind))
        thread->idle++;
    else if (waits_for && is_lock(slot->waits_kind))
        thread->blocked++;
}

static void sample_cpu(struct advice *advice, const struct recording *recording)
{
    for (int i = 0; i < ADVICE_THREADS; i++) {
        struct advice_thread *thread = &advice->threads[i];
        bool first = !thread->first_cpu;
        if (!thread->thread ||
            !times_of(recording->pid, recording_thread(recording, thread->thread)->tid,
                      &thread->cpu, &thread->delay))
            continue;
        if (first) {
            thread->first_cpu = thread->cpu;
            thread->first_delay = thread->delay;
        }
    }
}

void advice_sample(struct advice *advice, const struct recording *recording)
{
    const struct region *region = recording->region;
    uint32_t count = recording_count(region->slot_count, REGION_SLOTS);
    uint64_t seen[ADVICE_LOCKS];
    int seen_count = 0;
    double now = live_now();
    uint64_t ended = __atomic_load_n(&region->tasks_ended, __ATOMIC_RELAXED),
             begun = __atomic_load_n(&region->tasks_begun, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < count; i++)
        if (region->slot_tids[i])
            sample_slot(advice, &region->slots[i], seen, &seen_count);
    if (now >= advice->next_cpu) {
        sample_cpu(advice, recording);
        advice->next_cpu = now + CPU_PAUSE;
    }
    if (!advice->samples) {
        advice->began = now;
        advice->first_ended = ended;
    }
    advice->samples++;
    advice->in_flight += begun > ended ? begun - ended : 0;
    advice->ended = ended;
    advice->last = now;
}

/* What is said of one pool. */
struct pool {
    uint64_t start; /* what its threads run; 0: tasks of thrum */
    int threads;
    double compute, wait; /* seconds: of a task, or of all threads together */
    double delay;         /* likewise: no processor was free */
    double rate;          /* tasks a second; 0: not known */
    const struct advice_lock *hottest;
    double held;                               /* the share of the time in which that is held */
    const char *reason;                        /* why nothing can be told, or NULL */
    double for_processors, for_lock, for_rate; /* workers; 0: not known */
    double most;                               /* tasks a second that are possible; 0: not known */
};

static bool belongs(const struct recording *recording, const struct advice_thread *thread,
                    uint64_t start)
{
    const struct thread_record *record = recording_thread(recording, thread->thread);
    if (!thread->thread || record->flags & THREAD_TASK)
        return false;
    return start ? record->start == start && !(record->flags & THREAD_RUNS_TASKS)
                 : record->flags & THREAD_RUNS_TASKS;
}

static void sum_up(const struct advice *advice, const struct recording *recording,
                   struct pool *pool)
{
    double sampled = advice->samples ? (advice->last - advice->began) / (double)advice->samples : 0;
    for (int i = 0; i < ADVICE_THREADS; i++) {
        const struct advice_thread *thread = &advice->threads[i];
        if (!belongs(recording, thread, pool->start))
            continue;
        pool->threads++;
        double cpu = (double)(thread->cpu - thread->first_cpu) / 1e9;
        double delay = (double)(thread->delay - thread->first_delay) / 1e9;
        double busy = (double)(thread->samples - thread->idle - thread->blocked) * sampled;
        pool->compute += cpu;
        pool->delay += delay;
        pool->wait += busy > cpu + delay ? busy - cpu - delay : 0;
    }
    for (int i = 0; i < ADVICE_LOCKS; i++)
        if (advice->locks[i].address &&
            (!pool->hottest || advice->locks[i].samples > pool->hottest->samples))
            pool->hottest = &advice->locks[i];
    if (pool->hottest)
        pool->held = (double)pool->hottest->samples / (double)advice->samples;
}

/* Of tasks of thrum: by task. */
static void by_task(const struct advice *advice, struct pool *pool)
{
    double seconds = advice->last - advice->began;
    double tasks = (double)(advice->ended - advice->first_ended);
    if (tasks < TASKS_LEAST) {
        pool->reason = "fewer than 20 tasks ended";
        return;
    }
    pool->rate = tasks / seconds;
    double in_flight = (double)advice->in_flight / (double)advice->samples;
    double blocked = (double)advice->blocked / (double)advice->samples;
    double response = (in_flight - blocked) / pool->rate;
    pool->compute /= tasks;
    pool->delay /= tasks;
    /* After its wait for a lock a thread may wait for a processor: that counts as a wait for the lock. */
    pool->delay *= in_flight > 0 ? (in_flight - blocked) / in_flight : 0;
    double busy = pool->compute + pool->delay;
    pool->wait = response > busy ? response - busy : 0;
}

static double ceiling(double value)
{
    double whole = (double)(uint64_t)value;
    return whole < value ? whole + 1 : whole;
}

static void conclude(struct pool *pool, double processors, int wanted)
{
    double response = pool->compute + pool->wait;
    if (pool->reason)
        return;
    if (pool->compute > 0 && pool->compute * 1000 > response)
        pool->for_processors = ceiling(processors * response / pool->compute);
    if (pool->rate > 0) {
        double by_processors = pool->compute > 0 ? processors / pool->compute : 0;
        double by_lock = pool->held > 0 ? pool->rate / pool->held : 0;
        pool->most =
            !by_lock || (by_processors && by_processors < by_lock) ? by_processors : by_lock;
        if (by_lock > 0)
            pool->for_lock = ceiling(by_lock * response);
        if (wanted && (!pool->most || wanted <= pool->most))
            pool->for_rate = ceiling(wanted * response);
    }
    if (!pool->for_processors && !pool->for_lock)
        pool->reason = response > 0 ? "its threads wait nearly all the time, so the processors "
                                      "set no limit, and no lock does"
                                    : "its threads neither computed nor waited";
}

static double processors_of(int pid)
{
    (void)pid;
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (double)count : 1;
}

typedef void pool_visit(const struct pool *pool, struct recording *recording, int rate, void *out);

static void judge(const struct advice *advice, struct recording *recording, struct pool *pool,
                  int rate, pool_visit *visit, void *out)
{
    sum_up(advice, recording, pool);
    if (advice->samples < SAMPLES_LEAST)
        pool->reason =
            "too few samples: it ran for too short a time, or others kept the machine busy";
    else if (!pool->start)
        by_task(advice, pool);
    conclude(pool, processors_of(recording->pid), rate);
    visit(pool, recording, rate, out);
}

/* Pools of plain threads: each function that at least two of them run. */
static int each_pool(const struct advice *advice, struct recording *recording, int rate,
                     pool_visit *visit, void *out)
{
    int found = 0;
    if (recording->region->tasks_begun) {
        struct pool pool = {0};
        judge(advice, recording, &pool, rate, visit, out);
        found++;
    }
    for (int i = 0; i < ADVICE_THREADS; i++) {
        uint64_t start = recording_thread(recording, advice->threads[i].thread)->start;
        int members = 0, before = 0;
        if (!start || !belongs(recording, &advice->threads[i], start))
            continue;
        for (int j = 0; j < ADVICE_THREADS; j++)
            if (belongs(recording, &advice->threads[j], start)) {
                members++;
                before += j < i;
            }
        struct pool pool = {.start = start};
        if (members < 2 || before)
            continue;
        judge(advice, recording, &pool, rate, visit, out);
        found++;
    }
    return found;
}

static void name_of(const struct pool *pool, struct recording *recording, char *text, size_t size)
{
    const struct place *place = pool->start ? recording_place(recording, pool->start + 1) : NULL;
    if (!pool->start)
        snprintf(text, size, "tasks of thrum, on %d threads", pool->threads);
    else
        snprintf(text, size, "%d threads that run %s", pool->threads,
                 place && place->function ? place->function : "the same function");
}

static void lock_name(const struct pool *pool, struct recording *recording, char *text, size_t size)
{
    uint32_t count = recording_count(recording->region->lock_count, REGION_LOCKS);
    for (uint32_t i = 1; i < count; i++)
        if (recording->region->locks[i].address == pool->hottest->address) {
            recording_lock_name(recording, i, text, size);
            return;
        }
    snprintf(text, size, "the lock 0x%lx", (unsigned long)pool->hottest->address);
}

static void put_rate(const struct pool *pool, int rate, FILE *out)
{
    if (!rate)
        return;
    if (!pool->rate)
        fprintf(out, "    for %d tasks a second: cannot tell, as no unit of work is known\n", rate);
    else if (pool->for_rate > 0)
        fprintf(out, "    for %d tasks a second: %.0f workers\n", rate, pool->for_rate);
    else
        fprintf(out, "    %d tasks a second are not possible\n", rate);
}

static void put_text(const struct pool *pool, struct recording *recording, int rate, void *to)
{
    FILE *out = to;
    char name[512];
    name_of(pool, recording, name, sizeof name);
    fprintf(out, "  %s: ", name);
    if (pool->reason && !pool->rate) {
        fprintf(out, "cannot tell: %s\n", pool->reason);
        return;
    }
    double response = pool->compute + pool->wait;
    if (pool->rate > 0)
        fprintf(out, "%.1f tasks a second; each computes %.3f ms and waits %.3f ms\n", pool->rate,
                pool->compute * 1e3, pool->wait * 1e3);
    else
        fprintf(out, "they compute %.0f %% of the time in which they do not wait for work\n",
                response > 0 ? pool->compute / response * 100 : 0);
    if (pool->for_processors > WORKERS_MOST || !pool->for_processors)
        fprintf(out, "    to keep the processors busy: cannot tell, as it hardly computes\n");
    else
        fprintf(out, "    to keep the processors busy: %.0f workers\n", pool->for_processors);
    if (pool->hottest && pool->held >= 0.01) {
        lock_name(pool, recording, name, sizeof name);
        fprintf(out, "    the hottest lock, %s, is held %.0f %% of the time", name,
                pool->held * 100);
        if (pool->for_lock > 0)
            fprintf(out, ": more than %.0f workers gain nothing", pool->for_lock);
        fputc('\n', out);
    }
    if (pool->most > 0)
        fprintf(out, "    at most %.0f tasks a second are possible\n", pool->most);
    put_rate(pool, rate, out);
}

void advice_text(const struct advice *advice, struct recording *recording, int rate, FILE *out)
{
    fprintf(out, MARK_BOLD "workers" MARK_PLAIN " in process %d, from %.1f s and %.0f processors\n",
            recording->pid, advice->last - advice->began, processors_of(recording->pid));
    if (each_pool(advice, recording, rate, put_text, out) == 0)
        fprintf(out,
                "  cannot tell: it has no pool: no tasks of thrum, and no two threads that run "
                "the same function\n");
}

static void put_number(FILE *out, const char *name, double value)
{
    if (value > 0)
        fprintf(out, ", \"%s\": %.9g", name, value);
    else
        fprintf(out, ", \"%s\": null", name);
}

struct json {
    FILE *out;
    int count;
};

static void put_json(const struct pool *pool, struct recording *recording, int rate, void *to)
{
    struct json *json = to;
    char name[512];
    (void)rate;
    name_of(pool, recording, name, sizeof name);
    fputs(json->count++ ? ", {\"pool\": " : "{\"pool\": ", json->out);
    json_put_string(json->out, name);
    fprintf(json->out, ", \"threads\": %d", pool->threads);
    put_number(json->out, "tasks_per_second", pool->rate);
    put_number(json->out, "compute_seconds", pool->compute);
    put_number(json->out, "wait_seconds", pool->wait);
    put_number(json->out, "workers_for_processors", pool->for_processors);
    put_number(json->out, "workers_for_lock", pool->for_lock);
    put_number(json->out, "workers_for_rate", pool->for_rate);
    put_number(json->out, "most_tasks_per_second", pool->most);
    put_number(json->out, "hottest_held", pool->held);
    fputs(", \"hottest\": ", json->out);
    if (pool->hottest)
        lock_name(pool, recording, name, sizeof name);
    if (pool->hottest)
        json_put_string(json->out, name);
    else
        fputs("null", json->out);
    fputs(", \"cannot_tell\": ", json->out);
    if (pool->reason)
        json_put_string(json->out, pool->reason);
    else
        fputs("null", json->out);
    fputc('}', json->out);
}

void advice_json(const struct advice *advice, struct recording *recording, int rate, FILE *out)
{
    struct json json = {.out = out};
    fputs(", \"advice\": [", out);
    each_pool(advice, recording, rate, put_json, &json);
    fputc(']', out);
}
