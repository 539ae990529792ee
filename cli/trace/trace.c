/* `thrum trace`: records a program, or makes something of what was recorded. */
#include "../command.h"
#include "doctor/options.h"
#include "doctor/preload/ring.h"
#include "doctor/start.h"
#include "measure/report_file.h"
#include "model.h"
#include "options.h"
#include "outputs.h"
#include "trouble.h"

#include <errno.h>
#include <string.h>

enum { STATUS_LONGER = 3, RING_BITS_ALL = 18 };

static int record(const struct trace_options *options)
{
    unsigned bits = options->all ? RING_BITS_ALL : RING_BITS;
    if (options->events)
        for (bits = RING_BITS_LEAST; 1 << bits < options->events;)
            bits++;
    const struct doctor_options how = {.words = options->words,
                                       .trace = options->output ? options->output : "trace.thrum",
                                       .trace_only = true,
                                       .trace_all = options->all,
                                       .no_lines = options->no_lines,
                                       .ring_bits = bits};
    return doctor_start(&how);
}

static int convert(const struct trace_options *options)
{
    struct trace trace;
    struct report_file file;
    thrum_error error;
    int rc = trace_load(options->file, &trace, &error);
    if (rc == 0) {
        rc = report_file_open(&file, "--output", options->output ? options->output : "-", &error);
        if (rc < 0)
            trace_free(&trace);
    }
    if (rc < 0) {
        trouble_print("%s", error.message);
        return STATUS_FAILED;
    }
    rc = options->mode == TRACE_VIEW          ? trace_page(&trace, file.stream)
         : options->format == FORMAT_PERFETTO ? trace_perfetto(&trace, file.stream)
                                              : trace_chrome(&trace, file.stream);
    bool fine = report_file_close(&file, rc);
    trace_free(&trace);
    return fine ? STATUS_OK : STATUS_FAILED;
}

static int compare(const struct trace_options *options)
{
    struct trace a, b;
    thrum_error error;
    bool longer = false;
    int rc = trace_load(options->file, &a, &error);
    if (rc == 0) {
        rc = trace_load(options->other, &b, &error);
        if (rc == 0) {
            rc = trace_diff(&a, &b, options->json, stdout, &longer);
            if (rc < 0)
                trouble(&error, rc, "cannot compare the traces: %s", strerror(-rc));
            trace_free(&b);
        }
        trace_free(&a);
    }
    if (rc < 0) {
        trouble_print("%s", error.message);
        return STATUS_FAILED;
    }
    return longer && options->fail_if_longer ? STATUS_LONGER : STATUS_OK;
}

int trace_run(int argc, char **argv)
{
    struct trace_options options;
    char message[512];
    enum options_verdict verdict =
        trace_options_parse(argc, argv, &options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&trace_line, verdict, message);
    trouble_speaker("trace");
    if (options.mode == TRACE_RECORD)
        return record(&options);
    return options.mode == TRACE_DIFF ? compare(&options) : convert(&options);
}
