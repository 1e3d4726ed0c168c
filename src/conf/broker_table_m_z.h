/* clang-format off */
/*
 * The settings of a node, from m: all of Apache Kafka 4.3.1's, and ottla's own (ottla.*).
 *
 * One row for each, sorted by name:
 *   SETTING(ID, name, type, default, allowed, importance, update mode, service, sentence)
 * conf/ids.h makes the enum of it and rows.c the table; the words are explained there.
 */
SETTING(MAX_CONNECTION_CREATION_RATE, "max.connection.creation.rate", INT, "2147483647", FROM(0),
    MEDIUM, CLUSTER_WIDE, SERVED,
    "Most new connections a second that the broker accepts.")
SETTING(MAX_CONNECTIONS, "max.connections", INT, "2147483647", FROM(0), MEDIUM, CLUSTER_WIDE, SERVED,
    "Most connections that the broker keeps open.")
SETTING(MAX_CONNECTIONS_PER_IP, "max.connections.per.ip", INT, "2147483647", FROM(0), MEDIUM,
    CLUSTER_WIDE, SERVED,
    "Most connections that the broker keeps open from one address.")
SETTING(MAX_CONNECTIONS_PER_IP_OVERRIDES, "max.connections.per.ip.overrides", STRING, "", ANY,
    MEDIUM, CLUSTER_WIDE, SERVED,
    "Exceptions from max.connections.per.ip, address:count, comma separated.")
SETTING(MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS, "max.incremental.fetch.session.cache.slots", INT,
    "1000", FROM(0), MEDIUM, READ_ONLY, SERVED,
    "Most fetch sessions that the broker keeps.")
SETTING(MAX_REQUEST_PARTITION_SIZE_LIMIT, "max.request.partition.size.limit", INT, "2000", FROM(1),
    MEDIUM, READ_ONLY, SERVED,
    "Most partitions that one DescribeTopicPartitions reply lists.")
SETTING(MESSAGE_MAX_BYTES, "message.max.bytes", INT, "1048588", FROM(0), HIGH, CLUSTER_WIDE, SERVED,
    "Most bytes of one record batch, after compression.")
SETTING(METADATA_LOG_DIR, "metadata.log.dir", STRING, NONE, ANY, HIGH, READ_ONLY, SERVED,
    "Folder of the metadata log; the first of log.dirs when not set.")
SETTING(METADATA_LOG_MAX_RECORD_BYTES_BETWEEN_SNAPSHOTS,
    "metadata.log.max.record.bytes.between.snapshots", LONG, "20971520", FROM(1), HIGH, READ_ONLY,
    SERVED,
    "Bytes of metadata log after which the next snapshot is written.")
SETTING(METADATA_LOG_MAX_SNAPSHOT_INTERVAL_MS, "metadata.log.max.snapshot.interval.ms", LONG,
    "3600000", FROM(0), HIGH, READ_ONLY, SERVED,
    "Time after which the next snapshot of the metadata is written if anything changed; 0 means "
    "never.")
SETTING(METADATA_LOG_SEGMENT_BYTES, "metadata.log.segment.bytes", INT, "1073741824", FROM(8388608),
    HIGH, READ_ONLY, SERVED,
    "Most bytes of one segment file of the metadata log.")
SETTING(METADATA_LOG_SEGMENT_MS, "metadata.log.segment.ms", LONG, "604800000", ANY, HIGH, READ_ONLY,
    SERVED,
    "Time after which a segment of the metadata log is closed.")
SETTING(METADATA_MAX_IDLE_INTERVAL_MS, "metadata.max.idle.interval.ms", INT, "500", FROM(0), LOW,
    READ_ONLY, LATER,
    "The active controller writes an empty record after this long without one; 0 means never.")
SETTING(METADATA_MAX_RETENTION_BYTES, "metadata.max.retention.bytes", LONG, "104857600", ANY, HIGH,
    READ_ONLY, SERVED,
    "Bytes of metadata log and snapshots that are kept.")
SETTING(METADATA_MAX_RETENTION_MS, "metadata.max.retention.ms", LONG, "604800000", ANY, HIGH,
    READ_ONLY, SERVED,
    "Time for which the metadata log and its snapshots are kept.")
SETTING(METRIC_REPORTERS, "metric.reporters", LIST, "org.apache.kafka.common.metrics.JmxReporter",
    DISTINCT(EMPTY), LOW, CLUSTER_WIDE, ACCEPTED,
    "Java classes that report metrics; ottla runs no Java classes.")
SETTING(METRICS_NUM_SAMPLES, "metrics.num.samples", INT, "2", FROM(1), LOW, READ_ONLY, ACCEPTED,
    "Number of samples behind each of Kafka's metrics; ottla counts without samples.")
SETTING(METRICS_RECORDING_LEVEL, "metrics.recording.level", STRING, "INFO", ANY, LOW, READ_ONLY,
    ACCEPTED,
    "How detailed Kafka's metrics are; ottla's cost too little to leave some out.")
SETTING(METRICS_SAMPLE_WINDOW_MS, "metrics.sample.window.ms", LONG, "30000", FROM(1), LOW,
    READ_ONLY, ACCEPTED,
    "Length of a sample of Kafka's metrics; ottla counts without samples.")
SETTING(MIN_INSYNC_REPLICAS, "min.insync.replicas", INT, "1", FROM(1), HIGH, CLUSTER_WIDE, SERVED,
    "With acks=all a write needs this many replicas in sync.")
SETTING(NODE_ID, "node.id", INT, REQUIRED, FROM(0), HIGH, READ_ONLY, SERVED,
    "Number of this node, unique in the cluster.")
SETTING(NUM_IO_THREADS, "num.io.threads", INT, "8", FROM(1), HIGH, CLUSTER_WIDE, ACCEPTED,
    "Threads that carry out requests in Kafka; ottla's shards do that work (ottla.shards).")
SETTING(NUM_NETWORK_THREADS, "num.network.threads", INT, "3", FROM(1), HIGH, CLUSTER_WIDE, ACCEPTED,
    "Threads that read and write sockets in Kafka; ottla's shards do that work (ottla.shards).")
SETTING(NUM_PARTITIONS, "num.partitions", INT, "1", FROM(1), MEDIUM, READ_ONLY, SERVED,
    "Partitions of a topic that is created without saying how many.")
SETTING(NUM_RECOVERY_THREADS_PER_DATA_DIR, "num.recovery.threads.per.data.dir", INT, "2", FROM(1),
    HIGH, CLUSTER_WIDE, SERVED,
    "Logs of one data folder that are recovered side by side after an unclean stop.")
SETTING(NUM_REPLICA_ALTER_LOG_DIRS_THREADS, "num.replica.alter.log.dirs.threads", INT, NONE, ANY,
    HIGH, READ_ONLY, ACCEPTED,
    "Threads that move replicas between log directories; ottla's shards do that work "
    "(ottla.shards).")
SETTING(NUM_REPLICA_FETCHERS, "num.replica.fetchers", INT, "1", FROM(1), HIGH, CLUSTER_WIDE,
    ACCEPTED,
    "Threads that fetch from each other broker; ottla's shards do that work (ottla.shards).")
SETTING(OFFSET_METADATA_MAX_BYTES, "offset.metadata.max.bytes", INT, "4096", ANY, HIGH, READ_ONLY,
    SERVED,
    "Most bytes of the text that a client may store with a committed offset.")
SETTING(OFFSETS_COMMIT_TIMEOUT_MS, "offsets.commit.timeout.ms", INT, "5000", FROM(1), HIGH,
    READ_ONLY, LATER,
    "How long a commit of offsets waits to be replicated.")
SETTING(OFFSETS_LOAD_BUFFER_SIZE, "offsets.load.buffer.size", INT, "5242880", FROM(1), HIGH,
    READ_ONLY, SERVED,
    "Bytes of __consumer_offsets that are read at a time when a coordinator loads.")
SETTING(OFFSETS_RETENTION_CHECK_INTERVAL_MS, "offsets.retention.check.interval.ms", LONG, "600000",
    FROM(1), HIGH, READ_ONLY, SERVED,
    "Time between two sweeps for expired committed offsets.")
SETTING(OFFSETS_RETENTION_MINUTES, "offsets.retention.minutes", INT, "10080", FROM(1), HIGH,
    READ_ONLY, SERVED,
    "How long committed offsets of a group without members are kept.")
SETTING(OFFSETS_TOPIC_COMPRESSION_CODEC, "offsets.topic.compression.codec", INT, "0", ANY, HIGH,
    READ_ONLY, SERVED,
    "Codec of __consumer_offsets: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.")
SETTING(OFFSETS_TOPIC_NUM_PARTITIONS, "offsets.topic.num.partitions", INT, "50", FROM(1), HIGH,
    READ_ONLY, SERVED,
    "Partitions of __consumer_offsets; not to be changed once it exists.")
SETTING(OFFSETS_TOPIC_REPLICATION_FACTOR, "offsets.topic.replication.factor", SHORT, "3", FROM(1),
    HIGH, READ_ONLY, SERVED,
    "Replicas of __consumer_offsets.")
SETTING(OFFSETS_TOPIC_SEGMENT_BYTES, "offsets.topic.segment.bytes", INT, "104857600", FROM(1), HIGH,
    READ_ONLY, SERVED,
    "Segment size of __consumer_offsets.")
SETTING(OTTLA_DISK_THREADS, "ottla.disk.threads", INT, "2", BETWEEN(1, 256), MEDIUM, READ_ONLY,
    SERVED,
    "Threads for each data folder that open, sync and recover files and wait for the disk.")
SETTING(OTTLA_HTTP_LISTENER, "ottla.http.listener", STRING, "", ANY, MEDIUM, READ_ONLY, SERVED,
    "host:port that serves /metrics, /health/live and /health/ready over HTTP, as docs/metrics.md "
    "has them; empty means none.")
SETTING(OTTLA_LOG_DIR_RESERVE_BYTES, "ottla.log.dir.reserve.bytes", LONG, "67108864", FROM(0),
    MEDIUM, READ_ONLY, SERVED,
    "Room that a data folder's disk keeps for other things than producers' records, which are "
    "refused (KAFKA_STORAGE_ERROR) while less is free; at most a quarter of the disk. 0: none.")
SETTING(OTTLA_LOG_LEVEL, "ottla.log.level", STRING, "info", ONE_OF("debug,info,warn,error"), MEDIUM,
    READ_ONLY, SERVED,
    "Least importance of log lines that are written.")
SETTING(OTTLA_QUEUED_MAX_RESPONSE_BYTES, "ottla.queued.max.response.bytes", LONG, "268435456",
    FROM(1048576), MEDIUM, READ_ONLY, SERVED,
    "Bytes of replies that clients have not taken yet, above which the broker answers no more and "
    "closes the connections that have taken nothing for the longest time.")
SETTING(OTTLA_RETENTION_BY_APPEND_TIME, "ottla.retention.by.append.time", BOOLEAN, "false", ANY,
    MEDIUM, READ_ONLY, SERVED,
    "For retention a segment is never younger than its last append, so that a record stamped in the "
    "future does not keep it; Kafka looks at the records' times alone.")
SETTING(OTTLA_SHARDS, "ottla.shards", INT, "0", BETWEEN(0, 1024), MEDIUM, READ_ONLY, SERVED,
    "Event loops that share the work, each with a core of its own; 0 means one for each core.")
SETTING(OTTLA_UNWRITTEN_BYTES_MAX, "ottla.unwritten.bytes.max", LONG, "134217728", FROM(16384),
    MEDIUM, READ_ONLY, SERVED,
    "So many bytes of each data folder may be appended before its disk has written them; then "
    "appends to this folder wait, so that a disk that stalls does not hold up the others.")
SETTING(PRINCIPAL_BUILDER_CLASS, "principal.builder.class", CLASS,
    "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder", ANY, MEDIUM,
    PER_BROKER, REFUSED,
    "Java class that names the user of a connection; ottla names them as the default class does.")
SETTING(PROCESS_ROLES, "process.roles", LIST, REQUIRED, LIST_OF("broker,controller", FULL), HIGH,
    READ_ONLY, SERVED,
    "What this node is: broker, controller or both.")
SETTING(PRODUCER_ID_EXPIRATION_CHECK_INTERVAL_MS, "producer.id.expiration.check.interval.ms", INT,
    "600000", FROM(1), LOW | INTERNAL, READ_ONLY, SERVED,
    "Time between two sweeps for idempotent producers that stopped writing.")
SETTING(PRODUCER_ID_EXPIRATION_MS, "producer.id.expiration.ms", INT, "86400000", FROM(1), LOW,
    CLUSTER_WIDE, SERVED,
    "A partition forgets an idempotent producer that wrote nothing for this long.")
SETTING(PRODUCER_PURGATORY_PURGE_INTERVAL_REQUESTS, "producer.purgatory.purge.interval.requests",
    INT, "1000", ANY, MEDIUM, READ_ONLY, ACCEPTED,
    "Kafka sweeps finished produce requests after this many; ottla removes each when it is done.")
SETTING(QUEUED_MAX_REQUEST_BYTES, "queued.max.request.bytes", LONG, "-1", ANY, MEDIUM, READ_ONLY,
    SERVED,
    "Bytes of waiting requests after which the broker stops reading from sockets; -1 means no "
    "limit.")
SETTING(QUEUED_MAX_REQUESTS, "queued.max.requests", INT, "500", FROM(1), HIGH, READ_ONLY, ACCEPTED,
    "Requests that Kafka queues between its threads; ottla carries each out where it arrives.")
SETTING(QUOTA_WINDOW_NUM, "quota.window.num", INT, "11", FROM(1), LOW, READ_ONLY, LATER,
    "Number of samples kept to measure clients' rates.")
SETTING(QUOTA_WINDOW_SIZE_SECONDS, "quota.window.size.seconds", INT, "1", FROM(1), LOW, READ_ONLY,
    LATER,
    "Length of one sample of clients' rates.")
SETTING(REMOTE_FETCH_MAX_WAIT_MS, "remote.fetch.max.wait.ms", INT, "500", FROM(1), MEDIUM,
    CLUSTER_WIDE, LATER,
    "How long a fetch from remote storage may wait.")
SETTING(REMOTE_LIST_OFFSETS_REQUEST_TIMEOUT_MS, "remote.list.offsets.request.timeout.ms", LONG,
    "30000", FROM(1), MEDIUM, CLUSTER_WIDE, LATER,
    "How long looking up an offset in remote storage may take.")
SETTING(REMOTE_LOG_INDEX_FILE_CACHE_TOTAL_SIZE_BYTES,
    "remote.log.index.file.cache.total.size.bytes", LONG, "1073741824", FROM(1), LOW, CLUSTER_WIDE,
    LATER,
    "Bytes of remote segments' indexes that are kept here.")
SETTING(REMOTE_LOG_INDEX_FILE_CACHE_TTL_MS, "remote.log.index.file.cache.ttl.ms", LONG, "900000",
    FROM(-1), LOW | INTERNAL, READ_ONLY, LATER,
    "Time without use after which a cached index of a remote segment is dropped.")
SETTING(REMOTE_LOG_MANAGER_COPIER_THREAD_POOL_SIZE, "remote.log.manager.copier.thread.pool.size",
    INT, "10", FROM(1), MEDIUM, CLUSTER_WIDE, LATER,
    "Segments that are copied to remote storage side by side.")
SETTING(REMOTE_LOG_MANAGER_COPY_MAX_BYTES_PER_SECOND,
    "remote.log.manager.copy.max.bytes.per.second", LONG, "9223372036854775807", FROM(1), MEDIUM,
    CLUSTER_WIDE, LATER,
    "Most bytes a second that are copied to remote storage.")
SETTING(REMOTE_LOG_MANAGER_COPY_QUOTA_WINDOW_NUM, "remote.log.manager.copy.quota.window.num", INT,
    "11", FROM(1), MEDIUM, READ_ONLY, LATER,
    "Number of samples kept to measure the rate of copying to remote storage.")
SETTING(REMOTE_LOG_MANAGER_COPY_QUOTA_WINDOW_SIZE_SECONDS,
    "remote.log.manager.copy.quota.window.size.seconds", INT, "1", FROM(1), MEDIUM, READ_ONLY,
    LATER,
    "Length of one sample of the rate of copying to remote storage.")
SETTING(REMOTE_LOG_MANAGER_EXPIRATION_THREAD_POOL_SIZE,
    "remote.log.manager.expiration.thread.pool.size", INT, "10", FROM(1), MEDIUM, CLUSTER_WIDE,
    LATER,
    "Partitions whose remote segments are expired side by side.")
SETTING(REMOTE_LOG_MANAGER_FETCH_MAX_BYTES_PER_SECOND,
    "remote.log.manager.fetch.max.bytes.per.second", LONG, "9223372036854775807", FROM(1), MEDIUM,
    CLUSTER_WIDE, LATER,
    "Most bytes a second that are read from remote storage.")
SETTING(REMOTE_LOG_MANAGER_FETCH_QUOTA_WINDOW_NUM, "remote.log.manager.fetch.quota.window.num", INT,
    "11", FROM(1), MEDIUM, READ_ONLY, LATER,
    "Number of samples kept to measure the rate of reading from remote storage.")
SETTING(REMOTE_LOG_MANAGER_FETCH_QUOTA_WINDOW_SIZE_SECONDS,
    "remote.log.manager.fetch.quota.window.size.seconds", INT, "1", FROM(1), MEDIUM, READ_ONLY,
    LATER,
    "Length of one sample of the rate of reading from remote storage.")
SETTING(REMOTE_LOG_MANAGER_FOLLOWER_THREAD_POOL_SIZE,
    "remote.log.manager.follower.thread.pool.size", INT, "2", FROM(1), MEDIUM, CLUSTER_WIDE, LATER,
    "Followers that look up remote metadata side by side.")
SETTING(REMOTE_LOG_MANAGER_TASK_INTERVAL_MS, "remote.log.manager.task.interval.ms", LONG, "30000",
    FROM(1), LOW, READ_ONLY, LATER,
    "Time between two rounds of copying to and expiring from remote storage.")
SETTING(REMOTE_LOG_MANAGER_TASK_RETRY_BACKOFF_MAX_MS,
    "remote.log.manager.task.retry.backoff.max.ms", LONG, "30000", FROM(1), LOW | INTERNAL,
    READ_ONLY, LATER,
    "Longest pause before a failed remote storage task is tried again.")
SETTING(REMOTE_LOG_MANAGER_TASK_RETRY_BACKOFF_MS, "remote.log.manager.task.retry.backoff.ms", LONG,
    "500", FROM(1), LOW | INTERNAL, READ_ONLY, LATER,
    "First pause before a failed remote storage task is tried again.")
SETTING(REMOTE_LOG_MANAGER_TASK_RETRY_JITTER, "remote.log.manager.task.retry.jitter", DOUBLE, "0.2",
    BETWEEN_REAL(0, 0.5), LOW | INTERNAL, READ_ONLY, LATER,
    "Random part of the pause before a failed remote storage task is tried again.")
SETTING(REMOTE_LOG_MANAGER_THREAD_POOL_SIZE, "remote.log.manager.thread.pool.size", INT, "2",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Threads for remote storage's regular work.")
SETTING(REMOTE_LOG_METADATA_CUSTOM_METADATA_MAX_BYTES,
    "remote.log.metadata.custom.metadata.max.bytes", INT, "128", FROM(0), LOW, READ_ONLY, LATER,
    "Most bytes of its own that a remote storage may attach to a segment's metadata.")
SETTING(REMOTE_LOG_METADATA_MANAGER_CLASS_NAME, "remote.log.metadata.manager.class.name", STRING,
    "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager",
    NOT_EMPTY, MEDIUM, READ_ONLY, LATER,
    "Java class that keeps the list of remote segments.")
SETTING(REMOTE_LOG_METADATA_MANAGER_CLASS_PATH, "remote.log.metadata.manager.class.path", STRING,
    NONE, ANY, MEDIUM, READ_ONLY, LATER,
    "Class path of remote.log.metadata.manager.class.name.")
SETTING(REMOTE_LOG_METADATA_MANAGER_IMPL_PREFIX, "remote.log.metadata.manager.impl.prefix", STRING,
    "rlmm.config.", NOT_EMPTY, MEDIUM, READ_ONLY, LATER,
    "Prefix of settings meant for the keeper of the list of remote segments.")
SETTING(REMOTE_LOG_METADATA_MANAGER_LISTENER_NAME, "remote.log.metadata.manager.listener.name",
    STRING, NONE, NOT_EMPTY, MEDIUM, READ_ONLY, LATER,
    "Listener over which the list of remote segments is kept.")
SETTING(REMOTE_LOG_READER_MAX_PENDING_TASKS, "remote.log.reader.max.pending.tasks", INT, "100",
    FROM(1), MEDIUM, READ_ONLY, LATER,
    "Most reads from remote storage that wait.")
SETTING(REMOTE_LOG_READER_THREADS, "remote.log.reader.threads", INT, "10", FROM(1), MEDIUM,
    CLUSTER_WIDE, LATER,
    "Reads from remote storage that run side by side.")
SETTING(REMOTE_LOG_STORAGE_MANAGER_CLASS_NAME, "remote.log.storage.manager.class.name", STRING,
    NONE, NOT_EMPTY, MEDIUM, READ_ONLY, LATER,
    "Java class that reads and writes remote storage.")
SETTING(REMOTE_LOG_STORAGE_MANAGER_CLASS_PATH, "remote.log.storage.manager.class.path", STRING,
    NONE, ANY, MEDIUM, READ_ONLY, LATER,
    "Class path of remote.log.storage.manager.class.name.")
SETTING(REMOTE_LOG_STORAGE_MANAGER_IMPL_PREFIX, "remote.log.storage.manager.impl.prefix", STRING,
    "rsm.config.", NOT_EMPTY, MEDIUM, READ_ONLY, LATER,
    "Prefix of settings meant for the remote storage.")
SETTING(REMOTE_LOG_STORAGE_SYSTEM_ENABLE, "remote.log.storage.system.enable", BOOLEAN, "false", ANY,
    MEDIUM, READ_ONLY, REFUSED,
    "Allow topics to keep old segments in remote storage.")
SETTING(REPLICA_FETCH_BACKOFF_MS, "replica.fetch.backoff.ms", INT, "1000", FROM(0), MEDIUM,
    READ_ONLY, LATER,
    "Pause of a follower before it fetches a partition again after an error.")
SETTING(REPLICA_FETCH_MAX_BYTES, "replica.fetch.max.bytes", INT, "1048576", FROM(0), MEDIUM,
    READ_ONLY, LATER,
    "Bytes that a follower asks for from each partition in one fetch.")
SETTING(REPLICA_FETCH_MIN_BYTES, "replica.fetch.min.bytes", INT, "1", ANY, HIGH, READ_ONLY, LATER,
    "Bytes that a follower's fetch waits for.")
SETTING(REPLICA_FETCH_RESPONSE_MAX_BYTES, "replica.fetch.response.max.bytes", INT, "10485760",
    FROM(0), MEDIUM, READ_ONLY, LATER,
    "Bytes that a follower asks for in one fetch altogether.")
SETTING(REPLICA_FETCH_WAIT_MAX_MS, "replica.fetch.wait.max.ms", INT, "500", ANY, HIGH, READ_ONLY,
    LATER,
    "How long a follower's fetch waits for data; has to be below replica.lag.time.max.ms.")
SETTING(REPLICA_HIGH_WATERMARK_CHECKPOINT_INTERVAL_MS,
    "replica.high.watermark.checkpoint.interval.ms", LONG, "5000", ANY, HIGH, READ_ONLY, SERVED,
    "Time between two writes of the high watermarks.")
SETTING(REPLICA_LAG_TIME_MAX_MS, "replica.lag.time.max.ms", LONG, "30000", ANY, HIGH, READ_ONLY,
    LATER,
    "A follower that was not at the end of the log for this long leaves the replicas in sync.")
SETTING(REPLICA_SELECTOR_CLASS, "replica.selector.class", STRING, NONE, ANY, MEDIUM, READ_ONLY,
    LATER,
    "Java class that picks the replica a consumer reads from; the leader when not set.")
SETTING(REPLICA_SOCKET_RECEIVE_BUFFER_BYTES, "replica.socket.receive.buffer.bytes", INT, "65536",
    ANY, HIGH, READ_ONLY, LATER,
    "Receive buffer of sockets that fetch from other brokers; -1 leaves it to the system.")
SETTING(REPLICA_SOCKET_TIMEOUT_MS, "replica.socket.timeout.ms", INT, "30000", ANY, HIGH, READ_ONLY,
    LATER,
    "Timeout of requests of followers; at least replica.fetch.wait.max.ms.")
SETTING(REPLICATION_QUOTA_WINDOW_NUM, "replication.quota.window.num", INT, "11", FROM(1), LOW,
    READ_ONLY, LATER,
    "Number of samples kept to measure the rate of throttled replication.")
SETTING(REPLICATION_QUOTA_WINDOW_SIZE_SECONDS, "replication.quota.window.size.seconds", INT, "1",
    FROM(1), LOW, READ_ONLY, LATER,
    "Length of one sample of the rate of throttled replication.")
SETTING(REQUEST_TIMEOUT_MS, "request.timeout.ms", INT, "30000", ANY, HIGH, READ_ONLY, LATER,
    "How long requests that this node itself sends may take.")
SETTING(SASL_CLIENT_CALLBACK_HANDLER_CLASS, "sasl.client.callback.handler.class", CLASS, NONE, ANY,
    MEDIUM, READ_ONLY, LATER,
    "Java class that finds credentials for connections to other nodes.")
SETTING(SASL_ENABLED_MECHANISMS, "sasl.enabled.mechanisms", LIST, "GSSAPI", DISTINCT(EMPTY), MEDIUM,
    PER_BROKER, LATER,
    "SASL mechanisms that listeners offer.")
SETTING(SASL_JAAS_CONFIG, "sasl.jaas.config", PASSWORD, NONE, ANY, MEDIUM, PER_BROKER, LATER,
    "Credentials for SASL in JAAS's form; set for each listener and mechanism with a prefix.")
SETTING(SASL_KERBEROS_KINIT_CMD, "sasl.kerberos.kinit.cmd", STRING, "/usr/bin/kinit", ANY, MEDIUM,
    PER_BROKER, LATER,
    "Path of Kerberos' kinit.")
SETTING(SASL_KERBEROS_MIN_TIME_BEFORE_RELOGIN, "sasl.kerberos.min.time.before.relogin", LONG,
    "60000", ANY, MEDIUM, PER_BROKER, LATER,
    "Least milliseconds between two Kerberos logins.")
SETTING(SASL_KERBEROS_PRINCIPAL_TO_LOCAL_RULES, "sasl.kerberos.principal.to.local.rules", LIST,
    "DEFAULT", DISTINCT(EMPTY), MEDIUM, PER_BROKER, LATER,
    "Rules that turn a Kerberos principal into a user name; the first that fits counts.")
SETTING(SASL_KERBEROS_SERVICE_NAME, "sasl.kerberos.service.name", STRING, NONE, ANY, MEDIUM,
    PER_BROKER, LATER,
    "Kerberos name of the service that brokers run as.")
SETTING(SASL_KERBEROS_TICKET_RENEW_JITTER, "sasl.kerberos.ticket.renew.jitter", DOUBLE, "0.05", ANY,
    MEDIUM, PER_BROKER, LATER,
    "Random part of the time at which a Kerberos ticket is renewed.")
SETTING(SASL_KERBEROS_TICKET_RENEW_WINDOW_FACTOR, "sasl.kerberos.ticket.renew.window.factor",
    DOUBLE, "0.8", ANY, MEDIUM, PER_BROKER, LATER,
    "Part of a Kerberos ticket's life after which it is renewed.")
SETTING(SASL_LOGIN_CALLBACK_HANDLER_CLASS, "sasl.login.callback.handler.class", CLASS, NONE, ANY,
    MEDIUM, READ_ONLY, LATER,
    "Java class that handles a SASL login's questions.")
SETTING(SASL_LOGIN_CLASS, "sasl.login.class", CLASS, NONE, ANY, MEDIUM, READ_ONLY, LATER,
    "Java class that carries out a SASL login.")
SETTING(SASL_LOGIN_CONNECT_TIMEOUT_MS, "sasl.login.connect.timeout.ms", INT, NONE, ANY, LOW,
    READ_ONLY, LATER,
    "How long connecting to an OAuth token service may take.")
SETTING(SASL_LOGIN_READ_TIMEOUT_MS, "sasl.login.read.timeout.ms", INT, NONE, ANY, LOW, READ_ONLY,
    LATER,
    "How long reading from an OAuth token service may take.")
SETTING(SASL_LOGIN_REFRESH_BUFFER_SECONDS, "sasl.login.refresh.buffer.seconds", SHORT, "300", ANY,
    MEDIUM, PER_BROKER, LATER,
    "Seconds before its end by which an OAuth token is refreshed.")
SETTING(SASL_LOGIN_REFRESH_MIN_PERIOD_SECONDS, "sasl.login.refresh.min.period.seconds", SHORT, "60",
    ANY, MEDIUM, PER_BROKER, LATER,
    "Least seconds between two refreshes of an OAuth token.")
SETTING(SASL_LOGIN_REFRESH_WINDOW_FACTOR, "sasl.login.refresh.window.factor", DOUBLE, "0.8", ANY,
    MEDIUM, PER_BROKER, LATER,
    "Part of an OAuth token's life after which it is refreshed.")
SETTING(SASL_LOGIN_REFRESH_WINDOW_JITTER, "sasl.login.refresh.window.jitter", DOUBLE, "0.05", ANY,
    MEDIUM, PER_BROKER, LATER,
    "Random part of the time at which an OAuth token is refreshed.")
SETTING(SASL_LOGIN_RETRY_BACKOFF_MAX_MS, "sasl.login.retry.backoff.max.ms", LONG, "10000", ANY, LOW,
    READ_ONLY, LATER,
    "Longest pause between two tries to reach an OAuth token service.")
SETTING(SASL_LOGIN_RETRY_BACKOFF_MS, "sasl.login.retry.backoff.ms", LONG, "100", ANY, LOW,
    READ_ONLY, LATER,
    "First pause between two tries to reach an OAuth token service.")
SETTING(SASL_MECHANISM_CONTROLLER_PROTOCOL, "sasl.mechanism.controller.protocol", STRING, "GSSAPI",
    ANY, HIGH, READ_ONLY, LATER,
    "SASL mechanism for connections to controllers.")
SETTING(SASL_MECHANISM_INTER_BROKER_PROTOCOL, "sasl.mechanism.inter.broker.protocol", STRING,
    "GSSAPI", ANY, MEDIUM, PER_BROKER, LATER,
    "SASL mechanism for connections between brokers.")
SETTING(SASL_OAUTHBEARER_ASSERTION_ALGORITHM, "sasl.oauthbearer.assertion.algorithm", STRING,
    "RS256", ONE_OF_ANY_CASE("ES256,RS256"), MEDIUM, READ_ONLY, LATER,
    "Signature algorithm of the assertion sent to an OAuth token service.")
SETTING(SASL_OAUTHBEARER_ASSERTION_CLAIM_AUD, "sasl.oauthbearer.assertion.claim.aud", STRING, NONE,
    ANY, MEDIUM, READ_ONLY, LATER,
    "Audience claim of the assertion sent to an OAuth token service.")
SETTING(SASL_OAUTHBEARER_ASSERTION_CLAIM_EXP_SECONDS,
    "sasl.oauthbearer.assertion.claim.exp.seconds", INT, "300", BETWEEN(0, 86400), LOW, READ_ONLY,
    LATER,
    "Seconds for which the assertion sent to an OAuth token service is valid.")
SETTING(SASL_OAUTHBEARER_ASSERTION_CLAIM_ISS, "sasl.oauthbearer.assertion.claim.iss", STRING, NONE,
    ANY, MEDIUM, READ_ONLY, LATER,
    "Issuer claim of the assertion sent to an OAuth token service.")
SETTING(SASL_OAUTHBEARER_ASSERTION_CLAIM_JTI_INCLUDE,
    "sasl.oauthbearer.assertion.claim.jti.include", BOOLEAN, "false", ANY, MEDIUM, READ_ONLY, LATER,
    "Give each assertion sent to an OAuth token service a unique id.")
SETTING(SASL_OAUTHBEARER_ASSERTION_CLAIM_NBF_SECONDS,
    "sasl.oauthbearer.assertion.claim.nbf.seconds", INT, "60", BETWEEN(0, 3600), LOW, READ_ONLY,
    LATER,
    "Seconds by which the assertion's first valid time is put back.")
SETTING(SASL_OAUTHBEARER_ASSERTION_CLAIM_SUB, "sasl.oauthbearer.assertion.claim.sub", STRING, NONE,
    ANY, MEDIUM, READ_ONLY, LATER,
    "Subject claim of the assertion sent to an OAuth token service.")
SETTING(SASL_OAUTHBEARER_ASSERTION_FILE, "sasl.oauthbearer.assertion.file", STRING, NONE, ANY,
    MEDIUM, READ_ONLY, LATER,
    "File with a ready made assertion for an OAuth token service.")
SETTING(SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE, "sasl.oauthbearer.assertion.private.key.file",
    STRING, NONE, ANY, MEDIUM, READ_ONLY, LATER,
    "File with the key that signs the assertion.")
SETTING(SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_PASSPHRASE,
    "sasl.oauthbearer.assertion.private.key.passphrase", PASSWORD, NONE, ANY, MEDIUM, READ_ONLY,
    LATER,
    "Passphrase of the key that signs the assertion.")
SETTING(SASL_OAUTHBEARER_ASSERTION_TEMPLATE_FILE, "sasl.oauthbearer.assertion.template.file",
    STRING, NONE, ANY, MEDIUM, READ_ONLY, LATER,
    "File with headers and claims to begin an assertion with.")
SETTING(SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_ID,
    "sasl.oauthbearer.client.credentials.client.id", STRING, NONE, ANY, MEDIUM, READ_ONLY, LATER,
    "Client id for the OAuth client credentials grant.")
SETTING(SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_SECRET,
    "sasl.oauthbearer.client.credentials.client.secret", PASSWORD, NONE, ANY, MEDIUM, READ_ONLY,
    LATER,
    "Client secret for the OAuth client credentials grant.")
SETTING(SASL_OAUTHBEARER_CLOCK_SKEW_SECONDS, "sasl.oauthbearer.clock.skew.seconds", INT, "30", ANY,
    LOW, READ_ONLY, LATER,
    "Seconds by which the clocks of a token's issuer and of the broker may differ.")
SETTING(SASL_OAUTHBEARER_EXPECTED_AUDIENCE, "sasl.oauthbearer.expected.audience", LIST, "",
    DISTINCT(EMPTY), HIGH, READ_ONLY, LATER,
    "Audiences of which a token has to name one.")
SETTING(SASL_OAUTHBEARER_EXPECTED_ISSUER, "sasl.oauthbearer.expected.issuer", STRING, NONE, ANY,
    HIGH, READ_ONLY, LATER,
    "Issuer that a token has to name.")
SETTING(SASL_OAUTHBEARER_JWKS_ENDPOINT_REFRESH_MS, "sasl.oauthbearer.jwks.endpoint.refresh.ms",
    LONG, "3600000", ANY, LOW, READ_ONLY, LATER,
    "Time after which an issuer's keys are fetched again.")
SETTING(SASL_OAUTHBEARER_JWKS_ENDPOINT_RETRY_BACKOFF_MAX_MS,
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", LONG, "10000", ANY, LOW, READ_ONLY,
    LATER,
    "Longest pause between two tries to fetch an issuer's keys.")
SETTING(SASL_OAUTHBEARER_JWKS_ENDPOINT_RETRY_BACKOFF_MS,
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", LONG, "100", ANY, LOW, READ_ONLY, LATER,
    "First pause between two tries to fetch an issuer's keys.")
SETTING(SASL_OAUTHBEARER_JWKS_ENDPOINT_URL, "sasl.oauthbearer.jwks.endpoint.url", STRING, NONE, ANY,
    MEDIUM, READ_ONLY, LATER,
    "Address of the keys with which an issuer signs tokens.")
SETTING(SASL_OAUTHBEARER_JWT_RETRIEVER_CLASS, "sasl.oauthbearer.jwt.retriever.class", CLASS,
    "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", ANY, MEDIUM, READ_ONLY,
    LATER,
    "Java class that fetches OAuth tokens.")
SETTING(SASL_OAUTHBEARER_JWT_VALIDATOR_CLASS, "sasl.oauthbearer.jwt.validator.class", CLASS,
    "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", ANY, MEDIUM, READ_ONLY,
    LATER,
    "Java class that checks OAuth tokens.")
SETTING(SASL_OAUTHBEARER_SCOPE, "sasl.oauthbearer.scope", STRING, NONE, ANY, MEDIUM, READ_ONLY,
    LATER,
    "Scope asked for from an OAuth token service.")
SETTING(SASL_OAUTHBEARER_SCOPE_CLAIM_NAME, "sasl.oauthbearer.scope.claim.name", STRING, "scope",
    ANY, LOW, READ_ONLY, LATER,
    "Name of the scope claim in tokens.")
SETTING(SASL_OAUTHBEARER_SUB_CLAIM_NAME, "sasl.oauthbearer.sub.claim.name", STRING, "sub", ANY, LOW,
    READ_ONLY, LATER,
    "Name of the subject claim in tokens.")
SETTING(SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL, "sasl.oauthbearer.token.endpoint.url", STRING, NONE,
    ANY, MEDIUM, READ_ONLY, LATER,
    "Address of the OAuth token service.")
SETTING(SASL_SERVER_CALLBACK_HANDLER_CLASS, "sasl.server.callback.handler.class", CLASS, NONE, ANY,
    MEDIUM, READ_ONLY, LATER,
    "Java class that checks credentials of clients.")
SETTING(SASL_SERVER_MAX_RECEIVE_SIZE, "sasl.server.max.receive.size", INT, "524288", ANY, MEDIUM,
    READ_ONLY, LATER,
    "Most bytes of one SASL message before a client is authenticated.")
SETTING(SECURITY_INTER_BROKER_PROTOCOL, "security.inter.broker.protocol", STRING, "PLAINTEXT",
    ONE_OF("PLAINTEXT,SSL,SASL_PLAINTEXT,SASL_SSL"), MEDIUM, READ_ONLY, LATER,
    "Security protocol between brokers; names the listener when inter.broker.listener.name is not "
    "set.")
SETTING(SECURITY_PROVIDERS, "security.providers", STRING, NONE, ANY, LOW, READ_ONLY, ACCEPTED,
    "Java security providers; ottla uses OpenSSL.")
SETTING(SERVER_MAX_STARTUP_TIME_MS, "server.max.startup.time.ms", LONG, "9223372036854775807",
    FROM(0), MEDIUM | INTERNAL, READ_ONLY, ACCEPTED,
    "Time that a start may take; ottla's start does not wait without a timeout of its own.")
SETTING(SHARE_COORDINATOR_APPEND_LINGER_MS, "share.coordinator.append.linger.ms", INT, "-1",
    FROM(-1), MEDIUM, READ_ONLY, LATER,
    "How long the share coordinator collects records before it writes them; -1 adapts to the load.")
SETTING(SHARE_COORDINATOR_CACHED_BUFFER_MAX_BYTES, "share.coordinator.cached.buffer.max.bytes", INT,
    "1048588", FROM(524288), MEDIUM, CLUSTER_WIDE, ACCEPTED,
    "Largest write buffer that Kafka's share coordinator keeps for reuse; ottla's come from a "
    "shared pool.")
SETTING(SHARE_COORDINATOR_COLD_PARTITION_SNAPSHOT_INTERVAL_MS,
    "share.coordinator.cold.partition.snapshot.interval.ms", INT, "300000", FROM(1), LOW | INTERNAL,
    READ_ONLY, LATER,
    "Time after which the state of a share partition that changes little is written whole again.")
SETTING(SHARE_COORDINATOR_LOAD_BUFFER_SIZE, "share.coordinator.load.buffer.size", INT, "5242880",
    FROM(1), HIGH, READ_ONLY, LATER,
    "Bytes of __share_group_state that are read at a time when a coordinator loads.")
SETTING(SHARE_COORDINATOR_SNAPSHOT_UPDATE_RECORDS_PER_SNAPSHOT,
    "share.coordinator.snapshot.update.records.per.snapshot", INT, "500", BETWEEN(0, 500), MEDIUM,
    READ_ONLY, LATER,
    "Changes of a share partition's state between two writes of all of it.")
SETTING(SHARE_COORDINATOR_STATE_TOPIC_COMPRESSION_CODEC,
    "share.coordinator.state.topic.compression.codec", INT, "0", ANY, HIGH, READ_ONLY, LATER,
    "Codec of __share_group_state: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.")
SETTING(SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR, "share.coordinator.state.topic.min.isr", SHORT, "2",
    FROM(1), HIGH, READ_ONLY, LATER,
    "min.insync.replicas of __share_group_state.")
SETTING(SHARE_COORDINATOR_STATE_TOPIC_NUM_PARTITIONS,
    "share.coordinator.state.topic.num.partitions", INT, "50", FROM(1), HIGH, READ_ONLY, LATER,
    "Partitions of __share_group_state; not to be changed once it exists.")
SETTING(SHARE_COORDINATOR_STATE_TOPIC_PRUNE_INTERVAL_MS,
    "share.coordinator.state.topic.prune.interval.ms", INT, "300000", FROM(1), LOW | INTERNAL,
    READ_ONLY, LATER,
    "Time between two removals of records of __share_group_state that are no longer needed.")
SETTING(SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR,
    "share.coordinator.state.topic.replication.factor", SHORT, "3", FROM(1), HIGH, READ_ONLY, LATER,
    "Replicas of __share_group_state.")
SETTING(SHARE_COORDINATOR_STATE_TOPIC_SEGMENT_BYTES, "share.coordinator.state.topic.segment.bytes",
    INT, "104857600", FROM(1), HIGH, READ_ONLY, LATER,
    "Segment size of __share_group_state.")
SETTING(SHARE_COORDINATOR_THREADS, "share.coordinator.threads", INT, "1", FROM(1), MEDIUM,
    READ_ONLY, ACCEPTED,
    "Threads of the share coordinator; ottla's shards do that work (ottla.shards).")
SETTING(SHARE_COORDINATOR_WRITE_TIMEOUT_MS, "share.coordinator.write.timeout.ms", INT, "5000",
    FROM(1), HIGH, READ_ONLY, LATER,
    "How long a write to __share_group_state may take.")
SETTING(SHARE_FETCH_PURGATORY_PURGE_INTERVAL_REQUESTS,
    "share.fetch.purgatory.purge.interval.requests", INT, "1000", ANY, MEDIUM, READ_ONLY, ACCEPTED,
    "Kafka sweeps finished share fetches after this many; ottla removes each when it is done.")
SETTING(SOCKET_CONNECTION_SETUP_TIMEOUT_MAX_MS, "socket.connection.setup.timeout.max.ms", LONG,
    "30000", ANY, MEDIUM, READ_ONLY, LATER,
    "Longest time for one try to connect to another node, after several failed.")
SETTING(SOCKET_CONNECTION_SETUP_TIMEOUT_MS, "socket.connection.setup.timeout.ms", LONG, "10000",
    ANY, MEDIUM, READ_ONLY, LATER,
    "Time for the first try to connect to another node.")
SETTING(SOCKET_LISTEN_BACKLOG_SIZE, "socket.listen.backlog.size", INT, "50", FROM(1), MEDIUM,
    READ_ONLY, SERVED,
    "Connections that may wait to be accepted.")
SETTING(SOCKET_RECEIVE_BUFFER_BYTES, "socket.receive.buffer.bytes", INT, "102400", ANY, HIGH,
    READ_ONLY, SERVED,
    "Receive buffer of the listeners' sockets; -1 leaves it to the system.")
SETTING(SOCKET_REQUEST_MAX_BYTES, "socket.request.max.bytes", INT, "104857600", FROM(1), HIGH,
    READ_ONLY, SERVED,
    "Most bytes of one request; a longer one closes its connection.")
SETTING(SOCKET_SEND_BUFFER_BYTES, "socket.send.buffer.bytes", INT, "102400", ANY, HIGH, READ_ONLY,
    SERVED,
    "Send buffer of the listeners' sockets; -1 leaves it to the system.")
SETTING(SSL_ALLOW_DN_CHANGES, "ssl.allow.dn.changes", BOOLEAN, "false", ANY, LOW, READ_ONLY, LATER,
    "A changed certificate may have another distinguished name.")
SETTING(SSL_ALLOW_SAN_CHANGES, "ssl.allow.san.changes", BOOLEAN, "false", ANY, LOW, READ_ONLY,
    LATER,
    "A changed certificate may have other alternative names.")
SETTING(SSL_CIPHER_SUITES, "ssl.cipher.suites", LIST, "", DISTINCT(EMPTY), MEDIUM, PER_BROKER,
    LATER,
    "TLS cipher suites that are offered; the library's choice when empty.")
SETTING(SSL_CLIENT_AUTH, "ssl.client.auth", STRING, "none", ONE_OF("required,requested,none"),
    MEDIUM, PER_BROKER, LATER,
    "Whether clients have to show a certificate: required, requested or none.")
SETTING(SSL_ENABLED_PROTOCOLS, "ssl.enabled.protocols", LIST, "TLSv1.2,TLSv1.3", DISTINCT(EMPTY),
    MEDIUM, PER_BROKER, LATER,
    "TLS versions that are spoken.")
SETTING(SSL_ENDPOINT_IDENTIFICATION_ALGORITHM, "ssl.endpoint.identification.algorithm", STRING,
    "https", ANY, LOW, PER_BROKER, LATER,
    "How a server's name is compared with its certificate; empty turns it off.")
SETTING(SSL_ENGINE_FACTORY_CLASS, "ssl.engine.factory.class", CLASS, NONE, ANY, LOW, PER_BROKER,
    LATER,
    "Java class that makes TLS engines.")
SETTING(SSL_KEY_PASSWORD, "ssl.key.password", PASSWORD, NONE, ANY, MEDIUM, PER_BROKER, LATER,
    "Password of the private key.")
SETTING(SSL_KEYMANAGER_ALGORITHM, "ssl.keymanager.algorithm", STRING, "SunX509", ANY, MEDIUM,
    PER_BROKER, LATER,
    "Java's key manager; ottla uses OpenSSL.")
SETTING(SSL_KEYSTORE_CERTIFICATE_CHAIN, "ssl.keystore.certificate.chain", PASSWORD, NONE, ANY,
    MEDIUM, PER_BROKER, LATER,
    "Certificate chain as PEM text.")
SETTING(SSL_KEYSTORE_KEY, "ssl.keystore.key", PASSWORD, NONE, ANY, MEDIUM, PER_BROKER, LATER,
    "Private key as PEM text.")
SETTING(SSL_KEYSTORE_LOCATION, "ssl.keystore.location", STRING, NONE, ANY, MEDIUM, PER_BROKER,
    LATER,
    "File of the private key and its certificates.")
SETTING(SSL_KEYSTORE_PASSWORD, "ssl.keystore.password", PASSWORD, NONE, ANY, MEDIUM, PER_BROKER,
    LATER,
    "Password of the key file.")
SETTING(SSL_KEYSTORE_TYPE, "ssl.keystore.type", STRING, "JKS", ANY, MEDIUM, PER_BROKER, LATER,
    "Format of the key file: JKS, PKCS12 or PEM.")
SETTING(SSL_PRINCIPAL_MAPPING_RULES, "ssl.principal.mapping.rules", STRING, "DEFAULT", ANY, LOW,
    READ_ONLY, LATER,
    "Rules that turn a certificate's distinguished name into a user name.")
SETTING(SSL_PROTOCOL, "ssl.protocol", STRING, "TLSv1.3", ANY, MEDIUM, PER_BROKER, LATER,
    "Newest TLS version.")
SETTING(SSL_PROVIDER, "ssl.provider", STRING, NONE, ANY, MEDIUM, PER_BROKER, LATER,
    "Java's TLS provider; ottla uses OpenSSL.")
SETTING(SSL_SECURE_RANDOM_IMPLEMENTATION, "ssl.secure.random.implementation", STRING, NONE, ANY,
    LOW, PER_BROKER, LATER,
    "Java's random source for TLS; ottla uses OpenSSL's.")
SETTING(SSL_TRUSTMANAGER_ALGORITHM, "ssl.trustmanager.algorithm", STRING, "PKIX", ANY, MEDIUM,
    PER_BROKER, LATER,
    "Java's trust manager; ottla uses OpenSSL.")
SETTING(SSL_TRUSTSTORE_CERTIFICATES, "ssl.truststore.certificates", PASSWORD, NONE, ANY, MEDIUM,
    PER_BROKER, LATER,
    "Trusted certificates as PEM text.")
SETTING(SSL_TRUSTSTORE_LOCATION, "ssl.truststore.location", STRING, NONE, ANY, MEDIUM, PER_BROKER,
    LATER,
    "File of the trusted certificates.")
SETTING(SSL_TRUSTSTORE_PASSWORD, "ssl.truststore.password", PASSWORD, NONE, ANY, MEDIUM, PER_BROKER,
    LATER,
    "Password of the file of trusted certificates.")
SETTING(SSL_TRUSTSTORE_TYPE, "ssl.truststore.type", STRING, "JKS", ANY, MEDIUM, PER_BROKER, LATER,
    "Format of the file of trusted certificates: JKS, PKCS12 or PEM.")
SETTING(TELEMETRY_MAX_BYTES, "telemetry.max.bytes", INT, "1048576", FROM(1), LOW, READ_ONLY, LATER,
    "Most bytes of metrics that a client may push at once.")
SETTING(TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms", INT, "10000", FROM(1), LOW,
    READ_ONLY, LATER,
    "Time between two sweeps for transactions that took too long.")
SETTING(TRANSACTION_MAX_TIMEOUT_MS, "transaction.max.timeout.ms", INT, "900000", FROM(1), HIGH,
    READ_ONLY, LATER,
    "Most that a producer may ask for as its transaction timeout.")
SETTING(TRANSACTION_PARTITION_VERIFICATION_ENABLE, "transaction.partition.verification.enable",
    BOOLEAN, "true", ANY, LOW, CLUSTER_WIDE, SERVED,
    "Check that a partition belongs to the transaction before a transactional produce is let in.")
SETTING(TRANSACTION_REMOVE_EXPIRED_TRANSACTION_CLEANUP_INTERVAL_MS,
    "transaction.remove.expired.transaction.cleanup.interval.ms", INT, "3600000", FROM(1), LOW,
    READ_ONLY, LATER,
    "Time between two sweeps for transactional ids that expired.")
SETTING(TRANSACTION_STATE_LOG_LOAD_BUFFER_SIZE, "transaction.state.log.load.buffer.size", INT,
    "5242880", FROM(1), HIGH, READ_ONLY, LATER,
    "Bytes of __transaction_state that are read at a time when a coordinator loads.")
SETTING(TRANSACTION_STATE_LOG_MIN_ISR, "transaction.state.log.min.isr", INT, "2", FROM(1), HIGH,
    READ_ONLY, LATER,
    "min.insync.replicas of __transaction_state.")
SETTING(TRANSACTION_STATE_LOG_NUM_PARTITIONS, "transaction.state.log.num.partitions", INT, "50",
    FROM(1), HIGH, READ_ONLY, LATER,
    "Partitions of __transaction_state; not to be changed once it exists.")
SETTING(TRANSACTION_STATE_LOG_REPLICATION_FACTOR, "transaction.state.log.replication.factor", SHORT,
    "3", FROM(1), HIGH, READ_ONLY, LATER,
    "Replicas of __transaction_state.")
SETTING(TRANSACTION_STATE_LOG_SEGMENT_BYTES, "transaction.state.log.segment.bytes", INT,
    "104857600", FROM(1), HIGH, READ_ONLY, LATER,
    "Segment size of __transaction_state.")
SETTING(TRANSACTION_TWO_PHASE_COMMIT_ENABLE, "transaction.two.phase.commit.enable", BOOLEAN,
    "false", ANY, LOW, READ_ONLY, LATER,
    "Allow transactions that an outside coordinator commits and that do not time out.")
SETTING(TRANSACTIONAL_ID_EXPIRATION_MS, "transactional.id.expiration.ms", INT, "604800000", FROM(1),
    HIGH, READ_ONLY, LATER,
    "A transactional id that was not used for this long is forgotten.")
SETTING(UNCLEAN_LEADER_ELECTION_ENABLE, "unclean.leader.election.enable", BOOLEAN, "false", ANY,
    HIGH, CLUSTER_WIDE, SERVED,
    "A replica that was not in sync may become leader when there is no other; acknowledged "
    "records can be lost.")
SETTING(UNCLEAN_LEADER_ELECTION_INTERVAL_MS, "unclean.leader.election.interval.ms", LONG, "300000",
    FROM(1), MEDIUM | INTERNAL, READ_ONLY, LATER,
    "Time between two checks for partitions that need an unclean election.")
SETTING(UNSTABLE_API_VERSIONS_ENABLE, "unstable.api.versions.enable", BOOLEAN, "false", ANY,
    HIGH | INTERNAL, READ_ONLY, LATER,
    "Serve versions of requests that are not yet final.")
SETTING(UNSTABLE_FEATURE_VERSIONS_ENABLE, "unstable.feature.versions.enable", BOOLEAN, "false", ANY,
    HIGH | INTERNAL, READ_ONLY, LATER,
    "Allow feature versions that are not yet final.")
