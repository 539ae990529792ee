/* `thrum doctor` on programs that hang, and on some that do not.
 *
 * The table says of each sample what its threads wait for, and the verdict. The samples are built
 * in several ways (meson.build here); $DOCTOR_SAMPLES is where they are. A sample says when its
 * threads are about to block; the doctor is asked until it sees them all wait as the table says,
 * and then its verdict must be that of the table, in the same answer.
 */
#include "harness.h"

#include "../cli/spawn.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NOT_PROVEN = 0, PROVEN = 66 };

/* In which builds the doctor can tell. */
enum reach {
    EVERYWHERE, /* the bytes of the objects are enough */
    BY_NAME,    /* the function that waits must have a name, be it at its call */
    ONCE,       /* as BY_NAME; one build of it is enough */
};

struct expectation {
    const char *sample;
    /* For each thread: NAME=KIND, then :OBJECT if it has a name, and @OWNER if it has one. */
    const char *waits;
    const char *verdict;
    int status;
    size_t circle; /* threads in the first deadlock */
    enum reach reach;
};

static const struct expectation hung[] = {
    {"abba", "main=join@a a=mutex:lock_b@b b=mutex:lock_a@a", "deadlock", PROVEN, 2, EVERYWHERE},
    {"three_way", "a=mutex:lock_b@b b=mutex:lock_c@c c=mutex:lock_a@a", "deadlock", PROVEN, 3,
     EVERYWHERE},
    {"recursive", "a=mutex:lock_b@b b=mutex:lock_a@a", "deadlock", PROVEN, 2, EVERYWHERE},
    {"checking", "a=mutex:lock_b@b b=mutex:lock_a@a", "deadlock", PROVEN, 2, ONCE},
    {"inherit", "main=join@a", "deadlock", PROVEN, 1, ONCE},
    {"self", "main=join@a a=mutex:lock_a@a", "deadlock", PROVEN, 1, EVERYWHERE},
    {"handler", "main=mutex:lock_a@main", "deadlock", PROVEN, 1, BY_NAME},
    {"rwlocks", "a=rwlock:rw_b@b b=rwlock:rw_a@a", "deadlock", PROVEN, 2, BY_NAME},
    {"rwlock_and_mutex", "a=mutex:lock_a@b b=rwlock:rw_a@a", "deadlock", PROVEN, 2, BY_NAME},
    {"readers", "main=join@a a=rwlock:rw_a b=rwlock:rw_a", "suspected", NOT_PROVEN, 0, BY_NAME},
    {"joins", "a=join@b b=join@c c=join@a", "deadlock", PROVEN, 3, EVERYWHERE},
    {"join_holding", "main=join@a a=mutex:lock_a@main", "deadlock", PROVEN, 2, EVERYWHERE},
    {"lost_wakeup", "main=join@a a=condition:changed", "suspected", NOT_PROVEN, 0, BY_NAME},
    {"reacquire", "main=join@a a=mutex:lock_a@main", "deadlock", PROVEN, 2, BY_NAME},
    {"barrier_short", "main=join@a a=barrier:round_end b=barrier:round_end", "suspected",
     NOT_PROVEN, 0, BY_NAME},
    {"semaphore", "main=join@a a=semaphore:tickets", "suspected", NOT_PROVEN, 0, BY_NAME},
    {"abandoned", "main=join@a a=mutex:lock_a", "deadlock", PROVEN, 1, BY_NAME},
    {"fork_child", "main=mutex:lock_a", "deadlock", PROVEN, 1, BY_NAME},
    {"onces", "a=once:once_b@b b=once:once_a@a", "deadlock", PROVEN, 2, BY_NAME},
    {"stream", "a=stream@b b=mutex:lock_a@a", "deadlock", PROVEN, 2, ONCE},
    {"main_ends", "a=mutex:lock_b@b b=mutex:lock_a@a", "deadlock", PROVEN, 2, EVERYWHERE},
    {"alloca_frames", "a=mutex:lock_b@b b=mutex:lock_a@a", "deadlock", PROVEN, 2, EVERYWHERE},
    {"crowd", "a=mutex:lock_b@b b=mutex:lock_a@a", "deadlock", PROVEN, 2, ONCE},
    {0},
};

/* musl keeps the owner of a mutex only if it is not a normal one. */
static const struct expectation hung_musl[] = {
    {"abba", "main=join@a a=mutex:lock_b b=mutex:lock_a", "suspected", NOT_PROVEN, 0, BY_NAME},
    {"recursive", "a=mutex:lock_b@b b=mutex:lock_a@a", "deadlock", PROVEN, 2, BY_NAME},
    {"semaphore", "main=join@a a=semaphore:tickets", "suspected", NOT_PROVEN, 0, BY_NAME},
    {0},
};

static const struct expectation calm[] = {
    {"owner_sleeps", "a=mutex:lock_a@main", "none", 0, 0, ONCE},
    {"owner_computes", "main=join@a a=mutex:lock_a@busy", "none", 0, 0, ONCE},
    {"timed", "main=join@a a=mutex:lock_b@b b=mutex:lock_a@a", "none", 0, 0, ONCE},
    {"timed_condition", "main=join@a a=condition:changed", "none", 0, 0, ONCE},
    {"idle_pool", "worker=condition:changed", "none", 0, 0, ONCE},
    {"signalled", "main=semaphore:tickets", "none", 0, 0, ONCE},
    {"shared_semaphore", "main=semaphore", "none", 0, 0, ONCE},
    {"hand_over", "", "none", 0, 0, ONCE},
    {"contended", "", "none", 0, 0, ONCE},
    {0},
};

/* With libthrum's own objects; fibers are not named here, as their numbers depend on who comes
 * first. */
static const struct expectation hung_thrum[] = {
    {"threads", "MainThread=join@a a=thrum:lock_b@b b=thrum:lock_a@a", "deadlock", PROVEN, 2,
     EVERYWHERE},
    {"fibers", "MainThread=thrum", "deadlock", PROVEN, 2, EVERYWHERE},
    {"pool", "MainThread=thrum pool-0=thrum pool-1=thrum", "deadlock", PROVEN, 2, EVERYWHERE},
    {"mixed", "MainThread=join@b b=thrum:lock_a", "deadlock", PROVEN, 2, EVERYWHERE},
    {"reader", "MainThread=join@a a=thrum:lock_a@b b=thrum:rwlock@a", "deadlock", PROVEN, 2,
     EVERYWHERE},
    {"result", "MainThread=thrum", "deadlock", PROVEN, 2, EVERYWHERE},
    {"join_holding", "MainThread=join@a a=thrum:lock_a@MainThread", "deadlock", PROVEN, 2,
     EVERYWHERE},
    {"event", "MainThread=join@a a=thrum:never", "suspected", NOT_PROVEN, 0, EVERYWHERE},
    {"fibers_in_time", "MainThread=thrum", "none", 0, 0, EVERYWHERE},
    {0},
};

struct running {
    pid_t pid;     /* of the sample */
    pid_t subject; /* to be looked at: it, or its child */
    int output;
};

extern char **environ;

/* Starts a program and waits until it says that it is ready. */
static struct running start_program(const char *const *words)
{
    char text[256];
    size_t length = 0;
    int ends[2];
    posix_spawn_file_actions_t actions;
    struct running running = {0};
    CHECK(pipe(ends) == 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    CHECK_INT(posix_spawnp(&running.pid, words[0], &actions, NULL, (char **)words, environ), ==, 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    running.output = ends[0];
    for (;;) {
        ssize_t got = read(ends[0], text + length, sizeof text - 1 - length);
        CHECK(got > 0);
        length += (size_t)got;
        text[length] = 0;
        if (strstr(text, "ready\n"))
            break;
    }
    running.subject = running.pid;
    int child;
    if (sscanf(text, "child %d", &child) == 1)
        running.subject = child;
    return running;
}

static struct running start_sample(const char *build, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("DOCTOR_SAMPLES"), build);
    return start_program((const char *[]){path, name, NULL});
}

static void end_sample(struct running *running, int signal)
{
    if (running->subject != running->pid)
        kill(running->subject, signal);
    kill(running->pid, signal);
    waitpid(running->pid, NULL, 0);
    close(running->output);
}

static json_t *thread_named(json_t *report, const char *name)
{
    size_t index;
    json_t *thread;
    json_array_foreach(
        json_object_get(report, "threads"), index,
        thread) if (test_same_text(json_string_value(json_object_get(thread, "name")),
                                   name)) return thread;
    return NULL;
}

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* True if the thread waits as `word` says: NAME=KIND:OBJECT@OWNER. */
static bool waits_so(json_t *report, char *word, bool named)
{
    char *owner = strchr(word, '@'), *object, *kind = strchr(word, '=');
    if (owner)
        *owner++ = 0;
    object = strchr(word, ':');
    if (object)
        *object++ = 0;
    *kind++ = 0;
    json_t *thread = thread_named(report, word), *wait = json_object_get(thread, "wait");
    if (!thread || strcmp(text_of(wait, "kind"), kind) != 0)
        return false;
    if (object && named && strcmp(text_of(wait, "name"), object) != 0)
        return false;
    json_t *holder = owner ? thread_named(report, owner) : NULL;
    return !owner || (holder && json_integer_value(json_object_get(wait, "owner")) ==
                                    json_integer_value(json_object_get(holder, "tid")));
}

static bool all_wait_so(json_t *report, const char *waits, bool named)
{
    char copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", waits);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (!waits_so(report, word, named))
            return false;
    return true;
}

/* One look; the report is to be released. */
static json_t *ask_with(pid_t pid, const char *option, int *ret_status)
{
    char line[128];
    snprintf(line, sizeof line, "doctor -p %d --json --no-lines --interval 20ms %s", (int)pid,
             option);
    struct spawned command = spawn_run(line);
    json_error_t error;
    json_t *report = json_loads(command.out, 0, &error);
    if (!report)
        printf("# %s\n# %s\n", command.err, command.out);
    CHECK(report != NULL);
    *ret_status = command.status;
    spawn_free(&command);
    return report;
}

static json_t *ask(pid_t pid, int *ret_status)
{
    return ask_with(pid, "", ret_status);
}

static double seconds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* So the deadline of the test is what ends it. */
static const double PATIENCE = 600;

static void check_sample(const char *build, const struct expectation *expected, bool named,
                         int looks)
{
    struct running running = start_sample(build, expected->sample);
    double until = seconds_now() + PATIENCE;
    printf("# %s %s\n", build, expected->sample);
    for (int i = 0; i < looks;) {
        int status;
        json_t *report = ask(running.subject, &status);
        bool there = all_wait_so(report, expected->waits, named);
        if (!there && seconds_now() > until) {
            json_dumpf(report, stdout, JSON_INDENT(1));
            CHECK(there);
        }
        if (there) {
            json_t *first = json_array_get(json_object_get(report, "deadlocks"), 0);
            if (strcmp(text_of(report, "verdict"), expected->verdict) != 0)
                json_dumpf(report, stdout, JSON_INDENT(1));
            CHECK_STR(text_of(report, "verdict"), expected->verdict);
            CHECK_INT(status, ==, expected->status);
            CHECK_INT(json_array_size(json_object_get(first, "threads")), ==, expected->circle);
            i++;
        }
        json_decref(report);
    }
    end_sample(&running, SIGKILL);
}

static bool have(const char *build)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("DOCTOR_SAMPLES"), build);
    if (access(path, X_OK) == 0)
        return true;
    printf("# there is no %s: its compiler is not installed, or this is a sanitizer's build\n",
           build);
    return false;
}

static void check_build(const char *build, const struct expectation *table, enum reach reach,
                        bool named)
{
    if (!have(build))
        return;
    for (; table->sample; table++)
        if (table->reach <= reach)
            check_sample(build, table, named, 1);
}

TEST_DEADLINE(deadlocks_are_found_in_a_plain_program, 120)
{
    check_build("hung", hung, ONCE, true);
}

TEST_DEADLINE(deadlocks_are_found_in_an_optimized_and_stripped_program, 120)
{
    check_build("hung_stripped", hung, BY_NAME, false);
}

TEST_DEADLINE(deadlocks_are_found_in_a_static_program, 120)
{
    check_build("hung_static", hung, BY_NAME, true);
}

TEST_DEADLINE(deadlocks_of_mutexes_and_joins_are_found_in_a_stripped_static_program, 120)
{
    check_build("hung_static_stripped", hung, EVERYWHERE, false);
}

TEST_DEADLINE(deadlocks_are_found_in_a_program_made_by_clang, 120)
{
    check_build("hung_clang", hung, BY_NAME, true);
}

TEST_DEADLINE(musl_names_the_owners_of_some_mutexes, 120)
{
    check_build("hung_musl", hung_musl, BY_NAME, true);
}

TEST_DEADLINE(musl_without_a_dynamic_loader_is_known, 120)
{
    check_build("hung_musl_static", hung_musl, BY_NAME, true);
}

TEST_DEADLINE(deadlocks_of_thrums_objects_and_fibers_are_found, 120)
{
    check_build("hung_thrum", hung_thrum, EVERYWHERE, true);
}

TEST_DEADLINE(thrums_objects_are_known_in_a_program_that_contains_the_library, 120)
{
    check_build("hung_thrum_static", hung_thrum, EVERYWHERE, true);
}

TEST(a_fiber_that_waits_is_shown_with_its_stack)
{
    if (!have("hung_thrum"))
        return;
    struct running running = start_sample("hung_thrum", "fibers");
    char line[64];
    snprintf(line, sizeof line, "doctor -p %d --no-lines", (int)running.subject);
    for (;;) {
        struct spawned command = spawn_run(line);
        bool proven = command.status == PROVEN;
        if (proven) {
            const char *second =
                strstr(command.out, "waits to lock thrum lock lock_a, held by fiber");
            CHECK(second != NULL);
            CHECK(strstr(second, " take_pair  hung_thrum\n") != NULL);
            CHECK(strstr(command.out, "on the stack of fiber") != NULL);
        }
        spawn_free(&command);
        if (proven)
            break;
    }
    end_sample(&running, SIGKILL);
}

#ifdef __GLIBC__
/* leaks.c: how many fibers wait in a sample, and how many of them nothing can wake. */
static const struct {
    const char *sample;
    int waiting, leaked;
} leaks[] = {
    {"lost_queue", 1, 1},        {"lost_event", 2, 2},        {"lost_pair", 2, 2},
    {"lost_chain", 2, 2},        {"lost_select", 1, 1},       {"lost_among_known", 101, 100},
    {"by_variable", 1, 0},       {"by_list", 1, 0},           {"by_future", 1, 0},
    {"by_sleeping_fiber", 1, 0}, {"by_waiting_fiber", 2, 0},  {"by_thread", 1, 0},
    {"by_page", 1, 0},           {"by_time", 1, 0},           {"by_descriptor", 1, 0},
    {"by_local", 1, 0},          {"lost_in_full_heap", 1, 1},
};

static int count_fibers(json_t *report, bool leaked)
{
    size_t index;
    json_t *thread;
    int count = 0;
    json_array_foreach(json_object_get(report, "threads"), index, thread) count +=
        json_is_true(json_object_get(thread, "fiber")) &&
        (leaked ? json_is_true(json_object_get(thread, "leaked"))
                : strcmp(text_of(json_object_get(thread, "wait"), "kind"), "thrum") == 0);
    return count;
}

static void check_leaks(const char *sample, int waiting, int leaked)
{
    double until = seconds_now() + PATIENCE;
    struct running running = start_sample("leaks", sample);
    printf("# %s\n", sample);
    for (bool there = false; !there;) {
        int status;
        json_t *report = ask_with(running.subject, "--leaks", &status);
        there = count_fibers(report, false) == waiting &&
                json_is_integer(json_object_get(report, "leaked"));
        int found = (int)json_integer_value(json_object_get(report, "leaked"));
        if (there ? found != leaked : seconds_now() > until)
            json_dumpf(report, stdout, JSON_INDENT(1));
        CHECK(there || seconds_now() <= until);
        if (there) {
            CHECK_INT(found, ==, leaked);
            CHECK_INT(count_fibers(report, true), ==, leaked);
        }
        json_decref(report);
    }
    end_sample(&running, SIGKILL);
}

TEST_DEADLINE(fibers_that_nothing_can_wake_are_found, 120)
{
    for (size_t i = 0; have("leaks") && i < sizeof leaks / sizeof *leaks; i++)
        check_leaks(leaks[i].sample, leaks[i].waiting, leaks[i].leaked);
}
/* The text of a file once it has `part`. */
static void await_text(const char *path, const char *part, char *text, size_t size)
{
    do {
        int file = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = file < 0 ? 0 : read(file, text, size - 1);
        text[got < 0 ? 0 : got] = 0;
        if (file >= 0)
            close(file);
    } while (!strstr(text, part));
}

TEST_DEADLINE(fibers_that_nothing_can_wake_are_told_while_their_program_runs, 60)
{
    char report[] = "/tmp/thrum-leaks-XXXXXX", sample[4096], text[8192];
    int status, file = mkstemp(report);
    if (!have("leaks"))
        return;
    CHECK(file >= 0);
    close(file);
    snprintf(sample, sizeof sample, "%s/leaks", getenv("DOCTOR_SAMPLES"));
    struct running running = start_program(
        (const char *[]){getenv("THRUM_COMMAND"), "doctor", "--leaks", "--fail-on", "leak",
                         "--no-lines", "--output", report, "--", sample, "lost_pair", NULL});
    await_text(report, "LIKELY LEAKED: 2 fibers wait for what nothing can reach any more", text,
               sizeof text);
    CHECK(strstr(text, "waits for thrum event") != NULL);
    kill(running.pid, SIGTERM);
    CHECK(waitpid(running.pid, &status, 0) == running.pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == PROVEN);
    close(running.output);
    unlink(report);
}

#endif

TEST_DEADLINE(programs_that_are_well_raise_no_alarm, 120)
{
    for (const struct expectation *each = calm; each->sample; each++)
        check_sample("calm", each, true, 5);
}

/* What the sample has said since it was ready. */
static size_t said(struct running *running, char *text, size_t size)
{
    struct timespec moment = {0, 1000000};
    nanosleep(&moment, NULL);
    ssize_t got = read(running->output, text, size - 1);
    text[got < 0 ? 0 : got] = 0;
    return got < 0 ? 0 : (size_t)got;
}

TEST_DEADLINE(no_system_call_of_the_process_is_interrupted, 60)
{
    char text[1024] = "";
    struct running running = start_sample("calm", "calls");
    CHECK(fcntl(running.output, F_SETFL, O_NONBLOCK) == 0);
    for (int i = 0; i < 20; i++) {
        int status;
        json_decref(ask(running.subject, &status));
        CHECK_INT(status, ==, 0);
    }
    CHECK_INT(said(&running, text, sizeof text), ==, 0);
    /* The sample would have told: a stop and a continuation do interrupt these calls. */
    kill(running.pid, SIGSTOP);
    CHECK(waitpid(running.pid, NULL, WUNTRACED) == running.pid);
    kill(running.pid, SIGCONT);
    size_t length = 0;
    while (!strstr(text, "epoll_wait returned"))
        length += said(&running, text + length, sizeof text - length);
    end_sample(&running, SIGTERM);
}

TEST(a_process_that_does_not_exist_is_named)
{
    struct spawned command = spawn_run("doctor -p 2147483647");
    CHECK_INT(command.status, ==, 1);
    CHECK(strstr(command.err, "there is no process 2147483647") != NULL);
    spawn_free(&command);
}

TEST(a_process_that_nobody_has_collected_is_named)
{
    char line[64];
    siginfo_t about;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    CHECK(waitid(P_PID, (id_t)child, &about, WEXITED | WNOWAIT) == 0);
    snprintf(line, sizeof line, "doctor -p %d", (int)child);
    struct spawned command = spawn_run(line);
    CHECK_INT(command.status, ==, 1);
    CHECK(strstr(command.err, "has ended; its parent") != NULL);
    spawn_free(&command);
    waitpid(child, NULL, 0);
}

TEST(a_thread_of_the_kernel_is_named)
{
    char name[32] = "";
    FILE *file = fopen("/proc/2/comm", "re");
    if (!file || !fgets(name, sizeof name, file) || strcmp(name, "kthreadd\n") != 0 ||
        geteuid() != 0) {
        printf("# no thread of the kernel can be examined here\n");
        return;
    }
    fclose(file);
    struct spawned command = spawn_run("doctor -p 2");
    CHECK_INT(command.status, ==, 1);
    CHECK(strstr(command.err, "is a thread of the kernel") != NULL);
    spawn_free(&command);
}

TEST(a_command_line_without_a_process_is_wrong)
{
    struct spawned command = spawn_run("doctor");
    CHECK_INT(command.status, ==, 2);
    CHECK(strstr(command.err, "-p PID") != NULL);
    spawn_free(&command);
}

TEST(the_text_draws_the_circle)
{
    struct running running = start_sample("hung", "abba");
    char line[64];
    snprintf(line, sizeof line, "doctor -p %d", (int)running.subject);
    for (;;) {
        struct spawned command = spawn_run(line);
        bool proven = command.status == PROVEN;
        if (proven) {
            CHECK(strstr(command.out, "DEADLOCK: 2 threads wait for each other") != NULL);
            CHECK(strstr(command.out, "waits for mutex lock_b, held by\n") != NULL);
            CHECK(strstr(command.out, "(a) in take_pair") != NULL);
        }
        spawn_free(&command);
        if (proven)
            break;
    }
    end_sample(&running, SIGKILL);
}

/* A watch sees a process go from well to hung, and ends with it. */
TEST(a_watch_ends_with_the_deadlock_that_it_sees)
{
    struct running running = start_sample("hung", "later");
    char line[64];
    snprintf(line, sizeof line, "doctor -p %d --no-lines --watch 50ms", (int)running.subject);
    struct spawned command = spawn(line, false);
    CHECK(spawn_said(command.out_file, "ran and do the same again"));
    kill(running.subject, SIGUSR1);
    spawn_wait(&command);
    CHECK_INT(command.status, ==, PROVEN);
    CHECK(strstr(command.out, "no deadlock found") != NULL);
    CHECK(strstr(command.out, " DEADLOCK, 1 threads\n") != NULL);
    CHECK(strstr(command.out, "  thread ") != NULL);
    CHECK(strstr(command.out, ", held by itself\n") != NULL);
    spawn_free(&command);
    end_sample(&running, SIGKILL);
}

TEST(a_watch_ends_with_the_process)
{
    struct running running = start_sample("hung", "later");
    char line[64];
    snprintf(line, sizeof line, "doctor -p %d --no-lines --watch 50ms", (int)running.subject);
    struct spawned command = spawn(line, false);
    CHECK(spawn_said(command.out_file, "ran and do the same again"));
    end_sample(&running, SIGKILL);
    spawn_wait(&command);
    CHECK_INT(command.status, ==, 0);
    CHECK(strstr(command.out, "has ended\n") != NULL);
    spawn_free(&command);
}

TEST(python_3_11_shows_its_own_frames)
{
    static char program[] = "import threading\n"
                            "def hang():\n"
                            "    print('ready', flush=True)\n"
                            "    threading.Lock().acquire() and threading.Event().wait()\n"
                            "hang()\n";
    if (access("/usr/bin/python3.11", X_OK) != 0) {
        printf("# there is no /usr/bin/python3.11\n");
        return;
    }
    struct running running =
        start_program((const char *[]){"/usr/bin/python3.11", "-c", program, NULL});
    char line[64];
    snprintf(line, sizeof line, "doctor -p %d --no-lines", (int)running.subject);
    for (bool there = false; !there;) {
        struct spawned command = spawn_run(line);
        CHECK_INT(command.status, ==, 0);
        there = strstr(command.out, "waits for semaphore") != NULL;
        if (there) {
            CHECK(strstr(command.out, ", Python, 1 thread,") != NULL);
            CHECK(strstr(command.out, "    python Condition.wait  ") != NULL);
            CHECK(strstr(command.out, "    python hang  <string>:4\n") != NULL);
            CHECK(strstr(command.out, "    python <module>  <string>:5\n") != NULL);
        }
        spawn_free(&command);
    }
    end_sample(&running, SIGKILL);
}

TEST(names_of_cxx_are_decoded)
{
    if (!have("hung_cxx"))
        return;
    struct running running = start_sample("hung_cxx", "");
    char line[64];
    snprintf(line, sizeof line, "doctor -p %d --no-lines", (int)running.subject);
    for (;;) {
        struct spawned command = spawn_run(line);
        bool proven = command.status == PROVEN;
        if (proven) {
            CHECK(strstr(command.out, "void bank::transfer<0>(bank::account&, bank::account&)") !=
                  NULL);
            CHECK(strstr(command.out, "waits for mutex bank::second, held by") != NULL);
            CHECK(strstr(command.out, ") in void bank::transfer<0>(") != NULL);
        }
        spawn_free(&command);
        if (proven)
            break;
    }
    end_sample(&running, SIGKILL);
}

TEST(a_running_thread_is_shown_if_it_may_be_stopped)
{
    struct running running = start_sample("calm", "owner_computes");
    char line[64];
    snprintf(line, sizeof line, "doctor -p %d --stop --no-lines", (int)running.subject);
    struct spawned command = spawn_run(line);
    CHECK_INT(command.status, ==, 0);
    CHECK(strstr(command.out, " compute  calm\n") != NULL);
    spawn_free(&command);
    end_sample(&running, SIGKILL);
}
