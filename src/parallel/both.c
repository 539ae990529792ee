/* Two halves, and any number of parts: the calls around fork.c.
 *
 * The outermost call of a context on an executor begins its forks; inner ones find them. A scope that is the
 * outermost has its forks in its own memory.
 *
 * The parts of a scope are pushed on the private list as they are started, and linked by it. The end of the
 * scope takes them off newest first. So scopes and halves nest as calls do. A part that is not the newest at
 * its turn belongs to a scope that was ended out of order, which stops the program.
 */
#include "base/panic.h"
#include "parallel/fork.h"

int thrum__fork_outermost(thrum_executor *executor, thrum_part_fn *function_a, void *arg_a,
                          thrum_part_fn *function_b, void *arg_b)
{
    thrum__executor_check(executor, thrum__caller());
    int code = thrum__staff_begin(executor);
    if (code < 0)
        return code;
    thrum__forks forks;
    thrum__memory_live(&forks);
    thrum__forks_begin(&forks, executor);
    code = thrum__fork_both(&forks, function_a, arg_a, function_b, arg_b);
    thrum__forks_end(&forks);
    thrum__memory_dead(&forks);
    return code;
}

int thrum_both(thrum_executor *executor, thrum_part_fn *function_a, void *arg_a,
               thrum_part_fn *function_b, void *arg_b)
{
    thrum__forks *forks = thrum__forks_here(executor);
    if (__builtin_expect(!forks, 0))
        return thrum__fork_outermost(executor, function_a, arg_a, function_b, arg_b);
    return thrum__fork_both(forks, function_a, arg_a, function_b, arg_b);
}

/* ---------------------------------------------------------------------------------------- scopes */

_Static_assert(sizeof(thrum__forks) <= sizeof((thrum_scope){0}.room_),
               "a scope has room for forks");

int thrum_scope_begin(thrum_scope *scope, thrum_executor *executor)
{
    thrum__executor_check(executor, thrum__caller());
    scope->executor_ = executor;
    scope->last_ = NULL;
    scope->forks_ = thrum__forks_here(executor);
    if (scope->forks_)
        return 0;
    int code = thrum__staff_begin(executor);
    if (code < 0)
        return code;
    scope->forks_ = scope->room_;
    thrum__forks_begin(scope->forks_, executor);
    return 0;
}

static void misused(const thrum_scope *scope, const char *what, const void *place)
{
    thrum__panic(place, "scope %p %s out of order by thread \"%s\"", (const void *)scope, what,
                 thrum__self()->name);
}

void thrum_scope_start(thrum_scope *scope, thrum_part *part, thrum_part_fn *function, void *arg)
{
    thrum__forks *forks = scope->forks_;
    if (&forks->base != thrum__self()->forks)
        misused(scope, "used", thrum__caller());
    part->previous_ = scope->last_;
    scope->last_ = part;
    thrum__forks_push(forks, part, function, arg);
    if (thrum__forks_wanted(forks))
        thrum__forks_offer(forks);
}

int thrum_scope_end(thrum_scope *scope)
{
    thrum__forks *forks = scope->forks_;
    if (&forks->base != thrum__self()->forks)
        misused(scope, "ended", thrum__caller());
    int code = 0;
    bool failed = false;
    for (thrum_part *part = scope->last_, *previous; part; part = previous) {
        previous = part->previous_;
        if (part->place_ != THRUM__PART_SHOWN && forks->list.newest != part)
            misused(scope, "ended", thrum__caller());
        int part_code = 0;
        if (!thrum__forks_pop(forks, part))
            part_code = thrum__part_join(forks, part, failed);
        else if (!failed)
            part_code = part->function_(part->arg_);
        code = part_code ? part_code : code; /* the first that was started is the last here */
        failed = failed || part_code;
    }
    if (scope->forks_ == scope->room_)
        thrum__forks_end(forks);
    return code;
}
