/* Running the command as a user does: a process, its output, its end. */
#ifndef TESTS_CLI_SPAWN_H
#define TESTS_CLI_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

/* A command that was started. Its temporary files go to a directory of its own. */
struct spawned {
    pid_t pid;
    int status; /* the exit status, or 128 + the signal that killed it; after spawn_wait */
    char scratch[64];
    char *out; /* what it wrote; after spawn_wait */
    char *err;
    int out_file, err_file;
};

/* Starts $THRUM_COMMAND with the words of `line`, separated by single spaces. With `terminal`, its
 * stderr is a terminal of 80 columns; what it draws there is then found in `err`. */
struct spawned spawn(const char *line, bool terminal);

/* Waits for its end. */
void spawn_wait(struct spawned *spawned);

/* Both. */
struct spawned spawn_run(const char *line);

/* True once the file, `out_file` or `err_file` of a command that runs without a terminal, holds the
 * text; waits ten minutes for it. */
bool spawn_said(int file, const char *text);

/* The only child that the process has now, or 0; waits ten minutes for one to appear. */
pid_t spawn_child_of(pid_t pid);

/* True once the process is gone or a zombie; waits ten minutes. */
bool spawn_gone(pid_t pid);

/* True if its directory for temporary files is empty. */
bool spawn_left_nothing(const struct spawned *spawned);

/* Removes what the test itself made. */
void spawn_free(struct spawned *spawned);

#endif
