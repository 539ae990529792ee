/* What a reader of figures must know of the machine that they are from. */
#ifndef CLI_MEASURE_MACHINE_H
#define CLI_MEASURE_MACHINE_H

#include <jansson.h>
#include <stdbool.h>

struct machine {
    char processor[128], kernel[128], began[32]; /* the time in UTC, as in ISO 8601 */
    int cores;
    double
        load; /* the mean number of processes that could run in the last minute; negative if not known */
};

/* Looks at the machine. What is not known is "". */
void machine_look(struct machine *ret_machine);

/* The same as an object of JSON, with the version of thrum; NULL if memory is out. */
json_t *machine_json(const struct machine *machine);

/* Prints to standard error that the machine is busy, if it is: other programs then take part of what is measured. */
void machine_warn(const struct machine *machine);

/* The text as JSON; bytes that are no UTF-8 are replaced by '?'. NULL gives null. */
json_t *json_text(const char *text);

#endif
