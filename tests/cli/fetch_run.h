/* What tests of `thrum fetch` have in common: a server, a directory, and looks at what came of a run. */
#ifndef TESTS_CLI_FETCH_RUN_H
#define TESTS_CLI_FETCH_RUN_H

#include "hostile_server.h"
#include "spawn.h"

extern struct hostile_server server;
extern char directory[64]; /* for files */

/* Starts the server and makes the directory; and the contrary. */
void begin(void);
void end(void);

/* Files in the directory, which must all have their own names. Removes them. */
int take_files(void);

/* The path of a file in the directory, good until the next call. */
const char *path_in(const char *name);
void put_file(const char *name, const char *text);
/* The first bytes of a file, good until the next call; NULL if there is none. */
const char *text_in(const char *name);
/* True if the file is what /part of the server gives. */
bool is_the_part(const char *name);
/* Partial files in the directory. */
int hidden_files(void);

/* A file without a name that holds a list of URLs; `format` gets the port and a number. */
int make_list(int count, const char *format);

/* Starts the command; the format's directives are as for printf. */
struct spawned start(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The log says that the URL that ends with the path has failed, for a reason that contains `text`. */
void failed(const char *log, const char *path, int attempts, const char *text);
/* Or that it was fetched, and its file is there. */
void succeeded(const char *log, const char *path, int attempts);

int lines_in(const char *text);

#endif
