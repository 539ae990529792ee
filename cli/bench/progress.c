/* The progress bar:
 *
 *     http  threads(4)  [##########..........]  50/100  2.5 s
 *
 * It is drawn on stderr, so that it never mixes with results, and only if that is a terminal. It is
 * one line that is drawn over itself, at most twenty times a second, as drawing takes time from the
 * cores that are being measured; and it is removed before anything else is printed, so nothing of
 * it is left at the end. Width: what the terminal has, less one column, as some terminals wrap when
 * the last one is written.
 *
 * Elsewhere (a pipe, a log) a carriage return would make one endless line, so each cell gets one
 * plain line when it ends, with the time that it took.
 *
 * Colour is for the filled part alone, and only if the terminal's owner has not set NO_COLOR.
 */
#include "progress.h"

#include "style.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <thrum.h>
#include <unistd.h>

static const double redraw_seconds = 0.05;

static bool on_terminal;
static bool colours;
static bool drawn; /* something of ours is on the terminal's line */
static const char *row_name, *column_name;
static int total_tasks, done_tasks;
static thrum_time begun, next_redraw;

void progress_open(void)
{
    on_terminal = isatty(STDERR_FILENO);
    colours = style_wanted(STDERR_FILENO);
}

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

void progress_clear(void)
{
    if (drawn)
        fputs("\r\x1b[K", stderr);
    drawn = false;
    fflush(stderr);
}

static void draw(void)
{
    enum { BAR_MOST = 40 };
    char head[64], tail[64];
    int head_length = snprintf(head, sizeof head, "%-6s %-14s ", row_name, column_name);
    int tail_length = snprintf(tail, sizeof tail, " %*d/%d %6.1f s", total_tasks > 99 ? 3 : 2,
                               done_tasks, total_tasks, (double)(thrum_now() - begun) * 1e-9);
    int bar = terminal_width() - 1 - head_length - tail_length - 2;
    bar = bar > BAR_MOST ? BAR_MOST : bar;
    fputs("\r", stderr);
    if (bar >= 4) {
        int filled = total_tasks ? bar * done_tasks / total_tasks : 0;
        char full[BAR_MOST + 1], empty[BAR_MOST + 1];
        memset(full, '#', sizeof full);
        memset(empty, '.', sizeof empty);
        fprintf(stderr, "%s[%s%.*s%s%.*s]%s", head, colours ? STYLE_GREEN : "", filled, full,
                colours ? STYLE_END : "", bar - filled, empty, tail);
    } else {
        fprintf(stderr, "%d/%d", done_tasks, total_tasks);
    }
    fputs("\x1b[K", stderr);
    fflush(stderr);
    drawn = true;
}

void progress_step(const char *what)
{
    progress_clear();
    if (on_terminal) {
        fprintf(stderr, "%.*s", terminal_width() - 1, what);
        drawn = true;
    } else {
        fprintf(stderr, "%s\n", what);
    }
    fflush(stderr);
}

void progress_begin(const char *row, const char *column, int total)
{
    row_name = row;
    column_name = column;
    total_tasks = total;
    done_tasks = 0;
    begun = thrum_now();
    next_redraw = 0;
    progress_clear();
    if (on_terminal)
        draw();
}

void progress_show(int done)
{
    if (done > done_tasks)
        done_tasks = done;
    if (!on_terminal || thrum_now() < next_redraw)
        return;
    draw();
    next_redraw = thrum_in(redraw_seconds);
}

void progress_end(void)
{
    if (on_terminal) {
        progress_clear();
        return;
    }
    fprintf(stderr, "%s, %s: %d of %d tasks in %.3f s\n", row_name, column_name, done_tasks,
            total_tasks, (double)(thrum_now() - begun) * 1e-9);
    fflush(stderr);
}
