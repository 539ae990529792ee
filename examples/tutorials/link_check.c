/* A link checker: fetches a page, follows each link on the same server, and names the links that are dead.
 *
 *     link_check [-j REQUESTS] URL
 *
 * Each link has a fiber, so thousands wait for their answers at the same time. All fibers run on one worker. No other
 * fiber runs between two waits, so the table of links needs no lock. The tutorial docs/tutorials/link-checker.md
 * builds it step by step.
 *
 * Ends with 0 if all links are good, with 1 if one is dead, with 2 if it cannot begin, and with 130 after Ctrl-C.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <err.h>
#include <errno.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <thrum.h>
#include <thrum_curl.h>
#include <unistd.h>

enum { PAGE_LIMIT = 4 << 20, ANSWER_LIMIT = 30 /* seconds */ };

struct link {
    char *url;
    struct link *found_on; /* the page that had it first; NULL for the first */
    long status;           /* of HTTP; 0: there was no answer */
    char trouble[CURL_ERROR_SIZE];
    bool checked;
};

struct page {
    char *url; /* after redirections: what its links are relative to */
    char *text;
    size_t size;
};

static thrum_executor *fibers;
static thrum_group *group;
static thrum_curl *client;
static thrum_semaphore requests;
static char *start; /* what inner links begin with: scheme and server */
static void *known; /* a tree of struct link, by URL */
static struct link **links;
static size_t count;

static int by_url(const void *left, const void *right)
{
    const struct link *a = left, *b = right;
    return strcmp(a->url, b->url);
}

/* ------------------------------------------------------------------------------------- the fetch */

static size_t collect(char *bytes, size_t one, size_t many, void *context)
{
    struct page *page = context;
    size_t size = one * many;
    if (page->size + size > PAGE_LIMIT)
        return 0; /* libcurl ends the transfer with an error */
    char *text = realloc(page->text, page->size + size + 1);
    if (!text)
        return 0;
    memcpy(text + page->size, bytes, size);
    page->text = text;
    page->size += size;
    text[page->size] = 0;
    return size;
}

static bool is_inner(const char *url)
{
    size_t size = strlen(start);
    return strncmp(url, start, size) == 0 && (url[size] == 0 || strchr("/?", url[size]));
}

/* Asks for a link. A dead link is a result, not a failure of the task. `page` gets the URL and the text if it is HTML of
 * the same server. */
static int fetch(struct link *link, struct page *page)
{
    CURLcode code = CURLE_OK;
    char *type = NULL, *url = NULL;
    CURL *easy = curl_easy_init();
    if (!easy)
        return -ENOMEM;
    curl_easy_setopt(easy, CURLOPT_URL, link->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "link_check");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, link->trouble);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, page);
    curl_easy_setopt(easy, CURLOPT_NOBODY, is_inner(link->url) ? 0L : 1L);
    int rc = thrum_curl_perform(client, easy, &code, thrum_in(ANSWER_LIMIT));
    if (rc == -ETIMEDOUT) {
        snprintf(link->trouble, sizeof link->trouble, "no answer in %d s", ANSWER_LIMIT);
        rc = 0;
    } else if (rc == 0 && code != CURLE_OK && link->trouble[0] == 0) {
        snprintf(link->trouble, sizeof link->trouble, "%s", curl_easy_strerror(code));
    } else if (rc == 0 && code == CURLE_OK) {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &link->status);
        curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
        curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
        if (type && strncasecmp(type, "text/html", 9) == 0 && url && is_inner(url))
            rc = (page->url = strdup(url)) ? 0 : -ENOMEM;
    }
    curl_easy_cleanup(easy);
    return rc;
}

/* -------------------------------------------------------------------------------- links of a page */

static int check(thrum_task *self);

/* Notes a link, and submits a task for it, if it is new. Takes the URL over. */
static int add(char *url, struct link *found_on)
{
    struct link *link = calloc(1, sizeof *link);
    struct link **larger = realloc(links, (count + 1) * sizeof(struct link *)), **place = NULL;
    if (larger)
        links = larger;
    if (link && larger) {
        *link = (struct link){.url = url, .found_on = found_on};
        place = tsearch(link, &known, by_url);
    }
    if (place && *place == link) {
        links[count++] = link;
        thrum_future_free(
            thrum_group_submit(group, fibers, check, thrum_value(struct link *, link)));
        return 0;
    }
    free(url);
    free(link);
    return place ? 0 : -ENOMEM;
}

/* Adds what an attribute of a page refers to: made absolute, without its #fragment. */
static int add_reference(const char *text, size_t size, const struct page *page, struct link *link)
{
    char *reference = strndup(text, size), *url = NULL, *copy;
    CURLU *parts = curl_url();
    int rc = reference && parts ? 0 : -ENOMEM;
    for (char *amp = reference; amp && (amp = strstr(amp, "&amp;")); amp++)
        memmove(amp + 1, amp + 5, strlen(amp + 5) + 1);
    if (rc == 0 && curl_url_set(parts, CURLUPART_URL, page->url, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_URL, reference, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_URL, &url, 0) == CURLUE_OK && strncmp(url, "http", 4) == 0)
        rc = (copy = strdup(url)) ? add(copy, link) : -ENOMEM;
    curl_free(url);
    curl_url_cleanup(parts);
    free(reference);
    return rc;
}

/* The end of the tag that begins at `at`, or of the comment. */
static const char *tag_end(const char *at)
{
    const char *end = strncmp(at, "<!--", 4) == 0 ? strstr(at, "-->") : strchr(at, '>');
    return end ? end : at + strlen(at);
}

/* Adds each href="..." and src="..." in the tags of a page. */
static int add_links(const struct page *page, struct link *link)
{
    const char *at = page->text;
    int rc = 0;
    while (rc == 0 && (at = strchr(at, '<'))) {
        const char *end = tag_end(at);
        bool comment = at[1] == '!';
        for (; !comment && at < end && rc == 0; at++) {
            size_t name = strncasecmp(at, " href=", 6) == 0  ? 6
                          : strncasecmp(at, " src=", 5) == 0 ? 5
                                                             : 0;
            const char *value = at + name + 1;
            if (name == 0 || (value[-1] != '"' && value[-1] != '\''))
                continue;
            const char *close = strchr(value, value[-1]);
            if (close)
                rc = add_reference(value, (size_t)(close - value), page, link);
        }
        at = end;
    }
    return rc;
}

/* The task of a link. */
static int check(thrum_task *self)
{
    struct link *link = thrum_arg(self, struct link *);
    struct page page = {0};
    int rc = thrum_semaphore_acquire_until(&requests, THRUM_FOREVER);
    if (rc < 0)
        return rc; /* cancelled */
    rc = fetch(link, &page);
    thrum_semaphore_release(&requests, 1);
    link->checked = rc == 0;
    if (rc == 0 && page.url && page.text)
        rc = add_links(&page, link);
    free(page.url);
    free(page.text);
    return rc == -ENOMEM ? thrum_fail(self, rc, "out of memory at %s", link->url) : rc;
}

/* ------------------------------------------------------------------------------------- the program */

/* Joins the group. A cancel of this task stops the group, and with it each fiber. */
static int check_all(thrum_task *self)
{
    int rc = add(thrum_arg(self, char *), NULL);
    if (rc == 0)
        rc = thrum_group_join(group, THRUM_FOREVER);
    return rc == THRUM_FAILED ? thrum_fail_with(self, thrum_group_error(group)) : rc;
}

static int by_url_of_pointers(const void *left, const void *right)
{
    return by_url(*(struct link *const *)left, *(struct link *const *)right);
}

static int report(void)
{
    size_t checked = 0, dead = 0;
    if (count > 0)
        qsort(links, count, sizeof(struct link *), by_url_of_pointers);
    for (size_t i = 0; i < count; i++) {
        const struct link *link = links[i];
        checked += link->checked;
        if (!link->checked || (link->status >= 200 && link->status < 400))
            continue;
        dead++;
        printf("%s\n", link->url);
        if (link->status)
            printf("    status %ld", link->status);
        else
            printf("    %s", link->trouble);
        printf("%s%s\n", link->found_on ? ", on " : "", link->found_on ? link->found_on->url : "");
    }
    printf("%zu links checked, %zu dead\n", checked, dead);
    return dead ? 1 : 0;
}

/* Waits for the last link or for Ctrl-C. Returns the status of the program. */
static int run(char *url, thrum_signals *stop)
{
    int number;
    thrum_future *all = thrum_submit(fibers, check_all, thrum_value(char *, url));
    thrum_case cases[] = {thrum_case_future(all), thrum_case_signals(stop, &number)};
    int first = thrum_select(cases, 2, THRUM_FOREVER);
    if (first == 1)
        thrum_future_cancel(all);
    int rc = thrum_future_result(all, NULL, 0, THRUM_FOREVER), status = report();
    if (first == 1)
        status = 130;
    else if (rc == THRUM_FAILED) {
        warnx("%s", thrum_future_error(all)->message);
        status = 2;
    }
    thrum_future_free(all);
    return status;
}

/* The part of a URL that is the same for the whole server: "http://host:80". */
static char *server_of(const char *url)
{
    CURLU *parts = curl_url();
    char *server = NULL;
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_PATH, NULL, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_QUERY, NULL, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK)
        curl_url_get(parts, CURLUPART_URL, &server, 0);
    curl_url_cleanup(parts);
    if (!server || strncmp(server, "http", 4) != 0)
        errx(2, "%s is no URL of http or https", url);
    server[strlen(server) - 1] = 0; /* the slash */
    return server;
}

static void free_nothing(void *link)
{
    (void)link;
}

int main(int argc, char **argv)
{
    thrum_signals *stop;
    int option, at_once = 50;
    while ((option = getopt(argc, argv, "j:")) != -1)
        if (option != 'j' || (at_once = atoi(optarg)) < 1)
            errx(2, "usage: link_check [-j REQUESTS] URL");
    if (optind != argc - 1)
        errx(2, "usage: link_check [-j REQUESTS] URL");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        !(fibers = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1})) ||
        !(group = thrum_group_new()))
        errx(2, "out of memory");
    start = server_of(argv[optind]);
    char *url = strdup(argv[optind]);
    if (!url)
        errx(2, "out of memory");
    thrum_semaphore_init(&requests, (uint32_t)at_once);
    int rc = thrum_curl_new(NULL, &client);
    if (rc == 0)
        rc = thrum_signals_new((int[]){SIGINT, SIGTERM}, 2, &stop);
    if (rc < 0)
        errx(2, "cannot begin: %s", thrum_strerror(rc));
    int status = run(url, stop);

    thrum_executor_shutdown(fibers);
    thrum_group_free(group);
    thrum_curl_free(client);
    thrum_signals_free(stop);
    tdestroy(known, free_nothing);
    for (size_t i = 0; i < count; i++) {
        free(links[i]->url);
        free(links[i]);
    }
    free(links);
    curl_free(start);
    curl_global_cleanup();
    return status;
}
