#include "raft/raft_int.h"

#include <string.h>

/* Leading: how far the voters have got, and what follows for the high watermark. */

void raft_become_leader(struct raft *raft)
{
    ASSERT(raft->role == RAFT_CANDIDATE);
    raft->role = RAFT_LEADER;
    /* Kafka's file names the leader and forgets the vote, which was for the same node. */
    raft->election.leader_id = raft->options.self.id;
    raft->election.voted_id = RAFT_NOBODY;
    raft->election.voted_directory_id = UUID_ZERO;
    raft_election_changed(raft);
    for (size_t i = 0; i < RAFT_VOTERS_MAX; i++)
        raft->replicated[i] = -1;
    raft->lead_told = false;
    raft->epoch_start = raft->log_end;
    raft->deadline_ms = INT64_MAX;
}

/* The largest offset that a majority of the voters has reached. */
static int64_t majority_offset(const struct raft *raft)
{
    int64_t best = -1;
    size_t self = raft_self_index(raft);
    for (size_t i = 0; i < raft->voter_count; i++) {
        int64_t offset = i == self ? raft->durable : raft->replicated[i];
        size_t reached = 0;
        for (size_t j = 0; j < raft->voter_count; j++)
            reached += (j == self ? raft->durable : raft->replicated[j]) >= offset;
        if (2 * reached > raft->voter_count && offset > best)
            best = offset;
    }
    return best;
}

void raft_advance_commit(struct raft *raft)
{
    ASSERT(raft->role == RAFT_LEADER);
    int64_t offset = majority_offset(raft);
    /* Records of earlier epochs are committed by one of ours alone. */
    if (offset > raft->epoch_start && offset > raft->commit)
        raft->commit = offset;
}
