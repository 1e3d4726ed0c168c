#define LOG_ROOM "quorum"
#include "quorum/quorum_int.h"

#include "base/log.h"

#include <string.h>

/*
 * Committed records become images. What this leader appended comes with its image, made when it was
 * decided, so nothing is applied twice; everything else (what was there at start, another leader's)
 * is read from the log and applied here.
 */

static void publish(struct quorum *quorum, struct meta_image *take_image)
{
    meta_image_unref(quorum->image);
    quorum->image = take_image;
    quorum->options.listener.on_commit(quorum->options.context, take_image);
}

static enum err apply_record(void *context, const struct meta_record *record, int64_t offset)
{
    struct quorum *quorum = context;
    if (offset < quorum->applied_end)
        return ERR_OK;
    return meta_delta_apply(quorum->delta, record, quorum->apply_error);
}

static bool apply_batch(struct quorum *quorum, const struct batch_view *batch)
{
    char error[META_ERROR_BYTES];
    enum err err = ERR_OK;
    int64_t first = batch->header.base_offset;
    int64_t end = batch_next_offset(&batch->header);
    if (end <= quorum->applied_end)
        return true;
    if (first < quorum->applied_end)
        first = quorum->applied_end;
    if (batch_is_control(&batch->header)) {
        meta_delta_seek(quorum->delta, end, batch->header.leader_epoch,
                        batch->header.max_timestamp);
    } else {
        meta_delta_seek(quorum->delta, first, batch->header.leader_epoch,
                        batch->header.max_timestamp);
        quorum->apply_error[0] = error[0] = '\0';
        err =
            quorum_batch_records(batch, &quorum->arena, apply_record, quorum, error, sizeof error);
    }
    if (err != ERR_OK) {
        quorum_fail(quorum,
                    "The metadata log in %s cannot be understood between offsets %lld and %lld: %s",
                    quorum->folder, (long long)first, (long long)end - 1,
                    quorum->apply_error[0] != '\0' ? quorum->apply_error : error);
        return false;
    }
    quorum->applied_end = end;
    quorum->unpublished = true;
    return true;
}

/* False when it waits for the disk, or failed. */
static bool apply_from_log(struct quorum *quorum, int64_t bound)
{
    if (quorum->delta_is_stale) {
        meta_delta_reset(quorum->delta, quorum->image);
        quorum->delta_is_stale = false;
    }
    if (!quorum_read_next(quorum, quorum->applied_end, bound))
        return false;
    struct batch_walk walk = batch_walk_begin(quorum->read.out, quorum->read.size);
    struct batch_view batch;
    while (batch_walk_next(&walk, &batch) && batch.header.base_offset < bound)
        if (!apply_batch(quorum, &batch))
            return false;
    if (walk.err != ERR_OK) {
        quorum_fail(quorum, "The metadata log in %s is broken after offset %lld: %s",
                    quorum->folder, (long long)quorum->applied_end, err_text(walk.err));
        return false;
    }
    return true;
}

static void commit_append(struct quorum *quorum, struct quorum_append *append)
{
    list_remove(&append->node);
    quorum->applied_end = append->last_offset + 1;
    quorum->pending_bytes -= append->bytes;
    quorum->delta_is_stale = true;
    publish(quorum, append->image);
    append->image = NULL;
    append->done(append, QUORUM_COMMITTED);
}

void quorum_commit_step(struct quorum *quorum)
{
    int64_t bound;
    while (quorum->fatal[0] == '\0' && quorum->phase == QUORUM_RUNNING &&
           quorum->applied_end < (bound = raft_high_watermark(quorum->raft))) {
        struct quorum_append *append =
            list_empty(&quorum->appends)
                ? NULL
                : LIST_ENTRY(quorum->appends.next, struct quorum_append, node);
        if (append != NULL && append->first_offset == quorum->applied_end) {
            if (append->last_offset >= bound)
                break; /* a batch is committed as a whole, with a later sync */
            commit_append(quorum, append);
            continue;
        }
        if (append != NULL && append->first_offset < bound)
            bound = append->first_offset;
        if (!apply_from_log(quorum, bound))
            return;
    }
    if (quorum->unpublished && quorum->fatal[0] == '\0' && quorum->phase == QUORUM_RUNNING) {
        quorum->unpublished = false;
        publish(quorum, meta_delta_visible(quorum->delta));
    }
}
