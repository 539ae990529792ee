/* Peers in other languages: programs of their own, asked for one round at a time.
 *
 * A peer is started once, when it is first asked, and then waits for lines on its standard input.
 * A line names a piece of work, as in "queue 4 1000000"; the peer does it once and answers with one
 * line, the figure in the unit of the row. So neither the start of a process nor that of its
 * runtime counts, and the rounds of all contenders interleave. A peer ends when its input does.
 *
 * Nothing that a peer does stops the run. One that is not there, dies, answers with anything but a
 * positive number, or not at all, has given no figure: the reason is a sentence for the table. It is
 * then ended, and started anew if another row asks for it.
 *
 * The programs lie in one folder, made by peers/build.sh:
 *
 *     NAME            the program
 *     NAME.version    one line: what it was built of
 *     NAME.missing    one line: why there is no program
 */
#ifndef BENCH_EXTERNAL_H
#define BENCH_EXTERNAL_H

#include <stddef.h>

enum { EXTERNAL_WHY = 200 };

/* Where the programs lie (NULL: in the folder `peers` beside this program), and how many seconds
 * each may take for an answer. */
void external_begin(const char *folder, double deadline);

/* Asks `program` for one round. Returns its figure, or -1 and the reason in `why`, of EXTERNAL_WHY
 * bytes. Blocks until the answer or the deadline. */
double external_ask(const char *program, const char *question, char *why);

/* The i-th program that was asked, or NULL when there are no more. */
const char *external_program(size_t i);

/* What the program was built of, or "" if nobody wrote that down. Valid until the next call. */
const char *external_version(const char *program);

/* Ends all that were started. */
void external_end(void);

#endif
