/* Lookups of names.
 *
 * libcurl looks a name up on a thread that it starts for the purpose: three hundred requests to three
 * hundred hosts start three hundred threads at once, and to one host as many, as each finds the cache empty.
 * Besides, to take a request out in the middle of that means to wait for the thread. So the name in a
 * request's URL is looked up before libcurl sees the request, on the helpers of thrum_blocking, of which
 * there is a bounded number; in a thread, which may wait, by that itself. The answer goes into the
 * cache of the multi handle (`introduce` in thrum_curl.c), where libcurl finds it.
 *
 * Each name is looked up by one caller at a time; others that want it wait for him:
 *
 *     (none) --> looking --> known, for GOOD_SECONDS --> looking ...
 *                       \--> (none), if he gave up: one of those who wait takes over
 *
 * libcurl keeps an answer for 60 seconds by default: a name counts as known for a little less. A lookup
 * that failed counts as known, too, though for a moment only: what is wrong is libcurl's to say, as
 * only it knows whether the name is needed at all (a proxy, CURLOPT_CONNECT_TO). Nothing here decides
 * over a request: in the worst case libcurl looks up once more.
 *
 * A record lives while it is known or somebody uses it; the rest of its slot is tidied when another
 * comes into that. `known` is set when the lookup is over, and everybody who waits then looks again.
 *
 * Left to libcurl are numbers, "localhost", names with letters beyond ASCII, and everything if the environment
 * names a proxy.
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
    int users; /* who wait, and who looks up */
    thrum_time good_until;
    thrum_event known; /* set while nobody looks up */
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
        } else if (name->users == 0 && name->good_until <= now) {
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

/* Waits, if somebody looks the name up. Returns 0 and, if the caller is to do it, the name. */
static int claim(struct names *names, const char *key, thrum_time deadline, struct name **ret_name)
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
    if (name && rc == 0 && name->good_until <= thrum_now()) {
        name->looking = true;
        thrum_event_clear(&name->known);
        *ret_name = name;
    } else if (name) {
        name->users--;
    }
    thrum_lock_release(&names->lock);
    return rc;
}

static void settle(struct names *names, struct name *name, thrum_time good_until)
{
    thrum_lock_acquire(&names->lock);
    name->looking = false;
    name->good_until = good_until;
    name->users--;
    thrum_event_set(&name->known);
    thrum_lock_release(&names->lock);
}

/* --------------------------------------------------------------------------------------- interface */

int thrum_curl__names_look_up(struct names *names, CURL *easy, thrum_time deadline,
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
    rc = thrum_blocking(resolve, key, sizeof key, ret_answer, NAME_ANSWER_SIZE, deadline);
    if (rc < 0 && thrum_sleep(THRUM_NOW) < 0)
        rc = -ECANCELED; /* a lookup in a thread fails by that */
    if (rc == 0)
        *ret_name = name;
    else if (rc == -ETIMEDOUT || rc == -ECANCELED)
        settle(names, name, 0);
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
