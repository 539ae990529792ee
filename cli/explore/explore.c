/* `thrum explore`: searches, then repeats the failure and tells it. */
#include "../command.h"
#include "doctor/report.h"
#include "instrument.h"
#include "interrupt.h"
#include "json_text.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "search.h"
#include "story.h"
#include "style.h"
#include "timeline.h"
#include "trouble.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_FOUND = STATUS_DEADLOCK, REPEATS = 3 };

struct explore {
    struct explore_options options;
    struct search search;
    struct runner runner;
    struct story story;
    char message[512];
    bool alone;    /* one schedule was asked for */
    bool repeated; /* the failure was repeated */
    int same;      /* how often, with --repeat */
};

/* The schedule that was asked for counts as found. */
static int take_asked(struct explore *explore)
{
    struct recipe *first = &explore->search.first;
    const char *text = explore->options.schedule;
    *first = (struct recipe){.seed = explore->options.seed, .by_list = text != NULL};
    if (!text)
        return 0;
    first->list = malloc(SCHEDULE_CHOICES * sizeof *first->list);
    if (!first->list)
        return -ENOMEM;
    first->count = (uint32_t)explore_schedule_parse(text, first->list);
    first->memory = explore->options.memory == POINTS_SHARED ? MEMORY_SHARED
                    : explore->options.memory == POINTS_ALL  ? MEMORY_ALL
                                                             : MEMORY_OFF;
    return 0;
}

static int run_once(struct explore *explore, const struct runner_look *look,
                    struct outcome *ret_outcome)
{
    search_plan(explore->runner.region, &explore->options, &explore->search.first);
    return runner_run(&explore->runner, explore->options.check, look, ret_outcome, explore->message,
                      sizeof explore->message);
}

/* Runs the schedule that was asked for, once or as often as --repeat says. The first run tells how
 * it ends. */
static int run_asked(struct explore *explore)
{
    struct search *search = &explore->search;
    struct outcome outcome;
    int runs = explore->options.repeat ? explore->options.repeat : 1;
    for (int i = 0; i < runs && !interrupt_asked(); i++) {
        int rc = run_once(explore, NULL, &outcome);
        if (rc < 0)
            return rc;
        if (i == 0)
            search->outcome = outcome;
        search->done++;
        search->counts[outcome.kind]++;
        search->steps += explore->runner.region->steps;
        search->longest = explore->runner.region->steps;
        explore->same += outcome.kind == search->outcome.kind;
    }
    search->found = outcome_fails(search->outcome.kind);
    return 0;
}

/* Runs the schedule that was found, to tell it, until it fails in the same way. */
static int run_told(struct explore *explore)
{
    struct runner_look look = {story_look, &explore->story};
    struct outcome outcome;
    for (int i = 0; i < REPEATS && !explore->repeated && !interrupt_asked(); i++) {
        int rc = run_once(explore, &look, &outcome);
        if (rc < 0)
            return rc;
        explore->repeated = outcome.kind == explore->search.outcome.kind;
    }
    return 0;
}

/* A run tells the departures of a seed, and the preemptions of a list. */
static int shrink(struct explore *explore)
{
    struct search *search = &explore->search;
    struct outcome outcome;
    struct recipe found;
    int rc = run_once(explore, NULL, &outcome);
    if (rc < 0 || outcome.kind != search->outcome.kind)
        return rc;
    rc = recipe_of_run(&explore->runner, &found);
    if (rc < 0)
        return rc;
    recipe_free(&search->first);
    search->first = found;
    return search_shrink(search, &explore->runner, explore->message, sizeof explore->message);
}

static void put_counts(const struct search *search, FILE *out)
{
    uint64_t failed = 0;
    for (int kind = OUTCOME_DEADLOCK; kind < OUTCOME_KINDS; kind++)
        failed += search->counts[kind];
    fprintf(out,
            "%" PRIu64 " schedule%s, %" PRIu64 " failed; %" PRIu64 " steps, at most %u in a run\n",
            search->done, search->done == 1 ? "" : "s", failed, search->steps, search->longest);
    if (search->exhausted)
        fputs("all schedules within the bound were tried\n", out);
    if (search->counts[OUTCOME_UNFINISHED])
        fprintf(out, "%" PRIu64 " did not end within the limit of steps\n",
                search->counts[OUTCOME_UNFINISHED]);
    if (search->counts[OUTCOME_BLOCKED])
        fprintf(out, "%" PRIu64 " waited in a call that is not controlled, and were ended\n",
                search->counts[OUTCOME_BLOCKED]);
    if (search->counts[OUTCOME_WAITS])
        fprintf(out,
                "%" PRIu64
                " were ended because the program waits for input or a signal from outside\n",
                search->counts[OUTCOME_WAITS]);
    if (search->counts[OUTCOME_COMPUTES])
        fprintf(out, "%" PRIu64 " were ended because a thread computed for %g s without a call\n",
                search->counts[OUTCOME_COMPUTES], search->options->compute);
    if (search->uncontrolled)
        fprintf(out,
                "in %" PRIu64
                " a thread computed for long without a call; they may not be repeated "
                "exactly\n",
                search->uncontrolled);
    if (search->worn)
        fprintf(out,
                "%" PRIu64 " accessed memory too often: the rest of them had no memory points\n",
                search->worn);
    if (search->memory_error)
        fprintf(out, "there were no memory points: %s\n", strerror((int)search->memory_error));
    if (search->children)
        fprintf(out, "%" PRIu64 " made processes, which run free\n", search->children);
}

static void put_command(const struct explore *explore, FILE *out)
{
    fputs("thrum explore ", out);
    static const char *const points[] = {"off", "shared", "all"};
    if (explore->search.first.by_list) {
        fprintf(out, "--memory %s --schedule '", points[explore->search.first.memory]);
        recipe_print(&explore->search.first, out);
        fputs("' ", out);
    } else {
        fprintf(out, "--seed %" PRIu64 " ", explore->search.first.seed);
        if (explore->options.strategy != EXPLORE_MIX)
            fprintf(out, "--strategy %s ",
                    explore->options.strategy == EXPLORE_RANDOM ? "random"
                    : explore->options.strategy == EXPLORE_PCT  ? "pct"
                                                                : "pos");
        if (explore->options.memory != POINTS_AUTO)
            fprintf(out, "--memory %s ", points[explore->options.memory - POINTS_OFF]);
        if (explore->options.depth)
            fprintf(out, "--depth %d ", explore->options.depth);
    }
    if (explore->options.instrument)
        fputs("--instrument ", out);
    if (explore->options.early)
        fputs("--early ", out);
    if (explore->options.signal)
        fprintf(out, "--signal %d ", explore->options.signal);
    fputs("--", out);
    for (char **word = explore->options.words; *word; word++)
        fprintf(out, " %s", *word);
}

/* The last lines that the program wrote to standard error. */
static void put_said(const struct explore *explore, FILE *out)
{
    char text[513];
    off_t end = lseek(explore->runner.errors, 0, SEEK_END);
    off_t from = end > 512 ? end - 512 : 0;
    ssize_t got = end > 0 ? pread(explore->runner.errors, text, 512, from) : 0;
    if (got <= 0)
        return;
    text[got] = 0;
    fprintf(out, "it said: %s%s", text, text[got - 1] == '\n' ? "" : "\n");
}

static void put_text(const struct explore *explore, FILE *out)
{
    const struct search *search = &explore->search;
    if (!explore->alone)
        put_counts(search, out);
    else if (explore->options.repeat)
        fprintf(out, "%d of %" PRIu64 " runs ended in the same way\n", explore->same, search->done);
    if (!outcome_worth(search->outcome.kind)) {
        if (explore->alone)
            fprintf(out, "the schedule does not fail: %s, %" PRIu64 " steps\n",
                    outcome_name(search->outcome.kind), search->steps);
        return;
    }
    fprintf(out, "%s%s%s: ", search->found ? MARK_RED : MARK_BOLD,
            outcome_name(search->outcome.kind), MARK_PLAIN);
    story_headline(&explore->story, &search->outcome, out);
    fputc('\n', out);
    put_said(explore, out);
    if (explore->repeated)
        story_text(&explore->story, &search->outcome, explore->options.full, out);
    else
        fputs("it could not be repeated: something that is not controlled decides, too\n", out);
    fputs("\nto repeat it: ", out);
    put_command(explore, out);
    fputc('\n', out);
    if (explore->options.timeline && explore->repeated)
        fprintf(out, "the timeline is in %s\n", explore->options.timeline);
}

static void put_json(const struct explore *explore, FILE *out)
{
    const struct search *search = &explore->search;
    fprintf(out,
            "{\"runs\":%" PRIu64 ",\"same\":%d,\"steps\":%" PRIu64
            ",\"longest\":%u,\"exhausted\":%s,\"outcomes\":{",
            search->done, explore->same, search->steps, search->longest,
            search->exhausted ? "true" : "false");
    for (int kind = 0, first = 1; kind < OUTCOME_KINDS; kind++)
        if (search->counts[kind]) {
            fprintf(out, "%s\"%s\":%" PRIu64, first ? "" : ",", outcome_name(kind),
                    search->counts[kind]);
            first = 0;
        }
    fprintf(out, "},\"%s\":", search->found ? "failure" : "notice");
    if (outcome_worth(search->outcome.kind)) {
        fprintf(out, "{\"kind\":\"%s\",\"status\":%d,\"repeated\":%s,",
                outcome_name(search->outcome.kind), search->outcome.status,
                explore->repeated ? "true" : "false");
        if (search->first.by_list) {
            fputs("\"schedule\":\"", out);
            recipe_print(&search->first, out);
            fputs("\",", out);
        } else
            fprintf(out, "\"seed\":%" PRIu64 ",", search->first.seed);
        fprintf(out, "\"preemptions\":%u,", explore->runner.region->preemptions);
        story_json(&explore->story, &search->outcome, out);
        fputc('}', out);
    } else
        fputs("null", out);
    fputs(search->found ? ",\"notice\":null}\n" : ",\"failure\":null}\n", out);
}

static int copy_output(int file)
{
    char bytes[65536];
    ssize_t got;
    off_t at = 0;
    int rc = 0;
    while (rc == 0 && (got = pread(file, bytes, sizeof bytes, at)) > 0) {
        rc = output_write(STDOUT_FILENO, bytes, (size_t)got);
        at += got;
    }
    return rc;
}

static int print(const struct explore *explore)
{
    char *text = NULL;
    size_t size;
    if (explore->options.show_output && explore->search.found &&
        (copy_output(explore->runner.output) < 0 || copy_output(explore->runner.errors) < 0))
        return -EIO;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return -ENOMEM;
    if (explore->options.json)
        put_json(explore, memory);
    else
        put_text(explore, memory);
    int rc = fclose(memory) == 0 ? 0 : -ENOMEM;
    if (rc == 0 && explore->options.json)
        fputs(text, stdout);
    else if (rc == 0)
        doctor_report_styled(text, stdout, style_wanted(STDOUT_FILENO));
    free(text);
    return rc;
}

/* What follows the search: the failure is made shorter, repeated, and told. */
static int follow(struct explore *explore)
{
    struct search *search = &explore->search;
    int rc = runner_open(&explore->runner, explore->options.words, explore->options.instrument,
                         explore->message, sizeof explore->message);
    if (rc == 0)
        rc = search_learn(&explore->runner, &explore->options, explore->message,
                          sizeof explore->message);
    if (rc == 0 && explore->alone)
        rc = run_asked(explore);
    if (rc < 0 || !outcome_worth(search->outcome.kind))
        return rc;
    if (explore->options.shrink && search->found)
        rc = shrink(explore);
    if (rc == 0)
        rc = run_told(explore);
    return rc == 0 ? story_open(&explore->story, &explore->runner) : rc;
}

static int work(struct explore *explore, thrum_error *ret_error)
{
    struct search *search = &explore->search;
    int rc = explore->options.instrument
                 ? instrument_open(explore->message, sizeof explore->message)
                 : 0;
    if (rc < 0)
        return trouble(ret_error, rc, "%s", explore->message);
    rc = explore->alone ? take_asked(explore) : search_all(search, ret_error);
    if (rc < 0)
        return explore->alone ? trouble(ret_error, rc, "no memory") : rc;
    if (outcome_worth(search->outcome.kind) || explore->alone)
        rc = follow(explore);
    if (rc < 0)
        return trouble(ret_error, rc, "%s",
                       explore->message[0]        ? explore->message
                       : explore->story.unseen[0] ? explore->story.unseen
                                                  : strerror(-rc));
    if (explore->options.timeline && explore->repeated) {
        rc = timeline_write(&explore->story, &search->outcome, explore->options.words[0],
                            explore->options.timeline);
        if (rc < 0)
            return trouble(ret_error, rc, "cannot write %s: %s", explore->options.timeline,
                           strerror(-rc));
    }
    rc = print(explore);
    return rc < 0 ? trouble(ret_error, rc, "cannot write the report: %s", strerror(-rc)) : 0;
}

int explore_run(int argc, char **argv)
{
    char message[256] = "";
    struct explore explore = {.runner = {.server = -1}};
    thrum_error error;
    enum options_verdict verdict =
        explore_options_parse(argc, argv, &explore.options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&explore_line, verdict, message);
    trouble_speaker(explore_line.name);
    explore.search.options = &explore.options;
    explore.alone = explore.options.has_seed || explore.options.schedule;
    int rc = interrupt_hold(&error);
    if (rc == 0)
        rc = interrupt_watch((struct interrupt_answers){0}, &error);
    if (rc == 0) {
        progress_open(explore.options.quiet || explore.options.json ? PROGRESS_NEVER
                                                                    : PROGRESS_AUTO);
        rc = work(&explore, &error);
    }
    int status = rc < 0 ? STATUS_FAILED : explore.search.found ? (int)STATUS_FOUND : STATUS_OK;
    if (rc < 0)
        trouble_print("%s", error.message);
    story_close(&explore.story);
    if (explore.runner.server > 0)
        runner_close(&explore.runner);
    recipe_free(&explore.search.first);
    instrument_close();
    if (interrupt_signal() && status == STATUS_OK)
        status = STATUS_SIGNAL + interrupt_signal();
    return output_finish(status);
}
