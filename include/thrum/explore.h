/* Tests of which every interleaving is run: small programs over thrum, under the explorer.
 *
 *     #include <thrum.h>
 *     #include <thrum/explore.h>
 *
 *     struct account {
 *         thrum_lock lock;
 *         int balance;
 *     };
 *
 *     static void deposit(void *argument)
 *     {
 *         struct account *account = argument;
 *         thrum_lock_acquire(&account->lock);
 *         thrum_explore_write(account->balance, thrum_explore_read(account->balance) + 10);
 *         thrum_lock_release(&account->lock);
 *     }
 *
 *     THRUM_EXPLORE_TEST(two_deposits)
 *     {
 *         struct account account = {THRUM_LOCK_INIT, 0};
 *         thrum_explore_spawn("one", deposit, &account);
 *         thrum_explore_spawn("two", deposit, &account);
 *         thrum_explore_join_all();
 *         thrum_explore_check(account.balance == 20);
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         thrum_explore_main(argc, argv);      // prints ok 1 - two_deposits ... exhausted
 *     }                                        // prints # 1 searches, 0 failed; ...
 *
 * This is a library of its own. The program is compiled with -DTHRUM_EXPLORE, and linked with
 * libthrum-explore in place of libthrum: `pkg-config --cflags --libs thrum-explore`. That library
 * has all of libthrum, with a scheduler behind each atomic access, wait, clock and allocation.
 *
 * The body of a test runs once for each interleaving of its threads, up to a bound of preemptions,
 * each time from the same state: all variables of the program are as they were before. It must be
 * deterministic but for what the explorer decides. Threads are those of thrum_explore_spawn and all
 * that libthrum starts, at most 11. Threads of the system, files, sockets and the time of day have
 * no place in a test. All threads have ended when the body returns.
 *
 * The explorer sees what the objects of thrum do. What the program does itself must be marked: plain
 * variables by thrum_explore_read and thrum_explore_write, atomics by thrum_explore_load and its
 * siblings. Without -DTHRUM_EXPLORE the marks are plain accesses and atomics of the compiler, so
 * marked code can stay in the program.
 *
 * A run fails by a check, a race on marked variables, a deadlock or a lost wake-up, a livelock, memory
 * that is used after its end or is left, or a misuse of libthrum. The report lists the steps, and a
 * string that repeats them. docs/explorer.md is the guide.
 *
 * Rust: loom.
 */
#ifndef THRUM_EXPLORE_H
#define THRUM_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum/export.h>
#include <thrum/time.h>

THRUM_BEGIN

/* For `preemptions`: no bound, and a bound of 0. */
enum { THRUM_EXPLORE_ALL = -1, THRUM_EXPLORE_NONE = -2 };

/* What a test asks for. Zero selects the default. Rare events strike at each place at which they can,
 * but no more often in one run than the test says. */
typedef struct thrum_explore_options {
    int thrum__none;      /* private: a list of no options begins with it */
    int preemptions;      /* the bound; 2 by default */
    int long_preemptions; /* the bound with --long; that of `preemptions` by default */
    bool long_only;       /* run only with --long */
    int spurious;         /* waits that end for no reason */
    int timeouts;         /* deadlines that pass while other threads can go on */
    int weak;             /* weak compare-and-swaps of libthrum that fail for no reason */
    int stale;            /* loads that see an older value, as weak memory allows */
    int no_memory;        /* allocations that fail */
    int no_thread;        /* starts of threads that fail */
    int ticks;            /* reads of the clock that find it later, by `tick` */
    thrum_time tick;      /* 2 ms by default */
    bool rescue;    /* when all threads wait, the first deadline passes; else that is a failure */
    bool leaks;     /* memory may be left */
    bool idle;      /* threads may sleep for ever once all others have ended */
    uint32_t steps; /* more in a run are a livelock; 5000 by default */
    const char *panic; /* libthrum must stop some run with this text, which is then no failure */
    const char *fails; /* the search must find a failure with this text */
    const char *sees;  /* some run must call thrum_explore_seen with this text */
    uint64_t runs;     /* at most so many, then it is not exhausted; 1 000 000 by default */
    uint64_t exactly;  /* the number of runs that it must take */
    bool no_reduction; /* run equal states again */
    bool partial;      /* not exhausted is no failure */
    unsigned walks;    /* then also so many random and PCT runs each */
} thrum_explore_options;

/* A test; THRUM_EXPLORE_TEST makes it. Fields are private. */
typedef struct thrum_explore_test {
    const char *name_;
    void (*run_)(void);
    thrum_explore_options options_;
    struct thrum_explore_test *next_;
} thrum_explore_test;

/* Defines a test, and is followed by its body. Options follow the name:
 * THRUM_EXPLORE_TEST(two_deposits, .preemptions = 3, .timeouts = 1). */
#define THRUM_EXPLORE_TEST(...) thrum__explore_test(__VA_ARGS__, )
#define thrum__explore_test(test, ...)                                                             \
    static void thrum__explored_##test(void);                                                      \
    __attribute__((constructor)) static void thrum__register_##test(void)                          \
    {                                                                                              \
        static thrum_explore_test entry = {                                                        \
            #test, thrum__explored_##test, {.thrum__none = 0, __VA_ARGS__}, NULL};                 \
        thrum_explore_register(&entry);                                                            \
    }                                                                                              \
    static void thrum__explored_##test(void)

/* Registers a test, before main. THRUM_EXPLORE_TEST calls it. Does not block. */
THRUM_API void thrum_explore_register(thrum_explore_test *test);

/* Explores all tests, or those that the options of the command line name, and ends the process: with
 * status 0 if all went well, 1 if a test failed, 2 for wrong options. `--help` lists the options:
 * `--only TEXT` takes the tests whose names contain TEXT, `--replay STRING` repeats a failure.
 * Handlers of atexit are not called. Blocks, without a deadline. */
THRUM_API void thrum_explore_main(int argc, char **argv) __attribute__((noreturn));

/* Starts a thread of the test. Returns its number, for thrum_explore_join. `name` is for reports, and
 * must stay. If there are too many threads, the run fails. Does not block. */
THRUM_API unsigned thrum_explore_spawn(const char *name, void (*run)(void *argument),
                                       void *argument);

/* Waits until one thread, or each thread that thrum_explore_spawn has started, has ended. There is no
 * deadline: if the thread never ends, the run fails. */
THRUM_API void thrum_explore_join(unsigned thread);

/* Like thrum_explore_join, for all threads that thrum_explore_spawn has started. There is no
 * deadline. */
THRUM_API void thrum_explore_join_all(void);

/* Chooses one of `count` numbers from 0 on. Each is tried. Returns the number. Does not block. */
THRUM_API unsigned thrum_explore_any(unsigned count);

/* Notes that something has happened that must be possible: see `sees`. Does not block. */
THRUM_API void thrum_explore_seen(const char *what);

/* Returns how many deadlines have passed in this run. Does not block. */
THRUM_API unsigned thrum_explore_timeouts(void);

/* Allocates memory of the run, set to zero; the explorer knows its end, and tells if it is left. Without
 * the budget `no_memory` it does not fail: NULL is then a failure of the run. Returns NULL if memory ran
 * out. Does not block. */
THRUM_API void *thrum_explore_alloc(size_t size);

/* Frees memory of thrum_explore_alloc. Accepts NULL. Does not block. */
THRUM_API void thrum_explore_free(void *memory);

/* What the macros below call. */
enum { THRUM_EXPLORE__LOAD, THRUM_EXPLORE__STORE, THRUM_EXPLORE__UPDATE, THRUM_EXPLORE__COMPARE };
void thrum__explore_named(const void *object, size_t size, const char *name);
void thrum__explore_check_failed(const char *condition, const char *file, int line)
    __attribute__((noreturn));
void thrum__explore_access(const void *object, size_t size, bool write, const char *file, int line);
void thrum__explore_atomic(int kind, const void *word, size_t size, const char *file, int line);
void thrum__explore_atomic_done(int kind, int order, const void *word);
void thrum__explore_atomic_loaded(int order, const void *word, size_t size, void *value);
void thrum__explore_fenced(const char *file, int line);
void thrum__explore_paused(void);

/* Names an object, for reports. */
#define thrum_explore_name(object) thrum__explore_named(&(object), sizeof(object), #object)

/* The run fails unless the condition holds. */
#define thrum_explore_check(condition)                                                             \
    ((condition) ? (void)0 : thrum__explore_check_failed(#condition, __FILE__, __LINE__))

/* The arguments are evaluated before the point at which another thread may go on. */
#ifdef THRUM_EXPLORE
#define thrum__explore_read(object)                                                                \
    (*(thrum__explore_access(&(object), sizeof(object), false, __FILE__, __LINE__), &(object)))
#define thrum__explore_write(object, value)                                                        \
    __extension__({                                                                                \
        __typeof__(object) written_ = (value);                                                     \
        thrum__explore_access(&(object), sizeof(object), true, __FILE__, __LINE__);                \
        (object) = written_;                                                                       \
    })
#define thrum__explore_load(word, order)                                                           \
    __extension__({                                                                                \
        thrum__explore_atomic(THRUM_EXPLORE__LOAD, (word), sizeof *(word), __FILE__, __LINE__);    \
        __typeof__(*(word)) loaded_ = __atomic_load_n((word), __ATOMIC_SEQ_CST);                   \
        thrum__explore_atomic_loaded((order), (word), sizeof *(word), &loaded_);                   \
        loaded_;                                                                                   \
    })
#define thrum__explore_store(word, value, order)                                                   \
    __extension__({                                                                                \
        __typeof__(*(word)) stored_ = (value);                                                     \
        thrum__explore_atomic(THRUM_EXPLORE__STORE, (word), sizeof *(word), __FILE__, __LINE__);   \
        __atomic_store_n((word), stored_, __ATOMIC_SEQ_CST);                                       \
        thrum__explore_atomic_done(THRUM_EXPLORE__STORE, (order), (word));                         \
    })
#define thrum__explore_update(builtin, word, value, order)                                         \
    __extension__({                                                                                \
        __typeof__(value) given_ = (value);                                                        \
        thrum__explore_atomic(THRUM_EXPLORE__UPDATE, (word), sizeof *(word), __FILE__, __LINE__);  \
        __typeof__(*(word)) found_ = builtin((word), given_, __ATOMIC_SEQ_CST);                    \
        thrum__explore_atomic_done(THRUM_EXPLORE__UPDATE, (order), (word));                        \
        found_;                                                                                    \
    })
#define thrum__explore_compare(word, expected, desired, order)                                     \
    __extension__({                                                                                \
        __typeof__(*(word)) desired_ = (desired);                                                  \
        thrum__explore_atomic(THRUM_EXPLORE__COMPARE, (word), sizeof *(word), __FILE__, __LINE__); \
        bool stored_ = __atomic_compare_exchange_n((word), (expected), desired_, false,            \
                                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);            \
        thrum__explore_atomic_done(stored_ ? THRUM_EXPLORE__UPDATE : THRUM_EXPLORE__LOAD,          \
                                   stored_ ? (order) : __ATOMIC_RELAXED, (word));                  \
        stored_;                                                                                   \
    })
#define thrum__explore_order() thrum__explore_fenced(__FILE__, __LINE__)
#define thrum__explore_spin()  thrum__explore_paused()
#else
#define thrum__explore_read(object)                        (object)
#define thrum__explore_write(object, value)                ((void)((object) = (value)))
#define thrum__explore_load(word, order)                   __atomic_load_n((word), (order))
#define thrum__explore_store(word, value, order)           __atomic_store_n((word), (value), (order))
#define thrum__explore_update(builtin, word, value, order) builtin((word), (value), (order))
#define thrum__explore_compare(word, expected, desired, order)                                     \
    __atomic_compare_exchange_n((word), (expected), (desired), false, (order), __ATOMIC_RELAXED)
#define thrum__explore_order() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define thrum__explore_spin()  ((void)0)
#endif

/* Reads a plain variable: the value is that of the variable. If nothing orders the read before or after
 * each write of another thread, the run fails. */
#define thrum_explore_read(object) thrum__explore_read(object)

/* Writes a plain variable. If nothing orders the write before or after each access of another thread,
 * the run fails. */
#define thrum_explore_write(object, value) thrum__explore_write(object, value)

/* Loads an integer or a pointer that is not of an _Atomic type, atomically. `order` is a memory_order of
 * <stdatomic.h>, or a constant such as __ATOMIC_ACQUIRE. */
#define thrum_explore_load(word, order) thrum__explore_load(word, order)

/* Stores to `*word` atomically: see thrum_explore_load. */
#define thrum_explore_store(word, value, order) thrum__explore_store(word, value, order)

/* Stores to `*word`, and gives the value from before: see thrum_explore_load. */
#define thrum_explore_exchange(word, value, order)                                                 \
    thrum__explore_update(__atomic_exchange_n, word, value, order)

/* Adds to `*word`, and gives the value from before: see thrum_explore_load. */
#define thrum_explore_add(word, value, order)                                                      \
    thrum__explore_update(__atomic_fetch_add, word, value, order)

/* If `*word` is `*expected`, stores `desired` and is true. Else sets `*expected` to what it has found, and
 * is false. See thrum_explore_load. */
#define thrum_explore_compare_exchange(word, expected, desired, order)                             \
    thrum__explore_compare(word, expected, desired, order)

/* A sequentially consistent fence. */
#define thrum_explore_fence() thrum__explore_order()

/* One turn of a loop that waits for the store of another thread: it does not turn again before another
 * thread has stored something. */
#define thrum_explore_pause() thrum__explore_spin()

THRUM_END

#endif
