/* Runs of `thrum fetch`: what they leave and what they say is looked at as a user would. */
#include "fetch_run.h"

#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct hostile_server server;
char directory[64];

void begin(void)
{
    hostile_server_start(&server);
    snprintf(directory, sizeof directory, "/tmp/thrum-test-XXXXXX");
    CHECK(mkdtemp(directory));
}

/* Files in the directory, which must all be there by their own names. Removes them. */
int take_files(void)
{
    DIR *entries = opendir(directory);
    struct dirent *entry;
    int count = 0;
    CHECK(entries);
    while ((entry = readdir(entries)))
        if (entry->d_name[0] != '.') {
            if (strstr(entry->d_name, ".part"))
                test_fail(__FILE__, __LINE__, entry->d_name, "was left");
            CHECK_INT(unlinkat(dirfd(entries), entry->d_name, 0), ==, 0);
            count++;
        }
    closedir(entries);
    return count;
}

void end(void)
{
    take_files();
    CHECK_INT(rmdir(directory), ==, 0);
    hostile_server_stop(&server);
}

/* A file without a name that holds a list of URLs; `format` gets the port and a number. */
int make_list(int count, const char *format)
{
    int file = memfd_create("list", 0);
    CHECK(file >= 0);
    for (int i = 0; i < count; i++)
        CHECK_INT(dprintf(file, format, server.port, i), >, 0);
    return file;
}

/* Starts the command; the format's directives are as for printf. */
struct spawned start(const char *format, ...)
{
    char line[480];
    va_list list;
    va_start(list, format);
    CHECK_INT(vsnprintf(line, sizeof line, format, list), <, (int)sizeof line);
    va_end(list);
    return spawn(line, false);
}

/* What the log says of a path: an object that the caller gives back, or NULL. */
static json_t *line_of(const char *log, const char *path)
{
    for (const char *line = log; *line; line = strchr(line, '\n') + 1) {
        CHECK(strchr(line, '\n'));
        json_t *object = json_loadb(line, (size_t)(strchr(line, '\n') - line), 0, NULL);
        CHECK(object);
        const char *url = json_string_value(json_object_get(object, "url"));
        CHECK(url);
        size_t length = strlen(url), tail = strlen(path);
        if (length >= tail && strcmp(url + length - tail, path) == 0)
            return object;
        json_decref(object);
    }
    return NULL;
}

/* The path has failed, for a reason that contains `text`. */
void failed(const char *log, const char *path, int attempts, const char *text)
{
    json_t *object = line_of(log, path);
    if (!object)
        test_fail(__FILE__, __LINE__, path, "has no line");
    const char *error = json_string_value(json_object_get(object, "error"));
    if (!error || !strstr(error, text))
        test_fail(__FILE__, __LINE__, path, "says \"%s\"", error ? error : "nothing");
    CHECK(json_is_null(json_object_get(object, "path")));
    CHECK_INT(json_integer_value(json_object_get(object, "attempts")), ==, attempts);
    json_decref(object);
}

void succeeded(const char *log, const char *path, int attempts)
{
    json_t *object = line_of(log, path);
    if (!object)
        test_fail(__FILE__, __LINE__, path, "has no line");
    if (!json_is_null(json_object_get(object, "error")))
        test_fail(__FILE__, __LINE__, path, "says \"%s\"",
                  json_string_value(json_object_get(object, "error")));
    const char *name = json_string_value(json_object_get(object, "path"));
    struct stat about;
    CHECK(name);
    CHECK_INT(stat(name, &about), ==, 0);
    CHECK_INT(about.st_size, ==, json_integer_value(json_object_get(object, "bytes")));
    CHECK_INT(json_integer_value(json_object_get(object, "status")), ==, 200);
    CHECK_INT(json_integer_value(json_object_get(object, "attempts")), ==, attempts);
    json_decref(object);
}

int lines_in(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}
