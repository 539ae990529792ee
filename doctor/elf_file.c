/* ELF: segments, symbols, unwind tables.
 *
 * What an executable or library needs while it runs is described by program headers, and lies in
 * memory: .eh_frame_hdr with the address of .eh_frame, and the dynamic section with the exported
 * symbols. That is read from the file where there is one, else from memory. The rest is described
 * by section headers and is in the file alone: all symbols (.symtab), and .eh_frame of a static
 * program that is not position independent, which has no .eh_frame_hdr.
 *
 * Without .symtab, the debug file is asked, as packages with debug symbols install it:
 * /usr/lib/debug/.build-id/ab/cdef....debug.
 *
 * A file that cannot be understood gives a module with fewer parts, not a failure. Every size is
 * bounded: a part of more than 256 MiB is left out.
 */
#include "elf_file.h"

#include "bytes.h"
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PART_MOST = 256 << 20, SECTIONS_MOST = 4096 };

static void blob_free(struct blob *blob)
{
    free(blob->bytes);
    *blob = (struct blob){0};
}

/* Memory for a part and one byte more. */
static uint8_t *allocate(struct module *module, uint64_t size)
{
    uint8_t *bytes = malloc(size + 1);
    if (!bytes)
        module->trouble = ENOMEM;
    return bytes;
}

/* False after an error, which is noted, or if the file ends before. */
static bool read_at(struct module *module, int file, void *into, uint64_t size, uint64_t offset)
{
    for (uint64_t done = 0; done < size;) {
        ssize_t got =
            pread(file, (uint8_t *)into + done, (size_t)(size - done), (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno != EINVAL) /* EINVAL: an offset that a file cannot have */
            module->trouble = errno;
        if (got <= 0)
            return false;
        done += (uint64_t)got;
    }
    return true;
}

/* One byte of 0 follows, so that names end. */
static bool blob_from_file(struct blob *ret, struct module *module, int file, uint64_t offset,
                           uint64_t size, uint64_t address)
{
    if (size == 0 || size > PART_MOST)
        return false;
    uint8_t *bytes = allocate(module, size);
    if (!bytes)
        return false;
    if (!read_at(module, file, bytes, size, offset)) {
        free(bytes);
        return false;
    }
    bytes[size] = 0;
    *ret = (struct blob){bytes, size, address};
    return true;
}

/* The loaded bytes from a linked address on: `size` of them, or with `rest` all to the end of the
 * segment. */
static bool blob_loaded(struct blob *ret, struct module *module, const struct memory *memory,
                        uint64_t address, uint64_t size, bool rest)
{
    for (int i = 0; i < module->segment_count; i++) {
        const struct segment *segment = &module->segments[i];
        uint64_t inside = address - segment->address;
        if (address < segment->address || inside >= segment->file_size)
            continue;
        uint64_t left = segment->file_size - inside;
        if (rest || size > left)
            size = left;
        if (module->file >= 0 &&
            blob_from_file(ret, module, module->file, segment->offset + inside, size, address))
            return true;
        if (size == 0 || size > PART_MOST)
            return false;
        uint8_t *bytes = allocate(module, size);
        if (!bytes)
            return false;
        size_t got = memory_read_some(memory, address + module->bias, bytes, size);
        if (got == 0) {
            free(bytes);
            return false;
        }
        bytes[got] = 0;
        *ret = (struct blob){bytes, got, address};
        return true;
    }
    return false;
}

static void read_dynamic(struct module *module, const struct memory *memory, uint64_t address,
                         uint64_t size)
{
    struct blob blob = {0};
    uint64_t table = 0, names = 0, names_size = 0;
    if (!blob_loaded(&blob, module, memory, address, size, false))
        return;
    for (size_t i = 0; i + sizeof(Elf64_Dyn) <= blob.size; i += sizeof(Elf64_Dyn)) {
        Elf64_Dyn entry;
        memcpy(&entry, blob.bytes + i, sizeof entry);
        if (entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == DT_SYMTAB)
            table = entry.d_un.d_ptr;
        else if (entry.d_tag == DT_STRTAB)
            names = entry.d_un.d_ptr;
        else if (entry.d_tag == DT_STRSZ)
            names_size = entry.d_un.d_val;
    }
    blob_free(&blob);
    /* In memory the loader has replaced linked addresses by real ones. */
    if (module->bias && table >= module->bias && names >= module->bias) {
        table -= module->bias;
        names -= module->bias;
    }
    /* How many symbols there are stands nowhere; linkers put the names behind them. */
    if (names > table &&
        blob_loaded(&module->dynamic.names, module, memory, names, names_size, false) &&
        !blob_loaded(&module->dynamic.table, module, memory, table, names - table, false))
        blob_free(&module->dynamic.names);
}

/* .eh_frame_hdr begins with the encoded address of .eh_frame, in practice 4 bytes relative to
 * itself. */
static void read_unwind(struct module *module, const struct memory *memory,
                        const Elf64_Phdr *header)
{
    enum { POINTER_RELATIVE_4 = 0x1b };
    if (!blob_loaded(&module->frame_header, module, memory, header->p_vaddr, header->p_memsz,
                     false))
        return;
    struct blob *blob = &module->frame_header;
    if (blob->size < 8 || blob->bytes[0] != 1 || blob->bytes[1] != POINTER_RELATIVE_4) {
        blob_free(blob);
        return;
    }
    int32_t away;
    memcpy(&away, blob->bytes + 4, sizeof away);
    if (!blob_loaded(&module->frames, module, memory, blob->address + 4 + (uint64_t)(int64_t)away,
                     0, true))
        blob_free(blob);
}

static bool read_headers(struct module *module, const struct memory *memory, Elf64_Ehdr *ret,
                         Elf64_Phdr *headers)
{
    Elf64_Ehdr head;
    if (module->file >= 0) {
        if (!read_at(module, module->file, &head, sizeof head, 0))
            return false;
    } else if (module->first_offset != 0 || !memory_read(memory, module->start, &head, sizeof head))
        return false;
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_ident[EI_DATA] != ELFDATA2LSB || head.e_machine != MACHINE_ELF ||
        head.e_phentsize != sizeof *headers) {
        module->foreign = true;
        return false;
    }
    if (head.e_phnum > SEGMENTS * 2)
        head.e_phnum = SEGMENTS * 2;
    size_t size = head.e_phnum * sizeof *headers;
    if (module->file >= 0) {
        if (!read_at(module, module->file, headers, size, head.e_phoff))
            return false;
    } else if (!memory_read(memory, module->start + head.e_phoff, headers, size))
        return false;
    *ret = head;
    return true;
}

/* Section headers. With `full`, only .symtab is wanted, and goes there. */
static void read_sections(int file, struct module *module, bool only_symbols)
{
    Elf64_Ehdr head;
    struct blob blob = {0}, names = {0};
    if (!read_at(module, file, &head, sizeof head, 0) || head.e_shnum > SECTIONS_MOST ||
        head.e_shentsize != sizeof(Elf64_Shdr) ||
        !blob_from_file(&blob, module, file, head.e_shoff, head.e_shnum * sizeof(Elf64_Shdr), 0))
        return;
    Elf64_Shdr *sections = (Elf64_Shdr *)blob.bytes;
    size_t count = blob.size / sizeof *sections;
    if (head.e_shstrndx < count)
        blob_from_file(&names, module, file, sections[head.e_shstrndx].sh_offset,
                       sections[head.e_shstrndx].sh_size, 0);
    for (size_t i = 0; i < count; i++) {
        const Elf64_Shdr *section = &sections[i];
        if (section->sh_type == SHT_SYMTAB && section->sh_link < count &&
            !module->full.table.bytes) {
            const Elf64_Shdr *strings = &sections[section->sh_link];
            if (blob_from_file(&module->full.table, module, file, section->sh_offset,
                               section->sh_size, 0) &&
                !blob_from_file(&module->full.names, module, file, strings->sh_offset,
                                strings->sh_size, 0))
                blob_free(&module->full.table);
        }
        if (!only_symbols && !module->frames.bytes && section->sh_name < names.size &&
            strcmp((char *)names.bytes + section->sh_name, ".eh_frame") == 0)
            blob_from_file(&module->frames, module, file, section->sh_offset, section->sh_size,
                           section->sh_addr);
    }
    blob_free(&names);
    blob_free(&blob);
}

/* The debug file, by the build id in the note. */
static void read_debug_file(struct module *module, const struct memory *memory,
                            const Elf64_Phdr *note)
{
    static const char folder[] = "/usr/lib/debug/.build-id/";
    struct blob blob = {0};
    char name[sizeof folder + 64 + 16];
    if (!blob_loaded(&blob, module, memory, note->p_vaddr, note->p_memsz, false))
        return;
    struct cursor cursor = {blob.bytes, blob.bytes + blob.size, false};
    while (!cursor.failed && cursor_left(&cursor) >= 12) {
        uint64_t owner = cursor_number(&cursor, 4), size = cursor_number(&cursor, 4);
        uint64_t type = cursor_number(&cursor, 4);
        cursor_skip(&cursor, (owner + 3) & ~(uint64_t)3);
        const uint8_t *id = cursor.at;
        cursor_skip(&cursor, (size + 3) & ~(uint64_t)3);
        if (cursor.failed || type != NT_GNU_BUILD_ID || owner != 4 || size < 2 || size > 32)
            continue;
        int length = snprintf(name, sizeof name, "%s%02x/", folder, id[0]);
        for (uint64_t i = 1; i < size; i++)
            length += snprintf(name + length, sizeof name - (size_t)length, "%02x", id[i]);
        snprintf(name + length, sizeof name - (size_t)length, ".debug");
        int file;
        do
            file = open(name, O_RDONLY | O_CLOEXEC);
        while (file < 0 && errno == EINTR);
        if (file < 0 && errno != ENOENT)
            module->trouble = errno;
        if (file >= 0) {
            read_sections(file, module, true);
            close(file);
        }
        break;
    }
    blob_free(&blob);
}

static void set_bias(struct module *module, const Elf64_Phdr *headers, int count)
{
    enum { PAGE_MASK = 4095 };
    for (int i = 0; i < count; i++) {
        const Elf64_Phdr *header = &headers[i];
        if (header->p_type != PT_LOAD || module->segment_count == SEGMENTS)
            continue;
        struct segment *segment = &module->segments[module->segment_count++];
        *segment =
            (struct segment){header->p_vaddr, header->p_memsz, header->p_offset, header->p_filesz};
        if ((header->p_offset & ~(uint64_t)PAGE_MASK) == module->first_offset &&
            module->segment_count == 1)
            module->bias = module->start - (header->p_vaddr - (header->p_offset & PAGE_MASK));
    }
}

void elf_read(struct module *module, const struct memory *memory)
{
    Elf64_Ehdr head;
    Elf64_Phdr headers[SEGMENTS * 2];
    if (!read_headers(module, memory, &head, headers))
        return;
    set_bias(module, headers, head.e_phnum);
    for (int i = 0; i < head.e_phnum; i++) {
        const Elf64_Phdr *header = &headers[i];
        if (header->p_type == PT_DYNAMIC)
            read_dynamic(module, memory, header->p_vaddr, header->p_memsz);
        else if (header->p_type == PT_GNU_EH_FRAME)
            read_unwind(module, memory, header);
        else if (header->p_type == PT_INTERP)
            module->has_interpreter = true;
    }
    if (module->file >= 0)
        read_sections(module->file, module, false);
    for (int i = 0; i < head.e_phnum && !module->full.table.bytes; i++)
        if (headers[i].p_type == PT_NOTE)
            read_debug_file(module, memory, &headers[i]);
}

void elf_free(struct module *module)
{
    if (module->file >= 0)
        close(module->file);
    blob_free(&module->frame_header);
    blob_free(&module->frames);
    blob_free(&module->dynamic.table);
    blob_free(&module->dynamic.names);
    blob_free(&module->full.table);
    blob_free(&module->full.names);
}
