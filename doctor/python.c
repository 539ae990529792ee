/* CPython 3.11 keeps its state in _PyRuntime: a list of interpreters, each with a list of threads,
 * each with the system's number of the thread and a chain of frames. A frame has its code object,
 * with file, name and a table of lines, and the instruction that it is at.
 *
 * Where all this lies in memory is fixed for a minor version, but described nowhere in the process
 * (3.13 began to), so it is written here, for 3.11 alone; the variable Py_Version tells which it
 * is. Only threads whose stack was copied exactly are looked at: such a thread does not change its
 * own frames, and no other thread does.
 *
 * The table of lines (Objects/locations.md in CPython's sources) is a list of entries. The first
 * byte has the upper bit, four bits of a form and three of a length in instructions; the form says
 * how the change of the line is written. Everything is bounded: steps, text, table.
 */
#include "python.h"

#include "bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    VERSION_3_11 = 0x030b,
    INTERPRETERS = 40, /* in _PyRuntime */
    INTERPRETER_NEXT = 0,
    INTERPRETER_THREADS = 16,
    THREAD_NEXT = 8,
    THREAD_IDENT = 152,
    THREAD_NUMBER = 160,
    THREAD_C_FRAME = 56,
    C_FRAME_CURRENT = 8,
    FRAME_CODE = 32,
    FRAME_PREVIOUS = 48,
    FRAME_INSTRUCTION = 56,
    CODE_FIRST_LINE = 72,
    CODE_FILE = 112,
    CODE_NAME = 128,
    CODE_LINES = 136,
    CODE_INSTRUCTIONS = 184,
    BYTES_SIZE = 16,
    BYTES_DATA = 32,
    TEXT_LENGTH = 16,
    TEXT_STATE = 32,
    TEXT_ASCII_DATA = 48,
    TEXT_DATA = 72,
    OBJECT_CLASS = 8,
    CLASS_NAME = 24,
    INSTRUCTION = 2, /* bytes */

    INTERPRETERS_MOST = 64,
    THREADS_MOST = 100000,
    FRAMES_SHOWN = 64,
    LINES_MOST = 1 << 16,
};

/* The Python package puts this number, the object, and the address of its owner's ident before the
 * semaphore that a thread sleeps in (python/src/sleep.h). */
#define SLEEPER_MARK UINT64_C(0x7065656c73797074)

/* The text of a str object; what is not ASCII becomes a question mark. */
static void read_text(const struct memory *memory, uint64_t object, char *text, size_t size)
{
    uint64_t length;
    uint32_t state, bytes[256];
    text[0] = 0;
    if (!memory_word(memory, object + TEXT_LENGTH, &length) ||
        !memory_half(memory, object + TEXT_STATE, &state))
        return;
    uint32_t width = state >> 2 & 7, compact = state >> 5 & 1, ascii = state >> 6 & 1;
    if (!compact || (width != 1 && width != 2 && width != 4))
        return;
    if (length > size - 1)
        length = size - 1;
    if (length > sizeof bytes / 4)
        length = sizeof bytes / 4;
    if (!memory_read(memory, object + (ascii ? TEXT_ASCII_DATA : TEXT_DATA), bytes, length * width))
        return;
    for (uint64_t i = 0; i < length; i++) {
        uint32_t character = 0;
        memcpy(&character, (const char *)bytes + i * width, width);
        text[i] = character >= ' ' && character < 0x7f ? (char)character : '?';
    }
    text[length] = 0;
}

static uint64_t read_varint(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 6) {
        uint64_t byte = cursor_number(cursor, 1);
        if (shift < 60)
            value |= (byte & 63) << shift;
        if (cursor->failed || !(byte & 64))
            return value;
    }
}

static int64_t read_signed(struct cursor *cursor)
{
    uint64_t value = read_varint(cursor);
    return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

/* How the line changes with an entry of that form. */
static int64_t line_change(struct cursor *cursor, unsigned form)
{
    int64_t change = 0;
    if (form == 14) {
        change = read_signed(cursor);
        for (int i = 0; i < 3; i++)
            read_varint(cursor);
    } else if (form == 13)
        change = read_signed(cursor);
    else if (form >= 10 && form <= 12) {
        change = form - 10;
        cursor_skip(cursor, 2);
    } else if (form < 10)
        cursor_skip(cursor, 1);
    return change;
}

static int line_in(const uint8_t *table, size_t size, int64_t line, uint64_t offset)
{
    struct cursor cursor = {table, table + size, false};
    uint64_t at = 0;
    while (!cursor.failed && cursor.at < cursor.end) {
        uint64_t first = cursor_number(&cursor, 1);
        line += line_change(&cursor, (unsigned)(first >> 3 & 15));
        at += ((first & 7) + 1) * INSTRUCTION;
        if (offset < at)
            return line > 0 && line < INT32_MAX && !cursor.failed ? (int)line : 0;
    }
    return 0;
}

/* The line that a frame is at; 0 if it cannot be told. */
static int line_of(const struct memory *memory, uint64_t code, uint64_t instruction)
{
    uint64_t table, size;
    uint32_t first;
    if (!memory_half(memory, code + CODE_FIRST_LINE, &first) ||
        !memory_word(memory, code + CODE_LINES, &table) ||
        !memory_word(memory, table + BYTES_SIZE, &size) || size == 0 || size > LINES_MOST)
        return 0;
    if (instruction < code + CODE_INSTRUCTIONS)
        return (int)(first & INT32_MAX);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return 0;
    int line = 0;
    if (memory_read(memory, table + BYTES_DATA, bytes, size))
        line = line_in(bytes, size, first, instruction - (code + CODE_INSTRUCTIONS));
    free(bytes);
    return line;
}

/* The frames of one thread. */
static int take_frames(const struct memory *memory, uint64_t state, struct thread *thread)
{
    struct script_frame frames[FRAMES_SHOWN] = {0};
    uint64_t at = 0;
    int count = 0;
    if (!memory_word(memory, state + THREAD_C_FRAME, &at) ||
        !memory_word(memory, at + C_FRAME_CURRENT, &at))
        return 0;
    while (at && count < FRAMES_SHOWN) {
        uint64_t code, name, file, instruction;
        struct script_frame *frame = &frames[count];
        if (!memory_word(memory, at + FRAME_CODE, &code) ||
            !memory_word(memory, code + CODE_NAME, &name) ||
            !memory_word(memory, code + CODE_FILE, &file) ||
            !memory_word(memory, at + FRAME_INSTRUCTION, &instruction))
            break;
        read_text(memory, name, frame->function, sizeof frame->function);
        read_text(memory, file, frame->file, sizeof frame->file);
        frame->line = line_of(memory, code, instruction);
        count++;
        if (!memory_word(memory, at + FRAME_PREVIOUS, &at))
            break;
    }
    if (count == 0 || thread->script)
        return 0;
    thread->script = malloc(sizeof *frames * (size_t)count);
    if (!thread->script)
        return -ENOMEM;
    memcpy(thread->script, frames, sizeof *frames * (size_t)count);
    thread->script_count = count;
    return 0;
}

/* The system's number of the thread that Python calls `ident`; 0 if there is none. */
static uint64_t thread_of_ident(const struct memory *memory, uint64_t state, uint64_t ident)
{
    uint64_t number, id;
    for (int i = 0; state && i < THREADS_MOST; i++) {
        if (!memory_word(memory, state + THREAD_IDENT, &id) ||
            !memory_word(memory, state + THREAD_NUMBER, &number))
            break;
        if (id == ident)
            return number;
        if (!memory_word(memory, state + THREAD_NEXT, &state))
            break;
    }
    return 0;
}

/* The name of the object's class, without its module. */
static void read_class(const struct memory *memory, uint64_t object, char *text, size_t size)
{
    uint64_t class, name;
    char full[128];
    size_t length = 0;
    text[0] = 0;
    if (!memory_word(memory, object + OBJECT_CLASS, &class) ||
        !memory_word(memory, class + CLASS_NAME, &name))
        return;
    while (length < sizeof full - 1 && memory_read(memory, name + length, full + length, 1) &&
           full[length] >= ' ' && full[length] < 0x7f)
        length++;
    full[length] = 0;
    const char *last = strrchr(full, '.');
    snprintf(text, size, "%.*s", (int)size - 1, last ? last + 1 : full);
}

/* If the thread sleeps in an object of the Python package: which it is, and who holds it. `states` is the first of the
 * interpreter's threads. Any thread may release a Lock, so its owner proves no deadlock and is a detail. */
static void take_object(const struct process *process, uint64_t states, struct thread *thread)
{
    const struct memory *memory = &process->memory;
    struct wait *wait = &thread->wait;
    uint64_t words[3], ident = 0;
    if (wait->kind != OBJECT_SEMAPHORE ||
        !memory_read(memory, wait->word - sizeof words, words, sizeof words) ||
        words[0] != SLEEPER_MARK)
        return;
    wait->kind = OBJECT_THRUM;
    wait->object = words[1];
    wait->call = NULL;
    wait->detail[0] = 0;
    snprintf(wait->name, sizeof wait->name, "%#llx", (unsigned long long)wait->object);
    read_class(memory, wait->object, wait->type, sizeof wait->type);
    if (!words[2] || !memory_word(memory, words[2], &ident) || !ident)
        return;
    uint64_t number = thread_of_ident(memory, states, ident);
    if (strcmp(wait->type, "RLock") != 0) {
        if (number)
            snprintf(wait->detail, sizeof wait->detail, "acquired by thread %d", (int)number);
        return;
    }
    wait->owner_tid = (int)number;
    wait->owner = number ? process_thread(process, (int)number) : -1;
    wait->owner_state = wait->owner >= 0 ? OWNER_LIVES : OWNER_GONE;
}

/* The variable with that name, in the program or in libpython. */
static bool find(struct process *process, const char *name, struct symbol *ret)
{
    for (int i = 0; i < process->modules.count; i++) {
        const char *file = strrchr(process->modules.list[i].path, '/');
        if (!file || (strncmp(file, "/python", 7) != 0 && strncmp(file, "/libpython", 10) != 0))
            continue;
        const struct module *module =
            modules_find(&process->modules, process->modules.list[i].start);
        if (module && module_named(module, name, ret))
            return true;
    }
    return false;
}

int python_look(struct process *process)
{
    const struct memory *memory = &process->memory;
    struct symbol runtime, version;
    uint64_t number, interpreter, states, state, id;
    int rc = 0;
    if (!process->runtime || strcmp(process->runtime, "Python") != 0 ||
        !find(process, "Py_Version", &version) || !find(process, "_PyRuntime", &runtime) ||
        !memory_word(memory, version.start, &number) || number >> 16 != VERSION_3_11 ||
        !memory_word(memory, runtime.start + INTERPRETERS, &interpreter))
        return 0;
    for (int i = 0; interpreter && i < INTERPRETERS_MOST; i++) {
        if (!memory_word(memory, interpreter + INTERPRETER_THREADS, &states))
            break;
        state = states;
        for (int j = 0; rc == 0 && state && j < THREADS_MOST; j++) {
            if (!memory_word(memory, state + THREAD_NUMBER, &id))
                break;
            int index = process_thread(process, (int)id);
            if (index >= 0 && process->threads[index].exact) {
                rc = take_frames(memory, state, &process->threads[index]);
                take_object(process, states, &process->threads[index]);
            }
            if (!memory_word(memory, state + THREAD_NEXT, &state))
                break;
        }
        if (!memory_word(memory, interpreter + INTERPRETER_NEXT, &interpreter))
            break;
    }
    return rc;
}
