/*
 * The door of the assignors; uniform for members that all subscribe to the same, and range.
 *
 * uniform, all alike: of P partitions each of M members gets P / M, and P % M of them one more.
 * Members keep what they have up to that; what is left over goes to who has less. A member that is
 * above P / M keeps its extra one before any other gets one.
 *
 * range: topic by topic, in order of instance id (static members first) then member id, each
 * subscriber gets the next P / S partitions and the first P % S one more. Topics of the same size
 * are so cut alike: members own the same numbers of each (co-partitioning). It does not look at
 * what was before.
 */
#include "group/group_assign_int.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

static const char *const assignor_names[GROUP_ASSIGNOR_COUNT] = {
    [GROUP_ASSIGNOR_UNIFORM] = "uniform",
    [GROUP_ASSIGNOR_RANGE] = "range",
};

const char *group_assignor_name(enum group_assignor assignor)
{
    return assignor_names[assignor];
}

bool group_assignor_find(const char *name, size_t size, enum group_assignor *out)
{
    for (size_t i = 0; i < GROUP_ASSIGNOR_COUNT; i++) {
        if (strlen(assignor_names[i]) == size && memcmp(assignor_names[i], name, size) == 0) {
            *out = (enum group_assignor)i;
            return true;
        }
    }
    return false;
}

/* In UTF-16 the characters above U+FFFF (4 bytes, from 0xF0) sort below U+E000..U+FFFF (0xEE,
 * 0xEF): by their surrogates. Everything else sorts as its bytes do. */
static int utf16_rank(uint8_t byte)
{
    return byte == 0xEE || byte == 0xEF ? byte + 0x100 : byte;
}

int group_text_compare(struct wire_string a, struct wire_string b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    for (size_t i = 0; i < common; i++) {
        if (a.data[i] != b.data[i])
            return utf16_rank((uint8_t)a.data[i]) - utf16_rank((uint8_t)b.data[i]);
    }
    return a.size == b.size ? 0 : a.size < b.size ? -1 : 1;
}

/* ---- uniform, all alike -------------------------------------------------------------------- */

/* Partitions by owner; those of nobody are not among them. */
static struct group_assign_spot *spots_by_owner(const struct group_assign *assign, size_t *first)
{
    for (size_t t = 0; t < assign->topic_count; t++) {
        for (int32_t p = 0; p < assign->topics[t].partition_count; p++) {
            if (assign->topics[t].owners[p] != GROUP_NOBODY)
                first[assign->topics[t].owners[p] + 1]++;
        }
    }
    for (size_t m = 0; m < assign->member_count; m++)
        first[m + 1] += first[m];
    struct group_assign_spot *spots =
        arena_must_alloc_array(assign->arena, first[assign->member_count], sizeof *spots);
    size_t *next = arena_must_alloc_array(assign->arena, assign->member_count + 1, sizeof *next);
    memcpy(next, first, (assign->member_count + 1) * sizeof *next);
    for (size_t t = 0; t < assign->topic_count; t++) {
        for (int32_t p = 0; p < assign->topics[t].partition_count; p++) {
            int32_t owner = assign->topics[t].owners[p];
            if (owner != GROUP_NOBODY)
                spots[next[owner]++] =
                    (struct group_assign_spot){.topic = (uint32_t)t, .partition = p};
        }
    }
    return spots;
}

struct even {
    struct group_assign *assign;
    struct group_assign_spot *loose; /* to be given out, in this order */
    size_t loose_count;
    size_t *wants; /* how many more each member gets */
    size_t quota;
    size_t extras; /* members that still may have one above the quota */
};

static void even_loosen(struct even *even, struct group_assign_spot spot)
{
    even->assign->topics[spot.topic].owners[spot.partition] = GROUP_NOBODY;
    even->loose[even->loose_count++] = spot;
}

/* What member m keeps, loses and wants. */
static void even_keep(struct even *even, size_t m, const struct group_assign_spot *spots,
                      size_t count)
{
    size_t left = even->quota;
    bool extra = even->extras > 0;
    if (extra)
        left++;
    for (size_t i = 0; i < count; i++) {
        if (left > 0)
            left--;
        else
            even_loosen(even, spots[i]);
    }
    /* Who has no use for the extra one yet leaves it to a later member that may have it already, as
     * long as there are members enough for all extras. */
    if (extra && left > 0 && even->assign->member_count - m > even->extras) {
        left--;
        extra = false;
    }
    if (extra)
        even->extras--;
    even->wants[m] = left;
}

static void assign_even(struct group_assign *assign)
{
    size_t total = 0;
    for (size_t t = 0; t < assign->topic_count; t++)
        total += (size_t)assign->topics[t].partition_count;
    struct even even = {
        .assign = assign,
        .loose = arena_must_alloc_array(assign->arena, total, sizeof *even.loose),
        .wants = arena_must_alloc_array(assign->arena, assign->member_count, sizeof *even.wants),
        .quota = total / assign->member_count,
        .extras = total % assign->member_count,
    };
    size_t *first = arena_must_alloc_array(assign->arena, assign->member_count + 1, sizeof *first);
    const struct group_assign_spot *spots = spots_by_owner(assign, first);
    for (size_t t = 0; t < assign->topic_count; t++) {
        for (int32_t p = 0; p < assign->topics[t].partition_count; p++) {
            if (assign->topics[t].owners[p] == GROUP_NOBODY)
                even_loosen(&even,
                            (struct group_assign_spot){.topic = (uint32_t)t, .partition = p});
        }
    }
    for (size_t m = 0; m < assign->member_count; m++)
        even_keep(&even, m, spots + first[m], first[m + 1] - first[m]);

    size_t next = 0;
    for (size_t m = 0; m < assign->member_count; m++) {
        for (size_t i = 0; i < even.wants[m] && next < even.loose_count; i++, next++) {
            const struct group_assign_spot *spot = &even.loose[next];
            assign->topics[spot->topic].owners[spot->partition] = (int32_t)m;
        }
    }
    ASSERT(next == even.loose_count);
}

/* ---- range --------------------------------------------------------------------------------- */

struct ranked {
    const struct group_assign_member *member;
    int32_t index;
};

static int ranked_compare(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    bool x_static = x->member->instance.data != NULL;
    bool y_static = y->member->instance.data != NULL;
    if (x_static != y_static)
        return x_static ? -1 : 1;
    int by_name = x_static ? group_text_compare(x->member->instance, y->member->instance)
                           : group_text_compare(x->member->id, y->member->id);
    return by_name != 0 ? by_name : x->index - y->index;
}

struct slice {
    int32_t next;   /* the first partition that nobody has */
    int32_t quota;  /* for each subscriber */
    int32_t extras; /* subscribers that get one more */
};

static void assign_range(struct group_assign *assign)
{
    struct ranked *ranked =
        arena_must_alloc_array(assign->arena, assign->member_count, sizeof *ranked);
    struct slice *slices =
        arena_must_alloc_array(assign->arena, assign->topic_count, sizeof *slices);
    int32_t *subscribers =
        arena_must_alloc_array(assign->arena, assign->topic_count, sizeof *subscribers);
    for (size_t m = 0; m < assign->member_count; m++) {
        ranked[m] = (struct ranked){.member = &assign->members[m], .index = (int32_t)m};
        for (size_t i = 0; i < assign->members[m].topic_count; i++)
            subscribers[assign->members[m].topics[i]]++;
    }
    qsort(ranked, assign->member_count, sizeof *ranked, ranked_compare);
    for (size_t t = 0; t < assign->topic_count; t++) {
        int32_t count = assign->topics[t].partition_count;
        ASSERT(subscribers[t] > 0);
        slices[t] =
            (struct slice){.quota = count / subscribers[t], .extras = count % subscribers[t]};
    }
    for (size_t m = 0; m < assign->member_count; m++) {
        const struct group_assign_member *member = ranked[m].member;
        for (size_t i = 0; i < member->topic_count; i++) {
            struct slice *slice = &slices[member->topics[i]];
            int32_t end = slice->next + slice->quota + (slice->extras > 0 ? 1 : 0);
            if (slice->extras > 0)
                slice->extras--;
            while (slice->next < end)
                assign->topics[member->topics[i]].owners[slice->next++] = ranked[m].index;
        }
    }
}

/* ---- The door ------------------------------------------------------------------------------ */

static bool subscribes(const struct group_assign_member *member, uint32_t topic)
{
    size_t low = 0;
    size_t high = member->topic_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (member->topics[middle] < topic)
            low = middle + 1;
        else
            high = middle;
    }
    return low < member->topic_count && member->topics[low] == topic;
}

static void drop_unsubscribed(struct group_assign *assign)
{
    for (uint32_t t = 0; t < assign->topic_count; t++) {
        int32_t *owners = assign->topics[t].owners;
        for (int32_t p = 0; p < assign->topics[t].partition_count; p++) {
            if (owners[p] != GROUP_NOBODY && !subscribes(&assign->members[owners[p]], t))
                owners[p] = GROUP_NOBODY;
        }
    }
}

void group_assign(struct group_assign *assign, enum group_assignor assignor)
{
    if (assign->member_count == 0 || assign->topic_count == 0)
        return;
    if (assignor == GROUP_ASSIGNOR_RANGE) {
        assign_range(assign);
    } else if (assign->homogeneous) {
        assign_even(assign);
    } else {
        drop_unsubscribed(assign);
        group_assign_uneven(assign);
    }
}
