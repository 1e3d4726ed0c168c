/*
 * `ottla log verify`: is a log directory (or one partition's folder) whole? What a partition's
 * files hold is plog's to look at; the directory's own files, and that nothing is there that stops
 * a node, are looked at here.
 */
#include "cli/log_int.h"

#include "base/mem.h"
#include "meta/properties.h"
#include "os/os.h"
#include "plog/plog_dir.h"
#include "plog/plog_files.h"
#include "plog/plog_verify.h"
#include "quorum/quorum_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define METADATA_FOLDER "__cluster_metadata-0"
#define PATH_BYTES 4096
#define CHECKPOINT_KINDS 3 /* recovery points, log starts, high watermarks */
#define INDEX_INTERVAL_BYTES 4096
#define PROGRESS_NS UINT64_C(500000000)
#define SMALL_FILE_BYTES_MAX ((size_t)1 << 20)

struct verifying {
    struct cli_call *call;
    bool json;
    bool deep;
    bool repair;
    bool quiet; /* a look after a repair: only what is still wrong */

    const char *dir;    /* the log directory */
    const char *folder; /* the partition's name in it, or NULL: the directory itself */
    bool titled;        /* the partition's name is printed */
    struct plog_checkpoint checkpoints[CHECKPOINT_KINDS];
    bool has_checkpoints[CHECKPOINT_KINDS];
    char topic[PLOG_DIR_ERROR_BYTES]; /* of the partition before, with its id */
    struct uuid topic_id;

    uint64_t bytes_total; /* what is to be read, for the progress */
    uint64_t bytes_done;
    uint64_t shown_ns;
    bool progress_shown;

    /* Of this directory. */
    uint64_t partitions, segments, batches, records, bytes;
    uint64_t damages, repairable;
    uint64_t repaired_partitions;
    uint64_t problems; /* of all directories: what the status says */
};

/* ---- Telling -------------------------------------------------------------------------------- */

static void progress_clear(struct verifying *verifying)
{
    if (verifying->progress_shown)
        fputs("\r\033[K", verifying->call->err);
    verifying->progress_shown = false;
}

static void progress(void *context, uint64_t bytes)
{
    struct verifying *verifying = context;
    uint64_t now = os_now_ns();
    verifying->bytes_done += bytes;
    if (!verifying->call->color_err || now - verifying->shown_ns < PROGRESS_NS)
        return;
    verifying->shown_ns = now;
    verifying->progress_shown = true;
    double percent = verifying->bytes_total == 0
                         ? 100
                         : 100.0 * (double)verifying->bytes_done / (double)verifying->bytes_total;
    fprintf(verifying->call->err, "\r%s: %.0f%% of %" PRIu64 " MiB\033[K", verifying->dir,
            percent < 100 ? percent : 100, verifying->bytes_total >> 20);
}

static void tell_json(const struct verifying *verifying, const struct plog_finding *finding)
{
    FILE *out = verifying->call->out;
    fputs("{\"type\":\"finding\",\"directory\":", out);
    cli_json_text(out, verifying->dir);
    fputs(",\"partition\":", out);
    cli_json_text(out, verifying->folder);
    fputs(",\"file\":", out);
    cli_json_text(out, finding->file[0] != '\0' ? finding->file : NULL);
    if (finding->position >= 0)
        fprintf(out, ",\"position\":%" PRId64, finding->position);
    fprintf(out, ",\"severity\":\"%s\",\"repairable\":%s,\"text\":",
            finding->severity == PLOG_DAMAGE ? "damage" : "note",
            finding->repairable ? "true" : "false");
    cli_json_text(out, finding->text);
    fputs("}\n", out);
}

static void tell(void *context, const struct plog_finding *finding)
{
    struct verifying *verifying = context;
    FILE *out = verifying->call->out;
    bool damage = finding->severity == PLOG_DAMAGE;
    verifying->damages += damage;
    verifying->repairable += damage && finding->repairable;
    if (verifying->quiet && !damage)
        return;
    progress_clear(verifying);
    if (verifying->json) {
        tell_json(verifying, finding);
        return;
    }
    if (!verifying->titled) {
        fprintf(out, "%s%s%s\n", verifying->dir, verifying->folder != NULL ? "/" : "",
                verifying->folder != NULL ? verifying->folder : "");
        verifying->titled = true;
    }
    fputs("  ", out);
    cli_print_styled(out, verifying->call->color_out, damage ? CLI_STYLE_RED : CLI_STYLE_YELLOW,
                     damage ? "damage" : "note");
    fprintf(out, "%s ", damage ? "" : "  ");
    if (finding->file[0] != '\0') {
        fprintf(out, " %s", finding->file);
        if (finding->position >= 0)
            fprintf(out, " at position %" PRId64, finding->position);
        fputc(':', out);
    }
    fprintf(out, " %s\n", finding->text);
}

static void tell_own(struct verifying *verifying, enum plog_severity severity, const char *file,
                     const char *text)
{
    tell(verifying, &(struct plog_finding){severity, file, -1, text, false});
}

/* ---- What the checkpoints say --------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
    const struct plog_checkpoint_row *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void load_checkpoints(struct verifying *verifying)
{
    char error[PLOG_DIR_ERROR_BYTES];
    for (int kind = 0; kind <= PLOG_CHECKPOINT_CLEANER; kind++) {
        struct plog_checkpoint checkpoint;
        enum err err = plog_checkpoint_load(os_disk(), verifying->dir,
                                            (enum plog_checkpoint_kind)kind, &checkpoint, error);
        if (err != ERR_OK) {
            tell_own(verifying, PLOG_DAMAGE, plog_checkpoint_name((enum plog_checkpoint_kind)kind),
                     err_text(err));
            continue;
        }
        if (kind >= CHECKPOINT_KINDS) {
            plog_checkpoint_deinit(&checkpoint);
            continue;
        }
        if (checkpoint.count > 0)
            qsort(checkpoint.rows, checkpoint.count, sizeof *checkpoint.rows, compare_rows);
        verifying->checkpoints[kind] = checkpoint;
        verifying->has_checkpoints[kind] = true;
    }
}

static void free_checkpoints(struct verifying *verifying)
{
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++)
        if (verifying->has_checkpoints[kind])
            plog_checkpoint_deinit(&verifying->checkpoints[kind]);
    memset(verifying->has_checkpoints, 0, sizeof verifying->has_checkpoints);
}

/* What the checkpoint says of the partition; `absent` when it says nothing. */
static int64_t checkpoint_row(const struct verifying *verifying, enum plog_checkpoint_kind kind,
                              const char *topic, int32_t partition, int64_t absent)
{
    const struct plog_checkpoint *checkpoint = &verifying->checkpoints[kind];
    struct plog_checkpoint_row wanted = {.topic = topic, .partition = partition};
    const struct plog_checkpoint_row *row =
        verifying->has_checkpoints[kind] && checkpoint->count > 0
            ? bsearch(&wanted, checkpoint->rows, checkpoint->count, sizeof wanted, compare_rows)
            : NULL;
    return row != NULL ? row->offset : absent;
}

/* ---- One partition -------------------------------------------------------------------------- */

static void print_partition(const struct verifying *verifying, const struct plog_verify *verify)
{
    FILE *out = verifying->call->out;
    char id[UUID_TEXT_BYTES];
    fputs("{\"type\":\"partition\",\"directory\":", out);
    cli_json_text(out, verifying->dir);
    fputs(",\"partition\":", out);
    cli_json_text(out, verifying->folder);
    fprintf(out,
            ",\"segments\":%" PRIu64 ",\"batches\":%" PRIu64 ",\"records\":%" PRIu64
            ",\"bytes\":%" PRIu64 ",\"startOffset\":%" PRId64 ",\"endOffset\":%" PRId64
            ",\"damages\":%" PRIu64 ",\"topicId\":",
            verify->segment_count, verify->batch_count, verify->record_count, verify->size_bytes,
            verify->start_offset, verify->end_offset, verify->damage_count);
    cli_json_text(out,
                  uuid_is_zero(&verify->topic_id) ? NULL : uuid_to_text(&verify->topic_id, id));
    fputs("}\n", out);
}

/* Partitions of one topic have its id; they come one after the other. */
static void compare_topic_id(struct verifying *verifying, const char *topic,
                             const struct plog_verify *verify)
{
    if (uuid_is_zero(&verify->topic_id))
        return;
    if (strcmp(verifying->topic, topic) == 0 &&
        !uuid_equal(&verifying->topic_id, &verify->topic_id))
        tell_own(verifying, PLOG_NOTE, "partition.metadata",
                 "another partition of the topic has another topic id: one of them is of a topic "
                 "that was deleted");
    snprintf(verifying->topic, sizeof verifying->topic, "%s", topic);
    verifying->topic_id = verify->topic_id;
}

static bool look(struct verifying *verifying, const char *path, const char *topic,
                 int32_t partition, struct plog_verify *verify)
{
    bool metadata = strcmp(verifying->folder, METADATA_FOLDER) == 0;
    *verify = (struct plog_verify){
        .disk = os_disk(),
        .folder = path,
        .kind = metadata ? PLOG_KIND_METADATA : PLOG_KIND_PARTITION,
        .deep = verifying->deep,
        .found = tell,
        .progress = progress,
        .context = verifying,
        .recovery_point = -1,
        .log_start_offset = -1,
        .high_watermark = -1,
    };
    if (metadata)
        verify->recovery_point = 0; /* no checkpoint has it: a start looks at everything */
    else if (verifying->has_checkpoints[PLOG_CHECKPOINT_RECOVERY_POINT]) {
        verify->recovery_point =
            checkpoint_row(verifying, PLOG_CHECKPOINT_RECOVERY_POINT, topic, partition, 0);
        verify->log_start_offset =
            checkpoint_row(verifying, PLOG_CHECKPOINT_LOG_START, topic, partition, -1);
        verify->high_watermark =
            checkpoint_row(verifying, PLOG_CHECKPOINT_HIGH_WATERMARK, topic, partition, -1);
    }
    enum err err = plog_verify(verify);
    if (err != ERR_OK)
        tell_own(verifying, PLOG_DAMAGE, "", err_text(err));
    return err == ERR_OK;
}

static void repair(struct verifying *verifying, const struct plog_verify *verify)
{
    struct cli_call *call = verifying->call;
    struct plog_repair repair = {
        .disk = os_disk(),
        .folder = verify->folder,
        .kind = verify->kind,
        .recovery_point = verify->recovery_point < 0 ? 0 : verify->recovery_point,
        .log_start_offset = verify->log_start_offset < 0 ? 0 : verify->log_start_offset,
        .index_interval_bytes = INDEX_INTERVAL_BYTES,
        .wall_ms = os_wall_ms(),
    };
    progress_clear(verifying);
    enum err err = plog_repair(&repair);
    if (err != ERR_OK) {
        cli_complain(call, "%s cannot be repaired: %s", verify->folder, repair.error);
        return;
    }
    verifying->repaired_partitions++;
    if (verifying->json)
        fprintf(call->out,
                "{\"type\":\"repaired\",\"partition\":\"%s\",\"bytesCutOff\":%" PRIu64
                ",\"indexesBuilt\":%" PRIu32 "}\n",
                verifying->folder, repair.truncated_bytes, repair.indexes_rebuilt);
    else
        fprintf(call->out,
                "  repaired: %" PRIu64 " bytes cut off, %" PRIu32 " indexes built anew\n",
                repair.truncated_bytes, repair.indexes_rebuilt);
}

static void verify_partition(struct verifying *verifying, const char *folder, const char *topic,
                             int32_t partition)
{
    char path[PATH_BYTES];
    struct plog_verify verify;
    uint64_t damages = verifying->damages, repairable = verifying->repairable;
    snprintf(path, sizeof path, "%s/%s", verifying->dir, folder);
    verifying->folder = folder;
    verifying->titled = false;
    verifying->quiet = false;
    bool looked = look(verifying, path, topic, partition, &verify);
    if (looked && verifying->repair && verifying->repairable > repairable) {
        /* A start must not take for granted what the mark of a clean stop says. */
        enum err err = plog_dir_begin(os_disk(), verifying->dir);
        if (err != ERR_OK)
            cli_complain(verifying->call, "%s cannot be written to: %s", verifying->dir,
                         err_text(err));
        else
            repair(verifying, &verify);
        verifying->damages = damages;
        verifying->repairable = repairable;
        verifying->quiet = true;
        looked = look(verifying, path, topic, partition, &verify);
        verifying->quiet = false;
    }
    if (looked) {
        compare_topic_id(verifying, topic, &verify);
        verifying->segments += verify.segment_count;
        verifying->batches += verify.batch_count;
        verifying->records += verify.record_count;
        verifying->bytes += verify.size_bytes;
        if (verifying->json)
            print_partition(verifying, &verify);
    }
    verifying->partitions++;
    verifying->folder = NULL;
}

/* ---- The directory -------------------------------------------------------------------------- */

struct entries {
    char **items;
    size_t count;
    size_t capacity;
    bool has_properties;
    bool has_segments;
    bool clean;
};

static bool add_entry(void *context, const char *name, enum disk_kind kind)
{
    struct entries *entries = context;
    if (kind != DISK_KIND_FOLDER) {
        struct plog_file_name file;
        plog_file_name_parse(name, &file);
        entries->has_properties |= strcmp(name, META_PROPERTIES_FILE) == 0;
        entries->has_segments |= file.kind == PLOG_FILE_LOG;
        entries->clean |= strcmp(name, ".kafka_cleanshutdown") == 0;
        return true;
    }
    if (name[0] == '.' || strcmp(name, "lost+found") == 0)
        return true;
    if (entries->count == entries->capacity) {
        entries->capacity = entries->capacity == 0 ? 64 : entries->capacity * 2;
        entries->items = mem_realloc(entries->items, entries->capacity * sizeof *entries->items);
    }
    entries->items[entries->count++] = mem_strdup(name);
    return true;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void entries_free(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        mem_free(entries->items[i]);
    mem_free(entries->items);
}

static bool count_file(void *context, const char *name, enum disk_kind kind)
{
    UNUSED(kind);
    size_t size = strlen(name);
    if (size > 4 && strcmp(name + size - 4, ".log") == 0)
        buf_printf(context, "%s%c", name, 0);
    return true;
}

/* For the progress: what the segments of a folder have. */
static uint64_t segments_bytes(const char *dir, const char *folder)
{
    char path[PATH_BYTES];
    struct buf names = BUF_EMPTY;
    uint64_t bytes = 0;
    snprintf(path, sizeof path, "%s/%s", dir, folder);
    if (disk_list(os_disk(), path, count_file, &names) == ERR_OK) {
        for (size_t at = 0; at < names.size; at += strlen((const char *)names.data + at) + 1) {
            struct disk_stat stat;
            snprintf(path, sizeof path, "%s/%s/%s", dir, folder, (const char *)names.data + at);
            if (disk_stat(os_disk(), path, &stat) == ERR_OK)
                bytes += stat.size_bytes;
        }
    }
    buf_deinit(&names);
    return bytes;
}

static void verify_properties(struct verifying *verifying, bool present)
{
    char path[PATH_BYTES], error[META_PROPERTIES_ERROR_BYTES] = "";
    struct buf text = BUF_EMPTY;
    struct meta_properties properties;
    if (!present) {
        tell_own(verifying, PLOG_DAMAGE, META_PROPERTIES_FILE,
                 "is missing: no node starts with a directory that is not formatted");
        return;
    }
    snprintf(path, sizeof path, "%s/" META_PROPERTIES_FILE, verifying->dir);
    if (cli_read_file(verifying->call, path, SMALL_FILE_BYTES_MAX, &text)) {
        enum err err = meta_properties_parse(buf_text(&text), text.size, &properties, error);
        if (err != ERR_OK)
            tell_own(verifying, PLOG_DAMAGE, META_PROPERTIES_FILE,
                     *error != '\0' ? error : err_text(err));
    } else {
        verifying->damages++;
    }
    buf_deinit(&text);
}

static void verify_quorum_state(struct verifying *verifying)
{
    char path[PATH_BYTES];
    struct disk_stat stat;
    struct buf text = BUF_EMPTY;
    struct raft_election election;
    int version;
    snprintf(path, sizeof path, "%s/" METADATA_FOLDER "/" QUORUM_STATE_FILE, verifying->dir);
    verifying->folder = METADATA_FOLDER;
    verifying->titled = false;
    if (disk_stat(os_disk(), path, &stat) == ERR_NOTFOUND)
        tell_own(verifying, PLOG_NOTE, QUORUM_STATE_FILE,
                 "is missing, as before a node's first start");
    else if (!cli_read_file(verifying->call, path, QUORUM_STATE_BYTES_MAX, &text))
        verifying->damages++;
    else if (quorum_state_parse(buf_text(&text), text.size, &election, &version) != ERR_OK)
        tell_own(verifying, PLOG_DAMAGE, QUORUM_STATE_FILE, "cannot be read");
    buf_deinit(&text);
    verifying->folder = NULL;
}

static void verify_entry(struct verifying *verifying, const char *name)
{
    enum plog_folder_kind kind;
    char topic[PLOG_DIR_ERROR_BYTES];
    int32_t partition;
    if (!plog_parse_folder_name(name, &kind, topic, sizeof topic, &partition)) {
        verifying->titled = false;
        tell_own(verifying, PLOG_DAMAGE, name,
                 "is a folder that is no partition's: no node starts before it is moved away");
        return;
    }
    switch (kind) {
    case PLOG_FOLDER_PARTITION:
    case PLOG_FOLDER_FUTURE:
        if (strcmp(name, METADATA_FOLDER) == 0)
            verify_quorum_state(verifying);
        verify_partition(verifying, name, topic, partition);
        return;
    case PLOG_FOLDER_STRAY:
    case PLOG_FOLDER_DELETE:
        verifying->titled = false;
        tell_own(verifying, PLOG_NOTE, name,
                 kind == PLOG_FOLDER_DELETE ? "is deleted; a start removes it"
                                            : "belongs to no topic; a node leaves it alone");
        return;
    }
}

static void print_end(struct verifying *verifying, bool clean)
{
    FILE *out = verifying->call->out;
    progress_clear(verifying);
    if (verifying->json) {
        fputs("{\"type\":\"directory\",\"directory\":", out);
        cli_json_text(out, verifying->dir);
        fprintf(out,
                ",\"whole\":%s,\"clean\":%s,\"partitions\":%" PRIu64 ",\"segments\":%" PRIu64
                ",\"batches\":%" PRIu64 ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64
                ",\"damages\":%" PRIu64 ",\"repairable\":%" PRIu64 ",\"repaired\":%" PRIu64 "}\n",
                verifying->damages == 0 ? "true" : "false", clean ? "true" : "false",
                verifying->partitions, verifying->segments, verifying->batches, verifying->records,
                verifying->bytes, verifying->damages, verifying->repairable,
                verifying->repaired_partitions);
        return;
    }
    fprintf(out,
            "%s: %" PRIu64 " partition%s, %" PRIu64 " segments, %" PRIu64 " batches, %" PRIu64
            " records, %" PRIu64 " MiB: ",
            verifying->dir, verifying->partitions, verifying->partitions == 1 ? "" : "s",
            verifying->segments, verifying->batches, verifying->records, verifying->bytes >> 20);
    if (verifying->damages == 0)
        fputs("whole\n", out);
    else
        fprintf(out, "%" PRIu64 " problem%s%s\n", verifying->damages,
                verifying->damages == 1 ? "" : "s",
                verifying->repairable > 0 && !verifying->repair
                    ? "; a start, or --repair, mends what was not synced and indexes"
                    : "");
}

/* Nobody else may change the directory while it is repaired. */
static bool lock(struct verifying *verifying, struct env_file **out)
{
    char error[PLOG_DIR_ERROR_BYTES];
    *out = NULL;
    enum err err = plog_dir_lock(os_disk(), verifying->dir, out, error);
    if (err == ERR_OK)
        return true;
    cli_complain(verifying->call, "%s", error);
    return false;
}

static void reset(struct verifying *verifying, const char *dir)
{
    verifying->dir = dir;
    verifying->folder = NULL;
    verifying->titled = false;
    verifying->topic[0] = '\0';
    verifying->partitions = verifying->segments = verifying->batches = 0;
    verifying->records = verifying->bytes = verifying->damages = verifying->repairable = 0;
    verifying->repaired_partitions = verifying->bytes_total = verifying->bytes_done = 0;
}

static void verify_dir(struct verifying *verifying, struct entries *entries)
{
    struct env_file *held = NULL;
    if (verifying->repair && !lock(verifying, &held)) {
        verifying->problems++;
        return;
    }
    for (size_t i = 0; i < entries->count; i++)
        verifying->bytes_total += segments_bytes(verifying->dir, entries->items[i]);
    verify_properties(verifying, entries->has_properties);
    load_checkpoints(verifying);
    for (size_t i = 0; i < entries->count; i++)
        verify_entry(verifying, entries->items[i]);
    print_end(verifying, entries->clean);
    verifying->problems += verifying->damages;
    free_checkpoints(verifying);
    disk_close(os_disk(), held);
}

/* A partition's folder alone; the directory above it may have its checkpoints. */
static void verify_folder(struct verifying *verifying, const char *path)
{
    char dir[PATH_BYTES], topic[PLOG_DIR_ERROR_BYTES];
    enum plog_folder_kind kind;
    int32_t partition;
    struct env_file *held = NULL;
    snprintf(dir, sizeof dir, "%s", path);
    for (size_t size = strlen(dir); size > 1 && dir[size - 1] == '/'; size--)
        dir[size - 1] = '\0';
    char *slash = strrchr(dir, '/');
    const char *name = slash != NULL ? slash + 1 : dir;
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", name);
    if (slash == NULL)
        strcpy(dir, ".");
    else if (slash == dir)
        dir[1] = '\0';
    else
        *slash = '\0';
    reset(verifying, dir);
    if (!plog_parse_folder_name(folder, &kind, topic, sizeof topic, &partition)) {
        tell_own(verifying, PLOG_DAMAGE, folder, "is no partition's name (topic-0)");
        verifying->problems++;
        return;
    }
    if (verifying->repair && !lock(verifying, &held)) {
        verifying->problems++;
        return;
    }
    verifying->bytes_total = segments_bytes(dir, folder);
    load_checkpoints(verifying);
    verify_partition(verifying, folder, topic, partition);
    print_end(verifying, false);
    verifying->problems += verifying->damages;
    free_checkpoints(verifying);
    disk_close(os_disk(), held);
}

static void verify_path(struct verifying *verifying, const char *path)
{
    struct entries entries = {0};
    enum err err = disk_list(os_disk(), path, add_entry, &entries);
    if (err != ERR_OK) {
        cli_complain(verifying->call, "%s cannot be listed: %s", path, err_text(err));
        verifying->problems++;
    } else if (entries.has_segments && !entries.has_properties) {
        verify_folder(verifying, path);
    } else {
        if (entries.count > 0)
            qsort(entries.items, entries.count, sizeof *entries.items, compare_entries);
        reset(verifying, path);
        verify_dir(verifying, &entries);
    }
    entries_free(&entries);
}

static int run(struct cli_call *call)
{
    struct verifying verifying = {
        .call = call,
        .json = cli_has(call, "json"),
        .deep = cli_has(call, "deep"),
        .repair = cli_has(call, "repair"),
    };
    for (size_t i = 0; i < call->argument_count; i++)
        verify_path(&verifying, call->arguments[i]);
    return verifying.problems == 0 ? CLI_OK : CLI_FAILED;
}

static const struct cli_option options[] = {
    {"deep", 0, NULL, false, "the records of each batch as well, decompressed"},
    {"repair", 0, NULL, false,
     "do what a start after a crash does: cut off what was not synced and is damaged, build "
     "indexes "
     "anew. No node may have the directory"},
    {"json", 0, NULL, false, "a line of JSON for each partition and each finding, for programs"},
};

const struct cli_command cli_log_verify = {
    .name = "log verify",
    .summary = "is a log directory, or a partition, whole?",
    .arguments = "FOLDER...",
    .arguments_min = 1,
    .arguments_max = SIZE_MAX,
    .details =
        "Looks at every batch of every segment, each entry of the indexes, snapshots, checkpoints, "
        "and for folders that would keep a node from starting. Status 0: whole (there may be "
        "notes); 1: not. A running node may be writing to what is looked at: what it has not "
        "finished may then seem damaged.",
    .examples = "  ottla log verify /data\n"
                "  ottla log verify --deep /data/orders-0 /data/orders-1\n"
                "  ottla log verify --repair /data\n",
    .options = options,
    .option_count = ARRAY_COUNT(options),
    .run = run,
};
