/*
 * What is wrong between clients and a cluster, found the way a client would find it: each
 * advertised address of each listener is dialled from here. And what is short on this machine.
 */
#include "cli/doctor_int.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S_DEFAULT 5
#define TIMEOUT_S_MAX 300
#define DESCRIPTORS_FEW 4096
#define TEXT_BYTES_MAX 4096

/* ---- Findings ---- */

static const char *text_of(struct doctor *doctor, const char *format, va_list args)
{
    char text[TEXT_BYTES_MAX];
    int size = vsnprintf(text, sizeof text, format, args);
    if (size < 0)
        size = 0;
    if ((size_t)size >= sizeof text)
        size = (int)sizeof text - 1;
    char *copy = arena_must_alloc(&doctor->call->arena, (size_t)size + 1);
    memcpy(copy, text, (size_t)size);
    copy[size] = '\0';
    return copy;
}

const char *doctor_text(struct doctor *doctor, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = text_of(doctor, format, args);
    va_end(args);
    return text;
}

static void print_finding(struct doctor *doctor, const struct doctor_finding *finding)
{
    static const struct {
        const char *word;
        enum cli_style style;
    } severities[] = {
        [DOCTOR_OK] = {"ok       ", CLI_STYLE_PLAIN},
        [DOCTOR_WARNING] = {"warning  ", CLI_STYLE_YELLOW},
        [DOCTOR_ERROR] = {"error    ", CLI_STYLE_RED},
    };
    struct cli_call *call = doctor->call;
    cli_print_styled(call->out, call->color_out, severities[finding->severity].style,
                     severities[finding->severity].word);
    fprintf(call->out, "%s: %s\n", finding->subject, finding->text);
    if (finding->advice != NULL) {
        fputs("         -> ", call->out);
        cli_print_wrapped(call->out, finding->advice, 12);
    }
    (void)fflush(call->out); /* a visit may take seconds */
}

void doctor_find(struct doctor *doctor, enum doctor_severity severity, const char *subject,
                 const char *advice, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = text_of(doctor, format, args);
    va_end(args);
    if (doctor->finding_count == doctor->finding_capacity) {
        doctor->finding_capacity = doctor->finding_capacity * 2 + 16;
        doctor->findings =
            mem_realloc(doctor->findings, doctor->finding_capacity * sizeof *doctor->findings);
    }
    struct doctor_finding *finding = &doctor->findings[doctor->finding_count++];
    *finding = (struct doctor_finding){severity, subject, text, advice};
    if (!cli_has(doctor->call, "json"))
        print_finding(doctor, finding);
}

static size_t count_of(const struct doctor *doctor, enum doctor_severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < doctor->finding_count; i++)
        count += doctor->findings[i].severity == severity;
    return count;
}

static void print_json(const struct doctor *doctor)
{
    static const char *const words[] = {"ok", "warning", "error"};
    FILE *out = doctor->call->out;
    fprintf(out, "{\"cluster_id\":");
    cli_json_text(out, doctor->cluster_id);
    fprintf(out, ",\"errors\":%zu,\"warnings\":%zu,\"findings\":[", count_of(doctor, DOCTOR_ERROR),
            count_of(doctor, DOCTOR_WARNING));
    for (size_t i = 0; i < doctor->finding_count; i++) {
        const struct doctor_finding *finding = &doctor->findings[i];
        fprintf(out, "%s{\"severity\":\"%s\",\"subject\":", i > 0 ? "," : "",
                words[finding->severity]);
        cli_json_text(out, finding->subject);
        fputs(",\"text\":", out);
        cli_json_text(out, finding->text);
        fputs(",\"advice\":", out);
        cli_json_text(out, finding->advice);
        fputc('}', out);
    }
    fputs("]}\n", out);
}

static void print_end(const struct doctor *doctor)
{
    size_t errors = count_of(doctor, DOCTOR_ERROR);
    size_t warnings = count_of(doctor, DOCTOR_WARNING);
    fprintf(doctor->call->out, "%zu error%s, %zu warning%s\n", errors, errors == 1 ? "" : "s",
            warnings, warnings == 1 ? "" : "s");
}

/* ---- This machine ---- */

static void check_machine(struct doctor *doctor)
{
    uint64_t descriptors = os_descriptors_raise();
    bool few = descriptors < DESCRIPTORS_FEW;
    doctor_find(
        doctor, few ? DOCTOR_WARNING : DOCTOR_OK, "this machine",
        few ? "a node started from here may run out of them: raise the limit (ulimit -n, or "
              "LimitNOFILE of its service) to 100000"
            : NULL,
        "a process started from here may open %" PRIu64 " descriptors", descriptors);
}

/* A folder of the node's settings: there, and with room. */
static void check_folder(struct doctor *doctor, const char *path)
{
    struct disk_stat stat;
    enum err err = disk_stat(os_disk(), path, &stat);
    if (err == ERR_NOTFOUND) {
        doctor_find(doctor, DOCTOR_WARNING, path,
                    "the node makes it at its first start; if it had data there, mount its disk",
                    "this log directory is not there");
    } else if (err != ERR_OK) {
        doctor_find(doctor, DOCTOR_ERROR, path, "let the node's user read and write it",
                    "this log directory cannot be looked at: %s", err_text(err));
    }
}

/* ---- The command ---- */

/* --config: its own addresses, and its folders. False: it cannot be read. */
static bool take_config(struct doctor *doctor, bool dial)
{
    struct cli_call *call = doctor->call;
    char host_name[256];
    os_hostname(host_name, sizeof host_name);
    struct conf_findings findings;
    struct conf *conf = cli_load(call, cli_value(call, "config"), host_name, &findings);
    bool unread = conf == NULL && findings.error_count == 0;
    for (size_t i = 0; i < findings.count; i++) {
        const struct conf_finding *finding = &findings.items[i];
        struct buf line = BUF_EMPTY;
        conf_finding_print(finding, &line);
        bool error = finding->severity == CONF_SEVERITY_ERROR;
        doctor_find(doctor, error ? DOCTOR_ERROR : DOCTOR_WARNING, cli_value(call, "config"),
                    error ? "the node does not start with it: correct it" : NULL, "%s",
                    buf_text(&line));
        buf_deinit(&line);
    }
    conf_findings_deinit(&findings);
    if (conf == NULL)
        return !unread;
    size_t count;
    const struct conf_listener *listeners = conf_advertised(conf, &count);
    for (size_t i = 0; dial && i < count; i++) {
        if (!listeners[i].controller && listeners[i].protocol == CONF_PROTOCOL_PLAINTEXT)
            doctor_visit_bootstrap(doctor, listeners[i].host, listeners[i].port);
    }
    struct conf_list folders = conf_log_dirs(conf);
    for (size_t i = 0; i < folders.count; i++)
        check_folder(doctor, doctor_text(doctor, "%s", folders.items[i]));
    conf_free(conf);
    return true;
}

/* host:port,host:port */
static int take_addresses(struct doctor *doctor, const char *text)
{
    while (*text != '\0') {
        size_t size = strcspn(text, ", ");
        const char *one = doctor_text(doctor, "%.*s", (int)size, text);
        const char *host;
        uint16_t port;
        if (conf_address_parse(&doctor->call->arena, one, &host, &port) != ERR_OK ||
            host[0] == '\0' || port == 0)
            return cli_usage(doctor->call, "\"%s\" is no address; it looks like localhost:9092",
                             one);
        doctor_visit_bootstrap(doctor, host, port);
        text += size + strspn(text + size, ", ");
    }
    return CLI_OK;
}

static int run(struct cli_call *call)
{
    struct doctor doctor = {.call = call, .timeout_ms = TIMEOUT_S_DEFAULT * 1000};
    list_init(&doctor.visits);
    list_init(&doctor.seen);
    const char *timeout = cli_value(call, "timeout");
    if (timeout != NULL) {
        char *end;
        long seconds = strtol(timeout, &end, 10);
        if (*timeout == '\0' || *end != '\0' || seconds < 1 || seconds > TIMEOUT_S_MAX)
            return cli_usage(call, "--timeout takes 1 to %d seconds, not \"%s\"", TIMEOUT_S_MAX,
                             timeout);
        doctor.timeout_ms = (uint32_t)seconds * 1000;
    }
    const char *addresses = cli_value(call, "bootstrap-server");
    bool has_config = cli_has(call, "config");
    int status = CLI_OK;
    if (has_config && !take_config(&doctor, addresses == NULL))
        status = CLI_FAILED;
    else if (addresses != NULL || !has_config)
        status = take_addresses(&doctor, addresses != NULL ? addresses : "localhost:9092");
    if (status == CLI_OK) {
        check_machine(&doctor);
        if (!doctor_visit_all(&doctor)) {
            cli_complain(call, "the machine has no descriptors left");
            status = CLI_FAILED;
        } else {
            if (cli_has(call, "json"))
                print_json(&doctor);
            else
                print_end(&doctor);
            status = count_of(&doctor, DOCTOR_ERROR) > 0 ? CLI_FAILED : CLI_OK;
        }
    }
    mem_free(doctor.findings);
    return status;
}

static const struct cli_option options[] = {
    {"bootstrap-server", 'b', "HOST:PORT", false,
     "addresses as a client is given them, with commas between; else those of --config, else "
     "localhost:9092"},
    {"config", 'c', "FILE", false, "check this node's settings and folders as well"},
    {"timeout", 0, "SECONDS", false, "how long to wait for an answer (5)"},
    {"json", 0, NULL, false, "as JSON, for programs"},
};

const struct cli_command cli_doctor = {
    .name = "doctor",
    .summary = "find out why clients do not get through, and what is running short",
    .details = "Dials the addresses, then each advertised address of each listener of every node, "
               "as a client on this machine would, and says what is wrong with any of them: a name "
               "that does not resolve, a port that nobody listens on, an address that leads to "
               "another node or cluster. Looks at the clock of the cluster, the room on its disks "
               "and this machine's limit of descriptors. Run it where the clients are. Status 0: "
               "no errors were found (there may be warnings). 1: there were some.",
    .examples = "  ottla doctor\n"
                "  ottla doctor --bootstrap-server broker1:9092,broker2:9092\n"
                "  ottla doctor --config /etc/kafka/server.properties\n"
                "  ottla doctor --json | jq '.findings[] | select(.severity != \"ok\")'\n",
    .options = options,
    .option_count = ARRAY_COUNT(options),
    .run = run,
};
