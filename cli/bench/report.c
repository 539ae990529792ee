/* The results. The table has 80 columns: a name that is too long for them has a line of its own. */
#include "report.h"

#include "measure/chart.h"
#include "style.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { NAME_WIDTH = 24, TIME_SIZE = 24 };

static void letter(size_t index, char text[24])
{
    if (index < 26)
        snprintf(text, 24, "%c", 'A' + (int)index);
    else
        snprintf(text, 24, "%zu", index + 1);
}

static const char *memory_text(double bytes, char text[TIME_SIZE])
{
    if (bytes > 0)
        snprintf(text, TIME_SIZE, bytes < 1e9 ? "%.1f MiB" : "%.0f MiB", bytes / (1 << 20));
    else
        snprintf(text, TIME_SIZE, "small");
    return text;
}

static void print_table(FILE *out, const struct contenders *all)
{
    bool colours = style_wanted(fileno(out));
    fprintf(out, "%s   %-*s %11s  %-23s%9s%9s%s\n", colours ? STYLE_BOLD : "", NAME_WIDTH - 3,
            "command", "median", all->confidence < 0.985 ? "interval" : "99 % interval", "CPU",
            "memory", colours ? STYLE_END : "");
    for (size_t i = 0; i < all->count; i++) {
        const struct contender *contender = &all->items[i];
        char name[24], median[TIME_SIZE], low[TIME_SIZE], high[TIME_SIZE], cpu[TIME_SIZE],
            range[56], memory[TIME_SIZE];
        letter(i, name);
        if (all->rounds < ROUNDS_FOR_INTERVALS)
            snprintf(range, sizeof range, "-");
        else
            snprintf(range, sizeof range, "%s .. %s", chart_time(contender->seconds.low, low),
                     chart_time(contender->seconds.high, high));
        if (strlen(contender->name) > NAME_WIDTH - 3)
            fprintf(out, "%-2s %s\n%*s", name, contender->name, NAME_WIDTH, "");
        else
            fprintf(out, "%-2s %-*s", name, NAME_WIDTH - 3, contender->name);
        fprintf(out, " %11s  %-23s%9s%9s\n", chart_time(contender->seconds.middle, median), range,
                chart_time(contender->cpu, cpu), memory_text(contender->memory, memory));
    }
}

static void print_verdict(FILE *out, const struct contender *contender, size_t index)
{
    char name[24];
    const struct interval *ratio = &contender->ratio;
    enum verdict verdict = verdict_of(ratio);
    letter(index, name);
    if (isinf(ratio->high))
        fprintf(out, "%s takes %.3f times the time of A\n", name, ratio->middle);
    else if (verdict == VERDICT_NONE)
        fprintf(out, "%s and A: no difference shown; %s takes %.3f to %.3f times the time of A\n",
                name, name, ratio->low, ratio->high);
    else
        fprintf(out, "%s is %s than A: it takes %.3f times the time (%.3f to %.3f)\n", name,
                verdict == VERDICT_FASTER ? "faster" : "slower", ratio->middle, ratio->low,
                ratio->high);
    const struct interval *cpu = &contender->cpu_ratio;
    if (verdict_of(cpu) != VERDICT_NONE && !isinf(cpu->high))
        fprintf(out, "  of processor time it takes %.3f times as much (%.3f to %.3f)\n",
                cpu->middle, cpu->low, cpu->high);
}

/* The mean share of the cores that others took. */
static double others(const struct contenders *all)
{
    double sum = 0;
    for (size_t i = 0; i < all->count; i++)
        for (size_t r = 0; r < all->rounds; r++)
            sum += all->items[i].runs[r].others;
    return sum / (double)(all->count * all->rounds);
}

void bench_report_text(FILE *out, const struct contenders *all)
{
    static const double worth_knowing = 0.05;
    if (all->rounds == 0) {
        fputs("no round was complete\n", out);
        return;
    }
    print_table(out, all);
    fputc('\n', out);
    for (size_t i = 1; i < all->count; i++)
        print_verdict(out, &all->items[i], i);
    fprintf(out, "%zu round%s, confidence %.0f %%", all->rounds, all->rounds == 1 ? "" : "s",
            all->confidence * 100);
    if (others(all) > worth_knowing)
        fprintf(out, "; other programs took %.0f %% of the cores", others(all) * 100);
    fputc('\n', out);
    if (all->rounds < ROUNDS_FOR_INTERVALS)
        fprintf(out, "no verdict: that needs %d rounds\n", ROUNDS_FOR_INTERVALS);
}

static json_t *interval_json(const struct interval *interval)
{
    bool known = !isinf(interval->high);
    return json_pack("{s:f, s:o, s:o}", "middle", interval->middle, "low",
                     known ? json_real(interval->low) : json_null(), "high",
                     known ? json_real(interval->high) : json_null());
}

static json_t *memory_json(double bytes)
{
    return bytes > 0 ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *contender_json(const struct contender *contender, size_t rounds)
{
    static const char *const verdicts[] = {"no difference shown", "faster", "slower"};
    json_t *runs = json_array();
    for (size_t i = 0; i < rounds; i++) {
        const struct cost *cost = &contender->runs[i];
        json_array_append_new(runs,
                              json_pack("{s:f, s:f, s:f, s:o, s:i, s:f}", "seconds", cost->seconds,
                                        "user", cost->user, "system", cost->system, "memory",
                                        memory_json((double)cost->memory), "status", cost->status,
                                        "others_share", cost->others));
    }
    if (rounds == 0 || json_array_size(runs) != rounds)
        return json_pack("{s:o, s:o, s:o}", "name", json_text(contender->name), "command",
                         json_text(contender->command.text), "runs", runs);
    return json_pack("{s:o, s:o, s:b, s:o, s:f, s:o, s:o, s:s, s:o, s:s, s:o}", "name",
                     json_text(contender->name), "command", json_text(contender->command.text),
                     "shell", contender->command.shell, "seconds",
                     interval_json(&contender->seconds), "cpu_seconds", contender->cpu, "memory",
                     memory_json(contender->memory), "ratio", interval_json(&contender->ratio),
                     "verdict", verdicts[verdict_of(&contender->ratio)], "cpu_ratio",
                     interval_json(&contender->cpu_ratio), "cpu_verdict",
                     verdicts[verdict_of(&contender->cpu_ratio)], "runs", runs);
}

json_t *bench_report_json(const struct contenders *all, const struct machine *machine)
{
    json_t *commands = json_array();
    bool fine = true;
    for (size_t i = 0; i < all->count; i++)
        fine &= json_array_append_new(commands, contender_json(&all->items[i], all->rounds)) == 0;
    json_t *json = json_pack("{s:s, s:o, s:f, s:I, s:o}", "kind", "bench", "machine",
                             machine_json(machine), "confidence", all->confidence, "rounds",
                             (json_int_t)all->rounds, "commands", commands);
    if (fine)
        return json;
    json_decref(json);
    return NULL;
}

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

int bench_report_csv(FILE *out, const struct contenders *all)
{
    fputs("name,command,round,seconds,user,system,memory,status,others_share\n", out);
    for (size_t r = 0; r < all->rounds; r++)
        for (size_t i = 0; i < all->count; i++) {
            const struct cost *cost = &all->items[i].runs[r];
            print_quoted(out, all->items[i].name);
            fputc(',', out);
            print_quoted(out, all->items[i].command.text);
            fprintf(out, ",%zu,%.9f,%.6f,%.6f,%ju,%d,%.4f\n", r + 1, cost->seconds, cost->user,
                    cost->system, (uintmax_t)cost->memory, cost->status, cost->others);
        }
    return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
