/* An easy handle of libcurl, kept from one transfer to the next. */
#ifndef CLI_FETCH_HANDLE_H
#define CLI_FETCH_HANDLE_H

#include "answer.h"
#include "body.h"
#include "options.h"
#include "schedule.h"

struct handle {
    struct handle *next; /* among those that are idle */
    CURL *curl;
    const struct fetch_options *options;
    struct body *body;          /* of the transfer */
    const struct job *job;      /* of the transfer */
    struct answer answer;       /* as far as it has come */
    struct curl_slist *headers; /* of a request for the rest of a file; NULL for the usual ones */
    uint64_t offset;            /* where the requested range begins */
    bool probe;                 /* a GET that only checks whether the page exists */
    bool begun;                 /* the body has begun */
    size_t header_bytes;        /* received */
    bool headers_too_long;
    thrum_error error; /* the answer cannot be used */
    char reason[CURL_ERROR_SIZE];
};

/* A handle with the settings of the options. NULL if memory ran out. */
struct handle *handle_new(const struct fetch_options *options);
void handle_free(struct handle *handle);

/* Prepares an attempt. For a body that can be resumed, it asks for the rest. `probe`: see above.
 * Returns 0 or -ENOMEM. */
int handle_aim(struct handle *handle, const struct job *job, struct body *body, bool probe);

/* Ends the answer. An answer without bytes begins its body now. Returns false if the answer cannot
 * be used; the reason is in handle->error or in the body's. */
bool handle_answered(struct handle *handle);

#endif
