/* map: apply one function to many items, at once, with the results in the order of the items.
 *
 * Python submits all items before it returns the first result. Here only a window of items is in flight, so a million
 * items need no million futures. The first failure stops the rest.
 */
#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

struct word {
    char text[16];
};

static int process_item(thrum_task *self)
{
    struct word word = thrum_arg(self, struct word);
    for (char *c = word.text; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return thrum_return(self, &word, sizeof word);
}

int main(void)
{
    const struct word items[] = {{"apple"}, {"banana"}, {"cherry"}, {"date"}};
    enum { ITEMS = sizeof items / sizeof *items };
    struct word results[ITEMS];

    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 4});
    if (!pool)
        errx(EXIT_FAILURE, "no memory for the pool");
    thrum_error error;
    int rc = thrum_map(pool, process_item,
                       &(thrum_map_options){.count = ITEMS,
                                            .args = items,
                                            .arg_size = sizeof *items,
                                            .results = results,
                                            .result_size = sizeof *results,
                                            .ret_error = &error});
    thrum_executor_shutdown(pool);
    if (rc != 0)
        errx(EXIT_FAILURE, "%s", error.message);
    for (int i = 0; i < ITEMS; i++)
        printf("%s -> %s\n", items[i].text, results[i].text);
    return EXIT_SUCCESS;
}
