/* A sample stops its parent, the command that watches it. */
#ifndef TESTS_DOCTOR_STOP_PARENT_H
#define TESTS_DOCTOR_STOP_PARENT_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Returns when it stands still. SIGCONT continues it. */
static inline void stop_parent(void)
{
    char path[64], line[256];
    bool stopped = false;
    kill(getppid(), SIGSTOP);
    snprintf(path, sizeof path, "/proc/%d/status", (int)getppid());
    while (!stopped) {
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof line, file))
            stopped |= strncmp(line, "State:\tT", 8) == 0;
        if (!file)
            abort();
        fclose(file);
        usleep(1000);
    }
}

#endif
