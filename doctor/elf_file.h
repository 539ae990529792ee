/* Reading an ELF file, or what is in memory of one, into a module. */
#ifndef DOCTOR_ELF_FILE_H
#define DOCTOR_ELF_FILE_H

#include "module.h"

/* Fills in the module, as far as there is something to read; `module->file` may be -1, and
 * `module->read` is the caller's to set. */
void elf_read(struct module *module, const struct memory *memory);

/* Frees what elf_read got, and closes the file. */
void elf_free(struct module *module);

#endif
