/* Groups.
 *
 * Under the lock of `changed`:
 *
 *     active   members that nobody has asked to stop
 *     asked    members that were asked; they are still to be waited for
 *     left     members that are not counted off; a join waits for 0
 *     reason   why the group was stopped; code 0 while it is not. The first one stays
 *
 * A member is a record with a callback in its future. The thread that ends the future takes the
 * record off its list, stops the group if it is the first to fail, and only then counts it off: so
 * the group stands as long as someone is stopping it for a member's sake. Counting off the last
 * one notifies the join, which owns the group as soon as it has the lock; the release is the last
 * that the other touches.
 *
 * To stop, one moves members from `active` to `asked`, one at a time, and cancels each without the
 * lock, as that calls back: a pending one ends in the canceller, whose callback takes the lock in
 * turn. Each member is moved once, so stopping is linear, even if several threads join in. The future of a member
 * on a list is alive, as its end takes it off first; a reference taken under the lock keeps it
 * through the cancel.
 *
 * A submit makes the future a member before the executor gets it, so that whatever the task does, it
 * does as a member. If the group is stopped between the two, the executor finds a cancelled future
 * and drops it. After that neither the group nor the record is touched, as both may be gone.
 *
 * Order of locks: the group's, then a future's. No watch and no callback takes the group's under
 * that of a future.
 *
 * Fork: in a child nobody ends the members that ran in a pool of the parent. A join takes their
 * watches out of their futures, gives them up, stops the rest and returns -ESRCH.
 *
 * It stands over the executors, as it gives them tasks.
 *
 * Sources: Python's asyncio.TaskGroup, Trio's nurseries.
 */
#include "base/panic.h"
#include "base/place.h"
#include "base/probe.h"
#include "base/process.h"
#include "executor/core/executor.h"
#include "thread/leaks.h"
#include <thrum/condition.h>
#include <thrum/group.h>
#include <thrum/thread.h>
#include <thrum/with.h>

#include <errno.h>

struct member {
    thrum__future_callback callback;
    thrum_group *group;
    thrum_future *future;
    struct member *next, **link; /* `link` is what leads here */
};

struct thrum_group {
    thrum_condition changed;
    struct member *active, *asked;
    size_t left;
    thrum_error reason;
    bool told;         /* to the failure hook, at the end of the program; under the lock */
    thrum_error last;  /* of the last join; the joiner's */
    const void *place; /* where it was made */
    thrum__handle listed;
};

static void link_member(struct member **list, struct member *member)
{
    member->next = *list;
    member->link = list;
    if (member->next)
        member->next->link = &member->next;
    *list = member;
}

static void unlink_member(struct member *member)
{
    *member->link = member->next;
    if (member->next)
        member->next->link = member->link;
}

/* The next one to be asked to stop, with a reference; NULL when all are. */
static thrum_future *next_to_ask(thrum_group *group)
{
    thrum_with (&group->changed) {
        struct member *member = group->active;
        if (member) {
            unlink_member(member);
            link_member(&group->asked, member);
            thrum__future_reference(member->future);
            return member->future;
        }
    }
    return NULL;
}

static void ask_all(thrum_group *group)
{
    thrum_future *future;
    while ((future = next_to_ask(group))) {
        (void)thrum_future_cancel(future);
        thrum__future_unreference(future);
    }
}

/* Under the lock. True for the first. */
static bool give_reason(thrum_group *group, const thrum_error *reason)
{
    bool first = !group->reason.code;
    if (first)
        group->reason = *reason;
    return first;
}

/* Returns whether `code` is why the group is stopped. */
static bool stop(thrum_group *group, int code)
{
    bool first = false;
    thrum_with (&group->changed)
        first = give_reason(group, thrum__error_constant(code));
    ask_all(group);
    return first;
}

/* The last touch of the group for the sake of a member. */
static void count_off(thrum_group *group)
{
    thrum_with (&group->changed) {
        if (--group->left == 0)
            thrum_condition_notify_all(&group->changed);
    }
}

static void member_done(thrum__future_callback *callback, thrum_future *future)
{
    struct member *member = (struct member *)callback; /* its first member */
    thrum_group *group = member->group;
    const thrum_error *error = thrum__future_failure(future);
    bool first = false;
    thrum__probe(told, THRUM__PROBE_GROUP, group, 1);
    thrum_with (&group->changed) {
        unlink_member(member);
        first = error && give_reason(group, error);
    }
    if (first) {
        thrum__future_ignore(future); /* the join tells it */
        ask_all(group);
    }
    thrum__free(member);
    count_off(group);
}

/* Makes a pending future a member. False if the group is stopped. */
static bool enter(thrum_group *group, struct member *member, thrum_future *future)
{
    bool stopped = true;
    member->callback.run = member_done;
    member->group = group;
    member->future = future;
    thrum_with (&group->changed) {
        stopped = group->reason.code;
        if (!stopped) {
            group->left++;
            link_member(&group->active, member);
        }
    }
    return !stopped;
}

/* For the end of the program: thread/leaks.h. */

static thrum_group *listed(const thrum__handle *handle)
{
    return (thrum_group *)(uintptr_t)((const char *)handle - offsetof(thrum_group, listed));
}

static void name_of(const thrum__handle *handle, char *text, size_t size)
{
    thrum__place_text(text, size, listed(handle)->place);
}

static const thrum_error *take_unread(thrum__handle *handle)
{
    thrum_group *group = listed(handle);
    bool unread = false;
    if (thrum_lock_try(&group->changed.own_) < 0)
        return NULL; /* a thread that nobody waits for uses it */
    unread = group->reason.code && group->reason.code != -ECANCELED && !group->told;
    group->told |= unread;
    thrum_lock_release(&group->changed.own_);
    return unread ? &group->reason : NULL;
}

static const char *leak(const thrum__handle *handle)
{
    (void)handle;
    return "was not freed";
}

static const thrum__handle_kind group_kind = {"group", name_of, take_unread, leak};

thrum_group *thrum_group_new(void)
{
    thrum_group *group = thrum__alloc(sizeof *group);
    if (!group)
        return NULL;
    group->place = thrum__caller();
    thrum__leaks_enter(&group->listed, &group_kind);
    return group;
}

thrum_future *thrum_group_submit(thrum_group *group, thrum_executor *executor,
                                 thrum_task_fn *function, const void *arg, size_t size)
{
    thrum__executor_check(executor, thrum__caller());
    thrum__value value = thrum__value_of(arg, size, thrum__caller());
    struct member *member = thrum__alloc(sizeof *member);
    if (!member)
        thrum__value_drop(value);
    thrum_future *future = member ? thrum__future_new(function, value) : thrum__future_no_memory();
    if (thrum_future_done(future)) { /* no memory */
        thrum__free(member);
        (void)stop(group, -ENOMEM);
    } else if (enter(group, member, future)) {
        thrum__future_callback_add(future, &member->callback);
        thrum__executor_submit(executor, future);
    } else {
        thrum__free(member);
        (void)thrum_future_cancel(future);
        thrum__future_unreference(future); /* for the executor, which never sees it */
    }
    return future;
}

/* In a child of fork: gives up the members that run in the parent, and returns whether there were any. What is
 * pending there is cancelled like any other. */
static bool give_up_lost(thrum_group *group)
{
    bool lost = false;
    if (!thrum__process_is_forked())
        return false;
    thrum_with (&group->changed) {
        struct member **lists[] = {&group->active, &group->asked}, *next;
        for (int i = 0; i < 2; i++)
            for (struct member *member = *lists[i]; member; member = next) {
                next = member->next;
                if (!thrum__future_is_lost(member->future))
                    continue;
                lost = true;
                if (!thrum_future_running(member->future))
                    continue;
                thrum__future_watch_end(member->future, &member->callback.watch);
                unlink_member(member);
                thrum__free(member);
                group->left--;
            }
    }
    return lost;
}

static int wait_for_all(thrum_group *group, thrum_deadline deadline)
{
    thrum_with (&group->changed) {
        while (group->left > 0) {
            thrum__context *self = thrum__futures_wait_begin();
            int rc = thrum_condition_wait(&group->changed, deadline);
            thrum__futures_wait_end(self);
            if (rc < 0)
                return rc;
        }
    }
    thrum__probe(learned, THRUM__PROBE_GROUP, group, 1);
    return 0;
}

/* Stops the program if the caller is one of those that it is about to wait for. */
static void check_outside(thrum_group *group, const void *place)
{
    thrum_with (&group->changed) {
        struct member *lists[] = {group->active, group->asked};
        for (int i = 0; i < 2; i++)
            for (struct member *member = lists[i]; member; member = member->next)
                if (thrum__future_runs_here(member->future))
                    thrum__panic(place,
                                 "group %p joined by its own task in thread \"%s\", which would "
                                 "wait for itself",
                                 (void *)group, thrum__self()->name);
    }
}

static bool stop_and_wait(thrum_group *group, int code)
{
    thrum_shield_begin();
    (void)give_up_lost(group);
    bool first = stop(group, code);
    (void)wait_for_all(group, THRUM_FOREVER);
    thrum_shield_end();
    return first;
}

int thrum_group_join(thrum_group *group, thrum_deadline deadline)
{
    check_outside(group, thrum__caller());
    int rc = give_up_lost(group) ? -ESRCH : wait_for_all(group, deadline);
    if (rc == -EAGAIN)
        rc = -ETIMEDOUT;
    bool stopped_here = rc < 0 && stop_and_wait(group, rc);
    thrum_with (&group->changed) {
        group->last = group->reason;
        group->reason = (thrum_error){0};
    }
    return stopped_here ? rc : group->last.code ? THRUM_FAILED : 0;
}

const thrum_error *thrum_group_error(const thrum_group *group)
{
    return group->last.code ? &group->last : NULL;
}

void thrum_group_cancel(thrum_group *group)
{
    (void)stop(group, -ECANCELED);
}

void thrum_group_free(thrum_group *group)
{
    if (!group)
        return;
    check_outside(group, thrum__caller());
    (void)stop_and_wait(group, -ECANCELED);
    if (group->reason.code != -ECANCELED) {
        char name[256];
        thrum__place_text(name, sizeof name, group->place);
        thrum__failure_report("group", name, &group->reason);
    }
    thrum__leaks_leave(&group->listed);
    thrum_condition_finish(&group->changed);
    thrum__free(group);
}
