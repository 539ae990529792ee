/* Task functions of other modules than the program, found by workers or not. */
#include "harness.h"
#include "support.h"
#include "support_process.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>

enum { OF_MODULE = -77 };

static int call(thrum_executor *pool, thrum_task_fn *function, const char *says)
{
    thrum_future *future = thrum_submit(pool, function, THRUM_NOTHING);
    int rc = OUTCOME_CODE(thrum_future_result(future, NULL, 0, THRUM_FOREVER),
                          thrum_future_error(future));
    if (says && !strstr(thrum_future_error(future)->message, says))
        CHECK_STR(thrum_future_error(future)->message, says);
    (void)thrum_future_error(future);
    thrum_future_free(future);
    return rc;
}

/* A copy of the module under a name of its own, which the caller may remove. */
static void copy_module(char *path)
{
    char command[4200];
    int file = mkstemp(path);
    CHECK(file >= 0);
    close(file);
    snprintf(command, sizeof command, "cp '%s' %s", getenv("TEST_MODULE"), path);
    CHECK_INT(system(command), ==, 0);
}

static thrum_task_fn *open_module(const char *path, void **ret_handle)
{
    *ret_handle = dlopen(path, RTLD_NOW);
    if (!*ret_handle)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(*ret_handle != NULL);
    thrum_task_fn *function =
        (thrum_task_fn *)(uintptr_t)dlsym(*ret_handle, "thrum_test_module_task");
    CHECK(function != NULL);
    return function;
}

TEST(a_library_that_was_opened_later_is_found)
{
    void *handle;
    thrum_executor *pool = process_pool(.max_workers = 1);
    CHECK_INT(call(pool, open_module(getenv("TEST_MODULE"), &handle), NULL), ==, OF_MODULE);
    thrum_executor_shutdown(pool);
    dlclose(handle);
}

TEST(a_library_that_is_gone_is_an_error)
{
    void *handle;
    char path[] = "/tmp/thrum-module-XXXXXX";
    copy_module(path);
    thrum_executor *pool = process_pool(.max_workers = 1);
    thrum_task_fn *function = open_module(path, &handle);
    remove(path);
    CHECK_INT(call(pool, function, "does not have the module"), ==, -ENOENT);
    thrum_executor_shutdown(pool);
    dlclose(handle);
}

TEST(a_function_in_no_module_is_an_error)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    thrum_executor *pool = process_pool(.max_workers = 1);
    CHECK_INT(call(pool, (thrum_task_fn *)(uintptr_t)page, "in no module"), ==, -ENOENT);
    thrum_executor_shutdown(pool);
}
