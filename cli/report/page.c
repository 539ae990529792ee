/* The page. Its text is page.html, which the build makes lines of C of. Lines of it that are comments stand for what differs:
 *
 *     <!--POLICY-->    what the page may load: nothing; a live page asks its own server
 *     <!--RESULTS-->   the results as JSON; "<" is written as an escape, so that no text ends the script that holds them
 *     <!--EXPLORER-->  the explorer, compressed and as base64 (explorer/)
 */
#include "page.h"

#include "explorer_lines.h"
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

static void put_policy(FILE *out, bool live)
{
    fprintf(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline' 'unsafe-eval'; worker-src blob: data:; img-src data: blob:; font-src data:; connect-src %s\">\n%s",
        live ? "'self'" : "'none'", live ? "<meta name=\"thrum-live\" content=\"2\">\n" : "");
}

static void put_lines(FILE *out, const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s\n", lines[i]);
}

int page_write(FILE *out, const struct results *results, bool live)
{
    char *text = results->json ? json_dumps(results->json, JSON_COMPACT) : strdup("null");
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof page_lines / sizeof page_lines[0]; i++)
        if (strcmp(page_lines[i], "<!--RESULTS-->") == 0)
            put_results(out, text);
        else if (strcmp(page_lines[i], "<!--POLICY-->") == 0)
            put_policy(out, live);
        else if (strcmp(page_lines[i], "<!--EXPLORER-->") == 0)
            put_lines(out, explorer_lines, sizeof explorer_lines / sizeof explorer_lines[0]);
        else
            fprintf(out, "%s\n", page_lines[i]);
    free(text);
    return ferror(out) ? -EIO : 0;
}
