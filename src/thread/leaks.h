/* The register of handles that the end of the program reports: threads, processes, groups. See leaks.c. */
#ifndef THRUM_THREAD_LEAKS_H
#define THRUM_THREAD_LEAKS_H

#include <thrum/error.h>

#include <stdbool.h>
#include <stddef.h>

/* A part of the object. */
typedef struct thrum__handle {
    struct thrum__handle *next, *prev;
    const struct thrum__handle_kind *kind;
} thrum__handle;

/* What the report asks. Each is called under the lock of the register, at the end of the program. */
typedef struct thrum__handle_kind {
    const char *name; /* for messages: "thread" */
    /* Copies what the object is called. */
    void (*name_of)(const thrum__handle *handle, char *text, size_t size);
    /* The failure that nobody has read, which counts as read from now on; NULL for none. */
    const thrum_error *(*take_unread)(thrum__handle *handle);
    /* What became of a handle that was not given up: "was started and neither joined nor freed"; NULL if it was. */
    const char *(*leak)(const thrum__handle *handle);
} thrum__handle_kind;

/* Enters a handle, and takes it off before its memory goes. */
void thrum__leaks_enter(thrum__handle *handle, const thrum__handle_kind *kind);
void thrum__leaks_leave(thrum__handle *handle);

/* Reports failures that nobody has read, and what was leaked, if that was asked for. */
void thrum__leaks_report(void);

/* Whether the program wants to hear of handles that it has not freed. */
bool thrum__leaks_wanted(void);

#endif
