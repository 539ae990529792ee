/* Programs that hang. Each case is a way to do it. */
#include "sample.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static pthread_mutex_t lock_a = PTHREAD_MUTEX_INITIALIZER, lock_b = PTHREAD_MUTEX_INITIALIZER,
                       lock_c = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw_a = PTHREAD_RWLOCK_INITIALIZER, rw_b = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t round_end;
static sem_t tickets;

/* Two locks, taken one after the other, with a meeting in between. */
struct pair {
    pthread_mutex_t *first, *second;
};

static void *take_pair(void *argument)
{
    struct pair *pair = argument;
    pthread_mutex_lock(pair->first);
    meet();
    pthread_mutex_lock(pair->second);
    return NULL;
}

static void wait_for(pthread_t thread)
{
    meet();
    ready();
    pthread_join(thread, NULL);
}

static void abba(void)
{
    static struct pair ab = {&lock_a, &lock_b}, ba = {&lock_b, &lock_a};
    announce(3);
    pthread_t first = start("a", take_pair, &ab);
    start("b", take_pair, &ba);
    wait_for(first);
}

static void three_way(void)
{
    static struct pair pairs[] = {{&lock_a, &lock_b}, {&lock_b, &lock_c}, {&lock_c, &lock_a}};
    announce(4);
    pthread_t first = start("a", take_pair, &pairs[0]);
    start("b", take_pair, &pairs[1]);
    start("c", take_pair, &pairs[2]);
    wait_for(first);
}

static void of_kind(int kind)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, kind);
    pthread_mutex_init(&lock_a, &attributes);
    pthread_mutex_init(&lock_b, &attributes);
}

static void recursive(void)
{
    of_kind(PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_lock(&lock_a); /* main's own, twice; not in the circle */
    pthread_mutex_lock(&lock_a);
    pthread_mutex_unlock(&lock_a);
    pthread_mutex_unlock(&lock_a);
    abba();
}

static void checking(void)
{
    of_kind(PTHREAD_MUTEX_ERRORCHECK);
    abba();
}

static void inherit(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&lock_a, &attributes);
    pthread_mutex_init(&lock_b, &attributes);
    abba();
}

static void *take_twice(void *argument)
{
    meet();
    pthread_mutex_lock(argument);
    pthread_mutex_lock(argument);
    return NULL;
}

static void self(void)
{
    announce(2);
    wait_for(start("a", take_twice, &lock_a));
}

/* The handler takes what the code that it interrupts holds. */
static void on_signal(int number)
{
    (void)number;
    pthread_mutex_lock(&lock_a);
}

static void handler(void)
{
    signal(SIGUSR1, on_signal);
    pthread_mutex_lock(&lock_a);
    ready();
    raise(SIGUSR1);
}

/* It is well until it gets a signal. */
static void later(void)
{
    signal(SIGUSR1, on_signal);
    pthread_mutex_lock(&lock_a);
    ready();
    for (;;)
        pause();
}

static void *write_a_then_b(void *argument)
{
    (void)argument;
    pthread_rwlock_wrlock(&rw_a);
    meet();
    pthread_rwlock_wrlock(&rw_b);
    return NULL;
}

static void *write_b_then_read_a(void *argument)
{
    (void)argument;
    pthread_rwlock_wrlock(&rw_b);
    meet();
    pthread_rwlock_rdlock(&rw_a);
    return NULL;
}

static void rwlocks(void)
{
    announce(3);
    pthread_t first = start("a", write_a_then_b, NULL);
    start("b", write_b_then_read_a, NULL);
    wait_for(first);
}

static void *write_then_lock(void *argument)
{
    (void)argument;
    pthread_rwlock_wrlock(&rw_a);
    meet();
    pthread_mutex_lock(&lock_a);
    return NULL;
}

static void *lock_then_read(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&lock_a);
    meet();
    pthread_rwlock_rdlock(&rw_a);
    return NULL;
}

static void rwlock_and_mutex(void)
{
    announce(3);
    pthread_t first = start("a", write_then_lock, NULL);
    start("b", lock_then_read, NULL);
    wait_for(first);
}

static void *upgrade(void *argument)
{
    (void)argument;
    pthread_rwlock_rdlock(&rw_a);
    meet();
    pthread_rwlock_wrlock(&rw_a);
    return NULL;
}

static void readers(void)
{
    announce(3);
    pthread_t first = start("a", upgrade, NULL);
    start("b", upgrade, NULL);
    wait_for(first);
}

static pthread_t circle[3];

static void *join_next(void *argument)
{
    pthread_t *next = argument;
    meet();
    pthread_join(*next, NULL);
    return NULL;
}

static void joins(void)
{
    announce(4);
    circle[0] = start("a", join_next, &circle[1]);
    circle[1] = start("b", join_next, &circle[2]);
    circle[2] = start("c", join_next, &circle[0]);
    meet();
    ready();
    sleep_on();
}

static void *take_one(void *argument)
{
    meet();
    pthread_mutex_lock(argument);
    return NULL;
}

static void join_holding(void)
{
    announce(2);
    pthread_mutex_lock(&lock_a);
    wait_for(start("a", take_one, &lock_a));
}

static void *wait_changed(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&lock_a);
    meet();
    pthread_cond_wait(&changed, &lock_a);
    return NULL;
}

static void lost_wakeup(void)
{
    announce(2);
    pthread_cond_broadcast(&changed); /* too early */
    wait_for(start("a", wait_changed, NULL));
}

/* The waiter was woken, and wants its mutex back from one that waits for the waiter's end. */
static void reacquire(void)
{
    announce(2);
    pthread_t waiter = start("a", wait_changed, NULL);
    meet();
    pthread_mutex_lock(&lock_a); /* once it waits */
    pthread_cond_signal(&changed);
    ready();
    pthread_join(waiter, NULL);
}

static void *arrive(void *argument)
{
    (void)argument;
    meet();
    pthread_barrier_wait(&round_end);
    return NULL;
}

static void barrier_short(void)
{
    announce(3);
    pthread_barrier_init(&round_end, NULL, 3);
    pthread_t first = start("a", arrive, NULL);
    start("b", arrive, NULL);
    wait_for(first);
}

static void *take_ticket(void *argument)
{
    (void)argument;
    meet();
    sem_wait(&tickets);
    return NULL;
}

static void semaphore(void)
{
    announce(2);
    sem_init(&tickets, 0, 0);
    wait_for(start("a", take_ticket, NULL));
}

static void *lock_and_end(void *argument)
{
    return pthread_mutex_lock(argument) ? argument : NULL;
}

static void abandoned(void)
{
    announce(2);
    pthread_join(start("gone", lock_and_end, &lock_a), NULL);
    wait_for(start("a", take_one, &lock_a));
}

static void *lock_and_sleep(void *argument)
{
    pthread_mutex_lock(argument);
    meet();
    sleep_on();
    return NULL;
}

/* The child of fork has the lock as the parent's thread held it, but not the thread. */
static void fork_child(void)
{
    announce(2);
    start("holder", lock_and_sleep, &lock_a);
    meet();
    pid_t child = fork();
    if (child == 0) {
        alarm(3600);
        printf("child %d\n", (int)getpid());
        ready();
        pthread_mutex_lock(&lock_a);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static pthread_once_t once_a = PTHREAD_ONCE_INIT, once_b = PTHREAD_ONCE_INIT;
static void nothing(void)
{
}

static void first_a(void)
{
    meet();
    pthread_once(&once_b, nothing);
}

static void first_b(void)
{
    meet();
    pthread_once(&once_a, nothing);
}

static void *begin_once(void *argument)
{
    if (argument)
        pthread_once(&once_a, first_a);
    else
        pthread_once(&once_b, first_b);
    return NULL;
}

static void onces(void)
{
    announce(3);
    pthread_t first = start("a", begin_once, &once_a);
    start("b", begin_once, NULL);
    wait_for(first);
}

static void *lock_then_stream(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&lock_a);
    meet();
    flockfile(stderr);
    return NULL;
}

static void *stream_then_lock(void *argument)
{
    (void)argument;
    flockfile(stderr);
    meet();
    pthread_mutex_lock(&lock_a);
    return NULL;
}

static void stream(void)
{
    announce(3);
    pthread_t first = start("a", lock_then_stream, NULL);
    start("b", stream_then_lock, NULL);
    wait_for(first);
}

/* The first thread ends; the process lives on in the others. */
static void main_ends(void)
{
    static struct pair ab = {&lock_a, &lock_b}, ba = {&lock_b, &lock_a};
    announce(3);
    start("a", take_pair, &ab);
    start("b", take_pair, &ba);
    meet();
    ready();
    pthread_exit(NULL);
}

/* Frames that are addressed by the frame pointer, as their size is known only when they run. */
static __attribute__((noinline)) void deep(int depth, struct pair *pair)
{
    volatile char *room = __builtin_alloca((size_t)(depth * 64 + 16));
    room[0] = 1;
    if (depth > 0)
        deep(depth - 1, pair);
    else
        take_pair(pair);
    room[1] = 2;
}

static void *go_deep(void *argument)
{
    deep(5, argument);
    return NULL;
}

static void alloca_frames(void)
{
    static struct pair ab = {&lock_a, &lock_b}, ba = {&lock_b, &lock_a};
    announce(3);
    pthread_t first = start("a", go_deep, &ab);
    start("b", go_deep, &ba);
    wait_for(first);
}

/* The same with a crowd behind it. */
static void crowd(void)
{
    enum { CROWD = 497 };
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 << 10);
    announce(3 + CROWD);
    static struct pair ab = {&lock_a, &lock_b}, ba = {&lock_b, &lock_a};
    pthread_t first = start("a", take_pair, &ab);
    start("b", take_pair, &ba);
    for (int i = 0; i < CROWD; i++)
        if (pthread_create(&thread, &small, take_one, &lock_a) != 0)
            abort();
    wait_for(first);
}

static const struct sample samples[] = {
    {"abba", abba},
    {"three_way", three_way},
    {"recursive", recursive},
    {"checking", checking},
    {"inherit", inherit},
    {"self", self},
    {"handler", handler},
    {"later", later},
    {"rwlocks", rwlocks},
    {"rwlock_and_mutex", rwlock_and_mutex},
    {"readers", readers},
    {"joins", joins},
    {"join_holding", join_holding},
    {"lost_wakeup", lost_wakeup},
    {"reacquire", reacquire},
    {"barrier_short", barrier_short},
    {"semaphore", semaphore},
    {"abandoned", abandoned},
    {"fork_child", fork_child},
    {"onces", onces},
    {"stream", stream},
    {"main_ends", main_ends},
    {"alloca_frames", alloca_frames},
    {"crowd", crowd},
    {0},
};

int main(int argc, char **argv)
{
    return sample_main(argc, argv, samples);
}
