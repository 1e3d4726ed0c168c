/* Where the replicas of new partitions go. */
#include "control_int.h"

#include "conf/conf.h"

#include <stdlib.h>

struct uuid control_default_dir(const struct meta_broker *broker)
{
    if (broker->log_dir_count == 1)
        return broker->log_dirs[0];
    return broker->log_dir_count == 0 ? META_DIR_MIGRATING : META_DIR_UNASSIGNED;
}

static int compare_racks(const void *a, const void *b)
{
    const struct meta_broker *left = *(const struct meta_broker *const *)a;
    const struct meta_broker *right = *(const struct meta_broker *const *)b;
    struct wire_string l = left->rack, r = right->rack;
    size_t common = l.size < r.size ? l.size : r.size;
    int order = common == 0 ? 0 : memcmp(l.data, r.data, common);
    if (order != 0)
        return order;
    if (l.size != r.size)
        return l.size < r.size ? -1 : 1;
    return left->id < right->id ? -1 : 1;
}

static bool same_rack(const struct meta_broker *a, const struct meta_broker *b)
{
    return a->rack.size == b->rack.size &&
           (a->rack.size == 0 || memcmp(a->rack.data, b->rack.data, a->rack.size) == 0);
}

/* Brokers so that neighbours are of different racks as far as there are such: one of each rack in
 * turn, each rack from a random start. */
static size_t interleave(struct control_work *work, const struct meta_broker **brokers,
                         size_t count, const struct meta_broker **out)
{
    qsort(brokers, count, sizeof *brokers, compare_racks);
    size_t *starts = arena_must_alloc_array(work->in->arena, count + 1, sizeof *starts);
    size_t racks = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !same_rack(brokers[i - 1], brokers[i]))
            starts[racks++] = i;
    }
    starts[racks] = count;
    size_t placed = 0;
    for (size_t turn = 0; placed < count; turn++) {
        for (size_t rack = 0; rack < racks; rack++) {
            size_t size = starts[rack + 1] - starts[rack];
            if (turn < size)
                out[placed++] = brokers[starts[rack] + turn];
        }
    }
    return placed;
}

const int32_t *control_place(struct control_work *work, int32_t count, int16_t factor,
                             struct wire_string *error_text)
{
    const struct meta_image *image = work->in->image;
    size_t most = image->broker_count;
    const struct meta_broker **active =
        arena_must_alloc_array(work->in->arena, most + 1, sizeof *active);
    const struct meta_broker **others =
        arena_must_alloc_array(work->in->arena, most + 1, sizeof *others);
    const struct meta_broker **order =
        arena_must_alloc_array(work->in->arena, most + 1, sizeof *order);
    size_t active_count = 0, other_count = 0;
    struct meta_iter iter;
    meta_iter_brokers(&iter, image);
    const struct meta_broker *broker;
    while ((broker = meta_iter_broker_next(&iter)) != NULL) {
        if (control_broker_is_active(broker))
            active[active_count++] = broker;
        else
            others[other_count++] = broker;
    }
    if (active_count == 0) {
        *error_text = control_text(work,
                                   "Unable to replicate the partition %d time(s): All brokers "
                                   "are currently fenced or in controlled shutdown.",
                                   factor);
        return NULL;
    }
    if ((size_t)factor > active_count + other_count) {
        *error_text = control_text(work,
                                   "Unable to replicate the partition %d time(s): The target "
                                   "replication factor of %d cannot be reached because only %zu "
                                   "broker(s) are registered.",
                                   factor, factor, active_count + other_count);
        return NULL;
    }
    active_count = interleave(work, active, active_count, order);
    int32_t *rows =
        arena_must_alloc_array(work->in->arena, (size_t)count * (size_t)factor, sizeof *rows);
    uint32_t start = control_random_below(work, (uint32_t)active_count);
    for (int32_t i = 0; i < count; i++) {
        int32_t *row = &rows[(size_t)i * (size_t)factor];
        /* The followers' distance grows with each round, so that two brokers do not share all. */
        size_t round = (size_t)i / active_count;
        size_t first = (start + (size_t)i) % active_count;
        for (int16_t j = 0; j < factor; j++) {
            if ((size_t)j >= active_count) {
                row[j] = others[((size_t)i + (size_t)j) % other_count]->id;
                continue;
            }
            size_t shift =
                j == 0 || active_count == 1 ? 0 : 1 + ((size_t)j - 1 + round) % (active_count - 1);
            row[j] = order[(first + shift) % active_count]->id;
        }
    }
    return rows;
}
