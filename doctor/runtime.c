/* A Go program has a section named .go.buildinfo, whose first bytes are fixed, at the start of its
 * data. Java has libjvm.so; Python has the variable _PyRuntime, in the program or in libpython.
 */
#include "runtime.h"

static bool has_go(struct process *process)
{
    static const char magic[] = "\xff Go buildinf:";
    char bytes[sizeof magic - 1];
    const struct module *module = process_program(process);
    if (!module)
        return false;
    for (int i = 0; i < module->segment_count; i++) {
        uint64_t at = (module->segments[i].address + module->bias + 15) & ~(uint64_t)15;
        if (memory_read(&process->memory, at, bytes, sizeof bytes) &&
            memcmp(bytes, magic, sizeof bytes) == 0)
            return true;
    }
    return false;
}

const char *runtime_recognise(struct process *process)
{
    struct symbol symbol;
    for (int i = 0; i < process->modules.count; i++) {
        const char *name = strrchr(process->modules.list[i].path, '/');
        if (!name)
            continue;
        if (strcmp(name, "/libjvm.so") == 0)
            return "Java";
        if (strncmp(name, "/libpython", 10) == 0)
            return "Python";
        if (strncmp(name, "/python", 7) == 0) {
            const struct module *module =
                modules_find(&process->modules, process->modules.list[i].start);
            if (module && module_named(module, "_PyRuntime", &symbol))
                return "Python";
        }
    }
    return has_go(process) ? "Go" : NULL;
}
