#ifndef BROKER_SHARD_INT_H
#define BROKER_SHARD_INT_H
#include "broker/shard.h"

/* Work off `dirty` in the next turn. */
void broker_shard_flush_later(struct broker_shard *shard);
/* queued_bytes may have fallen: connections that wait for that may read again. */
void broker_shard_wake_starved(struct broker_shard *shard);
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
