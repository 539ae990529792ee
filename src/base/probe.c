/* Where the table comes from. In a dynamic program it is a symbol of the preloaded library, and found
 * by name, as the linker leaves no weak symbol open that an executable with libthrum.a has. A static program
 * is linked with the watcher, and has it at hand (weak). The variables of the environment are looked at first
 * (`thrum doctor` sets the one, `thrum explore` the other), so a program that nobody watches pays for that alone. */
#include "base/probe.h"

#include <dlfcn.h>
#include <stdlib.h>

const thrum__probes *thrum__probe_table;

#ifndef THRUM_EXPLORE

extern const thrum__probes THRUM__PROBES_SYMBOL __attribute__((weak));

#define TEXT_OF(name) #name
#define TEXT(name)    TEXT_OF(name)

/* Before the library's other constructors: one of them may run tasks (process/worker.c). */
__attribute__((constructor(101))) static void find(void)
{
    if (!secure_getenv("THRUM_DOCTOR") && !secure_getenv("THRUM_SCHEDULE"))
        return;
    thrum__probe_table = &THRUM__PROBES_SYMBOL ? &THRUM__PROBES_SYMBOL
                                               : dlsym(RTLD_DEFAULT, TEXT(THRUM__PROBES_SYMBOL));
}

#endif
