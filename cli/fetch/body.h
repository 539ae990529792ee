/* Where an answer goes: a file that has its name only when it is whole, memory to be printed, nowhere. */
#ifndef CLI_FETCH_BODY_H
#define CLI_FETCH_BODY_H

#include "address.h"
#include "tally.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <thrum.h>

enum body_kind { BODY_DROP, BODY_FILE, BODY_PRINT };

/* What all bodies of a run have in common. */
struct body_place {
    enum body_kind kind;
    const char *directory; /* as the user called it */
    int folder;            /* the same, open */
    /* With --resume: files that the log knows, and those written since. Others may be replaced. */
    struct tally *known;
    uint64_t bytes;  /* that have come for all */
    thrum_lock lock; /* over these two */
};

struct body {
    struct body_place *place;
    const char *name;
    int file;    /* -1 for none */
    bool locked; /* the file is ours to remove */
    char *text;
    size_t size, room; /* of the text */
    uint64_t bytes;    /* that have come */
    thrum_error error; /* of the first thing that failed */
};

/* Makes the directory, if need be, and opens it. Returns 0 or a negative errno. */
int body_place_open(struct body_place *place, thrum_error *ret_error);
void body_place_close(struct body_place *place);
uint64_t body_place_bytes(struct body_place *place);

/* Begins a body. Returns 0, or a negative errno and its error where a file of that name is there. */
int body_begin(struct body *body, struct body_place *place, const char *name);

/* Adds bytes; false if that fails, with the error in the body. */
bool body_add(struct body *body, const void *bytes, size_t size);

/* What has come is nothing: another attempt will bring it. Returns 0 or a negative errno. */
int body_again(struct body *body);

/* The body is whole: a file gets its name, a text is left for body_print. Returns 0 or an errno. */
int body_keep(struct body *body);

/* Prints a body that was kept; false if that fails. */
bool body_print(struct body *body, FILE *out);

/* Frees what it holds; a file that was not kept is removed. */
void body_finish(struct body *body);

#endif
