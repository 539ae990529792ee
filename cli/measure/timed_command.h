/* A command that is run to its end and measured. */
#ifndef CLI_MEASURE_TIMED_COMMAND_H
#define CLI_MEASURE_TIMED_COMMAND_H

#include <stdint.h>
#include <thrum.h>

enum shell_use { SHELL_AUTO, SHELL_ALWAYS, SHELL_NEVER };

/* The words of --shell, ended by NULL. */
extern const char *const shell_uses[];

/* A command line that is ready to be run. */
struct timed_command {
    char *text; /* as the user wrote it */
    char **
        words; /* the program and its arguments, ended by NULL; they point into `copy` or to constants */
    char *copy;
    bool shell; /* /bin/sh reads it */
    bool may_need_shell;
    bool watch_delay; /* `delay` of its cost is wanted */
};

/* What one run has taken. */
struct cost {
    double seconds;      /* from before the start to its end */
    double user, system; /* seconds of a processor, of the command and its children */
    double others;       /* the share of the cores that other programs took, from 0 to 1 */
    uint64_t
        memory; /* the most bytes that one of its processes had in memory; 0 if that is not known */
    double delay; /* seconds ready without a core for each second on one, if that was asked for */
    double lost;  /* of `seconds`, what is due to other programs, as far as that is known */
    int status;   /* as waitpid gives it */
};

/* Prepares a command line. Text with a character that means something to a shell is given to /bin/sh, as `use`
 * says. Returns 0, -EINVAL if there is no word in it, or -ENOMEM. */
int timed_command_init(struct timed_command *command, const char *text, enum shell_use use);

/* Prepares a command from words that are taken as they are. Returns 0 or -ENOMEM. */
int timed_command_init_words(struct timed_command *command, char *const *words);

void timed_command_finish(struct timed_command *command);

/* Runs it. Its standard input is empty; its output and its messages go to the descriptor `out`,
 * or to ours if that is 0. Waits for
 * its end. Returns 0 whatever its exit status is, -ECANCELED if the program was asked to end before the command began,
 * or a negative errno, with a message, if it could not be started. Blocks. */
int timed_command_run(struct timed_command *command, int out, struct cost *ret_cost,
                      thrum_error *ret_error);

/* Gets ready for Ctrl-C and its kin: the first lets the command that runs end, the second ends it. Opens /dev/null for
 * output that is not wanted. Returns 0 or a negative errno. */
int timed_commands_begin(int *ret_null, thrum_error *ret_error);

/* "exit status 3", "signal 9 (Killed)". */
void cost_describe_status(int status, char *ret_text, size_t size);

#endif
