/* The explorer explored: sleeping, waking, deadlines, and loops that spin. */
#include "base/futex.h"
#include "base/spin.h"
#include "explore.h"

/* Sleeping: one who looks, and then sleeps without looking again, misses the wake. */

struct sleeper {
    uint32_t ready, word;
};

static void sleep_carelessly(void *argument)
{
    struct sleeper *s = argument;
    if (!thrum__load_acquire(&s->ready))
        thrum__futex_wait(&s->word, 0, THRUM_FOREVER);
}

static void sleep_carefully(void *argument)
{
    struct sleeper *s = argument;
    while (!thrum__load_acquire(&s->ready))
        thrum__futex_wait(&s->ready, 0, THRUM_FOREVER);
}

static void sleep_once(void *argument)
{
    struct sleeper *s = argument;
    if (!thrum__load_acquire(&s->ready))
        thrum__futex_wait(&s->ready, 0, THRUM_FOREVER);
    EXPLORE_CHECK(thrum__load_acquire(&s->ready));
}

static void wake(void *argument)
{
    struct sleeper *s = argument;
    thrum__store_release(&s->ready, 1);
    thrum__futex_wake(&s->word, 1);
    thrum__futex_wake(&s->ready, 1);
}

static void sleeper(void (*how)(void *))
{
    struct sleeper s = {0};
    EXPLORE_NAME(s);
    explore_spawn("sleeper", how, &s);
    explore_spawn("waker", wake, &s);
    explore_join_all();
}

EXPLORE(self_sleep, .preemptions = EXPLORE_ALL, .spurious = 2)
{
    sleeper(sleep_carefully);
}

EXPLORE(self_lost_wake, .fails = "a deadlock or a lost wake-up")
{
    sleeper(sleep_carelessly);
}

EXPLORE(self_spurious, .spurious = 1, .fails = "check failed: thrum__load_acquire")
{
    sleeper(sleep_once);
}

EXPLORE(self_not_spurious, .preemptions = EXPLORE_ALL)
{
    sleeper(sleep_once);
}

/* Deadlines. */

static void sleep_until_one(void *argument)
{
    struct sleeper *s = argument;
    thrum_deadline deadline = thrum_at(thrum_now() + 1000);
    int rc = 0;
    while (!thrum__load_acquire(&s->ready) && rc == 0)
        rc = thrum__futex_wait(&s->ready, 0, deadline);
    if (rc)
        EXPLORE_CHECK(thrum_now() >= deadline.ns);
    if (rc && thrum__load_acquire(&s->ready))
        explore_seen("late");
}

EXPLORE(self_deadline, .preemptions = EXPLORE_ALL, .timeouts = 1, .sees = "late")
{
    sleeper(sleep_until_one);
}

EXPLORE(self_deadline_rescue, .rescue = true)
{
    struct sleeper s = {0};
    explore_spawn("sleeper", sleep_until_one, &s);
    explore_join_all();
    EXPLORE_CHECK(explore_timeouts() == 1);
}

EXPLORE(self_deadline_needed, .timeouts = 1, .fails = "sleeps, with a deadline, on s")
{
    struct sleeper s = {0};
    EXPLORE_NAME(s);
    explore_spawn("sleeper", sleep_until_one, &s);
    explore_join_all();
}

/* Spin locks, by pause: two in the wrong order, and one that is right. */

static void spin_acquire(uint32_t *word)
{
    while (thrum__exchange_acquire(word, 1))
        thrum__pause();
}

static void spin_release(uint32_t *word)
{
    thrum__store_release(word, 0);
}

struct two_locks {
    uint32_t a, b;
    int data;
};

static void take_ab(void *argument)
{
    struct two_locks *locks = argument;
    spin_acquire(&locks->a);
    spin_acquire(&locks->b);
    EXPLORE_WRITE(locks->data, locks->data + 1);
    spin_release(&locks->b);
    spin_release(&locks->a);
}

static void take_ba(void *argument)
{
    struct two_locks *locks = argument;
    spin_acquire(&locks->b);
    spin_acquire(&locks->a);
    EXPLORE_WRITE(locks->data, locks->data + 1);
    spin_release(&locks->a);
    spin_release(&locks->b);
}

EXPLORE(self_deadlock, .fails = "spins in vain")
{
    struct two_locks locks = {0};
    explore_spawn("ab", take_ab, &locks);
    explore_spawn("ba", take_ba, &locks);
    explore_join_all();
}

EXPLORE(self_spin_lock, .preemptions = EXPLORE_ALL)
{
    struct two_locks locks = {0};
    explore_spawn("one", take_ab, &locks);
    explore_spawn("two", take_ab, &locks);
    explore_spawn("three", take_ab, &locks);
    explore_join_all();
    EXPLORE_CHECK(locks.data == 3);
}

/* A mutex of the futex alone: 0 free, 1 held, 2 held and waited for. */

struct mutex {
    uint32_t word;
    int data;
};

static void mutex_run(void *argument)
{
    struct mutex *mutex = argument;
    uint32_t seen = 0;
    if (!thrum__cas_acquire(&mutex->word, &seen, 1))
        while (thrum__exchange_acquire(&mutex->word, 2))
            thrum__futex_wait(&mutex->word, 2, THRUM_FOREVER);
    EXPLORE_WRITE(mutex->data, EXPLORE_READ(mutex->data) + 1);
    if (thrum__exchange_release(&mutex->word, 0) == 2)
        thrum__futex_wake(&mutex->word, 1);
}

EXPLORE(self_mutex, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    struct mutex mutex = {0};
    explore_spawn("one", mutex_run, &mutex);
    explore_spawn("two", mutex_run, &mutex);
    explore_spawn("three", mutex_run, &mutex);
    explore_join_all();
    EXPLORE_CHECK(mutex.data == 3);
}

/* A loop that nobody ends. */
EXPLORE(self_livelock, .steps = 100, .fails = "a livelock: more than 100 steps")
{
    uint32_t word = 0;
    while (!thrum__load_relaxed(&word))
        ;
}

/* Sleeping on two words: a wake of either ends it, and of two one may be lost on the sleeper, who must
 * look at both. */

struct pair {
    uint32_t left, right, woken;
};

static void sleep_on_both(void *argument)
{
    struct pair *p = argument;
    for (;;) {
        bool left = thrum__load_acquire(&p->left), right = thrum__load_acquire(&p->right);
        if (left && right)
            return;
        thrum__futex_wait_two(&p->left, left, &p->right, right, THRUM_FOREVER);
    }
}

/* Takes what it is told for all there is to know. */
static void sleep_on_both_and_believe(void *argument)
{
    struct pair *p = argument;
    thrum__futex_place places[] = {{&p->left, 0, true}, {&p->right, 0, true}};
    if (thrum__futex_wait_any(places, 2, thrum_at(thrum_now() + 1000)) == 1)
        EXPLORE_CHECK(!thrum__load_acquire(&p->woken));
}

static void wake_left(void *argument)
{
    struct pair *p = argument;
    thrum__store_release(&p->left, 1);
    thrum__futex_wake(&p->left, 1);
}

static void wake_right(void *argument)
{
    struct pair *p = argument;
    thrum__store_release(&p->right, 1);
    thrum__futex_wake_shared(&p->right, 1);
}

static void wake_left_alone(void *argument)
{
    struct pair *p = argument;
    if (thrum__futex_wake_shared(&p->left, 1) == 1)
        thrum__store_release(&p->woken, 1);
}

static void wake_right_alone(void *argument)
{
    struct pair *p = argument;
    thrum__futex_wake_shared(&p->right, 1);
}

static void pair(void (*sleeps)(void *), void (*left)(void *), void (*right)(void *))
{
    struct pair p = {0};
    EXPLORE_NAME(p);
    explore_spawn("sleeper", sleeps, &p);
    explore_spawn("left", left, &p);
    explore_spawn("right", right, &p);
    explore_join_all();
}

EXPLORE(self_two_words, .preemptions = EXPLORE_ALL, .spurious = 1)
{
    pair(sleep_on_both, wake_left, wake_right);
}

EXPLORE(self_two_words_one_told, .preemptions = EXPLORE_ALL, .rescue = true,
        .fails = "check failed: !thrum__load")
{
    pair(sleep_on_both_and_believe, wake_left_alone, wake_right_alone);
}
