/* A list of URLs by libcurl alone: one multi handle over epoll, one thread, at most 1000 connections; bodies are dropped.
 * It is the least that a program over libcurl costs: fetch_multi LIST. */
#include <curl/curl.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { EVENTS = 256, LINE = 4096 };

static int poller;
static long wait_ms = -1; /* until libcurl's timer expires; -1 without one */

static int watch(CURL *easy, curl_socket_t file, int what, void *multi, void *known)
{
    struct epoll_event event = {.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
                                          (what & CURL_POLL_OUT ? EPOLLOUT : 0u),
                                .data.fd = file};
    int operation = what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL
                    : known                  ? EPOLL_CTL_MOD
                                             : EPOLL_CTL_ADD;
    (void)easy;
    if (!known)
        curl_multi_assign(multi, file, &poller);
    if (epoll_ctl(poller, operation, file, &event) != 0)
        err(EXIT_FAILURE, "epoll_ctl");
    return 0;
}

static int set_timer(CURLM *multi, long milliseconds, void *context)
{
    (void)multi;
    (void)context;
    wait_ms = milliseconds;
    return 0;
}

static size_t drop(char *bytes, size_t size, size_t count, void *context)
{
    (void)bytes;
    (void)context;
    return size * count;
}

static int add_all(CURLM *multi, const char *path)
{
    char line[LINE];
    int count = 0;
    FILE *list = fopen(path, "r");
    if (!list)
        err(EXIT_FAILURE, "%s", path);
    while (fgets(line, sizeof line, list)) {
        CURL *easy = curl_easy_init();
        line[strcspn(line, "\n")] = '\0';
        if (!easy || curl_easy_setopt(easy, CURLOPT_URL, line) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop) != CURLE_OK ||
            curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
            curl_multi_add_handle(multi, easy) != CURLM_OK)
            errx(EXIT_FAILURE, "libcurl cannot begin a request");
        count++;
    }
    fclose(list);
    return count;
}

/* Returns how many requests have ended. */
static int take_ended(CURLM *multi)
{
    CURLMsg *message;
    int left, count = 0;
    while ((message = curl_multi_info_read(multi, &left))) {
        CURL *easy = message->easy_handle;
        if (message->data.result != CURLE_OK)
            errx(EXIT_FAILURE, "%s", curl_easy_strerror(message->data.result));
        curl_multi_remove_handle(multi, easy);
        curl_easy_cleanup(easy);
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int running;
    if (argc != 2)
        errx(EXIT_FAILURE, "usage: fetch_multi LIST");
    CURLM *multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!multi || poller < 0)
        errx(EXIT_FAILURE, "libcurl or epoll does not start");
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, 1000L);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1000L);
    for (int left = add_all(multi, argv[1]); left > 0; left -= take_ended(multi)) {
        int count = epoll_wait(poller, events, EVENTS, (int)wait_ms);
        if (count == 0) {
            wait_ms = -1;
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        for (int i = 0; i < count; i++)
            curl_multi_socket_action(multi, events[i].data.fd,
                                     (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                         (events[i].events & ~EPOLLOUT ? CURL_CSELECT_IN : 0),
                                     &running);
    }
    return 0;
}
