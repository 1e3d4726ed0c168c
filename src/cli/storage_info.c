/* Whose log directories these are. The words are those of Kafka's tool, as scripts look for them.
 */
#include "cli/storage_int.h"

#include "base/uuid.h"
#include "env/disk.h"
#include "meta/properties.h"
#include "os/os.h"

#include <string.h>

#define META_PROPERTIES_BYTES_MAX 65536

/* One directory: either its properties or what is wrong with it. */
struct looked {
    const char *dir;
    const char *problem; /* NULL: none */
    bool exists;
    bool formatted;
    struct meta_properties properties;
};

static const char *read_properties(struct cli_call *call, const char *path,
                                   struct meta_properties *out)
{
    struct env_disk *disk = os_disk();
    struct env_file *file;
    char *text = arena_must_alloc(&call->arena, META_PROPERTIES_BYTES_MAX);
    size_t size = 0;
    enum err err = disk_open(disk, path, DISK_READ, &file);
    if (err == ERR_OK) {
        err = disk_read(disk, file, text, META_PROPERTIES_BYTES_MAX, 0, &size);
        disk_close(disk, file);
    }
    char error[META_PROPERTIES_ERROR_BYTES] = "";
    if (err == ERR_OK)
        err = meta_properties_parse(text, size, out, error);
    if (err == ERR_OK)
        return NULL;
    const char *problem = arena_printf(&call->arena, "Unable to read %s: %s", path,
                                       *error != '\0' ? error : err_text(err));
    ASSERT(problem != NULL);
    return problem;
}

static void look(struct cli_call *call, struct looked *looked)
{
    struct disk_stat stat;
    enum err err = disk_stat(os_disk(), looked->dir, &stat);
    looked->exists = err == ERR_OK && stat.kind == DISK_KIND_FOLDER;
    const char *format = err == ERR_NOTFOUND             ? "%s does not exist"
                         : err != ERR_OK                 ? "%s cannot be read"
                         : stat.kind != DISK_KIND_FOLDER ? "%s is not a directory"
                                                         : NULL;
    if (format != NULL) {
        looked->problem = arena_printf(&call->arena, format, looked->dir);
        return;
    }
    const char *path = arena_printf(&call->arena, "%s/" META_PROPERTIES_FILE, looked->dir);
    ASSERT(path != NULL);
    if (disk_stat(os_disk(), path, &stat) == ERR_NOTFOUND) {
        looked->problem = arena_printf(&call->arena, "%s is not formatted.", looked->dir);
        return;
    }
    looked->problem = read_properties(call, path, &looked->properties);
    looked->formatted = looked->problem == NULL;
}

/* All directories have to be of one node and cluster, each with an id of its own. */
static void compare(struct cli_call *call, struct looked *first, struct looked *other)
{
    const struct meta_properties *a = &first->properties;
    const struct meta_properties *b = &other->properties;
    const char *problem = NULL;
    if (strcmp(a->cluster_id, b->cluster_id) != 0)
        problem = arena_printf(&call->arena, "%s is of the cluster %s, but %s of %s", other->dir,
                               b->cluster_id, first->dir, a->cluster_id);
    else if (a->node_id != b->node_id)
        problem = arena_printf(&call->arena, "%s is of node %d, but %s of node %d", other->dir,
                               b->node_id, first->dir, a->node_id);
    else if (a->has_directory_id && b->has_directory_id &&
             uuid_equal(&a->directory_id, &b->directory_id))
        problem = arena_printf(&call->arena, "%s has the same directory.id as %s", other->dir,
                               first->dir);
    if (problem != NULL)
        other->problem = problem;
}

static void print_properties(FILE *out, const struct meta_properties *properties)
{
    char id[UUID_TEXT_BYTES];
    fprintf(out, "{cluster.id=%s", properties->cluster_id);
    if (properties->has_directory_id)
        fprintf(out, ", directory.id=%s", uuid_to_text(&properties->directory_id, id));
    fprintf(out, ", %s=%d, version=%d}", properties->version == 0 ? "broker.id" : "node.id",
            properties->node_id, properties->version);
}

static void print_human(FILE *out, const struct looked *dirs, size_t count, size_t existing,
                        size_t problems)
{
    if (existing > 0)
        fprintf(out, "Found log director%s:\n", existing == 1 ? "y" : "ies");
    for (size_t i = 0; i < count; i++)
        if (dirs[i].exists)
            fprintf(out, "  %s\n", dirs[i].dir);
    if (existing > 0)
        fputc('\n', out);
    for (size_t i = 0; i < count; i++) {
        if (!dirs[i].formatted)
            continue;
        fputs("Found metadata: ", out);
        print_properties(out, &dirs[i].properties);
        fputs("\n\n", out);
        break;
    }
    if (problems > 0)
        fprintf(out, "Found problem%s:\n", problems == 1 ? "" : "s");
    for (size_t i = 0; i < count; i++)
        if (dirs[i].problem != NULL)
            fprintf(out, "  %s\n", dirs[i].problem);
    if (problems > 0)
        fputc('\n', out);
}

static void print_json(FILE *out, const struct looked *dirs, size_t count)
{
    fputs("{\"directories\":[", out);
    for (size_t i = 0; i < count; i++) {
        char id[UUID_TEXT_BYTES];
        const struct meta_properties *properties = &dirs[i].properties;
        fputs(i > 0 ? ",{\"path\":" : "{\"path\":", out);
        cli_json_text(out, dirs[i].dir);
        fprintf(out, ",\"exists\":%s,\"formatted\":%s", dirs[i].exists ? "true" : "false",
                dirs[i].formatted ? "true" : "false");
        if (dirs[i].formatted) {
            fputs(",\"cluster.id\":", out);
            cli_json_text(out, properties->cluster_id);
            fprintf(out, ",\"node.id\":%d,\"version\":%d,\"directory.id\":", properties->node_id,
                    properties->version);
            cli_json_text(out, properties->has_directory_id
                                   ? uuid_to_text(&properties->directory_id, id)
                                   : NULL);
        }
        fputs(",\"problem\":", out);
        cli_json_text(out, dirs[i].problem);
        fputc('}', out);
    }
    fputs("]}\n", out);
}

static int look_at(struct cli_call *call, const struct conf *conf)
{
    const char *const *dirs;
    size_t count = cli_storage_dirs(call, conf, &dirs);
    struct looked *looked = arena_must_alloc_array(&call->arena, count, sizeof *looked);
    struct looked *first = NULL;
    size_t existing = 0;
    size_t problems = 0;
    for (size_t i = 0; i < count; i++) {
        looked[i].dir = dirs[i];
        look(call, &looked[i]);
        if (looked[i].formatted && first == NULL)
            first = &looked[i];
        else if (looked[i].formatted)
            compare(call, first, &looked[i]);
        existing += looked[i].exists;
        problems += looked[i].problem != NULL;
    }
    if (cli_has(call, "json"))
        print_json(call->out, looked, count);
    else
        print_human(call->out, looked, count, existing, problems);
    return problems == 0 ? CLI_OK : CLI_FAILED;
}

static int run(struct cli_call *call)
{
    struct conf_findings findings;
    struct conf *conf = cli_load(call, cli_value(call, "config"), "localhost", &findings);
    cli_print_findings(call, &findings, false);
    int status = conf != NULL ? look_at(call, conf) : CLI_FAILED;
    conf_free(conf);
    conf_findings_deinit(&findings);
    return status;
}

static const struct cli_option options[] = {
    CLI_CONFIG_OPTIONS,
    {"json", 0, NULL, false, "as JSON, for programs"},
};

const struct cli_command cli_storage_info = {
    .name = "storage info",
    .summary = "whose a node's log directories are",
    .details =
        "Reads meta.properties in each folder of log.dirs and in metadata.log.dir. Status 0: "
        "all are formatted, for one node of one cluster.",
    .examples = "  ottla storage info -c server.properties\n",
    .options = options,
    .option_count = ARRAY_COUNT(options),
    .run = run,
};
