#ifndef CLI_CLI_INT_H
#define CLI_CLI_INT_H
#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "conf/conf.h"

#include <stdio.h>

/* One command while it runs. */
struct cli_call {
    const struct cli_program *program;
    const struct cli_command *command;
    FILE *out;
    FILE *err;
    bool color_out; /* a terminal that shows colours */
    bool color_err;
    struct arena arena; /* of the call */
    const char **arguments;
    size_t argument_count;
    struct cli_given {
        const struct cli_option *option;
        const char *value; /* NULL: a flag */
    } * given;
    size_t given_count;
};

/* Was the option given? */
bool cli_has(const struct cli_call *call, const char *option);
/* Its (last) value, or NULL. */
const char *cli_value(const struct cli_call *call, const char *option);
/* All its values, in their order, in the call's arena. */
size_t cli_values(struct cli_call *call, const char *option, const char *const **out);
/* "ottla storage format: <text>" on standard error. */
void cli_complain(const struct cli_call *call, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same with a hint at --help; returns CLI_USAGE. */
int cli_usage(const struct cli_call *call, const char *format, ...) PRINTF_LIKE(2, 3);

/* cli_main with other files than the standard ones, for tests. */
int cli_run(const struct cli_program *program, int argc, char **argv, FILE *out, FILE *err);

/* This room's commands. */
extern const struct cli_command cli_version;
extern const struct cli_command cli_completion;
extern const struct cli_command cli_complete; /* what the completion scripts ask */
extern const struct cli_command cli_doctor;
extern const struct cli_command cli_config_show;
extern const struct cli_command cli_config_check;
extern const struct cli_command cli_config_explain;
extern const struct cli_command cli_config_doc;
extern const struct cli_command cli_log_dump;
extern const struct cli_command cli_log_verify;
extern const struct cli_command cli_storage_format;
extern const struct cli_command cli_storage_info;
extern const struct cli_command cli_storage_random_uuid;
extern const struct cli_command cli_storage_version_mapping;
extern const struct cli_command cli_storage_feature_dependencies;

/* All commands of the program: number `index`, NULL past the last. */
const struct cli_command *cli_command_at(const struct cli_program *program, size_t index);
/* The command of exactly these words. */
const struct cli_command *cli_command_find(const struct cli_program *program, const char *first,
                                           const char *second);
/* The command at the start of the words and how many words its name takes; NULL: none. */
const struct cli_command *cli_command_match(const struct cli_program *program, int argc,
                                            char *const *argv, int *words);

/* ---- Output */

/* A string of JSON with its quotes; NULL is null. */
void cli_json_text(FILE *out, const char *text);
/* Words of `text` at `column`, wrapped before column 80; the cursor is at the column. */
void cli_print_wrapped(FILE *out, const char *text, size_t column);
enum cli_style { CLI_STYLE_PLAIN, CLI_STYLE_BOLD, CLI_STYLE_RED, CLI_STYLE_YELLOW };
/* `text` in the style, where colours are shown. */
void cli_print_styled(FILE *out, bool color, enum cli_style style, const char *text);

/* ---- Files and settings */

/* The whole file, at most limit bytes. Complains and returns false otherwise. */
bool cli_read_file(const struct cli_call *call, const char *path, size_t limit, struct buf *out);

/* The two options of every command that reads a node's settings. */
#define CLI_CONFIG_OPTIONS                                                          \
    {"config", 'c', "FILE", false, "the settings, a server.properties as Kafka's"}, \
    {                                                                               \
        "override", 'o', "name=value", true, "one setting, over those of the file"  \
    }
/*
 * --config and -o, loaded. The findings are the caller's to deinit (and print) in any case; NULL
 * when one is an error or the file cannot be read (which is complained about).
 */
struct conf *cli_load(struct cli_call *call, const char *file, const char *host_name,
                      struct conf_findings *findings);
/* Each on a line of standard error; warnings only if asked for. */
void cli_print_findings(const struct cli_call *call, const struct conf_findings *findings,
                        bool warnings);

#endif
