#ifndef RAFT_RAFT_INT_H
#define RAFT_RAFT_INT_H
#include "base/list.h"
#include "raft/raft.h"

/*
 * Invariants (raft_check, after every event):
 *  1. The epoch never goes down, and no epoch has two leaders or two votes of ours.
 *  2. What others may learn from us (a vote, a leadership, an epoch) is durable: a message goes
 * out, and a LEAD action is given, only when the newest election at its making, or a newer one, is
 * on disk.
 *  3. commit <= durable <= log end. commit never goes down.
 *  4. As leader, nothing is committed before something of this leader's epoch is durable on a
 *     majority (Raft's figure 8).
 *  5. Only a voter is ever PROSPECTIVE, CANDIDATE or LEADER.
 *  6. A follower fetches with all of its log durable, one fetch at a time; so what it asks for is
 * what it will have after any crash.
 */

/* What is known of a voter. */
struct raft_peer {
    struct raft_voter voter;
    bool granted;  /* as CANDIDATE or PROSPECTIVE: it said yes */
    bool rejected; /* or no */
    /* As LEADER. */
    int64_t replicated;    /* its durable end; -1 unknown */
    int64_t last_fetch_ms; /* INT64_MIN: none in this epoch */
};

/* A message that waits for its election to be on disk, or to be taken. */
struct raft_out {
    struct list node;
    uint64_t sequence;
    struct raft_message message;
};

#define RAFT_OUT_MAX 1024

struct raft {
    struct raft_options options;
    struct prng prng;

    enum raft_role role;
    struct raft_election election; /* in memory; on disk once `persisted` reaches its sequence */
    uint64_t sequence;             /* of `election` */
    uint64_t persist_asked;        /* newest sequence that a PERSIST action was given for */
    uint64_t persisted;

    struct raft_peer peers[RAFT_VOTERS_MAX];
    size_t voter_count;
    struct raft_voter voters[RAFT_VOTERS_MAX]; /* the same, for raft_voters */

    int64_t log_end;
    int64_t durable;
    int32_t last_epoch;
    int64_t commit;
    int64_t commit_told; /* by the newest COMMIT action */
    int64_t epoch_start; /* as LEADER */

    bool lead_told;      /* as LEADER: the LEAD action was given */
    bool resign_pending; /* a RESIGN action is to be given, for resign_epoch */
    int32_t resign_epoch;

    /* As FOLLOWER. */
    struct raft_voter leader; /* its directory where it is known */
    bool heard_leader;        /* a fetch was answered in this epoch */
    bool fetching;            /* one is under way */
    int64_t fetch_sent_ms;
    int64_t fetch_sent_offset;
    int64_t fetch_after_ms; /* not before: the last one was refused */
    int64_t leader_commit;  /* the newest high watermark it told */
    bool truncating;        /* TRUNCATE or SNAPSHOT is under way */
    bool snapshotting;      /* it is SNAPSHOT */
    bool truncate_pending;  /* its action is to be given */
    bool snapshot_pending;
    int64_t truncate_offset;

    /* When what comes due; INT64_MAX: never. */
    int64_t election_ms;     /* the role's timeout */
    int64_t begin_ms;        /* LEADER: tell voters that do not fetch, again */
    int64_t check_quorum_ms; /* LEADER: a majority has to have fetched until then */
    int64_t now_ms;          /* of the event under way */

    struct list out; /* struct raft_out, oldest first */
    size_t out_count;
    bool started;
};

void raft_check(const struct raft *raft);
/* The election changed: it has to be persisted. */
void raft_election_changed(struct raft *raft);
/* Index of this node among the voters; voter_count when it is none. */
size_t raft_self_index(const struct raft *raft);
/* Likewise of another; it is compared by id alone where a directory is not known. */
size_t raft_peer_index(const struct raft *raft, const struct raft_voter *voter);
bool raft_is_majority(const struct raft *raft, size_t count);
/* A message of ours with from, epoch and leader_id filled in. */
struct raft_message raft_message_new(const struct raft *raft, enum raft_message_type type,
                                     const struct raft_voter *to);
void raft_send(struct raft *raft, const struct raft_message *message);
/* To each voter but this node. */
void raft_send_others(struct raft *raft, struct raft_message *message);
/* The answer to a request, with its token. */
struct raft_message raft_reply_new(const struct raft *raft, enum raft_message_type type,
                                   const struct raft_message *request);

/* raft_election.c */
void raft_become_unattached(struct raft *raft, int32_t epoch);
/* The timer ran out: be PROSPECTIVE, if that may be now. */
void raft_stand(struct raft *raft);
void raft_become_resigned(struct raft *raft);
void raft_election_timeout(struct raft *raft);
/* A message tells of an epoch (and perhaps of its leader) that is newer than what is known here. */
void raft_observe(struct raft *raft, const struct raft_message *message);
void raft_receive_vote(struct raft *raft, const struct raft_message *message);
void raft_receive_vote_reply(struct raft *raft, const struct raft_message *message);
void raft_receive_begin(struct raft *raft, const struct raft_message *message);
void raft_receive_end(struct raft *raft, const struct raft_message *message);

/* raft_replication.c */
void raft_become_leader(struct raft *raft);
void raft_become_follower(struct raft *raft, int32_t epoch, const struct raft_voter *leader);
void raft_advance_commit(struct raft *raft);
void raft_leader_tick(struct raft *raft);
/* As LEADER of several: begin to look after the others. */
void raft_watch_voters(struct raft *raft);
/* Sends the next fetch if it is time. */
void raft_follower_fetch(struct raft *raft);
void raft_receive_fetch(struct raft *raft, const struct raft_message *message);
void raft_receive_fetch_reply(struct raft *raft, const struct raft_message *message);

#endif
