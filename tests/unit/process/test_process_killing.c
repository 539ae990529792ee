/* Workers that are killed, made to crash, stopped, or leave, at every stage of their life, with tasks of all
 * sizes in flight: each future ends once, with a result or a reason, within its deadline; afterwards there is
 * no child, no zombie, no descriptor, no shared memory left. And parents that are killed: their workers end, too,
 * wherever they are. The variable TEST_KILLING_ROUNDS says how often
 * each action meets each stage; the long run takes 1000. */
#include "harness.h"
#include "support.h"
#include "support_process.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { TASKS = 12, ROUNDS = 4, LARGE = 100000 };

static int nothing(thrum_task *self)
{
    (void)self;
    return 0;
}

static int echo(thrum_task *self)
{
    size_t size = thrum_task_arg_size(self);
    return thrum_return(self, thrum_task_arg(self, size), size);
}

static int leave(thrum_task *self)
{
    _exit(thrum_arg(self, int));
}

static int raise_it(thrum_task *self)
{
    int number = thrum_arg(self, int);
    signal(number, SIG_DFL);
    raise(number);
    return 0;
}

/* When a signal comes. */
enum stage { STARTING, BUSY, LATER, IDLE, LEAVING, STAGES };

static const int actions[] = {SIGKILL, SIGSEGV, SIGTERM, SIGSTOP,
                              0}; /* 0: a task leaves by itself */

enum { ACTIONS = sizeof actions / sizeof actions[0] };

/* A round: its pool, and how often each of its futures was told of as done. */
struct battle {
    thrum_executor *pool;
    thrum_future *futures[TASKS];
    uint32_t ends[TASKS];
    int action;
    enum stage stage;
    uint32_t turn;
};

static int count_end(thrum_future *future, void *context)
{
    (void)future;
    thrum__add_relaxed((uint32_t *)context, 1);
    return 0;
}

static void submit_all(struct battle *battle)
{
    static char large[LARGE];
    double limit = battle->action == SIGSTOP ? 0.1 : 30;
    for (int i = 0; i < TASKS; i++) {
        thrum_submit_options options = {.deadline = thrum_in(limit * test_deadline_scale())};
        thrum_task_fn *function = i % 3 == 1 ? echo : nothing;
        const void *arg = large;
        size_t size = i % 3 == 1 ? LARGE : 0;
        if (i == 5 && battle->stage == BUSY && battle->action != SIGSTOP) {
            function = battle->action ? raise_it : leave;
            arg = &battle->action;
            size = sizeof battle->action;
        }
        battle->futures[i] = thrum_submit_with(battle->pool, &options, function, arg, size);
        CHECK_INT(thrum_future_add_done_callback(battle->futures[i], count_end, &battle->ends[i]),
                  ==, 0);
    }
}

/* Sends the signal to one that lives. */
static void strike(struct battle *battle)
{
    int32_t pids[2];
    size_t count = thrum_process_pool_pids(battle->pool, pids, 2);
    if (count && battle->action)
        kill(pids[battle->turn % (count < 2 ? count : 2)], battle->action);
}

/* Strikes while the tasks are under way, sooner or later from round to round. */
static int strike_early(thrum_task *self)
{
    struct battle *battle = thrum_arg(self, struct battle *);
    if (battle->stage == STARTING)
        UNTIL(thrum_process_pool_pids(battle->pool, NULL, 0) > 0);
    for (uint32_t i = 0; battle->stage == LATER && i < battle->turn * 37 % 400; i++)
        thrum_yield();
    strike(battle);
    return 0;
}

static void check_end(struct battle *battle, int i)
{
    CHECK_INT(thrum_future_wait(battle->futures[i], THRUM_FOREVER), ==, 0);
    const thrum_error *error = thrum_future_error(battle->futures[i]);
    CHECK(!error || error->code == -ECHILD || error->code == -ETIMEDOUT);
    CHECK(!error || error->message[0]);
    if (!error && i % 3 == 1)
        CHECK_INT(thrum_future_result_size(battle->futures[i]), ==, LARGE);
}

static void fight(int action, enum stage stage, uint32_t turn)
{
    struct battle battle = {.action = action, .stage = stage, .turn = turn};
    battle.pool = process_pool(.max_workers = 2, .grace = 0.02);
    submit_all(&battle);
    thrum_thread *striker = NULL;
    if (stage == STARTING || stage == BUSY || stage == LATER)
        striker = thrum_thread_start(strike_early, thrum_value(struct battle *, &battle));
    for (int i = 0; i < TASKS; i++)
        check_end(&battle, i);
    if (striker)
        JOIN(striker, 0);
    if (stage == IDLE || stage == LEAVING)
        strike(&battle);
    if (stage == IDLE && action && action != SIGSTOP)
        CHECK_INT(result_of(thrum_submit(battle.pool, nothing, THRUM_NOTHING), NULL, 0) % ECHILD,
                  ==, 0); /* it may have met the one that was dying */
    thrum_executor_shutdown(battle.pool);
    for (int i = 0; i < TASKS; i++) {
        CHECK_INT(thrum__load_relaxed(&battle.ends[i]), ==, 1);
        thrum_future_free(battle.futures[i]);
    }
    CHECK_INT(live_children(), ==, 0);
    CHECK_INT(shared_segments(), ==, 0);
}

static uint32_t rounds(void)
{
    const char *text = getenv("TEST_KILLING_ROUNDS");
    return text ? (uint32_t)strtoul(text, NULL, 10) : SANITIZED ? 1 : ROUNDS;
}

static void fight_at(enum stage stage)
{
    fight(SIGKILL, stage, 0);
    int before = open_descriptors();
    for (uint32_t turn = 0; turn < rounds(); turn++)
        for (int i = 0; i < ACTIONS; i++)
            fight(actions[i], stage, turn);
    UNTIL(open_descriptors() <= before);
}

/* A long run takes as long as it takes: a fight has its own deadlines. */
enum { PATIENCE = 3600 };

TEST_DEADLINE(workers_die_when_they_start, PATIENCE)
{
    fight_at(STARTING);
}

TEST_DEADLINE(workers_die_in_a_task, PATIENCE)
{
    fight_at(BUSY);
}

TEST_DEADLINE(workers_die_at_any_moment, PATIENCE)
{
    fight_at(LATER);
}

TEST_DEADLINE(workers_die_when_idle, PATIENCE)
{
    fight_at(IDLE);
}

TEST_DEADLINE(workers_die_when_they_are_to_leave, PATIENCE)
{
    fight_at(LEAVING);
}

/* ---------------------------------------------------------------------------------------- the parent */

static int say(thrum_task *self)
{
    return write(thrum_arg(self, int), "x", 1) == 1 ? 0 : -EIO;
}

static int stop(thrum_task *self)
{
    (void)self;
    raise(SIGSTOP);
    return 0;
}

/* In a process of its own, until it is killed: has workers, which keep `alive` open as it does itself, and says
 * there that they work. */
__attribute__((noreturn)) static void be_a_parent(enum stage stage, int alive)
{
    static char large[LARGE];
    for (;;) {
        thrum_future *futures[TASKS];
        thrum_executor *pool =
            process_pool(.max_workers = 2, .descriptors = &alive, .descriptor_count = 1);
        do {
            for (int i = 0; i < TASKS; i++)
                futures[i] = i % 3 == 0   ? thrum_submit(pool, say, &alive, sizeof alive)
                             : i % 3 == 1 ? thrum_submit(pool, echo, large, sizeof large)
                             : i == 5 && stage == BUSY ? thrum_submit(pool, stop, THRUM_NOTHING)
                                                       : thrum_submit(pool, nothing, THRUM_NOTHING);
            for (int i = 0; i < TASKS; i++)
                CHECK_INT(result_of(futures[i], NULL, 0), ==, 0);
        } while (stage != LEAVING);
        thrum_executor_shutdown(pool);
    }
}

/* The other end of `alive` is at its end when the parent and all its workers are gone. */
static void kill_parent(enum stage stage, uint32_t turn)
{
    int alive[2], status;
    char bytes[256];
    ssize_t got = 1;
    CHECK(pipe2(alive, O_CLOEXEC) == 0);
    pid_t parent = fork();
    CHECK(parent >= 0);
    if (parent == 0)
        be_a_parent(stage, alive[1]);
    close(alive[1]);
    if (stage != STARTING)
        CHECK_INT(read(alive[0], bytes, 1), ==, 1);
    for (uint32_t i = 0; i < turn * 37 % 400; i++)
        thrum_yield();
    kill(parent, SIGKILL);
    CHECK_INT(waitpid(parent, &status, 0), ==, parent);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (got > 0)
        got = read(alive[0], bytes, sizeof bytes);
    CHECK_INT(got, ==, 0);
    close(alive[0]);
}

TEST_DEADLINE(workers_end_with_a_parent_that_is_killed, PATIENCE)
{
    static const enum stage stages[] = {STARTING, BUSY, LATER, LEAVING};
    int before = open_descriptors();
    for (uint32_t turn = 0; turn < rounds(); turn++)
        for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
            kill_parent(stages[i], turn);
    UNTIL(open_descriptors() <= before);
}
