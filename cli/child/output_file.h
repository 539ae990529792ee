/* Files without names, which hold what commands print. */
#ifndef CLI_CHILD_OUTPUT_FILE_H
#define CLI_CHILD_OUTPUT_FILE_H

/* The directory of the files: $TMPDIR, or /tmp. */
const char *output_file_folder(void);

/* Opens a file to write to its end, and to read. Returns a descriptor or a negative errno. */
int output_file_open(void);

#endif
