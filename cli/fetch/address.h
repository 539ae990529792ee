/* What a URL says before anything is fetched: which server, and the name of the file. */
#ifndef CLI_FETCH_ADDRESS_H
#define CLI_FETCH_ADDRESS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* A name, and each part of one, leaves a little room in what file systems allow. */
enum { HOST_SIZE = 300, FILE_NAME_SIZE = 251, PATH_SIZE = 2048 };

struct address {
    char host[HOST_SIZE]; /* "https://example.org:443" */
    char
        *name; /* of the file, below the output directory; malloced; NULL if it would be too long */
};

/* Takes a URL of http or https apart; `parts` is room for that, made by curl_url. With `tree` the name
 * is HOST/PATH, else the last part of the path. Returns NULL, or what is wrong with it: a constant.
 * address_finish is due in any case. */
const char *address_read(CURLU *parts, const char *url, bool tree, struct address *ret_address);

/* Replaces the name by one that the user has given. Returns NULL, or what is wrong with it. */
const char *address_take_name(const char *name, struct address *address);

void address_finish(struct address *address);

/* Makes a name, or a part of one, harmless: it hides no file and leads nowhere. `used` is the length of what is
 * there before. Returns false if it would be too long. */
bool name_add(char *name, size_t size, size_t *used, const char *text, size_t length);

#endif
