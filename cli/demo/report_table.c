/* The table, for a person, in plain ASCII. It has the width of the terminal, within bounds, and 80 columns elsewhere.
 *
 * It has the guide's form, rows of work against executors, but each cell has several figures below one another: the time,
 * the workers, the bound, the ratio of the two, and what the guide's table says there. Figures of one kind have one number
 * of decimals, so that their points are in line. The title of a row has a line of its own, and the titles of columns have
 * two: the kind of executor, and how many workers it has.
 *
 * Rows are printed as soon as they are measured: the whole takes two minutes, and the first lines are worth reading
 * meanwhile.
 */
#include "report.h"

#include "interrupt.h"
#include "peer.h"
#include "style.h"

#include <string.h>
#include <unistd.h>

/* A cell is at least as wide as "processes". Cells that are far apart are hard to read. */
enum { TITLE_WIDTH = 10, CELL_LEAST = 10, CELL_MOST = 18, LINE_LEAST = 60, LINE_MOST = 120 };

static int between(int least, int value, int most)
{
    return value < least ? least : value > most ? most : value;
}

static int line_width(FILE *out)
{
    return between(LINE_LEAST, style_width(fileno(out)), LINE_MOST);
}

static int cell_width(FILE *out)
{
    int columns = (int)column_count();
    return between(CELL_LEAST, (style_width(fileno(out)) - TITLE_WIDTH) / columns, CELL_MOST);
}

/* Prints one line of the table: a title and a text for each column, in a style. */
static void print_line(FILE *out, const char *style, const char *title, char texts[][32])
{
    bool colours = style_wanted(fileno(out));
    int width = cell_width(out);
    char line[256];
    size_t length = (size_t)snprintf(line, sizeof line, "%-*s", TITLE_WIDTH, title);
    for (size_t i = 0; i < column_count(); i++)
        length += (size_t)snprintf(line + length, sizeof line - length, "%*s", width, texts[i]);
    while (length > 0 && line[length - 1] == ' ')
        length--;
    fprintf(out, "%s%.*s%s\n", colours ? style : "", (int)length, line,
            colours && *style ? STYLE_END : "");
}

/* Prints what a kind of work does, in lines that fit. */
static void print_note(FILE *out, const char *name, const char *note)
{
    int room = line_width(out) - TITLE_WIDTH;
    fprintf(out, "%-*s", TITLE_WIDTH, name);
    while ((int)strlen(note) > room) {
        int length = room;
        while (length > 1 && note[length] != ' ')
            length--;
        fprintf(out, "%.*s\n%*s", length, note, TITLE_WIDTH, "");
        note += length + 1;
    }
    fprintf(out, "%s\n", note);
}

/* The titles of the columns: "threads" above "(4)". */
static void print_head(FILE *out, const struct setting *setting)
{
    char kinds[COLUMNS_MAX][32], widths[COLUMNS_MAX][32];
    for (size_t i = 0; i < column_count(); i++) {
        char title[32];
        column_title(column_at(i), setting->options->workers, title, sizeof title);
        size_t length = strcspn(title, "(");
        snprintf(kinds[i], sizeof kinds[i], "%.*s", (int)length, title);
        snprintf(widths[i], sizeof widths[i], "%s", title + length);
    }
    print_line(out, STYLE_BOLD, "", kinds);
    print_line(out, STYLE_BOLD, "", widths);
}

void report_table_begin(FILE *out, const struct setting *setting)
{
    static const char *const names[WORKLOAD_KINDS] = {"HTTP", "Files", "CPU", "Database"};
    fprintf(out, "thrum %s, %d core%s%s\n", thrum_version(), setting->cores,
            setting->cores == 1 ? "" : "s",
            setting->scale < 1 ? ", quick: latencies and the guide's figures are a tenth" : "");
    for (int i = 0; i < WORKLOAD_KINDS; i++)
        if (setting->notes[i][0])
            print_note(out, names[i], setting->notes[i]);
    fputc('\n', out);
    print_head(out, setting);
    (void)fflush(out);
}

static void print_time(const struct cell *cell, char *ret_text, size_t size)
{
    if (cell->status == CELL_DONE)
        snprintf(ret_text, size, "%.3f s", cell->seconds);
    else
        snprintf(ret_text, size, "%s", cell_status_name(cell->status));
}

/* A line of shares, if one of them is worth knowing. */
static void print_others(FILE *out, const struct row_result *result)
{
    static const double worth_knowing = 0.05;
    char texts[COLUMNS_MAX][32];
    bool any = false;
    for (size_t i = 0; i < column_count(); i++) {
        const struct cell *cell = &result->cells[i];
        any |= cell->status == CELL_DONE && cell->others > worth_knowing;
        if (cell->status == CELL_DONE)
            snprintf(texts[i], sizeof texts[i], "%.0f %%  ", cell->others * 100);
        else
            snprintf(texts[i], sizeof texts[i], "-");
    }
    if (any)
        print_line(out, STYLE_RED, "  others", texts);
}

/* A line of what the peer has taken, if there is one. */
static void print_peer(FILE *out, const struct row_result *result)
{
    char texts[COLUMNS_MAX][32];
    bool any = false;
    for (size_t i = 0; i < column_count(); i++) {
        double seconds = result->cells[i].peer_seconds;
        any |= seconds > 0;
        snprintf(texts[i], sizeof texts[i], seconds > 0 ? "%.3f s" : "-  ", seconds);
    }
    if (any)
        print_line(out, "", "  here", texts);
}

void report_table_row(FILE *out, const struct row_result *result, const struct setting *setting)
{
    char title[64], time[COLUMNS_MAX][32], workers[COLUMNS_MAX][32], bound[COLUMNS_MAX][32],
        ratio[COLUMNS_MAX][32], guide[COLUMNS_MAX][32];
    row_title(result->row, setting->scale, title, sizeof title);
    for (size_t i = 0; i < column_count(); i++) {
        const struct cell *cell = &result->cells[i];
        int guide_column;
        double figure = cell_guide(result->row, column_at(i), setting, &guide_column);
        print_time(cell, time[i], sizeof time[i]);
        snprintf(workers[i], sizeof workers[i], "%d  ", cell->workers);
        snprintf(bound[i], sizeof bound[i], "-  ");
        snprintf(ratio[i], sizeof ratio[i], "-  ");
        snprintf(guide[i], sizeof guide[i], "-  ");
        if (cell->bound > 0) {
            snprintf(bound[i], sizeof bound[i], "%.3f s", cell->bound);
            snprintf(ratio[i], sizeof ratio[i], "%.3f  ", cell->seconds / cell->bound);
        }
        if (figure > 0)
            snprintf(guide[i], sizeof guide[i], "%.3f s", figure);
    }
    fputc('\n', out);
    bool colours = style_wanted(fileno(out));
    fprintf(out, "%s%s%s\n", colours ? STYLE_BOLD : "", title, colours ? STYLE_END : "");
    print_line(out, STYLE_BOLD, "  time", time);
    print_line(out, "", "  workers", workers);
    print_line(out, "", "  bound", bound);
    print_line(out, "", "  ratio", ratio);
    print_line(out, STYLE_DIM, "  Python", guide);
    print_peer(out, result);
    print_others(out, result);
    (void)fflush(out);
}

/* The guide's opening, told with this run's figures. */
static void print_story(FILE *out, const struct row_result *result, const struct setting *setting)
{
    const struct cell *first = &result->cells[0], *best = NULL;
    for (size_t i = 1; i < column_count(); i++) {
        const struct cell *cell = &result->cells[i];
        if (cell->status == CELL_DONE && (!best || cell->seconds < best->seconds))
            best = cell;
    }
    if (first->status != CELL_DONE || !best)
        return;
    char title[64];
    row_title(result->row, setting->scale, title, sizeof title);
    fprintf(out, "%s each: %.2f s one after another, %.2f s at once, %.0f times as fast.\n", title,
            first->seconds, best->seconds, first->seconds / best->seconds);
}

static void print_failures(FILE *out, const struct row_result *result,
                           const struct setting *setting)
{
    bool colours = style_wanted(fileno(out));
    for (size_t i = 0; i < column_count(); i++) {
        const struct cell *cell = &result->cells[i];
        char column[32];
        if (cell->status != CELL_FAILED)
            continue;
        column_title(column_at(i), setting->options->workers, column, sizeof column);
        fprintf(out, "%s%s, %s: failed after %d of %d tasks: %s%s\n", colours ? STYLE_RED : "",
                result->row->name, column, cell->done, row_tasks(result->row), cell->error.message,
                colours ? STYLE_END : "");
    }
}

void report_table_end(FILE *out, const struct row_result *results, size_t count,
                      const struct setting *setting, int signal)
{
    fputc('\n', out);
    for (size_t i = 0; i < count; i++)
        if (strcmp(results[i].row->name, "story") == 0)
            print_story(out, &results[i], setting);
    for (size_t i = 0; i < count; i++)
        print_failures(out, &results[i], setting);
    fputs("bound: the least time that any executor could take with as many workers.\n"
          "ratio: time / bound. Python: the figure of the guide; for threads(best) its best\n"
          "in the row, for fibers that of asyncio.\n",
          out);
    if (*peer_name())
        fprintf(out, "here: %s on this machine, in turns with ours; asyncio for fibers.\n",
                peer_name());
    if (signal)
        fprintf(out, "Interrupted by %s: only the cells that were finished have figures.\n",
                interrupt_name(signal));
    (void)fflush(out);
}
