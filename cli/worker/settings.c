/* One line for each option that was given: its name, "=", and its value. Both directions come from one table. */
#include "settings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, SECONDS, FLAG };

static const struct field {
    const char *name;
    enum kind kind;
    size_t offset;
} fields[] = {
#define FIELD(name, kind, field)                                                                   \
    {                                                                                              \
        name, kind, offsetof(struct worker_options, field)                                         \
    }
    FIELD("server", TEXT, login.server),
    FIELD("user", TEXT, login.user),
    FIELD("password-file", TEXT, login.password_file),
    FIELD("credentials", TEXT, login.credentials),
    FIELD("nkey", TEXT, login.nkey),
    FIELD("nkey-seed", TEXT, login.nkey_seed),
    FIELD("tls-ca", TEXT, login.tls_ca),
    FIELD("tls-name", TEXT, login.tls_name),
    FIELD("tls-certificate", TEXT, login.tls_certificate),
    FIELD("tls-key", TEXT, login.tls_key),
    FIELD("pool", TEXT, pool),
    FIELD("executor", NUMBER, executor),
    FIELD("jobs", NUMBER, jobs),
    FIELD("run-limit", SECONDS, run_limit),
    FIELD("lease", SECONDS, lease),
    FIELD("max-deliveries", NUMBER, max_deliveries),
    FIELD("max-queued", NUMBER, max_queued),
    FIELD("replicas", NUMBER, replicas),
    FIELD("registered-only", FLAG, registered_only),
#undef FIELD
};

enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

/* Returns false for a text that has no place in a line. */
static bool write_field(FILE *out, const struct field *field, const void *at)
{
    const char *text = field->kind == TEXT ? *(const char *const *)at : NULL;
    if (text)
        fprintf(out, "%s=%s\n", field->name, text);
    else if (field->kind == NUMBER && *(const int *)at)
        fprintf(out, "%s=%d\n", field->name, *(const int *)at);
    else if (field->kind == SECONDS && *(const double *)at > 0)
        fprintf(out, "%s=%.17g\n", field->name, *(const double *)at);
    else if (field->kind == FLAG && *(const bool *)at)
        fprintf(out, "%s=1\n", field->name);
    return !text || !strchr(text, '\n');
}

char *worker_settings_write(const struct worker_options *options)
{
    char *text = NULL;
    size_t size = 0;
    bool good = true;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        good &= write_field(out, &fields[i], (const char *)options + fields[i].offset);
    bool failed = ferror(out);
    failed |= fclose(out) != 0;
    if (good && !failed)
        return text;
    free(text);
    errno = good ? ENOMEM : EINVAL;
    return NULL;
}

static bool read_field(const struct field *field, char *value, void *at)
{
    char *end = value;
    errno = 0;
    if (field->kind == TEXT) {
        *(const char **)at = value;
        return true;
    }
    if (field->kind == SECONDS) {
        *(double *)at = strtod(value, &end);
        return end != value && *end == '\0' && *(double *)at > 0;
    }
    long number = strtol(value, &end, 10);
    if (end == value || *end || errno || number < 0 || number > INT_MAX)
        return false;
    if (field->kind == FLAG)
        *(bool *)at = number != 0;
    else
        *(int *)at = (int)number;
    return true;
}

bool worker_settings_read(char *text, struct worker_options *ret_options)
{
    *ret_options = (struct worker_options){0};
    for (char *state = NULL, *line = strtok_r(text, "\n", &state); line;
         line = strtok_r(NULL, "\n", &state)) {
        char *value = strchr(line, '=');
        const struct field *found = NULL;
        if (!value)
            return false;
        *value++ = '\0';
        for (size_t i = 0; i < FIELD_COUNT; i++)
            if (strcmp(fields[i].name, line) == 0)
                found = &fields[i];
        if (!found || !read_field(found, value, (char *)ret_options + found->offset))
            return false;
    }
    return ret_options->executor <= WORKER_FIBERS;
}
