/* The results as a picture: a group of bars for each row. */
#include "report.h"

#include "measure/chart.h"

int report_svg(FILE *out, const struct row_result *results, size_t count,
               const struct setting *setting)
{
    enum { ROWS_MOST = 32 };
    static struct chart_bar bars[ROWS_MOST][COLUMNS_MAX];
    static char names[COLUMNS_MAX][32], titles[ROWS_MOST][64];
    struct chart_group groups[ROWS_MOST];
    size_t columns = column_count();
    count = count < ROWS_MOST ? count : ROWS_MOST;
    for (size_t j = 0; j < columns; j++)
        column_title(column_at(j), setting->options->workers, names[j], sizeof names[j]);
    for (size_t i = 0; i < count; i++) {
        row_title(results[i].row, setting->scale, titles[i], sizeof titles[i]);
        groups[i] = (struct chart_group){.title = titles[i], .bars = bars[i]};
        for (size_t j = 0; j < columns; j++) {
            const struct cell *cell = &results[i].cells[j];
            if (cell->status == CELL_DONE)
                bars[i][groups[i].count++] = (struct chart_bar){
                    .name = names[j], .seconds = cell->seconds, .bound = cell->bound};
        }
    }
    return chart_bars(out, "The same tasks on each executor; the line is the bound", groups, count);
}
