/* A killed run may have left a part of a line. That line is ignored, and its URL is fetched
 * again. */
#include "log.h"

#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The object of a line; NULL if the line is malformed. */
static json_t *parse(const char *line, size_t length)
{
    json_t *object = json_loadb(line, length, 0, NULL);
    if (json_is_string(json_object_get(object, "url")) && json_object_get(object, "error"))
        return object;
    json_decref(object);
    return NULL;
}

json_t *log_next(FILE *file, struct log_summary *summary)
{
    char *line = NULL;
    size_t room = 0;
    json_t *object = NULL;
    ssize_t length;
    while (!object && (length = getline(&line, &room, file)) > 0) {
        object = parse(line, (size_t)length);
        if (!summary)
            continue;
        summary->torn = line[length - 1] != '\n';
        summary->malformed += !object && length > 1;
    }
    free(line);
    return object;
}

/* Counts a line. Returns 0 or -ENOMEM. */
static int count(struct log_summary *summary, const json_t *object)
{
    const char *url = json_string_value(json_object_get(object, "url"));
    bool bad = json_is_string(json_object_get(object, "error"));
    uint32_t *number = tally_of(&summary->urls, url);
    uint32_t *failed = tally_of(&summary->failed, url);
    if (!number || !failed)
        return -ENOMEM;
    ++*number;
    *failed = bad;
    summary->lines++;
    summary->failures += bad;
    return 0;
}

int log_read(const char *path, struct log_summary *ret_summary, thrum_error *ret_error)
{
    *ret_summary = (struct log_summary){0};
    FILE *file = fopen(path, "re");
    if (!file)
        return trouble(ret_error, -errno, "cannot read the log %.180s: %s", path,
                       thrum_strerror(-errno));
    int rc = 0;
    json_t *object;
    while (rc == 0 && (object = log_next(file, ret_summary))) {
        rc = count(ret_summary, object);
        json_decref(object);
    }
    if (rc == 0 && ferror(file))
        rc = -EIO;
    (void)fclose(file);
    return rc < 0
               ? trouble(ret_error, rc, "cannot read the log %.180s: %s", path, thrum_strerror(rc))
               : 0;
}

void log_finish(struct log_summary *summary)
{
    tally_finish(&summary->urls);
    tally_finish(&summary->failed);
}
