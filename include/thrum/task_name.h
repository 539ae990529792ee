/* The name of a task function: how another process or machine finds the same function.
 * THRUM_TASK(fetch), behind the definition of `fetch`, gives it the name "fetch@1" in every build.
 *
 * A function of the program has a name without that, too: the build-id of the program and the place
 * of the function in it. Only the same build of the program finds that. A name that was given by
 * THRUM_TASK is found by each program that gives it, so different builds and architectures can work
 * together. If the meaning of the argument or of the result changes, give the function another
 * version: THRUM_TASK_VERSION(fetch, 2).
 *
 * The process pool needs no names. Executors on other machines (libthrum-cluster) do.
 */
#ifndef THRUM_TASK_NAME_H
#define THRUM_TASK_NAME_H

#include <stddef.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/task.h>

THRUM_BEGIN

/* Room for each name, with its zero byte. */
#define THRUM_TASK_NAME_SIZE 128

/* A task function with a name; THRUM_TASK makes it. Fields are private. */
typedef struct thrum_named_task {
    thrum_task_fn *function_;
    const char *name_;
    uint32_t version_;
    struct thrum_named_task *next_;
} thrum_named_task;

/* Registers `function` under its own name and version 1, before main. Stands outside of functions,
 * once for a function. */
#define THRUM_TASK(function) THRUM_TASK_VERSION(function, 1)

/* The same with another version. */
#define THRUM_TASK_VERSION(function, version)                                                      \
    static thrum_named_task thrum__named_##function = {function, #function, version, NULL};        \
    __attribute__((constructor)) static void thrum__name_##function(void)                          \
    {                                                                                              \
        thrum_task_register(&thrum__named_##function);                                             \
    }

/* Registers a task, which must stay. THRUM_TASK calls it. A second function under the same name and
 * version, or a name that is longer than 100 bytes, stops the program. Does not block. */
THRUM_API void thrum_task_register(thrum_named_task *task);

/* Writes the name of `function`, with a zero byte, to `ret_name`, which has room for
 * THRUM_TASK_NAME_SIZE bytes. Does not block.
 *
 * Returns:
 *     0        the name was written
 *     -ENOENT  the function is not registered, and is not in the program, or the program has no
 *              build-id (the linker's option --build-id)
 */
THRUM_API THRUM_MUST_CHECK int thrum_task_name(thrum_task_fn *function, char *ret_name);

/* Finds the function with a name, which may come from anywhere. The name of a function without
 * THRUM_TASK gives a place in the code of the program, and nothing tells whether a function begins
 * there: ask for it only if you trust the sender as the program itself. Does not block.
 *
 * Returns:
 *     0        the function was found
 *     -ENOENT  this program does not have it
 *     -EINVAL  this is no name of a task
 */
THRUM_API THRUM_MUST_CHECK int thrum_task_find(const char *name, thrum_task_fn **ret_function);

/* Calls `visit` for each registered name, and once with the build-id of the program, if it has one.
 * The build-id is what the names of functions without THRUM_TASK begin with, up to a "+". Stops when
 * `visit` does not return 0. Does not block, except for `visit`.
 *
 * Returns what the last call of `visit` returned, or 0. */
THRUM_API THRUM_MUST_CHECK int thrum_task_names_visit(int (*visit)(const char *name, void *context),
                                                      void *context);

THRUM_END

#endif
