/* The screen.
 *
 * It is the alternate screen of the terminal, so the former contents come back at the end. A text
 * is laid out as a grid of characters, one for each column. Two grids are compared cell by cell.
 * Control characters and escape sequences of the command are dropped, because they would shift the
 * cells.
 *
 * The lock is for Ctrl-Z, which another thread handles: between suspend and resume nothing is
 * drawn. After resume, and when the window gets another size, that thread makes a descriptor
 * readable, and the main thread draws again.
 */
#include "screen.h"

#include "output.h"
#include "style.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <thrum.h>
#include <unistd.h>
#include <wchar.h>

#define ENTER "\x1b[?1049h\x1b[?25l"
#define LEAVE "\x1b[?25h\x1b[?1049l"
#define MARK  "\x1b[7m"

enum { TAB = 8, CONTINUED = -1 /* the second cell of a wide character */ };

struct grid {
    int rows, columns;
    wint_t *cells;
};

struct screen {
    char *title, *text;
    size_t length;
    struct grid shown, before; /* of the run that is shown, and of the one before */
};

static thrum_lock drawing; /* over the next two */
static bool entered, suspended;
static int stale = -1; /* an eventfd */

static void put(const char *text, size_t length)
{
    (void)!output_write(STDOUT_FILENO, text, length); /* every.c notices a terminal that has gone */
}

static void leave(void)
{
    if (entered)
        put(LEAVE, strlen(LEAVE));
    entered = false;
}

void screen_suspend(void)
{
    thrum_with (&drawing) {
        suspended = true;
        leave();
    }
}

void screen_resume(void)
{
    thrum_with (&drawing)
        suspended = false;
    while (eventfd_write(stale, 1) < 0 && errno == EINTR)
        continue;
}

int screen_descriptor(void)
{
    return stale;
}

int screen_prepare(void)
{
    stale = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return stale < 0 ? -errno : 0;
}

struct screen *screen_open(void)
{
    setlocale(LC_CTYPE, "");
    return calloc(1, sizeof(struct screen));
}

static void window_size(int *ret_rows, int *ret_columns)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    *ret_rows = known ? size.ws_row : 24;
    *ret_columns = known ? size.ws_col : 80;
}

/* The length of an escape sequence at the begin of the text. */
static size_t sequence_length(const char *text, size_t length)
{
    size_t used = 1;
    if (length > 1 && text[1] == '[')
        for (used = 2; used < length && (text[used] < 0x40 || text[used] > 0x7e);)
            used++;
    return used + 1 < length ? used + 1 : length;
}

/* Reads a character; an invalid byte becomes a question mark. Returns its length. */
static size_t read_character(const char *text, size_t length, wchar_t *ret_character)
{
    mbstate_t state = {0};
    size_t used = mbrtowc(ret_character, text, length, &state);
    if (used != (size_t)-1 && used != (size_t)-2 && used > 0)
        return used;
    *ret_character = L'?';
    return 1;
}

static void lay_out(struct grid *grid, const char *text, size_t length)
{
    int row = 0, column = 0;
    for (int i = 0; i < grid->rows * grid->columns; i++)
        grid->cells[i] = L' ';
    for (size_t at = 0; at < length && row < grid->rows;) {
        wchar_t character;
        if (text[at] == '\n') {
            row++;
            column = 0;
            at++;
            continue;
        }
        if (text[at] == '\t')
            column += TAB - column % TAB;
        if (text[at] == '\x1b') {
            at += sequence_length(text + at, length - at);
            continue;
        }
        at += read_character(text + at, length - at, &character);
        int width = wcwidth(character);
        if (width <= 0 || column + width > grid->columns)
            continue;
        wint_t *cell = &grid->cells[row * grid->columns + column];
        cell[0] = (wint_t)character;
        if (width == 2)
            cell[1] = (wint_t)CONTINUED;
        column += width;
    }
}

static bool make_grid(struct grid *grid, int rows, int columns, const char *text, size_t length)
{
    *grid = (struct grid){rows, columns, calloc((size_t)rows * (size_t)columns, sizeof(wint_t))};
    if (grid->cells)
        lay_out(grid, text, length);
    return grid->cells != NULL;
}

static void put_cells(FILE *out, const struct grid *now, const struct grid *before)
{
    bool comparable = before->cells && before->rows == now->rows && before->columns == now->columns;
    for (int row = 0; row < now->rows; row++) {
        bool marked = false;
        fputs("\x1b[K", out);
        for (int column = 0; column < now->columns; column++) {
            int i = row * now->columns + column;
            bool differs = comparable && now->cells[i] != before->cells[i];
            char bytes[MB_LEN_MAX];
            mbstate_t state = {0};
            if (now->cells[i] == (wint_t)CONTINUED)
                continue;
            if (differs != marked)
                fputs(differs ? MARK : STYLE_END, out);
            marked = differs;
            size_t length = wcrtomb(bytes, (wchar_t)now->cells[i], &state);
            if (length == (size_t)-1)
                fputc('?', out);
            else
                fwrite(bytes, 1, length, out);
        }
        fprintf(out, "%s%s", marked ? STYLE_END : "", row + 1 < now->rows ? "\r\n" : "");
    }
}

static void draw(const struct screen *screen)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    fprintf(out, "%s\x1b[H\x1b[K%.*s\r\n", entered ? "" : ENTER, screen->shown.columns,
            screen->title);
    put_cells(out, &screen->shown, &screen->before);
    if (fclose(out) == 0)
        put(text, size);
    free(text);
    entered = true;
}

/* Lays the text out for the present window and draws it. `next` means that it is of another run. */
static void lay_out_and_draw(struct screen *screen, bool next)
{
    int rows, columns;
    struct grid grid;
    window_size(&rows, &columns);
    if (!make_grid(&grid, rows > 1 ? rows - 1 : 1, columns, screen->text, screen->length))
        return;
    if (next) {
        free(screen->before.cells);
        screen->before = screen->shown;
    } else {
        free(screen->shown.cells);
    }
    screen->shown = grid;
    thrum_with (&drawing)
        if (!suspended)
            draw(screen);
}

void screen_show(struct screen *screen, const char *title, const char *text, size_t length)
{
    char *new_title = strdup(title), *new_text = malloc(length + 1);
    if (!new_title || !new_text) {
        free(new_title);
        free(new_text);
        return; /* the last text stays */
    }
    memcpy(new_text, text, length);
    free(screen->title);
    free(screen->text);
    screen->title = new_title;
    screen->text = new_text;
    screen->length = length;
    lay_out_and_draw(screen, true);
}

void screen_refresh(struct screen *screen)
{
    int rows, columns;
    window_size(&rows, &columns);
    bool drawn = false;
    eventfd_t count;
    (void)!eventfd_read(stale, &count); /* there may be nothing to read */
    thrum_with (&drawing)
        drawn = entered || suspended;
    bool same = screen->shown.columns == columns && screen->shown.rows == (rows > 1 ? rows - 1 : 1);
    if (screen->title && (!same || !drawn))
        lay_out_and_draw(screen, false);
}

void screen_close(struct screen *screen)
{
    if (!screen)
        return;
    thrum_with (&drawing)
        leave();
    free(screen->title);
    free(screen->text);
    free(screen->shown.cells);
    free(screen->before.cells);
    free(screen);
}
