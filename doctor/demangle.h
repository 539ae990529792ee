/* C++ names as a person writes them. */
#ifndef DOCTOR_DEMANGLE_H
#define DOCTOR_DEMANGLE_H

/* The name, decoded if it is one of C++ and the C++ library is there; it stays valid until the
 * program ends, or as long as `name` does. */
const char *demangle(const char *name);

#endif
