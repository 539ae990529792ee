/* Reports.
 *
 * A line is written whole and at once. So after a kill the log has a whole line for each URL that
 * was done (line_writer.h). With --in-order a result waits in a ring until all results before it
 * are printed. It is a line, or a body, which the report then finishes. The thread that reads the
 * list does not get further ahead than the length of the ring, so one slow URL does not fill the
 * memory.
 *
 * A job that a stop discarded is never reported. Results that wait behind it are printed at the
 * end.
 */
#include "report.h"

#include "progress.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The output for a URL. */
struct result {
    char *url;      /* for messages */
    char *line;     /* for the output; or NULL */
    size_t length;  /* of the line */
    char *error;    /* for standard error; or NULL */
    bool body_here; /* the body is to be printed */
    struct body body;
};

int report_init(struct report *report, const struct fetch_options *options)
{
    *report = (struct report){.options = options, .to_terminal = isatty(STDOUT_FILENO)};
    thrum_condition_init(&report->moved, &report->lock);
    report->out = line_writer_new(STDOUT_FILENO);
    return report->out ? 0 : -ENOMEM;
}

/* Prints on stderr what is wrong with a URL, with '?' for control characters. */
static void tell(const char *url, const char *error)
{
    char *safe = strdup(url);
    for (char *at = safe; at && *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    trouble_print("%s: %s", safe ? safe : "a URL", error);
    free(safe);
}

static void result_free(struct result *result)
{
    if (!result)
        return;
    if (result->body_here)
        body_finish(&result->body);
    free(result->url);
    free(result->line);
    free(result->error);
    free(result);
}

/* The line of an outcome, as JSON or of --check-only. */
static bool make_line(struct result *result, const struct report *report, const struct job *job,
                      const struct outcome *outcome)
{
    FILE *stream = open_memstream(&result->line, &result->length);
    if (!stream)
        return false;
    if (report->options->json)
        outcome_put_json(stream, job, outcome);
    else
        fprintf(stream, "%03ld %s\n", outcome->status, job->url);
    bool fine = !ferror(stream);
    return fclose(stream) == 0 && fine;
}

/* The output for an outcome; NULL if memory ran out. Takes the body over if it is to be printed. */
static struct result *make_result(const struct report *report, const struct job *job,
                                  const struct outcome *outcome, struct body *body)
{
    const struct fetch_options *options = report->options;
    struct result *result = calloc(1, sizeof *result);
    bool lines = options->json || options->check_only;
    if (!result)
        return NULL;
    result->url = strdup(job->url);
    bool fine = result->url != NULL;
    if (fine && !outcome->unfinished && lines)
        fine = make_line(result, report, job, outcome);
    if (fine && !outcome->unfinished && outcome->failed && !options->json)
        fine = (result->error = strdup(outcome->error)) != NULL;
    if (!fine) {
        result_free(result);
        return NULL;
    }
    if (body && !outcome->unfinished && !outcome->failed && !lines && !options->directory) {
        result->body = *body;
        result->body_here = true;
    }
    return result;
}

/* Prints a result and frees it. The caller has the lock. */
static void print(struct report *report, struct result *result)
{
    if (report->to_terminal)
        progress_clear();
    if (result->line && !report->broken) {
        bool fine = fwrite(result->line, 1, result->length, line_writer_stream(report->out)) ==
                    result->length;
        fine = line_writer_end(report->out) && line_writer_flush(report->out) && fine;
        report->broken = !fine;
    }
    if (result->error)
        tell(result->url, result->error);
    if (result->body_here && !report->broken) {
        if (body_print(&result->body, report->out) < 0) {
            tell(result->url, result->body.error.message);
            report->fetched--;
            report->failed++;
        }
        report->broken = line_writer_failed(report->out);
    }
    result_free(result);
}

/* Prints the results whose turn it is. */
static void print_in_order(struct report *report)
{
    struct result **next;
    while (*(next = &report->waiting[report->turn % ORDER_MOST])) {
        print(report, *next);
        *next = NULL;
        report->turn++;
    }
    thrum_condition_notify_all(&report->moved);
}

bool report_add(struct report *report, const struct job *job, const struct outcome *outcome,
                struct body *body)
{
    struct result *result = make_result(report, job, outcome, body);
    bool fine = true;
    if (body && !(result && result->body_here))
        body_finish(body);
    thrum_with (&report->lock) {
        if (outcome->unfinished) {
            report->unfinished++;
            report->cut_off += outcome->attempts > 0;
        } else if (outcome->failed) {
            report->failed++;
        } else {
            report->fetched++;
        }
        if (!result) {
            tell(job->url, "out of memory");
            report->broken = true;
        } else if (report->options->in_order) {
            report->waiting[job->number % ORDER_MOST] = result;
            print_in_order(report);
        } else {
            print(report, result);
        }
        fine = !report->broken;
    }
    return fine;
}

void report_await_room(struct report *report, uint64_t number)
{
    thrum_with (&report->lock)
        while (report->options->in_order && number >= report->turn + ORDER_MOST && !report->stopped)
            if (thrum_condition_wait(&report->moved, THRUM_FOREVER) < 0)
                break;
}

void report_stop(struct report *report)
{
    thrum_with (&report->lock) {
        report->stopped = true;
        thrum_condition_notify_all(&report->moved);
    }
}

int report_finish(struct report *report, int status)
{
    for (int i = 0; report->out && i < ORDER_MOST; i++) {
        struct result **next = &report->waiting[(report->turn + (uint64_t)i) % ORDER_MOST];
        if (*next)
            print(report, *next);
        *next = NULL;
    }
    thrum_condition_finish(&report->moved);
    return line_writer_close(report->out, status);
}
