#ifndef CONF_IDS_H
#define CONF_IDS_H
/*
 * An enum of each scope's settings, in the order of the tables (by name): log.segment.bytes is
 * CONF_BROKER_LOG_SEGMENT_BYTES, a topic's segment.bytes is CONF_TOPIC_SEGMENT_BYTES.
 */

#define SETTING(id, ...) CONF_BROKER_##id,
enum conf_broker_id {
#include "conf/broker_table_a_l.h"
#include "conf/broker_table_m_z.h"
    CONF_BROKER_COUNT
};
#undef SETTING

#define SETTING(id, ...) CONF_TOPIC_##id,
enum conf_topic_id {
#include "conf/topic_table.h"
    CONF_TOPIC_COUNT
};
#undef SETTING

#define SETTING(id, ...) CONF_GROUP_##id,
enum conf_group_id {
#include "conf/group_table.h"
    CONF_GROUP_COUNT
};
#undef SETTING

#define SETTING(id, ...) CONF_CLIENT_METRICS_##id,
enum conf_client_metrics_id {
#include "conf/client_metrics_table.h"
    CONF_CLIENT_METRICS_COUNT
};
#undef SETTING

#endif
