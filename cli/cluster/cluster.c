/* `thrum cluster status`: looks at the pools again and again, and prints what has changed since the look before.
 *
 * On a terminal the first table comes at once, without rates, and each further one is drawn over it. Elsewhere a table has
 * rates: the first look is not printed. A failure ends the command, unless a table stands on the terminal already: then the
 * message takes its place until the server is there again.
 *
 * When the terminal gets another size (SIGWINCH), the same table is drawn again for it. A terminal that became narrower has
 * broken the lines that stood there: so they are kept, to tell how many rows they take now. */
#include "../command.h"

#include "interrupt.h"
#include "library.h"
#include "look.h"
#include "options.h"
#include "output.h"
#include "style.h"
#include "trouble.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct watch {
    struct cluster_options options;
    thrum_cluster_options cluster;
    const struct cluster_library *library;
    struct look now, before;
    bool draws;            /* on a terminal */
    thrum_signals *resize; /* of the terminal; NULL for none */
    char *drawn;           /* what stands there; NULL for nothing */
    thrum_error failure;   /* that stands there in place of a table; the code is 0 for none */
    int printed;
};

static int terminal_rows(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

/* How many rows of the terminal a text takes now. */
static int rows_of(const char *text, int columns)
{
    int rows = 0;
    while (*text) {
        int length = (int)strcspn(text, "\n");
        rows += length > columns ? (length + columns - 1) / columns : 1;
        text += length + (text[length] != '\0');
    }
    return rows;
}

/* Draws the table, or the failure, in place of what stands there: the cursor goes up to its first row, and all below is
 * erased. */
static void draw(struct watch *watch)
{
    char *text = NULL;
    size_t size = 0;
    int columns = style_width(STDOUT_FILENO);
    FILE *out = open_memstream(&text, &size);
    if (out && watch->failure.code)
        fprintf(out, "%.*s\n", columns, watch->failure.message);
    else if (out)
        look_print_table(out, &watch->now, &watch->before, terminal_rows() - 1, columns);
    if (!out ||
        fclose(out) != 0) { /* memory ran out: what stands there stays until the next look */
        free(text);
        return;
    }
    if (watch->drawn)
        printf("\x1b[%dA\x1b[J", rows_of(watch->drawn, columns));
    (void)fwrite(text, 1, size, stdout); /* output_finish looks for an error */
    (void)fflush(stdout);
    free(watch->drawn);
    watch->drawn = text;
}

static void print_look(struct watch *watch)
{
    if (watch->options.json) {
        look_print_json(stdout, &watch->now, &watch->before);
    } else if (watch->draws) {
        draw(watch);
    } else {
        look_print_table(stdout, &watch->now, &watch->before, 2 * (int)watch->now.count + 2, 1000);
    }
    watch->printed++;
    (void)fflush(stdout);
}

/* One look. Returns 0 or a negative errno. */
static int look_once(struct watch *watch, bool prints, thrum_error *ret_error)
{
    struct look look;
    int rc = look_take(&look, watch->library, &watch->cluster, ret_error);
    if (rc < 0) {
        look_finish(&look);
        return rc;
    }
    look_finish(&watch->before);
    watch->before = watch->now;
    watch->now = look;
    watch->failure.code = 0;
    if (prints)
        print_look(watch);
    return 0;
}

/* Waits until the next look. Returns false if the command is to end. */
static bool await_next(struct watch *watch)
{
    thrum_deadline next = thrum_in(watch->options.interval);
    for (;;) {
        int number = 0;
        thrum_case cases[] = {thrum_case_event(interrupt_event()),
                              watch->resize ? thrum_case_signals(watch->resize, &number)
                                            : (thrum_case){0}};
        int rc = thrum_select(cases, watch->resize ? 2 : 1, next);
        if (rc != 1)
            return rc == -ETIMEDOUT;
        draw(watch);
    }
}

static int watch_pools(struct watch *watch, thrum_error *ret_error)
{
    const struct cluster_options *options = &watch->options;
    int times = options->times ? options->times : watch->draws ? 0 : 1;
    int rc = look_once(watch, watch->draws, ret_error);
    while (rc == 0 && !interrupt_asked() && (times == 0 || watch->printed < times) &&
           !ferror(stdout) && !output_reader_gone()) {
        if (!await_next(watch))
            break;
        rc = look_once(watch, true, ret_error);
        if (rc < 0 && watch->draws && !interrupt_asked()) {
            watch->failure = *ret_error;
            draw(watch);
            rc = 0;
        }
    }
    return rc;
}

static int start(struct watch *watch, char *password, thrum_error *ret_error)
{
    watch->draws = !watch->options.json && isatty(STDOUT_FILENO);
    watch->cluster.pool = watch->options.pool;
    watch->library = cluster_library(ret_error);
    int rc = watch->library
                 ? cluster_login_take(&watch->options.login, &watch->cluster, password, ret_error)
                 : -ELIBACC;
    if (rc == 0)
        rc = interrupt_hold(ret_error);
    if (rc == 0)
        rc = interrupt_watch((struct interrupt_answers){0}, ret_error);
    if (rc == 0 && watch->draws)
        (void)!thrum_signals_new((const int[]){SIGWINCH}, 1,
                                 &watch->resize); /* else at the next look */
    return rc;
}

int cluster_run(int argc, char **argv)
{
    static char password[CLUSTER_PASSWORD_SIZE];
    struct watch watch = {0};
    thrum_error error = {0};
    char message[256];
    enum options_verdict verdict =
        cluster_options_parse(argc, argv, &watch.options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&cluster_line, verdict, message);
    int rc = start(&watch, password, &error);
    if (rc == 0)
        rc = watch_pools(&watch, &error);
    thrum_signals_free(watch.resize);
    look_finish(&watch.now);
    look_finish(&watch.before);
    free(watch.drawn);
    if (interrupt_asked())
        return STATUS_SIGNAL + interrupt_signal();
    if (rc < 0)
        trouble_print("%s", error.message);
    return rc < 0 ? STATUS_FAILED : STATUS_OK;
}
