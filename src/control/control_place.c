/*
 * Where the replicas of new partitions go.
 *
 * 1. Leaders take all active brokers in turn, so their numbers differ by one at the most.
 * 2. Replicas of a partition are in as many racks as there are, and no rack has two while another
 *    that could take one has none.
 * 3. Brokers that do not serve now are taken last, those on their way out not at all.
 * 4. Who follows whom changes from one turn through the leaders to the next, so that the load of
 *    one that dies is not all its neighbour's.
 */
#include "control_int.h"

#include "conf/conf.h"

#include <stdlib.h>

struct uuid control_default_dir(const struct meta_broker *broker)
{
    if (broker->log_dir_count == 1)
        return broker->log_dirs[0];
    return broker->log_dir_count == 0 ? META_DIR_MIGRATING : META_DIR_UNASSIGNED;
}

/* ---- Who there is ---- */

struct candidate {
    const struct meta_broker *broker;
    size_t rack;
    int64_t taken; /* the last partition that took it */
    int64_t follows;
};

struct rack {
    struct candidate **active;
    size_t count;
    size_t next; /* where to look first for a follower; another one each turn */
};

struct placing {
    struct candidate *all;
    size_t count;
    struct rack *racks; /* those with active brokers */
    size_t rack_count;
    struct candidate **leaders; /* active ones, racks in turn */
    size_t active_count;
    struct candidate **others;
    size_t other_count;
};

/* No directory of it takes new replicas (KIP-1066). */
static bool is_cordoned(const struct meta_broker *broker)
{
    for (size_t i = 0; i < broker->log_dir_count; i++) {
        bool found = false;
        for (size_t j = 0; !found && j < broker->cordoned_log_dir_count; j++)
            found = uuid_equal(&broker->log_dirs[i], &broker->cordoned_log_dirs[j]);
        if (!found)
            return false;
    }
    return broker->log_dir_count > 0;
}

/* Active ones first, by rack, then id. */
static int compare_candidates(const void *a, const void *b)
{
    const struct meta_broker *left = ((const struct candidate *)a)->broker;
    const struct meta_broker *right = ((const struct candidate *)b)->broker;
    bool left_active = control_broker_is_active(left),
         right_active = control_broker_is_active(right);
    if (left_active != right_active)
        return left_active ? -1 : 1;
    int order = wire_string_compare(left->rack, right->rack);
    if (order != 0)
        return order;
    return left->id < right->id ? -1 : left->id > right->id;
}

static void gather(struct control_work *work, struct placing *placing)
{
    const struct meta_image *image = work->in->image;
    struct arena *arena = work->in->arena;
    size_t most = image->broker_count + 1;
    placing->all = arena_must_alloc_array(arena, most, sizeof *placing->all);
    placing->racks = arena_must_alloc_array(arena, most, sizeof *placing->racks);
    placing->leaders = arena_must_alloc_array(arena, most, sizeof(struct candidate *));
    placing->others = arena_must_alloc_array(arena, most, sizeof(struct candidate *));
    struct meta_iter iter;
    meta_iter_brokers(&iter, image);
    const struct meta_broker *broker;
    while ((broker = meta_iter_broker_next(&iter)) != NULL) {
        const struct control_broker *known = control_broker_get(work->control, broker->id);
        bool goes = known != NULL && known->shutdown_offset >= 0;
        if (!goes && !is_cordoned(broker))
            placing->all[placing->count++] = (struct candidate){.broker = broker, .taken = -1};
    }
    qsort(placing->all, placing->count, sizeof *placing->all, compare_candidates);
    struct candidate **active = arena_must_alloc_array(arena, most, sizeof(struct candidate *));
    for (size_t i = 0; i < placing->count; i++) {
        struct candidate *one = &placing->all[i];
        if (!control_broker_is_active(one->broker)) {
            placing->others[placing->other_count++] = one;
            continue;
        }
        bool new_rack =
            i == 0 || !wire_string_equal(placing->all[i - 1].broker->rack, one->broker->rack);
        if (new_rack)
            placing->racks[placing->rack_count++].active = &active[i];
        one->rack = placing->rack_count - 1;
        active[i] = one;
        placing->racks[one->rack].count++;
        placing->active_count++;
    }
}

/* One of each rack in turn, as long as they have any. */
static void line_up(struct control_work *work, struct placing *placing)
{
    for (size_t rack = 0; rack < placing->rack_count; rack++)
        placing->racks[rack].next =
            control_random_below(work, (uint32_t)placing->racks[rack].count);
    size_t placed = 0;
    for (size_t turn = 0; placed < placing->active_count; turn++) {
        for (size_t rack = 0; rack < placing->rack_count; rack++) {
            if (turn < placing->racks[rack].count)
                placing->leaders[placed++] = placing->racks[rack].active[turn];
        }
    }
}

/* ---- Rows ---- */

/* Of those that follow in fewest partitions the first one from `next` on. */
static struct candidate *rack_take(struct rack *rack, int64_t partition)
{
    struct candidate *best = NULL;
    for (size_t i = 0; i < rack->count; i++) {
        struct candidate *one = rack->active[(rack->next + i) % rack->count];
        if (one->taken != partition && (best == NULL || one->follows < best->follows))
            best = one;
    }
    if (best != NULL) {
        best->taken = partition;
        best->follows++;
    }
    return best;
}

static void place_row(struct placing *placing, int32_t partition, size_t leader, int32_t *row,
                      int16_t factor)
{
    struct candidate *first = placing->leaders[leader];
    first->taken = partition;
    row[0] = first->broker->id;
    int16_t placed = 1;
    size_t rack = first->rack, in_vain = 0;
    while (placed < factor && in_vain < placing->rack_count) {
        rack = (rack + 1) % placing->rack_count;
        struct candidate *one = rack_take(&placing->racks[rack], partition);
        in_vain = one == NULL ? in_vain + 1 : 0;
        if (one != NULL)
            row[placed++] = one->broker->id;
    }
    for (size_t i = 0; placed < factor; i++)
        row[placed++] = placing->others[((size_t)partition + i) % placing->other_count]->broker->id;
}

static void next_turn(struct placing *placing)
{
    for (size_t i = 0; i < placing->rack_count; i++)
        placing->racks[i].next = (placing->racks[i].next + 1) % placing->racks[i].count;
}

static bool any_unfenced(const struct placing *placing)
{
    for (size_t i = 0; i < placing->count; i++) {
        if (!placing->all[i].broker->fenced)
            return true;
    }
    return false;
}

static struct wire_string why_not(struct control_work *work, const struct placing *placing,
                                  int16_t factor)
{
    if (!any_unfenced(placing))
        return control_text(work,
                            "Unable to replicate the partition %d time(s): All brokers are "
                            "currently fenced, or have all their log directories cordoned.",
                            factor);
    if ((size_t)factor > placing->count)
        return control_text(work,
                            "Unable to replicate the partition %d time(s): The target "
                            "replication factor of %d cannot be reached because only %zu "
                            "broker(s) are registered or some brokers have all their log "
                            "directories cordoned.",
                            factor, factor, placing->count);
    if (placing->active_count == 0)
        return control_text(work,
                            "Unable to replicate the partition %d time(s): All brokers are "
                            "currently fenced or in controlled shutdown.",
                            factor);
    return (struct wire_string){0};
}

const int32_t *control_place(struct control_work *work, int32_t count, int16_t factor,
                             struct wire_string *error_text)
{
    struct placing placing = {0};
    gather(work, &placing);
    *error_text = why_not(work, &placing, factor);
    if (error_text->data != NULL)
        return NULL;
    line_up(work, &placing);
    size_t width = (size_t)factor;
    int32_t *rows = arena_must_alloc_array(work->in->arena, (size_t)count * width, sizeof *rows);
    size_t leader = control_random_below(work, (uint32_t)placing.active_count);
    for (int32_t i = 0; i < count; i++) {
        place_row(&placing, i, leader, &rows[(size_t)i * width], factor);
        leader = (leader + 1) % placing.active_count;
        if ((size_t)(i + 1) % placing.active_count == 0)
            next_turn(&placing);
    }
    return rows;
}
