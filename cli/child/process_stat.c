/* Reads /proc/PID/stat. The name of the program, in parentheses, may have blanks and parentheses itself. */
#include "process_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool process_stat_read(pid_t pid, struct process_stat *ret_stat)
{
    char path[64], text[1024];
    unsigned long long user, system;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0)
        (void)close(file);
    if (length <= 0)
        return false;
    text[length] = 0;
    /* Field 3 is the state, 4 is the parent, 14 and 15 are processor time, 22 is the start. */
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1,
                        " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d "
                        "%*d %*d %llu",
                        &ret_stat->state, &ret_stat->parent, &user, &system, &ret_stat->start) != 5)
        return false;
    ret_stat->ticks = user + system;
    return true;
}
