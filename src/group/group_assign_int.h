#ifndef GROUP_GROUP_ASSIGN_INT_H
#define GROUP_GROUP_ASSIGN_INT_H
/*
 * The server's assignors (KIP-848): who is to own which partition. Pure: what they are given says
 * it all, and the same input gives the same output.
 *
 * The assignment is told by partition, as the index of its owner in `members`. It goes in as the
 * target so far and comes out as the next one, so both assignors work in place and what does not
 * move costs nothing.
 *
 * Where Apache Kafka's classes go through a hash map, these go through members by id and topics by
 * id; given its input in that order Kafka 4.3.1 comes to the same assignments
 * (tests/unit/group/recorder). Racks are not looked at, as in 4.3.
 */
#include "base/arena.h"
#include "base/uuid.h"
#include "wire/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum group_assignor { GROUP_ASSIGNOR_UNIFORM, GROUP_ASSIGNOR_RANGE };

#define GROUP_ASSIGNOR_COUNT 2

/* "uniform", "range". */
const char *group_assignor_name(enum group_assignor assignor);
/* False: none of that name. */
bool group_assignor_find(const char *name, size_t size, enum group_assignor *out);

#define GROUP_NOBODY (-1)

struct group_assign_topic {
    struct uuid id;
    int32_t partition_count;
    int32_t *owners; /* in and out: an index of members for each partition, or GROUP_NOBODY */
};

struct group_assign_member {
    struct wire_string id;
    struct wire_string instance; /* data NULL: a dynamic member */
    const uint32_t *topics;      /* what it subscribes to: indexes of topics, ascending */
    size_t topic_count;
};

struct group_assign {
    const struct group_assign_member *members; /* ascending by id */
    size_t member_count;
    struct group_assign_topic *topics; /* ascending by id (uuid_compare); each has a subscriber */
    size_t topic_count;
    bool homogeneous;    /* all members subscribe to the same */
    struct arena *arena; /* for what is needed meanwhile */
};

/* Owners that do not subscribe to the topic lose it; every partition of the topics has an owner
 * afterwards, unless there is no member. */
void group_assign(struct group_assign *assign, enum group_assignor assignor);

/* As java.lang.String.compareTo, by UTF-16 units. */
int group_text_compare(struct wire_string a, struct wire_string b);

/* ---- Of the assignors among themselves ---- */

/* What each member owns, by topic then partition: those of member m are list[first[m]] to
 * list[first[m + 1]]. */
struct group_assign_spot {
    uint32_t topic;
    int32_t partition;
};

void group_assign_uneven(struct group_assign *assign);

#endif
