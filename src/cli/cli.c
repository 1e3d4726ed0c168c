/* Dispatch, options and help, all from the table of commands. */
#include "cli/cli.h"

#include "cli/cli_int.h"

#include "os/os.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_command *const own_commands[] = {
    &cli_config_check,
    &cli_config_show,
    &cli_config_explain,
    &cli_config_doc,
    &cli_log_dump,
    &cli_log_verify,
    &cli_storage_format,
    &cli_storage_info,
    &cli_storage_random_uuid,
    &cli_storage_version_mapping,
    &cli_storage_feature_dependencies,
    &cli_doctor,
    &cli_completion,
    &cli_complete,
    &cli_version,
};

const struct cli_command *cli_command_at(const struct cli_program *program, size_t index)
{
    if (index < program->command_count)
        return &program->commands[index];
    index -= program->command_count;
    return index < ARRAY_COUNT(own_commands) ? own_commands[index] : NULL;
}

/* Does the name consist of first and, where it has two words, second? */
static bool name_is(const char *name, const char *first, const char *second)
{
    size_t size = strcspn(name, " ");
    if (strlen(first) != size || strncmp(name, first, size) != 0)
        return false;
    if (name[size] == '\0')
        return second == NULL;
    return second != NULL && strcmp(name + size + 1, second) == 0;
}

const struct cli_command *cli_command_find(const struct cli_program *program, const char *first,
                                           const char *second)
{
    const struct cli_command *command;
    for (size_t i = 0; (command = cli_command_at(program, i)) != NULL; i++)
        if (name_is(command->name, first, second))
            return command;
    return NULL;
}

const struct cli_command *cli_command_match(const struct cli_program *program, int argc,
                                            char *const *argv, int *words)
{
    const struct cli_command *command = NULL;
    if (argc >= 2)
        command = cli_command_find(program, argv[0], argv[1]);
    *words = command != NULL ? 2 : 1;
    if (command == NULL && argc >= 1)
        command = cli_command_find(program, argv[0], NULL);
    return command;
}

/* Is there a command of two words that begins with this one? */
static bool is_group(const struct cli_program *program, const char *word)
{
    const struct cli_command *command;
    size_t size = strlen(word);
    for (size_t i = 0; (command = cli_command_at(program, i)) != NULL; i++)
        if (strncmp(command->name, word, size) == 0 && command->name[size] == ' ')
            return true;
    return false;
}

/* ---- Options ---- */

bool cli_has(const struct cli_call *call, const char *option)
{
    for (size_t i = 0; i < call->given_count; i++)
        if (strcmp(call->given[i].option->name, option) == 0)
            return true;
    return false;
}

const char *cli_value(const struct cli_call *call, const char *option)
{
    const char *value = NULL;
    for (size_t i = 0; i < call->given_count; i++)
        if (strcmp(call->given[i].option->name, option) == 0)
            value = call->given[i].value;
    return value;
}

size_t cli_values(struct cli_call *call, const char *option, const char *const **out)
{
    const char **values = arena_must_alloc_array(&call->arena, call->given_count, sizeof *values);
    size_t count = 0;
    for (size_t i = 0; i < call->given_count; i++)
        if (strcmp(call->given[i].option->name, option) == 0)
            values[count++] = call->given[i].value;
    *out = values;
    return count;
}

static void complain(const struct cli_call *call, const char *hint, const char *format,
                     va_list args)
{
    fprintf(call->err, "ottla %s: ", call->command->name);
    vfprintf(call->err, format, args);
    fprintf(call->err, "%s\n", hint);
}

void cli_complain(const struct cli_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(call, "", format, args);
    va_end(args);
}

int cli_usage(const struct cli_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(call, "", format, args);
    va_end(args);
    fprintf(call->err, "Try: ottla %s --help\n", call->command->name);
    return CLI_USAGE;
}

/* Every command has these; run without --json says it in words. */
static const struct cli_option help_option = {"help", 'h', NULL, false, "this help"};

static const struct cli_option *find_long(const struct cli_command *command, const char *name,
                                          size_t size)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (strlen(command->options[i].name) == size &&
            strncmp(command->options[i].name, name, size) == 0)
            return &command->options[i];
    return size == 4 && strncmp(name, "help", 4) == 0 ? &help_option : NULL;
}

static const struct cli_option *find_letter(const struct cli_command *command, char letter)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (command->options[i].letter == letter)
            return &command->options[i];
    return letter == 'h' ? &help_option : NULL;
}

static const char *nearest_option(const struct cli_command *command, const char *name)
{
    size_t limit = 2;
    const char *nearest = NULL;
    for (size_t i = 0; i < command->option_count; i++) {
        size_t distance = conf_edit_distance(name, command->options[i].name, limit);
        if (distance <= limit) {
            nearest = command->options[i].name;
            limit = distance > 0 ? distance - 1 : 0;
        }
    }
    return nearest;
}

static int unknown_option(const struct cli_call *call, const char *text)
{
    const char *nearest = text[1] == '-' ? nearest_option(call->command, text + 2) : NULL;
    if (nearest != NULL)
        return cli_usage(call, "there is no option %s; did you mean --%s?", text, nearest);
    return cli_usage(call, "there is no option %s", text);
}

/* Puts an option down; its value is `attached` or the next argument. */
static int take_option(struct cli_call *call, const struct cli_option *option, const char *attached,
                       int argc, char **argv, int *at)
{
    const char *value = attached;
    if (option->value == NULL && attached != NULL)
        return cli_usage(call, "--%s takes no value", option->name);
    if (option->value != NULL && value == NULL) {
        if (*at + 1 >= argc)
            return cli_usage(call, "--%s needs a value: %s", option->name, option->value);
        value = argv[++*at];
    }
    if (!option->many && option != &help_option && cli_has(call, option->name))
        return cli_usage(call, "--%s is given twice", option->name);
    call->given[call->given_count++] = (struct cli_given){option, value};
    return CLI_OK;
}

/* --name, --name=value, --name value. */
static int parse_long(struct cli_call *call, int argc, char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    size_t size = strcspn(name, "=");
    const struct cli_option *option = find_long(call->command, name, size);
    if (option == NULL)
        return unknown_option(call, argv[*at]);
    return take_option(call, option, name[size] == '=' ? name + size + 1 : NULL, argc, argv, at);
}

/* -x, -xy of flags, -xvalue, -x value. */
static int parse_letters(struct cli_call *call, int argc, char **argv, int *at)
{
    for (const char *letter = argv[*at] + 1; *letter != '\0'; letter++) {
        const struct cli_option *option = find_letter(call->command, *letter);
        if (option == NULL)
            return unknown_option(call, argv[*at]);
        bool attached = option->value != NULL && letter[1] != '\0';
        int status = take_option(call, option, attached ? letter + 1 : NULL, argc, argv, at);
        if (status != CLI_OK || attached)
            return status;
        if (option->value != NULL)
            break;
    }
    return CLI_OK;
}

static int parse_arguments(struct cli_call *call, int argc, char **argv)
{
    /* -abc is three options in one argument. */
    size_t most = 0;
    for (int i = 0; i < argc; i++)
        most += strlen(argv[i]) + 1;
    call->given = arena_must_alloc_array(&call->arena, most, sizeof *call->given);
    call->arguments =
        arena_must_alloc_array(&call->arena, (size_t)argc + 1, sizeof *call->arguments);
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        int status = CLI_OK;
        if (only_arguments || text[0] != '-' || text[1] == '\0')
            call->arguments[call->argument_count++] = text;
        else if (strcmp(text, "--") == 0)
            only_arguments = true;
        else if (text[1] == '-')
            status = parse_long(call, argc, argv, &i);
        else
            status = parse_letters(call, argc, argv, &i);
        if (status != CLI_OK)
            return status;
    }
    if (cli_has(call, "help"))
        return CLI_OK;
    if (call->argument_count < call->command->arguments_min)
        return cli_usage(call, "needs %s", call->command->arguments);
    if (call->argument_count > call->command->arguments_max)
        return cli_usage(call, "does not take \"%s\"",
                         call->arguments[call->command->arguments_max]);
    return CLI_OK;
}

/* ---- Help ---- */

static void print_heading(const struct cli_call *call, const char *text)
{
    fputc('\n', call->out);
    cli_print_styled(call->out, call->color_out, CLI_STYLE_BOLD, text);
    fputc('\n', call->out);
}

#define OPTION_COLUMN 28
#define LIST_COLUMN 32

static void print_option(FILE *out, const struct cli_option *option)
{
    char text[80];
    int size = snprintf(text, sizeof text, "  %c%c%s --%s%s%s", option->letter != 0 ? '-' : ' ',
                        option->letter != 0 ? option->letter : ' ', option->letter != 0 ? "," : " ",
                        option->name, option->value != NULL ? " " : "",
                        option->value != NULL ? option->value : "");
    fputs(text, out);
    if (size >= OPTION_COLUMN) {
        fputc('\n', out);
        size = 0;
    }
    fprintf(out, "%*s", OPTION_COLUMN - size, "");
    cli_print_wrapped(out, option->what, OPTION_COLUMN);
}

static int print_command_help(const struct cli_call *call)
{
    const struct cli_command *command = call->command;
    FILE *out = call->out;
    fprintf(out, "usage: ottla %s%s%s%s\n\n", command->name,
            command->option_count > 0 ? " [options]" : "", command->arguments != NULL ? " " : "",
            command->arguments != NULL ? command->arguments : "");
    cli_print_wrapped(out, command->details != NULL ? command->details : command->summary, 0);
    print_heading(call, "Options");
    for (size_t i = 0; i < command->option_count; i++)
        print_option(out, &command->options[i]);
    print_option(out, &help_option);
    if (command->examples != NULL) {
        print_heading(call, "Examples");
        fputs(command->examples, out);
    }
    return CLI_OK;
}

/* The commands that begin with the word (all when it is NULL), a line each. */
static void print_list(const struct cli_program *program, const char *word, FILE *out)
{
    size_t size = word == NULL ? 0 : strlen(word);
    const struct cli_command *command;
    for (size_t i = 0; (command = cli_command_at(program, i)) != NULL; i++) {
        if (command->hidden || (word != NULL && (strncmp(command->name, word, size) != 0 ||
                                                 command->name[size] != ' ')))
            continue;
        int printed = fprintf(out, "  %s", command->name);
        if (printed >= LIST_COLUMN)
            fprintf(out, "\n%*s", LIST_COLUMN, "");
        else
            fprintf(out, "%*s", LIST_COLUMN - printed, "");
        cli_print_wrapped(out, command->summary, LIST_COLUMN);
    }
}

static void print_help(const struct cli_call *call)
{
    fputs("ottla does Apache Kafka's job: brokers, controllers and the tools around them.\n"
          "\n"
          "usage: ottla <command> [options]\n",
          call->out);
    print_heading(call, "Commands");
    print_list(call->program, NULL, call->out);
    fputs("\n"
          "`ottla <command> --help` says more about one, with examples. Settings are in\n"
          "docs/settings.md, or one by one in `ottla config explain <name>`.\n",
          call->out);
}

/* ---- Dispatch ---- */

/* Of a command's name, with the 0 byte. */
#define NAME_BYTES 100

/* descriptor: of the file, where it is standard output or standard error. */
static bool shows_color(const FILE *file, const FILE *standard, int descriptor)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    return file == standard && os_is_terminal(descriptor) &&
           (no_color == NULL || *no_color == '\0') && (term == NULL || strcmp(term, "dumb") != 0);
}

/*
 * What the words may have meant: the nearest name of a command, compared with as many words as it
 * has. A word alone may be meant for the first of two.
 */
static const char *nearest_command(const struct cli_program *program, int argc, char **argv,
                                   char out[NAME_BYTES])
{
    char two[NAME_BYTES];
    snprintf(two, sizeof two, "%s %s", argv[0], argc >= 2 ? argv[1] : "");
    size_t limit = 4;
    const char *nearest = NULL;
    const struct cli_command *command;
    for (size_t i = 0; (command = cli_command_at(program, i)) != NULL; i++) {
        size_t first_size = strcspn(command->name, " ");
        bool of_two = command->name[first_size] != '\0';
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "%.*s", of_two && argc < 2 ? (int)first_size : NAME_BYTES - 1,
                 command->name);
        /* Half of a short word may not be wrong. */
        size_t most = (strlen(name) - 1) / 2 < limit ? (strlen(name) - 1) / 2 : limit - 1;
        const char *text = of_two && argc >= 2 ? two : argv[0];
        if (command->hidden || conf_edit_distance(text, name, most) > most)
            continue;
        limit = conf_edit_distance(text, name, most);
        strcpy(out, name);
        nearest = out;
        if (limit == 0)
            break;
    }
    return nearest;
}

static int unknown_command(const struct cli_program *program, FILE *err, int argc, char **argv)
{
    bool group = is_group(program, argv[0]);
    if (group && argc < 2) {
        fprintf(err, "ottla %s: which of these?\n", argv[0]);
        print_list(program, argv[0], err);
        return CLI_USAGE;
    }
    char name[NAME_BYTES];
    const char *nearest = nearest_command(program, argc, argv, name);
    fprintf(err, "ottla: there is no command \"%s", argv[0]);
    if (group || (nearest != NULL && strchr(nearest, ' ') != NULL))
        fprintf(err, " %s", argv[1]);
    fputc('"', err);
    if (nearest != NULL)
        fprintf(err, "; did you mean %s?", nearest);
    bool list = group && nearest == NULL;
    fputs(list ? "; there are:\n" : "\nTry: ottla --help\n", err);
    if (list)
        print_list(program, argv[0], err);
    return CLI_USAGE;
}

static int run(struct cli_call *call, int argc, char **argv)
{
    if (call->command->run_whole != NULL)
        return call->command->run_whole(argc + 1, argv - 1);
    int status = parse_arguments(call, argc, argv);
    if (status != CLI_OK)
        return status;
    if (cli_has(call, "help"))
        return print_command_help(call);
    status = call->command->run(call);
    /* A full disk or a closed pipe at the other end is a failure as well. */
    if (fflush(call->out) != 0 && status == CLI_OK) {
        cli_complain(call, "the output could not be written");
        status = CLI_FAILED;
    }
    return status;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int cli_run(const struct cli_program *program, int argc, char **argv, FILE *out, FILE *err)
{
    struct cli_call call = {
        .program = program,
        .out = out,
        .err = err,
        .color_out = shows_color(out, stdout, 1),
        .color_err = shows_color(err, stderr, 2),
    };
    argc = argc > 0 ? argc - 1 : 0;
    argv++;
    char *version[] = {(char *)(uintptr_t) "version"};
    char *help_of[3];
    if (argc == 1 && (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0))
        argv = version;
    /* `ottla help storage format` */
    if (argc >= 2 && argc <= 3 && strcmp(argv[0], "help") == 0) {
        for (int i = 1; i < argc; i++)
            help_of[i - 1] = argv[i];
        help_of[argc - 1] = (char *)(uintptr_t) "--help";
        argv = help_of;
    }
    if (argc == 0 || (argc == 1 && is_help(argv[0]))) {
        if (argc == 0) {
            call.out = err;
            call.color_out = call.color_err;
        }
        print_help(&call);
        return argc == 0 ? CLI_USAGE : CLI_OK;
    }
    if (argc == 2 && is_group(program, argv[0]) && is_help(argv[1])) {
        print_list(program, argv[0], out);
        return CLI_OK;
    }
    int words;
    call.command = cli_command_match(program, argc, argv, &words);
    if (call.command == NULL)
        return unknown_command(program, err, argc, argv);
    arena_init(&call.arena, ARENA_LIMIT_DEFAULT_BYTES);
    int status = run(&call, argc - words, argv + words);
    arena_deinit(&call.arena);
    return status;
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
    return cli_run(program, argc, argv, stdout, stderr);
}
