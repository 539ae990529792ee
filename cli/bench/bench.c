/* `thrum bench`: commands in turns.
 *
 *   1. read the command line, open the files for results;
 *   2. run --setup and the warm-up of each command;
 *   3. rounds: in each, all commands once, in a new random order, each after its --prepare;
 *   4. work out figures and verdicts, print them, write the files;
 *   5. run --conclude for each command whose --setup ran, whatever came between.
 *
 * When rounds end. Looking at the verdict after each round, and stopping when it is there, would show differences that
 * are not there. So the end depends on the width of the interval and never on where it lies.
 */
#include "../command.h"
#include "child/child.h"
#include "child/job_control.h"
#include "contender.h"
#include "interrupt.h"
#include "measure/report_file.h"
#include "options.h"
#include "progress.h"
#include "report.h"
#include "trouble.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS_LEAST = 10, ROUNDS_USUAL_MOST = 200, LOOK_EACH = 5, STATUS_CONDITION = 3 };

static const double known_well = 0.01, most_each = 10;

struct bench {
    struct bench_options options;
    struct contenders all;
    struct machine machine;
    struct report_file json, csv;
    FILE *table;   /* NULL if standard output is taken by a report */
    int out;       /* where the output of commands goes: a descriptor, or 0 for ours */
    size_t set_up; /* contenders whose --setup has begun */
};

/* Runs a command that must succeed. Returns 0 or a negative errno, with a message. */
static int run_one(struct bench *bench, struct timed_command *command, const char *option,
                   bool may_fail, struct cost *ret_cost, thrum_error *ret_error)
{
    char text[64];
    struct cost cost;
    if (!command->text)
        return 0;
    int rc = timed_command_run(command, bench->out, &cost, ret_error);
    if (rc < 0)
        return rc;
    if (interrupt_asked() && cost.status != 0)
        return -ECANCELED;
    if (cost.status != 0 && !may_fail) {
        cost_describe_status(cost.status, text, sizeof text);
        return trouble(
            ret_error, -ECHILD, "%s%s%.120s ended with %s%s", option, *option ? ": " : "",
            command->text, text,
            *option ? "" : "; --ignore-failure measures it all the same, --show-output shows why");
    }
    if (ret_cost)
        *ret_cost = cost;
    return 0;
}

static int run_measured(struct bench *bench, struct contender *contender, struct cost *ret_cost,
                        thrum_error *ret_error)
{
    int rc = run_one(bench, &contender->prepare, "--prepare", false, NULL, ret_error);
    if (rc < 0)
        return rc;
    return run_one(bench, &contender->command, "", bench->options.ignore_failure, ret_cost,
                   ret_error);
}

static int warm_up(struct bench *bench, thrum_error *ret_error)
{
    struct cost cost;
    int rc = 0;
    progress_step("warming up");
    for (size_t i = 0; rc == 0 && i < bench->all.count; i++) {
        bench->set_up = i + 1;
        rc = run_one(bench, &bench->all.items[i].setup, "--setup", false, NULL, ret_error);
        for (int w = 0; rc == 0 && w < bench->options.warmup; w++)
            rc = run_measured(bench, &bench->all.items[i], &cost, ret_error);
    }
    progress_clear();
    return rc;
}

static int run_round(struct bench *bench, uint64_t *state, thrum_error *ret_error)
{
    size_t order[COMMANDS_MOST] = {0};
    int rc = 0;
    random_order(state, order, bench->all.count);
    for (size_t i = 0; rc == 0 && i < bench->all.count; i++) {
        struct contender *contender = &bench->all.items[order[i]];
        struct cost cost;
        rc = run_measured(bench, contender, &cost, ret_error);
        if (rc == 0 && contender_add(contender, &cost) < 0)
            rc = trouble(ret_error, -ENOMEM, "out of memory");
    }
    return rc;
}

/* True if each ratio, or the time of the only command, is known to one per cent. */
static bool is_known_well(struct contenders *all)
{
    if (contenders_settle(all) < 0)
        return false;
    for (size_t i = all->count > 1 ? 1 : 0; i < all->count; i++) {
        const struct contender *contender = &all->items[i];
        const struct interval *figure = all->count > 1 ? &contender->ratio : &contender->seconds;
        if (figure->high - figure->low > 2 * known_well * figure->middle)
            return false;
    }
    return true;
}

static bool is_over(struct bench *bench, size_t rounds, double seconds)
{
    const struct bench_options *options = &bench->options;
    double most = options->most > 0 ? options->most : most_each * (double)bench->all.count;
    if (options->rounds > 0)
        return rounds >= (size_t)options->rounds || (options->most > 0 && seconds > most);
    if (rounds >= ROUNDS_USUAL_MOST ||
        (seconds > most && (rounds >= ROUNDS_LEAST || options->most > 0)))
        return true;
    return rounds >= ROUNDS_LEAST && rounds % LOOK_EACH == 0 && is_known_well(&bench->all);
}

/* Writes the results of the rounds so far, if that is due. */
static int write_so_far(struct bench *bench, thrum_error *ret_error)
{
    if (!report_file_due(&bench->json))
        return 0;
    int rc = contenders_settle(&bench->all);
    if (rc == 0)
        rc = report_file_json(&bench->json, bench_report_json(&bench->all, &bench->machine));
    return rc < 0 ? trouble(ret_error, rc, "--json: cannot write %.160s: %s", bench->json.path,
                            thrum_strerror(rc))
                  : 0;
}

static int run_rounds(struct bench *bench, thrum_error *ret_error)
{
    uint64_t state = (uint64_t)thrum_now();
    thrum_time begin = thrum_now();
    int rc = 0;
    progress_begin("measuring", "rounds");
    progress_expect((uint64_t)bench->options.rounds, 0);
    for (size_t rounds = 0; rc == 0 && !interrupt_asked();) {
        rc = run_round(bench, &state, ret_error);
        progress_show(++rounds, 0);
        if (rc == 0)
            rc = write_so_far(bench, ret_error);
        if (is_over(bench, rounds, (double)(thrum_now() - begin) * 1e-9))
            break;
    }
    progress_end();
    return rc;
}

/* The figure of a contender that a condition asks for. */
static struct interval figure_of(const struct contender *contender, enum condition_field field)
{
    switch (field) {
    case FIELD_RATIO:
        return contender->ratio;
    case FIELD_CPU_RATIO:
        return contender->cpu_ratio;
    case FIELD_TIME:
        return contender->seconds;
    case FIELD_CPU:
        return (struct interval){contender->cpu, contender->cpu, contender->cpu};
    default:
        return (struct interval){contender->memory, contender->memory, contender->memory};
    }
}

/* True if the condition is shown of a contender, and says so. */
static bool check_condition(const struct bench *bench)
{
    const struct condition *condition = &bench->options.condition;
    bool compares = condition->field == FIELD_RATIO || condition->field == FIELD_CPU_RATIO;
    bool shown = false;
    for (size_t i = 0; i < bench->all.count && bench->options.conditional; i++) {
        struct interval figure = figure_of(&bench->all.items[i], condition->field);
        if ((compares && i == 0) || figure.middle <= 0 || !condition_is_shown(condition, &figure))
            continue;
        trouble_print("%s: %s", bench->all.items[i].name, condition->text);
        shown = true;
    }
    return shown;
}

static int prepare(struct bench *bench, thrum_error *ret_error)
{
    const struct bench_options *options = &bench->options;
    progress_open(options->quiet ? PROGRESS_NEVER : PROGRESS_AUTO);
    int rc = contenders_init(&bench->all, options, ret_error);
    if (rc == 0)
        rc = report_file_open(&bench->json, "--json", options->json, ret_error);
    if (rc == 0)
        rc = report_file_open(&bench->csv, "--csv", options->csv, ret_error);
    bench->table = bench->json.stream == stdout || bench->csv.stream == stdout ? NULL : stdout;
    if (rc == 0)
        rc = timed_commands_begin(&bench->out, ret_error);
    if (rc == 0 && options->show_output) {
        (void)close(bench->out); /* /dev/null */
        bench->out = bench->table ? 0 : STDERR_FILENO;
    }
    machine_look(&bench->machine);
    if (rc == 0 && !options->quiet)
        machine_warn(&bench->machine);
    return rc;
}

/* Prints and writes what is known. Returns the exit status. */
static int conclude(struct bench *bench, int status)
{
    if (contenders_settle(&bench->all) < 0) {
        trouble_print("out of memory");
        return STATUS_FAILED;
    }
    if (bench->table && bench->all.rounds > 0)
        bench_report_text(bench->table, &bench->all);
    int rc = report_file_json(&bench->json, bench_report_json(&bench->all, &bench->machine));
    bool fine = report_file_close(&bench->json, rc);
    rc = bench->csv.stream ? bench_report_csv(bench->csv.stream, &bench->all) : 0;
    fine &= report_file_close(&bench->csv, rc);
    if (!fine)
        return STATUS_FAILED;
    return status == STATUS_OK && bench->all.rounds > 0 && check_condition(bench) ? STATUS_CONDITION
                                                                                  : status;
}

int bench_run(int argc, char **argv)
{
    static struct bench bench;
    thrum_error error;
    char message[256];
    enum options_verdict verdict =
        bench_options_parse(argc, argv, &bench.options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&bench_line, verdict, message);
    int rc = prepare(&bench, &error), status = STATUS_OK;
    bool prepared = rc == 0;
    if (rc == 0)
        rc = warm_up(&bench, &error);
    if (rc == 0)
        rc = run_rounds(&bench, &error);
    if (rc < 0 && rc != -ECANCELED) {
        trouble_print("%s", error.message);
        status = STATUS_FAILED;
    }
    if (prepared)
        status = conclude(&bench, status);
    for (size_t i = 0; i < bench.set_up && !interrupt_asked(); i++)
        if (run_one(&bench, &bench.all.items[i].conclude, "--conclude", false, NULL, &error) < 0) {
            trouble_print("%s", error.message);
            status = STATUS_FAILED;
        }
    contenders_finish(&bench.all);
    job_control_finish();
    return interrupt_asked() ? STATUS_SIGNAL + interrupt_signal() : status;
}
