/* Pictures as SVG: small, without scripts, readable in a light and in a dark page. */
#ifndef CLI_MEASURE_CHART_H
#define CLI_MEASURE_CHART_H

#include <stddef.h>
#include <stdio.h>

/* "1.234 s", "12.34 ms": four digits. `text` has room for 24 bytes. Returns it. */
const char *chart_time(double seconds, char text[24]);

struct chart_dot {
    double x, y, low, high; /* y is a time in seconds; the line from low to high is drawn, too */
};

struct chart_curve {
    const char *title, *x_name, *note; /* the note stands beside the mark */
    const struct chart_dot *dots;      /* by x, ascending; more than 0 */
    size_t count;
    double (*curve)(const void *context, double x); /* a law; may be NULL */
    const void *context;
    double mark; /* a vertical line there; 0 for none */
};

/* Draws dots and a law, on logarithmic axes. Returns 0 or -EIO. */
int chart_curve(FILE *out, const struct chart_curve *chart);

/* A bar of a group. */
struct chart_bar {
    const char *name;
    double seconds, bound; /* 0 for none */
};

/* Groups of bars, one below the other; each group has its own scale. */
struct chart_group {
    const char *title;
    const struct chart_bar *bars;
    size_t count;
};

/* Draws horizontal bars with their values; a line in each shows its bound. Returns 0 or -EIO. */
int chart_bars(FILE *out, const char *title, const struct chart_group *groups, size_t count);

#endif
