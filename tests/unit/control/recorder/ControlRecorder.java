package org.apache.kafka.controller;

import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.metadata.*;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.BrokerHeartbeatReply;
import org.apache.kafka.metadata.BrokerRegistration;
import org.apache.kafka.metadata.BrokerRegistrationReply;
import org.apache.kafka.metadata.FinalizedControllerFeatures;
import org.apache.kafka.metadata.PartitionRegistration;
import org.apache.kafka.metadata.placement.StripedReplicaPlacer;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.server.common.KRaftVersion;
import org.apache.kafka.server.common.TopicIdPartition;
import org.apache.kafka.timeline.SnapshotRegistry;

/**
 * Asks Apache Kafka's own controller classes what they decide, and writes down question and answer for
 * tests/unit/control/test_recorded.c. Not part of any build; run by hand:
 *
 *     javac -cp 'LIBS/*' -d OUT ControlRecorder.java
 *     java -cp 'OUT:LIBS/*' org.apache.kafka.controller.ControlRecorder KIND SEED SCENARIOS STEPS > FILE
 *
 * KIND is cluster (brokers that come and go, elections) or topics (requests of CreateTopics). A scenario:
 *
 *     scenario NAME
 *     conf KEY=VALUE               a static setting of the controller
 *     apply HEX                    a record that others wrote, as it lies in the metadata log
 *     now MS
 *     ask KEY VERSION HEX          a request; then what comes of it:
 *     reply JSON
 *     record TYPE VERSION JSON     to be appended, in this order
 *     tick                         time passes: brokers are fenced, the records follow
 */
public class ControlRecorder {
    static final String CLUSTER = "Some-Cluster-Of-Tests-";
    static final PrintStream OUT = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), false);

    static class Clock implements Time {
        long ms = 1000;
        public long milliseconds() { return ms; }
        public long nanoseconds() { return ms * 1000000; }
        public void sleep(long add) { ms += add; }
        public void waitObject(Object o, Supplier<Boolean> c, long d) { throw new UnsupportedOperationException(); }
    }

    final Random random;
    final Clock clock = new Clock();
    final FeatureControlManager features;
    final ConfigurationControlManager configs;
    final ClusterControlManager cluster;
    final ReplicationControlManager replication;
    final TreeMap<String, Uuid> topics = new TreeMap<>();
    final Map<Integer, Uuid> incarnations = new HashMap<>();
    final Map<Integer, List<Uuid>> dirs = new HashMap<>();
    final short metadataVersion;
    final boolean elr;
    long nextOffset = 1;
    int serial;

    ControlRecorder(String name, Random random, Map<String, Object> conf, short metadataVersion, boolean elr) throws Exception {
        this.random = random;
        this.metadataVersion = metadataVersion;
        this.elr = elr;
        OUT.println("scenario " + name);
        for (Map.Entry<String, Object> entry : conf.entrySet())
            OUT.println("conf " + entry.getKey() + "=" + entry.getValue());
        SnapshotRegistry registry = new SnapshotRegistry(new LogContext());
        features = new FeatureControlManager.Builder().setSnapshotRegistry(registry)
            .setQuorumFeatures(new QuorumFeatures(1, QuorumFeatures.defaultSupportedFeatureMap(true), List.of(1)))
            .setKRaftVersionAccessor(new KRaftVersionAccessor() {
                public KRaftVersion kraftVersion() { return KRaftVersion.KRAFT_VERSION_1; }
                public void upgradeKRaftVersion(int e, KRaftVersion v, boolean o) { }
            }).build();
        Properties properties = new Properties();
        properties.putAll(Map.of("process.roles", "broker,controller", "node.id", "1",
            "controller.quorum.voters", "1@localhost:9093", "listeners", "PLAINTEXT://:9092,CONTROLLER://:9093",
            "controller.listener.names", "CONTROLLER"));
        for (Map.Entry<String, Object> entry : conf.entrySet())
            properties.put(entry.getKey(), entry.getValue().toString());
        kafka.server.KafkaConfig config = kafka.server.KafkaConfig.fromProps(properties);
        configs = new ConfigurationControlManager.Builder().setSnapshotRegistry(registry).setFeatureControl(features)
            .setStaticConfig(config.originals()).setNodeId(1)
            .setKafkaConfigSchema(kafka.server.KafkaRaftServer.configSchema())
            .setValidator(new kafka.server.ControllerConfigurationValidator(config)).build();
        ReplicationControlManager[] hold = new ReplicationControlManager[1];
        cluster = new ClusterControlManager.Builder().setSnapshotRegistry(registry).setClusterId(CLUSTER).setTime(clock)
            .setSessionTimeoutNs(9000L * 1000000).setReplicaPlacer(new StripedReplicaPlacer(random))
            .setFeatureControlManager(features)
            .setMetrics(new org.apache.kafka.controller.metrics.QuorumControllerMetrics(Optional.empty(), clock, 9000))
            .setBrokerShutdownHandler((id, clean, records) -> hold[0].handleBrokerShutdown(id, clean, records)).build();
        replication = new ReplicationControlManager.Builder().setSnapshotRegistry(registry)
            .setConfigurationControl(configs).setClusterControl(cluster).setFeatureControl(features)
            .setDefaultNumPartitions(config.numPartitions()).setDefaultReplicationFactor((short) config.defaultReplicationFactor())
            .build();
        hold[0] = replication;
        cluster.activate();
        OUT.println("now " + clock.ms);
        feature("metadata.version", metadataVersion);
        if (elr) {
            feature("eligible.leader.replicas.version", (short) 1);
            write(new ApiMessageAndVersion(new ConfigRecord().setResourceType((byte) 4).setResourceName("")
                .setName("min.insync.replicas").setValue(conf.getOrDefault("min.insync.replicas", "1").toString()), (short) 0));
        }
    }

    void feature(String name, short level) {
        write(new ApiMessageAndVersion(new FeatureLevelRecord().setName(name).setFeatureLevel(level), (short) 0));
    }

    static String hex(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        return HexFormat.of().formatHex(buffer.array());
    }

    static String json(String name, ApiMessage message, short version) throws Exception {
        for (String where : List.of("org.apache.kafka.common.message.", "org.apache.kafka.common.metadata.")) {
            try {
                Class<?> converter = Class.forName(where + name + "JsonConverter");
                return converter.getMethod("write", message.getClass(), short.class).invoke(null, message, version).toString();
            } catch (ClassNotFoundException e) {
                continue;
            }
        }
        throw new RuntimeException(name);
    }

    /** A record of somebody else. */
    void write(ApiMessageAndVersion record) {
        MetadataRecordSerdeHex.print(record);
        replay(record);
    }

    static class MetadataRecordSerdeHex {
        static void print(ApiMessageAndVersion record) {
            org.apache.kafka.metadata.MetadataRecordSerde serde = org.apache.kafka.metadata.MetadataRecordSerde.INSTANCE;
            ObjectSerializationCache cache = new ObjectSerializationCache();
            ByteBuffer buffer = ByteBuffer.allocate(serde.recordSize(record, cache));
            serde.write(record, cache, new ByteBufferAccessor(buffer));
            OUT.println("apply " + HexFormat.of().formatHex(buffer.array()));
        }
    }

    void replay(ApiMessageAndVersion record) {
        ApiMessage m = record.message();
        if (m instanceof FeatureLevelRecord r) features.replay(r);
        else if (m instanceof ConfigRecord r) configs.replay(r);
        else if (m instanceof RegisterBrokerRecord r) cluster.replay(r, nextOffset);
        else if (m instanceof UnregisterBrokerRecord r) cluster.replay(r);
        else if (m instanceof BrokerRegistrationChangeRecord r) cluster.replay(r);
        else if (m instanceof TopicRecord r) { replication.replay(r); topics.put(r.name(), r.topicId()); }
        else if (m instanceof PartitionRecord r) replication.replay(r);
        else if (m instanceof PartitionChangeRecord r) replication.replay(r);
        else if (m instanceof RemoveTopicRecord r) { topics.values().remove(r.topicId()); replication.replay(r); }
        else if (m instanceof ClearElrRecord r) replication.replay(r);
        else throw new RuntimeException("no replay for " + m);
        nextOffset++;
    }

    void records(List<ApiMessageAndVersion> records) throws Exception {
        for (ApiMessageAndVersion record : records) {
            String name = record.message().getClass().getSimpleName();
            OUT.println("record " + record.message().apiKey() + " " + record.version() + " " + json(name, record.message(), record.version()));
            replay(record);
        }
    }

    void ask(ApiKeys key, short version, ApiMessage request) {
        OUT.println("ask " + key.id + " " + version + " " + hex(request, version));
    }

    void reply(ApiMessage response, short version) throws Exception {
        OUT.println("reply " + json(response.getClass().getSimpleName(), response, version));
    }

    Uuid uuid() {
        return new Uuid(random.nextLong() & ~0xF000L | 0x4000L, random.nextLong() & 0x3FFFFFFFFFFFFFFFL | 0x8000000000000000L);
    }

    /* ---- Brokers ---- */

    BrokerRegistrationRequestData registration(int id, Uuid incarnation, long previousEpoch, String rack, List<Uuid> logDirs) {
        BrokerRegistrationRequestData request = new BrokerRegistrationRequestData().setBrokerId(id).setClusterId(CLUSTER)
            .setIncarnationId(incarnation).setRack(rack).setPreviousBrokerEpoch(previousEpoch).setLogDirs(logDirs);
        request.listeners().add(new BrokerRegistrationRequestData.Listener().setName("PLAINTEXT").setHost("h" + id).setPort(9000 + id));
        request.features().add(new BrokerRegistrationRequestData.Feature().setName("metadata.version")
            .setMinSupportedVersion((short) 7).setMaxSupportedVersion((short) 30));
        request.features().add(new BrokerRegistrationRequestData.Feature().setName("eligible.leader.replicas.version")
            .setMinSupportedVersion((short) 0).setMaxSupportedVersion((short) 1));
        request.features().add(new BrokerRegistrationRequestData.Feature().setName("kraft.version")
            .setMinSupportedVersion((short) 0).setMaxSupportedVersion((short) 1));
        return request;
    }

    void register(BrokerRegistrationRequestData request, short version) throws Exception {
        ask(ApiKeys.BROKER_REGISTRATION, version, request);
        /* As the controller sees it: fields that the version does not carry are at their defaults. */
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(request.size(cache, version));
        request.write(new ByteBufferAccessor(buffer), cache, version);
        buffer.flip();
        request = new BrokerRegistrationRequestData(new ByteBufferAccessor(buffer), version);
        BrokerRegistrationResponseData response = new BrokerRegistrationResponseData();
        List<ApiMessageAndVersion> records = List.of();
        try {
            Map<String, Short> map = new HashMap<>(features.finalizedFeatures(Long.MAX_VALUE).featureMap());
            ControllerResult<BrokerRegistrationReply> result = cluster.registerBroker(request, nextOffset,
                new FinalizedControllerFeatures(map, nextOffset), version >= 3);
            response.setBrokerEpoch(result.response().epoch());
            records = result.records();
        } catch (Exception e) {
            response.setErrorCode(Errors.forException(e).code());
        }
        reply(response, version);
        records(records);
    }

    void heartbeat(int id, long epoch, long offset, boolean fence, boolean shutDown, List<Uuid> offline, List<Uuid> cordoned, short version) throws Exception {
        BrokerHeartbeatRequestData request = new BrokerHeartbeatRequestData().setBrokerId(id).setBrokerEpoch(epoch)
            .setCurrentMetadataOffset(offset).setWantFence(fence).setWantShutDown(shutDown);
        if (version >= 1) request.setOfflineLogDirs(offline);
        if (version >= 2) request.setCordonedLogDirs(cordoned);
        ask(ApiKeys.BROKER_HEARTBEAT, version, request);
        BrokerHeartbeatResponseData response = new BrokerHeartbeatResponseData();
        List<ApiMessageAndVersion> records = List.of();
        boolean going = false;
        try {
            cluster.trackBrokerHeartbeat(id, epoch);
            OptionalLong registered = cluster.registerBrokerRecordOffset(id);
            if (registered.isEmpty())
                throw Errors.STALE_BROKER_EPOCH.exception();
            ControllerResult<BrokerHeartbeatReply> result = replication.processBrokerHeartbeat(request, registered.getAsLong());
            response.setIsCaughtUp(result.response().isCaughtUp()).setIsFenced(result.response().isFenced())
                .setShouldShutDown(result.response().shouldShutDown());
            records = result.records();
            going = result.response().inControlledShutdown();
        } catch (Exception e) {
            response.setErrorCode(Errors.forException(e).code());
        }
        reply(response, version);
        records(records);
        if (going)
            cluster.heartbeatManager().maybeUpdateControlledShutdownOffset(id, nextOffset - 1);
    }

    void unregister(int id) throws Exception {
        UnregisterBrokerRequestData request = new UnregisterBrokerRequestData().setBrokerId(id);
        ask(ApiKeys.UNREGISTER_BROKER, (short) 0, request);
        UnregisterBrokerResponseData response = new UnregisterBrokerResponseData();
        List<ApiMessageAndVersion> records = List.of();
        try {
            records = replication.unregisterBroker(id).records();
        } catch (Exception e) {
            response.setErrorCode(Errors.forException(e).code());
            response.setErrorMessage(e.getMessage());
        }
        reply(response, (short) 0);
        records(records);
    }

    /** One millisecond after the other, since of brokers that are silent for too long at the same time any may come first. */
    void time(long ms) throws Exception {
        for (long end = clock.ms + ms; clock.ms < end;) {
            clock.ms++;
            ControllerResult<Boolean> result = replication.maybeFenceOneStaleBroker();
            if (result.records().isEmpty() && clock.ms < end) continue;
            OUT.println("now " + clock.ms);
            OUT.println("tick");
            records(result.records());
        }
    }

    /* ---- Topics ---- */

    CreateTopicsRequestData.CreatableTopic assigned(String name, int[][] replicas) {
        CreateTopicsRequestData.CreatableTopic topic = new CreateTopicsRequestData.CreatableTopic().setName(name)
            .setNumPartitions(-1).setReplicationFactor((short) -1);
        for (int i = 0; i < replicas.length; i++) {
            List<Integer> ids = new ArrayList<>();
            for (int id : replicas[i]) ids.add(id);
            topic.assignments().add(new CreateTopicsRequestData.CreatableReplicaAssignment().setPartitionIndex(i).setBrokerIds(ids));
        }
        return topic;
    }

    void create(CreateTopicsRequestData request, short version) throws Exception {
        ask(ApiKeys.CREATE_TOPICS, version, request);
        java.util.HashSet<String> describable = new java.util.HashSet<>();
        request.topics().forEach(t -> describable.add(t.name()));
        ControllerRequestContext context = new ControllerRequestContext(new RequestHeaderData(), KafkaPrincipal.ANONYMOUS, OptionalLong.empty());
        CreateTopicsResponseData response;
        List<ApiMessageAndVersion> records = List.of();
        try {
            ControllerResult<CreateTopicsResponseData> result = replication.createTopics(context, request, describable, true);
            response = result.response();
            records = result.records();
        } catch (Exception e) {
            response = new CreateTopicsResponseData();
            for (CreateTopicsRequestData.CreatableTopic topic : request.topics())
                response.topics().add(new CreateTopicsResponseData.CreatableTopicResult().setName(topic.name())
                    .setErrorCode(Errors.forException(e).code()).setErrorMessage(e.getMessage()));
        }
        reply(response, version);
        records(records);
    }

    /* ---- A cluster whose brokers come and go ---- */

    static final int BROKERS = 5;

    int[] replicas() {
        int count = 1 + random.nextInt(4);
        List<Integer> ids = new ArrayList<>();
        for (int i = 1; i <= BROKERS; i++)
            if (cluster.brokerRegistrations().containsKey(i)) ids.add(i);
        java.util.Collections.shuffle(ids, random);
        int[] out = new int[Math.min(count, ids.size())];
        for (int i = 0; i < out.length; i++) out[i] = ids.get(i);
        return out;
    }

    long epochOf(int id) {
        BrokerRegistration broker = cluster.brokerRegistrations().get(id);
        return broker == null ? 1000077 : broker.epoch();
    }

    void stepRegister() throws Exception {
        int id = 1 + random.nextInt(BROKERS);
        boolean amend = random.nextInt(4) == 0;
        if (!amend || !incarnations.containsKey(id)) incarnations.put(id, uuid());
        if (!dirs.containsKey(id) || random.nextInt(12) == 0)
            dirs.put(id, random.nextInt(3) == 0 ? List.of(uuid(), uuid()) : List.of(uuid()));
        List<Uuid> logDirs = dirs.get(id);
        if (random.nextInt(20) == 0)
            logDirs = random.nextBoolean() ? List.of() : random.nextBoolean() ? List.of(logDirs.get(0), logDirs.get(0))
                : random.nextBoolean() ? List.of(new Uuid(0, 5)) : dirs.getOrDefault(1 + id % BROKERS, logDirs);
        long previous = random.nextBoolean() ? epochOf(id) : random.nextBoolean() ? -1 : epochOf(id) - 1;
        short version = (short) (random.nextInt(6) == 0 ? 2 : 4);
        BrokerRegistrationRequestData request = registration(id, incarnations.get(id), version < 3 ? -1 : previous,
            random.nextInt(3) == 0 ? null : "r" + id % 3, logDirs);
        int wrong = random.nextInt(60);
        if (wrong == 0) request.setClusterId("another");
        if (wrong == 1) request.features().remove(new BrokerRegistrationRequestData.Feature().setName("metadata.version"));
        if (wrong == 2) request.features().find("metadata.version").setMaxSupportedVersion((short) 8);
        if (wrong == 3) request.features().remove(new BrokerRegistrationRequestData.Feature().setName("eligible.leader.replicas.version"));
        if (wrong == 4) request.features().add(new BrokerRegistrationRequestData.Feature().setName("foo").setMinSupportedVersion((short) 1).setMaxSupportedVersion((short) 2));
        if (wrong == 5) request.setIsMigratingZkBroker(true);
        register(request, version);
    }

    void stepHeartbeat() throws Exception {
        int id = 1 + random.nextInt(BROKERS);
        long offset = random.nextInt(4) == 0 ? random.nextInt((int) nextOffset + 2) : nextOffset - 1;
        long epoch = random.nextInt(25) == 0 ? 1000000 + random.nextInt(50) : epochOf(id);
        List<Uuid> offline = new ArrayList<>();
        List<Uuid> own = dirs.getOrDefault(id, List.of());
        if (!own.isEmpty() && random.nextInt(15) == 0) offline.add(own.get(random.nextInt(own.size())));
        if (random.nextInt(40) == 0) offline.add(uuid());
        List<Uuid> cordoned = random.nextInt(6) == 0 && !own.isEmpty() ? List.of(own.get(0)) : random.nextInt(4) == 0 ? null : List.of();
        heartbeat(id, epoch, offset, random.nextInt(14) == 0, random.nextInt(6) == 0, offline, cordoned,
            (short) (metadataVersion >= 30 ? 2 - random.nextInt(8) / 7 : metadataVersion >= 17 ? 1 : 0));
    }

    void stepIsr() {
        if (topics.isEmpty()) return;
        Object[] names = topics.keySet().toArray();
        Uuid id = topics.get(names[random.nextInt(names.length)]);
        PartitionRegistration partition = replication.getPartition(id, 0);
        if (partition == null || partition.leader < 0) return;
        List<Integer> isr = new ArrayList<>();
        for (int replica : partition.replicas)
            if (replica == partition.leader || (cluster.isActive(replica) && random.nextInt(3) > 0)) isr.add(replica);
        PartitionChangeRecord record = new PartitionChangeRecord().setTopicId(id).setPartitionId(0).setIsr(isr);
        short version = features.metadataVersionOrThrow().partitionChangeRecordVersion();
        write(new ApiMessageAndVersion(record, version));
    }

    void stepCreate() throws Exception {
        int[] first = replicas();
        if (first.length == 0) return;
        String name = "t" + serial++;
        CreateTopicsRequestData.CreatableTopic topic = assigned(name, new int[][] {first});
        if (random.nextInt(3) == 0)
            topic.configs().add(new CreateTopicsRequestData.CreatableTopicConfig().setName("min.insync.replicas").setValue("" + (1 + random.nextInt(3))));
        if (random.nextInt(4) == 0)
            topic.configs().add(new CreateTopicsRequestData.CreatableTopicConfig().setName("unclean.leader.election.enable").setValue("" + random.nextBoolean()));
        CreateTopicsRequestData request = new CreateTopicsRequestData();
        request.topics().add(topic);
        create(request, (short) 4);
    }

    static void cluster(String name, long seed, int steps) throws Exception {
        Random random = new Random(seed);
        Map<String, Object> conf = new TreeMap<>();
        if (random.nextBoolean()) conf.put("min.insync.replicas", "2");
        if (random.nextInt(5) == 0) conf.put("unclean.leader.election.enable", "true");
        short[] levels = {30, 30, 30, 25, 20, 16, 7};
        short level = levels[random.nextInt(levels.length)];
        ControlRecorder recorder = new ControlRecorder(name, random, conf, level, level >= 23 && random.nextInt(4) > 0);
        for (int i = 0; i < steps; i++) {
            int step = random.nextInt(100);
            recorder.time(1);
            if (recorder.cluster.brokerRegistrations().size() < 3 && step < 60) recorder.stepRegister();
            else if (step < 10) recorder.stepRegister();
            else if (step < 70) recorder.stepHeartbeat();
            else if (step < 80) recorder.stepIsr();
            else if (step < 90 && recorder.topics.size() < 6) recorder.stepCreate();
            else if (step < 98) recorder.time(random.nextInt(4) == 0 ? 9500 : 1500);
            else recorder.unregister(1 + random.nextInt(BROKERS));
        }
    }

    /* ---- Requests to create topics ---- */

    static final String[] NAMES = {"a.b", "a_b", "a", "", ".", "..", "x y", "caf\u00e9", "__consumer_offsets", "q-1", "a.b_c", "a_b.c"};
    static final String[][] RIGHT = {{"retention.ms", "-1"}, {"retention.ms", " 5 "}, {"cleanup.policy", "compact"},
        {"cleanup.policy", "compact,delete"}, {"cleanup.policy", ""}, {"min.insync.replicas", "2"}, {"segment.bytes", "1048576"},
        {"unclean.leader.election.enable", "TRUE"}, {"compression.type", "zstd"}, {"compression.zstd.level", "-7"},
        {"message.timestamp.type", "LogAppendTime"}, {"min.cleanable.dirty.ratio", "0.25"}, {"flush.messages", "1"},
        {"leader.replication.throttled.replicas", "*"}, {"leader.replication.throttled.replicas", "0:1,1:2"},
        {"local.retention.ms", "5"}, {"preallocate", "true"}};
    /** Of two wrong ones either may be told, so that no request has two. */
    static final String[][] WRONG = {{"retention.ms", "x"}, {"retention.ms", null}, {"cleanup.policy", "foo"},
        {"min.insync.replicas", "0"}, {"segment.bytes", "1000"}, {"unclean.leader.election.enable", "yes"}, {"no.such.thing", "1"},
        {"No.such", null}, {"compression.type", "ZSTD"}, {"compression.gzip.level", "0"}, {"min.cleanable.dirty.ratio", "1.5"},
        {"flush.messages", "0"}, {"follower.replication.throttled.replicas", "foo"}, {"remote.storage.enable", "true"},
        {"segment.jitter.ms", "-1"}, {"max.message.bytes", "1e3"}, {"index.interval.bytes", "99999999999"},
        {"min.compaction.lag.ms", "9223372036854775808"}, {"", "1"}, {"retention.ms", ""}, {"message.timestamp.type", "createtime"}};

    String topicName() {
        if (random.nextInt(4) == 0) return NAMES[random.nextInt(NAMES.length)];
        if (random.nextInt(30) == 0) return "n".repeat(249 + random.nextInt(2));
        return "t" + random.nextInt(40);
    }

    void add(CreateTopicsRequestData.CreatableTopic topic, String[] setting) {
        topic.configs().add(new CreateTopicsRequestData.CreatableTopicConfig().setName(setting[0]).setValue(setting[1]));
    }

    CreateTopicsRequestData.CreatableTopic randomTopic(boolean validateOnly) {
        CreateTopicsRequestData.CreatableTopic topic;
        if (!validateOnly || random.nextBoolean()) {
            int partitions = 1 + random.nextInt(3);
            int[][] rows = new int[partitions][];
            for (int i = 0; i < partitions; i++) {
                rows[i] = new int[random.nextInt(14) == 0 ? random.nextInt(3) : 2];
                for (int j = 0; j < rows[i].length; j++)
                    rows[i][j] = random.nextInt(20) == 0 ? random.nextInt(9) : 1 + (i + j + random.nextInt(2)) % 5;
            }
            topic = assigned(topicName(), rows);
            if (random.nextInt(20) == 0) topic.setNumPartitions(3);
            if (random.nextInt(20) == 0) topic.setReplicationFactor((short) 2);
            if (random.nextInt(12) == 0)
                topic.assignments().add(new CreateTopicsRequestData.CreatableReplicaAssignment()
                    .setPartitionIndex(random.nextInt(7) - 1).setBrokerIds(List.of(1, 2)));
        } else {
            topic = new CreateTopicsRequestData.CreatableTopic().setName(topicName())
                .setNumPartitions(random.nextInt(5) == 0 ? random.nextInt(4) - 2 : 1 + random.nextInt(9))
                .setReplicationFactor((short) (random.nextInt(5) - 1));
        }
        for (int i = random.nextInt(4) - 1; i > 0; i--)
            add(topic, RIGHT[random.nextInt(RIGHT.length)]);
        if (random.nextInt(6) == 0)
            add(topic, WRONG[random.nextInt(WRONG.length)]);
        return topic;
    }

    /** The controller never sees a name twice: that is refused before. */
    void stepTopics() throws Exception {
        boolean validateOnly = random.nextInt(3) == 0;
        CreateTopicsRequestData request = new CreateTopicsRequestData().setValidateOnly(validateOnly);
        java.util.HashSet<String> names = new java.util.HashSet<>();
        for (int i = random.nextInt(5) == 0 ? 3 : 1; i > 0; i--) {
            CreateTopicsRequestData.CreatableTopic topic = randomTopic(validateOnly);
            if (names.add(topic.name())) request.topics().add(topic);
        }
        if (random.nextInt(60) == 0) request.topics().iterator().next().setNumPartitions(10001);
        create(request, (short) (validateOnly ? 2 + random.nextInt(5) : 2 + random.nextInt(6)));
    }

    static void topics(String name, long seed, int steps) throws Exception {
        Random random = new Random(seed);
        Map<String, Object> conf = new TreeMap<>();
        if (random.nextInt(3) == 0) conf.put("num.partitions", "3");
        if (random.nextInt(3) == 0) conf.put("default.replication.factor", "2");
        if (random.nextInt(3) == 0) conf.put("log.retention.hours", "5");
        if (random.nextInt(3) == 0) conf.put("compression.type", "gzip");
        if (random.nextInt(3) == 0) conf.put("min.insync.replicas", "2");
        short[] levels = {30, 30, 25, 16};
        short level = levels[random.nextInt(levels.length)];
        ControlRecorder recorder = new ControlRecorder(name, random, conf, level, level >= 23 && random.nextBoolean());
        for (String[] pair : new String[][] {{"", "log.roll.ms", "77"}, {"", "log.cleanup.policy", "compact"}, {"1", "log.roll.ms", "78"}, {"7", "log.roll.ms", "79"}})
            if (random.nextInt(4) == 0)
                recorder.write(new ApiMessageAndVersion(new ConfigRecord().setResourceType((byte) 4).setResourceName(pair[0])
                    .setName(pair[1]).setValue(pair[2]), (short) 0));
        if (random.nextInt(6) == 0) recorder.stepTopics();
        for (int id = 1; id <= BROKERS; id++) {
            recorder.dirs.put(id, random.nextInt(3) == 0 ? List.of(recorder.uuid(), recorder.uuid()) : List.of(recorder.uuid()));
            recorder.register(recorder.registration(id, recorder.uuid(), -1, "r" + id % 2, recorder.dirs.get(id)), (short) 4);
            if (random.nextInt(6) == 0) continue;
            recorder.heartbeat(id, recorder.epochOf(id), recorder.nextOffset - 1, false, false, List.of(),
                random.nextInt(5) == 0 ? recorder.dirs.get(id) : List.of(), (short) (level >= 30 ? 2 : 1));
        }
        for (int i = 0; i < steps; i++) {
            recorder.time(1);
            if (random.nextInt(10) == 0) recorder.heartbeat(1 + random.nextInt(BROKERS), recorder.epochOf(1 + random.nextInt(BROKERS)),
                recorder.nextOffset - 1, random.nextInt(4) == 0, random.nextInt(4) == 0, List.of(), null, (short) (level >= 30 ? 2 : 1));
            recorder.stepTopics();
        }
    }

    public static void main(String[] args) throws Exception {
        long seed = Long.parseLong(args[1]);
        int scenarios = Integer.parseInt(args[2]);
        int steps = Integer.parseInt(args[3]);
        for (int i = 0; i < scenarios; i++) {
            if (args[0].equals("cluster")) cluster("cluster-" + (seed + i), seed + i, steps);
            else topics("topics-" + (seed + i), seed + i, steps);
        }
        OUT.flush();
    }
}
