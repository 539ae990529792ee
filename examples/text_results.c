/* Texts and results of any size, and values that own something.
 *
 * A text goes to a task as it is: no sizeof, no buffer to choose. Its result, however long, is
 * taken out of the future and belongs to the caller. The same function runs in a process, too,
 * where a text is all that can travel. A value that owns memory brings its destructor, so a task
 * that never runs leaks nothing.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

/* The text in capitals, as long as it is. */
static int shout(thrum_task *self)
{
    const char *text = thrum_arg_text(self);
    size_t size = strlen(text) + 1;
    char *loud = malloc(size);
    if (!loud)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        loud[i] = (char)toupper((unsigned char)text[i]);
    return thrum_return_memory(self, loud, size);
}

static void show(const char *where, int rc, const thrum_error *error, char *text)
{
    if (rc == 0)
        printf("%s: %s\n", where, text);
    else
        printf("%s failed: %s\n", where, error ? error->message : thrum_strerror(rc));
    if (rc == 0)
        free(text);
}

/* A document owns its text. */
struct document {
    char *title;
};

static void release_document(void *value)
{
    struct document *document = value;
    printf("never printed: %s\n", document->title);
    free(document->title);
}

static int print_document(thrum_task *self)
{
    struct document document = thrum_arg(self, struct document); /* it is ours now */
    printf("printed: %s\n", document.title);
    free(document.title);
    return 0;
}

int main(void)
{
    char *text = NULL;
    thrum_executor *pool = thrum_thread_pool_new(NULL);
    thrum_future *future = thrum_submit(pool, shout, thrum_text("a text of any length"));
    int rc = thrum_future_take_text(future, &text, THRUM_FOREVER);
    show("thread pool", rc, thrum_future_error(future), text);
    thrum_future_free(future);

    thrum_process *process = thrum_process_start(shout, thrum_text("to another process and back"));
    rc = thrum_process_take_text(process, &text, THRUM_FOREVER);
    show("process", rc, thrum_process_error(process), text);
    thrum_process_free(process);

    /* One of these documents is printed; the other's task is cancelled before it begins. */
    thrum_group *group = thrum_group_new();
    if (!group)
        return 1;
    thrum_future_free(thrum_group_submit(
        group, pool, print_document,
        thrum_owned(release_document, struct document, .title = strdup("minutes"))));
    rc = thrum_group_join(group, THRUM_FOREVER);
    thrum_group_cancel(group);
    thrum_future_free(thrum_group_submit(
        group, pool, print_document,
        thrum_owned(release_document, struct document, .title = strdup("draft"))));
    thrum_group_free(group);
    thrum_executor_shutdown(pool);
    return rc != 0;
}
