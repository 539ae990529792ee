/* Writes lines of JSON. --resume reads them. */
#include "outcome.h"

#include "json_text.h"

static void put_text(FILE *out, const char *member, const char *text)
{
    fprintf(out, ", \"%s\": ", member);
    if (text)
        json_put_string(out, text);
    else
        fputs("null", out);
}

/* The digest that the list gives; --retry-failed checks it again. */
static void put_digest(FILE *out, const struct body_digest *wanted)
{
    if (!wanted->kind)
        return;
    fprintf(out, ", \"digest\": \"%s:", wanted->kind->name);
    for (size_t i = 0; i < wanted->kind->size; i++)
        fprintf(out, "%02x", wanted->bytes[i]);
    fputc('"', out);
}

void outcome_put_json(FILE *out, const struct job *job, const struct outcome *outcome)
{
    static const char *const names[MOMENTS] = {"name", "connect", "tls", "first_byte", "total"};
    fputs("{\"url\": ", out);
    json_put_string(out, job->url);
    if (job->named)
        put_text(out, "name", job->address.name);
    put_digest(out, &job->wanted);
    fprintf(out, ", \"status\": %ld, \"attempts\": %u, \"bytes\": %ju, \"seconds\": {",
            outcome->status, outcome->attempts, (uintmax_t)outcome->bytes);
    for (int i = 0; i < MOMENTS; i++)
        fprintf(out, "%s\"%s\": %.6f", i ? ", " : "", names[i], outcome->moments[i]);
    fputc('}', out);
    put_text(out, "path", outcome->path);
    put_text(out, "error", outcome->failed ? outcome->error : NULL);
    fputs("}\n", out);
}
