#ifndef QUORUM_VOTERS_INT_H
#define QUORUM_VOTERS_INT_H
/*
 * Who the voters are, by the newest control records of the log or a snapshot (KIP-853), or by
 * controller.quorum.voters while kraft.version is 0.
 */
#include "base/arena.h"
#include "raft/raft.h"
#include "wire/batch.h"
#include "wire/messages.h"

struct quorum_voters {
    int16_t kraft_version;
    bool has_record;
    int64_t record_offset; /* -1: from a snapshot that ends at 0, which the log has not */
    struct wire_voters_record record;
    struct arena arena; /* of the record */
};

void quorum_voters_init(struct quorum_voters *voters);
void quorum_voters_deinit(struct quorum_voters *voters);
/* `to` is initialised already. */
void quorum_voters_copy(struct quorum_voters *to, const struct quorum_voters *from);
/*
 * A control record was read. Types that say nothing about voters are passed over. ERR_CORRUPT,
 * ERR_VERSION: it cannot be understood.
 */
enum err quorum_voters_read(struct quorum_voters *voters, const struct batch_record *record,
                            int64_t offset) MUST_USE;
/* Replaces the record by one of these voters. */
void quorum_voters_set(struct quorum_voters *voters, const struct wire_voters_record *record,
                       int64_t offset);
/* For raft: at most RAFT_VOTERS_MAX are written; returns how many there are. */
size_t quorum_voters_list(const struct quorum_voters *voters,
                          struct raft_voter out[RAFT_VOTERS_MAX]);

/* One record more for a control batch. The timestamp is the batch's. */
void quorum_control_add(struct batch_builder *builder, enum batch_control type,
                        const struct wire_schema *schema, int16_t version, const void *message,
                        int64_t offset, int64_t timestamp_ms);

#endif
