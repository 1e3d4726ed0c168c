#include "broker/api.h"

#include "broker/api/handlers_int.h"

#include "base/assert.h"
#include "wire/api_keys.h"

#include <stdbool.h>

#define BOTH (BROKER_API_BROKER | BROKER_API_CONTROLLER)

/* clang-format off */
const struct broker_api broker_apis[] = {
    /* key                                  versions advertised from  flags              handler */
    {WIRE_API_PRODUCE,                       3, 13,  0,               BROKER_API_BROKER | BROKER_API_OVERLAPS, broker_api_produce},
    {WIRE_API_FETCH,                         4, 18,  4,               BROKER_API_BROKER, broker_api_fetch},
    {WIRE_API_LIST_OFFSETS,                  1, 11,  1,               BROKER_API_BROKER, broker_api_list_offsets},
    {WIRE_API_METADATA,                      0, 13,  0,               BROKER_API_BROKER, broker_api_metadata},
    {WIRE_API_OFFSET_COMMIT,                 2, 10,  2,               BROKER_API_BROKER, broker_api_offset_commit},
    {WIRE_API_OFFSET_FETCH,                  1, 10,  1,               BROKER_API_BROKER, broker_api_offset_fetch},
    {WIRE_API_FIND_COORDINATOR,              0, 6,   0,               BROKER_API_BROKER, broker_api_find_coordinator},
    {WIRE_API_JOIN_GROUP,                    0, 9,   0,               BROKER_API_BROKER, broker_api_join_group},
    {WIRE_API_HEARTBEAT,                     0, 4,   0,               BROKER_API_BROKER, broker_api_heartbeat},
    {WIRE_API_LEAVE_GROUP,                   0, 5,   0,               BROKER_API_BROKER, broker_api_leave_group},
    {WIRE_API_SYNC_GROUP,                    0, 5,   0,               BROKER_API_BROKER, broker_api_sync_group},
    {WIRE_API_DESCRIBE_GROUPS,               0, 6,   0,               BROKER_API_BROKER, broker_api_describe_groups},
    {WIRE_API_LIST_GROUPS,                   0, 5,   0,               BROKER_API_BROKER, broker_api_list_groups},
    {WIRE_API_API_VERSIONS,                  0, 4,   0,               BOTH,              broker_api_api_versions},
    {WIRE_API_CREATE_TOPICS,                 2, 7,   2,               BOTH,              broker_api_by_controller},
    {WIRE_API_DELETE_TOPICS,                 1, 6,   1,               BOTH,              broker_api_by_controller},
    {WIRE_API_DELETE_RECORDS,                0, 2,   0,               BROKER_API_BROKER, broker_api_delete_records},
    {WIRE_API_INIT_PRODUCER_ID,              0, 5,   0,               BROKER_API_BROKER, broker_api_init_producer_id},
    {WIRE_API_OFFSET_FOR_LEADER_EPOCH,       2, 4,   2,               BROKER_API_BROKER, broker_api_offset_for_leader_epoch},
    {WIRE_API_WRITE_TXN_MARKERS,             1, 2,   1,               BROKER_API_BROKER, broker_api_write_txn_markers},
    {WIRE_API_DESCRIBE_CONFIGS,              1, 4,   1,               BOTH,              broker_api_describe_configs},
    {WIRE_API_ALTER_CONFIGS,                 0, 2,   0,               BOTH,              broker_api_alter_configs},
    {WIRE_API_DESCRIBE_LOG_DIRS,             1, 5,   1,               BROKER_API_BROKER, broker_api_describe_log_dirs},
    {WIRE_API_CREATE_PARTITIONS,             0, 3,   0,               BOTH,              broker_api_by_controller},
    {WIRE_API_DELETE_GROUPS,                 0, 2,   0,               BROKER_API_BROKER, broker_api_delete_groups},
    {WIRE_API_ELECT_LEADERS,                 0, 2,   0,               BOTH,              broker_api_by_controller},
    {WIRE_API_INCREMENTAL_ALTER_CONFIGS,     0, 1,   0,               BOTH,              broker_api_incremental_alter_configs},
    {WIRE_API_ALTER_PARTITION_REASSIGNMENTS, 0, 1,   0,               BOTH,              broker_api_by_controller},
    {WIRE_API_LIST_PARTITION_REASSIGNMENTS,  0, 0,   0,               BOTH,              broker_api_by_controller},
    {WIRE_API_OFFSET_DELETE,                 0, 0,   0,               BROKER_API_BROKER, broker_api_offset_delete},
    {WIRE_API_DESCRIBE_QUORUM,               0, 2,   0,               BOTH,              broker_api_describe_quorum},
    {WIRE_API_UPDATE_FEATURES,               0, 2,   0,               BOTH,              broker_api_by_controller},
    {WIRE_API_DESCRIBE_CLUSTER,              0, 2,   0,               BOTH,              broker_api_describe_cluster},
    {WIRE_API_DESCRIBE_PRODUCERS,            0, 0,   0,               BROKER_API_BROKER, broker_api_describe_producers},
    {WIRE_API_UNREGISTER_BROKER,             0, 0,   0,               BOTH,              broker_api_by_controller},
    {WIRE_API_CONSUMER_GROUP_HEARTBEAT,      0, 1,   0,               BROKER_API_BROKER, broker_api_consumer_group_heartbeat},
    {WIRE_API_CONSUMER_GROUP_DESCRIBE,       0, 1,   0,               BROKER_API_BROKER, broker_api_consumer_group_describe},
    {WIRE_API_LIST_CONFIG_RESOURCES,         0, 1,   0,               BROKER_API_BROKER, broker_api_list_config_resources},
    {WIRE_API_DESCRIBE_TOPIC_PARTITIONS,     0, 0,   0,               BROKER_API_BROKER, broker_api_describe_topic_partitions},
};
/* clang-format on */
const size_t broker_api_count = ARRAY_COUNT(broker_apis);

const struct broker_api *broker_api_find(int16_t key)
{
    size_t low = 0;
    size_t high = broker_api_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (broker_apis[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < broker_api_count && broker_apis[low].key == key ? &broker_apis[low] : NULL;
}
