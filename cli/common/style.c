/* Only a terminal gets colours. A file, a pipe and a dumb terminal get plain text. So does every
 * terminal if NO_COLOR is set and not empty, as no-color.org asks. */
#include "style.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

int style_width(int descriptor)
{
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}
