#include "base/futex.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/panic.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef THRUM_EXPLORE
#include "base/explore.h"

/* There is one address space, and so one kind of word. */

int thrum__futex_wait(uint32_t *word, uint32_t expected, thrum_deadline deadline)
{
    return thrum__explore_futex_wait(word, expected, deadline.ns);
}

void thrum__futex_wake(uint32_t *word, int count)
{
    thrum__explore_futex_wake(word, count);
}

int thrum__futex_wait_shared(uint32_t *word, uint32_t expected, thrum_deadline deadline)
{
    return thrum__explore_futex_wait(word, expected, deadline.ns);
}

int thrum__futex_wake_shared(uint32_t *word, int count)
{
    return thrum__explore_futex_wake(word, count);
}

struct waitv {
    char unused;
};

static int wait_any(const thrum__futex_place *places, struct waitv *unused, unsigned count,
                    thrum_deadline deadline)
{
    (void)unused;
    return thrum__futex_wait_any(places, count, deadline);
}

int thrum__futex_wait_any(const thrum__futex_place *places, unsigned count, thrum_deadline deadline)
{
    uint32_t *words[THRUM__EXPLORE_WORDS], expected[THRUM__EXPLORE_WORDS];
    for (unsigned i = 0; i < count && i < THRUM__EXPLORE_WORDS; i++) {
        words[i] = places[i].word;
        expected[i] = places[i].expected;
    }
    return thrum__explore_futex_wait_any(words, expected, count, deadline.ns);
}

#else

static struct timespec *limit_of(struct timespec *at, thrum_deadline deadline)
{
    if (thrum_deadline_is_forever(deadline))
        return NULL;
    at->tv_sec = (time_t)(deadline.ns / 1000000000);
    at->tv_nsec = (long)(deadline.ns % 1000000000);
    return at;
}

/* The kernel refused a sleep for a reason that cannot end by waiting: a defect of the library or of
 * the system. Taken for a wake it would make the caller spin for ever. */
static __attribute__((noreturn, noinline, cold)) void refused(const uint32_t *word, int error)
{
    thrum__panic(NULL, "the kernel refuses to wait on word %p: %s", (const void *)word,
                 strerror(error));
}

static int wait(uint32_t *word, int how, uint32_t expected, thrum_deadline deadline)
{
    if (thrum__fault(THRUM__FAULT_FUTEX_WAIT))
        return 0; /* as if a signal had come */
    struct timespec at;
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | how, expected, limit_of(&at, deadline),
                      NULL, FUTEX_BITSET_MATCH_ANY);
    if (rc >= 0 || errno == EAGAIN || errno == EINTR)
        return 0;
    if (errno != ETIMEDOUT && errno != ENOMEM) /* no memory for the page behind a shared word */
        refused(word, errno);
    return errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

int thrum__futex_wait(uint32_t *word, uint32_t expected, thrum_deadline deadline)
{
    return wait(word, FUTEX_PRIVATE_FLAG, expected, deadline);
}

void thrum__futex_wake(uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

int thrum__futex_wait_shared(uint32_t *word, uint32_t expected, thrum_deadline deadline)
{
    return wait(word, 0, expected, deadline);
}

int thrum__futex_wake_shared(uint32_t *word, int count)
{
    long woken = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
    return woken > 0 ? (int)woken : 0;
}

/* As the kernel has them; the headers of the system may be older than it is. */
#ifdef SYS_futex_waitv
enum { FUTEX_WAITV = SYS_futex_waitv };
#else
enum { FUTEX_WAITV = 449 };
#endif
enum { WORD_OF_32 = 2 };

struct waitv {
    uint64_t expected, address;
    uint32_t flags, reserved;
};

/* `words` is room for as many as there are places: a sleep on two is to fit on a small stack. */
static int wait_any(const thrum__futex_place *places, struct waitv *words, unsigned count,
                    thrum_deadline deadline)
{
    if (thrum__fault(THRUM__FAULT_FUTEX_ANY))
        return -ENOSYS;
    if (thrum__fault(THRUM__FAULT_FUTEX_WAIT))
        return -EAGAIN;
    for (unsigned i = 0; i < count; i++)
        words[i] = (struct waitv){
            .expected = places[i].expected,
            .address = (uintptr_t)places[i].word,
            .flags = WORD_OF_32 | (places[i].shared ? 0 : FUTEX_PRIVATE_FLAG),
        };
    struct timespec at;
    long rc = syscall(FUTEX_WAITV, words, count, 0, limit_of(&at, deadline), CLOCK_MONOTONIC);
    if (rc >= 0)
        return (int)rc;
    switch (errno) {
    case ETIMEDOUT:
        return -ETIMEDOUT;
    case ENOSYS:
    case EPERM: /* some sandboxes refuse what they do not know */
        return -ENOSYS;
    case EAGAIN:
    case EINTR:
    case EFAULT: /* the memory of a word is gone */
    case ENOMEM:
        return -EAGAIN;
    default:
        refused(places[0].word, errno);
    }
}

int thrum__futex_wait_any(const thrum__futex_place *places, unsigned count, thrum_deadline deadline)
{
    struct waitv words[THRUM__FUTEX_PLACES];
    return wait_any(places, words, count, deadline);
}

#endif

/* The kernel has no wait for two. A wake of the shared word ends it at once; the other word, and so
 * a cancellation, is seen at the end of a slice. */
static int wait_in_slices(uint32_t *own, uint32_t own_expected, uint32_t *shared,
                          uint32_t shared_expected, thrum_deadline deadline)
{
    enum { SLICE_NS = 50000000 };
    while (thrum__load_acquire(own) == own_expected) {
        thrum_deadline slice = thrum__deadline_after(thrum__clock_now(), SLICE_NS);
        if (slice.ns >= deadline.ns)
            return thrum__futex_wait_shared(shared, shared_expected, deadline);
        if (thrum__futex_wait_shared(shared, shared_expected, slice) != -ETIMEDOUT)
            break;
    }
    return 0;
}

int thrum__futex_wait_two(uint32_t *own, uint32_t own_expected, uint32_t *shared,
                          uint32_t shared_expected, thrum_deadline deadline)
{
    thrum__futex_place places[] = {{own, own_expected, false}, {shared, shared_expected, true}};
    struct waitv words[2];
    int rc = wait_any(places, words, 2, deadline);
    if (rc == -ENOSYS)
        return wait_in_slices(own, own_expected, shared, shared_expected, deadline);
    return rc == -ETIMEDOUT ? rc : 0;
}
