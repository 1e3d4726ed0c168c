/*
 * Completion for shells. The scripts are thin: they ask `ottla __complete WORD... CURRENT` what the
 * current word may become, so that it is the table of commands and the settings that answer. An
 * answer is a candidate on each line, a tab and what it is; or ":files", for the names of files.
 */
#include "cli/cli_int.h"

#include "meta/features.h"

#include <string.h>

static const char bash_script[] =
    "_ottla() {\n"
    "    local candidate\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r candidate _; do\n"
    "        if [[ $candidate == :files ]]; then\n"
    "            compopt -o default\n"
    "            COMPREPLY=()\n"
    "            return\n"
    "        fi\n"
    "        COMPREPLY+=(\"$candidate\")\n"
    "    done < <(\"${COMP_WORDS[0]}\" __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
    "2>/dev/null)\n"
    "    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then\n"
    "        compopt -o nospace\n"
    "    fi\n"
    "}\n"
    "complete -F _ottla ottla\n";

static const char zsh_script[] =
    "#compdef ottla\n"
    "_ottla() {\n"
    "    local -a candidates\n"
    "    local candidate what\n"
    "    while IFS=$'\\t' read -r candidate what; do\n"
    "        if [[ $candidate == :files ]]; then\n"
    "            _files\n"
    "            return\n"
    "        fi\n"
    "        candidates+=(\"${candidate//:/\\\\:}:$what\")\n"
    "    done < <(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
    "    _describe ottla candidates\n"
    "}\n"
    "compdef _ottla ottla\n";

static const char fish_script[] =
    "function __ottla_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    set -l candidates (ottla __complete -- $words[2..-1] 2>/dev/null)\n"
    "    if test \"$candidates[1]\" = :files\n"
    "        __fish_complete_path (commandline -ct)\n"
    "    else\n"
    "        printf '%s\\n' $candidates\n"
    "    end\n"
    "end\n"
    "complete -c ottla -f -a '(__ottla_complete)'\n";

static const struct {
    const char *shell;
    const char *script;
} scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

static int run(struct cli_call *call)
{
    for (size_t i = 0; i < ARRAY_COUNT(scripts); i++) {
        if (strcmp(scripts[i].shell, call->arguments[0]) == 0) {
            fputs(scripts[i].script, call->out);
            return CLI_OK;
        }
    }
    return cli_usage(call, "knows bash, zsh and fish, not \"%s\"", call->arguments[0]);
}

const struct cli_command cli_completion = {
    .name = "completion",
    .summary = "a script that completes ottla's commands in a shell",
    .arguments = "bash|zsh|fish",
    .arguments_min = 1,
    .arguments_max = 1,
    .examples = "  source <(ottla completion bash)\n"
                "  ottla completion zsh >~/.zfunc/_ottla\n"
                "  ottla completion fish >~/.config/fish/completions/ottla.fish\n",
    .run = run,
};

/* ---- What the scripts ask ---- */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void candidate(const struct cli_call *call, const char *current, const char *text,
                      const char *after, const char *what)
{
    if (starts_with(text, current))
        fprintf(call->out, "%s%s\t%s\n", text, after, what);
}

/* First words; groups once. */
static void complete_command(const struct cli_call *call, const char *current)
{
    const struct cli_command *command;
    for (size_t i = 0; (command = cli_command_at(call->program, i)) != NULL; i++) {
        size_t size = strcspn(command->name, " ");
        bool seen = command->hidden;
        for (size_t j = 0; j < i && !seen; j++) {
            const char *other = cli_command_at(call->program, j)->name;
            seen = strcspn(other, " ") == size && strncmp(other, command->name, size) == 0;
        }
        if (seen || strncmp(command->name, current, strlen(current)) != 0 || strlen(current) > size)
            continue;
        fprintf(call->out, "%.*s\t%s\n", (int)size, command->name,
                command->name[size] == '\0' ? command->summary : "...");
    }
    candidate(call, current, "help", "", "help");
}

static void complete_second_word(const struct cli_call *call, const char *first,
                                 const char *current)
{
    const struct cli_command *command;
    size_t size = strlen(first);
    for (size_t i = 0; (command = cli_command_at(call->program, i)) != NULL; i++)
        if (starts_with(command->name, first) && command->name[size] == ' ')
            candidate(call, current, command->name + size + 1, "", command->summary);
}

static void complete_settings(const struct cli_call *call, const char *current,
                              enum conf_scope scope, const char *after)
{
    size_t count;
    const struct conf_row *rows = conf_rows(scope, &count);
    for (size_t i = 0; i < count; i++)
        if (!rows[i].internal)
            candidate(call, current, rows[i].name, after, rows[i].sentence);
}

/* An option's value, or an argument, by the word that the help has for it. */
static void complete_value(const struct cli_call *call, const char *kind, const char *current)
{
    if (strncmp(kind, "FILE", 4) == 0 || strncmp(kind, "FOLDER", 6) == 0) {
        fputs(":files\n", call->out);
    } else if (strcmp(kind, "name=value") == 0) {
        complete_settings(call, current, CONF_SCOPE_BROKER, "=");
    } else if (strcmp(kind, "SETTING") == 0) {
        complete_settings(call, current, CONF_SCOPE_BROKER, "");
        complete_settings(call, current, CONF_SCOPE_TOPIC, "");
    } else if (strcmp(kind, "feature=level") == 0) {
        for (size_t i = 0; i < meta_feature_count; i++)
            candidate(call, current, meta_features[i].name, "=", "feature");
    } else if (strcmp(kind, "RELEASE") == 0) {
        for (int level = META_VERSION_MAX; level >= META_VERSION_MIN; level--)
            if (meta_version_name((int16_t)level) != NULL)
                candidate(call, current, meta_version_name((int16_t)level), "", "release");
    } else if (strcmp(kind, "DECODER") == 0) {
        static const char *const names[] = {"metadata", "offsets",    "transactions",
                                            "share",    "remote-log", "text"};
        for (size_t i = 0; i < ARRAY_COUNT(names); i++)
            candidate(call, current, names[i], "", "decoder");
    } else if (strcmp(kind, "bash|zsh|fish") == 0) {
        for (size_t i = 0; i < ARRAY_COUNT(scripts); i++)
            candidate(call, current, scripts[i].shell, "", "shell");
    }
}

/* The option that still waits for its value at the end of the words, or NULL. */
static const struct cli_option *waiting_option(const struct cli_command *command, const char *last)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        if (option->value == NULL)
            continue;
        if (starts_with(last, "--") && strcmp(last + 2, option->name) == 0)
            return option;
        if (last[0] == '-' && last[1] == option->letter && option->letter != 0 && last[2] == '\0')
            return option;
    }
    return NULL;
}

static void complete_options(const struct cli_call *call, const struct cli_command *command,
                             const char *current)
{
    for (size_t i = 0; i < command->option_count; i++) {
        char text[100];
        snprintf(text, sizeof text, "--%s", command->options[i].name);
        candidate(call, current, text, "", command->options[i].what);
    }
    candidate(call, current, "--help", "", "this help");
}

static int run_complete(struct cli_call *call)
{
    const char **words = call->arguments;
    size_t count = call->argument_count;
    const char *current = count > 0 ? words[--count] : "";
    if (count > 0 && strcmp(words[0], "help") == 0) {
        words++;
        count--;
    }
    if (count == 0) {
        complete_command(call, current);
        return CLI_OK;
    }
    char *argv[2] = {(char *)(uintptr_t)words[0], (char *)(uintptr_t)(count > 1 ? words[1] : "")};
    int taken;
    const struct cli_command *command =
        cli_command_match(call->program, count > 1 ? 2 : 1, argv, &taken);
    if (command == NULL) {
        if (count == 1)
            complete_second_word(call, words[0], current);
        return CLI_OK;
    }
    const struct cli_option *waiting =
        count > (size_t)taken ? waiting_option(command, words[count - 1]) : NULL;
    if (waiting != NULL)
        complete_value(call, waiting->value, current);
    else if (current[0] == '-')
        complete_options(call, command, current);
    else if (command->arguments != NULL)
        complete_value(call, command->arguments, current);
    else
        complete_options(call, command, current);
    return CLI_OK;
}

const struct cli_command cli_complete = {
    .name = "__complete",
    .summary = "what the current word may become",
    .arguments = "WORD...",
    .arguments_max = SIZE_MAX,
    .run = run_complete,
    .hidden = true,
};
