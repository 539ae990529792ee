/* A client: many requests on one multi handle of libcurl, driven by the callers that wait for them.
 *
 * libcurl's multi handle does all transfers at once and waits for none. It names the sockets to
 * watch and the moment of its next timer. Some thread must call it when a socket is ready or the
 * timer expires. A thread of the client would cost two switches for each answer. Here one of the
 * callers does it:
 *
 *     the leader     waits for the sockets and the timer, and wakes the callers whose requests are
 *                    done
 *     followers      each wait for an event of their own
 *
 * A caller that adds a request while there is no leader becomes the leader. A leader leaves when
 * its request is done, its deadline has passed or its task was cancelled. It then makes the newest
 * follower the leader, because the newest request will probably end last. So a client needs no
 * thread or fiber of its own, works on every carrier, and costs nothing while no caller waits.
 *
 *     poller   an epoll descriptor with libcurl's sockets and `wakeup`, level-triggered: what one
 *              leader has not handled is still ready for the next
 *     wakeup   an eventfd that ends the leader's sleep
 *
 * One lock guards the client, the multi handle included. The leader waits without the lock, in
 * thrum_wait_readable for the poller, until `timer`. Meanwhile other callers may change what it
 * waits for:
 *
 *     new sockets               are added to the poller, which shows them to a wait that has begun
 *     an earlier timer          writes to `wakeup` if it is before `sleeps_until`
 *     the end of its request    writes to `wakeup`
 *
 * A caller that adds a request causes the first two. A thread also takes its request's first step,
 * connecting. A fiber leaves that to the leader: otherwise each of a thousand fibers would touch as
 * much stack as libcurl needs.
 *
 * The end of a request. libcurl says when a request is done. The driving caller takes it out of the
 * multi handle and sets its event, unless it is the leader's own. That is the last touch of the
 * request, which lies on the stack of a caller that may now return without the lock. `leads` is set
 * before the event: a follower that wakes as the leader continues under the lock. A follower whose
 * wait ends otherwise (deadline, cancellation) takes the lock first. If its request is done
 * meanwhile, that counts. If it is the leader meanwhile, it passes the role on. So the role is
 * never lost: a caller in the table holds it as long as the table is not empty, and gives it up
 * under the lock.
 *
 * After each round the leader checks its own deadline and cancellation, because a steady stream of
 * ready sockets would hide them from its wait. A leader that is a fiber yields in each round, so
 * the callers that it has just woken run.
 *
 * The poller is one descriptor in the reactor of each worker that ever had a leader. A ready socket
 * wakes all such workers that sleep, though only one has the leader. With as many workers as
 * processors that is a rare wake in vain.
 *
 * Failures. A socket that cannot be watched fails its request. An error of the multi handle itself,
 * which means that memory ran out, may leave a transfer unwatched and the tables incomplete. Then
 * all running requests fail, and a new multi handle replaces the old. No request may hang.
 *
 * Rejected: a multi handle for each worker of a pool. It would spare the lock, but it would divide
 * the connections of one client, and a calling thread has no worker.
 *
 * Source: Schmidt's leader/followers pattern.
 */
#include "thrum_curl.h"

#include "names.h"
#include "requests.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <thrum.h>
#include <unistd.h>

enum { EVENTS = 64 };

struct thrum_curl {
    thrum_curl_options options;
    struct names names;
    int poller, wakeup;
    thrum_lock lock;             /* all that follows */
    CURLM *multi;                /* NULL if it was given up */
    bool woken;                  /* the leader has not read `wakeup` yet */
    thrum_deadline timer;        /* when libcurl wants to be called; THRUM_FOREVER for not */
    thrum_deadline sleeps_until; /* the leader's deadline; THRUM_NOW if it is awake */
    struct request *leader;
    struct request *newest; /* of the followers */
    bool refused;           /* a request has an `rc`, but could not be ended where it got it */
    struct requests requests;
};

/* ---------------------------------------------------------------------------------- the followers */

static void follow(thrum_curl *client, struct request *request)
{
    request->older = client->newest;
    if (client->newest)
        client->newest->newer = request;
    client->newest = request;
}

static void unfollow(thrum_curl *client, struct request *request)
{
    if (request->newer)
        request->newer->older = request->older;
    else
        client->newest = request->older;
    if (request->older)
        request->older->newer = request->newer;
}

/* Makes a follower the leader. */
static void appoint(thrum_curl *client, struct request *request)
{
    unfollow(client, request);
    client->leader = request;
    request->leads = true;
}

/* The leader leaves. */
static void hand_over(thrum_curl *client)
{
    struct request *heir = client->newest;
    client->leader = NULL;
    if (heir) {
        appoint(client, heir);
        thrum_event_set(&heir->told);
    }
}

/* Ends the sleep of the leader. A write to an eventfd that counts to 2^64 does not fail. */
static void ring(thrum_curl *client)
{
    static const uint64_t once = 1;
    if (thrum_deadline_is_now(client->sleeps_until) || client->woken)
        return;
    client->woken = write(client->wakeup, &once, sizeof once) == sizeof once;
}

static void hear(thrum_curl *client)
{
    uint64_t count;
    if (read(client->wakeup, &count, sizeof count) == sizeof count)
        client->woken = false;
}

/* Releases the lock once the leader knows how long it may sleep. */
static void let_go(thrum_curl *client)
{
    if (client->timer.ns < client->sleeps_until.ns)
        ring(client);
    thrum_lock_release(&client->lock);
}

/* ------------------------------------------------------------------------------------ the transfers */

/* Takes a request out of the multi handle. No other caller finds it after this. */
static void take_out(thrum_curl *client, struct request *request)
{
    curl_multi_remove_handle(client->multi, request->easy);
    thrum_curl__requests_remove(&client->requests, request);
    if (client->leader != request)
        unfollow(client, request);
}

static void end(thrum_curl *client, struct request *request, int rc, CURLcode code)
{
    take_out(client, request);
    request->rc = rc;
    request->code = code;
    request->done = true;
    if (client->leader == request)
        ring(client);
    else
        thrum_event_set(&request->told);
}

static void end_refused(thrum_curl *client)
{
    struct request *request;
    while ((request = thrum_curl__requests_refused(&client->requests)))
        end(client, request, request->rc, CURLE_OK);
    client->refused = false;
}

static int errno_of(CURLMcode code)
{
    switch (code) {
    case CURLM_OK:
        return 0;
    case CURLM_ADDED_ALREADY:
        return -EBUSY;
    case CURLM_BAD_EASY_HANDLE:
    case CURLM_BAD_HANDLE:
        return -EINVAL;
    default:
        return -ENOMEM;
    }
}

/* ------------------------------------------------------------------------------ what libcurl calls */

/* The moment at which libcurl wants to be called. */
static int set_timer(CURLM *multi, long milliseconds, void *context)
{
    thrum_curl *client = context;
    (void)multi;
    client->timer = milliseconds < 0 ? THRUM_FOREVER : thrum_in((double)milliseconds / 1e3);
    return 0;
}

/* Watches a socket as libcurl wants. `known` is what curl_multi_assign has stored: not NULL if the
 * socket is in the poller. Some versions of libcurl close a connecting socket before they say so.
 * Its number may then belong to another file, which is not in the poller, or to another socket of
 * libcurl, which is not in it yet. */
static int watch(CURL *easy, curl_socket_t socket, int what, void *context, void *known)
{
    thrum_curl *client = context;
    struct epoll_event event = {.data.fd = socket};
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(client->poller, EPOLL_CTL_DEL, socket, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    int rc = epoll_ctl(client->poller, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
    if (rc < 0 && errno == (known ? ENOENT : EEXIST))
        rc = epoll_ctl(client->poller, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event);
    if (rc == 0)
        curl_multi_assign(client->multi, socket, client);
    struct request *request = rc < 0 ? thrum_curl__requests_find(&client->requests, easy) : NULL;
    if (request) {
        request->rc = -errno;
        client->refused = true; /* libcurl lets no handle be taken out here */
    }
    return 0;
}

/* ----------------------------------------------------------------------------- the multi handle */

static bool set_options(CURLM *multi, thrum_curl *client)
{
    const thrum_curl_options *options = &client->options;
    struct {
        CURLMoption name;
        long value;
    } bounds[] = {
        {CURLMOPT_MAX_TOTAL_CONNECTIONS, options->max_connections},
        {CURLMOPT_MAX_HOST_CONNECTIONS, options->max_per_host},
        {CURLMOPT_MAXCONNECTS, options->max_idle},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        if (bounds[i].value > 0 &&
            curl_multi_setopt(multi, bounds[i].name, bounds[i].value) != CURLM_OK)
            return false;
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK;
}

/* Makes the multi handle, where there is none. Returns whether there is. */
static bool make_multi(thrum_curl *client)
{
    if (client->multi)
        return true;
    CURLM *multi = curl_multi_init();
    if (!multi || !set_options(multi, client)) {
        curl_multi_cleanup(multi);
        return false;
    }
    client->multi = multi;
    return true;
}

/* Ends all requests with `rc`. What comes later gets a new multi handle. */
static void give_up(thrum_curl *client, int rc)
{
    thrum_curl__requests_refuse_all(&client->requests, rc);
    end_refused(client);
    curl_multi_cleanup(client->multi);
    client->multi = NULL;
    client->timer = THRUM_FOREVER;
}

/* ----------------------------------------------------------------------------------------- driving */

/* Lets libcurl do what a socket, or the time, asks for, and ends what is done by that. */
static void act(thrum_curl *client, curl_socket_t socket, int news)
{
    int count;
    CURLMsg *message;
    struct request *request;
    if (!client->multi)
        return; /* it was given up, and with it the socket */
    if (socket == CURL_SOCKET_TIMEOUT)
        client->timer = THRUM_FOREVER; /* libcurl sets it anew */
    CURLMcode rc = curl_multi_socket_action(client->multi, socket, news, &count);
    while ((message = curl_multi_info_read(client->multi, &count))) {
        CURLcode code = message->data.result; /* the message goes with the handle */
        request = thrum_curl__requests_find(&client->requests, message->easy_handle);
        if (message->msg == CURLMSG_DONE && request)
            end(client, request, 0, code);
    }
    if (client->refused)
        end_refused(client);
    if (rc != CURLM_OK && rc != CURLM_BAD_SOCKET)
        give_up(client, errno_of(rc));
}

/* Takes what news there is. */
static void look(thrum_curl *client)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(client->poller, events, EVENTS, 0);
    for (int i = 0; i < count; i++) {
        uint32_t found = events[i].events;
        /* libcurl finds out by itself what an error is; that there is one stops a wait for either. */
        bool wrong = found & (EPOLLERR | EPOLLHUP);
        int news = (wrong || (found & EPOLLIN) ? CURL_CSELECT_IN : 0) |
                   (wrong || (found & EPOLLOUT) ? CURL_CSELECT_OUT : 0);
        if (events[i].data.fd == client->wakeup)
            hear(client);
        else
            act(client, events[i].data.fd, news);
    }
    if (client->timer.ns <= thrum_now())
        act(client, CURL_SOCKET_TIMEOUT, 0);
}

/* ------------------------------------------------------------------------------------- one request */

/* Adds a request and sees to its first step. Returns 0 or a negative errno. */
static int begin(thrum_curl *client, struct request *request)
{
    if (!make_multi(client))
        return -ENOMEM;
    int rc = errno_of(curl_multi_add_handle(client->multi, request->easy));
    if (rc < 0)
        return rc;
    curl_easy_setopt(request->easy, CURLOPT_NOSIGNAL, 1L); /* cannot fail */
    thrum_curl__requests_add(&client->requests, request);
    follow(client, request);
    bool left = client->leader && thrum_fiber_pool_current();
    if (!left && client->timer.ns <= thrum_now())
        act(client, CURL_SOCKET_TIMEOUT, 0);
    if (!request->done && !client->leader)
        appoint(client, request);
    return 0;
}

/* A round of the leader: a wait without the lock, and what came of it. Returns 0 to go on. */
static int lead(thrum_curl *client, const struct request *request, thrum_deadline deadline)
{
    thrum_deadline timer = client->timer;
    client->sleeps_until = timer;
    thrum_lock_release(&client->lock);
    if (thrum_fiber_pool_current())
        thrum_yield();
    int rc = thrum_wait_readable(client->poller, thrum_deadline_sooner(timer, deadline));
    if (rc == 0)
        rc = thrum_sleep(THRUM_NOW); /* tells of a cancellation */
    thrum_lock_acquire(&client->lock);
    client->sleeps_until = THRUM_NOW;
    look(client);
    if (rc == -ETIMEDOUT)
        rc = 0; /* libcurl's timer, perhaps */
    if (rc == 0 && !request->done && thrum_now() >= deadline.ns)
        rc = thrum_deadline_is_now(deadline) ? -EAGAIN : -ETIMEDOUT;
    return rc;
}

/* Waits for the end of a request that has begun; `leads` is what it was when the lock was let go. */
static int wait_for_end(thrum_curl *client, struct request *request, bool leads,
                        thrum_deadline deadline)
{
    int rc = leads ? 0 : thrum_event_wait(&request->told, deadline);
    if (rc == 0 && !leads && !request->leads)
        return request->rc;
    thrum_lock_acquire(&client->lock);
    while (rc == 0 && !request->done)
        rc = lead(client, request, deadline);
    if (request->done)
        rc = request->rc;
    else
        take_out(client, request);
    if (client->leader == request)
        hand_over(client);
    let_go(client);
    return rc;
}

/* Puts an answer into libcurl's cache of names: performs a handle with that CURLOPT_RESOLVE, which
 * libcurl reads first, and a URL that cannot be fetched. If that fails, libcurl looks up the name
 * itself. */
static void introduce(thrum_curl *client, const char *answer)
{
    CURL *easy = curl_easy_init();
    struct curl_slist *list = curl_slist_append(NULL, answer);
    thrum_lock_acquire(&client->lock);
    if (easy && list && make_multi(client) &&
        curl_easy_setopt(easy, CURLOPT_URL, "thrum-none://none/") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_RESOLVE, list) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_multi_add_handle(client->multi, easy) == CURLM_OK) {
        act(client, CURL_SOCKET_TIMEOUT, 0);
        if (client->multi)
            curl_multi_remove_handle(client->multi, easy);
    }
    let_go(client);
    curl_easy_cleanup(easy);
    curl_slist_free_all(list);
}

/* Sees to it that libcurl knows the name in the handle's URL. */
static int look_up(thrum_curl *client, CURL *easy, thrum_deadline deadline)
{
    char answer[NAME_ANSWER_SIZE];
    struct name *name;
    int rc = thrum_curl__names_look_up(&client->names, easy, deadline, answer, &name);
    if (name) {
        introduce(client, answer);
        thrum_curl__names_done(&client->names, name);
    }
    return rc;
}

int thrum_curl_perform(thrum_curl *client, CURL *easy, CURLcode *ret_code, thrum_deadline deadline)
{
    struct request request = {.easy = easy};
    if (!easy)
        return -EINVAL;
    int rc = look_up(client, easy, deadline);
    if (rc < 0)
        return rc;
    thrum_lock_acquire(&client->lock);
    rc = begin(client, &request);
    bool leads = request.leads, done = request.done;
    let_go(client);
    if (rc == 0)
        rc = done ? request.rc : wait_for_end(client, &request, leads, deadline);
    if (rc == 0 && ret_code)
        *ret_code = request.code;
    return rc;
}

/* --------------------------------------------------------------------------------- birth and end */

/* Fills in what can fail. What there is of it is given back by dismantle, in any case. */
static int assemble(thrum_curl *client)
{
    client->wakeup = -1;
    client->poller = epoll_create1(EPOLL_CLOEXEC);
    if (client->poller >= 0)
        client->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = client->wakeup};
    if (client->wakeup < 0 || epoll_ctl(client->poller, EPOLL_CTL_ADD, client->wakeup, &event) < 0)
        return -errno;
    int rc = thrum_curl__requests_init(&client->requests);
    return rc < 0 || make_multi(client) ? rc : -ENOMEM;
}

static void dismantle(thrum_curl *client)
{
    curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    thrum_curl__requests_finish(&client->requests);
    thrum_curl__names_finish(&client->names);
    if (client->wakeup >= 0)
        close(client->wakeup);
    if (client->poller >= 0)
        close(client->poller);
    free(client);
}

int thrum_curl_new(const thrum_curl_options *options, thrum_curl **ret_client)
{
    thrum_curl *client = calloc(1, sizeof *client);
    if (!client)
        return -ENOMEM;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return -ENOMEM;
    }
    client->timer = THRUM_FOREVER;
    if (options)
        client->options = *options;
    thrum_curl__names_init(&client->names, client->options.no_lookups);
    int rc = assemble(client);
    if (rc < 0)
        dismantle(client);
    else
        *ret_client = client;
    return rc;
}

void thrum_curl_free(thrum_curl *client)
{
    if (!client)
        return;
    thrum_lock_acquire(&client->lock);
    size_t count = client->requests.count;
    thrum_lock_release(&client->lock);
    if (count > 0) {
        fprintf(stderr, "thrum: thrum_curl_free: %zu requests of the client are under way\n",
                count);
        abort();
    }
    dismantle(client);
}
