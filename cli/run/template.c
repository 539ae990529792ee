/* Placeholders.
 *
 *     { [N] [. | / | // | /.] }     an argument, or the N-th of several; -1 is the last
 *     {#} {%}                       the number of the job, and that of its slot
 *
 * No shell is involved: an argument stays in its word. The word {} alone becomes a word for each
 * argument. In a longer word, several arguments have blanks between.
 *
 * All words of a command are one block of memory: a table, and the text after it.
 */
#include "template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum operation { WHOLE, NO_EXTENSION, BASENAME, DIRNAME, BASENAME_NO_EXTENSION, NUMBER, SLOT };

struct placeholder {
    enum operation operation;
    long index; /* 0 for all arguments */
    size_t length;
};

/* Reads a placeholder at the begin of the text; false if there is none. */
static bool read_placeholder(const char *text, struct placeholder *ret)
{
    static const struct {
        const char *text;
        enum operation operation;
    } operations[] = {{"}", WHOLE},     {".}", NO_EXTENSION},           {"/}", BASENAME},
                      {"//}", DIRNAME}, {"/.}", BASENAME_NO_EXTENSION}, {"#}", NUMBER},
                      {"%}", SLOT}};
    const char *at = text + 1;
    long index = 0;
    if (*text != '{')
        return false;
    if (strspn(at + (*at == '-'), "0123456789") > 0) {
        char *end;
        errno = 0;
        index = strtol(at, &end, 10);
        if (index == 0 || errno)
            return false;
        at = end;
    }
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strncmp(at, operations[i].text, strlen(operations[i].text)) == 0) {
            if (index && operations[i].operation >= NUMBER)
                return false;
            at += strlen(operations[i].text);
            *ret = (struct placeholder){operations[i].operation, index, (size_t)(at - text)};
            return true;
        }
    return false;
}

/* Where the extension begins, in the last part of a path; its end if there is none. */
static size_t before_extension(const char *path, size_t length)
{
    for (size_t i = length; i > 0 && path[i - 1] != '/'; i--)
        if (path[i - 1] == '.')
            return i - 1;
    return length;
}

static void put_dirname(FILE *out, const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length == 0) {
        fputc('.', out);
        return;
    }
    while (length > 1 && path[length - 1] == '/')
        length--;
    fwrite(path, 1, length, out);
}

static void put_argument(FILE *out, const char *argument, enum operation operation)
{
    const char *slash = strrchr(argument, '/'), *base = slash ? slash + 1 : argument;
    switch (operation) {
    case NO_EXTENSION:
        fwrite(argument, 1, before_extension(argument, strlen(argument)), out);
        break;
    case BASENAME:
        fputs(base, out);
        break;
    case DIRNAME:
        put_dirname(out, argument);
        break;
    case BASENAME_NO_EXTENSION:
        fwrite(base, 1, before_extension(base, strlen(base)), out);
        break;
    default:
        fputs(argument, out);
    }
}

/* Puts the value of a placeholder; `between` separates several arguments. */
static void put_value(FILE *out, const struct placeholder *placeholder,
                      const struct template_values *values, char between)
{
    const struct fields *fields = values->fields;
    long index = placeholder->index;
    if (placeholder->operation == NUMBER) {
        fprintf(out, "%ju", (uintmax_t)values->number);
    } else if (placeholder->operation == SLOT && values->slot == 0) {
        fputs("{%}", out);
    } else if (placeholder->operation == SLOT) {
        fprintf(out, "%d", values->slot);
    } else if (index == 0) {
        for (size_t i = 0; i < fields->count; i++) {
            if (i > 0)
                fputc(between, out);
            put_argument(out, fields->items[i], placeholder->operation);
        }
    } else {
        size_t position = index > 0 ? (size_t)index - 1 : fields->count - (size_t)-index;
        if (position < fields->count) /* a missing field is empty */
            put_argument(out, fields->items[position], placeholder->operation);
    }
}

/* Puts a filled word, or several with NULs between. Returns whether it has placeholders. */
static bool put_word(FILE *out, const char *word, const struct template_values *values)
{
    struct placeholder placeholder;
    bool found = false;
    bool alone = read_placeholder(word, &placeholder) && word[placeholder.length] == '\0';
    while (*word) {
        if (read_placeholder(word, &placeholder)) {
            put_value(out, &placeholder, values, alone ? '\0' : ' ');
            word += placeholder.length;
            found = true;
        } else {
            fputc(*word++, out);
        }
    }
    return found;
}

/* The words of a text in which each ends with NUL, as one block. */
static char **make_table(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\0';
    char **words = malloc((count + 1) * sizeof *words + size);
    if (!words)
        return NULL;
    char *copy = (char *)(words + count + 1);
    memcpy(copy, text, size);
    for (size_t i = 0; i < count; i++) {
        words[i] = copy;
        copy += strlen(copy) + 1;
    }
    words[count] = NULL;
    return words;
}

char **template_fill(char *const *words, int count, const struct template_values *values)
{
    char *text = NULL, **filled = NULL;
    size_t size = 0;
    bool found = false;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (int i = 0; i < count; i++) {
        found |= put_word(out, words[i], values);
        fputc('\0', out);
    }
    for (size_t i = 0; !found && i < values->fields->count; i++) {
        fputs(values->fields->items[i], out);
        fputc('\0', out);
    }
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        filled = make_table(text, size);
    free(text);
    return filled;
}

bool template_refuses(const char *word, const char **ret_text)
{
    *ret_text = "{=";
    return strstr(word, *ret_text) != NULL;
}
