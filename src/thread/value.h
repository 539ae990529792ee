/* Values on their way into a task and out of it: the pair `arg, size` or `value, size` of a public
 * call.
 *
 * A size is a number of bytes, or one of two marks that thrum_text and thrum_owned put there:
 *
 *     THRUM__TEXT_SIZE     the pointer is a text that ends in a zero byte: the size is its length plus 1
 *     THRUM__OWNED_SIZE    the pointer is a thrum__owned: a value and its destructor
 *
 * Every public function that takes a value turns the pair into a thrum__value first, so no other
 * code meets a mark. Sizes that come from another process are compared with a bound before they
 * come here.
 *
 * A value with a destructor is *owned*. From the call on that is given it, the library owns it, and
 * ends that in exactly one of two ways: it delivers the value, or it calls the destructor. An owned
 * value that is kept has a header in front of its bytes, and the header has the destructor until
 * the value is delivered:
 *
 *     made         by thrum__value_keep, which copies the bytes. Without memory the destructor is called on
 *                  the caller's bytes, there and then
 *     delivered    by thrum__value_delivered, which takes the destructor out of the header. Called by the
 *                  thread that begins the task (an argument), or that has taken the result out of its task,
 *                  of which there is one (deliver.h)
 *     released     by thrum__value_release, when the last reference to the task goes: it calls the destructor
 *                  if it is still in the header, and frees the memory
 *
 * So the count of references decides which thread calls the destructor, and nothing else has to: a
 * cancel, a refused submit, a shutdown and a lost result all end in the same place. It is the place
 * that calls the failure hook, where code of the user may run: no lock and no guard is held there,
 * and where the last reference belongs to a thread that the library needs for progress, a
 * background thread does it (executor/process/assign.c). A destructor is shielded from
 * cancellation.
 *
 * Rejected: to call the destructor as soon as it is known that the task will never run. A cancel
 * knows that first, but the executor, or the task whose result is to be the argument, may be at the
 * future in the same moment; keeping them apart would cost each task a step that only the cancelled
 * need.
 */
#ifndef THRUM_THREAD_VALUE_H
#define THRUM_THREAD_VALUE_H

#include <stddef.h>
#include <thrum/task.h>

typedef struct thrum__value {
    const void *bytes;
    size_t size;
    thrum_destructor *destroy; /* NULL for a value that is not owned */
    size_t skip;               /* where in the bytes the destructor's value begins */
} thrum__value;

/* No argument. */
#define THRUM__NO_VALUE ((thrum__value){.bytes = NULL})

/* What a marked pair stands for. Stops the program for a text that is NULL. */
thrum__value thrum__value_marked(const void *value, size_t size, const void *place);

/* What any pair stands for. `place` is the caller's, for a message. */
static inline thrum__value thrum__value_of(const void *value, size_t size, const void *place)
{
    if (__builtin_expect(size >= THRUM__OWNED_SIZE, 0))
        return thrum__value_marked(value, size, place);
    return (thrum__value){.bytes = value, .size = size};
}

/* Why a task with an owned value is refused where it would go to another process. */
#define thrum__value_stays                                                                         \
    "a value with a destructor cannot leave its process: see thrum_owned in <thrum/task.h>"

/* Calls the destructor of a value that is not kept, if it has one. */
void thrum__value_drop(thrum__value value);

/* A copy of an owned value's bytes on the heap, with the header in front; NULL if memory is out,
 * and then the destructor was called. */
void *thrum__value_keep(thrum__value value);

/* The value was delivered: the destructor will not be called. */
void thrum__value_delivered(void *bytes);

/* Whether it has a destructor to call still. */
bool thrum__value_undelivered(const void *bytes);

/* Calls the destructor if the value was not delivered, and frees the memory. */
void thrum__value_release(void *bytes);

#endif
