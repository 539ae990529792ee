/* The screen: shows the output of the last run, and marks the differences from the run before. */
#ifndef CLI_EVERY_SCREEN_H
#define CLI_EVERY_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

struct screen;

/* Call it before the others. Returns 0 or a negative errno. */
int screen_prepare(void);

/* Makes a screen on the terminal of standard output. NULL if memory ran out. */
struct screen *screen_open(void);

/* Shows the text below a line with the title. */
void screen_show(struct screen *screen, const char *title, const char *text, size_t length);

/* Draws again if the window has another size, or the screen was suspended. */
void screen_refresh(struct screen *screen);

/* Restores the terminal for a while. From any thread. */
void screen_suspend(void);

/* Ends a suspension, or tells that the window may have another size: makes the descriptor readable.
 * From any thread. */
void screen_resume(void);

/* A descriptor that is readable when screen_refresh is due. */
int screen_descriptor(void);

/* Restores the terminal and frees the screen. NULL is accepted. */
void screen_close(struct screen *screen);

#endif
