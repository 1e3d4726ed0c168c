/* clang-format off */
/*
 * The settings of a topic.
 * Fallbacks: the broker settings that give the value when the topic has none, the first that is
 * set; *n: times n.
 *
 * One row for each, sorted by name:
 *   SETTING(ID, name, type, default, allowed, importance, fallbacks, service, sentence)
 * conf/ids.h makes the enum of it and rows.c the table; the words are explained there.
 */
SETTING(CLEANUP_POLICY, "cleanup.policy", LIST, "delete", LIST_OF("compact,delete", EMPTY), MEDIUM,
    "log.cleanup.policy", SERVED,
    "What happens to old records: delete drops old segments, compact keeps the last record of "
    "each key.")
SETTING(COMPRESSION_GZIP_LEVEL, "compression.gzip.level", INT, "-1", GZIP_LEVEL, MEDIUM,
    "compression.gzip.level", SERVED,
    "Effort of gzip where the broker compresses itself: 1 fast to 9 small, -1 the library's "
    "choice.")
SETTING(COMPRESSION_LZ4_LEVEL, "compression.lz4.level", INT, "9", BETWEEN(1, 17), MEDIUM,
    "compression.lz4.level", SERVED,
    "Effort of lz4 where the broker compresses itself.")
SETTING(COMPRESSION_TYPE, "compression.type", STRING, "producer",
    ONE_OF("uncompressed,zstd,lz4,snappy,gzip,producer"), MEDIUM, "compression.type", SERVED,
    "Codec in which the topic is stored; producer keeps what the producer chose.")
SETTING(COMPRESSION_ZSTD_LEVEL, "compression.zstd.level", INT, "3", BETWEEN(-131072, 22), MEDIUM,
    "compression.zstd.level", SERVED,
    "Effort of zstd where the broker compresses itself.")
SETTING(DELETE_RETENTION_MS, "delete.retention.ms", LONG, "86400000", FROM(0), MEDIUM,
    "log.cleaner.delete.retention.ms", SERVED,
    "How long a compacted topic keeps markers of deleted keys.")
SETTING(FILE_DELETE_DELAY_MS, "file.delete.delay.ms", LONG, "60000", FROM(0), MEDIUM,
    "log.segment.delete.delay.ms", SERVED,
    "How long a removed file stays on the disk under another name.")
SETTING(FLUSH_MESSAGES, "flush.messages", LONG, "9223372036854775807", FROM(1), MEDIUM,
    "log.flush.interval.messages", SERVED,
    "Sync a log to disk after this many records; 1 is after each batch.")
SETTING(FLUSH_MS, "flush.ms", LONG, "9223372036854775807", FROM(0), MEDIUM,
    "log.flush.interval.ms log.flush.scheduler.interval.ms", SERVED,
    "Sync a log to disk after this time.")
SETTING(FOLLOWER_REPLICATION_THROTTLED_REPLICAS, "follower.replication.throttled.replicas", LIST,
    "", THROTTLED, MEDIUM, "", LATER,
    "Replicas whose fetching is throttled, partition:broker, comma separated; * is all of them.")
SETTING(INDEX_INTERVAL_BYTES, "index.interval.bytes", INT, "4096", FROM(0), MEDIUM,
    "log.index.interval.bytes", SERVED,
    "Bytes of log between two entries of its offset index.")
SETTING(INTERNAL_SEGMENT_BYTES, "internal.segment.bytes", INT, NONE, ANY, MEDIUM | INTERNAL, "",
    SERVED,
    "Segment size below segment.bytes's least value; for tests.")
SETTING(LEADER_REPLICATION_THROTTLED_REPLICAS, "leader.replication.throttled.replicas", LIST, "",
    THROTTLED, MEDIUM, "", LATER,
    "Replicas whose serving of followers is throttled, partition:broker, comma separated; * is "
    "all of them.")
SETTING(LOCAL_RETENTION_BYTES, "local.retention.bytes", LONG, "-2", FROM(-2), MEDIUM,
    "log.local.retention.bytes", LATER,
    "Bytes of a partition kept here once they are in remote storage; -2 means retention.bytes.")
SETTING(LOCAL_RETENTION_MS, "local.retention.ms", LONG, "-2", FROM(-2), MEDIUM,
    "log.local.retention.ms", LATER,
    "Time for which records stay here once they are in remote storage; -2 means retention.ms.")
SETTING(MAX_COMPACTION_LAG_MS, "max.compaction.lag.ms", LONG, "9223372036854775807", FROM(1),
    MEDIUM, "log.cleaner.max.compaction.lag.ms", SERVED,
    "A record is compacted at the latest after this time.")
SETTING(MAX_MESSAGE_BYTES, "max.message.bytes", INT, "1048588", FROM(0), MEDIUM,
    "message.max.bytes", SERVED,
    "Most bytes of one record batch, after compression.")
SETTING(MESSAGE_TIMESTAMP_AFTER_MAX_MS, "message.timestamp.after.max.ms", LONG, "3600000", FROM(0),
    MEDIUM, "log.message.timestamp.after.max.ms", SERVED,
    "How far a record's time may be ahead of the broker's.")
SETTING(MESSAGE_TIMESTAMP_BEFORE_MAX_MS, "message.timestamp.before.max.ms", LONG,
    "9223372036854775807", FROM(0), MEDIUM, "log.message.timestamp.before.max.ms", SERVED,
    "How far a record's time may be behind the broker's.")
SETTING(MESSAGE_TIMESTAMP_TYPE, "message.timestamp.type", STRING, "CreateTime",
    ONE_OF("CreateTime,LogAppendTime"), MEDIUM, "log.message.timestamp.type", SERVED,
    "A record's time: CreateTime is the producer's, LogAppendTime the broker's.")
SETTING(MIN_CLEANABLE_DIRTY_RATIO, "min.cleanable.dirty.ratio", DOUBLE, "0.5", BETWEEN_REAL(0, 1),
    MEDIUM, "log.cleaner.min.cleanable.ratio", SERVED,
    "Least part of a log that must be uncleaned for the cleaner to take it.")
SETTING(MIN_COMPACTION_LAG_MS, "min.compaction.lag.ms", LONG, "0", FROM(0), MEDIUM,
    "log.cleaner.min.compaction.lag.ms", SERVED,
    "A record stays as it is for at least this time.")
SETTING(MIN_INSYNC_REPLICAS, "min.insync.replicas", INT, "1", FROM(1), MEDIUM,
    "min.insync.replicas", SERVED,
    "With acks=all a write needs this many replicas in sync.")
SETTING(PREALLOCATE, "preallocate", BOOLEAN, "false", ANY, MEDIUM, "log.preallocate", SERVED,
    "Reserve the whole space of a new segment on the disk.")
SETTING(REMOTE_LOG_COPY_DISABLE, "remote.log.copy.disable", BOOLEAN, "false", ANY, MEDIUM, "",
    LATER,
    "Copy nothing more to remote storage; what is there can still be read.")
SETTING(REMOTE_LOG_DELETE_ON_DISABLE, "remote.log.delete.on.disable", BOOLEAN, "false", ANY, MEDIUM,
    "", LATER,
    "Turning remote storage off for the topic deletes what is in it.")
SETTING(REMOTE_STORAGE_ENABLE, "remote.storage.enable", BOOLEAN, "false", ANY, MEDIUM, "", LATER,
    "Keep old segments in remote storage.")
SETTING(RETENTION_BYTES, "retention.bytes", LONG, "-1", ANY, MEDIUM, "log.retention.bytes", SERVED,
    "Bytes of each partition that are kept; -1 means no limit.")
SETTING(RETENTION_MS, "retention.ms", LONG, "604800000", FROM(-1), MEDIUM,
    "log.retention.ms log.retention.minutes*60000 log.retention.hours*3600000", SERVED,
    "Milliseconds for which records are kept; -1 means for ever.")
SETTING(SEGMENT_BYTES, "segment.bytes", INT, "1073741824", FROM(1048576), MEDIUM,
    "log.segment.bytes", SERVED,
    "Most bytes of one segment file.")
SETTING(SEGMENT_INDEX_BYTES, "segment.index.bytes", INT, "10485760", FROM(4), MEDIUM,
    "log.index.size.max.bytes", SERVED,
    "Most bytes of one offset or time index; a full index rolls the segment.")
SETTING(SEGMENT_JITTER_MS, "segment.jitter.ms", LONG, "0", FROM(0), MEDIUM,
    "log.roll.jitter.ms log.roll.jitter.hours*3600000", SERVED,
    "Most milliseconds taken off segment.ms at random, so that segments do not all roll at once.")
SETTING(SEGMENT_MS, "segment.ms", LONG, "604800000", FROM(1), MEDIUM,
    "log.roll.ms log.roll.hours*3600000", SERVED,
    "Milliseconds after which a segment is closed even if it is not full.")
SETTING(UNCLEAN_LEADER_ELECTION_ENABLE, "unclean.leader.election.enable", BOOLEAN, "false", ANY,
    MEDIUM, "unclean.leader.election.enable", SERVED,
    "A replica that was not in sync may become leader when there is no other; acknowledged "
    "records can be lost.")
