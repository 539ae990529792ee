/* Which thrum this is. */
#ifndef THRUM_VERSION_H
#define THRUM_VERSION_H

#include <thrum/export.h>

THRUM_BEGIN

#define THRUM_VERSION_MAJOR 0
#define THRUM_VERSION_MINOR 2
#define THRUM_VERSION_PATCH 0
#define THRUM_VERSION       "0.2.0"

/* The version of the library that is loaded, such as "0.2.0". THRUM_VERSION is the version of the
 * header that the program was compiled with. Constant text. May be called from anywhere. */
THRUM_API const char *thrum_version(void);

THRUM_END

#endif
