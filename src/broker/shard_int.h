#ifndef BROKER_SHARD_INT_H
#define BROKER_SHARD_INT_H
#include "broker/shard.h"

struct broker_conn;

/* Work off `dirty` in the next turn. */
void broker_shard_flush_later(struct broker_shard *shard);

/* ---- pressure.c ---- */

/* queued_bytes or reply_bytes may have fallen: connections that wait for that go on. */
void broker_shard_wake_starved(struct broker_shard *shard);
/* The connection cannot be read, or its next request not be started, before they fall. */
void broker_shard_starve(struct broker_shard *shard, struct broker_conn *conn, bool reading,
                         bool answering);
/* May a request of the connection be started, whose reply may be large? */
bool broker_shard_may_answer(const struct broker_conn *conn);
void broker_shard_relief_init(struct broker_shard *shard);

/* ---- shard.c ---- */

/* A buffer to read into, shared by all connections between frames; the shard's own reference. */
struct rcbuf *broker_shard_scratch(struct broker_shard *shard);
/* Clients that connected while the node was starting are read from now on. */
void broker_shard_serve(struct broker_shard *shard);
/* Nothing more is accepted or read; connections without requests in flight are closed, the others
 * when theirs are answered. */
void broker_shard_drain(struct broker_shard *shard);
/* All that are left, at once. */
void broker_shard_close_conns(struct broker_shard *shard, const char *why);

#endif
