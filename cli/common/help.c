/* `--help`, from the table of a command line, for 79 columns. */
#include "../command.h"
#include "command_line.h"

#include "trouble.h"

#include <string.h>
#include <thrum/version.h>

enum { WIDTH = 79, TERM_MOST = 24 };

/* Prints the text from `column` on, and its further lines from `indent` on. A newline in the text
 * is kept. */
static void print_wrapped(FILE *out, const char *text, int column, int indent)
{
    bool fresh = true; /* no word stands in this line yet */
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (!fresh && column + 1 + (int)length > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            fresh = true;
        }
        fprintf(out, "%s%.*s", fresh ? "" : " ", (int)length, text);
        column += (int)length + !fresh;
        fresh = false;
        text += length;
        if (*text == '\n') {
            fprintf(out, "\n%*s", text[1] == '\n' ? 0 : indent, "");
            column = indent;
            fresh = true;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

/* "-o, --only ROW" */
static int option_term(const struct option_row *row, char *ret_text, size_t size)
{
    char letter[8] = "    ";
    if (row->letter)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    return snprintf(ret_text, size, "%s--%s%s%s", letter, row->name, row->value ? " " : "",
                    row->value ? row->value : "");
}

static void print_term(FILE *out, const char *term, const char *text, int width)
{
    fprintf(out, "  %-*s", width, term);
    if ((int)strlen(term) > width - 2)
        fprintf(out, "\n  %*s", width, "");
    print_wrapped(out, text, width + 2, width + 2);
}

static int wider(int width, int length)
{
    return length + 2 > width && length <= TERM_MOST ? length + 2 : width;
}

static void print_section(FILE *out, const struct help_section *section)
{
    int width = 0;
    fprintf(out, "\n%s:\n", section->title);
    for (const struct help_term *term = section->terms; term && term->term; term++)
        width = wider(width, (int)strlen(term->term));
    for (const struct help_term *term = section->terms; term && term->term; term++)
        print_term(out, term->term, term->text, width);
    if (section->text) {
        fputs(section->terms ? "\n  " : "  ", out);
        print_wrapped(out, section->text, 2, 2);
    }
}

static void print_options(FILE *out, const struct option_row *rows)
{
    char term[64];
    int width = 0;
    fputs("\nOptions:\n", out);
    for (const struct option_row *row = rows; row->name; row++)
        width = wider(width, option_term(row, term, sizeof term));
    for (const struct option_row *row = rows; row->name; row++) {
        option_term(row, term, sizeof term);
        print_term(out, term, row->help, width);
    }
}

void command_line_help(const struct command_line *line, FILE *out)
{
    for (const char *const *usage = line->usages; *usage; usage++)
        fprintf(out, "%s thrum %s %s\n", usage == line->usages ? "Usage:" : "      ", line->name,
                *usage);
    fputc('\n', out);
    print_wrapped(out, line->about, 0, 0);
    print_options(out, line->options);
    for (const struct help_section *section = line->sections; section && section->title; section++)
        if (!section->manual_only)
            print_section(out, section);
    fputs("\nExamples:\n", out);
    for (const struct help_term *example = line->examples; example->term; example++) {
        fprintf(out, "  %s\n      ", example->term);
        print_wrapped(out, example->text, 6, 6);
    }
    fputc('\n', out);
    print_wrapped(out, line->interrupted, 0, 0);
    print_wrapped(out,
                  "Exit status: 0; 1 if anything failed; 2 for a wrong command line; 128 + N if "
                  "stopped by signal N.",
                  0, 0);
}

int command_line_answer(const struct command_line *line, enum options_verdict verdict,
                        const char *message)
{
    switch (verdict) {
    case OPTIONS_HELP:
        command_line_help(line, stdout);
        return STATUS_OK;
    case OPTIONS_VERSION:
        printf("thrum %s\n", thrum_version());
        return STATUS_OK;
    default:
        trouble_print("%s", message);
        fprintf(stderr, "Try 'thrum %s --help'.\n", line->name);
        return STATUS_USAGE;
    }
}
