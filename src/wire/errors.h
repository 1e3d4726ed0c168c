#ifndef WIRE_ERRORS_H
#define WIRE_ERRORS_H
#include <stdbool.h>
#include <stdint.h>

/*
 * The protocol's error codes: WIRE_ERRORS(X) has a row X(NAME, code, retriable, text) for each that
 * Apache Kafka 4.3 knows. Retriable: a client may send the same request again. The text is a short
 * fact, for logs and for the error_message fields of responses.
 */
/* clang-format off */
#define WIRE_ERRORS(X) \
    X(UNKNOWN_SERVER_ERROR, -1, false, "the server failed in a way it did not expect") \
    X(NONE, 0, false, "no error") \
    X(OFFSET_OUT_OF_RANGE, 1, false, "the offset is outside the range that the partition has") \
    X(CORRUPT_MESSAGE, 2, true, "a batch is corrupt, too large, or has no key in a compacted topic") \
    X(UNKNOWN_TOPIC_OR_PARTITION, 3, true, "this server does not have the topic or partition") \
    X(INVALID_FETCH_SIZE, 4, false, "the fetch size is invalid") \
    X(LEADER_NOT_AVAILABLE, 5, true, "the partition has no leader at the moment") \
    X(NOT_LEADER_OR_FOLLOWER, 6, true, "this broker does not lead the partition, or has no replica of it") \
    X(REQUEST_TIMED_OUT, 7, true, "the request timed out") \
    X(BROKER_NOT_AVAILABLE, 8, false, "the broker is not available") \
    X(REPLICA_NOT_AVAILABLE, 9, true, "the replica is not available") \
    X(MESSAGE_TOO_LARGE, 10, false, "a record is larger than the server accepts") \
    X(STALE_CONTROLLER_EPOCH, 11, false, "the controller has moved to another node") \
    X(OFFSET_METADATA_TOO_LARGE, 12, false, "the metadata of the offset is too large") \
    X(NETWORK_EXCEPTION, 13, true, "the connection broke before the answer came") \
    X(COORDINATOR_LOAD_IN_PROGRESS, 14, true, "the coordinator is still loading") \
    X(COORDINATOR_NOT_AVAILABLE, 15, true, "the coordinator is not available") \
    X(NOT_COORDINATOR, 16, true, "this broker is not the coordinator") \
    X(INVALID_TOPIC_EXCEPTION, 17, false, "the topic is not one that this operation may be done on") \
    X(RECORD_LIST_TOO_LARGE, 18, false, "the batch is larger than a segment may be") \
    X(NOT_ENOUGH_REPLICAS, 19, true, "fewer replicas are in sync than are required") \
    X(NOT_ENOUGH_REPLICAS_AFTER_APPEND, 20, true, "written, but to fewer in-sync replicas than are required") \
    X(INVALID_REQUIRED_ACKS, 21, false, "acks has to be -1, 0 or 1") \
    X(ILLEGAL_GENERATION, 22, false, "the generation is not the group's") \
    X(INCONSISTENT_GROUP_PROTOCOL, 23, false, "the member shares no protocol with the group, or names none") \
    X(INVALID_GROUP_ID, 24, false, "the group id is invalid") \
    X(UNKNOWN_MEMBER_ID, 25, false, "the coordinator does not know this member") \
    X(INVALID_SESSION_TIMEOUT, 26, false, "the session timeout is outside group.min.session.timeout.ms and group.max.session.timeout.ms") \
    X(REBALANCE_IN_PROGRESS, 27, false, "the group is rebalancing; join again") \
    X(INVALID_COMMIT_OFFSET_SIZE, 28, false, "the committed offset's data is too large") \
    X(TOPIC_AUTHORIZATION_FAILED, 29, false, "not authorized for the topic") \
    X(GROUP_AUTHORIZATION_FAILED, 30, false, "not authorized for the group") \
    X(CLUSTER_AUTHORIZATION_FAILED, 31, false, "not authorized for the cluster") \
    X(INVALID_TIMESTAMP, 32, false, "the timestamp is outside the accepted range") \
    X(UNSUPPORTED_SASL_MECHANISM, 33, false, "the server does not offer this SASL mechanism") \
    X(ILLEGAL_SASL_STATE, 34, false, "the request does not fit the state of the authentication") \
    X(UNSUPPORTED_VERSION, 35, false, "this version of the API is not served") \
    X(TOPIC_ALREADY_EXISTS, 36, false, "the topic exists already") \
    X(INVALID_PARTITIONS, 37, false, "the number of partitions is invalid") \
    X(INVALID_REPLICATION_FACTOR, 38, false, "the replication factor is below 1 or above the number of brokers") \
    X(INVALID_REPLICA_ASSIGNMENT, 39, false, "the replica assignment is invalid") \
    X(INVALID_CONFIG, 40, false, "the configuration is invalid") \
    X(NOT_CONTROLLER, 41, true, "this node is not the active controller") \
    X(INVALID_REQUEST, 42, false, "the request is malformed or does not make sense") \
    X(UNSUPPORTED_FOR_MESSAGE_FORMAT, 43, false, "the message format does not support the request") \
    X(POLICY_VIOLATION, 44, false, "a policy does not allow it") \
    X(OUT_OF_ORDER_SEQUENCE_NUMBER, 45, false, "the producer's sequence number is out of order") \
    X(DUPLICATE_SEQUENCE_NUMBER, 46, false, "the producer's sequence number was there before") \
    X(INVALID_PRODUCER_EPOCH, 47, false, "the producer's epoch is old") \
    X(INVALID_TXN_STATE, 48, false, "the transaction's state does not allow it") \
    X(INVALID_PRODUCER_ID_MAPPING, 49, false, "the producer id is not the transactional id's") \
    X(INVALID_TRANSACTION_TIMEOUT, 50, false, "the transaction timeout is above transaction.max.timeout.ms") \
    X(CONCURRENT_TRANSACTIONS, 51, true, "another operation on this transaction is under way") \
    X(TRANSACTION_COORDINATOR_FENCED, 52, false, "the transaction coordinator is no longer this producer's") \
    X(TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 53, false, "not authorized for the transactional id") \
    X(SECURITY_DISABLED, 54, false, "no authorizer is configured") \
    X(OPERATION_NOT_ATTEMPTED, 55, false, "not attempted, because another part of the request failed") \
    X(KAFKA_STORAGE_ERROR, 56, true, "a log directory failed") \
    X(LOG_DIR_NOT_FOUND, 57, false, "the broker has no such log directory") \
    X(SASL_AUTHENTICATION_FAILED, 58, false, "authentication failed") \
    X(UNKNOWN_PRODUCER_ID, 59, false, "nothing is known about this producer id") \
    X(REASSIGNMENT_IN_PROGRESS, 60, false, "the partition is being reassigned") \
    X(DELEGATION_TOKEN_AUTH_DISABLED, 61, false, "delegation tokens are not enabled") \
    X(DELEGATION_TOKEN_NOT_FOUND, 62, false, "there is no such delegation token") \
    X(DELEGATION_TOKEN_OWNER_MISMATCH, 63, false, "the principal is not the token's owner or renewer") \
    X(DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, 64, false, "token requests need an authenticated connection that used no token itself") \
    X(DELEGATION_TOKEN_AUTHORIZATION_FAILED, 65, false, "not authorized for the delegation token") \
    X(DELEGATION_TOKEN_EXPIRED, 66, false, "the delegation token has expired") \
    X(INVALID_PRINCIPAL_TYPE, 67, false, "the type of principal is not supported") \
    X(NON_EMPTY_GROUP, 68, false, "the group has members") \
    X(GROUP_ID_NOT_FOUND, 69, false, "there is no such group") \
    X(FETCH_SESSION_ID_NOT_FOUND, 70, true, "there is no such fetch session") \
    X(INVALID_FETCH_SESSION_EPOCH, 71, true, "the fetch session's epoch is invalid") \
    X(LISTENER_NOT_FOUND, 72, true, "the leader has no listener of the name that was asked on") \
    X(TOPIC_DELETION_DISABLED, 73, false, "topics may not be deleted (delete.topic.enable)") \
    X(FENCED_LEADER_EPOCH, 74, true, "the request's leader epoch is older than the broker's") \
    X(UNKNOWN_LEADER_EPOCH, 75, true, "the request's leader epoch is newer than the broker's") \
    X(UNSUPPORTED_COMPRESSION_TYPE, 76, false, "the client does not know the partition's compression") \
    X(STALE_BROKER_EPOCH, 77, false, "the broker's epoch has changed") \
    X(OFFSET_NOT_AVAILABLE, 78, true, "the high watermark has not caught up since the last election") \
    X(MEMBER_ID_REQUIRED, 79, false, "join again with the member id in this answer") \
    X(PREFERRED_LEADER_NOT_AVAILABLE, 80, true, "the preferred leader is not available") \
    X(GROUP_MAX_SIZE_REACHED, 81, false, "the group is full") \
    X(FENCED_INSTANCE_ID, 82, false, "another member has registered with this group.instance.id") \
    X(ELIGIBLE_LEADERS_NOT_AVAILABLE, 83, true, "no replica is eligible to lead") \
    X(ELECTION_NOT_NEEDED, 84, true, "the partition needs no election") \
    X(NO_REASSIGNMENT_IN_PROGRESS, 85, false, "the partition is not being reassigned") \
    X(GROUP_SUBSCRIBED_TO_TOPIC, 86, false, "the group is subscribed to the topic") \
    X(INVALID_RECORD, 87, false, "a record is invalid") \
    X(UNSTABLE_OFFSET_COMMIT, 88, true, "offsets of an open transaction are pending") \
    X(THROTTLING_QUOTA_EXCEEDED, 89, true, "the quota is used up") \
    X(PRODUCER_FENCED, 90, false, "a newer producer has this transactional id") \
    X(RESOURCE_NOT_FOUND, 91, false, "there is no such resource") \
    X(DUPLICATE_RESOURCE, 92, false, "the request names a resource twice") \
    X(UNACCEPTABLE_CREDENTIAL, 93, false, "the credential does not meet the requirements") \
    X(INCONSISTENT_VOTER_SET, 94, false, "the sender or the receiver is not an expected voter") \
    X(INVALID_UPDATE_VERSION, 95, false, "the update's version is invalid") \
    X(FEATURE_UPDATE_FAILED, 96, false, "the features could not be updated") \
    X(PRINCIPAL_DESERIALIZATION_FAILURE, 97, false, "the principal of a forwarded request could not be read") \
    X(SNAPSHOT_NOT_FOUND, 98, false, "there is no such snapshot") \
    X(POSITION_OUT_OF_RANGE, 99, false, "the position is outside the snapshot") \
    X(UNKNOWN_TOPIC_ID, 100, true, "this server does not have a topic of this id") \
    X(DUPLICATE_BROKER_REGISTRATION, 101, false, "the broker id is in use") \
    X(BROKER_ID_NOT_REGISTERED, 102, false, "the broker id is not registered") \
    X(INCONSISTENT_TOPIC_ID, 103, true, "the log has another topic id than the request") \
    X(INCONSISTENT_CLUSTER_ID, 104, false, "the request is meant for another cluster") \
    X(TRANSACTIONAL_ID_NOT_FOUND, 105, false, "there is no such transactional id") \
    X(FETCH_SESSION_TOPIC_ID_ERROR, 106, true, "the fetch session used topic ids otherwise before") \
    X(INELIGIBLE_REPLICA, 107, false, "a replica of the new ISR is not eligible") \
    X(NEW_LEADER_ELECTED, 108, false, "the partition was changed, but has another leader now") \
    X(OFFSET_MOVED_TO_TIERED_STORAGE, 109, false, "the offset is in tiered storage") \
    X(FENCED_MEMBER_EPOCH, 110, false, "the member's epoch is fenced; give up all partitions and join again") \
    X(UNRELEASED_INSTANCE_ID, 111, false, "another member still has this instance id") \
    X(UNSUPPORTED_ASSIGNOR, 112, false, "the group does not support this assignor") \
    X(STALE_MEMBER_EPOCH, 113, false, "the member's epoch is old; try again after the next heartbeat") \
    X(MISMATCHED_ENDPOINT_TYPE, 114, false, "the request went to the wrong kind of listener") \
    X(UNSUPPORTED_ENDPOINT_TYPE, 115, false, "this kind of endpoint is not supported") \
    X(UNKNOWN_CONTROLLER_ID, 116, false, "there is no controller of this id") \
    X(UNKNOWN_SUBSCRIPTION_ID, 117, false, "the telemetry subscription id is invalid or outdated") \
    X(TELEMETRY_TOO_LARGE, 118, false, "the telemetry is larger than the broker accepts") \
    X(INVALID_REGISTRATION, 119, false, "the registration is invalid") \
    X(TRANSACTION_ABORTABLE, 120, false, "the transaction has to be aborted, and the producer can go on") \
    X(INVALID_RECORD_STATE, 121, false, "the record is not in a state to be acknowledged") \
    X(SHARE_SESSION_NOT_FOUND, 122, true, "there is no such share session") \
    X(INVALID_SHARE_SESSION_EPOCH, 123, true, "the share session's epoch is invalid") \
    X(FENCED_STATE_EPOCH, 124, false, "the state epoch does not match") \
    X(INVALID_VOTER_KEY, 125, false, "the voter key is not that of the receiving replica") \
    X(DUPLICATE_VOTER, 126, false, "the node is a voter already") \
    X(VOTER_NOT_FOUND, 127, false, "the node is not a voter") \
    X(INVALID_REGULAR_EXPRESSION, 128, false, "the regular expression is invalid") \
    X(REBOOTSTRAP_REQUIRED, 129, false, "the client's metadata is too old; start over from the bootstrap servers") \
    X(STREAMS_INVALID_TOPOLOGY, 130, false, "the topology is invalid") \
    X(STREAMS_INVALID_TOPOLOGY_EPOCH, 131, false, "the topology's epoch is invalid") \
    X(STREAMS_TOPOLOGY_FENCED, 132, false, "the topology's epoch is outdated") \
    X(SHARE_SESSION_LIMIT_REACHED, 133, true, "no more share sessions are allowed")
/* clang-format on */

enum wire_error {
#define WIRE_ERROR_ROW(name, code, retriable, text) WIRE_ERROR_##name = (code),
    WIRE_ERRORS(WIRE_ERROR_ROW)
#undef WIRE_ERROR_ROW
};

/* "OFFSET_OUT_OF_RANGE"; "UNKNOWN_SERVER_ERROR" for a code that is not known. Never NULL. */
const char *wire_error_name(int16_t code);
/* The text of its row, likewise. */
const char *wire_error_message(int16_t code);
bool wire_error_retriable(int16_t code);
/* Is it a code of the list? */
bool wire_error_known(int16_t code);

#endif
