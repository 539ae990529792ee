/* The list of subcommands, for `thrum`, the manual pages and the completions. */
#include "command.h"

#include "bench/options.h"
#include "demo/options.h"
#include "doctor/options.h"
#include "every/options.h"
#include "fetch/options.h"
#include "hash/options.h"
#include "report/options.h"
#include "run/options.h"
#include "trace/options.h"
#include "tune/options.h"

const struct command commands[] = {
    {&demo_line, demo_run},
    {&bench_line, bench_run},
    {&tune_line, tune_run},
    {&report_line, report_run},
    {&fetch_line, fetch_run},
    {&hash_line, hash_run},
    {&every_line, every_run},
    {&run_line, run_run},
    {&doctor_line, doctor_run},
    {&trace_line, trace_run},
    {0},
};
