/* Names of hosts, looked up before libcurl would have to. */
#ifndef ADAPTER_CURL_NAMES_H
#define ADAPTER_CURL_NAMES_H

#include <curl/curl.h>
#include <stdbool.h>
#include <thrum.h>

/* Room for what CURLOPT_RESOLVE takes: "+host:port:address,address". */
enum { NAME_ANSWER_SIZE = 768 };

enum { NAME_SLOTS = 256 };

struct name;

struct names {
    thrum_lock lock;
    bool left_to_libcurl; /* nothing is looked up here */
    struct name *slots[NAME_SLOTS];
};

/* Fills in what all-zero memory does not say: whether the environment names a proxy, which looks
 * names up itself. */
void thrum_curl__names_init(struct names *names, bool left_to_libcurl);

/* Nobody may be in a lookup. */
void thrum_curl__names_finish(struct names *names);

/* Waits until libcurl needs no lookup for the name in the handle's URL, or the name is known to
 * have no answer. If this caller has looked it up, gives the answer and the name, for
 * thrum_curl__names_done; otherwise the name is NULL. Blocks. Returns:
 *     0           the request can start
 *     -ETIMEDOUT  the deadline has passed; -EAGAIN if it is THRUM_NOW
 *     -ECANCELED  the running task was cancelled
 */
int thrum_curl__names_look_up(struct names *names, CURL *easy, thrum_deadline deadline,
                              char ret_answer[NAME_ANSWER_SIZE], struct name **ret_name);

/* Libcurl knows the answer. */
void thrum_curl__names_done(struct names *names, struct name *name);

#endif
