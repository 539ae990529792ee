/* `thrum report`: results that were written before. */
#include "../command.h"
#include "compare.h"
#include "options.h"
#include "page.h"
#include "series.h"
#include "serve.h"
#include "trouble.h"

#include <errno.h>
#include <string.h>

enum { STATUS_CONDITION = 3 };

static int compare(const struct report_options *options)
{
    struct results old, new = {0};
    thrum_error error;
    int status = STATUS_FAILED;
    bool shown;
    int rc = results_read(options->old, &old, &error);
    if (rc == 0)
        rc = results_read(options->new, &new, &error);
    if (rc == 0 && strcmp(old.kind, new.kind) != 0)
        rc = trouble(&error, -EINVAL,
                     "%.80s is of thrum %s, %.80s of thrum %s: they cannot be compared",
                     options->old, old.kind, options->new, new.kind);
    if (rc == 0) {
        rc = compare_results(stdout, &old, &new, options, &shown);
        if (rc == 0)
            rc = trouble(&error, -EINVAL, "the files have nothing in common that was measured");
        else if (rc < 0)
            trouble(&error, rc, "out of memory");
    }
    if (rc < 0)
        trouble_print("%s", error.message);
    else
        status = shown ? STATUS_CONDITION : STATUS_OK;
    results_finish(&old);
    results_finish(&new);
    return status;
}

static int make_page(const struct report_options *options)
{
    struct results results;
    struct report_file file;
    thrum_error error;
    int rc = results_read(options->results, &results, &error);
    if (rc == 0)
        rc = report_file_open(&file, "--output", options->output ? options->output : "-", &error);
    if (rc < 0)
        trouble_print("%s", error.message);
    bool fine = rc == 0 && report_file_close(&file, page_write(file.stream, &results, false));
    results_finish(&results);
    return fine ? STATUS_OK : STATUS_FAILED;
}

int report_run(int argc, char **argv)
{
    struct report_options options;
    char message[256];
    enum options_verdict verdict =
        report_options_parse(argc, argv, &options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&report_line, verdict, message);
    if (!options.results)
        return compare(&options);
    return options.serve ? serve_run(&options) : make_page(&options);
}
