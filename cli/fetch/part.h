/* A file that gets its name when it is complete. */
#ifndef CLI_FETCH_PART_H
#define CLI_FETCH_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thrum.h>

enum { VALIDATOR_SIZE = 200 };

/* A directory for files. */
struct folder_place {
    const char *name; /* as the user gave it */
    int folder;       /* the same, open; -1 for none */
    bool unnamed;     /* the file system has files without names */
    bool sync;        /* bytes and names are written to the disk */
};

struct part {
    const struct folder_place *place;
    const char *url, *name; /* the name may have directories before it */
    int file;               /* -1 if it has not begun */
    char *partial;          /* its temporary name; NULL if it has none */
    uint64_t size;
    bool marked;                    /* another run can take it over */
    bool whole;                     /* it is complete and has its name */
    char validator[VALIDATOR_SIZE]; /* by which a server knows the version; empty for none */
};

/* Opens the directory, and creates it if it does not exist. With `sync`, a file survives a power
 * cut once part_name has returned. Returns 0 or a negative errno. */
int folder_place_open(const char *name, bool sync, struct folder_place *ret_place,
                      thrum_error *ret_error);
void folder_place_close(struct folder_place *place);

/* True for names that only partial files have. */
bool is_part_name(const char *name);

/* Begins a file; opens nothing. `url` and `name` must outlive it. */
void part_init(struct part *part, const struct folder_place *place, const char *url,
               const char *name);

/* Takes over the partial file that another run has left of this URL, if there is one: part->size is
 * then more than 0. */
void part_take_over(struct part *part);

/* Opens the file if it is not open. Returns 0, or a negative errno with its error, as all calls
 * below do. */
int part_open(struct part *part, thrum_error *ret_error);

/* Adds bytes. Another run can take over a large file that has a validator. */
int part_add(struct part *part, const void *bytes, size_t size, thrum_error *ret_error);

/* Removes all bytes. */
int part_empty(struct part *part, thrum_error *ret_error);

/* Gives the file its name. A file of that name is never replaced. With `may_be_there`, one with the
 * same bytes is accepted; otherwise the call fails. */
int part_name(struct part *part, bool may_be_there, thrum_error *ret_error);

/* Closes it. An incomplete file is removed, unless `resumed` is true and another run can take it
 * over. */
void part_finish(struct part *part, bool resumed);

#endif
