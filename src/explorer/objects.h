/* What the explorer remembers of each word of memory that atomics touch. */
#ifndef THRUM_BASE_EXPLORE_OBJECTS_H
#define THRUM_BASE_EXPLORE_OBJECTS_H

#include "explorer/machine.h"

enum { THRUM__EXPLORE_HISTORY = 8 };    /* values of one word that a load may still see */
enum { THRUM__EXPLORE_OBJECTS = 2048 }; /* at most, in one run */

/* One value that the word has had. */
typedef struct thrum__explore_value {
    uint64_t value;
    uint8_t writer;  /* its thread */
    bool initial;    /* was there before any step, or written past the gate: seen by all */
    bool seq_cst;    /* the store was sequentially consistent */
    uint32_t epoch;  /* the writer's clock at the store */
    uint32_t fences; /* how many fences there had been in all */
    thrum__explore_clock published;        /* what an acquire of it learns */
    uint32_t seen[THRUM__EXPLORE_THREADS]; /* each thread's clock as it first saw it, or 0 */
} thrum__explore_value;

typedef struct thrum__explore_object {
    const void *address;
    uint32_t size;
    uint64_t last_write, reads;               /* trace.c */
    unsigned count, newest;                   /* of values, and which is the newest */
    uint32_t touched[THRUM__EXPLORE_THREADS]; /* each thread's clock at its last access, or 0 */
    thrum__explore_value value[THRUM__EXPLORE_HISTORY];
} thrum__explore_object;

/* The object at `address`, made if it is not known yet in this run. */
thrum__explore_object *thrum__explore_object_at(const void *address);

/* The value that is `age` stores old. */
static inline thrum__explore_value *thrum__explore_object_value(thrum__explore_object *object,
                                                                unsigned age)
{
    return &object->value[(object->newest + THRUM__EXPLORE_HISTORY - age) % THRUM__EXPLORE_HISTORY];
}

/* The objects of the run by number, from 0; NULL behind the last. */
const thrum__explore_object *thrum__explore_object_number(unsigned number);

/* Forgets all objects, and those that lie in the given bytes. */
void thrum__explore_objects_reset(void);
void thrum__explore_objects_forget(const void *address, size_t size);

/* Fails unless all accesses to objects in the given bytes happened before this moment. */
void thrum__explore_objects_owned(const void *address, size_t size);

#endif
