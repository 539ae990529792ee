/* Progress on stderr, by one renderer for all subcommands.
 *
 * On a terminal a bar is drawn in one line. The first drawing comes after half a second: a shorter
 * command shows no bar. After that the bar is drawn at most ten times a second. It is cleared
 * before anything else is printed: "\r" goes to the start of the line, "\x1b[K" clears the rest.
 * Each drawing asks for the width, so a resized window is noticed. A window too narrow for a bar
 * gets the numbers alone.
 *
 * If stderr is not a terminal, or a dumb one, a line is printed each ten seconds. A shorter command
 * prints none.
 *
 * Rate and remaining time are averages since the begin. They follow a change slowly, but do not
 * jump. While the total is unknown there is no remaining time.
 *
 * One lock guards all state: messages come from any thread and clear the bar. The caller gives the
 * present counts, so there are no shared counters here.
 */
#include "progress.h"

#include "style.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <unistd.h>

static const double first_seconds = 0.5, redraw_seconds = 0.1, line_seconds = 10;

static thrum_lock drawing; /* over all that follows */
static bool bars, lines, last_line, colours;
static bool drawn;    /* something of ours is on the terminal's line */
static bool counting; /* between begin and end */
static char label[64], noun[24];
static uint64_t total, total_bytes, done, done_bytes;
static thrum_time begun;
static thrum_deadline next_drawing;

void progress_open(enum progress_wish wish)
{
    const char *terminal = getenv("TERM");
    bool capable = isatty(STDERR_FILENO) && !(terminal && strcmp(terminal, "dumb") == 0);
    bars = wish != PROGRESS_NEVER && capable;
    lines = wish != PROGRESS_NEVER && !capable;
    last_line = wish == PROGRESS_ALWAYS && !capable;
    colours = style_wanted(STDERR_FILENO);
}

bool progress_draws(void)
{
    return bars;
}

double progress_seconds(void)
{
    return (double)(thrum_now() - begun) * 1e-9;
}

static void clear(void)
{
    if (drawn)
        fputs("\r\x1b[K", stderr);
    drawn = false;
    (void)fflush(stderr);
}

/* How far it is, from 0 to 1; below 0 if that is unknown. */
static double share(void)
{
    double all = (double)(total_bytes ? total_bytes : total);
    double part = (double)(total_bytes ? done_bytes : done);
    if (all <= 0)
        return -1;
    return part < all ? part / all : 1;
}

/* "45.2 MB" */
static void describe_bytes(double bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        bytes /= 1000;
    snprintf(text, size, "%.*f %s", bytes < 10 ? 1 : 0, bytes, units[unit]);
}

/* " 45.2 MB/s" or " 120 files/s", or nothing if it is too early to tell. */
static void describe_rate(double seconds, char *text, size_t size)
{
    char bytes[24];
    text[0] = '\0';
    if (seconds < 0.5 || (done == 0 && done_bytes == 0))
        return;
    describe_bytes((double)done_bytes / seconds, bytes, sizeof bytes);
    if (done_bytes > 0)
        snprintf(text, size, " %s/s", bytes);
    else
        snprintf(text, size, " %.*f %s/s", (double)done / seconds < 10 ? 1 : 0,
                 (double)done / seconds, noun);
}

/* "1:05" or "2:01:05" */
static void describe_time(double seconds, char *text, size_t size)
{
    long whole = (long)(seconds < 3.5e6 ? seconds + 0.5 : 3.5e6);
    if (whole < 3600)
        snprintf(text, size, "%ld:%02ld", whole / 60, whole % 60);
    else
        snprintf(text, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

/* " 12/100 17% of 1.2 GB 45.2 MB/s 3.1 s, 0:20 left" */
static void describe_state(char *text, size_t size)
{
    double seconds = progress_seconds(), part = share();
    char count[48], rate[32], left[32] = "", time[24], bytes[24], percent[40] = "";
    if (total)
        snprintf(count, sizeof count, "%*ju/%ju", total > 99 ? 3 : 2, (uintmax_t)done,
                 (uintmax_t)total);
    else
        snprintf(count, sizeof count, "%ju %s", (uintmax_t)done, noun);
    describe_rate(seconds, rate, sizeof rate);
    if (total_bytes > 0) {
        describe_bytes((double)total_bytes, bytes, sizeof bytes);
        snprintf(percent, sizeof percent, " %d%% of %s", (int)(100 * part), bytes);
    }
    if (part > 0 && part < 1 && seconds >= 1) {
        describe_time(seconds / part - seconds, time, sizeof time);
        snprintf(left, sizeof left, ", %s left", time);
    }
    snprintf(text, size, " %s%s%s %.1f s%s", count, percent, rate, seconds, left);
}

static void draw(void)
{
    /* LEFT_FREE is for the cursor and the ^C of the terminal, which must not begin a new line. */
    enum { BAR_MOST = 40, LEFT_FREE = 3 };
    char state[160];
    describe_state(state, sizeof state);
    int width = style_width(STDERR_FILENO) - LEFT_FREE;
    int bar = width - (int)strlen(label) - (int)strlen(state) - 3;
    bar = bar > BAR_MOST ? BAR_MOST : bar;
    fputs("\r", stderr);
    if (bar >= 4 && share() >= 0) {
        int filled = (int)(bar * share());
        char full[BAR_MOST + 1], empty[BAR_MOST + 1];
        memset(full, '#', sizeof full);
        memset(empty, '.', sizeof empty);
        fprintf(stderr, "%s [%s%.*s%s%.*s]%s", label, colours ? STYLE_GREEN : "", filled, full,
                colours ? STYLE_END : "", bar - filled, empty, state);
    } else {
        fprintf(stderr, "%.*s", width, state + 1);
    }
    fputs("\x1b[K", stderr);
    (void)fflush(stderr);
    drawn = true;
}

static void print_state(void)
{
    char state[160];
    describe_state(state, sizeof state);
    fprintf(stderr, "%s:%s\n", label, state);
    (void)fflush(stderr);
}

void progress_step(const char *what)
{
    thrum_with (&drawing) {
        clear();
        if (bars) {
            fprintf(stderr, "%.*s", style_width(STDERR_FILENO) - 1, what);
            drawn = true;
        } else if (lines) {
            fprintf(stderr, "%s\n", what);
        }
        (void)fflush(stderr);
    }
}

void progress_begin(const char *what, const char *many)
{
    thrum_with (&drawing) {
        snprintf(label, sizeof label, "%s", what);
        snprintf(noun, sizeof noun, "%s", many);
        total = total_bytes = done = done_bytes = 0;
        begun = thrum_now();
        next_drawing = thrum_in(bars ? first_seconds : line_seconds);
        counting = true;
        clear();
    }
}

void progress_expect(uint64_t how_many, uint64_t how_many_bytes)
{
    thrum_with (&drawing) {
        total = how_many;
        total_bytes = how_many_bytes;
    }
}

void progress_show(uint64_t how_many, uint64_t how_many_bytes)
{
    thrum_with (&drawing) {
        if (how_many > done)
            done = how_many;
        if (how_many_bytes > done_bytes)
            done_bytes = how_many_bytes;
        if (!counting || (!bars && !lines) || thrum_now() < next_drawing.ns)
            break;
        if (bars)
            draw();
        else
            print_state();
        next_drawing = thrum_in(bars ? redraw_seconds : line_seconds);
    }
}

thrum_deadline progress_due(void)
{
    thrum_deadline due = THRUM_FOREVER;
    thrum_with (&drawing)
        if (counting && (bars || lines))
            due = next_drawing;
    return due;
}

void progress_end(void)
{
    thrum_with (&drawing) {
        if (bars)
            clear();
        else if (last_line && counting)
            print_state();
        counting = false;
    }
}

void progress_clear(void)
{
    thrum_with (&drawing)
        clear();
}

void progress_print(const char *text)
{
    thrum_with (&drawing) {
        clear();
        fputs(text, stderr);
        (void)fflush(stderr);
    }
}
