/* What clients and workers send each other, byte for byte. Numbers are little-endian; what comes from outside is checked as
 * it is read, once.
 *
 *     tasks     "THT1" client:16 count:u32 { number:u64 left:u64 lost:u32 form:u8 name_size:u16 arg_size:u32 name arg }
 *     results   "THR1" count:u32 { number:u64 kind:u8 code:i32 run:u64 size:u32 bytes }
 *     cancels   "THC1" client:16 count:u32 { number:u64 }
 *     reference size:u64 chunk:u32 name                        in place of a value that travels in chunks: values.c
 *
 * `left` is the time in nanoseconds until the task's deadline, 0 for none: clocks of machines are never compared. `lost` is
 * how many workers were lost over the task before this message. `run` is the worker's estimate of the time that the task
 * takes, in nanoseconds. The bytes of a result are its value, a reference to it (RESULT_LARGE), or the message of its error;
 * RESULT_LOST says that the worker did not find the argument that the task refers to. */
#ifndef CLUSTER_WIRE_H
#define CLUSTER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLIENT_SIZE = 16,
    BATCH_MOST = 256,
    VALUE_NAME_SIZE = 48,
    CHUNK_LEAST = 64,
    REFERENCE_MOST = 12 + VALUE_NAME_SIZE
};

#define VALUE_MOST ((uint64_t)1 << 30) /* bytes of an argument or a result */

enum result_kind {
    RESULT_VALUE,
    RESULT_ERROR,
    RESULT_UNRUN,
    RESULT_LARGE,
    RESULT_LOST,
    RESULT_KINDS
};

/* How the argument of a task travels. */
enum arg_form { ARG_INSIDE, ARG_LARGE, ARG_FORMS };

/* Bytes that grow. Once memory has run out, `failed` stays set and nothing is added. */
struct buffer {
    char *bytes;
    size_t size, room;
    bool failed;
};

void thrum_cluster__buffer_add(struct buffer *buffer, const void *bytes, size_t size);
void thrum_cluster__buffer_add_number(struct buffer *buffer, uint64_t number, size_t size);
void thrum_cluster__buffer_set_number(struct buffer *buffer, size_t at, uint64_t number,
                                      size_t size);
void thrum_cluster__buffer_free(struct buffer *buffer);

/* Foreign bytes. Once something was not there, `bad` stays set and all that is read is 0. */
struct reader {
    const unsigned char *at;
    size_t left;
    bool bad;
};

/* NULL if there are not so many. */
const void *thrum_cluster__reader_bytes(struct reader *reader, size_t size);
uint64_t thrum_cluster__reader_number(struct reader *reader, size_t size);
bool thrum_cluster__reader_magic(struct reader *reader, const char *magic);

struct task_record {
    uint64_t number, left;
    uint32_t lost;
    uint8_t form;     /* of enum arg_form */
    const char *name; /* not terminated */
    size_t name_size;
    const void *arg;
    size_t arg_size;
};

struct result_record {
    uint64_t number, run;
    uint8_t kind; /* of enum result_kind */
    int32_t code;
    const char *bytes;
    size_t size;
};

/* A value that travels in chunks. */
struct value_record {
    uint64_t size;
    uint32_t chunk;
    char name[VALUE_NAME_SIZE]; /* letters, digits and "-": it becomes a part of a subject */
};

/* Returns how many bytes it has. */
size_t thrum_cluster__value_record_write(const struct value_record *record,
                                         char bytes[REFERENCE_MOST]);
/* Reads a reference that fills `bytes`. Returns false if it is none. */
bool thrum_cluster__value_record_read(const void *bytes, size_t size,
                                      struct value_record *ret_record);
void thrum_cluster__task_record_write(struct buffer *buffer, const struct task_record *record);
bool thrum_cluster__task_record_read(struct reader *reader, struct task_record *ret_record);
void thrum_cluster__result_record_write(struct buffer *buffer, const struct result_record *record);
bool thrum_cluster__result_record_read(struct reader *reader, struct result_record *ret_record);

/* A number behind a key in an answer of the server, or 0: "seq" in {"stream":"x","seq":7}. */
uint64_t thrum_cluster__json_number(const char *text, size_t size, const char *key);

/* The text behind a key in an answer of the server, cut to fit; empty if there is none. */
void thrum_cluster__json_text(const char *text, size_t size, const char *key, char *ret_text,
                              size_t room);

/* Where the text of a key begins, for keys inside of another; NULL if it is not there. */
const char *thrum_cluster__json_find(const char *text, size_t size, const char *key);

#endif
