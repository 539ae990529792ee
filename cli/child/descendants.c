/* Descendants, from /proc.
 *
 * A nested `thrum run`, a shell with job control, a program that calls setsid: each puts its
 * children into other process groups, which a signal to the group of our child does not reach. The
 * parent numbers in /proc lead to them.
 *
 * A process whose parent has died is adopted by this program, which is a subreaper (job_control.c).
 * Its parent number then no longer shows its ancestor. So a set is filled early, when the end of a
 * child is first requested, and keeps the processes that it has seen.
 */
#include "descendants.h"

#include "process_stat.h"

#include "array.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct process {
    struct descendant self;
    pid_t parent;
    bool inside;
};

struct table {
    struct process *items;
    size_t count, room;
};

/* Reads parent and start time. Returns false if there is no such process. */
static bool look_at(pid_t pid, struct process *ret_process)
{
    struct process_stat about;
    if (!process_stat_read(pid, &about))
        return false;
    *ret_process =
        (struct process){.self.pid = pid, .self.start = about.start, .parent = about.parent};
    return true;
}

static bool add_process(struct table *table, const struct process *process)
{
    if (!array_has_room(&table->items, table->count, &table->room, sizeof *table->items))
        return false;
    table->items[table->count++] = *process;
    return true;
}

static void read_table(struct table *table)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    struct process process;
    while (processes && (entry = readdir(processes))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && look_at(pid, &process) && !add_process(table, &process))
            break;
    }
    if (processes)
        closedir(processes);
}

static bool holds(const struct descendants *set, const struct descendant *one)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].pid == one->pid && set->items[i].start == one->start)
            return true;
    return false;
}

static bool add(struct descendants *set, const struct descendant *one)
{
    if (!array_has_room(&set->items, set->count, &set->room, sizeof *set->items))
        return false;
    set->items[set->count++] = *one;
    return true;
}

/* Marks the children of marked processes, until there are no more. */
static void mark_below(struct table *table, pid_t root)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < table->count; i++) {
            struct process *process = &table->items[i];
            bool below = process->parent == root;
            for (size_t j = 0; !process->inside && !below && j < table->count; j++)
                below = table->items[j].inside && table->items[j].self.pid == process->parent;
            more |= below && !process->inside;
            process->inside |= below;
        }
    }
}

size_t descendants_find(struct descendants *set, pid_t root)
{
    struct table table = {0};
    size_t before = set->count;
    read_table(&table);
    for (size_t i = 0; i < table.count; i++)
        table.items[i].inside = holds(set, &table.items[i].self);
    mark_below(&table, root);
    for (size_t i = 0; i < table.count; i++)
        if (table.items[i].inside && table.items[i].self.pid != root &&
            !holds(set, &table.items[i].self) && !add(set, &table.items[i].self))
            break;
    free(table.items);
    return set->count - before;
}

void descendants_signal(const struct descendants *set, size_t first, pid_t group, int number)
{
    struct process now;
    for (size_t i = first; i < set->count; i++)
        if (getpgid(set->items[i].pid) != group && look_at(set->items[i].pid, &now) &&
            now.self.start == set->items[i].start)
            kill(set->items[i].pid, number);
}

void descendants_finish(struct descendants *set)
{
    free(set->items);
    *set = (struct descendants){0};
}
