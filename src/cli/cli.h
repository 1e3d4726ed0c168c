#ifndef CLI_CLI_H
#define CLI_CLI_H
/*
 * ottla's subcommands: one table of them drives dispatch, help and completion. A command is a row
 * and a file; main adds its own (start), which need more rooms than this one has.
 */
#include <stdbool.h>
#include <stddef.h>

/* Status of the process. */
enum cli_status {
    CLI_OK = 0,
    CLI_FAILED = 1, /* it could not be done, or what was checked is wrong */
    CLI_USAGE = 2,  /* a mistake in the arguments */
};

struct cli_call;

struct cli_option {
    const char *name;  /* without the dashes */
    char letter;       /* 0: none */
    const char *value; /* the value's name in the help, NULL: a flag. "FILE", "FOLDER" and
                        * "name=value" are completed. */
    bool many;         /* may be given more than once */
    const char *what;  /* a phrase */
};

struct cli_command {
    const char *name;      /* of one word or two: "storage format" */
    const char *summary;   /* a phrase, for lists */
    const char *arguments; /* for the usage line, NULL: none; "FILE" is completed */
    size_t arguments_min;
    size_t arguments_max;
    const char *details;  /* sentences, may be NULL */
    const char *examples; /* lines, may be NULL */
    const struct cli_option *options;
    size_t option_count;
    /* Returns the status. */
    int (*run)(struct cli_call *call);
    /* Instead of run: parses its arguments itself; argv[0] is the command's (last) word. */
    int (*run_whole)(int argc, char **argv);
    bool hidden;
};

struct cli_program {
    const char *version;
    const struct cli_command *commands; /* beside this room's own, and before them in lists */
    size_t command_count;
};

/* Runs the command that argv names; argv[0] is the program's name. Returns the process's status. */
int cli_main(const struct cli_program *program, int argc, char **argv);

#endif
