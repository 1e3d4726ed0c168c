/*
 * Recovery without a node: indexes that verifying finds wrong are removed, then the log is loaded
 * as after a crash, which cuts the tail by the table of plog_recover.c and builds what is missing.
 */
#include "plog/plog_load_int.h"

#include "base/mem.h"
#include "plog/plog_verify.h"

#include <stdio.h>
#include <string.h>

struct repair_pass {
    struct plog_repair *repair;
    enum err err;
};

static void remove_wrong(void *context, const struct plog_finding *finding)
{
    struct repair_pass *pass = context;
    struct plog_file_name name;
    char path[PLOG_PATH_BYTES];
    plog_file_name_parse(finding->file, &name);
    bool index = name.kind == PLOG_FILE_INDEX || name.kind == PLOG_FILE_TIMEINDEX;
    if (finding->severity != PLOG_DAMAGE || !finding->repairable || !index ||
        name.suffix != PLOG_SUFFIX_NONE)
        return;
    plog_path(path, pass->repair->folder, finding->file);
    enum err err = plog_disk_remove(pass->repair->disk, path);
    if (err == ERR_OK)
        pass->repair->indexes_rebuilt++;
    else if (pass->err == ERR_OK)
        pass->err = err;
}

static enum err store_epochs(const struct plog_load *load)
{
    char path[PLOG_PATH_BYTES];
    struct buf out = BUF_EMPTY;
    plog_path(path, load->folder, PLOG_EPOCHS_NAME);
    plog_epochs_format(&out, load->epochs, load->epoch_count);
    enum err err = plog_disk_store(load->disk, path, out.data, out.size);
    buf_deinit(&out);
    return err;
}

static enum err sync_files(const struct plog_load *load)
{
    static const enum plog_file_kind kinds[] = {PLOG_FILE_LOG, PLOG_FILE_INDEX, PLOG_FILE_TIMEINDEX,
                                                PLOG_FILE_TXNINDEX};
    for (uint32_t i = 0; i < load->segment_count; i++) {
        for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
            char path[PLOG_PATH_BYTES];
            plog_path_of(path, load->folder, kinds[k], load->segments[i].base_offset);
            enum err err = plog_disk_sync_path(load->disk, path);
            if (err != ERR_OK && err != ERR_NOTFOUND)
                return err;
        }
    }
    return disk_sync_folder(load->disk, load->folder);
}

enum err plog_repair(struct plog_repair *repair)
{
    struct repair_pass pass = {.repair = repair};
    struct plog_verify verify = {
        .disk = repair->disk,
        .folder = repair->folder,
        .kind = repair->kind,
        .recovery_point = repair->recovery_point,
        .log_start_offset = repair->log_start_offset,
        .high_watermark = -1,
        .found = remove_wrong,
        .context = &pass,
    };
    repair->error[0] = '\0';
    enum err err = plog_verify(&verify);
    if (err == ERR_OK)
        err = pass.err;
    if (err != ERR_OK) {
        snprintf(repair->error, sizeof repair->error, "%s", err_text(err));
        return err;
    }
    struct plog_load *load = mem_zalloc(sizeof *load);
    load->disk = repair->disk;
    snprintf(load->folder, sizeof load->folder, "%s", repair->folder);
    load->kind = repair->kind;
    load->compacted = true; /* or not: a gap alone is no reason to drop what follows */
    load->recovery_point = repair->recovery_point;
    load->log_start_offset = repair->log_start_offset;
    load->index_interval_bytes = repair->index_interval_bytes;
    load->wall_ms = repair->wall_ms;
    plog_load_run(load);
    err = load->err;
    if (err != ERR_OK)
        snprintf(repair->error, sizeof repair->error, "%s", load->error);
    if (err == ERR_OK && load->epochs_dirty)
        err = store_epochs(load);
    if (err == ERR_OK)
        err = sync_files(load);
    if (err != ERR_OK && repair->error[0] == '\0')
        snprintf(repair->error, sizeof repair->error, "%s", err_text(err));
    repair->scanned_bytes = load->scanned_bytes;
    repair->truncated_bytes = load->truncated_bytes;
    plog_load_deinit(load);
    mem_free(load);
    return err;
}
