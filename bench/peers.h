/* The peers that may or may not be installed. bench/meson.build defines HAVE_NSYNC and HAVE_GLIB
 * where it found them, and says so where it did not.
 *
 *     {"GLib", BENCH_GLIB(glib_pass)}      a contender, or why there is none */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#ifdef HAVE_NSYNC
#include <nsync.h>
#endif
#ifdef HAVE_GLIB
#include <glib.h>
#define BENCH_GLIB(function) function
#else
#define BENCH_GLIB(function) .missing = "not built in"
#endif

#endif
