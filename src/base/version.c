#include <thrum/version.h>

const char *thrum_version(void)
{
    return THRUM_VERSION;
}
