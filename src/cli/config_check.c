/* Is a file of settings right? All that is wrong or odd about it. */
#include "cli/cli_int.h"

#include "os/os.h"

static void print_json(const struct cli_call *call, const struct conf_findings *findings)
{
    fprintf(call->out, "{\"valid\":%s,\"findings\":[",
            findings->error_count == 0 ? "true" : "false");
    for (size_t i = 0; i < findings->count; i++) {
        const struct conf_finding *finding = &findings->items[i];
        fprintf(call->out, "%s{\"severity\":\"%s\",\"name\":", i > 0 ? "," : "",
                finding->severity == CONF_SEVERITY_ERROR ? "error" : "warning");
        cli_json_text(call->out, finding->name);
        fputs(",\"value\":", call->out);
        cli_json_text(call->out, finding->value);
        fputs(",\"origin\":", call->out);
        cli_json_text(call->out, finding->origin);
        fputs(",\"text\":", call->out);
        cli_json_text(call->out, finding->text);
        fputc('}', call->out);
    }
    fputs("]}\n", call->out);
}

static int run(struct cli_call *call)
{
    char host_name[256];
    os_hostname(host_name, sizeof host_name);
    struct conf_findings findings;
    struct conf *conf = cli_load(call, call->arguments[0], host_name, &findings);
    int status = conf != NULL ? CLI_OK : CLI_FAILED;
    bool unread = conf == NULL && findings.error_count == 0;
    if (cli_has(call, "strict") && findings.count > 0)
        status = CLI_FAILED;
    if (!unread && cli_has(call, "json")) {
        print_json(call, &findings);
    } else if (!unread) {
        cli_print_findings(call, &findings, true);
        size_t warnings = findings.count + findings.dropped_count - findings.error_count;
        fprintf(call->out, "%s is %s: %zu error%s, %zu warning%s\n", call->arguments[0],
                conf != NULL ? "right" : "wrong", findings.error_count,
                findings.error_count == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
    }
    conf_free(conf);
    conf_findings_deinit(&findings);
    return status;
}

static const struct cli_option options[] = {
    {"override", 'o', "name=value", true, "one setting, over those of the file"},
    {"strict", 0, NULL, false, "warnings fail as errors do"},
    {"json", 0, NULL, false, "as JSON, for programs"},
};

const struct cli_command cli_config_check = {
    .name = "config check",
    .summary = "check a server.properties",
    .arguments = "FILE",
    .arguments_min = 1,
    .arguments_max = 1,
    .details = "Tells all that is wrong with the file, with line, setting, value and what would be "
               "right; and warns of unknown names and of settings without effect. Status 0: a node "
               "would start with it. 1: it would not.",
    .examples = "  ottla config check /etc/kafka/server.properties\n"
                "  ottla config check --json server.properties | jq '.findings[].text'\n",
    .options = options,
    .option_count = ARRAY_COUNT(options),
    .run = run,
};
