/* Programs for `thrum trace`: what their threads do is known, and so what must be in the trace. */
#include "sample.h"
#include "stop_parent.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>

static pthread_mutex_t accounts = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t round_end;
static sem_t tickets;
static int ready_count;

static void pause_for(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Until these bits of a word of the C library's object say that a thread waits for it; and some time more. */
static void until_waited(const void *word, unsigned bits)
{
    while (!(__atomic_load_n((const unsigned *)word, __ATOMIC_RELAXED) & bits))
        pause_for(1);
    pause_for(20);
}

static void until_contended(const pthread_mutex_t *mutex)
{
    until_waited(&mutex->__data.__lock, 2);
}

static void *take(void *unused)
{
    pthread_mutex_lock(&accounts);
    ready_count++;
    pthread_mutex_unlock(&accounts);
    return unused;
}

static void contended(void)
{
    pthread_mutex_lock(&accounts);
    pthread_t thread = start("taker", take, NULL);
    until_contended(&accounts);
    pthread_mutex_unlock(&accounts);
    pthread_join(thread, NULL);
}

static void *await_change(void *unused)
{
    pthread_mutex_lock(&accounts);
    while (!ready_count)
        pthread_cond_wait(&changed, &accounts);
    pthread_mutex_unlock(&accounts);
    return unused;
}

static void condition(void)
{
    pthread_t thread = start("waiter", await_change, NULL);
    while (__atomic_load_n(&changed.__data.__wrefs, __ATOMIC_RELAXED) >> 3 == 0)
        pause_for(1);
    pthread_mutex_lock(&accounts);
    ready_count = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&accounts);
    pthread_join(thread, NULL);
}

static void *take_ticket(void *unused)
{
    sem_wait(&tickets);
    return unused;
}

static void semaphore(void)
{
    sem_init(&tickets, 0, 0);
    pthread_t thread = start("waiter", take_ticket, NULL);
    until_waited((const unsigned *)&tickets + 1, ~0U); /* its waiters */
    sem_post(&tickets);
    pthread_join(thread, NULL);
}

static void *arrive(void *unused)
{
    pthread_barrier_wait(&round_end);
    return unused;
}

static void barrier(void)
{
    pthread_barrier_init(&round_end, NULL, 2);
    pthread_t thread = start("early", arrive, NULL);
    until_waited(&round_end, 1); /* how many have arrived */
    pthread_barrier_wait(&round_end);
    pthread_join(thread, NULL);
}

static void *write_table(void *unused)
{
    pthread_rwlock_wrlock(&table);
    pthread_rwlock_unlock(&table);
    return unused;
}

static void rwlock(void)
{
    pthread_rwlock_rdlock(&table);
    pthread_t thread = start("writer", write_table, NULL);
    until_waited(&table.__data.__readers, 2); /* a writer has come */
    pthread_rwlock_unlock(&table);
    pthread_join(thread, NULL);
}

/* Two ways to one call, and a call that blocks. */
static __attribute__((noinline)) void lock_here(void)
{
    pthread_mutex_lock(&accounts);
    pthread_mutex_unlock(&accounts);
}

static __attribute__((noinline)) void lock_deeper(void)
{
    volatile char room[64] = {0};
    lock_here();
    (void)room[0];
}

static void calls(void)
{
    int ends[2];
    char byte = 'x';
    if (pipe(ends) != 0)
        abort();
    lock_here();
    lock_deeper();
    if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1)
        abort();
    pause_for(20);
}

/* Reads and takes while it waits for the end by SIGKILL. */
static void killed(void)
{
    pthread_mutex_lock(&accounts);
    kill(getpid(), SIGKILL);
}

static void many_events(void)
{
    for (int i = 0; i < 1000; i++)
        take(NULL);
    pthread_mutex_lock(&accounts);
    pthread_mutex_unlock(&accounts);
}

/* More threads one after another than slots at a time, in few slots. */
static void many_threads(void)
{
    for (int i = 0; i < 300; i++) {
        pthread_t threads[4];
        for (int j = 0; j < 4; j++)
            threads[j] = start("short", take, NULL);
        for (int j = 0; j < 4; j++)
            pthread_join(threads[j], NULL);
    }
}

static void forks(void)
{
    int status;
    take(NULL);
    pid_t child = fork();
    if (child == 0) {
        take(NULL);
        execl("/proc/self/exe", "traced", "many_events", NULL);
        _exit(1);
    }
    waitpid(child, &status, 0);
    take(NULL);
}

/* The command, which is the parent, sleeps meanwhile. */
static void unseen(void)
{
    int status;
    stop_parent();
    pid_t child = fork();
    if (child == 0) {
        take(NULL);
        _exit(0);
    }
    waitpid(child, &status, 0);
    kill(getppid(), SIGCONT);
}

static int run_c11(void *unused)
{
    (void)unused;
    take(NULL);
    return 0;
}

static void c11(void)
{
    thrd_t thread;
    pthread_mutex_lock(&accounts);
    if (thrd_create(&thread, run_c11, NULL) != thrd_success)
        abort();
    until_contended(&accounts);
    pthread_mutex_unlock(&accounts);
    thrd_join(thread, NULL);
}

/* Signals come while events are written, and write events themselves. */
static pthread_mutex_t inside = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    if (pthread_mutex_trylock(&inside) == 0)
        pthread_mutex_unlock(&inside);
    handled++;
}

static void handlers(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    timer_t timer;
    struct itimerspec every = {{0, 50000}, {0, 50000}};
    sigaction(SIGALRM, &action, NULL);
    if (timer_create(CLOCK_MONOTONIC, NULL, &timer) != 0 ||
        timer_settime(timer, 0, &every, NULL) != 0)
        abort();
    while (handled < 1000)
        take(NULL);
    timer_delete(timer);
}

/* Waits for the lock of which half of the work is done: for `thrum trace diff`. */
static long held_for;

static void *compete(void *unused)
{
    for (int i = 0; i < 60; i++) {
        pthread_mutex_lock(&accounts);
        pause_for(held_for);
        pthread_mutex_unlock(&accounts);
        pause_for(1);
    }
    return unused;
}

static void compete_for(long milliseconds)
{
    held_for = milliseconds;
    pthread_t first = start("one", compete, NULL), second = start("two", compete, NULL);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
}

static void brief(void)
{
    compete_for(1);
}

static void lengthy(void)
{
    compete_for(8);
}

int main(int argc, char **argv)
{
    static const struct sample samples[] = {{"contended", contended},
                                            {"condition", condition},
                                            {"semaphore", semaphore},
                                            {"barrier", barrier},
                                            {"rwlock", rwlock},
                                            {"calls", calls},
                                            {"killed", killed},
                                            {"many_events", many_events},
                                            {"many_threads", many_threads},
                                            {"forks", forks},
                                            {"unseen", unseen},
                                            {"c11", c11},
                                            {"handlers", handlers},
                                            {"brief", brief},
                                            {"lengthy", lengthy},
                                            {NULL, NULL}};
    return sample_main(argc, argv, samples);
}
