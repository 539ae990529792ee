/* The name of a file is what stands in the URL, byte by byte, so that it can be foretold: the last
 * part of the path, and the query, in which a slash becomes %2F. libcurl has taken "." and ".."
 * out of the path by then; a name that begins with a dot is made one that does not hide.
 */
#include "address.h"

#include <stdio.h>
#include <string.h>

static void add(char *name, size_t *used, const char *text)
{
    for (; *text && *used < FILE_NAME_SIZE; text++) {
        const char *piece = *text == '/' ? "%2F" : (const char[]){*text, '\0'};
        *used += (size_t)snprintf(name + *used, FILE_NAME_SIZE - *used, "%s", piece);
    }
}

static void make_name(const char *path, const char *query, char name[FILE_NAME_SIZE])
{
    size_t used = 0;
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    name[0] = '\0';
    if (*last == '.')
        add(name, &used, "_");
    add(name, &used, *last ? last : "index.html");
    if (query) {
        add(name, &used, "?");
        add(name, &used, query);
    }
    if (used >= FILE_NAME_SIZE)
        name[0] = '\0';
}

const char *address_read(CURLU *parts, const char *url, struct address *ret_address)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *query = NULL;
    const char *wrong = NULL;
    curl_url_set(parts, CURLUPART_URL, NULL,
                 0); /* else a URL without a scheme goes on from the last */
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, CURLU_GUESS_SCHEME);
    if (code != CURLUE_OK)
        return curl_url_strerror(code);
    if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PATH, &path, 0) != CURLUE_OK)
        wrong = "not a URL of http or https";
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        wrong = "neither http nor https";
    else if ((size_t)snprintf(ret_address->host, HOST_SIZE, "%s://%s:%s", scheme, host, port) >=
             HOST_SIZE)
        wrong = "the name of the host is too long";
    if (!wrong) {
        curl_url_get(parts, CURLUPART_QUERY, &query, 0); /* none is fine */
        make_name(path, query, ret_address->name);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_free(query);
    return wrong;
}

const char *address_take_name(const char *name, struct address *address)
{
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/'))
        return "the name given for it is none of a file in the directory";
    if (strlen(name) >= FILE_NAME_SIZE)
        return "the name given for it is too long";
    snprintf(address->name, FILE_NAME_SIZE, "%s", name);
    return NULL;
}
