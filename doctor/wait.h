/* What a thread waits for: the object behind a futex, or the system call as a person says it. */
#ifndef DOCTOR_WAIT_H
#define DOCTOR_WAIT_H

#include "process.h"

/* Fills in `wait` or `doing` of a thread whose frames are known. */
void wait_decode(struct process *process, struct thread *thread);

/* Once all are decoded: finds the owners that only other threads' stacks tell, and gives each owner
 * its index. */
void wait_owners(struct process *process);

/* True if what the thread waits for still has the owner that was found. */
bool wait_same_owner(struct process *process, const struct thread *thread);

/* Leaves the name of what is at an address: a variable, or in whose memory it is. */
void wait_name(struct process *process, uint64_t address, char *text, size_t size);

/* The system call as a person says it, for waits that are no futex. */
void call_describe(const struct process *process, struct thread *thread);

/* How the C library lays out its objects: reads what the bytes of `wait` tell. `wait->kind` says
 * which it is, by the function that waits, or OBJECT_FUTEX if the bytes have to. `expected` is the
 * value of the word that it sleeps on. */
void object_decode(struct process *process, const struct thread *thread, struct wait *wait,
                   uint32_t expected);

#endif
