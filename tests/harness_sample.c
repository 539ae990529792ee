/* Tests that pass and tests that fail in every way there is: harness_test.sh runs them and checks
 * what the runner says of each. */
#include "harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TEST(passes)
{
    printf("a passing test keeps this to itself\n");
    CHECK(1 < 2);
    CHECK_INT(-1, <, 0);
    CHECK_STR("same", "same");
    CHECK_STR(NULL, NULL);
}

TEST(check_fails)
{
    CHECK(1 > 2);
}

TEST(int_fails)
{
    int two = 2;
    CHECK_INT(two + 1, ==, -4);
}

TEST(text_fails)
{
    const char *name = "left";
    CHECK_STR(name, "right");
}

static void *fail_here(void *unused)
{
    CHECK(!"on another thread");
    return unused;
}

TEST(check_fails_on_a_thread)
{
    pthread_t thread;
    pthread_create(&thread, NULL, fail_here, NULL);
    pthread_join(thread, NULL);
}

static void *hang_in_a_thread(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* Not inlined, as its name is to be seen in the dump. */
__attribute__((noinline)) static void hang_in_main(pthread_t thread)
{
    pthread_join(thread, NULL);
    printf("not a tail call\n");
}

TEST_DEADLINE(hangs, 0.5)
{
    pthread_t thread;
    pthread_create(&thread, NULL, hang_in_a_thread, NULL);
    hang_in_main(thread);
}

TEST_DEADLINE(hangs_in_a_child, 0.5)
{
    pid_t child = fork();
    if (child == 0)
        hang_in_a_thread(NULL);
    waitpid(child, NULL, 0);
}

/* The kernel holds a process in vfork until its child is another program, or ends. */
static void be_held(double seconds)
{
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    pid_t child = vfork();
    if (child == 0) {
        nanosleep(&pause, NULL);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

TEST_DEADLINE(is_held, 0.5)
{
    be_held(1.5);
}

TEST_DEADLINE(is_held_for_ever, 0.2)
{
    be_held(1e6);
}

TEST_DEADLINE(spins, 0.5)
{
    for (;;)
        getppid();
}

/* Uses up so many seconds of processor time. */
static void work(double seconds)
{
    struct timespec used;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while ((double)used.tv_sec + (double)used.tv_nsec / 1e9 < seconds);
}

TEST_DEADLINE(works, 1.5)
{
    work(0.7);
}

TEST_DEADLINE(works_in_children, 1.5)
{
    for (int i = 0; i < 14; i++) {
        pid_t child = fork();
        if (child == 0) {
            work(0.05);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
}

TEST(crashes)
{
    printf("about to crash\n");
    raise(SIGSEGV);
}

TEST(aborts)
{
    abort();
}

TEST(exits)
{
    exit(3);
}

static void fail_late(void)
{
    _exit(4);
}

TEST(fails_at_exit)
{
    atexit(fail_late);
}

TEST_STOPS(stops, "the reason")
{
    fprintf(stderr, "here is the reason\n");
    abort();
}

TEST_STOPS(stops_for_another_reason, "the reason")
{
    fprintf(stderr, "here is none\n");
    abort();
}

TEST_STOPS(does_not_stop, "the reason")
{
    fprintf(stderr, "here is the reason\n");
}

TEST_STOPS(stops_by_another_signal, "the reason")
{
    fprintf(stderr, "here is the reason\n");
    raise(SIGSEGV);
}

/* The next two leave a process that would run for ever; its number stands in a file. */
static void leave_a_process(bool leave_the_group)
{
    pid_t child = fork();
    if (child == 0) {
        if (leave_the_group)
            setsid();
        for (;;)
            pause();
    }
    const char *path = getenv("LEFT_FILE");
    FILE *left = path ? fopen(path, "a") : NULL;
    if (left) {
        fprintf(left, "%d\n", (int)child);
        fclose(left);
    }
}

TEST(leaves_a_process)
{
    leave_a_process(false);
}

TEST(leaves_a_daemon)
{
    leave_a_process(true);
}

TEST(prints_much)
{
    char line[1000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    for (int i = 0; i < 1000; i++)
        puts(line);
    CHECK(!"enough");
}

TEST(reads_the_terminal)
{
    CHECK_INT(getchar(), ==, EOF);
}

TEST(cannot_run_here)
{
    puts("looks for a server");
    test_skip("there is no %s", "server");
}
