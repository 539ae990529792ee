/* What a URL says before anything is fetched: whose server, and what to call the file. */
#ifndef CLI_FETCH_ADDRESS_H
#define CLI_FETCH_ADDRESS_H

#include <curl/curl.h>
#include <stddef.h>

/* A file's name leaves room for ".part" in what file systems allow. */
enum { HOST_SIZE = 300, FILE_NAME_SIZE = 251 };

struct address {
    char host[HOST_SIZE];      /* "https://example.org:443" */
    char name[FILE_NAME_SIZE]; /* of the file; empty if it would be too long */
};

/* Takes a URL of http or https apart; `parts` is room for that, made by curl_url. Returns NULL, or
 * what is wrong with it: a constant. */
const char *address_read(CURLU *parts, const char *url, struct address *ret_address);

/* Fills in a name that the user has given. Returns NULL, or what is wrong with it. */
const char *address_take_name(const char *name, struct address *address);

#endif
