/* Lines, by libdw of elfutils, which reads DWARF of all versions, compressed or split, and finds
 * debug files where distributions install them. It is loaded when it is wanted, so the command runs
 * without it; the few declarations that are needed stand here, as its header may be missing where
 * thrum is built.
 *
 * Debug files are taken from the machine only: libdw would ask servers if DEBUGINFOD_URLS is set,
 * and a look is not to wait for a network.
 *
 * Each module is given to libdw at its address in the process, so that addresses need no
 * translation.
 */
#include "lines.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Dwfl Dwfl;
typedef struct Dwfl_Module Dwfl_Module;
typedef struct Dwfl_Line Dwfl_Line;
typedef struct Dwarf_Files Dwarf_Files;

typedef struct Dwarf_Die {
    void *address, *unit, *abbreviation;
    long padding;
} Dwarf_Die;

typedef struct Dwarf_Attribute {
    unsigned code, form;
    unsigned char *value;
    void *unit;
} Dwarf_Attribute;

enum { TAG_INLINED = 0x1d, CALL_FILE = 0x58, CALL_LINE = 0x59 }; /* of DWARF */

struct callbacks {
    void *find_elf, *find_debuginfo, *section_address;
    char **debuginfo_path;
};

static struct {
    Dwfl *(*begin)(const struct callbacks *callbacks);
    void (*end)(Dwfl *dwfl);
    Dwfl_Module *(*report_elf)(Dwfl *dwfl, const char *name, const char *file, int descriptor,
                               uint64_t base, bool add_address);
    int (*report_end)(Dwfl *dwfl, void *removed, void *argument);
    Dwfl_Line *(*get_line)(Dwfl_Module *module, uint64_t address);
    const char *(*line_info)(Dwfl_Line *line, uint64_t *address, int *number, int *column,
                             uint64_t *time, uint64_t *length);
    Dwarf_Die *(*unit_of)(Dwfl_Module *module, uint64_t address, uint64_t *ret_bias);
    int (*scopes)(Dwarf_Die *unit, uint64_t address, Dwarf_Die **ret_scopes);
    int (*tag)(Dwarf_Die *die);
    Dwarf_Attribute *(*attribute)(Dwarf_Die *die, unsigned name, Dwarf_Attribute *result);
    int (*number)(Dwarf_Attribute *attribute, uint64_t *ret_number);
    int (*files)(Dwarf_Die *unit, Dwarf_Files **ret_files, size_t *ret_count);
    const char *(*file)(Dwarf_Files *files, size_t index, uint64_t *time, uint64_t *length);
    void *find_debuginfo, *section_address;
} dw;

static bool load(void)
{
    static int state; /* 0: not tried; 1: loaded; -1: not there */
    if (state)
        return state > 0;
    void *library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library) {
        *(void **)&dw.begin = dlsym(library, "dwfl_begin");
        *(void **)&dw.end = dlsym(library, "dwfl_end");
        *(void **)&dw.report_elf = dlsym(library, "dwfl_report_elf");
        *(void **)&dw.report_end = dlsym(library, "dwfl_report_end");
        *(void **)&dw.get_line = dlsym(library, "dwfl_module_getsrc");
        *(void **)&dw.line_info = dlsym(library, "dwfl_lineinfo");
        *(void **)&dw.unit_of = dlsym(library, "dwfl_module_addrdie");
        *(void **)&dw.scopes = dlsym(library, "dwarf_getscopes");
        *(void **)&dw.tag = dlsym(library, "dwarf_tag");
        *(void **)&dw.attribute = dlsym(library, "dwarf_attr");
        *(void **)&dw.number = dlsym(library, "dwarf_formudata");
        *(void **)&dw.files = dlsym(library, "dwarf_getsrcfiles");
        *(void **)&dw.file = dlsym(library, "dwarf_filesrc");
        dw.find_debuginfo = dlsym(library, "dwfl_standard_find_debuginfo");
        dw.section_address = dlsym(library, "dwfl_offline_section_address");
    }
    state = library && dw.begin && dw.end && dw.report_elf && dw.report_end && dw.get_line &&
                    dw.line_info && dw.unit_of && dw.scopes && dw.tag && dw.attribute &&
                    dw.number && dw.files && dw.file && dw.find_debuginfo && dw.section_address
                ? 1
                : -1;
    return state > 0;
}

static bool number_of(Dwarf_Die *die, unsigned name, uint64_t *ret_number)
{
    Dwarf_Attribute attribute;
    return dw.attribute(die, name, &attribute) && dw.number(&attribute, ret_number) == 0;
}

static bool is_wrapper(const char *file)
{
    static const char header[] = "/thrum/with.h";
    size_t length = strlen(file), end = sizeof header - 1;
    return length >= end && strcmp(file + length - end, header) == 0;
}

/* thrum_with is a macro around inline functions. Their lines tell nothing: what was meant is the line at which the first
 * of them was called. Returns its file, or NULL if that is not known. */
static const char *outside_wrapper(Dwfl_Module *module, uint64_t address, int *ret_line)
{
    Dwarf_Die *scopes = NULL;
    Dwarf_Files *files;
    uint64_t bias, file, line;
    size_t file_count;
    Dwarf_Die *unit = dw.unit_of(module, address, &bias);
    if (!unit || dw.files(unit, &files, &file_count) != 0)
        return NULL;
    int count = dw.scopes(unit, address - bias, &scopes);
    const char *found = NULL;
    for (int i = 0; i < count && (!found || is_wrapper(found)); i++) {
        if (dw.tag(&scopes[i]) != TAG_INLINED || !number_of(&scopes[i], CALL_FILE, &file) ||
            !number_of(&scopes[i], CALL_LINE, &line) || file >= file_count)
            continue;
        found = dw.file(files, file, NULL, NULL);
        *ret_line = (int)line;
    }
    free(scopes);
    return found;
}

/* For one module: a session of its own, as few modules have places. */
static void find_in_module(struct process *process, struct module *module)
{
    struct callbacks callbacks = {.find_debuginfo = dw.find_debuginfo,
                                  .section_address = dw.section_address};
    Dwfl *dwfl = dw.begin(&callbacks);
    if (!dwfl)
        return;
    int file = dup(module->file);
    if (file < 0)
        module->trouble = errno;
    Dwfl_Module *reported =
        file < 0 ? NULL
                 : dw.report_elf(dwfl, module->path, module->path, file, module->bias, false);
    if (!reported && file >= 0)
        close(file);
    dw.report_end(dwfl, NULL, NULL);
    for (int i = 0; reported && i < PLACES; i++)
        for (struct place *place = process->places.buckets[i]; place; place = place->next) {
            if (place->module != module || place->file)
                continue;
            uint64_t address = place->exact ? place->address : place->address - 1;
            Dwfl_Line *line = dw.get_line(reported, address);
            const char *name =
                line ? dw.line_info(line, NULL, &place->line, NULL, NULL, NULL) : NULL;
            if (name && is_wrapper(name)) {
                const char *outside = outside_wrapper(reported, address, &place->line);
                name = outside ? outside : name;
            }
            place->file = name ? strdup(name) : NULL;
            process->modules.out_of_room |= name && !place->file;
        }
    dw.end(dwfl);
}

bool lines_find(struct process *process)
{
    if (!load())
        return false;
    unsetenv("DEBUGINFOD_URLS");
    for (int i = 0; i < process->modules.count; i++) {
        struct module *module = &process->modules.list[i];
        bool wanted = false;
        for (int b = 0; b < PLACES && !wanted; b++)
            for (struct place *place = process->places.buckets[b]; place && !wanted;
                 place = place->next)
                wanted = place->module == module;
        if (wanted && module->file >= 0)
            find_in_module(process, module);
    }
    return true;
}
