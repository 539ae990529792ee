/* The results as CSV: a line of names, then one line for each cell. docs/demo.md lists
 * the columns.
 *
 * Numbers always have a point, as nothing here sets a locale. What there is not is empty. Only
 * `error` may hold any text, and is quoted as RFC 4180 has it.
 */
#include "report.h"

#include <errno.h>

static void print_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* A comma, and the number unless there is none. */
static void print_number(FILE *out, double number)
{
    fputc(',', out);
    if (number > 0)
        fprintf(out, "%.6f", number);
}

static void print_cell(FILE *out, const struct row_result *result, size_t index,
                       const struct setting *setting)
{
    const struct column *column = column_at(index);
    const struct cell *cell = &result->cells[index];
    char title[32];
    int guide_column;
    column_title(column, setting->options->workers, title, sizeof title);
    fprintf(out, "%s,%s,%s,%d,%s,%d,%d,%d", result->row->name, title, column->executor,
            cell->workers, cell_status_name(cell->status), row_tasks(result->row), cell->done,
            cell->failed);
    print_number(out, cell->seconds);
    print_number(out, cell->bound);
    print_number(out, cell->bound > 0 ? cell->seconds / cell->bound : 0);
    print_number(out, cell_guide(result->row, column, setting, &guide_column));
    fputc(',', out);
    if (cell->status == CELL_DONE)
        fprintf(out, "%.6f", cell->others);
    fputc(',', out);
    if (cell->status == CELL_FAILED)
        print_quoted(out, cell->error.message);
    fputc('\n', out);
}

int report_csv(FILE *out, const struct row_result *results, size_t count,
               const struct setting *setting)
{
    fputs("row,column,executor,workers,status,tasks,tasks_done,tasks_failed,seconds,bound_seconds,"
          "ratio,guide_seconds,others_share,error\n",
          out);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < column_count(); j++)
            print_cell(out, &results[i], j, setting);
    return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
