#ifndef SIM_NET_H
#define SIM_NET_H
/*
 * The network: byte streams as TCP gives them, between the nodes of the world and within one.
 *
 * What one end writes goes to the other in pieces, each of which arrives after a latency, never
 * before the one before it. Bytes under way and unread are bounded (options.stream_buffer): a slow
 * reader stops the writer. What cannot get through (a partition, a machine without power) is tried
 * again until the sender gives up, and its connection breaks. A closed end's bytes are still
 * delivered, then the end; a byte that reaches an end that is gone brings back a reset.
 *
 * Invariants
 * 1. Bytes are read in the order in which they were written, none twice, none left out; a broken
 * stream may lack an end of them.
 * 2. After stream_close no callback of the stream comes; after its process is gone neither.
 * 3. Neither end's memory is shared: bytes are copied when written.
 */
#include "base/buf.h"
#include "env/env.h"
#include "sim_node.h"

#define SIM_NODES_MAX 64

struct sim_net *sim_net_new(struct sim_world *world);
void sim_net_free(struct sim_net *net);

/* Nothing gets from one node to the other any more, in this direction; or does again. */
void sim_net_block(struct sim_net *net, const struct sim_node *from, const struct sim_node *to,
                   bool block);
void sim_net_block_both(struct sim_net *net, const struct sim_node *a, const struct sim_node *b,
                        bool block);
/* All directions of all nodes are open again. */
void sim_net_heal(struct sim_net *net);
/* So much more latency in this direction. */
void sim_net_slow(struct sim_net *net, const struct sim_node *from, const struct sim_node *to,
                  uint64_t extra_ns);
/* Breaks each connection of the node with this chance; both ends are told. Returns how many. */
size_t sim_net_reset_some(struct sim_net *net, const struct sim_node *node, uint32_t ppm);
/* The other ends are not told: they are half-open until they write. */
size_t sim_net_vanish_some(struct sim_net *net, const struct sim_node *node, uint32_t ppm);

/* For the rest of the world. */
enum err sim_net_listen(struct sim_shard *shard, const struct env_listen_options *options,
                        struct env_listener **out);
uint16_t sim_net_listener_port(const struct env_listener *listener);
void sim_net_listener_accepting(struct env_listener *listener, bool on);
void sim_net_listener_close(struct env_listener *listener);
enum err sim_net_connect(struct sim_shard *shard, const char *host, uint16_t port,
                         struct env_stream **out);
void sim_stream_handle(struct env_stream *stream, const struct env_stream_handler *handler,
                       void *context);
void sim_stream_want(struct env_stream *stream, unsigned events);
enum err sim_stream_status(const struct env_stream *stream);
enum err sim_stream_read(struct env_stream *stream, void *out, size_t size, size_t *out_size);
enum err sim_stream_write(struct env_stream *stream, const struct env_iov *iov, size_t iov_count,
                          size_t *out_size);
const char *sim_stream_peer(const struct env_stream *stream);
const char *sim_stream_local(const struct env_stream *stream);
void sim_stream_close(struct env_stream *stream);
struct sim_shard *sim_stream_shard(const struct env_stream *stream);
/* Streams and listeners that the node's process has. */
size_t sim_net_stream_count(const struct sim_node *node);
void sim_net_process_gone(struct sim_node *node, enum sim_crash how);

#endif
