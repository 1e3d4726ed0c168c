#ifndef QUORUM_QUORUM_STATE_H
#define QUORUM_QUORUM_STATE_H
/*
 * The text of the file quorum-state: one line of JSON, in version 0 (voters by id; kraft.version 0)
 * or 1 (KIP-853). Text in, text out.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "raft/raft.h"

#include <stddef.h>
#include <stdint.h>

#define QUORUM_STATE_FILE "quorum-state"
#define QUORUM_STATE_BYTES_MAX ((size_t)1 << 20)

/* Unknown members are passed over. ERR_VERSION: a data_version other than 0 and 1. ERR_CORRUPT:
 * no such JSON, or a member of another kind than it should be. */
enum err quorum_state_parse(const char *text, size_t size, struct raft_election *out,
                            int *data_version) MUST_USE;
/* As Kafka writes it; `voters` are for version 0 alone. */
void quorum_state_print(const struct raft_election *election, int data_version,
                        const struct raft_voter *voters, size_t voter_count, struct buf *out);

#endif
