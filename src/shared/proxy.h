/* The proxy: a thread that sleeps on shared words for fibers. proxy.c has the essay. */
#ifndef THRUM_SHARED_PROXY_H
#define THRUM_SHARED_PROXY_H

#include "base/futex.h"
#include "park/waiter.h"

#ifdef THRUM_EXPLORE
enum { THRUM__PROXY_PLACES = 3 };
#else
enum { THRUM__PROXY_PLACES = THRUM__FUTEX_PLACES - 1 }; /* one is the proxy's own word */
#endif

typedef struct thrum__proxy thrum__proxy;

/* A place that a fiber has with a proxy, or with none. */
typedef struct thrum__proxy_place {
    thrum__proxy *proxy;
    unsigned index;
} thrum__proxy_place;

struct thrum__proxy {
    uint32_t guard;     /* of all up to `watched` */
    uint32_t wake_word; /* where the proxy sleeps as well */
    uint32_t serials;
    struct thrum__proxy_spot {
        bool reserved;
        thrum__waiter *waiter; /* NULL while no fiber sleeps here */
        uint32_t *word;
        uint32_t expected;
        uint32_t serial; /* of the sleep: unlike that of each other */
    } spots[THRUM__PROXY_PLACES];

    /* Only the proxy uses these: what it sleeps on, the wake word first, and the fiber of each. */
    unsigned watched;
    thrum__futex_place words[THRUM__PROXY_PLACES + 1];
    struct {
        unsigned index;
        uint32_t serial;
    } whose[THRUM__PROXY_PLACES + 1];

    thrum__proxy *next; /* fixed once it is in the list */
};

/* Reserves a place with a proxy, before the wait begins. False if there is none because the system
 * gives no thread; the place then belongs to no proxy. May wait. */
bool thrum__proxies_reserve(thrum__proxy_place *ret_place);

/* The same with this proxy; false if it is full. */
bool thrum__proxy_reserve(thrum__proxy *proxy, thrum__proxy_place *ret_place);

/* Ends the wait that has begun, as if notified, when *word is not `expected` or a wake comes there. */
void thrum__proxy_enter(const thrum__proxy_place *place, thrum__waiter *waiter, uint32_t *word,
                        uint32_t expected);

/* Gives the place back, after the wait. */
void thrum__proxy_leave(const thrum__proxy_place *place);

/* One turn of the proxy's thread: sleeps, then unparks each fiber that must look. */
void thrum__proxy_turn(thrum__proxy *proxy);

#endif
