#include "base/pages.h"
#include "base/fault.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef THRUM_EXPLORE
#include "base/explore.h"

/* A run of the explorer has memory of its own, all of it there from the start. */

size_t thrum__pages_size(void)
{
    return 4096;
}

void *thrum__pages_reserve(size_t size)
{
    if (thrum__explore_allocation_failure() || thrum__fault(THRUM__FAULT_PAGES))
        return NULL;
    return thrum__explore_allocate(size, thrum__pages_size(), false);
}

void thrum__pages_release(void *pages, size_t size)
{
    (void)size;
    thrum__explore_release(pages);
}

int thrum__pages_guard(void *page)
{
    (void)page;
    return 0;
}

bool thrum__pages_guards_split(void)
{
    return false;
}

void thrum__pages_drop(void *pages, size_t size)
{
    (void)pages, (void)size;
}

#else

/* Younger than the headers that we may be built with. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

size_t thrum__pages_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *thrum__pages_reserve(size_t size)
{
    if (thrum__fault(THRUM__FAULT_PAGES))
        return NULL;
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    madvise(pages, size, MADV_NOHUGEPAGE); /* fails where there are no huge pages */
    return pages;
}

void thrum__pages_release(void *pages, size_t size)
{
    munmap(pages, size);
}

/* Whether the page faults: the kernel, asked to read it in advance, says so. An emulator may answer
 * that it has installed a guard, as advice that it does not know does no harm; it answers this
 * likewise. A call that takes the page for a name would say it, too, but Valgrind reads names
 * itself, and dies. */
static bool faults(void *page, size_t size)
{
    return madvise(page, size, MADV_POPULATE_READ) < 0 && errno == EFAULT;
}

static enum { UNKNOWN, WORKS, FAILS } guards; /* of the kernel */

bool thrum__pages_guards_split(void)
{
    return __atomic_load_n(&guards, __ATOMIC_RELAXED) == FAILS;
}

int thrum__pages_guard(void *page)
{
    if (thrum__fault(THRUM__FAULT_PAGES))
        return -ENOMEM;
    size_t size = thrum__pages_size();
    unsigned known = __atomic_load_n(&guards, __ATOMIC_RELAXED);
    if (known != FAILS) {
        if (madvise(page, size, MADV_GUARD_INSTALL) == 0) {
            if (known == WORKS || faults(page, size)) {
                if (known != WORKS)
                    __atomic_store_n(&guards, WORKS, __ATOMIC_RELAXED);
                return 0;
            }
        } else if (errno != EINVAL) {
            return -ENOMEM;
        }
        __atomic_store_n(&guards, FAILS, __ATOMIC_RELAXED);
    }
    return mprotect(page, size, PROT_NONE) == 0 ? 0 : -ENOMEM;
}

void thrum__pages_drop(void *pages, size_t size)
{
    madvise(pages, size, MADV_DONTNEED);
}

#endif
