/* Housekeeping over all replicas of a shard: retention, recovery points, what checkpoints say. */
#include "replica_int.h"

#include "base/mem.h"

/* Logs whose recovery points are moved at the same time: a bound on the disk's queue. */
#define CHECKPOINTS_MAX 8

size_t replica_set_retain(struct replica_set *set)
{
    int64_t wall_ms = env_wall_ms(set->options.env);
    size_t segments = 0;
    HMAP_FOR_EACH (node, &set->replicas) {
        struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        if (replica->state == REPLICA_STATE_OPEN && plog_state(replica->log) == PLOG_STATE_OPEN)
            segments += plog_retain(replica->log, wall_ms);
    }
    return segments;
}

struct replica_checkpoint_op {
    struct plog_op op;
    struct replica_checkpoint *checkpoint;
};

static void checkpoint_next(struct replica_checkpoint *checkpoint);

static void checkpoint_op_done(struct plog_op *op)
{
    struct replica_checkpoint_op *one = CONTAINER_OF(op, struct replica_checkpoint_op, op);
    struct replica_checkpoint *checkpoint = one->checkpoint;
    mem_free(one);
    checkpoint->under_way--;
    checkpoint_next(checkpoint);
}

static void checkpoint_next(struct replica_checkpoint *checkpoint)
{
    struct replica_set *set = checkpoint->set;
    while (checkpoint->under_way < CHECKPOINTS_MAX && checkpoint->next < checkpoint->count &&
           !set->closed) {
        const struct replica_ref *ref = &checkpoint->refs[checkpoint->next++];
        struct replica *replica = replica_set_get(set, &ref->topic_id, ref->partition);
        if (replica == NULL || replica->state != REPLICA_STATE_OPEN ||
            plog_state(replica->log) != PLOG_STATE_OPEN)
            continue;
        struct replica_checkpoint_op *one = mem_zalloc(sizeof *one);
        one->checkpoint = checkpoint;
        one->op.done = checkpoint_op_done;
        checkpoint->under_way++;
        plog_checkpoint(replica->log, &one->op);
    }
    if (checkpoint->under_way > 0)
        return;
    mem_free(checkpoint->refs);
    checkpoint->refs = NULL;
    checkpoint->done(checkpoint);
}

void replica_set_checkpoint(struct replica_set *set, struct replica_checkpoint *checkpoint)
{
    checkpoint->set = set;
    checkpoint->under_way = 1; /* done comes from below, not from inside of a loop's callback */
    checkpoint->next = 0;
    checkpoint->count = 0;
    checkpoint->refs = mem_alloc((set->replicas.count + 1) * sizeof *checkpoint->refs);
    HMAP_FOR_EACH (node, &set->replicas) {
        struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        if (replica->state == REPLICA_STATE_OPEN &&
            plog_recovery_point(replica->log) < plog_end_offset(replica->log))
            checkpoint->refs[checkpoint->count++] =
                (struct replica_ref){replica->topic_id, replica->partition};
    }
    checkpoint->under_way = 0;
    checkpoint_next(checkpoint);
}

void replica_set_offsets(const struct replica_set *set, uint32_t dir, replica_offsets_fn *fn,
                         void *context)
{
    HMAP_FOR_EACH (node, &set->replicas) {
        const struct replica *replica = HMAP_ENTRY(node, struct replica, node);
        bool open = replica->state == REPLICA_STATE_OPEN || replica->state == REPLICA_STATE_CLOSING;
        if (open && plog_dir_index(replica->log) == dir)
            fn(context, replica, plog_recovery_point(replica->log),
               plog_log_start_offset(replica->log), replica->high_watermark);
    }
}
