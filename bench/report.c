/* In 80 columns: name, median, unit, least and most, and the ratio.
 *
 * The ratio of a peer is ours by the peer's, of medians: where more is better, above 1 is ahead;
 * where less is, below 1 is. It stands in the line of the peer. */
#include "report.h"

#include <string.h>

size_t report_contenders(const struct bench_row *row)
{
    size_t count = 0;
    while (count < BENCH_CONTENDERS && row->contenders[count].name)
        count++;
    return count;
}

static bool is_judged(const struct bench_row *row, size_t i)
{
    return row->goal > 0 && (i == 1 || (i > 1 && row->goal_for_each));
}

static bool has_ratio(const struct bench_figures *figures, size_t i)
{
    return i > 0 && !figures->skipped[0][0] && !figures->skipped[i][0];
}

static double ratio_to(const struct bench_figures *figures, size_t i)
{
    return figures->median[0] / figures->median[i];
}

static bool reached(const struct bench_row *row, double ratio)
{
    return row->better == BENCH_LESS ? ratio <= row->goal : ratio >= row->goal;
}

static void print_contender(const struct bench_row *row, const struct bench_figures *figures,
                            size_t i)
{
    printf("  %-25s", row->contenders[i].name);
    if (figures->skipped[i][0]) {
        printf("  skipped: %s\n", figures->skipped[i]);
        return;
    }
    char range[64];
    snprintf(range, sizeof range, "[%.4g .. %.4g]", figures->least[i], figures->most[i]);
    int padding = strlen(range) < 19 ? 19 - (int)strlen(range) : 0;
    printf(" %8.4g %-4s %s", figures->median[i], row->unit, range);
    if (has_ratio(figures, i)) {
        double ratio = ratio_to(figures, i);
        printf("%*s %5.2f", padding, "", ratio);
        if (is_judged(row, i))
            printf(" %s", reached(row, ratio) ? "reached" : "missed");
    }
    printf("\n");
}

void report_print(const struct bench_row *row, const struct bench_figures *figures)
{
    printf("%s", row->name);
    if (row->goal > 0)
        printf(", goal %s %.2f", row->better == BENCH_LESS ? "<=" : ">=", row->goal);
    if (row->absolute)
        printf(" (wished for: %s)", row->absolute);
    printf("\n");
    for (size_t i = 0; i < report_contenders(row); i++)
        print_contender(row, figures, i);
    fflush(stdout);
}

void report_versions(void)
{
    const char *program;
    for (size_t i = 0; (program = external_program(i)); i++) {
        const char *version = external_version(program);
        if (version[0])
            printf("%s: %s\n", program, version);
    }
}

static void write_text(FILE *json, const char *text)
{
    fputc('"', json);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(json, "\\%c", *c);
        else if ((unsigned char)*c < ' ')
            fprintf(json, "\\u%04x", (unsigned char)*c);
        else
            fputc(*c, json);
    }
    fputc('"', json);
}

/* "NAME": with a comma before all but the first. */
static void write_key(FILE *json, const char *name, bool *first)
{
    fputs(*first ? "" : ", ", json);
    write_text(json, name);
    fputs(": ", json);
    *first = false;
}

void report_write(FILE *json, const struct bench_row *row, const struct bench_figures *figures,
                  bool first)
{
    size_t count = report_contenders(row);
    fprintf(json, "%s\n  {\"row\": ", first ? "" : ",");
    write_text(json, row->name);
    fprintf(json, ", \"unit\": \"%s\", \"better\": \"%s\", \"goal\": %g,\n   \"medians\": {",
            row->unit, row->better == BENCH_LESS ? "less" : "more", row->goal);
    bool at_first = true;
    for (size_t i = 0; i < count; i++) {
        if (figures->skipped[i][0])
            continue;
        write_key(json, row->contenders[i].name, &at_first);
        fprintf(json, "%.6g", figures->median[i]);
    }
    fprintf(json, "},\n   \"ratios\": {");
    at_first = true;
    for (size_t i = 0; i < count; i++) {
        if (!has_ratio(figures, i))
            continue;
        write_key(json, row->contenders[i].name, &at_first);
        fprintf(json, "%.6g", ratio_to(figures, i));
    }
    fprintf(json, "},\n   \"skipped\": {");
    at_first = true;
    for (size_t i = 0; i < count; i++) {
        if (!figures->skipped[i][0])
            continue;
        write_key(json, row->contenders[i].name, &at_first);
        write_text(json, figures->skipped[i]);
    }
    fprintf(json, "},\n   \"versions\": {");
    at_first = true;
    for (size_t i = 0; i < count; i++) {
        const char *program = row->contenders[i].program;
        if (!program || figures->skipped[i][0])
            continue;
        write_key(json, row->contenders[i].name, &at_first);
        write_text(json, external_version(program));
    }
    fprintf(json, "}}");
}
