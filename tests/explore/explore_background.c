/* Background threads: each job is run once, though others block, and though the system refuses threads. The threads
 * are daemons: they sleep when a run ends. */
#include "explore.h"
#include "thread/background.h"
#include <thrum/event.h>

enum { JOBS = 5 };

static struct work {
    thrum__job job; /* first: run is given it */
    int ran; /* plain: the giver's write, the run's, and the main thread's read are ordered */
    thrum_event begun, done;
    struct work *waits_for; /* blocks until that one has begun, if it is not NULL */
} works[JOBS];

static thrum_event refused; /* or a job is done */

static void run(thrum__job *job)
{
    struct work *work = (struct work *)job;
    EXPLORE_WRITE(work->ran, EXPLORE_READ(work->ran) + 1);
    EXPLORE_CHECK(work->ran == 1);
    thrum_event_set(&work->begun);
    if (work->waits_for)
        EXPLORE_CHECK(thrum_event_wait(&work->waits_for->begun, THRUM_FOREVER) == 0);
    thrum_event_set(&work->done);
    thrum_event_set(&refused);
}

static void give(void *argument)
{
    struct work *work = argument;
    EXPLORE_WRITE(work->ran, 0);
    work->job.run = run;
    thrum__background_run(&work->job);
}

static void await(struct work *work)
{
    EXPLORE_CHECK(thrum_event_wait(&work->done, THRUM_FOREVER) == 0);
    EXPLORE_CHECK(EXPLORE_READ(work->ran) == 1);
}

/* Two threads give a job each. The first job blocks until the other has begun. */
EXPLORE(background_blocks, .preemptions = 1, .long_preemptions = 2, .idle = true)
{
    works[0].waits_for = &works[1];
    explore_spawn("giver", give, &works[0]);
    explore_spawn("giver", give, &works[1]);
    await(&works[0]);
    await(&works[1]);
    explore_join_all();
}

/* One thread gives two jobs at once, of which the first blocks. While those threads become idle it gives three, of
 * which two block: a third thread is needed. */
EXPLORE(background_again, .preemptions = 1, .long_preemptions = 2, .idle = true)
{
    works[0].waits_for = &works[1];
    works[2].waits_for = works[3].waits_for = &works[4];
    give(&works[0]);
    give(&works[1]);
    await(&works[0]);
    for (int i = 2; i < JOBS; i++)
        give(&works[i]);
    for (int i = 1; i < JOBS; i++)
        await(&works[i]);
}

static void tell(void)
{
    thrum_event_set(&refused);
}

/* The system refuses threads, and what makes the rounds of the reaper tries again. */
static void reap(int count)
{
    for (;;) {
        thrum_event_clear(&refused);
        while (!thrum__background_retry())
            explore_seen("refused");
        bool done = true;
        for (int i = 0; i < count; i++)
            done = done && thrum_event_is_set(&works[i].done);
        if (done)
            return;
        EXPLORE_CHECK(thrum_event_wait(&refused, THRUM_FOREVER) == 0);
    }
}

EXPLORE(background_refused, .preemptions = 1, .long_preemptions = 2, .no_thread = 2, .idle = true,
        .sees = "refused")
{
    thrum__background_on_refusal(tell);
    give(&works[0]);
    reap(1);
    await(&works[0]);
}

EXPLORE(background_refused_again, .preemptions = 1, .long_preemptions = 2, .no_thread = 2,
        .idle = true, .sees = "refused")
{
    works[0].waits_for = &works[1];
    thrum__background_on_refusal(tell);
    give(&works[0]);
    give(&works[1]);
    reap(2);
    await(&works[0]);
    await(&works[1]);
}
