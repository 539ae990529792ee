/* Colours are for a person at a terminal. A file or a pipe gets plain text, and so does whoever has
 * set NO_COLOR (to anything but nothing, as no-color.org asks) or has a dumb terminal. */
#include "style.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool style_wanted(int descriptor)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (no_color && *no_color)
        return false;
    if (terminal && strcmp(terminal, "dumb") == 0)
        return false;
    return isatty(descriptor);
}
