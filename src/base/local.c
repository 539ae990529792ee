#include "base/local.h"

#include <pthread.h>
#include <stddef.h>

#ifdef THRUM_EXPLORE

int thrum__local_set(void *value, uint32_t number, void (*at_exit)(void *value))
{
    *thrum__explore_local() = value;
    *thrum__explore_local_number() = number;
    thrum__explore_local_end(at_exit);
    return 0;
}

void thrum__local_assign(void *value, uint32_t number)
{
    *thrum__explore_local() = value;
    *thrum__explore_local_number() = number;
    thrum__explore_local_end(NULL);
}

#else

/* "used": optimizers at link time do not see that assembler in thrum/parallel.h has the name, and would make it local. */
__thread struct thrum__local_slot thrum__local_slot
    __attribute__((tls_model("initial-exec"), used));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* only for its destructor: the slot above is the value */
static int key_error;
static void (*destructor)(void *);

static void end_thread(void *value)
{
    __atomic_load_n(&destructor, __ATOMIC_RELAXED)(value); /* other threads store it anew */
    thrum__local_assign(NULL, 0);
}

static void make_key(void)
{
    key_error = -pthread_key_create(&key, end_thread);
}

int thrum__local_set(void *value, uint32_t number, void (*at_exit)(void *value))
{
    pthread_once(&once, make_key);
    if (key_error)
        return key_error;
    __atomic_store_n(&destructor, at_exit, __ATOMIC_RELAXED);
    int rc = -pthread_setspecific(key, value);
    if (rc == 0)
        thrum__local_assign(value, number);
    return rc;
}

void thrum__local_assign(void *value, uint32_t number)
{
    thrum__local_slot.value = value;
    thrum__local_slot.number = number;
}

#endif
