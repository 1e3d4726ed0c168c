#include "raft/raft_int.h"

#include <string.h>

/*
 * Becoming leader. A voter whose timer runs out first asks whether it could win without raising the
 * epoch (pre-vote, KIP-996), then stands in a new epoch. A voter grants itself both, so the only
 * voter of a quorum passes through all of it in one event, and its new epoch is written once, with
 * its leader.
 */

static bool has_majority(const struct raft *raft)
{
    size_t yes = 0;
    for (size_t i = 0; i < raft->voter_count; i++)
        yes += raft->granted[i];
    return 2 * yes > raft->voter_count;
}

static void grant_self(struct raft *raft)
{
    memset(raft->granted, 0, sizeof raft->granted);
    raft->granted[raft_self_index(raft)] = true;
}

/* Between one and two timeouts from now, so that voters seldom stand at once. */
void raft_election_timeout(struct raft *raft, int64_t now_ms)
{
    int64_t timeout = raft->options.election_timeout_ms;
    raft->deadline_ms = now_ms + timeout + (int64_t)prng_below(&raft->prng, (uint64_t)timeout + 1);
}

static void become_candidate(struct raft *raft, int64_t now_ms)
{
    ASSERT(raft->role == RAFT_PROSPECTIVE);
    raft->role = RAFT_CANDIDATE;
    raft->election = (struct raft_election){
        .epoch = raft->election.epoch + 1,
        .leader_id = RAFT_NOBODY,
        .voted_id = raft->options.self.id,
        .voted_directory_id = raft->options.self.directory_id,
    };
    raft_election_changed(raft);
    grant_self(raft);
    if (has_majority(raft))
        raft_become_leader(raft);
    else
        raft_election_timeout(raft, now_ms);
}

void raft_become_prospective(struct raft *raft, int64_t now_ms)
{
    ASSERT(raft_is_voter(raft));
    ASSERT(raft->role != RAFT_LEADER);
    raft->role = RAFT_PROSPECTIVE;
    grant_self(raft);
    if (has_majority(raft))
        become_candidate(raft, now_ms);
    else
        raft_election_timeout(raft, now_ms);
}

void raft_become_resigned(struct raft *raft, int64_t now_ms)
{
    ASSERT(raft->role == RAFT_LEADER);
    raft->role = RAFT_RESIGNED;
    if (raft->lead_told) {
        raft->resign_pending = true;
        raft->resign_epoch = raft->election.epoch;
    }
    raft_election_timeout(raft, now_ms);
}
