/* Done callbacks.
 *
 * A callback is a watch that is not told under the guard (watch.c). The one that ends the future takes
 * all of them off under the guard, with the change of the state, and calls them after it has given
 * the guard back; one that adds looks at the state under the same guard. So a callback is either
 * among those that are taken, or added to a future that is done, and then called at once: it is
 * called exactly once, and by exactly one thread.
 *
 * Called without the guard, a callback may do to the future what anybody may: ask for its result,
 * add another callback, free it. For the last the calls have a reference of their own.
 *
 * A callback runs on the stack of a task that has ended, of a canceller or of an adder, in a scope of
 * its own (park/scope.h) that no request can reach: its waits do not end with -ECANCELED because of a
 * request, or at a deadline, that was meant for another task.
 *
 * A future of a process pool is ended by the reaper or by a thread that waits. Neither may run code of the
 * user there: a callback that waits for a process would wait for the reaper, that is, for itself. So a
 * background thread calls these callbacks (executor/process/assign.c), those of one future in their order.
 *
 * Rejected: to call them under the guard (a callback that asks for its future would wait for
 * itself), and to hand all of them to threads of their own (Python does not, and each end would cost a
 * switch). Source: Python's Future.add_done_callback.
 */
#include "base/place.h"
#include "base/probe.h"
#include "future/future.h"
#include "park/scope.h"
#include <thrum/thread.h>

#include <errno.h>

struct user_callback {
    thrum__future_callback callback;
    thrum_done_callback *function;
    void *context;
};

static void call(thrum_done_callback *function, thrum_future *future, void *context)
{
    int code = function(future, context);
    if (code == 0)
        return;
    char name[256];
    thrum__place_text(name, sizeof name, (const void *)(uintptr_t)function);
    thrum__failure_report("callback", name, thrum__error_constant(code < 0 ? code : -EINVAL));
}

static void call_user(thrum__future_callback *callback, thrum_future *future)
{
    struct user_callback *user = (struct user_callback *)callback; /* its first member */
    thrum_done_callback *function = user->function;
    void *context = user->context;
    thrum__free(user);
    call(function, future, context);
}

void thrum__future_call_back(thrum_future *future, thrum__future_watch *first)
{
    if (!first)
        return;
    thrum__scope scope;
    thrum__probe(task_awaited, &future->task);
    thrum__scope_open(&scope, NULL);
    scope.shields = scope.apart = 1;
    while (first) {
        thrum__future_watch *next = first->next;
        thrum__future_callback *callback = (thrum__future_callback *)first; /* its first member */
        callback->run(callback, future);
        first = next;
    }
    thrum__scope_close(&scope);
    thrum__memory_dead(&scope);
    thrum__future_unreference(future);
}

void thrum__future_callback_add(thrum_future *future, thrum__future_callback *callback)
{
    callback->watch.fire = NULL;
    if (thrum__future_watch_begin(future, &callback->watch))
        return;
    callback->watch.next = NULL;
    thrum__future_reference(future);
    thrum__future_call_back(future, &callback->watch);
}

int thrum_future_add_done_callback(thrum_future *future, thrum_done_callback *function,
                                   void *context)
{
    struct user_callback *user = thrum__alloc(sizeof *user);
    if (!user)
        return -ENOMEM;
    user->callback.run = call_user;
    user->function = function;
    user->context = context;
    thrum__future_callback_add(future, &user->callback);
    return 0;
}
