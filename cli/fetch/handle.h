/* An easy handle of libcurl, kept from one transfer to the next. */
#ifndef CLI_FETCH_HANDLE_H
#define CLI_FETCH_HANDLE_H

#include "answer.h"
#include "body.h"
#include "options.h"

struct handle {
    struct handle *next; /* among those that are idle */
    CURL *curl;
    const struct fetch_options *options;
    struct body *body;          /* of the transfer */
    struct answer answer;       /* as far as it has come */
    struct curl_slist *headers; /* of a request for the rest of a file; NULL for the usual ones */
    uint64_t offset;            /* where the request begins */
    bool probe;                 /* a GET that only wants to know whether the page is there */
    bool begun;                 /* the body has */
    size_t header_bytes;        /* that have come */
    bool headers_too_long;
    thrum_error error; /* the answer cannot be used */
    char reason[CURL_ERROR_SIZE];
};

/* A handle with all that the options say. NULL if memory is out. */
struct handle *handle_new(const struct fetch_options *options);
void handle_free(struct handle *handle);

/* Prepares it for an attempt; it asks for the rest of a body that can be resumed. `probe`: see above. Returns 0 or
 * -ENOMEM. */
int handle_aim(struct handle *handle, const char *url, struct body *body, bool probe);

/* The answer has ended; one without a body is begun now. Returns false if it cannot be used, for a reason in
 * handle->error or in the body's. */
bool handle_answered(struct handle *handle);

#endif
