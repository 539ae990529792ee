#include "bench.h"
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SECONDS = 86400 };

int64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "bench: %s failed\n", what);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One round of one contender; negative, with the reason in `why`, if it gives no figure. */
static double run(const struct bench_contender *contender, char *why)
{
    if (contender->run) {
        double figure = contender->run();
        bench_require(figure >= 0, contender->name);
        return figure;
    }
    if (contender->program)
        return external_ask(contender->program, contender->question, why);
    snprintf(why, EXTERNAL_WHY, "%s", contender->missing);
    return -1;
}

/* Bytes that programs can have without taking them from others; a great many if the system does not tell. */
static double free_memory(void)
{
    char line[128];
    double kilobytes = 1e12;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file) &&
           sscanf(line, "MemAvailable: %lf kB", &kilobytes) != 1)
        continue;
    if (file)
        (void)fclose(file);
    return kilobytes * 1024;
}

/* Goes round the contenders; the first round warms up and does not count. One that gives no figure
 * is left out from then on. */
static void measure(const struct bench_row *row, int rounds, struct bench_figures *figures)
{
    static double samples[BENCH_CONTENDERS][BENCH_ROUNDS_MOST];
    size_t count = report_contenders(row);
    double available = row->memory > 0 ? free_memory() : 0;
    *figures = (struct bench_figures){0};
    for (size_t i = 0; available < row->memory && i < count; i++)
        snprintf(figures->skipped[i], EXTERNAL_WHY, "needs %.0f GB of memory; %.1f are free",
                 row->memory / 1e9, available / 1e9);
    for (int round = -1; round < rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            if (figures->skipped[i][0])
                continue;
            double figure = run(&row->contenders[i], figures->skipped[i]);
            if (round >= 0)
                samples[i][round] = figure;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (figures->skipped[i][0])
            continue;
        qsort(samples[i], (size_t)rounds, sizeof samples[i][0], compare);
        figures->median[i] = samples[i][rounds / 2];
        figures->least[i] = samples[i][0];
        figures->most[i] = samples[i][rounds - 1];
    }
}

static bool is_selected(const struct bench_row *row, const struct bench_settings *options)
{
    for (int i = 0; i < options->name_count; i++)
        if (strstr(row->name, options->names[i]))
            return true;
    return options->name_count == 0;
}

static void usage(FILE *out, const char *program)
{
    fprintf(out,
            "usage: %s [--rounds N] [--json FILE] [--peers DIR] [--deadline S] [ROW...]\n"
            "Measures thrum beside its peers: N rounds (%d) of each in turn, medians.\n"
            "ROW is a part of the name of the rows to run. Peers in other languages are programs\n"
            "of DIR (peers, beside this one); a peer that gives no figure for S seconds (%d) is\n"
            "skipped.\n",
            program, BENCH_ROUNDS, BENCH_DEADLINE);
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, struct bench_settings *options)
{
    static const struct option known[] = {
        {"rounds", required_argument, NULL, 'r'}, {"json", required_argument, NULL, 'j'},
        {"peers", required_argument, NULL, 'p'},  {"deadline", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},         {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'h') {
            usage(stdout, argv[0]);
            return 0;
        }
        if (c == 'r')
            options->rounds = atoi(optarg);
        else if (c == 'j')
            options->json = optarg;
        else if (c == 'p')
            options->peers = optarg;
        else if (c == 'd')
            options->deadline = atof(optarg);
        else {
            usage(stderr, argv[0]);
            return 2;
        }
    }
    if (options->rounds < 1 || options->rounds > BENCH_ROUNDS_MOST) {
        fprintf(stderr, "%s: --rounds takes 1 to %d\n", argv[0], BENCH_ROUNDS_MOST);
        return 2;
    }
    if (!(options->deadline > 0 && options->deadline <= MOST_SECONDS)) {
        fprintf(stderr, "%s: --deadline takes seconds, more than 0 and up to %d\n", argv[0],
                MOST_SECONDS);
        return 2;
    }
    options->names = argv + optind;
    options->name_count = argc - optind;
    return -1;
}

/* Measures and prints the selected rows. Returns how many there were. */
static size_t run_rows(const struct bench_set *set, const struct bench_settings *settings,
                       FILE *json, bool first)
{
    static struct bench_figures figures;
    size_t selected = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct bench_row *row = &set->rows[i];
        if (!is_selected(row, settings))
            continue;
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "%s ...\r", row->name);
        measure(row, settings->rounds, &figures);
        report_print(row, &figures);
        if (json)
            report_write(json, row, &figures, first && selected == 0);
        selected++;
    }
    return selected;
}

int bench_measure(const char *program, const struct bench_set *const *sets, size_t count,
                  const struct bench_settings *settings)
{
    FILE *json = settings->json ? fopen(settings->json, "we") : NULL;
    size_t selected = 0;
    int status = 0;
    if (settings->json && !json) {
        fprintf(stderr, "%s: cannot write %s: %s\n", program, settings->json, strerror(errno));
        return 1;
    }
    external_begin(settings->peers, settings->deadline);
    if (json)
        fprintf(json, "[");
    for (size_t i = 0; i < count; i++)
        selected += run_rows(sets[i], settings, json, selected == 0);
    external_end();
    if (json)
        fprintf(json, "\n]\n");
    if (json && (ferror(json) | fclose(json)) != 0) {
        fprintf(stderr, "%s: cannot write %s\n", program, settings->json);
        status = 1;
    }
    if (selected == 0) {
        fprintf(stderr, "%s: no row is named like that\n", program);
        return 2;
    }
    report_versions();
    return status;
}

int bench_main(int argc, char **argv, const struct bench_row *rows, size_t count)
{
    struct bench_settings settings = {.rounds = BENCH_ROUNDS, .deadline = BENCH_DEADLINE};
    const struct bench_set set = {"", rows, count}, *const sets[] = {&set};
    int status = parse(argc, argv, &settings);
    return status >= 0 ? status : bench_measure(argv[0], sets, 1, &settings);
}
