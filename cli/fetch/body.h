/* Where an answer goes: a file that has its name only when it is whole, memory to be printed, nowhere. */
#ifndef CLI_FETCH_BODY_H
#define CLI_FETCH_BODY_H

#include "digest/hasher.h"
#include "holders.h"
#include "line_writer.h"
#include "part.h"

enum body_kind { BODY_DROP, BODY_FILE, BODY_PRINT };

/* What all bodies of a run have in common. */
struct body_place {
    enum body_kind kind;
    struct folder_place files;
    bool again; /* with --resume: a file that is there already may be one of the earlier run */
    struct holders holders; /* the URLs that have names */
    uint64_t received;      /* bytes, for all */
    uint64_t expected;      /* the same, of those bodies whose length is known */
    size_t measured;        /* so many */
    thrum_lock lock;        /* over these */
};

/* The digest that a body should have. `kind` is NULL for none. */
struct body_digest {
    const struct digest_kind *kind;
    unsigned char bytes[DIGEST_MOST];
};

struct body {
    struct body_place *place;
    const char *url;
    char *name;       /* of the file; malloced */
    struct part part; /* of BODY_FILE */
    int spool;        /* an unnamed file for a long text; -1 for none */
    char *text;
    size_t text_size, room;
    uint64_t bytes; /* that the body has */
    bool measured;  /* its length is among what is expected */
    bool holds;     /* the name is noted as its own */
    bool empty;     /* there is no body, and no file: as of 304 */
    struct body_digest wanted;
    struct hasher *hasher; /* NULL if no digest is wanted */
    thrum_error error;     /* of the first thing that failed */
};

/* Opens the directory, if there is one. Returns 0 or a negative errno. */
int body_place_open(struct body_place *place, const char *directory, bool sync,
                    thrum_error *ret_error);
void body_place_close(struct body_place *place);
uint64_t body_place_received(struct body_place *place);
/* How many bytes all have to come, if that is known of `count` bodies; else 0. */
uint64_t body_place_expected(struct body_place *place, size_t count);

/* Begins a body. `name`, which is copied, may be NULL if it is no file. Returns 0, or a negative errno, with its
 * error, where a file of that name is there. */
int body_begin(struct body *body, struct body_place *place, const char *url, const char *name,
               const struct body_digest *wanted);

/* Replaces the file's name, before any bytes. Returns as body_begin. */
int body_rename(struct body *body, const char *name);

/* So many bytes are to come; below 0 if the server does not say it. */
void body_expect(struct body *body, int64_t length);

/* The version of what will come, in the server's words; NULL if there is none. */
void body_set_validator(struct body *body, const char *validator);

/* How many bytes are there that a request for the rest, of that version, can go on from; 0 for none. */
uint64_t body_resumable(const struct body *body, const char **ret_validator);

/* Adds bytes; false if that fails, with the error in the body. */
bool body_add(struct body *body, const void *bytes, size_t size);

/* What has come is nothing: it comes once more from the beginning. Returns 0 or a negative errno. */
int body_empty(struct body *body);

/* The body is whole: its digest is compared, a file gets its name, a text is left for body_print. Returns 0 or a
 * negative errno. */
int body_keep(struct body *body);

/* Prints a body that was kept. Returns 0, or a negative errno if it cannot be read back; whether it was written
 * the writer knows. */
int body_print(struct body *body, struct line_writer *out);

/* Frees what it holds. A file that was not kept is removed, or left for another run. */
void body_finish(struct body *body);

#endif
