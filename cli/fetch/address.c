/* The name of a file is predictable: the last part of the path and the query, byte by byte. A slash
 * in the query becomes %2F. With --tree, the host, a port other than the usual one, and all parts
 * of the path come before. libcurl has removed "." and ".." from the path. A part that begins with
 * a dot gets a '_' before it. So no URL gives a name that is hidden, that leads upward, or that is
 * one of a partial file.
 */
#include "address.h"

#include "part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool put(char *name, size_t size, size_t *used, char byte)
{
    if (*used + 1 >= size)
        return false;
    name[(*used)++] = byte;
    name[*used] = '\0';
    return true;
}

static bool put_all(char *name, size_t size, size_t *used, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const char *piece = text[i] == '/' ? "%2F" : (const char[]){text[i], '\0'};
        for (; *piece; piece++)
            if (!put(name, size, used, *piece))
                return false;
    }
    return true;
}

bool name_add(char *name, size_t size, size_t *used, const char *text, size_t length)
{
    if (length > 0 && text[0] == '.' && !put(name, size, used, '_'))
        return false;
    return put_all(name, size, used, text, length);
}

/* Adds a part of a path: one name of a directory or file. */
static bool add_part(char *name, size_t *used, const char *text, size_t length)
{
    size_t begin = *used;
    return name_add(name, PATH_SIZE, used, text, length) && *used - begin < FILE_NAME_SIZE;
}

/* "host" or "host:8080", and the directories of the path. */
static bool add_directories(char *name, size_t *used, const char *host, const char *port,
                            const char *path)
{
    if (!add_part(name, used, host, strlen(host)))
        return false;
    if (port && (!put(name, PATH_SIZE, used, ':') || !add_part(name, used, port, strlen(port))))
        return false;
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        if (slash == path)
            continue; /* an empty part */
        if (!put(name, PATH_SIZE, used, '/') || !add_part(name, used, path, (size_t)(slash - path)))
            return false;
    }
    return put(name, PATH_SIZE, used, '/');
}

/* The last part, which is the file. */
static bool add_file(char *name, size_t *used, const char *path, const char *query)
{
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    size_t begin = *used;
    if (!*last)
        last = "index.html";
    if (!add_part(name, used, last, strlen(last)))
        return false;
    return !query ||
           (put(name, PATH_SIZE, used, '?') &&
            put_all(name, PATH_SIZE, used, query, strlen(query)) && *used - begin < FILE_NAME_SIZE);
}

/* Parts of a URL. */
struct url_parts {
    char *scheme, *host, *port, *own_port, *path, *query;
};

static void get_part(CURLU *parts, CURLUPart which, char **ret_text, unsigned flags)
{
    if (curl_url_get(parts, which, ret_text, flags) != CURLUE_OK)
        *ret_text = NULL;
}

static const char *take_apart(const struct url_parts *url, bool tree, struct address *ret_address)
{
    char name[PATH_SIZE] = "";
    size_t used = 0;
    if (!url->scheme || !url->host || !url->port || !url->path)
        return "not a URL of http or https";
    if (strcmp(url->scheme, "http") != 0 && strcmp(url->scheme, "https") != 0)
        return "neither http nor https";
    if ((size_t)snprintf(ret_address->host, HOST_SIZE, "%s://%s:%s", url->scheme, url->host,
                         url->port) >= HOST_SIZE)
        return "the name of the host is too long";
    if (tree && !add_directories(name, &used, url->host, url->own_port, url->path))
        return NULL;
    if (!add_file(name, &used, url->path, url->query))
        return NULL;
    ret_address->name = strdup(name);
    return ret_address->name ? NULL : "out of memory";
}

const char *address_read(CURLU *parts, const char *url, bool tree, struct address *ret_address)
{
    struct url_parts texts = {0};
    *ret_address = (struct address){0};
    curl_url_set(parts, CURLUPART_URL, NULL,
                 0); /* else a URL without a scheme goes on from the last */
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, CURLU_GUESS_SCHEME);
    if (code != CURLUE_OK)
        return curl_url_strerror(code);
    get_part(parts, CURLUPART_SCHEME, &texts.scheme, 0);
    get_part(parts, CURLUPART_HOST, &texts.host, 0);
    get_part(parts, CURLUPART_PORT, &texts.port, CURLU_DEFAULT_PORT);
    get_part(parts, CURLUPART_PORT, &texts.own_port, CURLU_NO_DEFAULT_PORT);
    get_part(parts, CURLUPART_PATH, &texts.path, 0);
    get_part(parts, CURLUPART_QUERY, &texts.query, 0);
    const char *wrong = take_apart(&texts, tree, ret_address);
    curl_free(texts.scheme);
    curl_free(texts.host);
    curl_free(texts.port);
    curl_free(texts.own_port);
    curl_free(texts.path);
    curl_free(texts.query);
    return wrong;
}

const char *address_take_name(const char *name, struct address *address)
{
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/'))
        return "the list gives a name that is not one of a file in the directory";
    if (is_part_name(name))
        return "the list gives a name that is reserved for partial files";
    if (strlen(name) >= FILE_NAME_SIZE)
        return "the list gives a name that is too long";
    char *copy = strdup(name);
    if (!copy)
        return "out of memory";
    free(address->name);
    address->name = copy;
    return NULL;
}

void address_finish(struct address *address)
{
    free(address->name);
    address->name = NULL;
}
