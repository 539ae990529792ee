/* Pictures.
 *
 * Colours are given by a style sheet with a dark variant, so that one file fits both kinds of page. Each picture has a
 * title and a description for readers who do not see it. Text from outside is escaped.
 */
#include "chart.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>

enum { WIDTH = 640, HEIGHT = 360, LEFT = 70, RIGHT = 20, TOP = 44, BOTTOM = 46, CURVE_STEPS = 120 };
enum { BAR_LEFT = 150, BAR_HEIGHT = 16, GROUP_GAP = 34, BAR_ROOM = 90 };

const char *chart_time(double seconds, char text[24])
{
    static const char *const units[] = {"s", "ms", "us"};
    int unit = 0;
    while (unit < 2 && seconds < 1) {
        seconds *= 1e3;
        unit++;
    }
    snprintf(text, 24, "%.*f %s",
             seconds < 9.9995   ? 3
             : seconds < 99.995 ? 2
                                : 1,
             seconds, units[unit]);
    return text;
}

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        default:
            /* Other control characters have no place in XML. */
            fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
        }
}

static void put_head(FILE *out, int height, const char *title, const char *description)
{
    fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
        "role=\"img\" aria-labelledby=\"t d\">\n<title id=\"t\">",
        WIDTH, height, WIDTH, height);
    put_text(out, title);
    fputs("</title>\n<desc id=\"d\">", out);
    put_text(out, description);
    fputs(
        "</desc>\n<style>\n"
        "svg{--ink:#1b1f24;--soft:#656d76;--grid:#d0d7de;--bar:#0969da;--law:#bc4c00;--page:#ffffff}\n"
        "@media (prefers-color-scheme:dark){svg{--ink:#e6edf3;--soft:#9198a1;--grid:#3d444d;"
        "--bar:#4493f8;--law:#f0883e;--page:#0d1117}}\n"
        ".page{fill:var(--page)}text{font:12px sans-serif;fill:var(--ink)}"
        ".soft{fill:var(--soft)}.head{font-weight:bold;font-size:14px}"
        ".grid{stroke:var(--grid)}.bar{fill:var(--bar)}.dot{fill:var(--bar);stroke:none}"
        ".range{stroke:var(--bar)}.law{fill:none;stroke:var(--law);stroke-width:2}"
        ".mark{stroke:var(--law);stroke-dasharray:4 3}.bound{stroke:var(--law);stroke-width:2}\n"
        "</style>\n",
        out);
    fprintf(
        out,
        "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n<text class=\"head\" x=\"12\" y=\"22\">",
        WIDTH, height);
    put_text(out, title);
    fputs("</text>\n", out);
}

/* A logarithmic axis. */
struct axis {
    double low, high; /* logarithms */
    double from, to;  /* where these are drawn */
};

static double place(const struct axis *axis, double value)
{
    return axis->from +
           (log(value) - axis->low) / (axis->high - axis->low) * (axis->to - axis->from);
}

/* Lines of the grid at 1, 2 and 5 times powers of ten. */
static void put_grid(FILE *out, const struct axis *x, const struct axis *y)
{
    static const double steps[] = {1, 2, 5};
    char text[24];
    for (int power = -9; power <= 9; power++)
        for (size_t s = 0; s < 3; s++) {
            double value = steps[s] * pow(10, power);
            if (log(value) >= y->low && log(value) <= y->high)
                fprintf(
                    out,
                    "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"soft\" x=\"%d\" y=\"%.1f\" "
                    "text-anchor=\"end\">%s</text>\n",
                    LEFT, place(y, value), WIDTH - RIGHT, LEFT - 6, place(y, value) + 4,
                    chart_time(value, text));
            if (log(value) >= x->low - 1e-9 && log(value) <= x->high + 1e-9)
                fprintf(
                    out,
                    "<path class=\"grid\" d=\"M%.1f %dV%d\"/><text class=\"soft\" x=\"%.1f\" y=\"%d\" "
                    "text-anchor=\"middle\">%g</text>\n",
                    place(x, value), TOP, HEIGHT - BOTTOM, place(x, value), HEIGHT - BOTTOM + 18,
                    value);
        }
}

static void put_law(FILE *out, const struct chart_curve *chart, const struct axis *x,
                    const struct axis *y)
{
    fputs("<path class=\"law\" d=\"", out);
    for (int i = 0; i <= CURVE_STEPS; i++) {
        double at = exp(x->low + (x->high - x->low) * i / CURVE_STEPS);
        fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', place(x, at),
                place(y, chart->curve(chart->context, at)));
    }
    fputs("\"/>\n", out);
}

int chart_curve(FILE *out, const struct chart_curve *chart)
{
    struct axis x = {.from = LEFT, .to = WIDTH - RIGHT},
                y = {.low = INFINITY, .high = -INFINITY, .from = HEIGHT - BOTTOM, .to = TOP};
    put_head(out, HEIGHT, chart->title, "Time against the number of workers, both logarithmic.");
    if (chart->count > 0) {
        x.low = log(chart->dots[0].x);
        x.high = fmax(log(chart->dots[chart->count - 1].x), x.low + 0.1);
        for (size_t i = 0; i < chart->count; i++) {
            y.low = fmin(y.low, log(chart->dots[i].low));
            y.high = fmax(y.high, log(chart->dots[i].high));
            if (!chart->curve)
                continue;
            y.low = fmin(y.low, log(chart->curve(chart->context, chart->dots[i].x)));
            y.high = fmax(y.high, log(chart->curve(chart->context, chart->dots[i].x)));
        }
        double margin = fmax(0.05, 0.05 * (y.high - y.low));
        y.low -= margin;
        y.high += margin;
        put_grid(out, &x, &y);
        if (chart->curve)
            put_law(out, chart, &x, &y);
    }
    for (size_t i = 0; i < chart->count; i++) {
        const struct chart_dot *dot = &chart->dots[i];
        fprintf(
            out,
            "<path class=\"range\" d=\"M%.1f %.1fV%.1f\"/><circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" "
            "r=\"4\"/>\n",
            place(&x, dot->x), place(&y, dot->low), place(&y, dot->high), place(&x, dot->x),
            place(&y, dot->y));
    }
    if (chart->mark > 0 && chart->count > 0) {
        double at = place(&x, chart->mark);
        bool left = at > WIDTH / 2;
        fprintf(
            out,
            "<path class=\"mark\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">",
            at, TOP, HEIGHT - BOTTOM, left ? at - 6 : at + 6, TOP + 14, left ? "end" : "start");
        put_text(out, chart->note);
        fputs("</text>\n", out);
    }
    fprintf(out, "<text class=\"soft\" x=\"%d\" y=\"%d\" text-anchor=\"end\">", WIDTH - RIGHT,
            HEIGHT - 8);
    put_text(out, chart->x_name);
    fputs("</text>\n</svg>\n", out);
    return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}

static void put_bar(FILE *out, const struct chart_bar *bar, double most, int y)
{
    char time[24], bound[24];
    double scale = (WIDTH - BAR_LEFT - BAR_ROOM) / most;
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", BAR_LEFT - 6, y + 12);
    put_text(out, bar->name);
    fprintf(
        out, "</text><rect class=\"bar\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>%s",
        BAR_LEFT, y, fmax(1, bar->seconds * scale), BAR_HEIGHT - 2, chart_time(bar->seconds, time));
    if (bar->bound > 0)
        fprintf(out, ", bound %s", chart_time(bar->bound, bound));
    fprintf(out, "</title></rect><text class=\"soft\" x=\"%.1f\" y=\"%d\">%s</text>",
            BAR_LEFT + bar->seconds * scale + 6, y + 12, time);
    if (bar->bound > 0)
        fprintf(out, "<path class=\"bound\" d=\"M%.1f %dv%d\"/>", BAR_LEFT + bar->bound * scale,
                y - 1, BAR_HEIGHT);
    fputc('\n', out);
}

int chart_bars(FILE *out, const char *title, const struct chart_group *groups, size_t count)
{
    int height = TOP;
    for (size_t i = 0; i < count; i++)
        height += GROUP_GAP + (int)groups[i].count * BAR_HEIGHT;
    put_head(out, height, title,
             "Times as bars, a group for each row of the table. The line in a bar is its bound.");
    int y = TOP - 10;
    for (size_t i = 0; i < count; i++) {
        double most = 1e-9;
        for (size_t b = 0; b < groups[i].count; b++)
            most = fmax(most, groups[i].bars[b].seconds);
        fprintf(out, "<text class=\"head\" x=\"12\" y=\"%d\">", y + 14);
        put_text(out, groups[i].title);
        fputs("</text>\n", out);
        y += 22;
        for (size_t b = 0; b < groups[i].count; b++, y += BAR_HEIGHT)
            put_bar(out, &groups[i].bars[b], most, y);
        y += GROUP_GAP - 22;
    }
    fputs("</svg>\n", out);
    return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
