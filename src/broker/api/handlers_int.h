#ifndef BROKER_API_HANDLERS_INT_H
#define BROKER_API_HANDLERS_INT_H
/* The handlers of broker_apis (api.c), each in the file of its name. */
struct broker_request;

void broker_api_alter_configs(struct broker_request *request);
void broker_api_api_versions(struct broker_request *request);
void broker_api_by_controller(struct broker_request *request);
void broker_api_consumer_group_describe(struct broker_request *request);
void broker_api_consumer_group_heartbeat(struct broker_request *request);
void broker_api_delete_groups(struct broker_request *request);
void broker_api_delete_records(struct broker_request *request);
void broker_api_describe_cluster(struct broker_request *request);
void broker_api_describe_configs(struct broker_request *request);
void broker_api_describe_groups(struct broker_request *request);
void broker_api_describe_log_dirs(struct broker_request *request);
void broker_api_describe_producers(struct broker_request *request);
void broker_api_describe_quorum(struct broker_request *request);
void broker_api_describe_topic_partitions(struct broker_request *request);
void broker_api_fetch(struct broker_request *request);
void broker_api_find_coordinator(struct broker_request *request);
void broker_api_heartbeat(struct broker_request *request);
void broker_api_incremental_alter_configs(struct broker_request *request);
void broker_api_init_producer_id(struct broker_request *request);
void broker_api_join_group(struct broker_request *request);
void broker_api_leave_group(struct broker_request *request);
void broker_api_list_config_resources(struct broker_request *request);
void broker_api_list_groups(struct broker_request *request);
void broker_api_list_offsets(struct broker_request *request);
void broker_api_metadata(struct broker_request *request);
void broker_api_offset_commit(struct broker_request *request);
void broker_api_offset_delete(struct broker_request *request);
void broker_api_offset_fetch(struct broker_request *request);
void broker_api_offset_for_leader_epoch(struct broker_request *request);
void broker_api_produce(struct broker_request *request);
void broker_api_sync_group(struct broker_request *request);
void broker_api_write_txn_markers(struct broker_request *request);

#endif
