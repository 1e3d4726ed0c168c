#include "cli/cli_int.h"

static int run(struct cli_call *call)
{
    struct buf text = BUF_EMPTY;
    conf_document(&text);
    fwrite(text.data, 1, text.size, call->out);
    buf_deinit(&text);
    return CLI_OK;
}

const struct cli_command cli_config_doc = {
    .name = "config doc",
    .summary = "all settings, as the Markdown of docs/settings.md",
    .examples = "  ottla config doc >docs/settings.md\n",
    .run = run,
};
