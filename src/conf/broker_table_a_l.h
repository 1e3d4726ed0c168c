/* clang-format off */
/*
 * The settings of a node, to l: all of Apache Kafka 4.3.1's, and ottla's own (ottla.*).
 *
 * One row for each, sorted by name:
 *   SETTING(ID, name, type, default, allowed, importance, update mode, service, sentence)
 * conf/ids.h makes the enum of it and rows.c the table; the words are explained there.
 */
SETTING(ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MAX_MS, "add.partitions.to.txn.retry.backoff.max.ms",
    INT, "100", FROM(0), HIGH, READ_ONLY, LATER,
    "Longest pause between two tries to add a partition to a transaction before a transactional "
    "produce is let in.")
SETTING(ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MS, "add.partitions.to.txn.retry.backoff.ms", INT, "20",
    FROM(1), HIGH, READ_ONLY, LATER,
    "First pause between two tries to add a partition to a transaction before a transactional "
    "produce is let in.")
SETTING(ADVERTISED_LISTENERS, "advertised.listeners", LIST, NONE, DISTINCT(NULL_OK), HIGH,
    READ_ONLY, SERVED,
    "Addresses that clients and other brokers are told to connect to; those of listeners when not "
    "set.")
SETTING(ALTER_CONFIG_POLICY_CLASS_NAME, "alter.config.policy.class.name", CLASS, NONE, ANY, LOW,
    READ_ONLY, REFUSED,
    "Java class that may veto changes of settings; ottla runs no Java classes.")
SETTING(ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_NUM, "alter.log.dirs.replication.quota.window.num",
    INT, "11", FROM(1), LOW, READ_ONLY, LATER,
    "Number of samples kept to measure the rate at which replicas are moved between log "
    "directories.")
SETTING(ALTER_LOG_DIRS_REPLICATION_QUOTA_WINDOW_SIZE_SECONDS,
    "alter.log.dirs.replication.quota.window.size.seconds", INT, "1", FROM(1), LOW, READ_ONLY,
    LATER,
    "Length of one sample of the rate at which replicas are moved between log directories.")
SETTING(AUTHORIZER_CLASS_NAME, "authorizer.class.name", STRING, "", NOT_NULL, LOW, READ_ONLY,
    REFUSED,
    "Authorizer that decides who may do what; empty lets everybody do everything.")
SETTING(AUTO_CREATE_TOPICS_ENABLE, "auto.create.topics.enable", BOOLEAN, "true", ANY, HIGH,
    READ_ONLY, SERVED,
    "Create a topic when a client asks for the metadata of one that does not exist.")
SETTING(AUTO_LEADER_REBALANCE_ENABLE, "auto.leader.rebalance.enable", BOOLEAN, "true", ANY, HIGH,
    READ_ONLY, LATER,
    "Give leadership back to the preferred replicas from time to time.")
SETTING(BACKGROUND_THREADS, "background.threads", INT, "10", FROM(1), HIGH, CLUSTER_WIDE, ACCEPTED,
    "Threads for background work; ottla's shards and disk threads do it (ottla.shards, "
    "ottla.disk.threads).")
SETTING(BROKER_HEARTBEAT_INTERVAL_MS, "broker.heartbeat.interval.ms", INT, "2000", ANY, MEDIUM,
    READ_ONLY, SERVED,
    "Time between two heartbeats that a broker sends to the controller.")
SETTING(BROKER_ID, "broker.id", INT, "-1", ANY, HIGH, READ_ONLY, SERVED,
    "Older name of node.id.")
SETTING(BROKER_RACK, "broker.rack", STRING, NONE, ANY, MEDIUM, READ_ONLY, SERVED,
    "Rack or zone of this broker, for spreading replicas and for fetching from the nearest one.")
SETTING(BROKER_SESSION_TIMEOUT_MS, "broker.session.timeout.ms", INT, "9000", ANY, MEDIUM, READ_ONLY,
    SERVED,
    "Without a heartbeat for this long a broker is fenced and its partitions move to others.")
SETTING(CLIENT_QUOTA_CALLBACK_CLASS, "client.quota.callback.class", CLASS, NONE, ANY, LOW,
    READ_ONLY, REFUSED,
    "Java class that computes client quotas; ottla runs no Java classes.")
SETTING(COMPRESSION_GZIP_LEVEL, "compression.gzip.level", INT, "-1", GZIP_LEVEL, MEDIUM,
    CLUSTER_WIDE, SERVED,
    "Effort of gzip where the broker compresses itself: 1 fast to 9 small, -1 the library's "
    "choice.")
SETTING(COMPRESSION_LZ4_LEVEL, "compression.lz4.level", INT, "9", BETWEEN(1, 17), MEDIUM,
    CLUSTER_WIDE, SERVED,
    "Effort of lz4 where the broker compresses itself.")
SETTING(COMPRESSION_TYPE, "compression.type", STRING, "producer",
    ONE_OF("uncompressed,zstd,lz4,snappy,gzip,producer"), HIGH, CLUSTER_WIDE, SERVED,
    "Codec in which topics are stored; producer keeps what the producer chose.")
SETTING(COMPRESSION_ZSTD_LEVEL, "compression.zstd.level", INT, "3", BETWEEN(-131072, 22), MEDIUM,
    CLUSTER_WIDE, SERVED,
    "Effort of zstd where the broker compresses itself.")
SETTING(CONFIG_PROVIDERS, "config.providers", LIST, "", DISTINCT(EMPTY), LOW, CLUSTER_WIDE, REFUSED,
    "Java classes that fill in ${...} placeholders in settings; ottla runs no Java classes.")
SETTING(CONNECTION_FAILED_AUTHENTICATION_DELAY_MS, "connection.failed.authentication.delay.ms", INT,
    "100", FROM(0), LOW, READ_ONLY, LATER,
    "Wait this long before closing a connection that failed to authenticate.")
SETTING(CONNECTIONS_MAX_IDLE_MS, "connections.max.idle.ms", LONG, "600000", ANY, MEDIUM, READ_ONLY,
    SERVED,
    "Close a connection on which nothing happened for this long.")
SETTING(CONNECTIONS_MAX_REAUTH_MS, "connections.max.reauth.ms", LONG, "0", ANY, MEDIUM, READ_ONLY,
    LATER,
    "A client that authenticated with SASL has to do so again within this time; 0 means never.")
SETTING(CONTROLLED_SHUTDOWN_ENABLE, "controlled.shutdown.enable", BOOLEAN, "true", ANY, MEDIUM,
    READ_ONLY, SERVED,
    "On a stop, move leadership elsewhere first.")
SETTING(CONTROLLER_LISTENER_NAMES, "controller.listener.names", LIST, REQUIRED, DISTINCT(FULL),
    HIGH, READ_ONLY, SERVED,
    "Names of the listeners on which controllers talk, comma separated; brokers connect to the "
    "first.")
SETTING(CONTROLLER_PERFORMANCE_ALWAYS_LOG_THRESHOLD_MS,
    "controller.performance.always.log.threshold.ms", LONG, "2000", FROM(0), MEDIUM | INTERNAL,
    READ_ONLY, LATER,
    "Log each controller event that takes longer than this.")
SETTING(CONTROLLER_PERFORMANCE_SAMPLE_PERIOD_MS, "controller.performance.sample.period.ms", LONG,
    "60000", FROM(100), MEDIUM | INTERNAL, READ_ONLY, LATER,
    "Time over which the controller's slowest events are collected before they are logged.")
SETTING(CONTROLLER_QUORUM_APPEND_LINGER_MS, "controller.quorum.append.linger.ms", INT, "25",
    FROM(0), MEDIUM, READ_ONLY, LATER,
    "How long the quorum's leader collects records before it writes them to the metadata log.")
SETTING(CONTROLLER_QUORUM_AUTO_JOIN_ENABLE, "controller.quorum.auto.join.enable", BOOLEAN, "false",
    ANY, LOW, READ_ONLY, LATER,
    "A controller that is not a voter adds itself to the voters.")
SETTING(CONTROLLER_QUORUM_BOOTSTRAP_SERVERS, "controller.quorum.bootstrap.servers", LIST, "",
    ADDRESSES, HIGH, READ_ONLY, SERVED,
    "Addresses, host:port, at which the metadata quorum is found.")
SETTING(CONTROLLER_QUORUM_ELECTION_BACKOFF_MAX_MS, "controller.quorum.election.backoff.max.ms", INT,
    "1000", FROM(0), HIGH, READ_ONLY, SERVED,
    "Upper bound of the random pause before a new election after one that nobody won.")
SETTING(CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS, "controller.quorum.election.timeout.ms", INT, "1000",
    FROM(0), HIGH, READ_ONLY, SERVED,
    "Time without a leader or enough votes after which an election starts.")
SETTING(CONTROLLER_QUORUM_FETCH_MAX_BYTES, "controller.quorum.fetch.max.bytes", INT, "1048576",
    FROM(1), LOW, READ_ONLY, LATER,
    "Most bytes of metadata log that one fetch of the quorum returns.")
SETTING(CONTROLLER_QUORUM_FETCH_SNAPSHOT_MAX_BYTES, "controller.quorum.fetch.snapshot.max.bytes",
    INT, "1048576", FROM(1), LOW, READ_ONLY, LATER,
    "Most bytes of snapshot that one request of the quorum returns.")
SETTING(CONTROLLER_QUORUM_FETCH_TIMEOUT_MS, "controller.quorum.fetch.timeout.ms", INT, "2000",
    FROM(0), HIGH, READ_ONLY, SERVED,
    "Without a fetch from a majority (as leader) or from the leader (as follower) for this long, "
    "a new election starts.")
SETTING(CONTROLLER_QUORUM_REQUEST_TIMEOUT_MS, "controller.quorum.request.timeout.ms", INT, "2000",
    FROM(0), MEDIUM, READ_ONLY, LATER,
    "How long a request of the quorum may take.")
SETTING(CONTROLLER_QUORUM_RETRY_BACKOFF_MS, "controller.quorum.retry.backoff.ms", INT, "20",
    FROM(0), LOW, READ_ONLY, LATER,
    "Pause before a failed request of the quorum is sent again.")
SETTING(CONTROLLER_QUORUM_VOTERS, "controller.quorum.voters", LIST, "", VOTERS, HIGH, READ_ONLY,
    SERVED,
    "Fixed voters of the metadata quorum, id@host:port, comma separated; empty when the quorum "
    "keeps its own list.")
SETTING(CONTROLLER_QUOTA_WINDOW_NUM, "controller.quota.window.num", INT, "11", FROM(1), LOW,
    READ_ONLY, LATER,
    "Number of samples kept to measure the rate of changes asked of the controller.")
SETTING(CONTROLLER_QUOTA_WINDOW_SIZE_SECONDS, "controller.quota.window.size.seconds", INT, "1",
    FROM(1), LOW, READ_ONLY, LATER,
    "Length of one sample of the rate of changes asked of the controller.")
SETTING(CONTROLLER_SOCKET_TIMEOUT_MS, "controller.socket.timeout.ms", INT, "30000", ANY, MEDIUM,
    READ_ONLY, LATER,
    "Timeout of connections from the controller to brokers.")
SETTING(CORDONED_LOG_DIRS, "cordoned.log.dirs", LIST, "", DISTINCT(EMPTY_OR_NULL), MEDIUM,
    PER_BROKER, LATER,
    "Log directories that get no new replicas; * is all of them.")
SETTING(CREATE_TOPIC_POLICY_CLASS_NAME, "create.topic.policy.class.name", CLASS, NONE, ANY, LOW,
    READ_ONLY, REFUSED,
    "Java class that may veto new topics; ottla runs no Java classes.")
SETTING(DEFAULT_REPLICATION_FACTOR, "default.replication.factor", INT, "1", ANY, MEDIUM, READ_ONLY,
    SERVED,
    "Replicas of a topic that is created without saying how many.")
SETTING(DELEGATION_TOKEN_EXPIRY_CHECK_INTERVAL_MS, "delegation.token.expiry.check.interval.ms",
    LONG, "3600000", FROM(1), LOW, READ_ONLY, LATER,
    "Time between two sweeps for expired delegation tokens.")
SETTING(DELEGATION_TOKEN_EXPIRY_TIME_MS, "delegation.token.expiry.time.ms", LONG, "86400000",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Time after which a delegation token that was not renewed expires.")
SETTING(DELEGATION_TOKEN_MAX_LIFETIME_MS, "delegation.token.max.lifetime.ms", LONG, "604800000",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Time after which a delegation token can no longer be renewed.")
SETTING(DELEGATION_TOKEN_SECRET_KEY, "delegation.token.secret.key", PASSWORD, NONE, ANY, MEDIUM,
    READ_ONLY, LATER,
    "Secret with which delegation tokens are signed; the same on all nodes.")
SETTING(DELETE_RECORDS_PURGATORY_PURGE_INTERVAL_REQUESTS,
    "delete.records.purgatory.purge.interval.requests", INT, "1", ANY, MEDIUM, READ_ONLY, ACCEPTED,
    "Kafka sweeps finished DeleteRecords requests after this many; ottla removes each when it is "
    "done.")
SETTING(DELETE_TOPIC_ENABLE, "delete.topic.enable", BOOLEAN, "true", ANY, HIGH, READ_ONLY, SERVED,
    "Whether topics may be deleted.")
SETTING(EARLY_START_LISTENERS, "early.start.listeners", LIST, NONE, DISTINCT(EMPTY_OR_NULL), HIGH,
    READ_ONLY, ACCEPTED,
    "Listeners opened before the authorizer is ready; ottla opens each when it can answer.")
SETTING(FETCH_MAX_BYTES, "fetch.max.bytes", INT, "57671680", FROM(1024), MEDIUM, READ_ONLY, SERVED,
    "Most bytes that one fetch returns, whatever the client asks for; the first batch is always "
    "whole.")
SETTING(FETCH_PURGATORY_PURGE_INTERVAL_REQUESTS, "fetch.purgatory.purge.interval.requests", INT,
    "1000", ANY, MEDIUM, READ_ONLY, ACCEPTED,
    "Kafka sweeps finished fetches after this many; ottla removes each when it is done.")
SETTING(FOLLOWER_FETCH_LAST_TIERED_OFFSET_ENABLE, "follower.fetch.last.tiered.offset.enable",
    BOOLEAN, "false", ANY, MEDIUM, CLUSTER_WIDE, LATER,
    "An empty follower starts at the first offset that is not in remote storage instead of at the "
    "log's start.")
SETTING(GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS, "group.consumer.assignment.interval.ms", INT, "1000",
    FROM(0), MEDIUM, CLUSTER_WIDE, SERVED,
    "Least time between two assignments of one consumer group, so that many joins share one.")
SETTING(GROUP_CONSUMER_ASSIGNORS, "group.consumer.assignors", LIST, "uniform,range", DISTINCT(FULL),
    MEDIUM, READ_ONLY, SERVED,
    "Assignors for consumer groups, the default first: uniform, range or a Java class.")
SETTING(GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS, "group.consumer.heartbeat.interval.ms", INT, "5000",
    FROM(1), MEDIUM, READ_ONLY, SERVED,
    "Heartbeat interval told to members of consumer groups.")
SETTING(GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS, "group.consumer.max.assignment.interval.ms", INT,
    "15000", FROM(0), MEDIUM, READ_ONLY, SERVED,
    "Most that a group may set for consumer.assignment.interval.ms.")
SETTING(GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS, "group.consumer.max.heartbeat.interval.ms", INT,
    "15000", FROM(1), MEDIUM, READ_ONLY, SERVED,
    "Most that a group may set for consumer.heartbeat.interval.ms.")
SETTING(GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS, "group.consumer.max.session.timeout.ms", INT,
    "60000", FROM(1), MEDIUM, READ_ONLY, SERVED,
    "Most that a group may set for consumer.session.timeout.ms.")
SETTING(GROUP_CONSUMER_MAX_SIZE, "group.consumer.max.size", INT, "2147483647", FROM(1), MEDIUM,
    READ_ONLY, SERVED,
    "Most members of one consumer group.")
SETTING(GROUP_CONSUMER_MIGRATION_POLICY, "group.consumer.migration.policy", STRING, "bidirectional",
    ONE_OF_ANY_CASE("DISABLED,DOWNGRADE,UPGRADE,BIDIRECTIONAL"), MEDIUM, READ_ONLY, LATER,
    "Whether groups may change between the classic and the consumer protocol, and in which "
    "direction.")
SETTING(GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS, "group.consumer.min.assignment.interval.ms", INT,
    "0", FROM(0), MEDIUM, READ_ONLY, SERVED,
    "Least that a group may set for consumer.assignment.interval.ms.")
SETTING(GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS, "group.consumer.min.heartbeat.interval.ms", INT,
    "5000", FROM(1), MEDIUM, READ_ONLY, SERVED,
    "Least that a group may set for consumer.heartbeat.interval.ms.")
SETTING(GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS, "group.consumer.min.session.timeout.ms", INT,
    "45000", FROM(1), MEDIUM, READ_ONLY, SERVED,
    "Least that a group may set for consumer.session.timeout.ms.")
SETTING(GROUP_CONSUMER_REGEX_REFRESH_INTERVAL_MS, "group.consumer.regex.refresh.interval.ms", INT,
    "600000", FROM(10000), MEDIUM | INTERNAL, READ_ONLY, SERVED,
    "How often the topics that match a group's regular expressions are looked up again.")
SETTING(GROUP_CONSUMER_SESSION_TIMEOUT_MS, "group.consumer.session.timeout.ms", INT, "45000",
    FROM(1), MEDIUM, READ_ONLY, SERVED,
    "A member of a consumer group is removed after this long without a heartbeat.")
SETTING(GROUP_COORDINATOR_APPEND_LINGER_MS, "group.coordinator.append.linger.ms", INT, "-1",
    FROM(-1), MEDIUM, READ_ONLY, LATER,
    "How long the group coordinator collects records before it writes them; -1 adapts to the load.")
SETTING(GROUP_COORDINATOR_BACKGROUND_THREADS, "group.coordinator.background.threads", INT, "2",
    FROM(1), HIGH, READ_ONLY, ACCEPTED,
    "Threads for assignors and regular expressions; ottla's shards do that work (ottla.shards).")
SETTING(GROUP_COORDINATOR_CACHED_BUFFER_MAX_BYTES, "group.coordinator.cached.buffer.max.bytes", INT,
    "1048588", FROM(524288), MEDIUM, CLUSTER_WIDE, ACCEPTED,
    "Largest write buffer that Kafka's group coordinator keeps for reuse; ottla's come from a "
    "shared pool.")
SETTING(GROUP_COORDINATOR_REBALANCE_PROTOCOLS, "group.coordinator.rebalance.protocols", LIST,
    "classic,consumer,streams", LIST_OF("consumer,classic,share,streams", FULL), MEDIUM, READ_ONLY,
    SERVED,
    "Group protocols that are served: classic, consumer, share, streams.")
SETTING(GROUP_COORDINATOR_THREADS, "group.coordinator.threads", INT, "4", FROM(1), HIGH, READ_ONLY,
    ACCEPTED,
    "Threads of the group coordinator; ottla's shards do that work (ottla.shards).")
SETTING(GROUP_INITIAL_REBALANCE_DELAY_MS, "group.initial.rebalance.delay.ms", INT, "3000", ANY,
    MEDIUM, READ_ONLY, SERVED,
    "How long the first rebalance of an empty classic group waits for more members.")
SETTING(GROUP_MAX_SESSION_TIMEOUT_MS, "group.max.session.timeout.ms", INT, "1800000", ANY, MEDIUM,
    READ_ONLY, SERVED,
    "Most that a member of a classic group may ask for as its session timeout.")
SETTING(GROUP_MAX_SIZE, "group.max.size", INT, "2147483647", FROM(1), MEDIUM, READ_ONLY, SERVED,
    "Most members of one classic group.")
SETTING(GROUP_MIN_SESSION_TIMEOUT_MS, "group.min.session.timeout.ms", INT, "6000", ANY, MEDIUM,
    READ_ONLY, SERVED,
    "Least that a member of a classic group may ask for as its session timeout.")
SETTING(GROUP_SHARE_ASSIGNMENT_INTERVAL_MS, "group.share.assignment.interval.ms", INT, "1000",
    FROM(0), MEDIUM, CLUSTER_WIDE, LATER,
    "Least time between two assignments of one share group.")
SETTING(GROUP_SHARE_ASSIGNORS, "group.share.assignors", LIST, "simple", DISTINCT(FULL), MEDIUM,
    READ_ONLY, LATER,
    "Assignors for share groups: simple or a Java class.")
SETTING(GROUP_SHARE_DELIVERY_COUNT_LIMIT, "group.share.delivery.count.limit", INT, "5",
    BETWEEN(2, 10), MEDIUM, READ_ONLY, LATER,
    "How often a share group is given one record before it is archived.")
SETTING(GROUP_SHARE_HEARTBEAT_INTERVAL_MS, "group.share.heartbeat.interval.ms", INT, "5000",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Heartbeat interval told to members of share groups.")
SETTING(GROUP_SHARE_INITIALIZE_RETRY_INTERVAL_MS, "group.share.initialize.retry.interval.ms", INT,
    "30000", FROM(1), LOW | INTERNAL, READ_ONLY, LATER,
    "Time after which initialising a share partition is tried again.")
SETTING(GROUP_SHARE_MAX_ASSIGNMENT_INTERVAL_MS, "group.share.max.assignment.interval.ms", INT,
    "15000", FROM(0), MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for share.assignment.interval.ms.")
SETTING(GROUP_SHARE_MAX_DELIVERY_COUNT_LIMIT, "group.share.max.delivery.count.limit", INT, "10",
    BETWEEN(5, 25), MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for share.delivery.count.limit.")
SETTING(GROUP_SHARE_MAX_HEARTBEAT_INTERVAL_MS, "group.share.max.heartbeat.interval.ms", INT,
    "15000", FROM(1), MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for share.heartbeat.interval.ms.")
SETTING(GROUP_SHARE_MAX_PARTITION_MAX_RECORD_LOCKS, "group.share.max.partition.max.record.locks",
    INT, "4000", BETWEEN(2000, 10000), MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for share.partition.max.record.locks.")
SETTING(GROUP_SHARE_MAX_RECORD_LOCK_DURATION_MS, "group.share.max.record.lock.duration.ms", INT,
    "60000", BETWEEN(30000, 3600000), MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for share.record.lock.duration.ms.")
SETTING(GROUP_SHARE_MAX_SESSION_TIMEOUT_MS, "group.share.max.session.timeout.ms", INT, "60000",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for share.session.timeout.ms.")
SETTING(GROUP_SHARE_MAX_SHARE_SESSIONS, "group.share.max.share.sessions", INT, "2000", FROM(1),
    MEDIUM, READ_ONLY, LATER,
    "Most share sessions that one broker keeps.")
SETTING(GROUP_SHARE_MAX_SIZE, "group.share.max.size", INT, "200", BETWEEN(1, 1000), MEDIUM,
    READ_ONLY, LATER,
    "Most members of one share group.")
SETTING(GROUP_SHARE_MIN_ASSIGNMENT_INTERVAL_MS, "group.share.min.assignment.interval.ms", INT, "0",
    FROM(0), MEDIUM, READ_ONLY, LATER,
    "Least that a group may set for share.assignment.interval.ms.")
SETTING(GROUP_SHARE_MIN_DELIVERY_COUNT_LIMIT, "group.share.min.delivery.count.limit", INT, "2",
    BETWEEN(2, 5), MEDIUM, READ_ONLY, LATER,
    "Least that a group may set for share.delivery.count.limit.")
SETTING(GROUP_SHARE_MIN_HEARTBEAT_INTERVAL_MS, "group.share.min.heartbeat.interval.ms", INT, "5000",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Least that a group may set for share.heartbeat.interval.ms.")
SETTING(GROUP_SHARE_MIN_PARTITION_MAX_RECORD_LOCKS, "group.share.min.partition.max.record.locks",
    INT, "100", BETWEEN(100, 2000), MEDIUM, READ_ONLY, LATER,
    "Least that a group may set for share.partition.max.record.locks.")
SETTING(GROUP_SHARE_MIN_RECORD_LOCK_DURATION_MS, "group.share.min.record.lock.duration.ms", INT,
    "15000", BETWEEN(1000, 30000), MEDIUM, READ_ONLY, LATER,
    "Least that a group may set for share.record.lock.duration.ms.")
SETTING(GROUP_SHARE_MIN_SESSION_TIMEOUT_MS, "group.share.min.session.timeout.ms", INT, "45000",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Least that a group may set for share.session.timeout.ms.")
SETTING(GROUP_SHARE_PARTITION_MAX_RECORD_LOCKS, "group.share.partition.max.record.locks", INT,
    "2000", BETWEEN(100, 10000), MEDIUM, READ_ONLY, LATER,
    "Most records of one partition that a share group holds at a time.")
SETTING(GROUP_SHARE_PERSISTER_CLASS_NAME, "group.share.persister.class.name", STRING,
    "org.apache.kafka.server.share.persister.DefaultStatePersister", ANY, MEDIUM | INTERNAL,
    READ_ONLY, ACCEPTED,
    "Java class that keeps the state of share groups; ottla keeps it in __share_group_state as "
    "the default class does.")
SETTING(GROUP_SHARE_RECORD_LOCK_DURATION_MS, "group.share.record.lock.duration.ms", INT, "30000",
    BETWEEN(1000, 3600000), MEDIUM, READ_ONLY, LATER,
    "A record given to a member of a share group goes to another after this long.")
SETTING(GROUP_SHARE_SESSION_TIMEOUT_MS, "group.share.session.timeout.ms", INT, "45000", FROM(1),
    MEDIUM, READ_ONLY, LATER,
    "A member of a share group is removed after this long without a heartbeat.")
SETTING(GROUP_STREAMS_ASSIGNMENT_INTERVAL_MS, "group.streams.assignment.interval.ms", INT, "1000",
    FROM(0), MEDIUM, CLUSTER_WIDE, LATER,
    "Least time between two assignments of one streams group.")
SETTING(GROUP_STREAMS_HEARTBEAT_INTERVAL_MS, "group.streams.heartbeat.interval.ms", INT, "5000",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Heartbeat interval told to members of streams groups.")
SETTING(GROUP_STREAMS_INITIAL_REBALANCE_DELAY_MS, "group.streams.initial.rebalance.delay.ms", INT,
    "3000", FROM(0), MEDIUM, READ_ONLY, LATER,
    "How long the first assignment of an empty streams group waits for more members.")
SETTING(GROUP_STREAMS_MAX_ASSIGNMENT_INTERVAL_MS, "group.streams.max.assignment.interval.ms", INT,
    "15000", FROM(0), MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for streams.assignment.interval.ms.")
SETTING(GROUP_STREAMS_MAX_HEARTBEAT_INTERVAL_MS, "group.streams.max.heartbeat.interval.ms", INT,
    "15000", FROM(1), MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for streams.heartbeat.interval.ms.")
SETTING(GROUP_STREAMS_MAX_SESSION_TIMEOUT_MS, "group.streams.max.session.timeout.ms", INT, "60000",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for streams.session.timeout.ms.")
SETTING(GROUP_STREAMS_MAX_SIZE, "group.streams.max.size", INT, "2147483647", FROM(1), MEDIUM,
    READ_ONLY, LATER,
    "Most members of one streams group.")
SETTING(GROUP_STREAMS_MAX_STANDBY_REPLICAS, "group.streams.max.standby.replicas", INT, "2", FROM(0),
    MEDIUM, READ_ONLY, LATER,
    "Most that a group may set for streams.num.standby.replicas.")
SETTING(GROUP_STREAMS_MIN_ASSIGNMENT_INTERVAL_MS, "group.streams.min.assignment.interval.ms", INT,
    "0", FROM(0), MEDIUM, READ_ONLY, LATER,
    "Least that a group may set for streams.assignment.interval.ms.")
SETTING(GROUP_STREAMS_MIN_HEARTBEAT_INTERVAL_MS, "group.streams.min.heartbeat.interval.ms", INT,
    "5000", FROM(1), MEDIUM, READ_ONLY, LATER,
    "Least that a group may set for streams.heartbeat.interval.ms.")
SETTING(GROUP_STREAMS_MIN_SESSION_TIMEOUT_MS, "group.streams.min.session.timeout.ms", INT, "45000",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Least that a group may set for streams.session.timeout.ms.")
SETTING(GROUP_STREAMS_NUM_STANDBY_REPLICAS, "group.streams.num.standby.replicas", INT, "0", FROM(0),
    MEDIUM, READ_ONLY, LATER,
    "Standby copies that each task of a streams group gets.")
SETTING(GROUP_STREAMS_SESSION_TIMEOUT_MS, "group.streams.session.timeout.ms", INT, "45000", FROM(1),
    MEDIUM, READ_ONLY, LATER,
    "A member of a streams group is removed after this long without a heartbeat.")
SETTING(INITIAL_BROKER_REGISTRATION_TIMEOUT_MS, "initial.broker.registration.timeout.ms", INT,
    "60000", ANY, MEDIUM, READ_ONLY, SERVED,
    "A broker that cannot register with the controller within this time after its start stops.")
SETTING(INTER_BROKER_LISTENER_NAME, "inter.broker.listener.name", STRING, NONE, ANY, MEDIUM,
    READ_ONLY, LATER,
    "Listener on which brokers talk to each other.")
SETTING(INTERNAL_METADATA_DELETE_DELAY_MILLIS, "internal.metadata.delete.delay.millis", LONG,
    "60000", ANY, LOW | INTERNAL, READ_ONLY, LATER,
    "How long old segments of the metadata log stay on disk after they are no longer needed.")
SETTING(INTERNAL_METADATA_LOG_SEGMENT_BYTES, "internal.metadata.log.segment.bytes", INT, NONE, ANY,
    LOW | INTERNAL, READ_ONLY, LATER,
    "Segment size of the metadata log below metadata.log.segment.bytes's least value; for tests.")
SETTING(INTERNAL_METADATA_MAX_BATCH_SIZE_IN_BYTES, "internal.metadata.max.batch.size.in.bytes", INT,
    "8388608", ANY, LOW | INTERNAL, READ_ONLY, LATER,
    "Most bytes of one batch of the metadata log.")
SETTING(KAFKA_METRICS_POLLING_INTERVAL_SECS, "kafka.metrics.polling.interval.secs", INT, "10",
    FROM(1), LOW, READ_ONLY, ACCEPTED,
    "Polling interval of Java metrics reporters; ottla runs no Java classes.")
SETTING(KAFKA_METRICS_REPORTERS, "kafka.metrics.reporters", LIST, "", DISTINCT(EMPTY), LOW,
    READ_ONLY, ACCEPTED,
    "Java classes that report Kafka's older metrics; ottla runs no Java classes.")
SETTING(LEADER_IMBALANCE_CHECK_INTERVAL_SECONDS, "leader.imbalance.check.interval.seconds", LONG,
    "300", FROM(1), HIGH, READ_ONLY, LATER,
    "Time between two checks whether leadership should go back to preferred replicas.")
SETTING(LISTENER_SECURITY_PROTOCOL_MAP, "listener.security.protocol.map", STRING,
    "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT", ANY, LOW,
    PER_BROKER, SERVED,
    "Security protocol of each listener name, NAME:PROTOCOL, comma separated.")
SETTING(LISTENERS, "listeners", LIST, "PLAINTEXT://:9092", DISTINCT(FULL), HIGH, PER_BROKER, SERVED,
    "Addresses to listen on, NAME://host:port, comma separated; an empty host is every address of "
    "the machine.")
SETTING(LOG_CLEANER_BACKOFF_MS, "log.cleaner.backoff.ms", LONG, "15000", FROM(0), MEDIUM,
    CLUSTER_WIDE, SERVED,
    "How long the cleaner waits when no log needs cleaning.")
SETTING(LOG_CLEANER_DEDUPE_BUFFER_SIZE, "log.cleaner.dedupe.buffer.size", LONG, "134217728", ANY,
    MEDIUM, CLUSTER_WIDE, SERVED,
    "Memory for the cleaner's maps of keys, all threads together.")
SETTING(LOG_CLEANER_DELETE_RETENTION_MS, "log.cleaner.delete.retention.ms", LONG, "86400000",
    FROM(0), MEDIUM, CLUSTER_WIDE, SERVED,
    "How long compacted topics keep markers of deleted keys.")
SETTING(LOG_CLEANER_ENABLE, "log.cleaner.enable", BOOLEAN, "true", ANY, MEDIUM, READ_ONLY, SERVED,
    "Run the cleaner, without which compacted topics grow for ever.")
SETTING(LOG_CLEANER_IO_BUFFER_LOAD_FACTOR, "log.cleaner.io.buffer.load.factor", DOUBLE, "0.9", ANY,
    MEDIUM, CLUSTER_WIDE, SERVED,
    "How full the cleaner's map of keys may get.")
SETTING(LOG_CLEANER_IO_BUFFER_SIZE, "log.cleaner.io.buffer.size", INT, "524288", FROM(0), MEDIUM,
    CLUSTER_WIDE, SERVED,
    "Memory for the cleaner's reads and writes, all threads together.")
SETTING(LOG_CLEANER_IO_MAX_BYTES_PER_SECOND, "log.cleaner.io.max.bytes.per.second", DOUBLE,
    "1.7976931348623157E308", ANY, MEDIUM, CLUSTER_WIDE, SERVED,
    "Most bytes a second that the cleaner reads and writes.")
SETTING(LOG_CLEANER_MAX_COMPACTION_LAG_MS, "log.cleaner.max.compaction.lag.ms", LONG,
    "9223372036854775807", FROM(1), MEDIUM, CLUSTER_WIDE, SERVED,
    "A record of a compacted topic is compacted at the latest after this time.")
SETTING(LOG_CLEANER_MIN_CLEANABLE_RATIO, "log.cleaner.min.cleanable.ratio", DOUBLE, "0.5",
    BETWEEN_REAL(0, 1), MEDIUM, CLUSTER_WIDE, SERVED,
    "Least part of a log that must be uncleaned for the cleaner to take it.")
SETTING(LOG_CLEANER_MIN_COMPACTION_LAG_MS, "log.cleaner.min.compaction.lag.ms", LONG, "0", FROM(0),
    MEDIUM, CLUSTER_WIDE, SERVED,
    "A record of a compacted topic stays as it is for at least this time.")
SETTING(LOG_CLEANER_THREADS, "log.cleaner.threads", INT, "1", FROM(0), MEDIUM, CLUSTER_WIDE, SERVED,
    "Logs that are cleaned side by side.")
SETTING(LOG_CLEANUP_POLICY, "log.cleanup.policy", LIST, "delete", LIST_OF("compact,delete", EMPTY),
    MEDIUM, CLUSTER_WIDE, SERVED,
    "What happens to old records: delete drops old segments, compact keeps the last record of "
    "each key.")
SETTING(LOG_DIR, "log.dir", LIST, "/tmp/kafka-logs", DISTINCT(FULL), HIGH, READ_ONLY, SERVED,
    "Folder of the data when log.dirs is not set.")
SETTING(LOG_DIR_FAILURE_TIMEOUT_MS, "log.dir.failure.timeout.ms", LONG, "30000", FROM(1), LOW,
    READ_ONLY, LATER,
    "A broker stops when it cannot tell the controller within this time that a log directory "
    "failed.")
SETTING(LOG_DIRS, "log.dirs", LIST, NONE, DISTINCT(NULL_OK), HIGH, READ_ONLY, SERVED,
    "Folders of the data, comma separated; new partitions go to the one with the fewest.")
SETTING(LOG_FLUSH_INTERVAL_MESSAGES, "log.flush.interval.messages", LONG, "9223372036854775807",
    FROM(1), HIGH, CLUSTER_WIDE, SERVED,
    "Sync a log to disk after this many records.")
SETTING(LOG_FLUSH_INTERVAL_MS, "log.flush.interval.ms", LONG, NONE, ANY, HIGH, CLUSTER_WIDE, SERVED,
    "Sync a log to disk after this time; log.flush.scheduler.interval.ms when not set.")
SETTING(LOG_FLUSH_OFFSET_CHECKPOINT_INTERVAL_MS, "log.flush.offset.checkpoint.interval.ms", INT,
    "60000", FROM(0), HIGH, READ_ONLY, SERVED,
    "Time between two writes of the recovery points.")
SETTING(LOG_FLUSH_SCHEDULER_INTERVAL_MS, "log.flush.scheduler.interval.ms", LONG,
    "9223372036854775807", ANY, HIGH, READ_ONLY, SERVED,
    "Time between two checks whether a log has to be synced.")
SETTING(LOG_FLUSH_START_OFFSET_CHECKPOINT_INTERVAL_MS,
    "log.flush.start.offset.checkpoint.interval.ms", INT, "60000", FROM(0), HIGH, READ_ONLY, SERVED,
    "Time between two writes of the logs' start offsets.")
SETTING(LOG_INDEX_INTERVAL_BYTES, "log.index.interval.bytes", INT, "4096", FROM(0), MEDIUM,
    CLUSTER_WIDE, SERVED,
    "Bytes of log between two entries of its offset index.")
SETTING(LOG_INDEX_SIZE_MAX_BYTES, "log.index.size.max.bytes", INT, "10485760", FROM(4), MEDIUM,
    CLUSTER_WIDE, SERVED,
    "Most bytes of one offset or time index; a full index rolls the segment.")
SETTING(LOG_INITIAL_TASK_DELAY_MS, "log.initial.task.delay.ms", LONG, "30000", FROM(0),
    LOW | INTERNAL, READ_ONLY, SERVED,
    "Wait after the start before retention, flushing and checkpointing begin.")
SETTING(LOG_LOCAL_RETENTION_BYTES, "log.local.retention.bytes", LONG, "-2", FROM(-2), MEDIUM,
    CLUSTER_WIDE, LATER,
    "Bytes of a partition kept here once they are in remote storage; -2 means retention.bytes.")
SETTING(LOG_LOCAL_RETENTION_MS, "log.local.retention.ms", LONG, "-2", FROM(-2), MEDIUM,
    CLUSTER_WIDE, LATER,
    "Time for which records stay here once they are in remote storage; -2 means retention.ms.")
SETTING(LOG_MESSAGE_TIMESTAMP_AFTER_MAX_MS, "log.message.timestamp.after.max.ms", LONG, "3600000",
    FROM(0), MEDIUM, CLUSTER_WIDE, SERVED,
    "How far a record's time may be ahead of the broker's.")
SETTING(LOG_MESSAGE_TIMESTAMP_BEFORE_MAX_MS, "log.message.timestamp.before.max.ms", LONG,
    "9223372036854775807", FROM(0), MEDIUM, CLUSTER_WIDE, SERVED,
    "How far a record's time may be behind the broker's.")
SETTING(LOG_MESSAGE_TIMESTAMP_TYPE, "log.message.timestamp.type", STRING, "CreateTime",
    ONE_OF("CreateTime,LogAppendTime"), MEDIUM, CLUSTER_WIDE, SERVED,
    "A record's time: CreateTime is the producer's, LogAppendTime the broker's.")
SETTING(LOG_PREALLOCATE, "log.preallocate", BOOLEAN, "false", ANY, MEDIUM, CLUSTER_WIDE, SERVED,
    "Reserve the whole space of a new segment on the disk.")
SETTING(LOG_RETENTION_BYTES, "log.retention.bytes", LONG, "-1", ANY, HIGH, CLUSTER_WIDE, SERVED,
    "Bytes of each partition that are kept; -1 means no limit.")
SETTING(LOG_RETENTION_CHECK_INTERVAL_MS, "log.retention.check.interval.ms", LONG, "300000", FROM(1),
    MEDIUM, READ_ONLY, SERVED,
    "Time between two checks for segments that are too old or too many.")
SETTING(LOG_RETENTION_HOURS, "log.retention.hours", INT, "168", ANY, HIGH, READ_ONLY, SERVED,
    "Hours for which records are kept when neither log.retention.minutes nor .ms is set.")
SETTING(LOG_RETENTION_MINUTES, "log.retention.minutes", INT, NONE, ANY, HIGH, READ_ONLY, SERVED,
    "Minutes for which records are kept when log.retention.ms is not set; then "
    "log.retention.hours counts.")
SETTING(LOG_RETENTION_MS, "log.retention.ms", LONG, NONE, ANY, HIGH, CLUSTER_WIDE, SERVED,
    "Milliseconds for which records are kept; -1 means for ever; then log.retention.minutes "
    "counts.")
SETTING(LOG_ROLL_HOURS, "log.roll.hours", INT, "168", FROM(1), HIGH, READ_ONLY, SERVED,
    "Hours after which a segment is closed even if it is not full, when log.roll.ms is not set.")
SETTING(LOG_ROLL_JITTER_HOURS, "log.roll.jitter.hours", INT, "0", FROM(0), HIGH, READ_ONLY, SERVED,
    "Most hours taken off log.roll.hours at random, when log.roll.jitter.ms is not set.")
SETTING(LOG_ROLL_JITTER_MS, "log.roll.jitter.ms", LONG, NONE, ANY, HIGH, CLUSTER_WIDE, SERVED,
    "Most milliseconds taken off log.roll.ms at random, so that segments do not all roll at once.")
SETTING(LOG_ROLL_MS, "log.roll.ms", LONG, NONE, ANY, HIGH, CLUSTER_WIDE, SERVED,
    "Milliseconds after which a segment is closed even if it is not full; then log.roll.hours "
    "counts.")
SETTING(LOG_SEGMENT_BYTES, "log.segment.bytes", INT, "1073741824", FROM(1048576), HIGH,
    CLUSTER_WIDE, SERVED,
    "Most bytes of one segment file.")
SETTING(LOG_SEGMENT_DELETE_DELAY_MS, "log.segment.delete.delay.ms", LONG, "60000", FROM(0), HIGH,
    CLUSTER_WIDE, SERVED,
    "How long a removed file stays on the disk under another name.")
