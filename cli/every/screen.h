/* A screen that shows the output of the last run, with what differs from the run before marked. */
#ifndef CLI_EVERY_SCREEN_H
#define CLI_EVERY_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

struct screen;

/* Takes the terminal of standard output. NULL if memory is out. */
struct screen *screen_open(void);

/* Shows the text below a line with the title. */
void screen_show(struct screen *screen, const char *title, const char *text, size_t length);

/* Draws again what is shown if the window has another size by now, or something else was drawn. */
void screen_refresh(struct screen *screen);

/* Gives the terminal back for a while, and takes it again. From any thread. */
void screen_suspend(void);
void screen_resume(void);

/* Gives the terminal back. NULL is accepted. */
void screen_close(struct screen *screen);

#endif
