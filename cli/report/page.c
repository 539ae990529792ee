/* The page. Its text is page.html, which the build makes lines of C of; the line <!--RESULTS--> becomes the results. In them
 * "<" is written as an escape, so that no text in the results ends the script that holds them. */
#include "page.h"

#include "page_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_results(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '<')
            fputs("\\u003c", out);
        else
            fputc(*text, out);
    fputc('\n', out);
}

int page_write(FILE *out, const struct results *results)
{
    char *text = json_dumps(results->json, JSON_COMPACT);
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof page_lines / sizeof page_lines[0]; i++)
        if (strcmp(page_lines[i], "<!--RESULTS-->") == 0)
            put_results(out, text);
        else
            fprintf(out, "%s\n", page_lines[i]);
    free(text);
    return ferror(out) ? -EIO : 0;
}
