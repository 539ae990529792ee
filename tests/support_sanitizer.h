/* Whether a sanitizer watches this build. A program can start no thread in a child made by fork amid other
 * threads: gcc's thread sanitizer ends the child, its address sanitizer hangs in locks of its own. Both take
 * more address space and memory than the program does.
 *
 * Under the address sanitizer such a child must not allocate either. The runtime of gcc 12 has no fork
 * handlers for its allocator: a lock that another thread held at the fork is held in the child for ever. */
#ifndef TESTS_SUPPORT_SANITIZER_H
#define TESTS_SUPPORT_SANITIZER_H

#include <stdbool.h>

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { ADDRESS_SANITIZED = true };
#else
enum { ADDRESS_SANITIZED = false };
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
enum { THREAD_SANITIZED = true };
#else
enum { THREAD_SANITIZED = false };
#endif

enum { SANITIZED = ADDRESS_SANITIZED || THREAD_SANITIZED };

#endif
