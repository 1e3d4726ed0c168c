#include "cli/cli_int.h"

static int run(struct cli_call *call)
{
    if (cli_has(call, "json")) {
        fputs("{\"version\":", call->out);
        cli_json_text(call->out, call->program->version);
        fputs(",\"kafka\":\"4.3\"}\n", call->out);
    } else {
        fprintf(call->out, "ottla %s (speaks Apache Kafka 4.3)\n", call->program->version);
    }
    return CLI_OK;
}

static const struct cli_option options[] = {
    {"json", 0, NULL, false, "as JSON, for programs"},
};

const struct cli_command cli_version = {
    .name = "version",
    .summary = "the version of this program",
    .options = options,
    .option_count = ARRAY_COUNT(options),
    .run = run,
};
