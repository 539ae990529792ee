/* What processes share, against the kernel's and the C library's own: a robust mutex, a bare futex, a socket pair. */
#include "bench.h"
#include "raw_futex.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thrum.h>

enum { PAIRS = 1000000, CONTENDED = 200000, TRIPS = 10000, MESSAGE = 64 };

struct common {
    thrum_shared_lock lock;
    pthread_mutex_t mutex;
    uint64_t count;
    thrum_shared_event there_event, back_event;
    uint32_t there __attribute__((aligned(64))), back __attribute__((aligned(64)));
};

static struct common *share(void)
{
    struct common *common =
        mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench_require(common != MAP_FAILED, "mmap");
    thrum_shared_lock_init(&common->lock);
    thrum_shared_event_init(&common->there_event);
    thrum_shared_event_init(&common->back_event);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    bench_require(pthread_mutex_init(&common->mutex, &attributes) == 0, "pthread_mutex_init");
    return common;
}

static void give_back(struct common *common)
{
    munmap(common, sizeof *common);
}

/* ----------------------------------------------------------------------------------------------- locks */

static void thrum_pair(struct common *common)
{
    bench_require(thrum_shared_lock_acquire(&common->lock) == 0, "acquire");
    common->count++;
    thrum_shared_lock_release(&common->lock);
}

static void pthread_pair(struct common *common)
{
    bench_require(pthread_mutex_lock(&common->mutex) == 0, "lock");
    common->count++;
    pthread_mutex_unlock(&common->mutex);
}

static double alone(void (*pair)(struct common *))
{
    struct common *common = share();
    int64_t begin = bench_now();
    for (int i = 0; i < PAIRS; i++)
        pair(common);
    double elapsed = (double)(bench_now() - begin);
    give_back(common);
    return elapsed / PAIRS;
}

/* Two processes, each as fast as it can, from the moment on at which both run. */
static double contended(void (*pair)(struct common *))
{
    struct common *common = share();
    pid_t child = fork();
    bench_require(child >= 0, "fork");
    if (child == 0) {
        raw_post_shared(&common->back);
        raw_wait_shared(&common->there);
    } else {
        raw_wait_shared(&common->back);
        raw_post_shared(&common->there);
    }
    int64_t begin = bench_now();
    for (int i = 0; i < CONTENDED; i++)
        pair(common);
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    double elapsed = (double)(bench_now() - begin);
    bench_require(common->count == 2 * CONTENDED, "the count");
    give_back(common);
    return elapsed / (2 * CONTENDED);
}

static double thrum_alone(void)
{
    return alone(thrum_pair);
}

static double pthread_alone(void)
{
    return alone(pthread_pair);
}

static double thrum_contended(void)
{
    return contended(thrum_pair);
}

static double pthread_contended(void)
{
    return contended(pthread_pair);
}

/* -------------------------------------------------------------------------------------- there and back */

/* One side of a way there and back: waits for its own, or wakes the other. */
struct side {
    void (*wait)(void *end, bool child);
    void (*wake)(void *end, bool child);
};

static double round_trip(const struct side *side, void *first, void *second)
{
    pid_t child = fork();
    bench_require(child >= 0, "fork");
    for (int i = 0; child == 0 && i < TRIPS + 1; i++) {
        side->wait(second, true);
        side->wake(second, true);
    }
    if (child == 0)
        _exit(0);
    side->wake(first, false); /* it runs */
    side->wait(first, false);
    int64_t begin = bench_now();
    for (int i = 0; i < TRIPS; i++) {
        side->wake(first, false);
        side->wait(first, false);
    }
    double elapsed = (double)(bench_now() - begin);
    waitpid(child, NULL, 0);
    return elapsed / TRIPS / 1000;
}

static void event_wait(void *end, bool child)
{
    struct common *common = end;
    thrum_shared_event *event = child ? &common->there_event : &common->back_event;
    bench_require(thrum_shared_event_wait(event, THRUM_FOREVER) == 0, "wait");
    thrum_shared_event_clear(event);
}

static void event_set(void *end, bool child)
{
    struct common *common = end;
    thrum_shared_event_set(child ? &common->back_event : &common->there_event);
}

static void bare_wait(void *end, bool child)
{
    struct common *common = end;
    raw_wait_shared(child ? &common->there : &common->back);
}

static void bare_post(void *end, bool child)
{
    struct common *common = end;
    raw_post_shared(child ? &common->back : &common->there);
}

static double trip_in(const struct side *side)
{
    struct common *common = share();
    double figure = round_trip(side, common, common);
    give_back(common);
    return figure;
}

static double event_trip(void)
{
    return trip_in(&(struct side){event_wait, event_set});
}

static double bare_trip(void)
{
    return trip_in(&(struct side){bare_wait, bare_post});
}

static void pipe_wait(void *end, bool child)
{
    (void)child;
    char message[MESSAGE];
    size_t size;
    bench_require(thrum_pipe_receive(end, message, sizeof message, &size, THRUM_FOREVER) == 0,
                  "receive");
}

static void pipe_wake(void *end, bool child)
{
    (void)child;
    static const char message[MESSAGE];
    bench_require(thrum_pipe_send(end, message, sizeof message, THRUM_FOREVER) == 0, "send");
}

static double pipe_trip(void)
{
    thrum_pipe *first, *second;
    bench_require(thrum_pipe_new(&first, &second) == 0, "thrum_pipe_new");
    double figure = round_trip(&(struct side){pipe_wait, pipe_wake}, first, second);
    thrum_pipe_free(first);
    thrum_pipe_free(second);
    return figure;
}

static void socket_wait(void *end, bool child)
{
    (void)child;
    char message[MESSAGE];
    bench_require(recv(*(int *)end, message, sizeof message, 0) == MESSAGE, "recv");
}

static void socket_wake(void *end, bool child)
{
    (void)child;
    static const char message[MESSAGE];
    bench_require(send(*(int *)end, message, sizeof message, 0) == MESSAGE, "send");
}

static double socket_trip(void)
{
    int ends[2];
    bench_require(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0, "socketpair");
    double figure = round_trip(&(struct side){socket_wait, socket_wake}, &ends[0], &ends[1]);
    close(ends[0]);
    close(ends[1]);
    return figure;
}

static const struct bench_row rows[] = {
    {"shared lock: acquire + release, uncontended",
     "ns",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum", thrum_alone}, {"pthread, robust", pthread_alone}}},
    {"shared lock: two processes",
     "ns",
     BENCH_LESS,
     1.0,
     NULL,
     {{"thrum", thrum_contended}, {"pthread, robust", pthread_contended}}},
    {"shared event: there and back between processes",
     "us",
     BENCH_LESS,
     1.5,
     NULL,
     {{"thrum", event_trip}, {"raw futex", bare_trip}}},
    {"pipe: 64 bytes there and back between processes",
     "us",
     BENCH_LESS,
     1.5,
     NULL,
     {{"thrum", pipe_trip}, {"socket pair", socket_trip}}},
};

BENCH_SET(shared, rows)
