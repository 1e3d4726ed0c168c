/* What commands share: printing, files, settings. */
#include "cli/cli_int.h"

#include "conf/properties.h"
#include "env/disk.h"
#include "os/os.h"

#include <string.h>

void cli_json_text(FILE *out, const char *text)
{
    if (text == NULL) {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c < ' ' || c == 127)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

#define LINE_COLUMNS 80

void cli_print_wrapped(FILE *out, const char *text, size_t column)
{
    size_t at = column;
    while (*text != '\0') {
        if (*text == '\n') { /* the text's own line end stays */
            fprintf(out, "\n%*s", (int)column, "");
            at = column;
            text++;
            continue;
        }
        size_t size = strcspn(text, " \n");
        if (at > column && at + 1 + size > LINE_COLUMNS) {
            fprintf(out, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            fputc(' ', out);
            at++;
        }
        fwrite(text, 1, size, out);
        at += size;
        text += size;
        text += *text == ' ';
    }
    fputc('\n', out);
}

void cli_print_styled(FILE *out, bool color, enum cli_style style, const char *text)
{
    static const char *const codes[] = {
        [CLI_STYLE_PLAIN] = "0",
        [CLI_STYLE_BOLD] = "1",
        [CLI_STYLE_RED] = "31",
        [CLI_STYLE_YELLOW] = "33",
    };
    if (color)
        fprintf(out, "\033[%sm%s\033[0m", codes[style], text);
    else
        fputs(text, out);
}

bool cli_read_file(const struct cli_call *call, const char *path, size_t limit, struct buf *out)
{
    struct env_disk *disk = os_disk();
    struct env_file *file = NULL;
    enum err err = disk_open(disk, path, DISK_READ, &file);
    uint64_t position = 0;
    while (err == ERR_OK) {
        size_t got;
        err = disk_read(disk, file, buf_reserve(out, 65536), 65536, position, &got);
        if (err != ERR_OK || got == 0)
            break;
        position += got;
        out->size += got;
        if (out->size > limit)
            err = ERR_LIMIT;
    }
    disk_close(disk, file);
    if (err == ERR_LIMIT)
        cli_complain(call, "%s has more than %zu bytes", path, limit);
    else if (err != ERR_OK)
        cli_complain(call, "%s cannot be read: %s", path, err_text(err));
    return err == ERR_OK;
}

struct conf *cli_load(struct cli_call *call, const char *file, const char *host_name,
                      struct conf_findings *findings)
{
    conf_findings_init(findings);
    struct buf data = BUF_EMPTY;
    if (file != NULL && !cli_read_file(call, file, CONF_PROPERTIES_BYTES_MAX, &data)) {
        buf_deinit(&data);
        return NULL;
    }
    struct conf_args args = {
        .file_name = file,
        .file_data = file != NULL ? buf_text(&data) : NULL,
        .file_size = data.size,
        .host_name = host_name,
        .data_folder = CONF_DATA_FOLDER_DEFAULT,
    };
    args.override_count = cli_values(call, "override", &args.overrides);
    struct conf *conf;
    enum err err = conf_load(&args, findings, &conf);
    ASSERT((err == ERR_OK) == (conf != NULL));
    buf_deinit(&data);
    return conf;
}

void cli_print_findings(const struct cli_call *call, const struct conf_findings *findings,
                        bool warnings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct conf_finding *finding = &findings->items[i];
        bool error = finding->severity == CONF_SEVERITY_ERROR;
        if (!error && !warnings)
            continue;
        cli_print_styled(call->err, call->color_err, error ? CLI_STYLE_RED : CLI_STYLE_YELLOW,
                         error ? "error:   " : "warning: ");
        struct buf line = BUF_EMPTY;
        conf_finding_print(finding, &line);
        fprintf(call->err, "%s\n", buf_text(&line));
        buf_deinit(&line);
    }
    if (findings->dropped_count > 0)
        fprintf(call->err, "... and %zu more\n", findings->dropped_count);
}
