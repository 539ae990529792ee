/* A program of named cases: `PROGRAM NAME` runs one, `PROGRAM` lists all. The file defines `cases`. */
#ifndef TESTS_SCHEDULE_CASES_H
#define TESTS_SCHEDULE_CASES_H

#include <stdio.h>
#include <string.h>

struct case_row {
    const char *name;
    void (*run)(void);
};

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static int run_cases(const struct case_row *cases, size_t count, int argc, char **argv)
{
    for (size_t i = 0; i < count; i++)
        if (argc < 2)
            puts(cases[i].name);
        else if (strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    return argc < 2 ? 0 : 2;
}

#endif
