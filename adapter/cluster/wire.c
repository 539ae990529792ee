/* What clients and workers send each other: wire.h has the formats. */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void thrum_cluster__buffer_add(struct buffer *buffer, const void *bytes, size_t size)
{
    if (buffer->failed || size == 0)
        return;
    if (buffer->room - buffer->size < size) {
        size_t room = buffer->room ? buffer->room : 1024;
        while (room - buffer->size < size)
            room *= 2;
        char *larger = realloc(buffer->bytes, room);
        if (!larger) {
            buffer->failed = true;
            return;
        }
        buffer->bytes = larger;
        buffer->room = room;
    }
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

static void write_number(unsigned char *bytes, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
}

void thrum_cluster__buffer_add_number(struct buffer *buffer, uint64_t number, size_t size)
{
    unsigned char bytes[8];
    write_number(bytes, number, size);
    thrum_cluster__buffer_add(buffer, bytes, size);
}

void thrum_cluster__buffer_set_number(struct buffer *buffer, size_t at, uint64_t number,
                                      size_t size)
{
    if (!buffer->failed)
        write_number((unsigned char *)buffer->bytes + at, number, size);
}

void thrum_cluster__buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

const void *thrum_cluster__reader_bytes(struct reader *reader, size_t size)
{
    if (reader->bad || reader->left < size) {
        reader->bad = true;
        return NULL;
    }
    const void *bytes = reader->at;
    reader->at += size;
    reader->left -= size;
    return bytes;
}

uint64_t thrum_cluster__reader_number(struct reader *reader, size_t size)
{
    const unsigned char *bytes = thrum_cluster__reader_bytes(reader, size);
    uint64_t number = 0;
    for (size_t i = 0; bytes && i < size; i++)
        number |= (uint64_t)bytes[i] << 8 * i;
    return number;
}

bool thrum_cluster__reader_magic(struct reader *reader, const char *magic)
{
    const char *bytes = thrum_cluster__reader_bytes(reader, 4);
    return bytes && memcmp(bytes, magic, 4) == 0;
}

void thrum_cluster__task_record_write(struct buffer *buffer, const struct task_record *record)
{
    thrum_cluster__buffer_add_number(buffer, record->number, 8);
    thrum_cluster__buffer_add_number(buffer, record->left, 8);
    thrum_cluster__buffer_add_number(buffer, record->lost, 4);
    thrum_cluster__buffer_add_number(buffer, record->form, 1);
    thrum_cluster__buffer_add_number(buffer, record->name_size, 2);
    thrum_cluster__buffer_add_number(buffer, record->arg_size, 4);
    thrum_cluster__buffer_add(buffer, record->name, record->name_size);
    thrum_cluster__buffer_add(buffer, record->arg, record->arg_size);
}

bool thrum_cluster__task_record_read(struct reader *reader, struct task_record *ret_record)
{
    ret_record->number = thrum_cluster__reader_number(reader, 8);
    ret_record->left = thrum_cluster__reader_number(reader, 8);
    ret_record->lost = (uint32_t)thrum_cluster__reader_number(reader, 4);
    ret_record->form = (uint8_t)thrum_cluster__reader_number(reader, 1);
    ret_record->name_size = thrum_cluster__reader_number(reader, 2);
    ret_record->arg_size = thrum_cluster__reader_number(reader, 4);
    ret_record->name = thrum_cluster__reader_bytes(reader, ret_record->name_size);
    ret_record->arg = thrum_cluster__reader_bytes(reader, ret_record->arg_size);
    return !reader->bad && ret_record->form < ARG_FORMS;
}

void thrum_cluster__result_record_write(struct buffer *buffer, const struct result_record *record)
{
    thrum_cluster__buffer_add_number(buffer, record->number, 8);
    thrum_cluster__buffer_add_number(buffer, record->kind, 1);
    thrum_cluster__buffer_add_number(buffer, (uint32_t)record->code, 4);
    thrum_cluster__buffer_add_number(buffer, record->run, 8);
    thrum_cluster__buffer_add_number(buffer, record->size, 4);
    thrum_cluster__buffer_add(buffer, record->bytes, record->size);
}

bool thrum_cluster__result_record_read(struct reader *reader, struct result_record *ret_record)
{
    ret_record->number = thrum_cluster__reader_number(reader, 8);
    ret_record->kind = (uint8_t)thrum_cluster__reader_number(reader, 1);
    ret_record->code = (int32_t)(uint32_t)thrum_cluster__reader_number(reader, 4);
    ret_record->run = thrum_cluster__reader_number(reader, 8);
    ret_record->size = thrum_cluster__reader_number(reader, 4);
    ret_record->bytes = thrum_cluster__reader_bytes(reader, ret_record->size);
    return !reader->bad && ret_record->kind < RESULT_KINDS;
}

size_t thrum_cluster__value_record_write(const struct value_record *record,
                                         char bytes[REFERENCE_MOST])
{
    size_t length = strnlen(record->name, VALUE_NAME_SIZE);
    write_number((unsigned char *)bytes, record->size, 8);
    write_number((unsigned char *)bytes + 8, record->chunk, 4);
    memcpy(bytes + 12, record->name, length);
    return 12 + length;
}

bool thrum_cluster__value_record_read(const void *bytes, size_t size,
                                      struct value_record *ret_record)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    struct reader reader = {bytes, size, false};
    ret_record->size = thrum_cluster__reader_number(&reader, 8);
    ret_record->chunk = (uint32_t)thrum_cluster__reader_number(&reader, 4);
    size_t length = reader.left;
    if (reader.bad || length == 0 || length >= VALUE_NAME_SIZE || ret_record->size == 0 ||
        ret_record->size > VALUE_MOST || ret_record->chunk < CHUNK_LEAST)
        return false;
    memcpy(ret_record->name, reader.at, length);
    ret_record->name[length] = '\0';
    return strspn(ret_record->name, letters) == length;
}

const char *thrum_cluster__json_find(const char *text, size_t size, const char *key)
{
    char quoted[64];
    int length = snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *found = memmem(text, size, quoted, (size_t)length);
    return found ? found + length : NULL;
}

uint64_t thrum_cluster__json_number(const char *text, size_t size, const char *key)
{
    const char *at = thrum_cluster__json_find(text, size, key), *end = text + size;
    uint64_t number = 0;
    while (at && at < end && *at == ' ')
        at++;
    for (; at && at < end && *at >= '0' && *at <= '9' && number < UINT64_MAX / 10; at++)
        number = 10 * number + (uint64_t)(*at - '0');
    return number;
}

void thrum_cluster__json_text(const char *text, size_t size, const char *key, char *ret_text,
                              size_t room)
{
    size_t used = 0;
    const char *at = thrum_cluster__json_find(text, size, key);
    size_t left = at ? size - (size_t)(at - text) : 0;
    for (; left > 1 && *at == '"' && used + 1 < left && used + 1 < room && at[used + 1] != '"';
         used++)
        ret_text[used] = at[used + 1];
    ret_text[used] = '\0';
}
