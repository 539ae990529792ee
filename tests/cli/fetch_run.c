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

const char *path_in(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

void put_file(const char *name, const char *text)
{
    int file = open(path_in(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    CHECK(file >= 0);
    CHECK_INT(write(file, text, strlen(text)), ==, (ssize_t)strlen(text));
    close(file);
}

const char *text_in(const char *name)
{
    static char text[4096];
    int file = open(path_in(name), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    ssize_t length = read(file, text, sizeof text - 1);
    CHECK(length >= 0);
    text[length] = '\0';
    close(file);
    return text;
}

bool is_the_part(const char *name)
{
    static char text[HOSTILE_BIG + 1];
    int file = open(path_in(name), O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0);
    ssize_t length = read(file, text, sizeof text);
    close(file);
    for (ssize_t i = 0; i < length; i++)
        if (text[i] != hostile_byte((size_t)i))
            return false;
    return length == HOSTILE_BIG;
}

int hidden_files(void)
{
    DIR *entries = opendir(directory);
    struct dirent *entry;
    int count = 0;
    CHECK(entries);
    while ((entry = readdir(entries)))
        count += strncmp(entry->d_name, ".thrum-fetch-", 13) == 0;
    closedir(entries);
    return count;
}

/* Files in the directory, which must all be there by their own names. Removes them. */
int take_files(void)
{
    DIR *entries = opendir(directory);
    struct dirent *entry;
    int count = 0;
    CHECK(entries);
    while ((entry = readdir(entries)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            if (entry->d_name[0] == '.')
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
    json_int_t status = json_integer_value(json_object_get(object, "status"));
    CHECK(status == 200 || status == 206); /* all of it, or the rest */
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
