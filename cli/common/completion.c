/* Completion scripts for bash, zsh and fish, from the tables of all subcommands.
 *
 * The scripts need only the shell itself. For each option they know whether it takes a value, and
 * whether that is completed as a file, a word of a list, or not at all.
 *
 * After `thrum run --` comes another command. Its words are completed as if it stood alone: in zsh
 * and fish by the shell, in bash by bash-completion if that is loaded, or else as commands and
 * files. */
#include "command_line.h"

#include <string.h>

typedef const struct command_line *const *line_list;

static void put_words(FILE *out, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        fprintf(out, "%s%s", i ? " " : "", words[i]);
}

/* Puts the text for the inside of single quotes. The characters of `more` are escaped by a
 * backslash. */
static void put_quoted(FILE *out, const char *text, const char *more, const char *quote)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs(quote, out);
        else
            fprintf(out, "%s%c", strchr(more, *text) ? "\\" : "", *text == '\n' ? ' ' : *text);
    }
}

/* The patterns of a case for the options of a line whose values are completed as `what`. */
static bool bash_patterns(FILE *out, const struct command_line *line, const struct option_row *row)
{
    if (!row->value)
        return false;
    fprintf(out, "    %s:--%s", line->name, row->name);
    if (row->letter)
        fprintf(out, " | %s:-%c", line->name, row->letter);
    fputs(") ", out);
    return true;
}

static void bash_line(FILE *out, const struct command_line *line)
{
    for (const struct option_row *row = line->options; row->name; row++) {
        if (!bash_patterns(out, line, row))
            continue;
        if (row->completion == COMPLETE_FILE)
            fputs("_thrum_files \"$word\" ;;\n", out);
        else if (row->completion == COMPLETE_CHOICES) {
            fputs("_thrum_words \"", out);
            put_words(out, row->choices);
            fputs("\" \"$word\" ;;\n", out);
        } else
            fputs(";;\n", out);
    }
    fprintf(out, "    %s:*)\n        case $word in\n        -*) _thrum_words \"", line->name);
    for (const struct option_row *row = line->options; row->name; row++)
        fprintf(out, "%s--%s", row == line->options ? "" : " ", row->name);
    fputs("\" \"$word\" ;;\n", out);
    if (line->completion == COMPLETE_FILE)
        fputs("        *) _thrum_files \"$word\" ;;\n", out);
    if (line->completion == COMPLETE_COMMAND)
        fputs("        *) _thrum_program \"$word\" ;;\n", out);
    fputs("        esac\n        ;;\n", out);
}

/* Finds where the command of `thrum run` and `thrum every` begins, by the options that take a
 * value. */
static void bash_commands(line_list lines, FILE *out)
{
    fputs("    case ${COMP_WORDS[1]} in\n", out);
    for (; *lines; lines++) {
        if ((*lines)->completion != COMPLETE_COMMAND)
            continue;
        fprintf(out, "    %s) ! _thrum_command ' ", (*lines)->name);
        for (const struct option_row *row = (*lines)->options; row->name; row++) {
            if (row->value && row->letter)
                fprintf(out, "-%c ", row->letter);
            if (row->value)
                fprintf(out, "--%s ", row->name);
        }
        fputs("' || return 0 ;;\n", out);
    }
    fputs("    esac\n", out);
}

static void bash(line_list lines, FILE *out)
{
    line_list all = lines;
    fputs("# bash completion for thrum, made from its tables of options\n"
          "_thrum_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$2\"); }\n"
          "_thrum_files() {\n"
          "    compopt -o filenames 2>/dev/null\n"
          "    mapfile -t COMPREPLY < <(compgen -f -- \"$1\")\n"
          "}\n"
          "_thrum_program() {\n"
          "    compopt -o filenames 2>/dev/null\n"
          "    mapfile -t COMPREPLY < <(compgen -c -- \"$1\"; compgen -d -- \"$1\")\n"
          "}\n"
          "# Completes the words of a command that has begun before the present word; else fails.\n"
          "_thrum_command() {\n"
          "    local at=2\n"
          "    while [ $at -lt \"$COMP_CWORD\" ]; do\n"
          "        case ${COMP_WORDS[at]} in\n"
          "        --)\n"
          "            at=$((at + 1))\n"
          "            break\n"
          "            ;;\n"
          "        -*)\n"
          "            [ \"${COMP_WORDS[at + 1]}\" != = ] || at=$((at + 1))\n"
          "            case $1 in *\" ${COMP_WORDS[at]} \"*) at=$((at + 1)) ;; esac\n"
          "            [ \"${COMP_WORDS[at]}\" != = ] || at=$((at + 1))\n"
          "            ;;\n"
          "        [0-9.]*) ;; # a time\n"
          "        *) break ;;\n"
          "        esac\n"
          "        at=$((at + 1))\n"
          "    done\n"
          "    case ${COMP_WORDS[at - 1]}:${COMP_WORDS[at]} in\n"
          "    --:*) [ $at -le \"$COMP_CWORD\" ] || return 1 ;;\n"
          "    *) [ $at -lt \"$COMP_CWORD\" ] || return 1 ;;\n"
          "    esac\n"
          "    if declare -F _command_offset >/dev/null; then\n"
          "        _command_offset $at\n"
          "    elif [ $at -eq \"$COMP_CWORD\" ]; then\n"
          "        _thrum_program \"${COMP_WORDS[COMP_CWORD]}\"\n"
          "    else\n"
          "        _thrum_files \"${COMP_WORDS[COMP_CWORD]}\"\n"
          "    fi\n"
          "}\n"
          "_thrum() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        _thrum_words \"",
          out);
    for (; *lines; lines++)
        fprintf(out, "%s ", (*lines)->name);
    fputs("--help --version\" \"$word\"\n"
          "        return\n"
          "    fi\n",
          out);
    bash_commands(all, out);
    fputs("    # --name=value is three words to bash\n"
          "    [ \"$word\" != = ] || word='' before=\"$before=\"\n"
          "    [ \"$before\" != = ] || before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    before=${before%=}\n"
          "    case ${COMP_WORDS[1]}:$before in\n",
          out);
}

static void bash_all(line_list lines, FILE *out)
{
    bash(lines, out);
    for (; *lines; lines++)
        bash_line(out, *lines);
    fputs("    esac\n}\ncomplete -F _thrum thrum\n", out);
}

static const char *zsh_action(enum completion completion)
{
    switch (completion) {
    case COMPLETE_FILE:
        return "_files";
    case COMPLETE_COMMAND:
        return "_normal";
    default:
        return " ";
    }
}

static void zsh_option(FILE *out, const struct option_row *row, const char *head, const char *tail)
{
    fprintf(out, " \\\n            '%s%s[", head, tail);
    put_quoted(out, row->help, "[]:\\", "'\\''");
    fputc(']', out);
    if (row->value) {
        fputc(':', out);
        put_quoted(out, row->value, "[]:\\", "'\\''");
        fputc(':', out);
        if (row->completion == COMPLETE_CHOICES) {
            fputc('(', out);
            put_words(out, row->choices);
            fputc(')', out);
        } else {
            fputs(zsh_action(row->completion), out);
        }
    }
    fputc('\'', out);
}

static void zsh(line_list lines, FILE *out)
{
    fputs("#compdef thrum\n# zsh completion for thrum, made from its tables of options\n"
          "_thrum() {\n"
          "    if ((CURRENT == 2)); then\n"
          "        local -a commands=(",
          out);
    for (line_list line = lines; *line; line++) {
        fprintf(out, "\n            '%s:", (*line)->name);
        put_quoted(out, (*line)->summary, ":\\", "'\\''");
        fputc('\'', out);
    }
    fputs(")\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    local command=$words[2]\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $command in\n",
          out);
    for (; *lines; lines++) {
        fprintf(out, "    %s)\n", (*lines)->name);
        if ((*lines)->operands == OPERANDS_COMMAND)
            fputs("        local at=${words[(i)--]}\n"
                  "        if ((at < CURRENT)); then # another command, as if it stood alone\n"
                  "            shift $at words\n"
                  "            ((CURRENT -= at))\n"
                  "            _normal\n"
                  "            return\n"
                  "        fi\n",
                  out);
        fputs("        _arguments -s", out);
        for (const struct option_row *row = (*lines)->options; row->name; row++) {
            char letter[2] = {row->letter, '\0'};
            if (row->letter)
                zsh_option(out, row, "*-", letter);
            char name[40];
            snprintf(name, sizeof name, "%s%s", row->name, row->value ? "=" : "");
            zsh_option(out, row, "*--", name);
        }
        if ((*lines)->time_first)
            fputs(" \\\n            '1:time: '", out);
        if ((*lines)->operands != OPERANDS_NONE)
            fprintf(out, " \\\n            '%s:operand:%s'",
                    (*lines)->operands == OPERANDS_COMMAND ? "*:" : "*",
                    zsh_action((*lines)->completion));
        fputs("\n        ;;\n", out);
    }
    fputs("    esac\n}\n_thrum \"$@\"\n", out);
}

static void fish(line_list lines, FILE *out)
{
    fputs("# fish completion for thrum, made from its tables of options\n"
          "complete -c thrum -f\n"
          "# What is behind -- is completed as a command that stands alone.\n"
          "function __thrum_command\n"
          "    set -l before (commandline -opc)\n"
          "    if set -l at (contains -i -- -- $before)\n"
          "        set -l words (string escape -- $before[(math $at + 1)..-1])\n"
          "        complete -C (string join ' ' -- $words (commandline -ct))\n"
          "    else\n"
          "        __fish_complete_command\n"
          "    end\n"
          "end\n",
          out);
    for (line_list line = lines; *line; line++) {
        fprintf(out, "complete -c thrum -n __fish_use_subcommand -a %s -d '", (*line)->name);
        put_quoted(out, (*line)->summary, "\\", "\\'");
        fputs("'\n", out);
    }
    for (; *lines; lines++) {
        const char *name = (*lines)->name;
        if ((*lines)->completion == COMPLETE_FILE)
            fprintf(out, "complete -c thrum -n '__fish_seen_subcommand_from %s' -F\n", name);
        if ((*lines)->completion == COMPLETE_COMMAND)
            fprintf(out,
                    "complete -c thrum -n '__fish_seen_subcommand_from %s' -a "
                    "'(__thrum_command)'\n",
                    name);
        for (const struct option_row *row = (*lines)->options; row->name; row++) {
            fprintf(out, "complete -c thrum -n '__fish_seen_subcommand_from %s'", name);
            if (row->letter)
                fprintf(out, " -s %c", row->letter);
            fprintf(out, " -l %s%s%s -d '", row->name, row->value ? " -r" : "",
                    row->completion == COMPLETE_FILE ? " -F" : "");
            put_quoted(out, row->help, "\\", "\\'");
            fputc('\'', out);
            if (row->completion == COMPLETE_CHOICES) {
                fputs(" -a '", out);
                put_words(out, row->choices);
                fputc('\'', out);
            }
            fputc('\n', out);
        }
    }
}

bool command_lines_completion(line_list lines, const char *shell, FILE *out)
{
    if (strcmp(shell, "bash") == 0)
        bash_all(lines, out);
    else if (strcmp(shell, "zsh") == 0)
        zsh(lines, out);
    else if (strcmp(shell, "fish") == 0)
        fish(lines, out);
    else
        return false;
    return true;
}
