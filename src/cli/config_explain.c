/* One setting: what it does, what it may be. */
#include "cli/cli_int.h"

#include <string.h>

static void print_broker_names(FILE *out, const struct conf_row *row, const char *before)
{
    struct conf_fallback fallbacks[CONF_FALLBACKS_MAX];
    size_t count = conf_row_fallbacks(row, fallbacks);
    size_t row_count;
    const struct conf_row *rows = conf_rows(CONF_SCOPE_BROKER, &row_count);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s", i == 0 ? before : ", ", rows[fallbacks[i].id].name);
    if (count > 0)
        fputc('\n', out);
}

static const char *service_sentence(enum conf_service service)
{
    switch (service) {
    case CONF_SERVICE_SERVED:
        return "yes";
    case CONF_SERVICE_ACCEPTED:
        return "accepted, nothing to do";
    case CONF_SERVICE_LATER:
        return "not yet: accepted without effect, with a warning";
    case CONF_SERVICE_REFUSED:
        return "no: anything but the default is refused";
    }
    UNREACHABLE();
}

static void print_row(const struct cli_call *call, enum conf_scope scope,
                      const struct conf_row *row)
{
    FILE *out = call->out;
    struct buf allowed = BUF_EMPTY;
    conf_row_allowed_text(row, &allowed);
    cli_print_styled(out, call->color_out, CLI_STYLE_BOLD, row->name);
    fprintf(out, " (%s%s)\n  ", conf_scope_text(scope), row->internal ? ", internal" : "");
    cli_print_wrapped(out, row->sentence, 2);
    fputs("  default: ", out);
    if (row->required)
        fputs("none, has to be set\n", out);
    else if (row->default_text == NULL)
        fputs("not set\n", out);
    else
        fprintf(out, "%s\n", *row->default_text == '\0' ? "(empty)" : row->default_text);
    fputs("  allowed: ", out);
    cli_print_wrapped(out, buf_text(&allowed), 11);
    if (scope == CONF_SCOPE_BROKER)
        fprintf(out, "  changes: %s\n", conf_mode_text(row->mode));
    else
        print_broker_names(out, row, "  else:    ");
    fprintf(out, "  served:  %s\n", service_sentence(row->service));
    buf_deinit(&allowed);
}

static void print_json(FILE *out, enum conf_scope scope, const struct conf_row *row, bool first)
{
    struct buf allowed = BUF_EMPTY;
    conf_row_allowed_text(row, &allowed);
    fprintf(out, "%s\n{\"scope\":\"%s\",\"name\":", first ? "" : ",", conf_scope_text(scope));
    cli_json_text(out, row->name);
    fprintf(out, ",\"type\":\"%s\",\"default\":", conf_type_text(row->type));
    cli_json_text(out, row->default_text);
    fprintf(out, ",\"required\":%s,\"allowed\":", row->required ? "true" : "false");
    cli_json_text(out, buf_text(&allowed));
    if (scope == CONF_SCOPE_BROKER)
        fprintf(out, ",\"changes\":\"%s\"", conf_mode_text(row->mode));
    fprintf(out, ",\"served\":\"%s\",\"text\":", conf_service_text(row->service));
    cli_json_text(out, row->sentence);
    fputc('}', out);
    buf_deinit(&allowed);
}

static int not_found(const struct cli_call *call, const char *name)
{
    for (int scope = 0; scope < CONF_SCOPE_COUNT; scope++) {
        const char *nearest = conf_nearest_name((enum conf_scope)scope, name);
        if (nearest != NULL) {
            cli_complain(call, "there is no setting \"%s\"; did you mean %s?", name, nearest);
            return CLI_FAILED;
        }
    }
    cli_complain(call, "there is no setting \"%s\"; `ottla config doc` has them all", name);
    return CLI_FAILED;
}

static int run(struct cli_call *call)
{
    const char *name = call->arguments[0];
    bool json = cli_has(call, "json");
    bool any = false;
    for (int scope = 0; scope < CONF_SCOPE_COUNT; scope++) {
        const struct conf_row *row = conf_row_find((enum conf_scope)scope, name);
        if (row == NULL)
            continue;
        if (json) {
            fputs(any ? "" : "[", call->out);
            print_json(call->out, (enum conf_scope)scope, row, !any);
        } else {
            fputs(any ? "\n" : "", call->out);
            print_row(call, (enum conf_scope)scope, row);
        }
        any = true;
    }
    if (!any)
        return not_found(call, name);
    fputs(json ? "\n]\n" : "", call->out);
    return CLI_OK;
}

static const struct cli_option options[] = {
    {"json", 0, NULL, false, "as JSON, for programs"},
};

const struct cli_command cli_config_explain = {
    .name = "config explain",
    .summary = "what a setting does and may be",
    .arguments = "SETTING",
    .arguments_min = 1,
    .arguments_max = 1,
    .examples = "  ottla config explain log.retention.ms\n"
                "  ottla config explain compression.type\n",
    .options = options,
    .option_count = ARRAY_COUNT(options),
    .run = run,
};
