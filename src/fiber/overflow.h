/* A fiber that overflows its stack is named before the process dies. */
#ifndef THRUM_FIBER_OVERFLOW_H
#define THRUM_FIBER_OVERFLOW_H

/* Sees to that from now on. */
void thrum__overflow_watch(void);

#endif
