/* Lookups of names.
 *
 * libcurl starts a thread for each lookup: three hundred requests start three hundred threads at
 * once, even for one host, because each finds the cache empty. To remove a request in the middle of
 * a lookup is to wait for that thread. So this file looks up the name in a request's URL before
 * libcurl sees the request. In a fiber the lookup runs on a helper of thrum_blocking, whose number
 * is bounded; in a thread it runs in the caller. The answer goes into the cache of the multi handle
 * (`introduce` in thrum_curl.c).
 *
 * One caller at a time looks up a name; other callers that want it wait:
 *
 *     (none) --> looking --> known, for GOOD_SECONDS --> looking ...
 *                       \--> (none), if that caller gave up: one of the waiters takes over
 *
 * libcurl keeps an answer for 60 seconds by default; a name counts as known for a little less. A
 * failed lookup also counts as known, for a moment. Only libcurl knows whether it needs the name at
 * all (a proxy, CURLOPT_CONNECT_TO), so only libcurl reports the failure. In the worst case it
 * looks up the name again.
 *
 * A record lives while it is known or in use. Expired records of a slot are removed when another
 * name comes into that slot. `known` is set when the lookup is over; every waiter then looks again.
 *
 * libcurl itself handles numbers, "localhost", names with letters beyond ASCII, and everything if
 * the environment names a proxy.
 */
#include "names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static const double good_seconds = 50, failed_seconds = 2;

enum { KEY_SIZE = 272, ADDRESSES = 8 };

struct name {
    struct name *next;
    char key[KEY_SIZE]; /* "host:port" */
    bool looking;
    int users; /* callers that wait or look up */
    thrum_deadline good_until;
    thrum_event known; /* set while no caller looks up */
};

/* ------------------------------------------------------------------------------------- what to ask */

static bool is_numeric(const char *host)
{
    unsigned char bytes[16];
    return host[0] == '[' || inet_pton(AF_INET, host, bytes) == 1;
}

static bool is_plain(const char *host)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    size_t length = strlen(host);
    return length > 0 && length < 256 && strspn(host, letters) == length && host[0] != '-';
}

static bool is_local(const char *host)
{
    static const char local[] = "localhost";
    size_t length = strlen(host), tail = sizeof local - 1;
    return length >= tail && strcasecmp(host + length - tail, local) == 0;
}

/* The host and port of a URL as one text; false if there is nothing to look up. */
static bool key_of(const char *url, char ret_key[KEY_SIZE])
{
    CURLU *parts = curl_url();
    char *host = NULL, *port = NULL;
    bool found = parts &&
                 curl_url_set(parts, CURLUPART_URL, url, CURLU_GUESS_SCHEME) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                 is_plain(host) && !is_numeric(host) && !is_local(host);
    if (found)
        snprintf(ret_key, KEY_SIZE, "%s:%s", host, port);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return found;
}

/* Runs on a helper. Its argument is the key, its result what CURLOPT_RESOLVE takes. */
static int resolve(thrum_task *self)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list = NULL;
    char host[KEY_SIZE], answer[NAME_ANSWER_SIZE], text[INET6_ADDRSTRLEN];
    memcpy(host, thrum_task_arg(self, KEY_SIZE), KEY_SIZE);
    size_t used = (size_t)snprintf(answer, sizeof answer, "+%s", host);
    *strchr(host, ':') = '\0';
    if (getaddrinfo(host, NULL, &wanted, &list) != 0)
        return -ENOENT;
    int count = 0;
    for (struct addrinfo *at = list; at && count < ADDRESSES; at = at->ai_next) {
        if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST))
            continue; /* a scope whose text is longer: such an address needs an interface */
        bool wide = at->ai_family == AF_INET6;
        used += (size_t)snprintf(answer + used, sizeof answer - used, "%c%s%s%s",
                                 count++ ? ',' : ':', wide ? "[" : "", text, wide ? "]" : "");
    }
    freeaddrinfo(list);
    return count ? thrum_return(self, answer, sizeof answer) : -ENOENT;
}

/* --------------------------------------------------------------------------------------- the table */

static struct name **slot_of(struct names *names, const char *key)
{
    uint32_t hash = 2166136261U;
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619U;
    return &names->slots[hash % NAME_SLOTS];
}

/* The record of a key, made if there is none; NULL without memory. Drops what is out of date. */
static struct name *record_of(struct names *names, const char *key)
{
    struct name **slot = slot_of(names, key), **link = slot, *name, *found = NULL;
    thrum_time now = thrum_now();
    while ((name = *link)) {
        if (strcmp(name->key, key) == 0) {
            found = name;
        } else if (name->users == 0 && name->good_until.ns <= now) {
            *link = name->next;
            free(name);
            continue;
        }
        link = &name->next;
    }
    if (found || !(found = calloc(1, sizeof *found)))
        return found;
    snprintf(found->key, sizeof found->key, "%s", key);
    thrum_event_set(&found->known);
    found->next = *slot;
    *slot = found;
    return found;
}

/* Waits while another caller looks up the name. Returns 0 and, if this caller must look it up, the name. */
static int claim(struct names *names, const char *key, thrum_deadline deadline,
                 struct name **ret_name)
{
    int rc = 0;
    thrum_lock_acquire(&names->lock);
    struct name *name = record_of(names, key);
    if (name)
        name->users++;
    while (name && rc == 0 && name->looking) {
        thrum_lock_release(&names->lock);
        rc = thrum_event_wait(&name->known, deadline);
        thrum_lock_acquire(&names->lock);
    }
    if (name && rc == 0 && name->good_until.ns <= thrum_now()) {
        name->looking = true;
        thrum_event_clear(&name->known);
        *ret_name = name;
    } else if (name) {
        name->users--;
    }
    thrum_lock_release(&names->lock);
    return rc;
}

static void settle(struct names *names, struct name *name, thrum_deadline good_until)
{
    thrum_lock_acquire(&names->lock);
    name->looking = false;
    name->good_until = good_until;
    name->users--;
    thrum_event_set(&name->known);
    thrum_lock_release(&names->lock);
}

/* --------------------------------------------------------------------------------------- interface */

int thrum_curl__names_look_up(struct names *names, CURL *easy, thrum_deadline deadline,
                              char ret_answer[NAME_ANSWER_SIZE], struct name **ret_name)
{
    char *url = NULL, key[KEY_SIZE] = "";
    struct name *name = NULL;
    *ret_name = NULL;
    if (names->left_to_libcurl ||
        curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url) != CURLE_OK || !url ||
        !key_of(url, key))
        return 0;
    int rc = claim(names, key, deadline, &name);
    if (!name)
        return rc;
    rc = thrum_blocking(resolve, key, sizeof key, ret_answer, NAME_ANSWER_SIZE, NULL, deadline);
    if (rc != 0 && thrum_sleep(THRUM_NOW) < 0)
        rc = -ECANCELED; /* a lookup in a thread fails by that */
    if (rc == 0)
        *ret_name = name;
    else if (rc == -ETIMEDOUT || rc == -ECANCELED)
        settle(names, name, THRUM_NOW);
    else
        settle(names, name, thrum_in(failed_seconds));
    return rc == -ETIMEDOUT || rc == -ECANCELED ? rc : 0;
}

void thrum_curl__names_done(struct names *names, struct name *name)
{
    settle(names, name, thrum_in(good_seconds));
}

void thrum_curl__names_init(struct names *names, bool left_to_libcurl)
{
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY"};
    names->left_to_libcurl = left_to_libcurl;
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
        const char *proxy = getenv(proxies[i]);
        names->left_to_libcurl |= proxy && *proxy;
    }
}

void thrum_curl__names_finish(struct names *names)
{
    for (int i = 0; i < NAME_SLOTS; i++) {
        struct name *name;
        while ((name = names->slots[i])) {
            names->slots[i] = name->next;
            free(name);
        }
    }
}
