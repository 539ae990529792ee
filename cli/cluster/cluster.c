/* `thrum cluster status`: looks at the pools again and again, and prints what has changed since the look before.
 *
 * On a terminal the first table comes at once, without rates, and each further one is drawn over it. Elsewhere a table has
 * rates: the first look is not printed. A failure ends the command, unless a table stands on the terminal already: then the
 * message takes its place until the server is there again. */
#include "../command.h"

#include "interrupt.h"
#include "library.h"
#include "look.h"
#include "options.h"
#include "output.h"
#include "style.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct watch {
    struct cluster_options options;
    thrum_cluster_options cluster;
    const struct cluster_library *library;
    struct look before;
    bool draws; /* on a terminal */
    int lines;  /* that stand there */
    int printed;
};

static int terminal_rows(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

/* The cursor goes up to the first line of what was drawn, and all below is erased. */
static void clear_drawn(struct watch *watch)
{
    if (watch->lines > 0)
        printf("\x1b[%dA\x1b[J", watch->lines);
    watch->lines = 0;
}

static void print_look(struct watch *watch, const struct look *look)
{
    if (watch->options.json) {
        look_print_json(stdout, look, &watch->before);
    } else if (watch->draws) {
        clear_drawn(watch);
        watch->lines = look_print_table(stdout, look, &watch->before, terminal_rows() - 1,
                                        style_width(STDOUT_FILENO));
    } else {
        look_print_table(stdout, look, &watch->before, 2 * (int)look->count + 2, 1000);
    }
    watch->printed++;
    (void)fflush(stdout); /* output_finish looks for an error */
}

static void print_failure(struct watch *watch, const char *message)
{
    clear_drawn(watch);
    printf("%.*s\n", style_width(STDOUT_FILENO), message);
    watch->lines = 1;
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
    if (prints)
        print_look(watch, &look);
    look_finish(&watch->before);
    watch->before = look;
    return 0;
}

static int watch_pools(struct watch *watch, thrum_error *ret_error)
{
    const struct cluster_options *options = &watch->options;
    int times = options->times ? options->times : watch->draws ? 0 : 1;
    int rc = look_once(watch, watch->draws, ret_error);
    while (rc == 0 && !interrupt_asked() && (times == 0 || watch->printed < times) &&
           !ferror(stdout) && !output_reader_gone()) {
        if (thrum_event_wait(interrupt_event(), thrum_in(options->interval)) != -ETIMEDOUT)
            break;
        rc = look_once(watch, true, ret_error);
        if (rc < 0 && watch->draws && !interrupt_asked()) {
            print_failure(watch, ret_error->message);
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
    look_finish(&watch.before);
    if (interrupt_asked())
        return STATUS_SIGNAL + interrupt_signal();
    if (rc < 0)
        trouble_print("%s", error.message);
    return rc < 0 ? STATUS_FAILED : STATUS_OK;
}
