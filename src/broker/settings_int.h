#ifndef BROKER_SETTINGS_INT_H
#define BROKER_SETTINGS_INT_H
/*
 * The settings that a shard works with: the node's own under what the metadata change while it
 * runs. Owned by the shard.
 */
#include "broker/shard.h"
#include "conf/topic.h"
#include "plog/plog.h"

/* The image changes: settings of brokers that changed with it take effect. */
void broker_settings_follow(struct broker_shard *shard, const struct meta_image *before,
                            const struct meta_image *after);
void broker_settings_deinit(struct broker_shard *shard);

/* For replica_set_options; the context is the shard. */
struct plog_config *broker_settings_topic_config(void *context, const struct meta_image *image,
                                                 const struct meta_topic *topic);
int32_t broker_settings_topic_min_isr(void *context, const struct meta_image *image,
                                      const struct meta_topic *topic);

/* Of the static settings, for one shard of so many. */
void broker_settings_limits(const struct conf *conf, uint32_t shard_count,
                            struct broker_limits *out);

#endif
