/*
 * `ottla log dump`: what is in a file of a log, ours or Kafka's. A file's name says what it is; the
 * folder that a segment is in says how its records are decoded. What is damaged is told with its
 * position, and reading goes on behind it where that is possible.
 */
#include "cli/log_int.h"

#include "base/mem.h"
#include "meta/properties.h"
#include "os/os.h"
#include "plog/plog_dir.h"
#include "plog/plog_files.h"
#include "quorum/quorum_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* For --decode, and the names that Kafka's tool has for the same. */
static const struct {
    const char *name;
    const char *kafka_option;
    const char *topic;
    enum log_decode decode;
} decoders[] = {
    {"metadata", "cluster-metadata-decoder", "__cluster_metadata", LOG_DECODE_METADATA},
    {"offsets", "offsets-decoder", "__consumer_offsets", LOG_DECODE_OFFSETS},
    {"transactions", "transaction-log-decoder", "__transaction_state", LOG_DECODE_TRANSACTIONS},
    {"share", "share-group-state-decoder", "__share_group_state", LOG_DECODE_SHARE},
    {"remote-log", "remote-log-metadata-decoder", "__remote_log_metadata", LOG_DECODE_REMOTE_LOG},
    {"text", NULL, NULL, LOG_DECODE_TEXT},
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The name of the folder that holds the file. */
static bool folder_name(const char *path, char *out, size_t size)
{
    const char *name = base_name(path);
    if (name == path)
        return false;
    const char *end = name - 1, *begin = end;
    while (begin > path && begin[-1] != '/')
        begin--;
    return (size_t)snprintf(out, size, "%.*s", (int)(end - begin), begin) < size;
}

static enum log_decode decode_of(const char *path)
{
    char folder[512], topic[512];
    enum plog_folder_kind kind;
    int32_t partition;
    if (!folder_name(path, folder, sizeof folder) ||
        !plog_parse_folder_name(folder, &kind, topic, sizeof topic, &partition))
        return LOG_DECODE_TEXT;
    for (size_t i = 0; i < ARRAY_COUNT(decoders); i++)
        if (decoders[i].topic != NULL && strcmp(decoders[i].topic, topic) == 0)
            return decoders[i].decode;
    return LOG_DECODE_TEXT;
}

/* ---- One file ---- */

/* Files that have a name of their own. */
static const struct {
    const char *name;
    const char *what;
    void (*dump)(struct log_dump *dump);
} named[] = {
    {PLOG_EPOCHS_NAME, "leader epochs", log_dump_epochs},
    {PLOG_METADATA_NAME, "the partition's topic", log_dump_partition_metadata},
    {META_PROPERTIES_FILE, "whose directory it is", log_dump_meta_properties},
    {QUORUM_STATE_FILE, "the metadata quorum's election", log_dump_quorum_state},
    {"recovery-point-offset-checkpoint", "recovery points", log_dump_checkpoint},
    {"log-start-offset-checkpoint", "log start offsets", log_dump_checkpoint},
    {"replication-offset-checkpoint", "high watermarks", log_dump_checkpoint},
    {"cleaner-offset-checkpoint", "how far logs are compacted", log_dump_checkpoint},
    {".kafka_cleanshutdown", "the mark of a clean stop", log_dump_clean_shutdown},
};

static const char *what_of(const struct plog_file_name *name)
{
    switch (name->kind) {
    case PLOG_FILE_LOG:
        return "segment";
    case PLOG_FILE_INDEX:
        return "offset index";
    case PLOG_FILE_TIMEINDEX:
        return "time index";
    case PLOG_FILE_TXNINDEX:
        return "aborted transactions";
    case PLOG_FILE_SNAPSHOT:
        return "producers";
    case PLOG_FILE_CHECKPOINT:
        return "metadata snapshot";
    case PLOG_FILE_EPOCHS:
    case PLOG_FILE_METADATA:
    case PLOG_FILE_UNKNOWN:
        break;
    }
    return NULL;
}

static void print_title(struct log_dump *dump, const char *what, uint64_t size)
{
    FILE *out = dump->call->out;
    if (dump->json) {
        log_json_begin(dump, "file");
        fprintf(out, ",\"what\":\"%s\",\"size\":%llu}\n", what, (unsigned long long)size);
        return;
    }
    cli_print_styled(out, dump->call->color_out, CLI_STYLE_BOLD, dump->path);
    fprintf(out, ": %s, %llu bytes\n", what, (unsigned long long)size);
}

static void dump_kind(struct log_dump *dump, const struct plog_file_name *name)
{
    switch (name->kind) {
    case PLOG_FILE_LOG:
        log_dump_segment(dump, false);
        return;
    case PLOG_FILE_CHECKPOINT:
        log_dump_segment(dump, true);
        return;
    case PLOG_FILE_INDEX:
        log_dump_index(dump, name->base_offset);
        return;
    case PLOG_FILE_TIMEINDEX:
        log_dump_timeindex(dump, name->base_offset);
        return;
    case PLOG_FILE_TXNINDEX:
        log_dump_txnindex(dump);
        return;
    case PLOG_FILE_SNAPSHOT:
        log_dump_producers(dump);
        return;
    case PLOG_FILE_EPOCHS:
    case PLOG_FILE_METADATA:
    case PLOG_FILE_UNKNOWN:
        break;
    }
    UNREACHABLE();
}

/* False: the name says nothing. */
static bool dump_file(struct log_dump *dump, const char *path, uint64_t size)
{
    const char *text = base_name(path);
    struct plog_file_name name;
    dump->path = path;
    for (size_t i = 0; i < ARRAY_COUNT(named); i++) {
        if (strcmp(named[i].name, text) != 0)
            continue;
        print_title(dump, named[i].what, size);
        named[i].dump(dump);
        return true;
    }
    plog_file_name_parse(text, &name);
    /* bootstrap.checkpoint, and snapshots under other names. */
    const char *dot = strrchr(text, '.');
    if (name.kind == PLOG_FILE_UNKNOWN && dot != NULL && strcmp(dot, ".checkpoint") == 0)
        name.kind = PLOG_FILE_CHECKPOINT;
    if (name.kind == PLOG_FILE_UNKNOWN && dot != NULL && strcmp(dot, ".log") == 0)
        name.kind = PLOG_FILE_LOG;
    const char *what = what_of(&name);
    if (what == NULL)
        return false;
    if (!dump->decode_chosen)
        dump->decode = decode_of(path);
    print_title(dump, what, size);
    dump_kind(dump, &name);
    return true;
}

/* ---- Folders ---- */

struct names {
    struct cli_call *call;
    const char **items;
    size_t count;
    size_t capacity;
};

static bool add_name(void *context, const char *name, enum disk_kind kind)
{
    struct names *names = context;
    if (kind == DISK_KIND_FOLDER)
        return true;
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 32 : names->capacity * 2;
        names->items = mem_realloc(names->items, names->capacity * sizeof *names->items);
    }
    names->items[names->count++] = mem_strdup(name);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void dump_folder(struct log_dump *dump, const char *folder)
{
    struct names names = {.call = dump->call};
    dump->path = folder;
    enum err err = disk_list(os_disk(), folder, add_name, &names);
    if (err != ERR_OK)
        log_dump_problem(dump, -1, "cannot be listed: %s", err_text(err));
    if (names.count > 0)
        qsort(names.items, names.count, sizeof *names.items, compare_names);
    size_t shown = 0;
    for (size_t i = 0; i < names.count; i++) {
        struct disk_stat stat;
        char path[4096];
        size_t size = strlen(folder);
        const char *slash = size > 0 && folder[size - 1] == '/' ? "" : "/";
        if (snprintf(path, sizeof path, "%s%s%s", folder, slash, names.items[i]) <
                (int)sizeof path &&
            disk_stat(os_disk(), path, &stat) == ERR_OK)
            shown += dump_file(dump, path, stat.size_bytes);
        mem_free((void *)(uintptr_t)names.items[i]);
    }
    mem_free(names.items);
    dump->path = folder;
    if (err == ERR_OK && shown == 0)
        log_dump_problem(dump, -1, "has no file of a log");
}

static void dump_path(struct log_dump *dump, const char *path)
{
    struct disk_stat stat;
    enum err err = disk_stat(os_disk(), path, &stat);
    dump->path = path;
    if (err != ERR_OK)
        log_dump_problem(dump, -1, "%s cannot be read: %s", path, err_text(err));
    else if (stat.kind == DISK_KIND_FOLDER)
        dump_folder(dump, path);
    else if (!dump_file(dump, path, stat.size_bytes))
        log_dump_problem(dump, -1,
                         "%s: the name is none of a log's files; those are *.log, *.index, "
                         "*.timeindex, *.txnindex, *.snapshot, *.checkpoint and the checkpoint "
                         "files",
                         path);
}

/* ---- The command ---- */

static int choose_decoder(struct log_dump *dump)
{
    const struct cli_call *call = dump->call;
    const char *name = cli_value(call, "decode");
    for (size_t i = 0; i < ARRAY_COUNT(decoders); i++) {
        const char *kafka = decoders[i].kafka_option;
        bool by_name = name != NULL && strcmp(name, decoders[i].name) == 0;
        if (!by_name && (kafka == NULL || !cli_has(call, kafka)))
            continue;
        dump->decode = decoders[i].decode;
        dump->decode_chosen = true;
        dump->content = dump->content || !by_name;
        return CLI_OK;
    }
    return name == NULL ? CLI_OK
                        : cli_usage(call,
                                    "--decode is metadata, offsets, transactions, share, "
                                    "remote-log or text, not \"%s\"",
                                    name);
}

static int parse(struct log_dump *dump)
{
    const struct cli_call *call = dump->call;
    dump->json = cli_has(call, "json");
    dump->metadata_hidden = cli_has(call, "skip-record-metadata");
    dump->check_only = cli_has(call, "verify-index-only") || cli_has(call, "index-sanity-check");
    dump->content =
        cli_has(call, "records") || cli_has(call, "print-data-log") || dump->metadata_hidden;
    int status = choose_decoder(dump);
    dump->each = dump->content || cli_has(call, "deep") || cli_has(call, "deep-iteration");
    const char *text = cli_value(call, "max-bytes");
    dump->bytes_max = UINT64_MAX;
    if (status != CLI_OK || text == NULL)
        return status;
    char *end;
    errno = 0;
    dump->bytes_max = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
        return cli_usage(call, "--max-bytes is a number, not \"%s\"", text);
    return CLI_OK;
}

static void dump_all(struct log_dump *dump)
{
    struct cli_call *call = dump->call;
    const char *const *lists;
    size_t list_count = cli_values(call, "files", &lists);
    for (size_t i = 0; i < list_count; i++) {
        for (const char *at = lists[i]; *at != '\0';) {
            size_t size = strcspn(at, ",");
            char *path = arena_strndup(&call->arena, at, size);
            ASSERT(path != NULL);
            if (size > 0)
                dump_path(dump, path);
            at += size;
            at += *at == ',';
        }
    }
    for (size_t i = 0; i < call->argument_count; i++)
        dump_path(dump, call->arguments[i]);
}

static int run(struct cli_call *call)
{
    struct log_dump dump = {.call = call, .decode = LOG_DECODE_TEXT, .text = BUF_EMPTY};
    int status = parse(&dump);
    if (status != CLI_OK)
        return status;
    if (call->argument_count == 0 && !cli_has(call, "files"))
        return cli_usage(call, "needs %s", call->command->arguments);
    dump.codec = codec_context_new();
    arena_init(&dump.arena, ARENA_LIMIT_DEFAULT_BYTES);
    dump_all(&dump);
    arena_deinit(&dump.arena);
    codec_context_free(dump.codec);
    buf_deinit(&dump.text);
    return dump.problems == 0 ? CLI_OK : CLI_FAILED;
}

static const struct cli_option options[] = {
    {"records", 'r', NULL, false, "each record with its key, value and headers"},
    {"deep", 0, NULL, false, "each record, without its content"},
    {"decode", 'd', "DECODER", false,
     "records of an internal topic: metadata, offsets, transactions, share, remote-log; text: "
     "none. "
     "By itself the name of the folder decides"},
    {"json", 0, NULL, false, "a line of JSON for each item, for programs"},
    {"max-bytes", 0, "BYTES", false,
     "of a segment no more than its first batches of so many bytes"},
    {"index-sanity-check", 0, NULL, false, "of indexes only what is wrong"},
    {"verify-index-only", 0, NULL, false, "the same"},
    {"skip-record-metadata", 0, NULL, false, "of records only what is in them"},
    {"files", 0, "FILE,FILE", true, "the files as Kafka's tool is given them; so are the next"},
    {"print-data-log", 0, NULL, false, "--records"},
    {"deep-iteration", 0, NULL, false, "--deep"},
    {"cluster-metadata-decoder", 0, NULL, false, "--records --decode metadata"},
    {"offsets-decoder", 0, NULL, false, "--records --decode offsets"},
    {"transaction-log-decoder", 0, NULL, false, "--records --decode transactions"},
    {"share-group-state-decoder", 0, NULL, false, "--records --decode share"},
    {"remote-log-metadata-decoder", 0, NULL, false, "--records --decode remote-log"},
};

const struct cli_command cli_log_dump = {
    .name = "log dump",
    .summary = "what is in the files of a log, ours or Kafka's",
    .arguments = "FILE...",
    .arguments_max = SIZE_MAX,
    .details =
        "Reads segments, indexes, snapshots and checkpoints by their names, and all files of a "
        "folder that is named. What is damaged is told with its position, and reading goes on "
        "behind it. The node may run meanwhile. Status 0: nothing was wrong.",
    .examples = "  ottla log dump /data/orders-0/00000000000000000000.log\n"
                "  ottla log dump --records --json /data/orders-0/*.log | jq -r .value\n"
                "  ottla log dump --records /data/__cluster_metadata-0\n"
                "  ottla log dump /data/recovery-point-offset-checkpoint\n",
    .options = options,
    .option_count = ARRAY_COUNT(options),
    .run = run,
};
