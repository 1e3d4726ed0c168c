#ifndef RAFT_RAFT_INT_H
#define RAFT_RAFT_INT_H
#include "raft/raft.h"

/*
 * Invariants (raft_check, after every event):
 *  1. The epoch never goes down, and no epoch has two leaders or two votes of ours.
 *  2. What others may learn from us (a vote, a leadership) is durable: `promised` is the newest
 *     election that is on disk, and a LEAD action for an epoch comes after that epoch's election
 * is.
 *  3. commit <= durable <= log end. commit never goes down.
 *  4. As leader, nothing is committed before something of this leader's epoch is durable on a
 *     majority (Raft's figure 8).
 *  5. Only a voter is ever PROSPECTIVE, CANDIDATE or LEADER.
 */
struct raft {
    struct raft_options options;
    struct prng prng;

    enum raft_role role;
    struct raft_election election; /* in memory; on disk once `persisted` reaches its sequence */
    uint64_t sequence;             /* of `election` */
    uint64_t persist_asked;        /* newest sequence that a PERSIST action was given for */
    uint64_t persisted;
    int32_t promised_epoch; /* on disk */

    struct raft_voter voters[RAFT_VOTERS_MAX];
    size_t voter_count;
    bool granted[RAFT_VOTERS_MAX];       /* as CANDIDATE or PROSPECTIVE: who said yes */
    int64_t replicated[RAFT_VOTERS_MAX]; /* as LEADER: durable end offsets; our own is `durable` */

    int64_t log_end;
    int64_t durable;
    int32_t last_epoch;
    int64_t commit;
    int64_t commit_told; /* by the newest COMMIT action */
    int64_t epoch_start; /* as LEADER */

    bool lead_told;      /* as LEADER: the LEAD action was given */
    bool resign_pending; /* a RESIGN action is to be given, for resign_epoch */
    int32_t resign_epoch;
    int64_t deadline_ms;
    bool started;
};

void raft_check(const struct raft *raft);
/* The election changed: it has to be persisted. */
void raft_election_changed(struct raft *raft);
/* Index of this node among the voters; voter_count when it is none. */
size_t raft_self_index(const struct raft *raft);

/* raft_election.c */
void raft_become_prospective(struct raft *raft, int64_t now_ms);
void raft_become_resigned(struct raft *raft, int64_t now_ms);
void raft_election_timeout(struct raft *raft, int64_t now_ms);

/* raft_replication.c */
void raft_become_leader(struct raft *raft);
void raft_advance_commit(struct raft *raft);

#endif
