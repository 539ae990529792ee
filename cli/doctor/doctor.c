/* `thrum doctor`: a look at a process, and the report. */
#include "../command.h"
#include "doctor/look.h"
#include "options.h"
#include "report.h"
#include "style.h"
#include "trouble.h"

#include <unistd.h>

/* The exit status of a proven deadlock. */
enum { STATUS_DEADLOCK = 66 };

int doctor_run(int argc, char **argv)
{
    struct doctor_options options;
    struct look look;
    char message[512];
    enum options_verdict verdict =
        doctor_options_parse(argc, argv, &options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&doctor_line, verdict, message);
    trouble_speaker("doctor");
    const struct look_options how = {
        .interval = options.interval, .stop = options.stop, .lines = !options.no_lines};
    if (look_at(&look, options.pid, &how, message, sizeof message) < 0) {
        trouble_print("%s", message);
        return STATUS_FAILED;
    }
    int rc = 0;
    if (options.json)
        rc = doctor_report_json(&look, stdout);
    else
        rc = doctor_report_text(&look, stdout, style_wanted(STDOUT_FILENO));
    bool proven = look.verdict == VERDICT_DEADLOCK;
    look_free(&look);
    if (rc < 0 || fflush(stdout) != 0 || ferror(stdout)) {
        trouble_print("cannot write the report");
        return STATUS_FAILED;
    }
    return proven ? STATUS_DEADLOCK : STATUS_OK;
}
