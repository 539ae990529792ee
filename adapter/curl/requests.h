/* The requests of a client that are under way, found by their easy handle: libcurl names no more
 * than that when a transfer is over, and the handle's CURLOPT_PRIVATE is its owner's. */
#ifndef ADAPTER_CURL_REQUESTS_H
#define ADAPTER_CURL_REQUESTS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <thrum.h>

/* A request. It stands on the stack of its caller. */
struct request {
    CURL *easy;
    bool done;        /* it is out of the multi handle; `rc` and `code` say how it ended */
    bool leads;       /* its caller drives the client, or was told to; never taken back */
    int rc;           /* 0, or why it cannot go on */
    CURLcode code;    /* if `rc` is 0 */
    thrum_event told; /* set once: it is done, or leads. The last touch by another if done */
    struct request *newer, *older; /* neighbours in the list of followers */
    struct request *next;          /* in the same slot of the table */
};

struct requests {
    struct request **slots;
    size_t slot_count; /* a power of two */
    size_t count;
};

/* Makes an empty table. Returns 0 or -ENOMEM. */
int thrum_curl__requests_init(struct requests *ret_table);
void thrum_curl__requests_finish(struct requests *table);

/* Adds one; cannot fail: without memory for a larger table only the search becomes longer. */
void thrum_curl__requests_add(struct requests *table, struct request *request);
void thrum_curl__requests_remove(struct requests *table, const struct request *request);

/* NULL if there is none with that handle. */
struct request *thrum_curl__requests_find(const struct requests *table, const CURL *easy);

/* Sets the `rc` of all. */
void thrum_curl__requests_refuse_all(struct requests *table, int rc);

/* A request whose `rc` is set, or NULL. Looks at all. */
struct request *thrum_curl__requests_refused(const struct requests *table);

#endif
