#ifndef BROKER_API_AUTO_CREATE_INT_H
#define BROKER_API_AUTO_CREATE_INT_H
#include "broker/shard.h"
#include "wire/wire.h"

/*
 * Creates topics that a client asked about, in the background, if auto.create.topics.enable is set:
 * with num.partitions and default.replication.factor. Passed over are names that are no topic's,
 * those under way already, and the brokers' own topics, which their coordinators create.
 */
void broker_auto_create(struct broker_shard *shard, const struct wire_string *names, size_t count);
/* The same for one of the brokers' own topics, with settings of its own (copied); always. */
struct conf_pair;
void broker_create_internal(struct broker_shard *shard, struct wire_string name,
                            int32_t partition_count, int16_t replication_factor,
                            const struct conf_pair *configs, size_t config_count);
/* Forgets what is under way, for a node that is thrown away. */
void broker_auto_create_drop(struct broker_shard *shard);

#endif
