/* Untrusted input in separate processes: a parser crashes on some of it, and the program goes on.
 *
 * The parser has two typical defects: one document makes it follow a null pointer, and another makes it loop for ever.
 * In a thread the first would end the program, and the second would keep the thread for ever. Here each costs only that
 * document, and its future says what happened.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

struct document {
    char text[64];
};

/* Counts the words of a document. */
static int parse(thrum_task *self)
{
    const struct document *document = &thrum_arg(self, struct document);
    const char *at = document->text, *end = at + strlen(at);
    int words = 0;
    if (at == end)
        return thrum_fail(self, -EINVAL, "it is empty");
    if (strstr(at, "<crash>"))
        abort(); /* stands for a wild pointer */
    while (at < end) {
        at += strcspn(at, " ");
        words++;
        if (strncmp(at, " <loop>", 7) != 0) /* else it stays where it is */
            at += strspn(at, " ");
        else
            words--;
    }
    return thrum_return(self, thrum_value(int, words));
}

int main(void)
{
    static const struct document documents[] = {
        {"a plain document of six words"},
        {"one with a <crash> in it"},
        {""},
        {"one that goes on <loop> for ever"},
        {"the last one"},
    };
    enum { COUNT = sizeof documents / sizeof documents[0] };
    thrum_executor *pool = thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 2});
    if (!pool)
        errx(EXIT_FAILURE, "no process pool");
    thrum_future *futures[COUNT];
    for (int i = 0; i < COUNT; i++)
        futures[i] = thrum_submit_with(pool, &(thrum_submit_options){.deadline = thrum_in(2)},
                                       parse, &documents[i], sizeof documents[i]);
    for (int i = 0; i < COUNT; i++) {
        int words, rc = thrum_future_result(futures[i], &words, sizeof words, THRUM_FOREVER);
        const thrum_error *error = thrum_future_error(futures[i]);
        if (rc == 0)
            printf("document %d: %d words\n", i, words);
        else if (error->code == -ECHILD)
            printf("document %d: the parser crashed\n", i);
        else if (error->code == -ETIMEDOUT)
            printf("document %d: the parser did not end\n", i);
        else
            printf("document %d: %s\n", i, error->message);
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
    return EXIT_SUCCESS;
}
