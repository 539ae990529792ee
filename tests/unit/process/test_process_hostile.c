/* A worker that is given nonsense: task slots that no parent has made, in every field. It refuses the task, or stops
 * with a message; it neither crashes nor reads or runs what is not there. TEST_HOSTILE_RUNS sets how many random
 * task slots are tried, TEST_HOSTILE_SEED which. */
#include "base/process.h"
#include "base/shared_pages.h"
#include "base/spawn.h"
#include "harness.h"
#include "process/task_slots.h"
#include "process/worker.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SANITIZER_STATUS = 99 };

static int answer(thrum_task *self)
{
    return thrum_return(self, thrum_value(int, 42));
}

/* Task slots as a parent makes them, with one task and the request to leave. */
static thrum__task_slots *make_slots(thrum__shared_pages *pages)
{
    uint32_t module;
    uint64_t offset;
    CHECK_INT(thrum__shared_pages_new(pages, "hostile", sizeof(thrum__task_slots)), ==, 0);
    CHECK_INT(thrum__module_of(answer, &module, &offset), ==, 0);
    thrum__task_slots *slots = pages->memory;
    slots->setup = (thrum__worker_setup){.magic = THRUM__TASK_SLOTS_MAGIC,
                                         .parent = getpid(),
                                         .reaper_descriptor = eventfd(0, 0),
                                         .name = "hostile"};
    slots->modules[module] = *thrum__module_at(module);
    slots->slot[0].module = module;
    slots->slot[0].offset = offset;
    slots->slot[0].state = THRUM__TASK_SLOT_READY;
    slots->leave = 1;
    return slots;
}

/* How a worker with the variable THRUM_WORKER=`text` ends; 0 also if it waits for more until `limit`. */
static int end_of_worker_named(const thrum__shared_pages *pages, const char *text,
                               thrum_deadline limit)
{
    char variable[128];
    int32_t pid;
    int status = 0, kept[] = {pages->descriptor};
    setenv("ASAN_OPTIONS", "exitcode=99:allocator_may_return_null=1", 1);
    snprintf(variable, sizeof variable, THRUM__WORKER_VARIABLE "=%s", text);
    CHECK_INT(thrum__spawn_self("hostile", variable, kept, 1, &pid), ==, 0);
    pid_t ended;
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && thrum_now() < limit.ns)
        thrum_sleep(thrum_in(0.001));
    if (ended == 0) {
        kill(pid, SIGKILL);
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        status = 0;
    }
    return status;
}

static int end_of_worker_until(const thrum__shared_pages *pages, thrum_deadline limit)
{
    char text[16];
    snprintf(text, sizeof text, "%d", pages->descriptor);
    return end_of_worker_named(pages, text, limit);
}

/* For a worker that may wait for more. */
static thrum_deadline a_while(void)
{
    return thrum_in(2 * test_deadline_scale());
}

static int end_of_worker(const thrum__shared_pages *pages)
{
    return end_of_worker_until(pages, a_while());
}

static void free_slots(thrum__shared_pages *pages)
{
    thrum__shared_pages_free(pages);
}

/* What the task's outcome is after `change` was made. */
static int code_after(void (*change)(thrum__task_slots *slots))
{
    thrum__shared_pages pages;
    thrum__task_slots *slots = make_slots(&pages);
    change(slots);
    int status = end_of_worker_until(&pages, THRUM_FOREVER); /* it is told to leave */
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(thrum__task_slot_is_done(&slots->slot[0]));
    int code = slots->slot[0].code;
    free_slots(&pages);
    return code;
}

static void nothing(thrum__task_slots *slots)
{
    (void)slots;
}

static void module_beyond_the_table(thrum__task_slots *slots)
{
    slots->slot[0].module = THRUM__MODULES;
}

static void module_far_beyond(thrum__task_slots *slots)
{
    slots->slot[0].module = UINT32_MAX;
}

static void function_outside_the_code(thrum__task_slots *slots)
{
    slots->slot[0].offset = UINT64_C(1) << 40;
}

static void function_in_the_data(thrum__task_slots *slots)
{
    static int datum;
    uint32_t module;
    uint64_t offset;
    CHECK_INT(thrum__module_of((thrum_task_fn *)(uintptr_t)&datum, &module, &offset), ==, 0);
    slots->slot[0].offset = offset;
}

static void function_before_the_module(thrum__task_slots *slots)
{
    slots->slot[0].offset = UINT64_MAX - 4096;
}

static void argument_without_bounds(thrum__task_slots *slots)
{
    slots->slot[0].size = UINT64_MAX;
}

static void argument_that_is_not_there(thrum__task_slots *slots)
{
    slots->slot[0].size = THRUM__TASK_SLOT_ROOM + 4096;
}

static void identity_too_long(thrum__task_slots *slots)
{
    slots->modules[0].id_size = UINT32_MAX;
}

static void path_without_end(thrum__task_slots *slots)
{
    memset(slots->modules[0].path, 'x', sizeof slots->modules[0].path);
}

static void path_that_is_relative(thrum__task_slots *slots)
{
    slots->modules[0] = (thrum__module){.inode = 1, .path = "library.so"};
}

TEST(a_worker_refuses_what_no_parent_asks_for)
{
    CHECK_INT(code_after(nothing), ==, 0);
    CHECK_INT(code_after(module_beyond_the_table), ==, -EINVAL);
    CHECK_INT(code_after(module_far_beyond), ==, -EINVAL);
    CHECK_INT(code_after(function_outside_the_code), ==, -EINVAL);
    CHECK_INT(code_after(function_in_the_data), ==, -EINVAL);
    CHECK_INT(code_after(function_before_the_module), ==, -EINVAL);
    CHECK_INT(code_after(argument_without_bounds), ==, -EINVAL);
    CHECK_INT(code_after(argument_that_is_not_there), ==, -EIO);
    CHECK_INT(code_after(identity_too_long), ==, -EINVAL);
    CHECK_INT(code_after(path_without_end), ==, -EINVAL);
    CHECK_INT(code_after(path_that_is_relative), ==, -ENOENT);
}

static void check_that_worker_stops(void (*change)(thrum__task_slots *slots))
{
    thrum__shared_pages pages;
    thrum__task_slots *slots = make_slots(&pages);
    change(slots);
    int status = end_of_worker_until(&pages, THRUM_FOREVER);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK_INT(slots->slot[0].state, ==, THRUM__TASK_SLOT_READY);
    free_slots(&pages);
}

static void another_magic(thrum__task_slots *slots)
{
    slots->setup.magic++;
}

static void too_many_descriptors(thrum__task_slots *slots)
{
    slots->setup.descriptor_count = THRUM__WORKER_DESCRIPTORS + 1;
}

static void negative_descriptor(thrum__task_slots *slots)
{
    slots->setup.descriptor_count = 1;
    slots->setup.descriptors[0] = -7;
}

static void negative_reaper(thrum__task_slots *slots)
{
    slots->setup.reaper_descriptor = -1;
}

static void name_without_end(thrum__task_slots *slots)
{
    memset(slots->setup.name, 'n', sizeof slots->setup.name);
}

static void no_parent(thrum__task_slots *slots)
{
    slots->setup.parent = 0;
}

TEST(a_worker_stops_for_a_setup_that_cannot_be)
{
    check_that_worker_stops(another_magic);
    check_that_worker_stops(too_many_descriptors);
    check_that_worker_stops(negative_descriptor);
    check_that_worker_stops(negative_reaper);
    check_that_worker_stops(name_without_end);
    check_that_worker_stops(no_parent);
}

TEST(a_worker_stops_for_a_variable_that_names_no_slots)
{
    const char *texts[] = {"",
                           "x",
                           "-1",
                           "3x",
                           " ",
                           "2147483648",
                           "99999999999999999999",
                           "0",
                           "1000",
                           "0000000000000000000000000000000000000000000000000000000000000003"};
    thrum__shared_pages pages;
    (void)make_slots(&pages);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int status = end_of_worker_named(&pages, texts[i], THRUM_FOREVER);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
    free_slots(&pages);
}

/* -------------------------------------------------------------------------------------- random bytes */

static uint64_t seed;

static uint64_t draw(uint64_t bound)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % bound;
}

static void scribble(void *memory, size_t size)
{
    static const unsigned char liked[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t at = draw(size), count = 1 + draw(8);
    for (size_t i = at; i < at + count && i < size; i++)
        ((unsigned char *)memory)[i] =
            draw(2) ? liked[draw(sizeof liked)] : (unsigned char)draw(256);
}

/* Random changes of all but two things. A function at another place of the program's code: the parent may choose it.
 * A limit of memory: the system then kills a worker whose stack cannot grow. */
static void change_at_random(thrum__task_slots *slots)
{
    uint64_t offset = slots->slot[0].offset;
    for (uint64_t changes = 1 + draw(4); changes > 0; changes--)
        switch (draw(5)) {
        case 0:
            scribble(&slots->setup, sizeof slots->setup);
            break;
        case 1:
            scribble(&slots->slot[draw(2)], offsetof(thrum__task_slot, room) + 16);
            break;
        case 2:
            scribble(&slots->modules[draw(2)], sizeof slots->modules[0]);
            break;
        case 3:
            scribble(&slots->worker_sleeps, 6 * sizeof(uint32_t));
            break;
        default:
            scribble(slots, sizeof *slots);
        }
    slots->setup.memory_limit = slots->setup.cpu_limit = 0;
    for (unsigned i = 0; i < THRUM__TASK_SLOTS; i++)
        if (slots->slot[i].offset != offset)
            slots->slot[i].offset = draw(2) ? offset : slots->slot[i].offset | UINT64_C(1) << 50;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

TEST_DEADLINE(random_task_slots_crash_no_worker, 3600)
{
    uint64_t runs = number_from("TEST_HOSTILE_RUNS", 60);
    uint64_t first = number_from("TEST_HOSTILE_SEED", 1);
    for (uint64_t run = first; run < first + runs; run++) {
        thrum__shared_pages pages;
        thrum__task_slots *slots = make_slots(&pages);
        int wakeup = slots->setup.reaper_descriptor;
        seed = run;
        change_at_random(slots);
        int status = end_of_worker(&pages);
        bool fine = WIFEXITED(status) ? WEXITSTATUS(status) != SANITIZER_STATUS
                                      : WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGKILL;
        if (!fine)
            fprintf(stderr, "TEST_HOSTILE_SEED=%ju: status %#x\n", (uintmax_t)run,
                    (unsigned)status);
        CHECK(fine);
        close(wakeup);
        free_slots(&pages);
    }
}

/* --------------------------------------------------------------------- a program with set-user-ID */

static void check_as_secure_program(void)
{
    thrum_process *process = thrum_process_start(answer, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_process_join(process, THRUM_FOREVER), thrum_process_error(process), -EPERM);
    thrum_process_free(process);
    thrum_executor *pool = thrum_process_pool_new(NULL);
    CHECK(pool != NULL);
    thrum_future *future = thrum_submit(pool, answer, THRUM_NOTHING);
    CHECK_OUTCOME(thrum_future_result(future, NULL, 0, THRUM_FOREVER), thrum_future_error(future),
                  -EPERM);
    thrum_future_free(future);
    thrum_executor_shutdown(pool);
    pool = thrum_process_pool_new(NULL);
    thrum_executor_shutdown_with(pool, &(thrum_shutdown_options){.no_wait = true});
    CHECK(thrum_process_pool_new(NULL) !=
          NULL); /* and one that is left to the end of the program */
    CHECK(thrum__process_environment("PATH") == NULL);
}

/* Copies this program to `path`, as a set-user-ID program of root. False if the system gives no rights by that. */
static bool copy_with_rights(const char *path)
{
    struct statvfs about;
    char buffer[65536];
    if (geteuid() != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
        return false;
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    CHECK(from >= 0 && to >= 0);
    for (ssize_t size; (size = read(from, buffer, sizeof buffer)) > 0;)
        CHECK_INT(write(to, buffer, (size_t)size), ==, size);
    CHECK_INT(fchmod(to, 04755), ==, 0);
    CHECK_INT(fstatvfs(to, &about), ==, 0);
    close(from);
    close(to);
    return !(about.f_flag & ST_NOSUID);
}

/* Runs the copy as a user without rights, and gives what it prints. */
static void run_copy(const char *path, const thrum__shared_pages *pages, char *ret_text,
                     size_t size)
{
    enum { NOBODY = 65534 };
    int ends[2], status;
    CHECK_INT(pipe(ends), ==, 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char variable[64];
        snprintf(variable, sizeof variable, THRUM__WORKER_VARIABLE "=%d", dup(pages->descriptor));
        char name[] = "copy", test[] = "a_program_with_set_user_id_is_no_worker";
        char *arguments[] = {name, test, NULL};
        char *environment[] = {variable, NULL};
        dup2(ends[1], STDOUT_FILENO);
        if (setgid(NOBODY) == 0 && setuid(NOBODY) == 0)
            execve(path, arguments, environment);
        _exit(126);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], ret_text + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    ret_text[length] = '\0';
    close(ends[0]);
    CHECK_INT(waitpid(child, &status, 0), ==, child);
    CHECK_INT(status, ==, 0);
}

TEST(a_program_with_set_user_id_is_no_worker)
{
    if (thrum__process_is_secure()) {
        check_as_secure_program();
        return;
    }
    char folder[] = "/tmp/thrum-secure-XXXXXX", path[64], text[4096];
    CHECK(mkdtemp(folder) != NULL);
    CHECK_INT(chmod(folder, 0755), ==, 0);
    snprintf(path, sizeof path, "%s/copy", folder);
    thrum__shared_pages pages;
    thrum__task_slots *slots = make_slots(&pages);
    bool given = copy_with_rights(path);
    if (given)
        run_copy(path, &pages, text, sizeof text);
    else
        fprintf(stderr, "not tried: this needs root, and a file system that honours set-user-ID\n");
    unlink(path);
    rmdir(folder);
    CHECK(!given || strstr(text, "ok 1 - a_program_with_set_user_id_is_no_worker"));
    CHECK(!given || slots->slot[0].state == THRUM__TASK_SLOT_READY);
    free_slots(&pages);
}
