/* Opens descriptors 0, 1 and 2 if the parent process has closed them. */
#ifndef CLI_COMMON_STANDARD_FILES_H
#define CLI_COMMON_STANDARD_FILES_H

/* Opens /dev/null on those that are closed. Reading from standard input and writing to standard
 * output then fail with EBADF, as they would have; what goes to standard error is lost. Call it
 * before anything is opened. Returns 0 or a negative errno. */
int standard_files_open(void);

#endif
