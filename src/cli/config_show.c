/* What a node would run on. */
#include "cli/cli_int.h"

#include "conf/describe.h"
#include "os/os.h"

#include <string.h>

static const char *source_text(enum conf_source source)
{
    return source == CONF_SOURCE_DEFAULT ? "default" : "static";
}

/* As java.util.Properties reads it back. */
static void print_value(FILE *out, const char *value)
{
    if (*value == ' ' || *value == '\t' || *value == '\f')
        fputc('\\', out);
    for (; *value != '\0'; value++) {
        static const char special[] = "\t\n\r\f";
        static const char letters[] = "tnrf";
        const char *found = strchr(special, *value);
        if (*value == '\\')
            fputs("\\\\", out);
        else if (found != NULL)
            fprintf(out, "\\%c", letters[found - special]);
        else
            fputc(*value, out);
    }
}

static void print_properties(const struct cli_call *call, const struct conf_described *items,
                             size_t count, bool all)
{
    for (size_t i = 0; i < count; i++) {
        const struct conf_described *item = &items[i];
        if (item->source == CONF_SOURCE_DEFAULT && !all)
            continue;
        bool secret = item->sensitive && item->source != CONF_SOURCE_DEFAULT;
        if (item->value == NULL) {
            fprintf(call->out, "# %s%s\n", item->name, secret ? " is hidden" : " is not set");
            continue;
        }
        fprintf(call->out, "%s=", item->name);
        print_value(call->out, item->value);
        fputc('\n', call->out);
    }
}

static void print_json(const struct cli_call *call, const struct conf_described *items,
                       size_t count, bool all)
{
    bool first = true;
    fputc('[', call->out);
    for (size_t i = 0; i < count; i++) {
        const struct conf_described *item = &items[i];
        if (item->source == CONF_SOURCE_DEFAULT && !all)
            continue;
        fputs(first ? "\n{\"name\":" : ",\n{\"name\":", call->out);
        first = false;
        cli_json_text(call->out, item->name);
        fputs(",\"value\":", call->out);
        cli_json_text(call->out, item->value);
        fprintf(call->out, ",\"source\":\"%s\",\"type\":\"%s\",\"secret\":%s}",
                source_text(item->source), conf_type_text(item->type),
                item->sensitive ? "true" : "false");
    }
    fputs("\n]\n", call->out);
}

static int run(struct cli_call *call)
{
    char host_name[256];
    os_hostname(host_name, sizeof host_name);
    struct conf_findings findings;
    struct conf *conf = cli_load(call, cli_value(call, "config"), host_name, &findings);
    cli_print_findings(call, &findings, conf == NULL);
    if (conf != NULL) {
        struct conf_described *items;
        size_t count = conf_describe_broker(conf, &call->arena, &items);
        if (cli_has(call, "json"))
            print_json(call, items, count, cli_has(call, "all"));
        else
            print_properties(call, items, count, cli_has(call, "all"));
    }
    int status = conf != NULL ? CLI_OK : CLI_FAILED;
    conf_free(conf);
    conf_findings_deinit(&findings);
    return status;
}

static const struct cli_option options[] = {
    CLI_CONFIG_OPTIONS,
    {"all", 'a', NULL, false, "the defaults as well"},
    {"json", 0, NULL, false, "as JSON, for programs"},
};

const struct cli_command cli_config_show = {
    .name = "config show",
    .summary = "print the settings that a node would run on",
    .details = "Without a file these are the ones that `ottla start` uses when it is given none. "
               "What is printed is a server.properties again; secrets are left out.",
    .examples = "  ottla config show -c server.properties -o num.partitions=3\n"
                "  ottla config show --all | grep retention\n",
    .options = options,
    .option_count = ARRAY_COUNT(options),
    .run = run,
};
