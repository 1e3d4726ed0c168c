#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H
/*
 * The algorithm of the metadata quorum (KIP-595, KIP-853, KIP-996), pure: events go in, actions
 * come out, and whoever drives it carries them out in order and tells what became of them.
 *
 *     raft_start, raft_tick, raft_persisted, raft_appended, raft_synced, ...
 *     while (raft_next_action(raft, &action))
 *         carry out
 *     wake up at raft_deadline_ms
 *
 * Roles, with what leads from one to another:
 *
 *     UNATTACHED, FOLLOWER, RESIGNED --timeout--> PROSPECTIVE     (nobody leads, or is heard of)
 *     PROSPECTIVE --a majority would vote for it--> CANDIDATE     (a new epoch)
 *     CANDIDATE --a majority did--> LEADER; --lost, timeout--> PROSPECTIVE
 *     any --a newer epoch--> UNATTACHED; --a leader of its epoch--> FOLLOWER
 *     LEADER --raft_resign, or a majority is silent--> RESIGNED
 *
 * Replication is pull-based: a follower asks the leader for what comes after its own log, and what
 * it asks for tells the leader how far it has got. The records themselves are the driver's to move.
 *
 * A log offset is a Kafka offset; an end offset is one past the last record. An epoch is Raft's
 * term.
 */
#include "base/assert.h"
#include "base/prng.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raft;

/* Who a voter is (KIP-853): a node's id with one directory of its. The directory is zero as long as
 * voters are known by id alone (kraft.version 0). */
struct raft_voter {
    int32_t id;
    struct uuid directory_id;
};

#define RAFT_VOTERS_MAX 64

enum raft_role {
    RAFT_UNATTACHED,
    RAFT_PROSPECTIVE, /* asks whether it could win (pre-vote) */
    RAFT_CANDIDATE,
    RAFT_LEADER,
    RAFT_FOLLOWER,
    RAFT_RESIGNED, /* led this epoch and does not any more */
};

const char *raft_role_name(enum raft_role role);

#define RAFT_NOBODY (-1)

/* What raft has to know of the log beside its end. */
struct raft_log {
    void *context;
    /* The largest epoch <= `epoch` that has records, and the offset after its last one; epoch -1
     * when there is none (what a snapshot stands for counts). */
    void (*epoch_end)(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end_offset);
    int64_t (*start_offset)(void *context);
};

/* What has to be on disk before anything that builds on it is said: the file quorum-state. */
struct raft_election {
    int32_t epoch;
    int32_t leader_id; /* RAFT_NOBODY */
    int32_t voted_id;  /* RAFT_NOBODY */
    struct uuid voted_directory_id;
};

struct raft_options {
    struct raft_voter self;
    bool may_vote;                   /* a controller; false: only ever follows */
    int64_t election_timeout_ms;     /* jittered up to twice as long */
    int64_t election_backoff_max_ms; /* after a lost election */
    int64_t fetch_timeout_ms;        /* a leader that answers no fetch for so long is given up */
    int64_t request_timeout_ms;      /* a fetch without an answer is sent again */
    uint64_t seed;                   /* for jitter */
    struct raft_log log;             /* not needed by a quorum of one */
};

struct raft *raft_new(const struct raft_options *options);
void raft_free(struct raft *raft);

/* ---- Events ------------------------------------------------------------------------------ */

/* What was found on disk. All of the log is durable; `last_epoch` is its last record's (0: none).
 */
struct raft_start {
    struct raft_election election;
    int64_t log_end_offset;
    int32_t last_epoch;
    int64_t high_watermark; /* known to be committed: the newest snapshot's end */
    const struct raft_voter *voters;
    size_t voter_count;
};
void raft_start(struct raft *raft, const struct raft_start *start, int64_t now_ms);

/* Time is now_ms: what has come due is done. */
void raft_tick(struct raft *raft, int64_t now_ms);
/* The election of the PERSIST action with this sequence number is on disk. */
void raft_persisted(struct raft *raft, uint64_t sequence, int64_t now_ms);
/* Our log grew, not yet durably: by what we appended as leader, or by what was fetched.
 * `last_epoch` is its last record's. */
void raft_appended(struct raft *raft, int64_t end_offset, int32_t last_epoch);
/* The TRUNCATE action is done, or a snapshot of the leader has replaced the log: all of it is
 * durable. */
void raft_truncated(struct raft *raft, int64_t end_offset, int32_t last_epoch, int64_t now_ms);
/* All below is durable. */
void raft_synced(struct raft *raft, int64_t end_offset);
/* The newest set of voters in the log, committed or not. */
void raft_set_voters(struct raft *raft, const struct raft_voter *voters, size_t count);
/* Give the leadership up (the log takes no more, say). The next election begins when the election
 * timeout is over. Not leading: nothing. */
void raft_resign(struct raft *raft, int64_t now_ms);

/* ---- Messages ---------------------------------------------------------------------------- */

enum raft_message_type {
    RAFT_VOTE, /* with pre_vote: would you? */
    RAFT_VOTE_REPLY,
    RAFT_BEGIN, /* I lead this epoch */
    RAFT_BEGIN_REPLY,
    RAFT_END, /* I do not any more */
    RAFT_END_REPLY,
    RAFT_FETCH,
    RAFT_FETCH_REPLY,
};

enum raft_refusal {
    RAFT_TAKEN,         /* not refused */
    RAFT_FENCED,        /* the sender's epoch is an old one (FENCED_LEADER_EPOCH) */
    RAFT_UNKNOWN_EPOCH, /* it is one that we do not know of (UNKNOWN_LEADER_EPOCH) */
    RAFT_NOT_LEADER,    /* (NOT_LEADER_OR_FOLLOWER) */
};

struct raft_message {
    enum raft_message_type type;
    uint64_t token; /* the driver's: a reply has that of what it answers */
    struct raft_voter from;
    struct raft_voter to;
    int32_t epoch;             /* the sender's; of a FETCH: of the leader that it takes `to` for */
    int32_t leader_id;         /* of that epoch as far as the sender knows; RAFT_NOBODY */
    enum raft_refusal refusal; /* of a reply; epoch and leader_id are then the answering node's */

    bool pre_vote;      /* VOTE and its reply */
    bool granted;       /* VOTE_REPLY */
    int32_t last_epoch; /* VOTE, FETCH: of the sender's last record */
    int64_t end_offset; /* VOTE, FETCH: its log's durable end; FETCH_REPLY: the offset asked for */

    int64_t high_watermark; /* FETCH_REPLY; -1 unknown */
    bool diverging;         /* FETCH_REPLY: the logs part; the leader's end of this epoch follows */
    int32_t diverging_epoch;
    int64_t diverging_end_offset;
    bool snapshot_needed; /* FETCH_REPLY: the log does not reach back so far */

    int32_t successors[RAFT_VOTERS_MAX]; /* END: voters, best first */
    size_t successor_count;
};

/*
 * A message came in. Replies, and whatever follows, are actions. A FETCH_REPLY's records are
 * appended by the driver after this, and only if raft_wants_records says so.
 */
void raft_receive(struct raft *raft, const struct raft_message *message, int64_t now_ms);
/* May what came with the FETCH_REPLY that was just received be appended at the log's end? */
bool raft_wants_records(const struct raft *raft, const struct raft_message *reply);

/* ---- Actions ----------------------------------------------------------------------------- */

enum raft_action_type {
    /* Write `election` durably, then raft_persisted(sequence). Of several only the newest counts:
     * its sequence acknowledges all before it. */
    RAFT_ACTION_PERSIST,
    /* This node leads `epoch`: append a LeaderChange record at log end first of all. */
    RAFT_ACTION_LEAD,
    /* This node leads no more. */
    RAFT_ACTION_RESIGN,
    /* Everything below `offset` is committed. Only ever grows. */
    RAFT_ACTION_COMMIT,
    /* Deliver `message`: a request (to voter `to`), or the reply to one. What it builds on is
     * durable. Losing it does no harm. */
    RAFT_ACTION_SEND,
    /* Drop the log at and after `offset`, then raft_truncated. Nothing is fetched before. */
    RAFT_ACTION_TRUNCATE,
    /* The leader's log does not reach back to ours: fetch its newest snapshot, then raft_truncated.
     */
    RAFT_ACTION_SNAPSHOT,
};

struct raft_action {
    enum raft_action_type type;
    uint64_t sequence;             /* PERSIST */
    struct raft_election election; /* PERSIST */
    int32_t epoch;                 /* LEAD, RESIGN */
    int64_t offset;                /* COMMIT, TRUNCATE */
    struct raft_message message;   /* SEND */
    /* LEAD: who voted for this node, itself included. */
    size_t granting_count;
    struct raft_voter granting[RAFT_VOTERS_MAX];
};

bool raft_next_action(struct raft *raft, struct raft_action *out);
/* When raft_tick wants to be called; INT64_MAX: not before another event. */
int64_t raft_deadline_ms(const struct raft *raft);

/* ---- Looking ----------------------------------------------------------------------------- */

enum raft_role raft_role(const struct raft *raft);
int32_t raft_epoch(const struct raft *raft);
/* RAFT_NOBODY while unknown; this node only once the LEAD action was given. */
int32_t raft_leader_id(const struct raft *raft);
int64_t raft_high_watermark(const struct raft *raft);
/* Where the epoch that this node leads begins. */
int64_t raft_epoch_start(const struct raft *raft);
bool raft_is_voter(const struct raft *raft);
size_t raft_voter_count(const struct raft *raft);
const struct raft_voter *raft_voters(const struct raft *raft);

#endif
