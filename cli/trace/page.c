/* The page. Its text is timeline.html, which the build makes lines of C of. Two lines of it stand for what differs:
 *
 *     <!--NAMES-->    JSON: threads, objects, places; "<" is written as an escape, so that no text ends the script
 *     <!--SPANS-->    base64: the spans of each lane, then the arrows, as varints
 *
 * A span is its begin less the end of the one before, its length, and its info with two bits for open ends. Spans of a lane
 * do not overlap, so all are small: about six bytes. An arrow, in the order of its end, is the difference to the end before, its length, both
 * threads, and the span that ended + 1.
 */
#include "outputs.h"

#include "json_text.h"
#include "timeline_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A number that JavaScript can hold. */
static uint64_t safe(uint64_t number)
{
    const uint64_t most = (UINT64_C(1) << 53) - 1;
    return number < most ? number : most;
}

static void put_string(FILE *out, const char *text)
{
    if (text)
        json_put_string(out, text);
    else
        fputs("null", out);
}

static void put_thread(const struct trace *trace, uint32_t index, FILE *out)
{
    const struct trace_thread *thread = &trace->threads[index];
    char name[64];
    trace_thread_name(trace, index, name, sizeof name);
    fprintf(out, "{\"process\":%u,\"name\":", thread->process);
    put_string(out, name);
    fputs(",\"start\":", out);
    put_string(out, thread->start);
    fprintf(out,
            ",\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"events\":%" PRIu64
            ",\"lanes\":[",
            safe(thread->first), safe(thread->last), safe(thread->lost), safe(thread->events));
    for (size_t i = 0, from = 0; i < thread->count; i++)
        if (i + 1 == thread->count || thread->spans[i + 1].lane != thread->spans[i].lane) {
            fprintf(out, "%s[%u,%zu]", from ? "," : "", thread->spans[i].lane, i + 1 - from);
            from = i + 1;
        }
    fputs("]}", out);
}

static void put_infos(const struct trace *trace, FILE *out)
{
    char name[700];
    fputs(",\n\"infos\":[", out);
    for (size_t i = 0; i < trace->info_count; i++) {
        const struct span_info *info = &trace->infos[i];
        trace_info_name(trace, info, name, sizeof name);
        fprintf(out, "%s[%u,", i ? ",\n" : "", info->what);
        put_string(out, name);
        fprintf(out, ",%u,%u]", info->object, info->place);
    }
    fputs("]", out);
}

static void put_objects(const struct trace *trace, FILE *out)
{
    char name[700];
    fputs(",\n\"objects\":[", out);
    for (size_t i = 0; i < trace->object_count; i++) {
        const struct trace_object *object = &trace->objects[i];
        trace_object_name(trace, (uint32_t)i, true, name, sizeof name);
        fputs(i ? ",\n[" : "[", out);
        put_string(out, name);
        fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
                safe(object->waits), safe(object->wait_time), safe(object->longest),
                safe(object->holds), safe(object->hold_time));
    }
    fputs("],\n\"places\":[", out);
    for (size_t i = 0; i < trace->place_count; i++) {
        fputs(i ? ",\n[" : "[", out);
        put_string(out, trace->places[i].place);
        fputc(',', out);
        put_string(out, trace->places[i].stack);
        fputc(']', out);
    }
    fputs("]", out);
}

static void put_names(const struct trace *trace, FILE *out)
{
    fprintf(out,
            "{\"length\":%" PRIu64 ",\"events\":%" PRIu64 ",\"lost\":%" PRIu64
            ",\"all\":%s,\"cut\":%s,\"arrows\":%zu,\n\"processes\":[",
            safe(trace->length), safe(trace->events), safe(trace->lost),
            trace->all ? "true" : "false", trace->cut ? "true" : "false", trace->arrow_count);
    for (size_t i = 0; i < trace->process_count; i++) {
        const struct trace_process_info *process = &trace->processes[i];
        fprintf(out, "%s{\"pid\":%u,\"complete\":%s,\"program\":", i ? "," : "", process->pid,
                process->complete ? "true" : "false");
        put_string(out, process->program);
        fputc('}', out);
    }
    fputs("],\n\"threads\":[", out);
    for (size_t i = 0; i < trace->thread_count; i++) {
        fputs(i ? ",\n" : "", out);
        put_thread(trace, (uint32_t)i, out);
    }
    fputc(']', out);
    put_infos(trace, out);
    put_objects(trace, out);
    fputs("}\n", out);
}

static int put_escaped(const struct trace *trace, FILE *out)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return -ENOMEM;
    put_names(trace, memory);
    if (fclose(memory) != 0) {
        free(text);
        return -ENOMEM;
    }
    for (const char *at = text, *end = text + size; at < end;) {
        size_t plain = strcspn(at, "<");
        fwrite(at, 1, plain, out);
        at += plain;
        if (at < end)
            fputs("\\u003c", out);
        at += at < end;
    }
    free(text);
    return 0;
}

struct base64 {
    FILE *out;
    uint32_t bits;
    unsigned count;  /* bytes in `bits` */
    unsigned column; /* groups on this line */
};

static void put_group(struct base64 *base64, unsigned bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char group[5] = "====";
    for (unsigned i = 0; i <= bytes; i++)
        group[i] = letters[base64->bits >> (18 - 6 * i) & 63];
    fwrite(group, 1, 4, base64->out);
    if (++base64->column == 250) {
        fputc('\n', base64->out);
        base64->column = 0;
    }
    base64->bits = base64->count = 0;
}

static void put_byte(struct base64 *base64, uint8_t byte)
{
    base64->bits |= (uint32_t)byte << (16 - 8 * base64->count);
    if (++base64->count == 3)
        put_group(base64, 3);
}

static void put_varint(struct base64 *base64, uint64_t value)
{
    value = safe(value);
    for (; value >= 0x80; value >>= 7)
        put_byte(base64, (uint8_t)(value | 0x80));
    put_byte(base64, (uint8_t)value);
}

static void put_spans(struct base64 *base64, const struct trace_thread *thread)
{
    uint64_t end = 0;
    for (size_t i = 0; i < thread->count; i++) {
        const struct span *span = &thread->spans[i];
        if (i == 0 || span->lane != thread->spans[i - 1].lane)
            end = 0;
        put_varint(base64, span->begin - end);
        put_varint(base64, span->end - span->begin);
        put_varint(base64, (uint64_t)span->info << 2 | (unsigned)span->open_begin << 1 |
                               (unsigned)span->open_end);
        end = span->end;
    }
}

static int by_end(const void *a, const void *b)
{
    const struct arrow *first = a, *second = b;
    return first->until < second->until ? -1 : first->until > second->until;
}

static int put_arrows(struct base64 *base64, const struct trace *trace)
{
    uint64_t before = 0;
    struct arrow *arrows = malloc((trace->arrow_count + 1) * sizeof *arrows);
    if (!arrows)
        return -ENOMEM;
    if (trace->arrow_count) {
        memcpy(arrows, trace->arrows, trace->arrow_count * sizeof *arrows);
        qsort(arrows, trace->arrow_count, sizeof *arrows, by_end);
    }
    for (size_t i = 0; i < trace->arrow_count; i++) {
        put_varint(base64, arrows[i].until - before);
        put_varint(base64, arrows[i].until > arrows[i].at ? arrows[i].until - arrows[i].at : 0);
        put_varint(base64, arrows[i].from);
        put_varint(base64, arrows[i].to);
        put_varint(base64, arrows[i].span == UINT32_MAX ? 0 : arrows[i].span + UINT64_C(1));
        before = arrows[i].until;
    }
    free(arrows);
    return 0;
}

static int put_binary(const struct trace *trace, FILE *out)
{
    struct base64 base64 = {.out = out};
    for (size_t i = 0; i < trace->thread_count; i++)
        put_spans(&base64, &trace->threads[i]);
    int rc = put_arrows(&base64, trace);
    if (base64.count)
        put_group(&base64, base64.count);
    fputc('\n', out);
    return rc;
}

int trace_page(const struct trace *trace, FILE *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof timeline_lines / sizeof *timeline_lines; i++)
        if (strcmp(timeline_lines[i], "<!--NAMES-->") == 0)
            rc = put_escaped(trace, out);
        else if (strcmp(timeline_lines[i], "<!--SPANS-->") == 0)
            rc = put_binary(trace, out);
        else
            fprintf(out, "%s\n", timeline_lines[i]);
    return rc < 0 ? rc : ferror(out) ? -EIO : 0;
}
