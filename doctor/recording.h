/* What the preload library recorded of one program, read by the watcher. */
#ifndef DOCTOR_RECORDING_H
#define DOCTOR_RECORDING_H

#include "preload/region.h"
#include "process.h"

struct part {
    struct mapping mapping;
    uint64_t offset;
    char *path;
};

struct recording {
    const struct region *region;
    int pid; /* as the watcher sees it */
    struct part *parts;
    int part_count;
    uint64_t size;      /* of the mapping */
    unsigned ring_bits; /* 0: there are no rings */
    bool settled;
    uint64_t stacks_seen;   /* the files that were mapped are known up to this much of the stacks */
    struct process process; /* its modules and places only */
};

/* Maps the region behind a descriptor, which it closes. Returns 0 or a negative errno; -EPROTO if it
 * is not one, or may still change its size. */
int recording_open(struct recording *recording, int descriptor, int pid);
void recording_close(struct recording *recording);

/* Notes which files the program, which still runs, has mapped, if there are new stacks. */
void recording_note_files(struct recording *recording);

/* After the last recording_note_files: makes names possible. A second call does nothing. Returns 0 or
 * -ENOMEM. */
int recording_settle(struct recording *recording);

/* Counts of the tables, never more than they have room for. */
uint32_t recording_count(uint32_t count, uint32_t room);

/* A stack, unwound, without the frames of the library. */
struct recorded_stack {
    struct frame frames[FRAMES_MOST];
    int count;
    enum unwind_end end;
    const struct stack_record *record; /* or NULL */
    const struct stack_held *held;
};

/* False if the index is none's, or memory ran out. */
bool recording_stack(struct recording *recording, uint32_t index, struct recorded_stack *ret);

/* Turns the stack of an acquisition into that of an earlier one, of the lock `lock` that was held. What
 * has returned since is not seen. */
void recording_held_stack(struct recording *recording, struct recorded_stack *stack, uint32_t lock,
                          uint64_t site);

/* The place of a call, NULL if memory ran out. */
struct place *recording_place(struct recording *recording, uint64_t site);

/* "mutex" and so on. */
const char *recording_kind_name(unsigned kind);

/* The name that the program gave to what is at the address. Returns false if it gave none. */
bool recording_name_at(const struct recording *recording, uint64_t address, char *text,
                       size_t size);

/* "mutex accounts+0x28", "mutex 0x55..., initialised in make (a.c:3)". */
void recording_lock_name(struct recording *recording, uint32_t lock, char *text, size_t size);
/* The text of a name. */
void recording_given_name(const struct recording *recording, uint32_t name, char *text,
                          size_t size);
void recording_thread_name(struct recording *recording, uint32_t thread, char *text, size_t size);

/* The record, or that of index 0 if there is none. */
const struct lock_record *recording_lock(const struct recording *recording, uint32_t index);
const struct node_record *recording_node(const struct recording *recording, uint32_t index);
const struct thread_record *recording_thread(const struct recording *recording, uint32_t index);

#endif
