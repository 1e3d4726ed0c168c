#include "base/assert.h"
#include "cli/cli.h"
#include "main/start.h"

static const struct cli_option start_options[] = {
    {"config", 0, "FILE", false, "settings, as Kafka's server.properties"},
    {"override", 'o', "name=value", true, "one setting, over those of the file"},
    {"data", 0, "FOLDER", false, "where the data goes (log.dirs)"},
};

static const struct cli_command commands[] = {
    {
        .name = "start",
        .summary = "run a node",
        .options = start_options,
        .option_count = ARRAY_COUNT(start_options),
        .run_whole = start_main,
    },
    {
        .name = "metrics doc",
        .summary = "all metrics, as the Markdown of docs/metrics.md",
        .run_whole = metrics_doc_main,
    },
};

int main(int argc, char **argv)
{
    const struct cli_program program = {
        .version = OTTLA_VERSION,
        .commands = commands,
        .command_count = ARRAY_COUNT(commands),
    };
    return cli_main(&program, argc, argv);
}
