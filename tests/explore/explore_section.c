/* Sections and forks: a thread that closes the gate finds nobody in a section, and everybody goes on after it. */
#include "base/section.h"
#include "explore.h"

static int half; /* 1 while it is half changed; protected by sections and the gate */

static void change(void)
{
    EXPLORE_WRITE(half, 1);
    EXPLORE_WRITE(half, 0);
}

static void work(void *unused)
{
    (void)unused;
    thrum__section_record *self = thrum__section_self_make();
    thrum__section_begin(self);
    change();
    thrum__section_end(self);
}

static void work_at_once(void *unused)
{
    (void)unused;
    thrum__section_record *self = thrum__section_self_make();
    if (!thrum__section_try(self))
        return;
    explore_seen("at once");
    change();
    thrum__section_end(self);
}

static void work_nested(void *unused)
{
    (void)unused;
    thrum__section_record *self = thrum__section_self_make();
    thrum__section_begin(self);
    EXPLORE_WRITE(half, 1);
    thrum__section_begin(self);
    thrum__section_end(self);
    EXPLORE_WRITE(half, 0);
    thrum__section_end(self);
}

/* As a fork does it; the forking thread may itself enter a section meanwhile. */
static void close_and_look(void *unused)
{
    (void)unused;
    thrum__section_record *self = thrum__section_self_make();
    thrum__section_close(self);
    EXPLORE_CHECK(EXPLORE_READ(half) == 0);
    thrum__section_begin(self);
    change();
    thrum__section_end(self);
    thrum__section_open(self);
}

static void work_while_a_fork_closes(void)
{
    (void)thrum__section_self_make();
    explore_spawn("worker", work, NULL);
    close_and_look(NULL);
    explore_join_all();
}

/* With an old value of the gate or of a depth; with a sleep that ends for no reason. Both in one run are more
 * than the explorer's reduction tells apart (--compare). */
EXPLORE(section_closed, .preemptions = 3, .stale = 1)
{
    work_while_a_fork_closes();
}

EXPLORE(section_closed_spurious, .preemptions = 3, .spurious = 1)
{
    work_while_a_fork_closes();
}

EXPLORE(section_try, .preemptions = 3, .stale = 1, .sees = "at once")
{
    (void)thrum__section_self_make();
    explore_spawn("worker", work_at_once, NULL);
    close_and_look(NULL);
    explore_join_all();
}

EXPLORE(section_nested, .preemptions = 3)
{
    (void)thrum__section_self_make();
    explore_spawn("worker", work_nested, NULL);
    close_and_look(NULL);
    explore_join_all();
}

EXPLORE(section_two_forks, .preemptions = 2, .long_preemptions = 3)
{
    explore_spawn("other fork", close_and_look, NULL);
    explore_spawn("worker", work, NULL);
    close_and_look(NULL);
    explore_join_all();
}
