/* `thrum doctor`: looks at a process once or repeatedly, and reports. */
#include "../command.h"
#include "doctor/look.h"
#include "options.h"
#include "report.h"
#include "start.h"
#include "style.h"
#include "trouble.h"
#include "variable.h"
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static int report(const struct look *look, const struct doctor_options *options)
{
    int rc = options->json ? doctor_report_json(look, stdout, options->watch > 0)
                           : doctor_report_text(look, stdout, style_wanted(STDOUT_FILENO));
    if (rc < 0 || fflush(stdout) != 0 || ferror(stdout)) {
        trouble_print("cannot write the report");
        return STATUS_FAILED;
    }
    return look->verdict == VERDICT_DEADLOCK ? STATUS_DEADLOCK : STATUS_OK;
}

static void pause_for(double seconds)
{
    poll(NULL, 0, seconds * 1000 < INT_MAX ? (int)(seconds * 1000) : INT_MAX);
}

/* Looks repeatedly, after a first look, which it frees. */
static int watch(struct look *before, const struct doctor_options *options,
                 const struct look_options *how)
{
    char message[512];
    int status = report(before, options);
    while (status == STATUS_OK) {
        struct look after;
        pause_for(options->watch);
        int rc = look_at(&after, options->pid, how, message, sizeof message);
        if (rc < 0) {
            if (rc == -ESRCH || rc == -ENOENT) {
                if (!options->json)
                    printf("process %d has ended\n", options->pid);
                break;
            }
            trouble_print("%s", message);
            status = STATUS_FAILED;
            break;
        }
        if (!options->json)
            watch_print_changes(before, &after, stdout);
        if (options->json || after.verdict == VERDICT_DEADLOCK)
            status = report(&after, options);
        if (fflush(stdout) != 0)
            status = STATUS_FAILED;
        look_free(before);
        *before = after;
    }
    look_free(before);
    return status;
}

int doctor_run(int argc, char **argv)
{
    struct doctor_options options;
    struct look look;
    char message[512];
    if (argc > 1 && strcmp(argv[1], "watch") == 0)
        return variable_run(argc - 1, argv + 1);
    enum options_verdict verdict =
        doctor_options_parse(argc, argv, &options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&doctor_line, verdict, message);
    trouble_speaker("doctor");
    if (options.words)
        return doctor_start(&options);
    const struct look_options how = {.interval = options.interval,
                                     .leaks = options.leaks,
                                     .stop = options.stop,
                                     .lines = !options.no_lines};
    int rc = options.core ? look_at_core(&look, options.core, &how, message, sizeof message)
                          : look_at(&look, options.pid, &how, message, sizeof message);
    if (rc < 0) {
        trouble_print("%s", message);
        return STATUS_FAILED;
    }
    if (options.watch > 0)
        return watch(&look, &options, &how);
    int status = report(&look, &options);
    look_free(&look);
    return status;
}
