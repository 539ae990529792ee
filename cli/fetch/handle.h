/* An easy handle of libcurl, kept from one transfer to the next. */
#ifndef CLI_FETCH_HANDLE_H
#define CLI_FETCH_HANDLE_H

#include "body.h"
#include "options.h"

struct handle {
    struct handle *next; /* among those that are idle */
    CURL *curl;
    struct body *body;   /* of the transfer */
    size_t header_bytes; /* that have come */
    bool headers_too_long;
    char reason[CURL_ERROR_SIZE];
};

/* A handle with all that the options say. NULL if memory is out. */
struct handle *handle_new(const struct fetch_options *options);
void handle_free(struct handle *handle);

/* Prepares it for an attempt. Returns 0 or -ENOMEM. */
int handle_aim(struct handle *handle, const char *url, struct body *body);

#endif
