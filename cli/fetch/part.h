/* A file that gets its name when it is whole. */
#ifndef CLI_FETCH_PART_H
#define CLI_FETCH_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum.h>

enum { VALIDATOR_SIZE = 200 };

/* A directory for files. */
struct folder_place {
    const char *name; /* as the user called it */
    int folder;       /* the same, open; -1 for none */
    bool unnamed;     /* files need no name there while they are written */
    bool sync;        /* bytes and names are written to the disk */
};

struct part {
    const struct folder_place *place;
    const char *url, *name; /* the name may have directories before it */
    int file;               /* -1 if it has not begun */
    char *partial;          /* its name for the time being; NULL if it has none */
    uint64_t size;
    bool marked;                    /* another run can take it over */
    bool whole;                     /* it has its name */
    char validator[VALIDATOR_SIZE]; /* by which a server knows the version; empty for none */
};

/* Makes the directory, if need be, and opens it. With `sync`, files there survive a power cut once part_name
 * has returned. Returns 0 or a negative errno. */
int folder_place_open(const char *name, bool sync, struct folder_place *ret_place,
                      thrum_error *ret_error);
void folder_place_close(struct folder_place *place);

/* True for names that only partial files have. */
bool is_part_name(const char *name);

/* Begins; opens nothing. `url` and `name` stay where they are. */
void part_init(struct part *part, const struct folder_place *place, const char *url,
               const char *name);

/* Takes over what another run has left of this URL; part->size is then more than 0. */
void part_take_over(struct part *part);

/* Opens the file if it is not open. Returns 0 or a negative errno. Like all below, with its error in that case. */
int part_open(struct part *part, thrum_error *ret_error);

/* Adds bytes. Once the file is large, and has a validator, another run can take it over. */
int part_add(struct part *part, const void *bytes, size_t size, thrum_error *ret_error);

/* Removes all bytes. */
int part_empty(struct part *part, thrum_error *ret_error);

/* Gives the file its name. With `may_be_there`, a file of that name with the same bytes is as good; otherwise
 * it is an error. Nothing is ever replaced. */
int part_name(struct part *part, bool may_be_there, thrum_error *ret_error);

/* Closes it. A file that is not whole is removed, unless it is to be `resumed` and can be. */
void part_finish(struct part *part, bool resumed);

#endif
