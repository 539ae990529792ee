/* `thrum doctor -- PROGRAM`: runs a program with the preload library, and watches it. */
#ifndef CLI_DOCTOR_START_H
#define CLI_DOCTOR_START_H

#include "options.h"

/* Returns the exit status. */
int doctor_start(const struct doctor_options *options);

#endif
