/* The futex between processes, and the sleep on several words. What it is for above the gate is in the tests
 * of the primitives between processes. */
#include "harness.h"
#include "support.h"

#include "base/futex.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
    uint32_t word, other, asleep;
};

static struct shared *shared_new(void)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    return shared;
}

static pid_t child_begin(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    return child;
}

static void child_join(pid_t child)
{
    int status;
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
}

TEST(a_shared_word_wakes_another_process)
{
    struct shared *shared = shared_new();
    pid_t child = child_begin();
    if (child == 0) {
        while (!thrum__load_acquire(&shared->word))
            thrum__futex_wait_shared(&shared->word, 0, THRUM_FOREVER);
        _exit(0);
    }
    /* The wake says whether it found him asleep; only then the word changes. */
    UNTIL(thrum__futex_wake_shared(&shared->word, 1) == 1);
    thrum__store_release(&shared->word, 1);
    thrum__futex_wake_shared(&shared->word, 1);
    child_join(child);
}

TEST(a_shared_wait_ends_by_its_deadline_and_for_another_value)
{
    struct shared *shared = shared_new();
    CHECK_INT(thrum__futex_wait_shared(&shared->word, 0, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK_INT(thrum__futex_wait_shared(&shared->word, 1, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum__futex_wake_shared(&shared->word, 1), ==, 0);
}

static void two_words(bool kernel_knows)
{
    struct shared *shared = shared_new();
    static uint32_t own;
    if (!kernel_knows)
        thrum__fault_arm(THRUM__FAULT_FUTEX_ANY, 1, UINT32_MAX);
    CHECK_INT(thrum__futex_wait_two(&own, 0, &shared->word, 0, thrum_in(0.001)), ==, -ETIMEDOUT);
    CHECK_INT(thrum__futex_wait_two(&own, 1, &shared->word, 0, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum__futex_wait_two(&own, 0, &shared->word, 1, THRUM_FOREVER), ==, 0);
    pid_t child = child_begin();
    if (child == 0) {
        while (!thrum__load_acquire(&shared->word))
            thrum__futex_wait_two(&own, 0, &shared->word, 0, THRUM_FOREVER);
        _exit(0);
    }
    UNTIL(thrum__futex_wake_shared(&shared->word, 1) == 1);
    thrum__store_release(&shared->word, 1);
    thrum__futex_wake_shared(&shared->word, 1);
    child_join(child);
}

TEST(a_wait_for_two_words_ends_by_the_shared_one)
{
    two_words(true);
}

TEST(an_old_kernel_waits_for_two_words_in_slices)
{
    two_words(false);
}

static uint32_t own, ident;

static int sleep_on_two(thrum_task *self)
{
    struct shared *shared = thrum_arg(self, struct shared *);
    tell_ident(&ident);
    while (!thrum__load_acquire(&own))
        thrum__futex_wait_two(&own, 0, &shared->word, 0, THRUM_FOREVER);
    return 0;
}

static void own_word(bool kernel_knows)
{
    struct shared *shared = shared_new();
    if (!kernel_knows)
        thrum__fault_arm_all(THRUM__FAULT_FUTEX_ANY, 1, UINT32_MAX);
    thrum_thread *thread = thrum_thread_start(sleep_on_two, thrum_value(struct shared *, shared));
    CHECK(thread != NULL);
    UNTIL(thrum__futex_wake_shared(&shared->word, 1) == 1);
    thrum__store_release(&own, 1);
    thrum__futex_wake(&own, 1);
    JOIN(thread, 0);
}

TEST(a_wait_for_two_words_ends_by_ones_own)
{
    own_word(true);
}

TEST(an_old_kernel_sees_ones_own_word_at_the_end_of_a_slice)
{
    own_word(false);
}

TEST(a_wait_for_many_words_tells_which_was_woken)
{
    enum { WORDS = THRUM__FUTEX_PLACES };
    uint32_t *words = (uint32_t *)shared_new();
    thrum__futex_place places[WORDS];
    for (unsigned i = 0; i < WORDS; i++)
        places[i] = (thrum__futex_place){&words[i + 1], 0, true};
    CHECK_INT(thrum__futex_wait_any(places, WORDS, thrum_in(0.001)), !=, 0);
    pid_t child = child_begin();
    if (child == 0) {
        int rc;
        do
            rc = thrum__futex_wait_any(places, WORDS, THRUM_FOREVER);
        while (rc == -EAGAIN);
        _exit(rc == WORDS - 1 || rc == -ENOSYS ? 0 : 1);
    }
    int status = 0;
    pid_t ended = 0;
    while (thrum__futex_wake_shared(&words[WORDS], 1) == 0 && ended == 0)
        ended = waitpid(child, &status, WNOHANG); /* at once where the kernel cannot */
    if (!ended)
        child_join(child);
    CHECK_INT(status, ==, 0);
}

TEST(a_word_that_is_gone_ends_the_wait)
{
    struct shared *shared = shared_new();
    thrum__futex_place place = {&shared->word, 0, true};
    CHECK_INT(munmap(shared, sizeof *shared), ==, 0);
    int rc = thrum__futex_wait_any(&place, 1, THRUM_FOREVER);
    CHECK(rc == -EAGAIN || rc == -ENOSYS);
    CHECK_INT(thrum__futex_wake_shared(&shared->word, 1), ==, 0);
}

/* A sleep that the kernel refuses is a defect, and no wake: its caller would spin for ever. */

TEST_STOPS(a_refused_sleep_stops_the_program, "the kernel refuses to wait on word")
{
    static char bytes[16];
    thrum__futex_wait((uint32_t *)(void *)(bytes + 1), 0, THRUM_FOREVER);
}

TEST_STOPS(a_time_that_is_none_stops_the_program, "the kernel refuses to wait on word")
{
    static uint32_t word;
    thrum__futex_wait(&word, 0, (thrum_deadline){-1});
}
