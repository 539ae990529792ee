/* Locks: the uncontended pair, threads that do little else than take one lock, and how long the
 * unluckiest of them waits for it. */
#include "bench.h"
#include "peers.h"

#include <pthread.h>
#include <thrum.h>
#include <unistd.h>

enum { PAIRS = 2000000, MOST_THREADS = 64, CONTENDED_MS = 100, FAIRNESS_MS = 500, BATCH = 16 };
enum { PAIRS_A_LOOK = 256 };

static thrum_lock thrum;
static thrum_rlock rlock;
static thrum_rwlock rwlock;
static thrum_semaphore semaphore = THRUM_SEMAPHORE_INIT(1);
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t pthread_rw = PTHREAD_RWLOCK_INITIALIZER;

static long shared; /* what the lock protects */

/* glibc's mutexes drop their atomics while a process has a single thread, where a lock is for
 * nothing. So one more thread is alive, asleep, while we measure. */
static void *sleep_for_ever(void *unused)
{
    pause();
    return unused;
}

static void have_a_second_thread(void)
{
    static int once;
    pthread_t thread;
    if (!once++)
        bench_require(pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0, "pthread_create");
}

/* What each thread of a contended run found. */
struct finding {
    long pairs;
    int64_t longest; /* wait, in nanoseconds */
};

static int64_t ends_at; /* when a contended run is over */

static void run_threads(int threads, int ms, void *(*take)(void *), struct finding *findings)
{
    pthread_t started[MOST_THREADS];
    ends_at = bench_now() + (int64_t)ms * 1000000;
    shared = 0;
    for (int i = 0; i < threads; i++)
        bench_require(pthread_create(&started[i], NULL, take, &findings[i]) == 0, "pthread_create");
    for (int i = 0; i < threads; i++)
        pthread_join(started[i], NULL);
}

/* Nanoseconds for one pair, over all threads together. */
static double contend(int threads, void *(*take)(void *))
{
    struct finding findings[MOST_THREADS] = {{0}};
    int64_t start = bench_now();
    run_threads(threads, CONTENDED_MS, take, findings);
    double elapsed = (double)(bench_now() - start);
    long pairs = 0;
    for (int i = 0; i < threads; i++)
        pairs += findings[i].pairs;
    bench_require(shared == pairs, "mutual exclusion");
    return elapsed / (double)pairs;
}

/* The longest that any thread waited, in milliseconds. */
static double wait_longest(int threads, void *(*take)(void *))
{
    struct finding findings[MOST_THREADS] = {{0}};
    run_threads(threads, FAIRNESS_MS, take, findings);
    int64_t longest = 0;
    for (int i = 0; i < threads; i++)
        longest = findings[i].longest > longest ? findings[i].longest : longest;
    return (double)longest / 1e6;
}

/* The uncontended pair of one kind of lock. */
#define PAIR(kind, acquire, release)                                                               \
    static double pair_##kind(void)                                                                \
    {                                                                                              \
        have_a_second_thread();                                                                    \
        int64_t start = bench_now();                                                               \
        for (int i = 0; i < PAIRS; i++) {                                                          \
            acquire;                                                                               \
            bench_keep(&shared);                                                                   \
            release;                                                                               \
        }                                                                                          \
        return (double)(bench_now() - start) / PAIRS;                                              \
    }

/* For one kind of lock: the functions that the rows need. The clock is read between batches where
 * throughput counts, and around each acquire where the wait does. */
#define KIND(kind, acquire, release)                                                               \
    PAIR(kind, acquire, release)                                                                   \
    static void *take_##kind(void *memory)                                                         \
    {                                                                                              \
        struct finding *finding = memory;                                                          \
        while (bench_now() < ends_at) {                                                            \
            for (int i = 0; i < BATCH; i++) {                                                      \
                acquire;                                                                           \
                shared++;                                                                          \
                release;                                                                           \
            }                                                                                      \
            finding->pairs += BATCH;                                                               \
        }                                                                                          \
        return NULL;                                                                               \
    }                                                                                              \
    static void *wait_##kind(void *memory)                                                         \
    {                                                                                              \
        struct finding *finding = memory;                                                          \
        for (int64_t now = bench_now(), before; now < ends_at;) {                                  \
            before = now;                                                                          \
            acquire;                                                                               \
            shared++;                                                                              \
            now = bench_now();                                                                     \
            release;                                                                               \
            finding->longest = now - before > finding->longest ? now - before : finding->longest;  \
            now = bench_now();                                                                     \
        }                                                                                          \
        return NULL;                                                                               \
    }                                                                                              \
    static double contend_2_##kind(void)                                                           \
    {                                                                                              \
        return contend(2, take_##kind);                                                            \
    }                                                                                              \
    static double contend_4_##kind(void)                                                           \
    {                                                                                              \
        return contend(4, take_##kind);                                                            \
    }                                                                                              \
    static double contend_16_##kind(void)                                                          \
    {                                                                                              \
        return contend(16, take_##kind);                                                           \
    }                                                                                              \
    static double contend_64_##kind(void)                                                          \
    {                                                                                              \
        return contend(64, take_##kind);                                                           \
    }                                                                                              \
    static double longest_4_##kind(void)                                                           \
    {                                                                                              \
        return wait_longest(4, wait_##kind);                                                       \
    }                                                                                              \
    static double longest_16_##kind(void)                                                          \
    {                                                                                              \
        return wait_longest(16, wait_##kind);                                                      \
    }

KIND(thrum, thrum_lock_acquire(&thrum), thrum_lock_release(&thrum))
KIND(pthread, pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))
#ifdef HAVE_NSYNC
static nsync_mu nsync;
KIND(nsync, nsync_mu_lock(&nsync), nsync_mu_unlock(&nsync))
#endif
#ifdef HAVE_GLIB
static GMutex glib;
KIND(glib, g_mutex_lock(&glib), g_mutex_unlock(&glib))
#endif

/* The relatives. */
PAIR(rlock, thrum_rlock_acquire(&rlock), thrum_rlock_release(&rlock))
PAIR(read, thrum_rwlock_acquire_read(&rwlock), thrum_rwlock_release_read(&rwlock))
PAIR(write, thrum_rwlock_acquire_write(&rwlock), thrum_rwlock_release_write(&rwlock))
PAIR(semaphore, thrum_semaphore_acquire(&semaphore), thrum_semaphore_release(&semaphore, 1))
PAIR(pthread_read, pthread_rwlock_rdlock(&pthread_rw), pthread_rwlock_unlock(&pthread_rw))
PAIR(pthread_write, pthread_rwlock_wrlock(&pthread_rw), pthread_rwlock_unlock(&pthread_rw))

/* Two threads that read at the same time: nanoseconds for one pair, over both. */
#define READERS(kind, acquire, release)                                                            \
    static void *read_##kind(void *memory)                                                         \
    {                                                                                              \
        struct finding *finding = memory;                                                          \
        do {                                                                                       \
            for (int i = 0; i < PAIRS_A_LOOK; i++) {                                               \
                acquire;                                                                           \
                bench_keep(&shared);                                                               \
                release;                                                                           \
            }                                                                                      \
            finding->pairs += PAIRS_A_LOOK;                                                        \
        } while (bench_now() < ends_at);                                                           \
        return NULL;                                                                               \
    }                                                                                              \
    static double read_2_##kind(void)                                                              \
    {                                                                                              \
        struct finding findings[2] = {{0}};                                                        \
        int64_t start = bench_now();                                                               \
        run_threads(2, CONTENDED_MS, read_##kind, findings);                                       \
        return (double)(bench_now() - start) / (double)(findings[0].pairs + findings[1].pairs);    \
    }

READERS(thrum, thrum_rwlock_acquire_read(&rwlock), thrum_rwlock_release_read(&rwlock))
READERS(pthread, pthread_rwlock_rdlock(&pthread_rw), pthread_rwlock_unlock(&pthread_rw))

#ifdef HAVE_NSYNC
#define NSYNC(function) {"nsync", function##_nsync},
#else
#define NSYNC(function) {"nsync", .missing = "not built in"},
#endif
#ifdef HAVE_GLIB
#define GLIB(function) {"GLib", function##_glib},
#else
#define GLIB(function) {"GLib", .missing = "not built in"},
#endif
#define ALL(function)                                                                              \
    {                                                                                              \
        {"thrum", function##_thrum}, {"pthread", function##_pthread},                              \
            NSYNC(function) GLIB(function)                                                         \
    }

static const struct bench_row rows[] = {
    {"lock + unlock, uncontended", "ns", BENCH_LESS, 1.0, "8-20", ALL(pair)},
    {"lock, 2 threads", "ns", BENCH_LESS, 1.0, "36, Go's", ALL(contend_2)},
    {"lock, 4 threads", "ns", BENCH_LESS, 1.0, "39, parking_lot's", ALL(contend_4)},
    {"lock, 16 threads", "ns", BENCH_LESS, 1.0, "34, parking_lot's", ALL(contend_16)},
    {"lock, 64 threads", "ns", BENCH_LESS, 1.0, "32, parking_lot's", ALL(contend_64)},
    {"longest wait of 4 threads in 0.5 s", "ms", BENCH_LESS, 0, "10 at most", ALL(longest_4)},
    {"longest wait of 16 threads in 0.5 s", "ms", BENCH_LESS, 0, "10 at most", ALL(longest_16)},
    {"the relatives, uncontended",
     "ns",
     BENCH_LESS,
     0,
     NULL,
     {{"rlock", pair_rlock}, {"pthread mutex", pair_pthread}, {"semaphore", pair_semaphore}}},
    {"rwlock, reading, uncontended",
     "ns",
     BENCH_LESS,
     0.45,
     NULL,
     {{"thrum", pair_read}, {"pthread", pair_pthread_read}}},
    {"rwlock, reading, 2 threads",
     "ns",
     BENCH_LESS,
     0.25,
     NULL,
     {{"thrum", read_2_thrum}, {"pthread", read_2_pthread}}},
    {"rwlock, writing, uncontended",
     "ns",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum", pair_write}, {"pthread", pair_pthread_write}}},
};

BENCH_SET(lock, rows)
