/* Stacks: from the registers of a thread to the functions that it is in. */
#ifndef DOCTOR_UNWIND_H
#define DOCTOR_UNWIND_H

#include "cfi.h"

/* What is known of an address in code. Found once, then remembered. */
struct place {
    uint64_t address;
    bool exact;                  /* it is where code is, not where a call returns to */
    const struct module *module; /* NULL: no file is there */
    const char *function;        /* without its signature's encoding; NULL: no name is known */
    uint64_t function_start;     /* 0: not known */
    const char *callee;          /* the name of what is called there, or NULL */
    uint64_t callee_start;       /* 0: not known */
    bool has_row;
    struct cfi_row row;
    char *file; /* of the source; NULL until lines.c has found it */
    int line;
    struct place *next;
};

enum { PLACES = 1024, FRAMES_MOST = 128 };

struct places {
    struct place *buckets[PLACES];
    struct modules *modules;
};

void places_free(struct places *places);

/* NULL if memory ran out. */
struct place *places_find(struct places *places, uint64_t address, bool exact);

/* True if it is in the library that `thrum doctor -- PROGRAM` preloads. */
bool place_is_preload(const struct place *place);

enum frame_trust {
    FRAME_EXACT,
    FRAME_SEARCHED, /* its frame pointer was found by search, and the call there is one of this function */
    FRAME_GUESSED, /* no unwind data: it is the next return address on the stack */
};

struct frame {
    struct place *place;
    uint64_t bottom, top; /* what it has of the stack */
    uint8_t trust;
};

/* A copy of the part of a stack above its pointer. */
struct stack_copy {
    uint64_t start;
    size_t size;
    const uint8_t *bytes;
};

enum unwind_end {
    UNWIND_COMPLETE, /* the outermost function */
    UNWIND_CUT,      /* more than FRAMES_MOST */
    UNWIND_LOST,     /* no way on from the last frame */
};

/* Fills in at most FRAMES_MOST frames, the innermost first. Returns how many. */
int unwind(struct places *places, const struct memory *memory, const struct stack_copy *copy,
           struct registers registers, struct frame *frames, enum unwind_end *ret_end);

#endif
