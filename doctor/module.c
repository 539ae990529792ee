/* What is mapped into a process, and the files behind it.
 *
 * A module is one file with at least one executable mapping, or the kernel's [vdso]. Mappings come
 * in the order of addresses; those of one file that follow each other belong to one module, until
 * the file's beginning is mapped again.
 *
 * The file behind a mapping is found in this order:
 *   /proc/PID/map_files/START-END  is the file itself, even if it was deleted or replaced; the system
 *                                  lets only a privileged process follow it
 *   /proc/PID/root/PATH            is right if the process lives in another mount namespace; taken only
 *                                  if its inode is that of the mapping, as it may have been replaced
 * Without either, the module is read from memory, where its loaded parts lie: unwind tables and
 * dynamic symbols are there, section headers and local symbols are not.
 *
 * Files and memory are hostile: sizes are bounded, nothing is believed (bytes.h, elf_file.c).
 */
#include "module.h"

#include "elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes room for one more item. */
static bool grow(void **list, int count, int *room, size_t item)
{
    if (count < *room)
        return true;
    int more = *room ? *room * 2 : 32;
    void *larger = realloc(*list, (size_t)more * item);
    if (!larger)
        return false;
    *list = larger;
    *room = more;
    return true;
}

/* Whether a mapping continues the last module. A linker may put several segments into one page of
 * the file, so a small program has its first page mapped more than once. Another copy of the file
 * begins anew with that page. */
static bool continues(const struct module *last, const struct mapping *mapping, uint64_t offset)
{
    if (offset == last->first_offset)
        return last->last_offset == offset && mapping->start == last->end;
    return offset > last->first_offset;
}

/* The module that the mapping continues, a new one, or -1 if memory ran out. */
static int module_of(struct modules *modules, const struct mapping *mapping, const char *path,
                     uint64_t offset, uint64_t inode)
{
    struct module *last = modules->count ? &modules->list[modules->count - 1] : NULL;
    if (last && continues(last, mapping, offset) && last->inode == inode &&
        strcmp(last->path, path) == 0) {
        last->end = mapping->end;
        last->last_offset = offset;
        return modules->count - 1;
    }
    if (!grow((void **)&modules->list, modules->count, &modules->room, sizeof *last))
        return -1;
    char *copy = strdup(path);
    if (!copy)
        return -1;
    modules->list[modules->count] = (struct module){.path = copy,
                                                    .start = mapping->start,
                                                    .end = mapping->end,
                                                    .first_offset = offset,
                                                    .last_offset = offset,
                                                    .inode = inode,
                                                    .file = -1};
    return modules->count++;
}

bool modules_add(struct modules *modules, struct mapping mapping, const char *path, uint64_t offset,
                 uint64_t inode)
{
    if (!grow((void **)&modules->maps, modules->map_count, &modules->map_room, sizeof mapping))
        return false;
    mapping.module = -1;
    if (path && (path[0] == '/' || strcmp(path, "[vdso]") == 0)) {
        mapping.module = module_of(modules, &mapping, path, offset, inode);
        if (mapping.module < 0)
            return false;
        modules->list[mapping.module].code |= mapping.execute;
    }
    modules->maps[modules->map_count++] = mapping;
    return true;
}

int modules_read(struct modules *modules, int pid, const struct memory *memory)
{
    char name[64], *line = NULL;
    size_t size = 0;
    int rc = 0;
    *modules = (struct modules){.memory = memory, .pid = pid};
    snprintf(name, sizeof name, "/proc/%d/maps", pid);
    FILE *file = fopen(name, "re");
    if (!file)
        return -errno;
    while (rc == 0 && getline(&line, &size, file) > 0) {
        struct mapping mapping = {0};
        uint64_t offset, inode;
        char flags[5];
        int path = 0;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64 " %n",
                   &mapping.start, &mapping.end, flags, &offset, &inode, &path) < 5)
            continue;
        line[strcspn(line, "\n")] = 0;
        mapping.read = flags[0] == 'r';
        mapping.write = flags[1] == 'w';
        mapping.execute = flags[2] == 'x';
        mapping.shared = flags[3] == 's';
        if (line[path] == '[')
            snprintf(mapping.label, sizeof mapping.label, "%s", line + path);
        if (!modules_add(modules, mapping, line[path] ? line + path : NULL, offset, inode))
            rc = -ENOMEM;
    }
    if (rc == 0 && ferror(file))
        rc = -EIO;
    free(line);
    fclose(file);
    if (rc < 0)
        modules_free(modules);
    return rc;
}

void modules_free(struct modules *modules)
{
    for (int i = 0; i < modules->count; i++) {
        elf_free(&modules->list[i]);
        free(modules->list[i].path);
    }
    free(modules->list);
    free(modules->maps);
    *modules = (struct modules){0};
}

const struct mapping *modules_map(const struct modules *modules, uint64_t address)
{
    int low = 0, high = modules->map_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (address >= modules->maps[middle].end)
            low = middle + 1;
        else
            high = middle;
    }
    return low < modules->map_count && address >= modules->maps[low].start ? &modules->maps[low]
                                                                           : NULL;
}

bool modules_executable(const struct modules *modules, uint64_t address)
{
    const struct mapping *map = modules_map(modules, address);
    return map && map->execute;
}

/* Opens a regular file, never a device or a pipe. Notes trouble, unless the file or the process is not there. */
static int open_regular(struct module *module, const char *name, uint64_t inode)
{
    struct stat status;
    int file, error = 0;
    do
        file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (file < 0 && errno == EINTR);
    if (file < 0)
        error = errno == ENOENT || errno == ENOTDIR || errno == ESRCH ? 0 : errno;
    else if (fstat(file, &status) < 0)
        error = errno;
    if (error)
        module->trouble = error;
    if (file >= 0 && (error || !S_ISREG(status.st_mode) || (inode && status.st_ino != inode))) {
        close(file);
        return -1;
    }
    return file;
}

/* True if the file begins as it did when a core file was written, as far as the core tells. */
static bool same_beginning(const struct modules *modules, const struct module *module, int file)
{
    enum { PAGE = 4096 };
    uint8_t then[PAGE], today[PAGE];
    if (module->first_offset != 0 || !memory_read(modules->memory, module->start, then, PAGE))
        return true;
    return pread(file, today, PAGE, 0) == PAGE && memcmp(then, today, PAGE) == 0;
}

static int open_module(const struct modules *modules, int index)
{
    struct module *module = &modules->list[index];
    char name[4096 + 64];
    if (module->path[0] != '/')
        return -1;
    if (modules->pid == 0) {
        int file = open_regular(module, module->path, 0);
        if (file >= 0 && !same_beginning(modules, module, file)) {
            close(file);
            file = -1;
        }
        return file;
    }
    for (int i = 0; i < modules->map_count; i++) {
        const struct mapping *map = &modules->maps[i];
        if (map->module != index)
            continue;
        snprintf(name, sizeof name, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, modules->pid,
                 map->start, map->end);
        int file = open_regular(module, name, module->inode);
        if (file >= 0)
            return file;
        module->trouble = 0; /* the name is left, which needs no right to see the mappings */
        break;
    }
    snprintf(name, sizeof name, "/proc/%d/root%s", modules->pid, module->path);
    return open_regular(module, name, module->inode);
}

const struct module *modules_trouble(const struct modules *modules, int *ret_error)
{
    *ret_error = modules->out_of_room ? ENOMEM : 0;
    for (int i = 0; i < modules->count; i++)
        if (modules->list[i].trouble) {
            *ret_error = modules->list[i].trouble;
            return &modules->list[i];
        }
    return NULL;
}

struct module *modules_find(struct modules *modules, uint64_t address)
{
    const struct mapping *map = modules_map(modules, address);
    int index = -1;
    if (map)
        index = map->module;
    /* What the loader leaves between the mappings of a file, as .bss, belongs to it, too. */
    for (int i = 0; index < 0 && i < modules->count; i++)
        if (address >= modules->list[i].start && address < modules->list[i].end + (1 << 24) &&
            (i + 1 == modules->count || address < modules->list[i + 1].start) && map &&
            !map->label[0] && map->start == modules->list[i].end)
            index = i;
    if (index < 0)
        return NULL;
    struct module *module = &modules->list[index];
    if (!module->read) {
        module->read =
            true; /* reading it may lead back here: memory of a core file is in modules, too */
        module->file = open_module(modules, index);
        elf_read(module, modules->memory);
    }
    return module;
}
