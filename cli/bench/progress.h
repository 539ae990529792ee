/* What is going on, on stderr: a bar on a terminal, lines elsewhere. For the main
 * thread alone. */
#ifndef CLI_BENCH_PROGRESS_H
#define CLI_BENCH_PROGRESS_H

/* Finds out whether stderr is a terminal, and how wide. */
void progress_open(void);

/* A step that has no count, such as calibrating. It stands until the next step. */
void progress_step(const char *what);

/* A cell begins. */
void progress_begin(const char *row, const char *column, int total);

/* `done` of its tasks are done. Redraws only now and then; may go back, which is not shown. */
void progress_show(int done);

/* The cell has ended; the bar is taken away. */
void progress_end(void);

/* Takes away what is drawn, so that other text may be printed. */
void progress_clear(void);

#endif
