/* Which of a shard's compacted logs has the most to clean. */
#include "replica_int.h"

void replica_set_look_dirty(struct replica_set *set, struct replica_cleaning *out)
{
    int64_t wall_ms = env_wall_ms(set->options.env);
    double ratio_max = 0;
    uint64_t uncleanable_bytes = 0;
    *out = (struct replica_cleaning){0};
    HMAP_FOR_EACH (node, &set->replicas) {
        struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        struct plog_clean_view view;
        if (replica->state != REPLICA_STATE_OPEN || !plog_is_compacted(replica->log) ||
            plog_clean_look(replica->log, wall_ms, &view) != ERR_OK)
            continue; /* or its timestamps are being read: the next time */
        if (view.ratio > ratio_max)
            ratio_max = view.ratio;
        if (view.waits)
            uncleanable_bytes += view.dirty_bytes;
        if (!view.due || view.waits)
            continue;
        out->due_count++;
        if (out->dirtiest == NULL || view.ratio > out->ratio) {
            out->dirtiest = replica;
            out->ratio = view.ratio;
        }
    }
    plog_host_note_cleaning(set->host, ratio_max, out->due_count, uncleanable_bytes);
}

const struct plog_host_cleaning *replica_set_cleaning(const struct replica_set *set)
{
    return plog_host_cleaning(set->host);
}
