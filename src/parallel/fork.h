/* Forks as the files of this folder see them: fork.c has the essay. */
#ifndef THRUM_PARALLEL_FORK_H
#define THRUM_PARALLEL_FORK_H

#define THRUM__BOTH_OUT_OF_LINE /* this is the library */

#include "executor/core/pool.h"
#include <thrum/parallel.h>

#include <stddef.h>

/* Where a part is, as its owner knows: in the private list, or shown to others at some time. KEPT is private, too;
 * the part has the shields and the deadline that its scope had at the fork. */
enum thrum__part_place { THRUM__PART_PRIVATE, THRUM__PART_KEPT, THRUM__PART_SHOWN };

/* The state of a part that was shown. */
enum thrum__part_state {
    THRUM__PART_ON_OFFER,
    THRUM__PART_TAKEN,
    THRUM__PART_AWAITED,          /* taken, and its owner sleeps in a wait that can be cancelled */
    THRUM__PART_AWAITED_SHIELDED, /* or in one that cannot */
    THRUM__PART_ENDED,
};

/* What a context has forked on one executor and not joined. On its stack. */
typedef struct thrum__forks {
    union {
        thrum__forks_base base;
        thrum__fork_list list; /* `enough` is that of the executor's offers, or a constant */
    };
    thrum__context *context;
    thrum_part end; /* its `newer_` is the oldest private part; `newest` is `&end` for none */
    struct thrum__forks *outer;
    uint32_t credit;  /* how many parts may be offered at once */
    uint32_t skipped; /* chances to offer one, since the last look at the counter of the clock */
    uint32_t in_vain; /* offers in a row that nobody took, up to a bound */
    uint32_t depth;   /* how many joins that help are around it */
    uint64_t offered_at;
    bool helper; /* the task that takes parts; counted in the offers */

    /* Under the guard of the offers: staff.c. */
    struct thrum__forks *next_blocked, *previous_blocked;
    bool blocked; /* its context waits, and is listed */
    enum thrum__stand_in {
        THRUM__STAND_IN_NONE,
        THRUM__STAND_IN_COMES,
        THRUM__STAND_IN_THERE,
    } stand_in;

    /* Under the guard of the requests. */
    bool queued;
    uint32_t calls; /* how many helpers are to be called */
    struct thrum__forks *next_request;

    bool unsettled; /* its context's: there was a request, or a stand-in */
} thrum__forks;

/* What programs reach inline. */
_Static_assert(offsetof(thrum__context, forks) == offsetof(thrum__running, forks), "moved");
_Static_assert(offsetof(thrum__context, scope) == offsetof(thrum__running, scope), "moved");
_Static_assert(offsetof(thrum__forks, list) == 0 && THRUM__PART_PRIVATE == 0, "moved");

/* ------------------------------------------------------------------------------------------ fork.c */

/* Makes `*forks` the innermost of the calling context. */
void thrum__forks_begin(thrum__forks *forks, thrum_executor *executor);
void thrum__forks_end(thrum__forks *forks);

/* Offers the oldest private part, if there is one, unless so many were offered just now. */
static inline void thrum__forks_offer(thrum__forks *forks)
{
    thrum__fork_offer(&forks->list);
}

/* The same as thrum__forks_pop for a part that is not PRIVATE. */
bool thrum__part_drop(thrum__forks *forks, thrum_part *part);

/* Ends a part that was shown, and that no younger one follows: takes it back and runs it, or waits for it.
 * With `skip` it is not run. Returns its code, or 0 if it was left out. */
int thrum__part_join(thrum__forks *forks, thrum_part *part, bool skip);

/* Whether the executor can have helpers: its tasks run beside the caller, and not in a parent process. */
static inline bool thrum__forks_have_helpers(const thrum_executor *executor)
{
    return executor->ops->ready && !thrum__pool_lost((const thrum__pool *)executor);
}

/* The forks of the calling context on the executor, if they are the innermost; else NULL. */
static inline thrum__forks *thrum__forks_here(const thrum_executor *executor)
{
    thrum__context *self = thrum__local();
    thrum__forks *forks = __builtin_expect(self != NULL, 1) ? (thrum__forks *)self->forks : NULL;
    return forks && forks->list.executor == executor ? forks : NULL;
}

/* Whether a worker may want a part, and there are not enough on offer. As thrum__fork_wanted. */
static inline bool thrum__forks_wanted(const thrum__forks *forks)
{
    return __builtin_expect(!thrum__load_relaxed(forks->list.enough), 0);
}

/* Adds a part to the private list, the newest. */
static inline void thrum__forks_push(thrum__forks *forks, thrum_part *part, thrum_part_fn *function,
                                     void *arg)
{
    thrum__fork_push(&forks->list, part, function, arg, forks->context->scope);
}

/* Takes the newest off again. False if it was shown meanwhile, and so is no more in the list. */
static inline bool thrum__forks_pop(thrum__forks *forks, thrum_part *part)
{
    if (__builtin_expect(thrum__fork_pop(&forks->list, part), 1))
        return true;
    return thrum__part_drop(forks, part);
}

/* Runs two halves; what thrum_both does inside of forks. The header has the same for programs, inline. */
static inline int thrum__fork_both(thrum__forks *forks, thrum_part_fn *function_a, void *arg_a,
                                   thrum_part_fn *function_b, void *arg_b)
{
    thrum_part b;
    thrum__memory_live(&b);
    thrum__forks_push(forks, &b, function_b, arg_b);
    if (thrum__forks_wanted(forks))
        thrum__forks_offer(forks);
    int code = function_a(arg_a);
    if (__builtin_expect(thrum__forks_pop(forks, &b), 1)) {
        if (thrum__forks_wanted(forks))
            thrum__forks_offer(forks);
        code = code ? code : function_b(arg_b);
    } else {
        int code_b = thrum__part_join(forks, &b, code != 0);
        code = code ? code : code_b;
    }
    thrum__memory_dead(&b);
    return code;
}

/* ----------------------------------------------------------------------------------------- staff.c */

/* Sees to it that helpers find a carrier on the executor, if it can have helpers, and that the thread is there
 * which calls them for those that wait. Returns 0 or a code. */
int thrum__staff_begin(thrum_executor *executor);

/* Ends that thread, so that a client of the explorer can end. */
void thrum__staff_end(void);

/* Submits a task that takes parts; it is counted as a helper already. May wait. */
void thrum__staff_call(const thrum__forks *forks);

/* The same by that thread, for a context that is about to sleep: for as many helpers, or only to let others in
 * for those that wait. Does not wait. */
void thrum__staff_request(thrum__forks *forks, uint32_t calls);

/* Ends all that requests have begun: no other thread is at the forks when it returns. May wait. */
void thrum__staff_settle(thrum__forks *forks);

/* The task that takes parts: fork.c. */
int thrum__fork_help(thrum_task *task);

#endif
