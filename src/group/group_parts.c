/* Sets of partitions as sorted arrays: what assignments are made of. */
#include "group/group_consumer_int.h"

#include <stdlib.h>
#include <string.h>

int group_part_compare(const struct group_part *a, const struct group_part *b)
{
    int by_topic = memcmp(a->topic.bytes, b->topic.bytes, sizeof a->topic.bytes);
    if (by_topic != 0)
        return by_topic;
    return a->partition < b->partition ? -1 : a->partition > b->partition;
}

static int compare(const void *a, const void *b)
{
    return group_part_compare(a, b);
}

void group_parts_sort(struct group_parts *parts)
{
    bool sorted = true;
    for (size_t i = 1; i < parts->count && sorted; i++)
        sorted = group_part_compare(&parts->items[i - 1], &parts->items[i]) < 0;
    if (sorted)
        return;
    qsort(parts->items, parts->count, sizeof *parts->items, compare);
    size_t kept = 0;
    for (size_t i = 0; i < parts->count; i++) {
        if (kept > 0 && group_part_compare(&parts->items[kept - 1], &parts->items[i]) == 0)
            kept--;
        parts->items[kept++] = parts->items[i];
    }
    parts->count = kept;
}

const struct group_part *group_parts_find(const struct group_parts *parts, const struct uuid *topic,
                                          int32_t partition)
{
    struct group_part wanted = {.topic = *topic, .partition = partition};
    return parts->count == 0 ? NULL
                             : bsearch(&wanted, parts->items, parts->count, sizeof wanted, compare);
}

bool group_parts_same(const struct group_parts *a, const struct group_parts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (group_part_compare(&a->items[i], &b->items[i]) != 0)
            return false;
    }
    return true;
}

bool group_parts_equal(const struct group_parts *a, const struct group_parts *b)
{
    if (!group_parts_same(a, b))
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].epoch != b->items[i].epoch)
            return false;
    }
    return true;
}

/* Goes through both in order; takes what is in a alone, in both, in b alone, as told. */
static struct group_parts merge(const struct group_parts *a, const struct group_parts *b,
                                bool only_a, bool both, bool only_b, struct arena *arena)
{
    struct group_parts out = {
        .items = arena_must_alloc_array(arena, a->count + b->count, sizeof *out.items)};
    size_t i = 0;
    size_t j = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : group_part_compare(&a->items[i], &b->items[j]);
        if (order < 0 ? only_a : order == 0 ? both : only_b)
            out.items[out.count++] = order <= 0 ? a->items[i] : b->items[j];
        i += order <= 0;
        j += order >= 0;
    }
    return out;
}

struct group_parts group_parts_without(const struct group_parts *a, const struct group_parts *b,
                                       struct arena *arena)
{
    return merge(a, b, true, false, false, arena);
}

struct group_parts group_parts_both(const struct group_parts *a, const struct group_parts *b,
                                    struct arena *arena)
{
    return merge(a, b, false, true, false, arena);
}

struct group_parts group_parts_either(const struct group_parts *a, const struct group_parts *b,
                                      struct arena *arena)
{
    return merge(a, b, true, true, true, arena);
}

size_t group_parts_run(const struct group_parts *parts, size_t begin)
{
    size_t end = begin;
    while (end < parts->count && uuid_equal(&parts->items[end].topic, &parts->items[begin].topic))
        end++;
    return end;
}

size_t group_parts_topics(const struct group_parts *parts)
{
    size_t topics = 0;
    for (size_t i = 0; i < parts->count; i = group_parts_run(parts, i))
        topics++;
    return topics;
}
