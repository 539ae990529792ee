/* Threads of a test that only the tests of thrum itself need. */
#ifndef THRUM_SEARCH_SPAWN_H
#define THRUM_SEARCH_SPAWN_H

/* Like thrum_explore_spawn, for a thread that has no context before its first call of thrum, as the
 * library did not start it. It may get the ident of a thread that has ended. */
unsigned thrum__explore_spawn_foreign(const char *name, void (*run)(void *argument),
                                      void *argument);

#endif
