/* The server and the file name that a URL gives. */
#ifndef CLI_FETCH_ADDRESS_H
#define CLI_FETCH_ADDRESS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* Names are a little shorter than file systems allow. */
enum { HOST_SIZE = 300, FILE_NAME_SIZE = 251, PATH_SIZE = 2048 };

struct address {
    char host[HOST_SIZE]; /* "https://example.org:443" */
    char
        *name; /* of the file, below the output directory; malloced; NULL if it would be too long */
};

/* Splits a URL of http or https. `parts` is made by curl_url. With `tree` the name is HOST/PATH,
 * else the last part of the path. Returns NULL, or a constant: what is wrong with the URL. Call
 * address_finish in any case. */
const char *address_read(CURLU *parts, const char *url, bool tree, struct address *ret_address);

/* Replaces the name by that of the list. Returns NULL, or a constant: what is wrong with the
 * name. */
const char *address_take_name(const char *name, struct address *address);

void address_finish(struct address *address);

/* Adds text to a name and makes it harmless: no part is hidden or leads upward. `used` is the
 * length before. Returns false if the name would be too long. */
bool name_add(char *name, size_t size, size_t *used, const char *text, size_t length);

#endif
