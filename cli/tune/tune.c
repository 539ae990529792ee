/* `thrum tune`: a command with different numbers of workers. sweep.c has the method; here is what is measured. */
#include "../command.h"
#include "child/job_control.h"
#include "interrupt.h"
#include "measure/machine.h"
#include "measure/report_file.h"
#include "measure/run_delay.h"
#include "options.h"
#include "progress.h"
#include "sweep.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tune {
    struct tune_options options;
    struct sweep sweep;
    struct machine machine;
    struct timed_command prepare; /* text is NULL for none */
    struct report_file json, csv, svg;
    FILE *table; /* NULL if standard output is taken by a report */
    int out;     /* where the output of the command goes */
};

/* The word with the number in place of {workers}; malloced, or NULL. */
static char *fill(const char *word, int workers)
{
    static const char placeholder[] = "{workers}";
    const char *at = strstr(word, placeholder);
    char *result;
    if (!at)
        return strdup(word);
    char *rest = fill(at + sizeof placeholder - 1, workers);
    int length = rest ? asprintf(&result, "%.*s%d%s", (int)(at - word), word, workers, rest) : -1;
    free(rest);
    return length < 0 ? NULL : result;
}

/* Makes the command for so many workers. Returns 0 or a negative errno. */
static int make_command(const struct tune *tune, int workers, struct timed_command *command)
{
    int count = tune->options.word_count, rc = 0;
    char **words = calloc((size_t)count + 1, sizeof(char *));
    for (int i = 0; words && rc == 0 && i < count; i++) {
        words[i] = fill(tune->options.words[i], workers);
        if (!words[i])
            rc = -ENOMEM;
    }
    if (!words)
        rc = -ENOMEM;
    else if (rc == 0)
        rc = count == 1 ? timed_command_init(command, words[0], SHELL_AUTO)
                        : timed_command_init_words(command, words);
    for (int i = 0; words && i < count; i++)
        free(words[i]);
    free(words);
    return rc;
}

static int run_checked(struct tune *tune, struct timed_command *command, bool may_fail,
                       struct cost *ret_cost, thrum_error *ret_error)
{
    char text[64];
    int rc = timed_command_run(command, tune->out, ret_cost, ret_error);
    if (rc < 0 || ret_cost->status == 0)
        return rc;
    if (interrupt_asked())
        return -ECANCELED;
    if (may_fail)
        return 0;
    cost_describe_status(ret_cost->status, text, sizeof text);
    return trouble(
        ret_error, -ECHILD,
        "%.120s ended with %s; --ignore-failure measures it all the same, --show-output shows why",
        command->text, text);
}

/* A sweep.measure. */
static int measure(void *context, int workers, struct cost *ret_cost, thrum_error *ret_error)
{
    struct tune *tune = context;
    struct timed_command command = {0};
    struct cost unused;
    int rc = make_command(tune, workers, &command);
    if (rc < 0)
        return trouble(ret_error, rc, "cannot prepare the command: %s", thrum_strerror(rc));
    if (tune->prepare.text)
        rc = run_checked(tune, &tune->prepare, false, &unused, ret_error);
    command.watch_delay = true;
    if (rc == 0)
        rc = run_checked(tune, &command, tune->options.ignore_failure, ret_cost, ret_error);
    if (rc == 0)
        ret_cost->lost = run_delay_lost(ret_cost->seconds, ret_cost->user + ret_cost->system,
                                        ret_cost->delay, workers, tune->sweep.cores);
    timed_command_finish(&command);
    return rc;
}

/* The command as the user wrote it, for titles. */
static const char *title_of(const struct tune *tune, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < tune->options.word_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "",
                                 tune->options.words[i]);
    return text;
}

static json_t *results_json(const struct tune *tune)
{
    char title[120];
    return json_pack(
        "{s:s, s:o, s:o, s:o}", "kind", "tune", "machine", machine_json(&tune->machine), "command",
        json_text(title_of(tune, title, sizeof title)), "sweep", sweep_json(&tune->sweep));
}

/* A sweep.after_round: writes the results so far, if that is due. */
static int write_so_far(void *context, thrum_error *ret_error)
{
    struct tune *tune = context;
    if (!report_file_due(&tune->json))
        return 0;
    int rc = sweep_settle(&tune->sweep);
    if (rc == 0)
        rc = report_file_json(&tune->json, results_json(tune));
    return rc < 0 ? trouble(ret_error, rc, "--json: cannot write %.160s: %s", tune->json.path,
                            thrum_strerror(rc))
                  : 0;
}

static int prepare(struct tune *tune, thrum_error *ret_error)
{
    const struct tune_options *options = &tune->options;
    progress_open(options->quiet ? PROGRESS_NEVER : PROGRESS_AUTO);
    machine_look(&tune->machine);
    sweep_parse(&tune->sweep, options->workers); /* it was tried by tune_options_parse */
    tune->sweep.cores = tune->machine.cores;
    tune->sweep.rounds = options->rounds;
    tune->sweep.most = options->most;
    tune->sweep.measure = measure;
    tune->sweep.after_round = write_so_far;
    tune->sweep.context = tune;
    int rc =
        options->prepare ? timed_command_init(&tune->prepare, options->prepare, SHELL_AUTO) : 0;
    if (rc < 0)
        return trouble(ret_error, rc, "--prepare: %s", thrum_strerror(rc));
    if ((rc = report_file_open(&tune->json, "--json", options->json, ret_error)) < 0 ||
        (rc = report_file_open(&tune->csv, "--csv", options->csv, ret_error)) < 0 ||
        (rc = report_file_open(&tune->svg, "--svg", options->svg, ret_error)) < 0 ||
        (rc = timed_commands_begin(&tune->out, ret_error)) < 0)
        return rc;
    bool taken =
        tune->json.stream == stdout || tune->csv.stream == stdout || tune->svg.stream == stdout;
    tune->table = taken ? NULL : stdout;
    if (options->show_output) {
        (void)close(tune->out); /* /dev/null */
        tune->out = taken ? STDERR_FILENO : 0;
    }
    if (!options->quiet)
        machine_warn(&tune->machine);
    return 0;
}

static int warm_up(struct tune *tune, thrum_error *ret_error)
{
    struct cost cost;
    int rc = 0;
    for (int i = 0; rc == 0 && i < tune->options.warmup; i++)
        rc = measure(tune, tune->sweep.first, &cost, ret_error);
    return rc;
}

static bool write_reports(struct tune *tune)
{
    char title[120];
    bool measured = tune->sweep.advice.known;
    title_of(tune, title, sizeof title);
    if (tune->table && measured)
        sweep_report(tune->table, &tune->sweep);
    bool fine = report_file_close(&tune->json, report_file_json(&tune->json, results_json(tune)));
    int rc = tune->csv.stream ? sweep_csv(tune->csv.stream, &tune->sweep) : 0;
    fine &= report_file_close(&tune->csv, rc);
    rc = tune->svg.stream ? sweep_svg(tune->svg.stream, &tune->sweep, title) : 0;
    return report_file_close(&tune->svg, rc) && fine;
}

int tune_run(int argc, char **argv)
{
    static struct tune tune;
    thrum_error error;
    char message[256];
    enum options_verdict verdict =
        tune_options_parse(argc, argv, &tune.options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&tune_line, verdict, message);
    int rc = prepare(&tune, &error), status = STATUS_OK;
    bool prepared = rc == 0;
    if (rc == 0)
        rc = warm_up(&tune, &error);
    if (rc == 0)
        rc = sweep_run(&tune.sweep, &error);
    if (rc < 0 && rc != -ECANCELED) {
        trouble_print("%s", error.message);
        status = STATUS_FAILED;
    }
    if (prepared && status == STATUS_OK && !write_reports(&tune))
        status = STATUS_FAILED;
    sweep_finish(&tune.sweep);
    timed_command_finish(&tune.prepare);
    job_control_finish();
    return interrupt_asked() ? STATUS_SIGNAL + interrupt_signal() : status;
}
