/* A core file is an ELF file whose segments are the memory of a process, and whose notes are the
 * rest: the registers of each thread (NT_PRSTATUS), its name and number (NT_PRPSINFO), the files
 * that were mapped (NT_FILE).
 *
 * What was read-only in a file is usually not in the core; it is read from the file, if that is
 * still what it was: the first page of each file is in the core, and must be equal. Otherwise the
 * file was replaced, and is left alone.
 *
 * A thread that slept in a system call was woken to die. Its registers tell: the result is one of
 * those by which the kernel says "interrupted, to be done again", which a program never sees; then
 * the number and the arguments are still there. On aarch64 the first argument is lost, so only
 * x86-64 is supported.
 *
 * The names of threads are not in a core file. Whether other processes shared memory, which signals
 * had handlers, and whether anything moved is not known, so nothing is suspected from a core file;
 * deadlocks are proven as in a living process.
 *
 * The file is as hostile as any: sizes are bounded, offsets checked by what pread gives.
 */
#include "core.h"

#include "bytes.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

enum { SEGMENTS_MOST = 1 << 20, NOTES_MOST = 64 << 20 };

struct core {
    int file;
    struct segment *segments; /* in the order of addresses */
    size_t count;
    struct modules *modules;
};

/* The bytes of a file that the process had mapped there. */
static bool read_mapped(const struct core *core, uint64_t address, void *into, size_t size)
{
    const struct module *module = modules_find(core->modules, address);
    if (!module || module->file < 0)
        return false;
    uint64_t linked = address - module->bias;
    for (int i = 0; i < module->segment_count; i++) {
        const struct segment *segment = &module->segments[i];
        uint64_t inside = linked - segment->address;
        if (linked >= segment->address && inside < segment->file_size &&
            size <= segment->file_size - inside)
            return pread(module->file, into, size, (off_t)(segment->offset + inside)) ==
                   (ssize_t)size;
    }
    return false;
}

static bool read_core(const struct memory *memory, uint64_t address, void *into, size_t size)
{
    const struct core *core = memory->core;
    size_t low = 0, high = core->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct segment *segment = &core->segments[middle];
        if (address < segment->address)
            high = middle;
        else if (address - segment->address >= segment->size)
            low = middle + 1;
        else {
            uint64_t inside = address - segment->address;
            if (inside < segment->file_size && size <= segment->file_size - inside)
                return pread(core->file, into, size, (off_t)(segment->offset + inside)) ==
                       (ssize_t)size;
            return segment->file_size == 0 || inside >= segment->file_size
                       ? read_mapped(core, address, into, size)
                       : false;
        }
    }
    return read_mapped(core, address, into, size);
}

static int by_address(const void *a, const void *b)
{
    const struct segment *one = a, *other = b;
    return (one->address > other->address) - (one->address < other->address);
}

/* The program headers: segments, and where the notes are. */
static int read_segments(struct core *core, const Elf64_Ehdr *head, uint64_t *ret_notes,
                         uint64_t *ret_size, Elf64_Phdr **ret_headers, size_t *ret_count)
{
    size_t count = head->e_phnum;
    if (count == PN_XNUM) {
        Elf64_Shdr section;
        if (pread(core->file, &section, sizeof section, (off_t)head->e_shoff) != sizeof section)
            return -EINVAL;
        count = section.sh_info;
    }
    if (count == 0 || count > SEGMENTS_MOST || head->e_phentsize != sizeof(Elf64_Phdr))
        return -EINVAL;
    Elf64_Phdr *headers = calloc(count, sizeof *headers);
    core->segments = calloc(count, sizeof *core->segments);
    *ret_headers = headers;
    *ret_count = count;
    if (!headers || !core->segments)
        return -ENOMEM;
    ssize_t size = (ssize_t)(count * sizeof *headers);
    if (pread(core->file, headers, (size_t)size, (off_t)head->e_phoff) != size)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        const Elf64_Phdr *header = &headers[i];
        if (header->p_type == PT_LOAD)
            core->segments[core->count++] = (struct segment){header->p_vaddr, header->p_memsz,
                                                             header->p_offset, header->p_filesz};
        else if (header->p_type == PT_NOTE && *ret_size == 0) {
            *ret_notes = header->p_offset;
            *ret_size = header->p_filesz;
        }
    }
    qsort(core->segments, core->count, sizeof *core->segments, by_address);
    return 0;
}

static bool was_interrupted(const struct user_regs_struct *user)
{
#if defined(__x86_64__)
    /* ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK; EINTR */
    long result = (long)user->rax;
    return (long)user->orig_rax >= 0 &&
           (result == -512 || result == -513 || result == -514 || result == -516 || result == -4);
#else
    (void)user;
    return false;
#endif
}

static int add_thread(struct process *process, struct cursor note)
{
    struct elf_prstatus status;
    struct user_regs_struct user;
    if (cursor_left(&note) < sizeof status)
        return 0;
    memcpy(&status, note.at, sizeof status);
    memcpy(&user, &status.pr_reg, sizeof user);
    struct thread *thread = process_add(process, status.pr_pid);
    if (!thread)
        return -ENOMEM;
    registers_take(thread, &user);
    thread->where = was_interrupted(&user) ? THREAD_IN_CALL : THREAD_OUTSIDE;
    thread->exact = true;
    snprintf(thread->name, sizeof thread->name, "no name");
    return 0;
}

/* A range of addresses: from a segment, from NT_FILE, or from both. */
struct piece {
    struct mapping mapping;
    const char *path; /* in the notes; NULL for none */
    uint64_t offset;
};

struct pieces {
    struct piece *list;
    size_t count;
};

/* NT_FILE: a count, the page size, then start, end and page of each, then the names. Fills in
 * `files`, which has room for `room`. */
static void read_files(struct cursor note, struct pieces *files, size_t room)
{
    uint64_t count = cursor_number(&note, 8), page = cursor_number(&note, 8);
    for (uint64_t i = 0; i < count && i < room; i++) {
        struct piece *piece = &files->list[i];
        piece->mapping.start = cursor_number(&note, 8);
        piece->mapping.end = cursor_number(&note, 8);
        piece->offset = cursor_number(&note, 8) * page;
        /* Of what is in no segment it is not known; code is what counts. */
        piece->mapping.execute = true;
    }
    for (uint64_t i = 0; i < count && i < room && !note.failed; i++) {
        const uint8_t *end = memchr(note.at, 0, cursor_left(&note));
        if (!end)
            break;
        files->list[i].path = (const char *)note.at;
        files->count = i + 1;
        note.at = end + 1;
    }
}

static int pieces_by_address(const void *a, const void *b)
{
    const struct piece *one = a, *other = b;
    return (one->mapping.start > other->mapping.start) -
           (one->mapping.start < other->mapping.start);
}

/* The piece of a sorted list that contains an address, or NULL. */
static struct piece *piece_at(const struct pieces *pieces, uint64_t address)
{
    size_t low = 0, high = pieces->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (address >= pieces->list[middle].mapping.end)
            low = middle + 1;
        else
            high = middle;
    }
    return low < pieces->count && address >= pieces->list[low].mapping.start ? &pieces->list[low]
                                                                             : NULL;
}

/* Segments with the files behind them, and files of which no segment tells: gdb leaves out what a
 * file has. */
static size_t join_pieces(struct piece *all, const struct pieces *files, const Elf64_Phdr *headers,
                          size_t count)
{
    size_t made = 0;
    struct pieces segments = {all, 0};
    for (size_t i = 0; i < count; i++) {
        const Elf64_Phdr *header = &headers[i];
        if (header->p_type != PT_LOAD || header->p_memsz == 0)
            continue;
        const struct piece *file = piece_at(files, header->p_vaddr);
        all[made++] = (struct piece){
            .mapping = {.start = header->p_vaddr,
                        .end = header->p_vaddr + header->p_memsz,
                        .read = header->p_flags & PF_R,
                        .execute = header->p_flags & PF_X,
                        .write = header->p_flags & PF_W},
            .path = file ? file->path : NULL,
            .offset = file ? file->offset + (header->p_vaddr - file->mapping.start) : 0};
    }
    qsort(all, made, sizeof *all, pieces_by_address);
    segments.count = made;
    for (size_t i = 0; i < files->count; i++)
        if (!piece_at(&segments, files->list[i].mapping.start))
            all[made++] = files->list[i];
    qsort(all, made, sizeof *all, pieces_by_address);
    return made;
}

static int add_maps(struct process *process, const Elf64_Phdr *headers, size_t count,
                    struct cursor note)
{
    uint64_t room = 0;
    struct pieces files = {0};
    struct piece *all = NULL;
    int rc = -ENOMEM;
    if (cursor_left(&note) >= 8)
        memcpy(&room, note.at, sizeof room);
    if (room > cursor_left(&note) / 24)
        room = 0;
    files.list = calloc(room + 1, sizeof *files.list);
    all = calloc(room + count, sizeof *all);
    if (files.list && all) {
        read_files(note, &files, room);
        qsort(files.list, files.count, sizeof *files.list, pieces_by_address);
        size_t made = join_pieces(all, &files, headers, count);
        rc = 0;
        for (size_t i = 0; rc == 0 && i < made; i++)
            if (all[i].mapping.end > all[i].mapping.start &&
                !modules_add(&process->modules, all[i].mapping, all[i].path, all[i].offset, 0))
                rc = -ENOMEM;
    }
    free(files.list);
    free(all);
    return rc;
}

static int read_notes(struct process *process, const struct blob *notes, struct cursor *ret_files)
{
    struct cursor cursor = {notes->bytes, notes->bytes + notes->size, false};
    int rc = 0;
    while (rc == 0 && cursor_left(&cursor) >= 12) {
        uint64_t owner = cursor_number(&cursor, 4), size = cursor_number(&cursor, 4);
        uint64_t type = cursor_number(&cursor, 4);
        cursor_skip(&cursor, (owner + 3) & ~(uint64_t)3);
        struct cursor note = {cursor.at, cursor.at, false};
        cursor_skip(&cursor, size);
        if (cursor.failed)
            break;
        note.end = cursor.at;
        uint64_t padding = -size & 3;
        if (padding <= cursor_left(&cursor))
            cursor_skip(&cursor, padding);
        struct elf_prpsinfo about;
        if (type == NT_PRSTATUS)
            rc = add_thread(process, note);
        else if (type == NT_FILE)
            *ret_files = note;
        else if (type == NT_PRPSINFO && size >= sizeof about) {
            memcpy(&about, note.at, sizeof about);
            process->pid = process->inner_pid = about.pr_pid;
            process->parent = about.pr_ppid;
            snprintf(process->name, sizeof process->name, "%.*s", (int)sizeof about.pr_fname,
                     about.pr_fname);
        }
    }
    return rc;
}

static int open_core(struct process *process, struct core *core)
{
    Elf64_Ehdr head;
    Elf64_Phdr *headers = NULL;
    struct blob notes = {0};
    struct cursor files = {0};
    uint64_t at = 0, size = 0;
    size_t count = 0;
    if (pread(core->file, &head, sizeof head, 0) != sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_type != ET_CORE || head.e_machine != MACHINE_ELF)
        return -EINVAL;
    int rc = read_segments(core, &head, &at, &size, &headers, &count);
    if (rc == 0 && (size == 0 || size > NOTES_MOST))
        rc = -EINVAL;
    if (rc == 0 && !(notes.bytes = malloc(size)))
        rc = -ENOMEM;
    if (rc == 0) {
        notes.size = size;
        if (pread(core->file, notes.bytes, size, (off_t)at) != (ssize_t)size)
            rc = -EINVAL;
    }
    if (rc == 0)
        rc = read_notes(process, &notes, &files);
    if (rc == 0)
        rc = add_maps(process, headers, count, files);
    if (rc == 0 && process->count == 0)
        rc = -EINVAL;
    const struct module *program = rc == 0 ? process_program(process) : NULL;
    const char *slash = program ? strrchr(program->path, '/') : NULL;
    if (slash)
        snprintf(process->name, sizeof process->name, "%s", slash + 1);
    free(notes.bytes);
    free(headers);
    return rc;
}

int core_open(struct process *process, const char *path, char *message, size_t size)
{
    *process = (struct process){.tasks = -1};
    struct core *core = calloc(1, sizeof *core);
    int rc = core ? 0 : -ENOMEM;
    if (rc == 0) {
        core->file = open(path, O_RDONLY | O_CLOEXEC);
        rc = core->file < 0 ? -errno : 0;
        process->core = core;
        core->modules = &process->modules;
        process->memory = (struct memory){.read = read_core, .core = core};
        process->modules.memory = &process->memory;
        process->places.modules = &process->modules;
    }
    if (rc == 0)
        rc = open_core(process, core);
    if (rc == 0) {
        process->musl = process_is_musl(process);
        return 0;
    }
    if (rc == -EINVAL)
        snprintf(message, size,
                 "%s is no core file of a 64-bit program of this machine, or it is cut off", path);
    else
        snprintf(message, size, "cannot open %s: %s", path, strerror(-rc));
    process_close(process);
    return rc;
}

int core_look(struct process *process, int index, uint8_t *buffer)
{
    struct thread *thread = &process->threads[index];
    uint64_t sp = thread->registers.value[REGISTER_STACK];
    const struct mapping *map = modules_map(&process->modules, sp);
    size_t size = map && map->end - sp < STACK_COPY ? map->end - sp : STACK_COPY;
    struct stack_copy copy = {sp, memory_read_some(&process->memory, sp, buffer, size), buffer};
    return process_unwind(process, thread, &copy);
}

void core_close(struct core *core)
{
    if (!core)
        return;
    if (core->file >= 0)
        close(core->file);
    free(core->segments);
    free(core);
}
