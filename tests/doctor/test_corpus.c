/* `thrum doctor -- PROGRAM` on a corpus of programs, each with what must be said of it.
 *
 * The table names what --strict finds, sorted, as KIND:VERDICT; the exit status follows from it: 66 if
 * one of them is feasible or a deadlock happened, else that of the program. Without --strict only the feasible ones
 * are shown, so a program without one has no report: that is the test for false alarms.
 */
#include "harness.h"

#include "../cli/spawn.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct expectation {
    const char *name, *findings;
    int status; /* of the program, if nothing is found */
};

static const struct expectation can_deadlock[] = {
    {"abba", "cycle:feasible", 0},
    {"abba_adaptive", "cycle:feasible", 0},
    {"abba_checking", "cycle:feasible", 0},
    {"abba_inherit", "cycle:feasible", 0},
    {"abba_recursive", "cycle:feasible", 0},
    {"abba_recursive_twice", "cycle:feasible", 0},
    {"abba_robust", "cycle:feasible", 0},
    {"barrier_before", "cycle:feasible", 0},
    {"c11", "cycle:feasible", 0},
    {"c11_recursive", "cycle:feasible", 0},
    {"circle_3", "cycle:feasible", 0},
    {"circle_4", "cycle:feasible", 0},
    {"circle_5", "cycle:feasible", 0},
    {"circle_8", "cycle:feasible", 0},
    {"created_before", "cycle:feasible", 0},
    {"created_inside", "cycle:feasible", 0},
    {"executed", "cycle:feasible", 0},
    {"forked", "cycle:feasible", 0},
    {"gate_left_early", "cycle:feasible", 0},
    {"gate_of_readers", "cycle:feasible", 0},
    {"gated_differently", "cycle:feasible", 0},
    {"gated_one_side", "cycle:feasible", 0},
    {"hand_over_hand_bad", "cycle:feasible", 0},
    {"in_destructor", "cycle:feasible", 0},
    {"made_in_heap", "cycle:feasible", 0},
    {"nested", "cycle:feasible", 0},
    {"once_and_mutex", "cycle:feasible", 0},
    {"pool", "cycle:feasible", 0},
    {"posted_too_early", "cycle:feasible", 0},
    {"reader_and_mutex", "cycle:feasible", 0},
    {"reader_meets_writer", "cycle:feasible", 0},
    {"readers_before_writers", "cycle:feasible", 0},
    {"readers_writers", "cycle:feasible", 0},
    {"reads_twice", "self-deadlock:feasible", 0},
    {"reused_then_abba", "cycle:feasible", 0},
    {"semaphore_and_mutex", "cycle:feasible", 0},
    {"semaphore_had_one", "cycle:feasible", 0},
    {"semaphores_as_locks", "cycle:feasible", 0},
    {"some_done_semaphore", "cycle:feasible", 0},
    {"spin_and_mutex", "cycle:feasible", 0},
    {"spins", "cycle:feasible", 0},
    {"taken_again", "condition-holding:note cycle:feasible", 0},
    {"timed_then_not", "cycle:feasible", 0},
    {"tried_is_held", "cycle:feasible", 0},
    {"writers", "cycle:feasible", 0},
    {0},
};

static const struct expectation cannot_deadlock[] = {
    {"all_done_semaphore", "cycle:ordered", 0},
    {"backs_off", "", 0},
    {"barrier_between", "cycle:ordered", 0},
    {"c11_in_order", "", 0},
    {"cancelled", "", 0},
    {"clocked_one", "cycle:timed", 0},
    {"created_after", "cycle:ordered", 0},
    {"created_by_created", "cycle:ordered", 0},
    {"crowd", "", 0},
    {"destroyed_free", "", 0},
    {"destroyed_then_made", "", 0},
    {"detached", "", 0},
    {"exits_cleanly", "", 0},
    {"forked_in_order", "", 0},
    {"freed_then_reused", "", 0},
    {"gate_of_writer", "cycle:guarded", 0},
    {"gated", "cycle:guarded", 0},
    {"hand_over_hand_free", "cycle:single-thread", 0},
    {"hand_over_hand_good", "", 0},
    {"handed_by_condition", "cycle:ordered", 0},
    {"handed_by_semaphore", "cycle:ordered", 0},
    {"handed_mutex", "", 0},
    {"handler_with_lock", "handler:unproven", 0},
    {"handler_without_lock", "", 0},
    {"join_with_lock", "waits-holding:unproven", 0},
    {"join_with_other_lock", "", 0},
    {"joined_before", "cycle:ordered", 0},
    {"joined_often", "cycle:ordered", 0},
    {"joined_then_main", "cycle:ordered", 0},
    {"killed", "", 137},
    {"once_in_order", "", 0},
    {"philosophers_sorted", "", 0},
    {"prints", "", 5},
    {"queue", "", 0},
    {"reader_reader_writer", "", 0},
    {"readers_and_mutex", "", 0},
    {"readers_only", "", 0},
    {"readers_without_writers", "", 0},
    {"reads_twice_usual", "", 0},
    {"recursion_only", "", 0},
    {"reused", "", 0},
    {"same_order", "", 0},
    {"semaphore_as_signal", "", 0},
    {"semaphores_of_two", "", 0},
    {"single_created", "cycle:single-thread", 0},
    {"single_thread", "cycle:single-thread", 0},
    {"spins_in_order", "", 0},
    {"thread_each", "", 0},
    {"timed_both", "cycle:timed", 0},
    {"timed_one", "cycle:timed", 0},
    {"tries_both", "", 0},
    {"tries_one", "", 0},
    {"wait_in_order", "", 0},
    {"wait_with_lock", "waits-holding:unproven", 0},
    {"wait_with_other_lock", "", 0},
    {0},
};

static const struct expectation defects[] = {
    {"destroyed_held", "destroyed-held:feasible", 0},
    {"ends_holding", "ends-holding:feasible", 0},
    {"exits_holding", "ends-holding:feasible", 0},
    {"not_joined", "leaked-thread:note", 0},
    {"used_destroyed", "used-destroyed:feasible", 0},
    {"used_destroyed_barrier", "used-destroyed:feasible", 0},
    {"used_destroyed_condition", "used-destroyed:feasible", 0},
    {"used_destroyed_rwlock", "used-destroyed:feasible", 0},
    {"used_destroyed_semaphore", "used-destroyed:feasible", 0},
    {0},
};

/* Linked with libthrum-doctor.a. */
static const struct expectation linked[] = {
    {"abba", "cycle:feasible", 0},
    {"c11", "cycle:feasible", 0},
    {"ends_holding", "ends-holding:feasible", 0},
    {"forked", "cycle:feasible", 0},
    {"gated", "cycle:guarded", 0},
    {"handed_by_condition", "cycle:ordered", 0},
    {"joined_before", "cycle:ordered", 0},
    {"once_and_mutex", "cycle:feasible", 0},
    {"prints", "", 5},
    {"semaphores_as_locks", "cycle:feasible", 0},
    {"spins", "cycle:feasible", 0},
    {"writers", "cycle:feasible", 0},
    {0},
};

#ifdef HAS_CORPUS_THRUM
/* With thrum's objects, between threads and between fibers: corpus_thrum.c. */
static const struct expectation thrum_can_deadlock[] = {
    {"abba", "cycle:feasible", 0},
    {"abba_recursive", "cycle:feasible", 0},
    {"abba_with", "cycle:feasible", 0},
    {"abba_yields", "cycle:feasible", 0},
    {"circle_3", "cycle:feasible", 0},
    {"circle_4", "cycle:feasible", 0},
    {"circle_5", "cycle:feasible", 0},
    {"gated_one_side", "cycle:feasible", 0},
    {"inline_abba", "cycle:feasible", 0},
    {"lock_and_mutex", "cycle:feasible", 0},
    {"named", "cycle:feasible", 0},
    {"once_and_lock", "cycle:feasible", 0},
    {"put_too_early", "cycle:feasible", 0},
    {"reader_and_lock", "cycle:feasible", 0},
    {"readers_before_writers", "cycle:feasible", 0},
    {"readers_writers", "cycle:feasible", 0},
    {"reused_then_abba", "cycle:feasible", 0},
    {"semaphore_and_lock", "cycle:feasible", 0},
    {"semaphores_as_locks", "cycle:feasible", 0},
    {"taken_again", "condition-holding:note cycle:feasible", 0},
    {"tried_is_held", "cycle:feasible", 0},
    {"writers", "cycle:feasible", 0},
    {"ends_with_lock", "ends-holding:feasible", 0},
    {0},
};

static const struct expectation thrum_cannot_deadlock[] = {
    {"awaits_with_lock", "waits-holding:unproven", 0},
    {"by_main", "cycle:ordered", 0},
    {"condition_with_lock", "condition-holding:note", 0},
    {"ended_before", "cycle:ordered", 0},
    {"event_by_select", "cycle:ordered", 0},
    {"gated", "cycle:guarded", 0},
    {"group_between", "cycle:ordered", 0},
    {"hand_over_hand_good", "", 0},
    {"handed_by_event", "cycle:ordered", 0},
    {"handed_by_queue", "cycle:ordered", 0},
    {"handed_by_select", "cycle:ordered", 0},
    {"handed_by_semaphore", "cycle:ordered", 0},
    {"many_tasks", "", 0},
    {"put_by_select", "cycle:ordered", 0},
    {"readers_only", "", 0},
    {"reads_twice", "", 0},
    {"recursion_only", "", 0},
    {"reused", "", 0},
    {"reused_heap", "", 0},
    {"same_order", "", 0},
    {"semaphores_of_two", "", 0},
    {"single", "cycle:single-thread", 0},
    {"timed_one", "cycle:timed", 0},
    {"tries_one", "", 0},
    {"unread_failure", "unread-failure:note", 0},
    {"used_finished", "used-destroyed:unproven", 0},
    {0},
};

/* These need both parts alive at the same time. */
static const struct expectation thrum_at_once[] = {
    {"barrier_before", "cycle:feasible", 0},
    {"barrier_between", "cycle:ordered", 0},
    {"created_after", "cycle:ordered", 0},
    {"created_before", "cycle:feasible", 0},
    {"handed_by_condition", "cycle:ordered", 0},
    {"switched_out", "", 0},
    {0},
};

/* Tasks that one worker runs in turn. A task that it waits for it runs in place, as a part of the task that waits. */
static const struct expectation thrum_in_pool[] = {
    {"abba", "cycle:feasible", 0},
    {"circle_3", "cycle:feasible", 0},
    {"created_after", "cycle:single-thread", 0},
    {"ended_before", "cycle:ordered", 0},
    {"gated", "cycle:guarded", 0},
    {"group_between", "cycle:ordered", 0},
    {"handed_by_queue", "cycle:ordered", 0},
    {"many_tasks", "", 0},
    {"single", "cycle:single-thread", 0},
    {0},
};

static const struct expectation thrum_hang[] = {
    {"hangs", "cycle:feasible deadlock", 0},
    {0},
};
#endif

/* The program is ended once it is proven to hang. */
static const struct expectation hang[] = {
    {"hangs", "cycle:feasible deadlock", 0},
    {"hangs_abandoned", "deadlock ends-holding:feasible", 0},
    {"hangs_alone", "deadlock self-deadlock:feasible", 0},
    {"hangs_joining", "deadlock", 0},
    {"hangs_rwlock", "cycle:feasible deadlock", 0},
    {0},
};

enum { WORDS_MOST = 32 };

static int by_text(const void *first, const void *second)
{
    return strcmp(*(char *const *)first, *(char *const *)second);
}

/* Adds the words of one line of the report. */
static int add_words(const char *line, size_t length, char **words, int count)
{
    json_error_t error;
    size_t index;
    json_t *finding, *report = json_loadb(line, length, 0, &error);
    CHECK(report != NULL);
    const char *verdict = json_string_value(json_object_get(report, "verdict"));
    if (verdict)
        words[count++] = strdup(verdict);
    json_array_foreach(json_object_get(report, "findings"), index, finding)
    {
        CHECK(count < WORDS_MOST - 1);
        CHECK(asprintf(&words[count++], "%s:%s",
                       json_string_value(json_object_get(finding, "kind")),
                       json_string_value(json_object_get(finding, "verdict"))) > 0);
    }
    json_decref(report);
    return count;
}

/* What the report finds, sorted, each once. */
static void read_findings(const char *text, char *found, size_t size)
{
    char *words[WORDS_MOST];
    int count = 0;
    for (const char *line = text, *end; *line; line = end) {
        end = strchrnul(line, '\n');
        if (*line == '{')
            count = add_words(line, (size_t)(end - line), words, count);
        end += *end == '\n';
    }
    if (count > 0)
        qsort(words, (size_t)count, sizeof *words, by_text);
    found[0] = 0;
    for (int i = 0; i < count; i++) {
        if (i == 0 || strcmp(words[i], words[i - 1]) != 0)
            snprintf(found + strlen(found), size - strlen(found), "%s%s", found[0] ? " " : "",
                     words[i]);
    }
    for (int i = 0; i < count; i++)
        free(words[i]);
}

/* `program` is the program, and the words before the name. */
static void check_all(const struct expectation *table, const char *options, const char *program)
{
    for (const struct expectation *one = table; one->name; one++) {
        char line[512], found[1024];
        printf("# %s\n", one->name);
        snprintf(line, sizeof line, "doctor --json --no-lines %s -- %s/%s %s", options,
                 getenv("DOCTOR_SAMPLES"), program, one->name);
        struct spawned command = spawn_run(line);
        read_findings(command.err, found, sizeof found);
        CHECK_STR(found, one->findings);
        bool fails = strstr(found, "feasible") || strstr(found, "deadlock");
        CHECK_INT(command.status, ==, fails ? 66 : one->status);
        spawn_free(&command);
    }
}

TEST_DEADLINE(potential_deadlocks_are_found, 60)
{
    check_all(can_deadlock, "--strict", "corpus");
}

TEST_DEADLINE(what_cannot_deadlock_is_told_from_it, 60)
{
    check_all(cannot_deadlock, "--strict", "corpus");
}

TEST_DEADLINE(other_defects_are_found, 60)
{
    check_all(defects, "", "corpus");
}

TEST_DEADLINE(a_program_that_hangs_is_ended, 60)
{
    check_all(hang, "--on-deadlock abort", "corpus");
}

TEST_DEADLINE(a_static_program_can_be_linked_with_the_library, 60)
{
    check_all(linked, "--strict", "corpus_static");
}

#ifdef HAS_CORPUS_THRUM

TEST_DEADLINE(locks_of_thrum_between_threads_are_watched, 120)
{
    check_all(thrum_can_deadlock, "--strict", "corpus_thrum threads");
    check_all(thrum_cannot_deadlock, "--strict", "corpus_thrum_inside threads");
    check_all(thrum_at_once, "--strict", "corpus_thrum threads");
    check_all(thrum_hang, "--on-deadlock abort", "corpus_thrum threads");
}

TEST_DEADLINE(locks_that_fibers_hold_are_their_own, 120)
{
    check_all(thrum_can_deadlock, "--strict", "corpus_thrum_inside fibers");
    check_all(thrum_cannot_deadlock, "--strict", "corpus_thrum fibers");
    check_all(thrum_at_once, "--strict", "corpus_thrum fibers");
    check_all(thrum_hang, "--on-deadlock abort", "corpus_thrum fibers");
}

TEST_DEADLINE(tasks_that_one_worker_ran_in_turn_may_run_at_once, 120)
{
    check_all(thrum_in_pool, "--strict", "corpus_thrum_inside pool");
}

/* Runs a program that grows in that way, or not. Returns whether that is told. */
static bool growth_is_told(const char *what, const char *wanted)
{
    char line[512];
    snprintf(line, sizeof line, "doctor --no-lines --fail-on leak -- %s/grows %s",
             getenv("DOCTOR_SAMPLES"), what);
    struct spawned command = spawn_run(line);
    bool told = strstr(command.err, wanted) != NULL;
    printf("%s", command.err);
    CHECK_INT(command.status, ==, told ? 66 : 0);
    CHECK(told || strstr(command.err, "grows") == NULL);
    spawn_free(&command);
    return told;
}

/* A program takes six seconds. A busy machine may keep it from growing at most looks, so it runs again; if it is never told,
 * the deadline comes. */
TEST_DEADLINE(what_grows_steadily_is_told, 120)
{
    while (!growth_is_told("threads", "the number of threads grows steadily"))
        continue;
    while (!growth_is_told("locks", "the number of locks grows steadily"))
        continue;
    while (!growth_is_told("tasks", "the number of pending tasks grows steadily"))
        continue;
    CHECK(!growth_is_told("steady", "grows"));
}

static json_t *advice_on(const char *what)
{
    char line[512];
    json_error_t error;
    snprintf(line, sizeof line, "doctor --json --advice --rate 10 -- %s/advised %s",
             getenv("DOCTOR_SAMPLES"), what);
    struct spawned command = spawn_run(line);
    CHECK_INT(command.status, ==, 0);
    json_t *report = json_loads(command.err, 0, &error), *advice;
    CHECK(report != NULL);
    advice = json_incref(json_array_get(json_object_get(report, "advice"), 0));
    CHECK(advice != NULL);
    json_decref(report);
    spawn_free(&command);
    return advice;
}

static double number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

/* A task computes 2 ms and waits 6 ms, 1 ms of it with a lock. */
static bool advice_fits_tasks(void)
{
    json_t *advice = advice_on("tasks");
    bool fits =
        json_is_null(json_object_get(advice, "cannot_tell")) &&
        number(advice, "compute_seconds") > 0.0015 && number(advice, "compute_seconds") < 0.004 &&
        number(advice, "wait_seconds") > 0.001 && number(advice, "workers_for_processors") >= 2 &&
        number(advice, "workers_for_lock") >= 1 && number(advice, "hottest_held") > 0.02 &&
        (int)number(advice, "workers_for_rate") == 1;
    const char *hottest = json_string_value(json_object_get(advice, "hottest"));
    fits = fits && hottest && strcmp(hottest, "lock journal") == 0;
    json_dumpf(advice, stdout, 0);
    json_decref(advice);
    return fits;
}

/* On a busy machine tasks take longer, and there may be too few samples. So a program runs again; if the advice never fits,
 * the deadline comes. */
TEST_DEADLINE(advice_is_from_what_a_task_computes_and_waits, 60)
{
    while (!advice_fits_tasks())
        continue;
}

static bool advice_fits_threads(void)
{
    json_t *advice = advice_on("threads");
    bool fits = number(advice, "workers_for_processors") >= 2;
    CHECK(json_is_null(json_object_get(advice, "tasks_per_second")));
    CHECK(json_is_null(json_object_get(advice, "workers_for_rate")));
    json_dumpf(advice, stdout, 0);
    json_decref(advice);
    return fits;
}

TEST_DEADLINE(advice_on_plain_threads_knows_no_unit_of_work, 60)
{
    while (!advice_fits_threads())
        continue;
}

TEST(names_that_a_program_gives_are_shown)
{
    char line[512];
    snprintf(line, sizeof line, "doctor -- %s/corpus_thrum fibers named", getenv("DOCTOR_SAMPLES"));
    struct spawned command = spawn_run(line);
    CHECK_INT(command.status, ==, 66);
    CHECK(strstr(command.err, "held lock accounts, taken at\n") != NULL);
    CHECK(strstr(command.err, "  and took lock journal at\n") != NULL);
    CHECK(strstr(command.err, " (run_part) takes lock accounts in in_circle") != NULL);
    spawn_free(&command);
}

#endif

TEST(the_output_of_the_program_is_its_own)
{
    char line[512];
    snprintf(line, sizeof line, "doctor -o /dev/null -- %s/corpus prints",
             getenv("DOCTOR_SAMPLES"));
    struct spawned command = spawn_run(line);
    CHECK_INT(command.status, ==, 5);
    CHECK_STR(command.out, "to stdout\n");
    CHECK_STR(command.err, "to stderr\n");
    spawn_free(&command);
}

TEST(a_report_names_locks_functions_lines_and_a_schedule)
{
    char line[512];
    snprintf(line, sizeof line, "doctor -- %s/corpus abba", getenv("DOCTOR_SAMPLES"));
    struct spawned command = spawn_run(line);
    CHECK_INT(command.status, ==, 66);
    CHECK(strstr(command.err, "POTENTIAL DEADLOCK: threads can wait for each other\n") != NULL);
    CHECK(strstr(command.err, " (one) held mutex a, taken at\n") != NULL);
    CHECK(strstr(command.err, "  and took mutex b at\n") != NULL);
    CHECK(strstr(command.err, "    #1  pair  ") != NULL);
    CHECK(strstr(command.err, "    1. thread ") != NULL);
    CHECK(strstr(command.err, " waits for mutex a in lock (corpus.c:") != NULL ||
          strstr(command.err, " waits for mutex a in lock, which ") != NULL);
    CHECK(strstr(command.err, "0 deadlocks, 1 potential\n") != NULL);
    spawn_free(&command);
}

TEST(waits_are_summed_up_by_lock)
{
    char line[512], folded[] = "/tmp/folded-XXXXXX", text[4096];
    int file = mkstemp(folded);
    CHECK(file >= 0);
    snprintf(line, sizeof line, "doctor --contention --folded %s -- %s/corpus join_with_lock",
             folded, getenv("DOCTOR_SAMPLES"));
    struct spawned command = spawn_run(line);
    CHECK(strstr(command.err, "waits in process ") != NULL);
    CHECK(strstr(command.err, " 1 times, at most ") != NULL);
    CHECK(strstr(command.err, ": the end of threads\n") != NULL);
    CHECK(strstr(command.err, " s in end (corpus.c:") != NULL ||
          strstr(command.err, " s in end\n") != NULL);
    ssize_t length = read(file, text, sizeof text - 1);
    CHECK(length > 0);
    text[length] = 0;
    CHECK(strstr(text, ";main;join_with_lock;end;the_end_of_threads ") != NULL);
    close(file);
    unlink(folded);
    spawn_free(&command);
}

/* A suspicion ends no program. */
TEST(a_signal_to_the_command_reaches_the_program)
{
    static const char *const options[] = {"", "--json --on-deadlock abort"};
    for (int i = 0; i < 2; i++) {
        char line[512], found[1024];
        snprintf(line, sizeof line, "doctor --no-lines %s -- %s/corpus hangs_lost", options[i],
                 getenv("DOCTOR_SAMPLES"));
        struct spawned command = spawn(line, false);
        CHECK(spawn_said(command.err_file, i == 0 ? "SUSPECTED" : "suspected"));
        kill(command.pid, SIGTERM);
        spawn_wait(&command);
        CHECK_INT(command.status, ==, 128 + SIGTERM);
        read_findings(command.err, found, sizeof found);
        CHECK_STR(found, i == 0 ? "" : "suspected");
        spawn_free(&command);
    }
}

TEST(a_suppression_leaves_a_finding_out)
{
    static const char *const lines[] = {"# known\ncycle mutex a\n", "* ab\n", "cycle run_sec*\n",
                                        "handler ab\n", "cycle nothing\n"};
    for (int i = 0; i < 5; i++) {
        char line[512], path[] = "/tmp/suppressions-XXXXXX";
        int file = mkstemp(path);
        CHECK(file >= 0 && write(file, lines[i], strlen(lines[i])) == (ssize_t)strlen(lines[i]));
        close(file);
        snprintf(line, sizeof line, "doctor --suppressions %s -- %s/corpus abba", path,
                 getenv("DOCTOR_SAMPLES"));
        struct spawned command = spawn_run(line);
        unlink(path);
        CHECK_INT(command.status, ==, i < 3 ? 0 : 66);
        spawn_free(&command);
    }
}

TEST(what_fails_can_be_chosen)
{
    static const struct {
        const char *level, *name;
        int status;
    } rows[] = {{"nothing", "abba", 0},
                {"deadlock", "abba", 0},
                {"potential", "not_joined", 0},
                {"leak", "not_joined", 66}};
    for (int i = 0; i < 4; i++) {
        char line[512];
        snprintf(line, sizeof line, "doctor --fail-on %s --no-lines -- %s/corpus %s", rows[i].level,
                 getenv("DOCTOR_SAMPLES"), rows[i].name);
        struct spawned command = spawn_run(line);
        CHECK_INT(command.status, ==, rows[i].status);
        spawn_free(&command);
    }
}

TEST(a_program_that_is_not_there_is_named)
{
    struct spawned command = spawn_run("doctor -- /nowhere/program");
    CHECK_INT(command.status, ==, 1);
    CHECK(strstr(command.err, "cannot run /nowhere/program: No such file or directory") != NULL);
    spawn_free(&command);
}
