/* The format of Perfetto: Protocol Buffers, written by hand.
 *
 * A message is a row of fields. A field is a number, shifted by three, with the type of what follows: a varint (0),
 * eight bytes (1), or a length and bytes (2). The fields that are needed here, by message:
 *
 *     Trace            1 packet
 *     TracePacket      8 timestamp  10 sequence  11 track event  12 interned data  13 sequence flags
 *                      60 track descriptor
 *     TrackDescriptor  1 uuid  2 name  3 process  4 thread  5 parent
 *     Process          1 pid  6 name
 *     Thread           1 pid  2 tid  5 name
 *     TrackEvent       3 category (interned)  9 type  10 name (interned)  11 track  47 flow  48 last of a flow
 *     InternedData     1 categories  2 names; each: 1 number  2 text
 *
 * A name is written once, in front of the first event that has it. Each lane is a track, as its spans do not
 * overlap. The events of a track are in the order of time, as the format wants it.
 */
#include "outputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_BEGIN = 1, SLICE_END = 2, INSTANT = 3 };
enum { STATE_CLEARED = 1, STATE_NEEDED = 2 };
enum { SEQUENCE = 1 };

struct message {
    uint8_t bytes[2048];
    size_t size;
};

static void put_varint(struct message *message, uint64_t value)
{
    while (value >= 0x80) {
        message->bytes[message->size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    message->bytes[message->size++] = (uint8_t)value;
}

static void put_number(struct message *message, unsigned field, uint64_t value)
{
    put_varint(message, field << 3);
    put_varint(message, value);
}

static void put_fixed(struct message *message, unsigned field, uint64_t value)
{
    put_varint(message, field << 3 | 1);
    for (int i = 0; i < 8; i++)
        message->bytes[message->size++] = (uint8_t)(value >> 8 * i);
}

static void put_bytes(struct message *message, unsigned field, const void *bytes, size_t size)
{
    put_varint(message, field << 3 | 2);
    put_varint(message, size);
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

static void put_message(struct message *message, unsigned field, const struct message *inner)
{
    put_bytes(message, field, inner->bytes, inner->size);
}

/* Names are cut so that three messages inside each other have room. */
static void put_text(struct message *message, unsigned field, const char *text)
{
    enum { TEXT_MOST = 800 };
    size_t length = strlen(text);
    put_bytes(message, field, text, length < TEXT_MOST ? length : TEXT_MOST);
}

static void put_packet(FILE *out, const struct message *packet)
{
    struct message frame = {.size = 0};
    put_varint(&frame, 1 << 3 | 2);
    put_varint(&frame, packet->size);
    fwrite(frame.bytes, 1, frame.size, out);
    fwrite(packet->bytes, 1, packet->size, out);
}

struct tracks {
    const struct trace *trace;
    FILE *out;
    uint8_t *named; /* of each info: its name was written */
};

static uint64_t process_uuid(uint32_t process)
{
    return 1 + process;
}

static uint64_t track_uuid(const struct trace *trace, uint32_t thread, unsigned lane)
{
    return 1 + trace->process_count + (uint64_t)thread * LANES + lane;
}

static void put_descriptor(const struct tracks *tracks, const struct message *descriptor,
                           unsigned flags)
{
    struct message packet = {.size = 0};
    put_number(&packet, 10, SEQUENCE);
    if (flags)
        put_number(&packet, 13, flags);
    put_message(&packet, 60, descriptor);
    put_packet(tracks->out, &packet);
}

static void put_process(const struct tracks *tracks, uint32_t index)
{
    const struct trace_process_info *info = &tracks->trace->processes[index];
    struct message process = {.size = 0}, descriptor = {.size = 0};
    put_number(&process, 1, info->pid);
    put_text(&process, 6, info->program);
    put_number(&descriptor, 1, process_uuid(index));
    put_message(&descriptor, 3, &process);
    put_descriptor(tracks, &descriptor, index == 0 ? STATE_CLEARED : 0);
}

static void put_track(const struct tracks *tracks, uint32_t index, unsigned lane)
{
    const struct trace *trace = tracks->trace;
    const struct trace_thread *thread = &trace->threads[index];
    struct message descriptor = {.size = 0}, inner = {.size = 0};
    put_number(&descriptor, 1, track_uuid(trace, index, lane));
    if (lane == LANE_STATE) {
        char name[64];
        trace_thread_name(trace, index, name, sizeof name);
        put_number(&inner, 1, trace->processes[thread->process].pid);
        put_number(&inner, 2, thread->tid ? thread->tid : thread->index);
        put_text(&inner, 5, name);
        put_message(&descriptor, 4, &inner);
        put_number(&descriptor, 5, process_uuid(thread->process));
    } else {
        put_text(&descriptor, 2, trace_lane_name(lane));
        put_number(&descriptor, 5, track_uuid(trace, index, LANE_STATE));
    }
    put_descriptor(tracks, &descriptor, 0);
}

static void put_event(const struct tracks *tracks, uint64_t time, const struct message *event,
                      const struct message *interned)
{
    struct message packet = {.size = 0};
    put_number(&packet, 8, time);
    put_number(&packet, 10, SEQUENCE);
    put_message(&packet, 11, event);
    if (interned && interned->size)
        put_message(&packet, 12, interned);
    put_number(&packet, 13, STATE_NEEDED);
    put_packet(tracks->out, &packet);
}

static void put_span(const struct tracks *tracks, uint32_t thread, const struct span *span)
{
    struct message begin = {.size = 0}, end = {.size = 0}, interned = {.size = 0};
    uint64_t track = track_uuid(tracks->trace, thread, span->lane);
    if (!tracks->named[span->info]) {
        struct message name = {.size = 0};
        char text[700];
        trace_info_name(tracks->trace, &tracks->trace->infos[span->info], text, sizeof text);
        put_number(&name, 1, span->info + UINT64_C(1));
        put_text(&name, 2, text);
        put_message(&interned, 2, &name);
        tracks->named[span->info] = 1;
    }
    put_number(&begin, 9, SLICE_BEGIN);
    put_number(&begin, 10, span->info + UINT64_C(1));
    put_number(&begin, 11, track);
    put_event(tracks, span->begin, &begin, &interned);
    put_number(&end, 9, SLICE_END);
    put_number(&end, 11, track);
    put_event(tracks, span->end, &end, NULL);
}

static void put_arrow(const struct tracks *tracks, size_t number)
{
    const struct arrow *arrow = &tracks->trace->arrows[number];
    const uint32_t threads[] = {arrow->from, arrow->to};
    const uint64_t times[] = {arrow->at, arrow->until};
    for (unsigned i = 0; i < 2; i++) {
        struct message event = {.size = 0};
        put_number(&event, 9, INSTANT);
        put_number(&event, 11, track_uuid(tracks->trace, threads[i], LANE_STATE));
        put_fixed(&event, 47 + i, number + 1);
        put_event(tracks, times[i], &event, NULL);
    }
}

int trace_perfetto(const struct trace *trace, FILE *out)
{
    struct tracks tracks = {trace, out, calloc(trace->info_count + 1, 1)};
    if (!tracks.named)
        return -ENOMEM;
    for (size_t i = 0; i < trace->process_count; i++)
        put_process(&tracks, (uint32_t)i);
    for (size_t i = 0; i < trace->thread_count; i++) {
        const struct trace_thread *thread = &trace->threads[i];
        put_track(&tracks, (uint32_t)i, LANE_STATE);
        for (size_t j = 0; j < thread->count; j++) {
            const struct span *span = &thread->spans[j];
            if (span->lane != LANE_STATE && (j == 0 || thread->spans[j - 1].lane != span->lane))
                put_track(&tracks, (uint32_t)i, span->lane);
            put_span(&tracks, (uint32_t)i, span);
        }
    }
    for (size_t i = 0; i < trace->arrow_count; i++)
        put_arrow(&tracks, i);
    free(tracks.named);
    return ferror(out) ? -EIO : 0;
}
