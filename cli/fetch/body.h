/* The body of an answer: a file that gets its name when it is complete, memory to be printed, or
 * nothing. */
#ifndef CLI_FETCH_BODY_H
#define CLI_FETCH_BODY_H

#include "digest/hasher.h"
#include "holders.h"
#include "line_writer.h"
#include "part.h"

enum body_kind { BODY_DROP, BODY_FILE, BODY_PRINT };

/* The state that all bodies of a run share. */
struct body_place {
    enum body_kind kind;
    struct folder_place files;
    bool again;             /* with --resume: a file that exists may be of the earlier run */
    struct holders holders; /* the URLs of names */
    uint64_t received;      /* bytes of all bodies */
    uint64_t expected;      /* bytes of the bodies whose length is known */
    size_t measured;        /* the number of these bodies */
    thrum_lock lock;        /* over these */
};

/* The digest that a body must have. `kind` is NULL for none. */
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
    uint64_t bytes; /* received, those of an earlier attempt included */
    bool measured;  /* its length is in `expected` */
    bool holds;     /* it has reserved the name */
    bool empty;     /* the answer has no body and gets no file, as 304 */
    struct body_digest wanted;
    struct hasher *hasher; /* NULL if no digest is wanted */
    thrum_error error;     /* the first error */
};

/* Opens the directory, if there is one. Returns 0 or a negative errno. */
int body_place_open(struct body_place *place, const char *directory, bool sync,
                    thrum_error *ret_error);
void body_place_close(struct body_place *place);
uint64_t body_place_received(struct body_place *place);
/* The sum of the lengths if they are known of `count` bodies; else 0. */
uint64_t body_place_expected(struct body_place *place, size_t count);

/* Begins a body. `name` is copied; it may be NULL if the body is no file. Returns 0, or a negative
 * errno with the body's error, such as -EEXIST if a file of that name exists. */
int body_begin(struct body *body, struct body_place *place, const char *url, const char *name,
               const struct body_digest *wanted);

/* Replaces the file's name, before any bytes have come. Returns as body_begin. */
int body_rename(struct body *body, const char *name);

/* Sets the number of bytes to come; below 0 if it is unknown. */
void body_expect(struct body *body, int64_t length);

/* Sets the validator that the server gave, by which it knows the version; NULL if there is none. */
void body_set_validator(struct body *body, const char *validator);

/* The number of bytes after which a request for the rest of that version can begin; 0 for none. */
uint64_t body_resumable(const struct body *body, const char **ret_validator);

/* Adds bytes. Returns false if that fails, with the error in the body. */
bool body_add(struct body *body, const void *bytes, size_t size);

/* Drops the bytes that have come. Returns 0 or a negative errno. */
int body_empty(struct body *body);

/* Completes the body: compares its digest, and gives a file its name. A text is left for
 * body_print. Returns 0 or a negative errno. */
int body_keep(struct body *body);

/* Prints a complete body. Returns 0, or a negative errno if it cannot be read back. The writer has
 * the errors of writing. */
int body_print(struct body *body, struct line_writer *out);

/* Frees the body. An incomplete file is removed, or left for another run. */
void body_finish(struct body *body);

#endif
