/* How a declaration leaves the library: what every other public header needs and nothing more. */
#ifndef THRUM_EXPORT_H
#define THRUM_EXPORT_H

/* The library is built with hidden visibility; what carries this mark is its interface. */
#define THRUM_API __attribute__((visibility("default")))

/* The compiler checks the arguments of a printf-like function. */
#define THRUM_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

/* The compiler warns if the caller drops the return code. A caller that drops the code goes on as
 * if it had what it may not have: an item that was passed on, bytes that were sent, a result, a
 * filled output, a lock, a permit, a token, or a state that it has waited for. Every function that
 * returns a code has this mark, unless a failure takes nothing of this from the caller;
 * tools/unchecked lists those, each with the reason. To drop a code on purpose, write
 * `(void)!call();` and say why.
 */
#define THRUM_MUST_CHECK __attribute__((warn_unused_result))

/* In C++ as in C, options may be written where they are used: &(thrum_queue_options){.max_size =
 * 10}. There that is a temporary, which lives until the call returns, and the language gives no
 * address of one; so options give theirs. */
#ifdef __cplusplus
#define THRUM__OPTIONS(type)                                                                       \
    const type *operator&() const                                                                  \
    {                                                                                              \
        return this;                                                                               \
    }
#else
#define THRUM__OPTIONS(type)
#endif

#ifdef __cplusplus
#define THRUM_BEGIN extern "C" {
#define THRUM_END   }
#else
#define THRUM_BEGIN
#define THRUM_END
#endif

#endif
