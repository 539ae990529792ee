#include "bench.h"

#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ROUNDS = 101 };

struct options {
    int rounds;
    const char *json;
    char **names;
    int name_count;
};

struct figures {
    double median[BENCH_CONTENDERS];
    double least[BENCH_CONTENDERS];
    double most[BENCH_CONTENDERS];
};

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

static size_t contenders_of(const struct bench_row *row)
{
    size_t count = 0;
    while (count < BENCH_CONTENDERS && row->contenders[count].run)
        count++;
    return count;
}

/* Goes round the contenders; the first round warms up and does not count. */
static void measure(const struct bench_row *row, int rounds, struct figures *figures)
{
    static double samples[BENCH_CONTENDERS][MOST_ROUNDS];
    size_t count = contenders_of(row);
    for (int round = -1; round < rounds; round++) {
        for (size_t i = 0; i < count; i++) {
            double figure = row->contenders[i].run();
            bench_require(figure >= 0, row->contenders[i].name);
            if (round >= 0)
                samples[i][round] = figure;
        }
    }
    for (size_t i = 0; i < count; i++) {
        qsort(samples[i], (size_t)rounds, sizeof samples[i][0], compare);
        figures->median[i] = samples[i][rounds / 2];
        figures->least[i] = samples[i][0];
        figures->most[i] = samples[i][rounds - 1];
    }
}

static bool reached(const struct bench_row *row, double ratio)
{
    return row->better == BENCH_LESS ? ratio <= row->goal : ratio >= row->goal;
}

static void print_row(const struct bench_row *row, const struct figures *figures)
{
    size_t count = contenders_of(row);
    printf("%s", row->name);
    if (row->absolute)
        printf("   (wished for: %s)", row->absolute);
    printf("\n");
    for (size_t i = 0; i < count; i++) {
        printf("  %-22s %10.4g %-8s [%.4g .. %.4g]", row->contenders[i].name, figures->median[i],
               row->unit, figures->least[i], figures->most[i]);
        if (i == 0 && count > 1) {
            double ratio = figures->median[0] / figures->median[1];
            printf("  %.2f x %s", ratio, row->contenders[1].name);
            if (row->goal > 0)
                printf(", goal %s %.2f: %s", row->better == BENCH_LESS ? "<=" : ">=", row->goal,
                       reached(row, ratio) ? "reached" : "missed");
        }
        printf("\n");
    }
    fflush(stdout);
}

static void write_row(FILE *json, const struct bench_row *row, const struct figures *figures,
                      bool first)
{
    fprintf(json, "%s\n  {\"row\": \"%s\", \"unit\": \"%s\", \"goal\": %g, \"medians\": {",
            first ? "" : ",", row->name, row->unit, row->goal);
    for (size_t i = 0; i < contenders_of(row); i++)
        fprintf(json, "%s\"%s\": %.6g", i ? ", " : "", row->contenders[i].name, figures->median[i]);
    fprintf(json, "}}");
}

static bool is_selected(const struct bench_row *row, const struct options *options)
{
    for (int i = 0; i < options->name_count; i++)
        if (strstr(row->name, options->names[i]))
            return true;
    return options->name_count == 0;
}

static void usage(FILE *out, const char *program)
{
    fprintf(out,
            "usage: %s [--rounds N] [--json FILE] [ROW...]\n"
            "Measures thrum beside its peers: N rounds (7) of each in turn, medians.\n"
            "ROW is a part of the name of the rows to run.\n",
            program);
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"rounds", required_argument, NULL, 'r'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'h') {
            usage(stdout, argv[0]);
            return 0;
        }
        if (c == 'r')
            options->rounds = atoi(optarg);
        else if (c == 'j')
            options->json = optarg;
        else {
            usage(stderr, argv[0]);
            return 2;
        }
    }
    if (options->rounds < 1 || options->rounds > MOST_ROUNDS) {
        fprintf(stderr, "%s: --rounds takes 1 to %d\n", argv[0], MOST_ROUNDS);
        return 2;
    }
    options->names = argv + optind;
    options->name_count = argc - optind;
    return -1;
}

int bench_main(int argc, char **argv, const struct bench_row *rows, size_t count)
{
    struct options options = {.rounds = BENCH_ROUNDS};
    int status = parse(argc, argv, &options);
    if (status >= 0)
        return status;
    FILE *json = options.json ? fopen(options.json, "w") : NULL;
    if (options.json && !json) {
        fprintf(stderr, "%s: cannot write %s\n", argv[0], options.json);
        return 1;
    }
    bool first = true;
    if (json)
        fprintf(json, "[");
    for (size_t i = 0; i < count; i++) {
        if (!is_selected(&rows[i], &options))
            continue;
        struct figures figures;
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "%s ...\r", rows[i].name);
        measure(&rows[i], options.rounds, &figures);
        print_row(&rows[i], &figures);
        if (json)
            write_row(json, &rows[i], &figures, first);
        first = false;
    }
    if (json) {
        fprintf(json, "\n]\n");
        bench_require(fclose(json) == 0, "writing the JSON file");
    }
    if (first) {
        fprintf(stderr, "%s: no row is named like that\n", argv[0]);
        return 2;
    }
    return 0;
}
