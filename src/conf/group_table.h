/* clang-format off */
/*
 * The settings of a group. Fallback: the broker setting that gives the value when it has none.
 *
 * One row for each, sorted by name:
 *   SETTING(ID, name, type, default, allowed, importance, fallback, service, sentence)
 * conf/ids.h makes the enum of it and rows.c the table; the words are explained there.
 */
SETTING(CONSUMER_ASSIGNMENT_INTERVAL_MS, "consumer.assignment.interval.ms", INT, "1000", FROM(0),
    MEDIUM, "group.consumer.assignment.interval.ms", SERVED,
    "Least time between two assignments of the group, so that many joins share one.")
SETTING(CONSUMER_HEARTBEAT_INTERVAL_MS, "consumer.heartbeat.interval.ms", INT, "5000", FROM(1),
    MEDIUM, "group.consumer.heartbeat.interval.ms", SERVED,
    "Heartbeat interval told to the group's members.")
SETTING(CONSUMER_SESSION_TIMEOUT_MS, "consumer.session.timeout.ms", INT, "45000", FROM(1), MEDIUM,
    "group.consumer.session.timeout.ms", SERVED,
    "A member is removed after this long without a heartbeat.")
SETTING(SHARE_ASSIGNMENT_INTERVAL_MS, "share.assignment.interval.ms", INT, "1000", FROM(0), MEDIUM,
    "group.share.assignment.interval.ms", LATER,
    "Least time between two assignments of the share group.")
SETTING(SHARE_AUTO_OFFSET_RESET, "share.auto.offset.reset", STRING, "latest", OFFSET_RESET, MEDIUM,
    "", LATER,
    "Where a share group begins: latest, earliest, or by_duration with an ISO 8601 duration back "
    "from now.")
SETTING(SHARE_DELIVERY_COUNT_LIMIT, "share.delivery.count.limit", INT, "5", FROM(2), MEDIUM,
    "group.share.delivery.count.limit", LATER,
    "How often the share group is given one record before it is archived.")
SETTING(SHARE_HEARTBEAT_INTERVAL_MS, "share.heartbeat.interval.ms", INT, "5000", FROM(1), MEDIUM,
    "group.share.heartbeat.interval.ms", LATER,
    "Heartbeat interval told to the share group's members.")
SETTING(SHARE_ISOLATION_LEVEL, "share.isolation.level", STRING, "read_uncommitted",
    ONE_OF("read_committed,read_uncommitted"), MEDIUM, "", LATER,
    "Whether the share group sees records of open and aborted transactions.")
SETTING(SHARE_PARTITION_MAX_RECORD_LOCKS, "share.partition.max.record.locks", INT, "2000",
    FROM(100), MEDIUM, "group.share.partition.max.record.locks", LATER,
    "Most records of one partition that the share group holds at a time.")
SETTING(SHARE_RECORD_LOCK_DURATION_MS, "share.record.lock.duration.ms", INT, "30000", FROM(1000),
    MEDIUM, "group.share.record.lock.duration.ms", LATER,
    "A record given to a member of the share group goes to another after this long.")
SETTING(SHARE_RENEW_ACKNOWLEDGE_ENABLE, "share.renew.acknowledge.enable", BOOLEAN, "true", ANY,
    MEDIUM, "", LATER,
    "Members of the share group may renew their hold on a record.")
SETTING(SHARE_SESSION_TIMEOUT_MS, "share.session.timeout.ms", INT, "45000", FROM(1), MEDIUM,
    "group.share.session.timeout.ms", LATER,
    "A member of the share group is removed after this long without a heartbeat.")
SETTING(STREAMS_ASSIGNMENT_INTERVAL_MS, "streams.assignment.interval.ms", INT, "1000", FROM(0),
    MEDIUM, "group.streams.assignment.interval.ms", LATER,
    "Least time between two assignments of the streams group.")
SETTING(STREAMS_HEARTBEAT_INTERVAL_MS, "streams.heartbeat.interval.ms", INT, "5000", FROM(1),
    MEDIUM, "group.streams.heartbeat.interval.ms", LATER,
    "Heartbeat interval told to the streams group's members.")
SETTING(STREAMS_INITIAL_REBALANCE_DELAY_MS, "streams.initial.rebalance.delay.ms", INT, "3000",
    FROM(0), MEDIUM, "group.streams.initial.rebalance.delay.ms", LATER,
    "How long the first assignment of an empty streams group waits for more members.")
SETTING(STREAMS_NUM_STANDBY_REPLICAS, "streams.num.standby.replicas", INT, "0", FROM(0), MEDIUM,
    "group.streams.num.standby.replicas", LATER,
    "Standby copies that each task of the streams group gets.")
SETTING(STREAMS_SESSION_TIMEOUT_MS, "streams.session.timeout.ms", INT, "45000", FROM(1), MEDIUM,
    "group.streams.session.timeout.ms", LATER,
    "A member of the streams group is removed after this long without a heartbeat.")
