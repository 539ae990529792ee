/* The looker: who has one, what it finds, and when it sleeps. */
#include "harness.h"
#include "park/first_look.h"
#include "support.h"
#include "support_sanitizer.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static thrum_lock locks[2];
static uint32_t ident, asked, done, stops;

static bool is_asleep(void)
{
    uint32_t number = thrum__load_acquire(&ident);
    return number &&
           thrum__load_acquire(&thrum__context_of(number)->signal) >= THRUM__SIGNAL_ASLEEP;
}

/* Takes the lock that the test holds, each time that it is asked to. */
static int take_lock(thrum_task *self)
{
    (void)self;
    tell_ident(&ident);
    for (uint32_t turn = 1;; turn++) {
        UNTIL(thrum__load_acquire(&asked) == turn || thrum__load_relaxed(&stops));
        if (thrum__load_relaxed(&stops))
            return 0;
        thrum_lock_acquire(&locks[0]);
        thrum_lock_release(&locks[0]);
        thrum__store_release(&done, turn);
    }
}

/* Has a thread sleep for a lock, `most` times or until the looker is started. */
static void sleep_often(uint32_t most)
{
    asked = done = stops = ident = 0;
    thrum_thread *thread = thrum_thread_start(take_lock, THRUM_NOTHING);
    for (uint32_t turn = 1; turn <= most && thrum__looker_state() == THRUM__LOOKER_NONE; turn++) {
        thrum_lock_acquire(&locks[0]);
        thrum__store_release(&asked, turn);
        UNTIL(is_asleep());
        thrum_lock_release(&locks[0]);
        UNTIL(thrum__load_acquire(&done) == turn);
    }
    thrum__store_release(&stops, 1);
    JOIN(thread, 0);
}

static void start_looker(void)
{
    thrum__looker_start();
    UNTIL(thrum__looker_state() == THRUM__LOOKER_IDLE);
}

/* -------------------------------------------------------------------------------- its thread */

/* Reads a line of the status of the looker's thread. Returns how many such threads there are. */
static int look_up(const char *line, char *ret_value, size_t size)
{
    int found = 0;
    DIR *folder = opendir("/proc/self/task");
    CHECK(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[64], text[256];
        snprintf(path, sizeof path, "/proc/self/task/%.20s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        bool is_looker = false;
        while (file && fgets(text, sizeof text, file)) {
            if (strcmp(text, "Name:\tthrum-deadlock\n") == 0)
                found++, is_looker = true;
            if (is_looker && strncmp(text, line, strlen(line)) == 0)
                snprintf(ret_value, size, "%s", text + strlen(line));
        }
        if (file)
            fclose(file);
    }
    closedir(folder);
    return found;
}

TEST(a_process_that_waits_seldom_has_none)
{
    char value[64] = "";
    sleep_often(thrum__looker_after / 2);
    CHECK_INT(thrum__looker_state(), ==, THRUM__LOOKER_NONE);
    CHECK_INT(look_up("State:", value, sizeof value), ==, 0);
}

/* The test ends while the looker is awake, or soon after. */
TEST(a_process_that_waits_often_has_one)
{
    char value[64] = "";
    sleep_often(UINT32_MAX);
    UNTIL(look_up("State:", value, sizeof value)); /* it has its name */
    sleep_often(100);
    CHECK_INT(look_up("State:", value, sizeof value), ==, 1);
}

TEST(it_blocks_all_signals)
{
    char value[64] = "";
    start_looker();
    CHECK_INT(look_up("SigBlk:", value, sizeof value), ==, 1);
    unsigned long long blocked = strtoull(value, NULL, 16);
    for (int number = 1; number < 32; number++)
        if (number != SIGKILL && number != SIGSTOP)
            CHECK(blocked >> (number - 1) & 1);
}

TEST(off_starts_none)
{
    setenv("THRUM_DEADLOCK", "off", 1);
    sleep_often(3 * thrum__looker_after);
    CHECK_INT(thrum__looker_state(), ==, THRUM__LOOKER_NONE);
}

/* ------------------------------------------------------------------------------ what it finds */

static uint32_t reports;
static thrum_barrier meet;

static void count(const thrum_failure *failure, void *context)
{
    (void)context;
    if (strcmp(failure->kind, "deadlock") == 0)
        thrum__add_release(&reports, 1);
}

static int take_both(thrum_task *self)
{
    int first = thrum_arg(self, int);
    thrum_lock_acquire(&locks[first]);
    CHECK_INT(thrum_barrier_wait(&meet, THRUM_FOREVER), >=, 0);
    thrum_lock_acquire(&locks[1 - first]);
    return 0;
}

static void deadlock(void)
{
    thrum_failure_hook_set(count, NULL);
    thrum_barrier_init(&meet, 2, NULL, NULL);
    for (int i = 0; i < 2; i++)
        thrum_thread_start_with(&(thrum_thread_options){.daemon = true}, take_both,
                                thrum_value(int, i));
}

/* A waiter that sleeps with a timeout does not wake the looker. */
TEST(it_finds_a_deadlock_and_sleeps)
{
    char before[64] = "", after[64] = "?";
    start_looker();
    deadlock();
    UNTIL(thrum__looker_state() == THRUM__LOOKER_AWAKE);
    UNTIL(thrum__load_acquire(&reports));
    UNTIL(thrum__looker_state() == THRUM__LOOKER_IDLE);
    thrum_sleep(thrum_in(0.2)); /* from the word to the sleep */
    look_up("voluntary_ctxt_switches:", before, sizeof before);
    thrum_sleep(thrum_in(0.5));
    look_up("voluntary_ctxt_switches:", after, sizeof after);
    CHECK_STR(after, before);
    CHECK_INT(thrum__looker_state(), ==, THRUM__LOOKER_IDLE);
    CHECK_INT(thrum__load_acquire(&reports), ==, 1);
    _exit(0);
}

TEST(a_slow_holder_is_no_deadlock)
{
    start_looker();
    thrum_failure_hook_set(count, NULL);
    asked = done = stops = 0;
    thrum_thread *thread = thrum_thread_start(take_lock, THRUM_NOTHING);
    thrum_lock_acquire(&locks[0]);
    thrum__store_release(&asked, 1);
    UNTIL(is_asleep());
    UNTIL(thrum__looker_state() == THRUM__LOOKER_IDLE); /* the search has been asked for */
    thrum_sleep(thrum_in(0.3));
    thrum_lock_release(&locks[0]);
    UNTIL(thrum__load_acquire(&done) == 1);
    thrum__store_release(&stops, 1);
    JOIN(thread, 0);
    CHECK_INT(thrum__load_acquire(&reports), ==, 0);
}

TEST(if_the_system_refuses_it_a_deadlock_is_found_all_the_same)
{
    thrum__fault_arm_all(THRUM__FAULT_HELPER_START, 1, UINT32_MAX);
    sleep_often(3 * thrum__looker_after);
    CHECK_INT(thrum__looker_state(), ==, THRUM__LOOKER_NONE);
    CHECK_INT(thrum__fault_calls(THRUM__FAULT_HELPER_START), ==, 2);
    deadlock();
    UNTIL(thrum__load_acquire(&reports));
    thrum__fault_disarm(THRUM__FAULT_HELPER_START);
    _exit(0);
}

/* -------------------------------------------------------------------------------------- forks */

/* In a child. The context of the parent's other thread keeps the signal word that it had. */
static void find_in_child(void)
{
    CHECK_INT(thrum__looker_state(), ==, THRUM__LOOKER_NONE);
    thrum__looker_start();
    UNTIL(thrum__looker_state() == THRUM__LOOKER_IDLE); /* a wait of the parent is none */
    locks[0] = locks[1] = (thrum_lock)THRUM_LOCK_INIT;
    deadlock();
    UNTIL(thrum__looker_state() == THRUM__LOOKER_AWAKE);
    UNTIL(thrum__load_acquire(&reports));
    _exit(0);
}

TEST(a_child_of_fork_has_its_own)
{
    if (SANITIZED)
        test_skip("sanitizers cannot start threads in a child");
    int status;
    start_looker();
    asked = done = stops = 0;
    thrum_thread *thread = thrum_thread_start(take_lock, THRUM_NOTHING);
    thrum_lock_acquire(&locks[0]);
    thrum__store_release(&asked, 1);
    UNTIL(is_asleep());
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        find_in_child();
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
    thrum_lock_release(&locks[0]);
    UNTIL(thrum__load_acquire(&done) == 1);
    thrum__store_release(&stops, 1);
    JOIN(thread, 0);
}
