/* Programs that are well, though some look as if they hung. Each case is a false alarm to avoid. */
#include "sample.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <time.h>

static pthread_mutex_t lock_a = PTHREAD_MUTEX_INITIALIZER, lock_b = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *take_one(void *argument)
{
    meet();
    pthread_mutex_lock(argument);
    pthread_mutex_unlock(argument);
    return NULL;
}

/* The owner of a lock sleeps, and will release it. */
static void owner_sleeps(void)
{
    announce(2);
    pthread_mutex_lock(&lock_a);
    start("a", take_one, &lock_a);
    meet();
    ready();
    sleep_on();
}

static void *compute(void *argument)
{
    pthread_mutex_lock(argument);
    meet();
    for (volatile unsigned long i = 0;; i++)
        ;
    return NULL;
}

static void owner_computes(void)
{
    announce(3);
    start("busy", compute, &lock_a);
    pthread_t waiter = start("a", take_one, &lock_a);
    meet();
    ready();
    pthread_join(waiter, NULL);
}

/* Two locks in both orders, but the second with a time limit. */
struct pair {
    pthread_mutex_t *first, *second;
};

static void *take_pair_in_time(void *argument)
{
    struct pair *pair = argument;
    struct timespec limit;
    pthread_mutex_lock(pair->first);
    meet();
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 100;
    pthread_mutex_timedlock(pair->second, &limit);
    return NULL;
}

static void timed(void)
{
    static struct pair ab = {&lock_a, &lock_b}, ba = {&lock_b, &lock_a};
    announce(3);
    pthread_t first = start("a", take_pair_in_time, &ab);
    start("b", take_pair_in_time, &ba);
    meet();
    ready();
    pthread_join(first, NULL);
}

/* A thread waits with a limit for what another would tell it. */
static void *wait_in_time(void *argument)
{
    struct timespec limit;
    (void)argument;
    pthread_mutex_lock(&lock_a);
    meet();
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 100;
    pthread_cond_timedwait(&changed, &lock_a, &limit);
    return NULL;
}

static void timed_condition(void)
{
    announce(2);
    pthread_t waiter = start("a", wait_in_time, NULL);
    meet();
    ready();
    pthread_join(waiter, NULL);
}

/* Idle workers, and a first thread that waits for input. */
static void *wait_for_work(void *argument)
{
    (void)argument;
    meet();
    pthread_mutex_lock(&lock_a);
    for (;;)
        pthread_cond_wait(&changed, &lock_a);
    return NULL;
}

static void idle_pool(void)
{
    enum { WORKERS = 4 };
    int ends[2];
    char byte;
    announce(WORKERS + 1);
    for (int i = 0; i < WORKERS; i++)
        start("worker", wait_for_work, NULL);
    if (pipe(ends) != 0)
        abort();
    meet();
    ready();
    if (read(ends[0], &byte, 1) != 1)
        abort();
}

/* A signal handler could wake the only thread. */
static sem_t tickets;

static void on_signal(int number)
{
    (void)number;
    sem_post(&tickets);
}

static void signalled(void)
{
    sem_init(&tickets, 0, 0);
    signal(SIGUSR1, on_signal);
    ready();
    while (sem_wait(&tickets) != 0)
        ;
}

/* Another process could. */
static void shared_semaphore(void)
{
    sem_t *semaphore =
        mmap(NULL, sizeof *semaphore, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (semaphore == MAP_FAILED)
        abort();
    sem_init(semaphore, 1, 0);
    ready();
    sem_wait(semaphore);
}

/* Two threads hand a turn to each other by semaphores. */
static sem_t turns[2];

static void *take_turns(void *argument)
{
    sem_t *mine = argument, *theirs = mine == &turns[0] ? &turns[1] : &turns[0];
    struct timespec moment = {0, 1000000};
    for (;;) {
        sem_wait(mine);
        nanosleep(&moment, NULL);
        sem_post(theirs);
    }
    return NULL;
}

static void hand_over(void)
{
    sem_init(&turns[0], 0, 1);
    sem_init(&turns[1], 0, 0);
    pthread_t first = start("a", take_turns, &turns[0]);
    start("b", take_turns, &turns[1]);
    ready();
    pthread_join(first, NULL);
}

/* Threads fight for two locks, in one order. */
static void *fight(void *argument)
{
    (void)argument;
    for (;;) {
        pthread_mutex_lock(&lock_a);
        pthread_mutex_lock(&lock_b);
        pthread_mutex_unlock(&lock_b);
        pthread_mutex_unlock(&lock_a);
    }
    return NULL;
}

static void contended(void)
{
    enum { FIGHTERS = 6 };
    pthread_t last = 0;
    for (int i = 0; i < FIGHTERS; i++)
        last = start("fighter", fight, NULL);
    ready();
    pthread_join(last, NULL);
}

/* A thread in each system call that a stop by ptrace would interrupt. One that returns early says
 * so. */
static int waiting_set; /* of System V semaphores */

static void *call_epoll(void *argument)
{
    struct epoll_event event;
    return epoll_wait(epoll_create1(0), &event, 1, 100000) < 0 ? "epoll_wait" : argument;
}

static void *call_semop(void *argument)
{
    struct sembuf operation = {0, -1, 0};
    return semop(waiting_set, &operation, 1) < 0 ? "semop" : argument;
}

static void *call_recv(void *argument)
{
    int ends[2];
    char byte;
    struct timeval limit = {100, 0};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort();
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return recv(ends[0], &byte, 1, 0) < 0 ? "recv" : argument;
}

static void *call_poll(void *argument)
{
    return poll(NULL, 0, 100000) < 0 ? "poll" : argument;
}

static void *call_select(void *argument)
{
    struct timeval limit = {100, 0};
    return select(0, NULL, NULL, NULL, &limit) < 0 ? "select" : argument;
}

static void *call_sleep(void *argument)
{
    struct timespec time = {100, 0};
    return nanosleep(&time, NULL) < 0 ? "nanosleep" : argument;
}

static void *run_call(void *argument)
{
    void *(*call)(void *) = *(void *(**)(void *))argument;
    const char *name = call(NULL);
    printf("%s returned: %s\n", name ? name : "a call", strerror(errno));
    fflush(stdout);
    return NULL;
}

static void calls(void)
{
    static void *(*all[])(void *) = {call_epoll, call_semop,  call_recv,
                                     call_poll,  call_select, call_sleep};
    sigset_t ends;
    int number;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    waiting_set = semget(IPC_PRIVATE, 1, 0600);
    if (waiting_set < 0)
        abort();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        start("call", run_call, &all[i]);
    ready();
    sigwait(&ends, &number);
    semctl(waiting_set, 0, IPC_RMID);
}

/* A thread that is woken, but gets no processor for a while: it is asked for by a signal. */
static void on_first(int policy, int priority)
{
    cpu_set_t first;
    struct sched_param parameters = {.sched_priority = priority};
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    pthread_setaffinity_np(pthread_self(), sizeof first, &first);
    pthread_setschedparam(pthread_self(), policy, &parameters);
}

static void *wait_behind(void *argument)
{
    on_first(SCHED_IDLE, 0);
    return take_one(argument);
}

static void *occupy(void *argument)
{
    struct timespec begin, now;
    on_first(SCHED_FIFO, 1);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    meet();
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 600000000);
    return argument;
}

static void starved(void)
{
    sigset_t asked;
    int number;
    sigemptyset(&asked);
    sigaddset(&asked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &asked, NULL);
    announce(2);
    pthread_mutex_lock(&lock_a);
    start("a", wait_behind, &lock_a);
    meet();
    ready();
    sigwait(&asked, &number);
    start("busy", occupy, NULL);
    meet();
    pthread_mutex_unlock(&lock_a);
    sleep_on();
}

static const struct sample samples[] = {
    {"starved", starved},
    {"calls", calls},
    {"owner_sleeps", owner_sleeps},
    {"owner_computes", owner_computes},
    {"timed", timed},
    {"timed_condition", timed_condition},
    {"idle_pool", idle_pool},
    {"signalled", signalled},
    {"shared_semaphore", shared_semaphore},
    {"hand_over", hand_over},
    {"contended", contended},
    {0},
};

int main(int argc, char **argv)
{
    return sample_main(argc, argv, samples);
}
