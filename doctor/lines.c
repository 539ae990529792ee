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
#include <unistd.h>

typedef struct Dwfl Dwfl;
typedef struct Dwfl_Module Dwfl_Module;
typedef struct Dwfl_Line Dwfl_Line;

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
        dw.find_debuginfo = dlsym(library, "dwfl_standard_find_debuginfo");
        dw.section_address = dlsym(library, "dwfl_offline_section_address");
    }
    state = library && dw.begin && dw.end && dw.report_elf && dw.report_end && dw.get_line &&
                    dw.line_info && dw.find_debuginfo && dw.section_address
                ? 1
                : -1;
    return state > 0;
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
            Dwfl_Line *line =
                dw.get_line(reported, place->exact ? place->address : place->address - 1);
            const char *name =
                line ? dw.line_info(line, NULL, &place->line, NULL, NULL, NULL) : NULL;
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
