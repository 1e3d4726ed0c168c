#ifndef BROKER_CLEANER_INT_H
#define BROKER_CLEANER_INT_H
/* Which compacted logs of a shard are cleaned, and when (cleaner.c). */
struct broker_node;
struct broker_shard;

/* Begins when the shard's logs are open; nothing on a node that is no broker, or with
 * log.cleaner.enable=false. */
void broker_cleaner_start(struct broker_shard *shard);
/* No more is begun; what is under way ends with its log's closing. */
void broker_cleaner_stop(struct broker_shard *shard);
void broker_cleaner_free(struct broker_shard *shard);
/* Shard 0's part, for all. */
void broker_cleaner_init(struct broker_node *node);

#endif
