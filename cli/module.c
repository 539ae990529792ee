/* The entry of a module: it has one subcommand, COMMAND. modules.c explains modules. */
#include "command.h"

#include "output.h"
#include "trouble.h"

#define JOIN(a, b)      a##b
#define NAME_RUN(name)  JOIN(name, _run)
#define QUOTE(text)     #text
#define NAME_TEXT(name) QUOTE(name)

__attribute__((visibility("default"))) int thrum_command(int argc, char **argv);

int thrum_command(int argc, char **argv)
{
    trouble_speaker(NAME_TEXT(COMMAND));
    return output_finish(NAME_RUN(COMMAND)(argc, argv));
}
