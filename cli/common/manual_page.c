/* Manual pages, from the table of a command line, in the macros of man(7).
 *
 * The texts of the table are plain. A word that begins with a dash and a letter, or two dashes, is
 * an option and becomes bold. Each sentence begins a line, as roff wants it, and characters that
 * are special to roff are escaped.
 */
#include "command_line.h"

#include <ctype.h>
#include <string.h>

static void put_escaped(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else if (text[i] == '\'')
            fputs("\\(aq", out);
        else if (text[i] == '^')
            fputs("\\(ha", out);
        else if (text[i] == '~')
            fputs("\\(ti", out);
        else if (text[i] == '.' && i == 0)
            fputs("\\&.", out);
        else
            fputc(text[i], out);
    }
}

/* The length of the option that the word begins with; 0 if it begins with none. */
static size_t option_length(const char *word)
{
    size_t dashes = strspn(word, "-"), length = dashes;
    if (dashes < 1 || dashes > 2 || !isalpha((unsigned char)word[dashes]))
        return 0;
    while (isalnum((unsigned char)word[length]) ||
           (word[length] == '-' && isalnum((unsigned char)word[length + 1])))
        length++;
    return length;
}

/* A text of sentences, each from the begin of a line. */
static void put_text(FILE *out, const char *text)
{
    bool fresh = true;
    while (*text) {
        size_t length = strcspn(text, " \n"), option = option_length(text);
        option = option > length ? length : option;
        fprintf(out, "%s%s", fresh ? "" : " ", option ? "\\fB" : "");
        put_escaped(out, text, option);
        fputs(option ? "\\fR" : "", out);
        put_escaped(out, text + option, length - option);
        char last = length ? text[length - 1] : ' ';
        text += length;
        fresh = *text == '\n' || (strchr(".?!", last) && *text == ' ');
        if (*text == '\n' && text[1] != '\n')
            fputs("\n.br", out);
        else if (*text == '\n')
            fputs("\n.PP", out);
        if (fresh)
            fputc('\n', out);
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

static void put_escaped_line(FILE *out, const char *text)
{
    put_escaped(out, text, strlen(text));
    fputc('\n', out);
}

static void put_head(FILE *out, const char *name, const char *title, const char *date,
                     const char *version)
{
    char upper[64];
    size_t i = 0;
    for (; name[i] && i + 1 < sizeof upper; i++)
        upper[i] = (char)toupper((unsigned char)name[i]);
    upper[i] = '\0';
    fprintf(out, ".TH %s 1 \"%s\" \"thrum %s\" \"The thrum command\"\n.SH NAME\n", upper, date,
            version);
    put_escaped(out, name, strlen(name));
    fprintf(out, " \\- %s\n", title);
}

static void put_heading(FILE *out, const char *title)
{
    fputs(".SH \"", out);
    for (; *title; title++)
        fputc(toupper((unsigned char)*title), out);
    fputs("\"\n", out);
}

static void put_terms(FILE *out, const struct help_term *terms)
{
    for (; terms && terms->term; terms++) {
        fputs(".TP\n\\fB", out);
        put_escaped(out, terms->term, strlen(terms->term));
        fputs("\\fR\n", out);
        put_text(out, terms->text);
    }
}

static void put_option(FILE *out, const struct option_row *row)
{
    fputs(".TP\n", out);
    if (row->letter)
        fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
    fputs("\\fB\\-\\-", out);
    put_escaped(out, row->name, strlen(row->name));
    fputs("\\fR", out);
    if (row->value) {
        fputs(" \\fI", out);
        put_escaped(out, row->value, strlen(row->value));
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put_text(out, row->help);
    if (row->manual)
        put_text(out, row->manual);
}

static void put_status(FILE *out, const char *fails)
{
    const struct help_term terms[] = {
        {"0", "Success."},
        {"1", fails},
        {"2", "The command line was wrong; nothing was done."},
        {"128+N", "Signal N stopped the run: 130 for SIGINT, 143 for SIGTERM."},
        {NULL, NULL},
    };
    fputs(".SH \"EXIT STATUS\"\n", out);
    put_terms(out, terms);
}

static void put_environment(FILE *out, const struct help_term *own)
{
    static const struct help_term common[] = {
        {"NO_COLOR", "If set and not empty, there are no colours."},
        {"TERM", "If it is dumb, no bar is drawn."},
        {NULL, NULL},
    };
    fputs(".SH ENVIRONMENT\n", out);
    put_terms(out, own);
    put_terms(out, common);
}

static void put_examples(FILE *out, const struct help_term *examples)
{
    fputs(".SH EXAMPLES\n", out);
    for (; examples->term; examples++) {
        put_text(out, examples->text);
        fputs(".PP\n.RS 4\n.nf\n", out);
        put_escaped_line(out, examples->term);
        fputs(examples[1].term ? ".fi\n.RE\n.PP\n" : ".fi\n.RE\n", out);
    }
}

void command_line_manual(const struct command_line *line, const char *date, const char *version,
                         FILE *out)
{
    char name[64];
    snprintf(name, sizeof name, "thrum-%s", line->name);
    put_head(out, name, line->title, date, version);
    fputs(".SH SYNOPSIS\n", out);
    for (const char *const *usage = line->usages; *usage; usage++) {
        fprintf(out, "%s\\fBthrum %s\\fR ", usage == line->usages ? "" : ".br\n", line->name);
        put_escaped_line(out, *usage);
    }
    fputs(".SH DESCRIPTION\n", out);
    put_text(out, line->about);
    fputs(".PP\n", out);
    put_text(out, line->interrupted);
    fputs(".SH OPTIONS\n", out);
    for (const struct option_row *row = line->options; row->name; row++)
        put_option(out, row);
    for (const struct help_section *section = line->sections; section && section->title;
         section++) {
        put_heading(out, section->title);
        put_terms(out, section->terms);
        if (section->text && section->terms)
            fputs(".PP\n", out);
        if (section->text)
            put_text(out, section->text);
    }
    put_status(out, line->fails);
    put_environment(out, line->environment);
    put_examples(out, line->examples);
    fputs(".SH \"SEE ALSO\"\n.BR thrum (1),\n.BR thrum (7)\n", out);
}

void command_lines_manual(const struct command_line *const *lines, const char *date,
                          const char *version, FILE *out)
{
    put_head(out, "thrum", "run commands, fetch URLs and hash files, many at a time", date,
             version);
    fputs(".SH SYNOPSIS\n", out);
    for (const struct command_line *const *line = lines; *line; line++)
        fprintf(out, "\\fBthrum %s\\fR [OPTION...] ...\n.br\n", (*line)->name);
    fputs("\\fBthrum \\-\\-help\\fR | \\fB\\-\\-version\\fR\n.SH DESCRIPTION\n", out);
    put_text(out, "The commands are programs over the library thrum; each has a page of its own.");
    for (const struct command_line *const *line = lines; *line; line++) {
        fprintf(out, ".TP\n.BR thrum\\-%s (1)\n", (*line)->name);
        put_text(out, (*line)->summary);
    }
    put_status(out, "Something failed at run time. The other work was done.");
    put_environment(out, NULL);
    fputs(".SH \"SEE ALSO\"\n", out);
    for (const struct command_line *const *line = lines; *line; line++)
        fprintf(out, ".BR thrum\\-%s (1),\n", (*line)->name);
    fputs(".BR thrum (7)\n", out);
}
