/* The command line of a subcommand, as a table of options with their meaning and the fields that
 * they set. The reading of options, `--help`, the manual page and the completions of three shells
 * come from it. */
#ifndef CLI_COMMON_COMMAND_LINE_H
#define CLI_COMMON_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
    OPTION_FLAG,    /* takes no value; sets a bool */
    OPTION_COUNT,   /* a number from .least to .most; an int */
    OPTION_TEXT,    /* a word; a const char * that points into argv */
    OPTION_SECONDS, /* 2, 1.5s, 200ms, 3m, 1h, 1d; more than 0; a double, in seconds */
    OPTION_CHOICE,  /* one of .choices; an int, its index */
    OPTION_CUSTOM,  /* .take reads it */
    OPTION_HELP,
    OPTION_VERSION,
};

/* The completion of a value or an operand. */
enum completion { COMPLETE_NOTHING, COMPLETE_FILE, COMPLETE_CHOICES, COMPLETE_COMMAND };

struct option_row {
    char letter;        /* as in -q; 0 for none */
    const char *name;   /* as in --quick, without dashes; NULL ends a table */
    const char *value;  /* the name of its value, such as FILE; NULL for no value */
    const char *help;   /* a sentence or two */
    const char *manual; /* further sentences for the manual page; may be NULL */
    enum option_kind kind;
    size_t offset; /* in the struct that is filled in: offsetof */
    int least, most;
    const char *const *choices; /* ended by NULL; also offered by shells */
    enum completion completion; /* of the value */
    /* Reads the value into the struct. Returns true, or false with the reason in `message`. */
    bool (*take)(void *into, const char *value, char *message, size_t size);
};

/* These two rows end every table, before the empty one. */
#define OPTION_ROWS_COMMON                                                                         \
    {'h', "help", NULL, "Show this text.", NULL, OPTION_HELP, 0, 0, 0, NULL, 0, NULL},             \
        {'V', "version", NULL, "Show the version.", NULL, OPTION_VERSION, 0, 0, 0, NULL, 0, NULL}, \
    {                                                                                              \
        0                                                                                          \
    }

struct help_term {
    const char *term; /* NULL ends a list */
    const char *text;
};

struct help_section {
    const char *title; /* NULL ends a list */
    const char *text;  /* below the terms; may be NULL */
    const struct help_term *terms;
    bool manual_only; /* not in --help */
};

enum operands {
    OPERANDS_NONE,
    OPERANDS_ANY,     /* options may stand among them, up to -- */
    OPERANDS_COMMAND, /* the first operand ends the options: it is a command with its own options */
};

struct command_line {
    const char *name;          /* of the subcommand */
    const char *summary;       /* one line, for `thrum --help` */
    const char *title;         /* a clause without a full stop, for the manual's NAME */
    const char *const *usages; /* the words after `thrum NAME`; ended by NULL */
    const char *about;         /* what it does, in a few sentences */
    const struct option_row *options;
    const struct help_section *sections;
    const struct help_term *examples;    /* the term is the command, the text its purpose */
    const struct help_term *environment; /* variables besides NO_COLOR and TERM; may be NULL */
    const char *fails;                   /* when the exit status is 1, in a sentence */
    const char *interrupted;             /* what signals do, in a few sentences */
    enum operands operands;
    const char *operand_hint;   /* for OPERANDS_NONE: added to the message; may be NULL */
    enum completion completion; /* of operands */
    bool time_first;            /* the first operand is a time */
};

enum options_verdict { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_WRONG };

/* Reads a command line into the struct at `into`, which has the defaults; argv[0] is skipped. After
 * OPTIONS_RUN the operands are argv[*ret_first] to the end; argv is reordered for that. After
 * OPTIONS_WRONG `message` names the option and what is wrong with it. Opens and prints nothing. */
enum options_verdict command_line_parse(const struct command_line *line, int argc, char **argv,
                                        void *into, int *ret_first, char *message, size_t size);

/* Prints the help, the version or the message, for a verdict other than OPTIONS_RUN. Returns the
 * exit status. */
int command_line_answer(const struct command_line *line, enum options_verdict verdict,
                        const char *message);

/* Leaves a message about a command line in `message`, and returns OPTIONS_WRONG. */
enum options_verdict command_line_wrong(char *message, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads a duration as OPTION_SECONDS does. Returns false if it is invalid. */
bool duration_parse(const char *text, double *ret_seconds);

/* Prints what `thrum NAME --help` prints. */
void command_line_help(const struct command_line *line, FILE *out);

/* The manual page of a subcommand, as roff. `date` and `version` stand in its head and foot. */
void command_line_manual(const struct command_line *line, const char *date, const char *version,
                         FILE *out);

/* The manual page of the command as a whole; `lines` ends with NULL. */
void command_lines_manual(const struct command_line *const *lines, const char *date,
                          const char *version, FILE *out);

/* Prints the completion script of bash, zsh or fish. Returns false for another shell. */
bool command_lines_completion(const struct command_line *const *lines, const char *shell,
                              FILE *out);

#endif
