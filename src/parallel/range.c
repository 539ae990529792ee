/* Ranges: thrum_for and thrum_reduce, by splitting when somebody wants a part.
 *
 * The caller works through its range a chunk at a time. Between two chunks it looks whether parts are wanted
 * (fork.c). If so, the upper half of what is left becomes a part, which is offered, and the caller goes on with
 * the lower half; the part does the same with its own. So a range is cut only where another context may run
 * the other half, about log2(n) times for each that does, and not into pieces of a size that must be guessed.
 *
 * A chunk begins as one index and grows until it takes CHUNK_US; it shrinks if it takes far more. So the looks
 * cost little where an index is cheap, and come often enough where it is expensive. A part inherits the size.
 *
 * Nothing is offered in the first QUIET_US of a call, and no forks are begun: a range that is done by then has
 * cost two looks at the counter of the clock. A wait in that time keeps no part from running, as there is none.
 *
 * A look at the counter of the clock costs 10 ns on some machines, more than a range of 16 cheap indices. So each
 * thread remembers a few functions whose indices were cheap (`most` of them take less than LITTLE_US), and calls such a
 * function for as few indices at once, without a look. Of these calls every second is measured at first, and every
 * UNMEASURED-th later. A function that turns expensive is thus called serially for UNMEASURED small ranges at the
 * most, which is what the loop would have done.
 *
 * A total of a reduction belongs to one piece. The piece that splits has the other one's total in its frame, or
 * on the heap if it is large; without memory it does not split. Totals are combined after the join, by the
 * piece that split: the lower one first, so the order is that of the indices. The neutral element is read from
 * the caller's total, which is written at the very end, when no other piece is left.
 *
 * `failed` keeps pieces from beginning further chunks. It is advice: it orders nothing, and the codes reach the
 * caller by the joins.
 *
 * Rejected: a grain given by the caller, which is wrong on the next machine; splitting in advance into several
 * parts for each worker, which costs where all workers are busy and is too coarse where the parts differ.
 *
 * Sources: lazy binary splitting (Tzannes, Caragea, Barua, Vishkin).
 */
#include "base/clock.h"
#include "base/panic.h"
#include "parallel/fork.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>

enum { CHUNK_US = 2, QUIET_US = 5, MOST_GROWTH = 16, SMALL = 64 };
enum { LITTLE_US = 1, UNMEASURED = 16 };

/* One call. */
struct loop {
    thrum_executor *executor;
    thrum_range_fn *function; /* or, if NULL, */
    const thrum_reduction *reduction;
    void *arg;
    const void *neutral;
    uint32_t failed;
};

/* A part of its range, which one context works through. */
struct piece {
    struct loop *loop;
    size_t first, end;
    size_t chunk;
    void *total;      /* of a reduction */
    uint64_t checked; /* when the last chunk ended, by the counter of this thread */
};

static int run(const struct loop *loop, size_t first, size_t end, void *total)
{
    return loop->function ? loop->function(loop->arg, first, end)
                          : loop->reduction->fold(loop->arg, first, end, total);
}

/* The totals that most reductions have are copied by one or two moves. */
static void copy_total(void *to, const void *from, size_t size)
{
    if (size == 8)
        memcpy(to, from, 8);
    else if (size == 4)
        memcpy(to, from, 4);
    else
        memcpy(to, from, size);
}

/* Runs the next chunk, and finds the size of the one after it. */
static inline int run_chunk(struct piece *piece)
{
    size_t left = piece->end - piece->first;
    size_t count = left < piece->chunk ? left : piece->chunk;
    size_t first = piece->first;
    piece->first += count;
    int code = run(piece->loop, first, first + count, piece->total);
    if (__builtin_expect(code != 0, 0)) {
        thrum__store_relaxed(&piece->loop->failed, 1);
        return code;
    }
    if (count == left)
        return 0;
    const uint64_t aim = CHUNK_US * thrum__clock_ticks_in_us();
    uint64_t now = thrum__clock_ticks(), took = now - piece->checked;
    piece->checked = now;
    if (took < aim / MOST_GROWTH)
        piece->chunk *= MOST_GROWTH;
    else if (took < aim / 2)
        piece->chunk *= 2;
    else if (took > 4 * aim && piece->chunk > 1)
        piece->chunk /= 2;
    return 0;
}

static int run_piece(struct piece *piece, thrum__forks *forks);

/* A piece as a part that was taken, or taken back. */
static int run_part(void *arg)
{
    struct piece *piece = arg;
    piece->checked = thrum__clock_ticks();
    return run_piece(piece, thrum__forks_here(piece->loop->executor));
}

/* Makes the upper half of the piece a part, and runs both. With `total` for the part. */
static int run_halves(struct piece *piece, thrum__forks *forks, void *total)
{
    struct piece upper = *piece;
    thrum_part part;
    upper.first = piece->first + (piece->end - piece->first) / 2;
    upper.total = total;
    piece->end = upper.first;
    thrum__memory_live(&part);
    thrum__forks_push(forks, &part, run_part, &upper);
    thrum__forks_offer(forks);
    int code = run_piece(piece, forks), code_upper = 0;
    if (!thrum__forks_pop(forks, &part))
        code_upper = thrum__part_join(forks, &part, code != 0);
    else if (code == 0)
        code_upper = run_part(&upper);
    thrum__memory_dead(&part);
    code = code ? code : code_upper;
    if (code == 0 && total)
        piece->loop->reduction->combine(piece->loop->arg, piece->total, total);
    return code;
}

/* Splits a piece and runs both halves. Returns 1, with nothing done, if there is no memory. */
static __attribute__((noinline)) int split(struct piece *piece, thrum__forks *forks)
{
    alignas(16) char small[SMALL];
    size_t size = piece->total ? piece->loop->reduction->size : 0;
    void *total = size <= sizeof small ? small : thrum__alloc(size);
    if (!total)
        return 1;
    if (size)
        copy_total(total, piece->loop->neutral, size);
    int code = run_halves(piece, forks, size ? total : NULL);
    if (total != small)
        thrum__free(total);
    return code;
}

static int run_piece(struct piece *piece, thrum__forks *forks)
{
    while (piece->first < piece->end && !thrum__load_relaxed(&piece->loop->failed)) {
        int code = run_chunk(piece);
        if (code)
            return code;
        if (!thrum__forks_wanted(forks) || piece->end - piece->first < 2)
            continue;
        code = split(piece, forks);
        if (code <= 0)
            return code;
    }
    return 0;
}

/* The rest of a range that takes longer. */
static __attribute__((noinline)) int run_rest(struct piece *piece)
{
    thrum_executor *executor = piece->loop->executor;
    thrum__forks *here = thrum__forks_here(executor), own;
    if (here)
        return run_piece(piece, here);
    if (thrum__staff_begin(executor) < 0)
        return run(piece->loop, piece->first, piece->end, piece->total); /* alone */
    thrum__memory_live(&own);
    thrum__forks_begin(&own, executor);
    int code = run_piece(piece, &own);
    thrum__forks_end(&own);
    thrum__memory_dead(&own);
    return code;
}

/* Where the calling thread remembers the function of the loop; NULL for nowhere. */
static inline thrum__cheap_range *remembered(const void *function)
{
#ifdef THRUM_EXPLORE
    (void)function;
    return NULL; /* no time passes there */
#else
    const thrum__context *self = thrum__local();
    uintptr_t hash = (uintptr_t)function / 16;
    return self ? &self->of_thread->cheap_ranges[hash % THRUM__CHEAP_RANGES] : NULL;
#endif
}

static const void *function_of(const struct loop *loop)
{
    return loop->function ? (const void *)(uintptr_t)loop->function
                          : (const void *)(uintptr_t)loop->reduction->fold;
}

/* Whether a range of so many indices is known to take little. */
static inline bool is_cheap(const struct loop *loop, size_t count)
{
    thrum__cheap_range *known = remembered(function_of(loop));
    if (!known || known->function != function_of(loop) || known->most < count || !known->left)
        return false;
    known->left--;
    return true;
}

/* Remembers what one index took. */
static void remember(const struct loop *loop, uint64_t took)
{
    thrum__cheap_range *known = remembered(function_of(loop));
    uint64_t little = LITTLE_US * thrum__clock_ticks_in_us(), most = little / (took + 1);
    if (!known)
        return;
    if (known->function != function_of(loop) || most < 2)
        *known = (thrum__cheap_range){.function = function_of(loop)};
    known->most = (uint32_t)most;
    known->left = most < 2 ? 0 : known->next;
    known->next = known->next < UNMEASURED / 2 ? 2 * known->next + 1 : UNMEASURED;
}

static inline int run_loop(struct loop *loop, size_t first, size_t end, void *total)
{
    if (first >= end)
        return 0;
    if (end - first == 1 || is_cheap(loop, end - first))
        return run(loop, first, end, total);
    struct piece piece = {loop, first, end, 1, total, thrum__clock_ticks()};
    uint64_t start = piece.checked, quiet = QUIET_US * thrum__clock_ticks_in_us();
    while (piece.first < end) {
        int code = run_chunk(&piece);
        if (code)
            return code;
        if (piece.first == first + 1)
            remember(loop, piece.checked - start);
        if (piece.first < end && piece.checked - start >= quiet)
            return run_rest(&piece);
    }
    return 0;
}

int thrum_for(thrum_executor *executor, size_t first, size_t end, thrum_range_fn *function,
              void *arg)
{
    thrum__executor_check(executor, thrum__caller());
    struct loop loop = {.executor = executor, .function = function, .arg = arg};
    return run_loop(&loop, first, end, NULL);
}

int thrum_reduce(thrum_executor *executor, size_t first, size_t end,
                 const thrum_reduction *reduction, void *arg, void *total)
{
    thrum__executor_check(executor, thrum__caller());
    alignas(16) char small[SMALL];
    void *own = reduction->size <= sizeof small ? small : thrum__alloc(reduction->size);
    if (!own)
        return -ENOMEM;
    struct loop loop = {.executor = executor, .reduction = reduction, .arg = arg, .neutral = total};
    copy_total(own, total, reduction->size);
    int code = run_loop(&loop, first, end, own);
    if (code == 0)
        copy_total(total, own, reduction->size);
    if (own != small)
        thrum__free(own);
    return code;
}
