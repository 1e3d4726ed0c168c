import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.tools.DumpLogSegments;

/**
 * A client that remembers all it wrote, whichever broker took it, and compares what a broker serves with that.
 * Commands come as lines on standard input; the answer to each ends with a line "ok" or "failed".
 */
public final class Interop {
    enum Fate { COMMITTED, ABORTED, OPEN }

    record Written(int hash, String key, long timestamp, Fate fate) { }

    private static final Random RANDOM = new Random(20);
    private static final PrintStream OUT = System.out;
    private static final Map<String, World> WORLDS = new HashMap<>(Map.of("", new World()));
    private static final Map<String, KafkaProducer<byte[], byte[]>> KEPT = new HashMap<>();
    private static World world = WORLDS.get("");
    private static long clock = System.currentTimeMillis() - 3600_000;
    private static Thread load;
    private static volatile boolean loading;

    /** What a node should have; forks when its directories are copied. */
    static final class World {
        final Map<TopicPartition, TreeMap<Long, Written>> written = new HashMap<>();
        /** What was sent and never acknowledged: it may be there, once. */
        final Map<String, Set<Integer>> unsure = new HashMap<>();
        final Set<String> compacted = new HashSet<>();
        final Map<String, Map<TopicPartition, Long>> groups = new HashMap<>();
        final List<String> wrong = new ArrayList<>();

        World() { }

        World(World other) {
            other.written.forEach((partition, records) -> written.put(partition, new TreeMap<>(records)));
            other.unsure.forEach((topic, hashes) -> unsure.put(topic, new HashSet<>(hashes)));
            compacted.addAll(other.compacted);
            groups.putAll(other.groups);
        }
    }

    /** world NAME [FROM]: what follows is about another node, which is new or begins as a copy. */
    private static void world(String[] args) {
        world = WORLDS.computeIfAbsent(args[1], name -> args.length > 2 ? new World(WORLDS.get(args[2])) : new World());
    }

    private static void fail(String text) {
        throw new IllegalStateException(text);
    }

    // ---- Writing

    private static int hash(long timestamp, byte[] key, byte[] value, Iterable<Header> headers) {
        int hash = Objects.hash(timestamp, Arrays.hashCode(key), Arrays.hashCode(value));
        for (Header header : headers)
            hash = hash * 31 + Objects.hash(header.key(), Arrays.hashCode(header.value()));
        return hash;
    }

    private static KafkaProducer<byte[], byte[]> producer(String bootstrap, Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "linger.ms", 5));
        settings.putAll(more);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static byte[] value(int bytes) {
        byte[] value = new byte[bytes];
        // Half noise, half the same again: something to compress, yet no batch vanishes.
        RANDOM.nextBytes(value);
        System.arraycopy(value, 0, value, bytes - bytes / 2, bytes / 2);
        return value;
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, int i, int keys, int bytes, Fate fate) {
        byte[] key = keys == 0 && i % 7 == 0 ? null : ("key " + (keys == 0 ? i : i % keys)).getBytes(StandardCharsets.UTF_8);
        byte[] value = keys == 0 && i % 50 == 3 ? null : value(1 + RANDOM.nextInt(2 * bytes));
        var record = new ProducerRecord<>(topic, null, clock++, key, value);
        for (int h = 0; h < i % 3; h++)
            record.headers().add("header " + h, h == 1 ? null : value(9));
        int hash = hash(record.timestamp(), key, value, record.headers());
        World into = world;
        synchronized (into) {
            into.unsure.computeIfAbsent(topic, t -> new HashSet<>()).add(hash);
        }
        producer.send(record, (metadata, error) -> {
            if (error != null)
                return;
            synchronized (into) {
                into.unsure.get(topic).remove(hash);
                var records = into.written.computeIfAbsent(new TopicPartition(topic, metadata.partition()), t -> new TreeMap<>());
                var was = records.put(metadata.offset(), new Written(hash(metadata.timestamp(), key, value, record.headers()),
                    key == null ? null : new String(key, StandardCharsets.UTF_8), metadata.timestamp(), fate));
                if (was != null || metadata.offset() < 0)
                    into.wrong.add(topic + ": offset " + metadata.offset() + " was given to two records");
            }
        });
    }

    private static void written(String topic) {
        synchronized (world) {
            if (!world.unsure.getOrDefault(topic, Set.of()).isEmpty())
                fail(world.unsure.get(topic).size() + " records of " + topic + " were not acknowledged");
        }
    }

    /** write BOOTSTRAP TOPIC CODEC COUNT BYTES [KEYS] */
    private static void write(String[] args) {
        int keys = args.length > 6 ? Integer.parseInt(args[6]) : 0;
        try (var producer = producer(args[1], Map.of("compression.type", args[3]))) {
            for (int i = 0; i < Integer.parseInt(args[4]); i++)
                send(producer, args[2], i, keys, Integer.parseInt(args[5]), Fate.COMMITTED);
        }
        written(args[2]);
    }

    /** keep NAME BOOTSTRAP TOPIC COUNT: by one producer that lives on, with its id and sequences, from broker to broker. */
    private static void keep(String[] args) {
        var producer = KEPT.computeIfAbsent(args[1], name -> producer(args[2], Map.of("reconnect.backoff.max.ms", 100)));
        for (int i = 0; i < Integer.parseInt(args[4]); i++)
            send(producer, args[3], i, 0, 100, Fate.COMMITTED);
        producer.flush();
        written(args[3]);
    }

    /** transact BOOTSTRAP TOPIC ID CODEC COUNT COMMITTED|ABORTED|OPEN */
    private static void transact(String[] args) {
        Fate fate = Fate.valueOf(args[6]);
        var producer = producer(args[1], Map.of("transactional.id", args[3], "compression.type", args[4]));
        producer.initTransactions();
        producer.beginTransaction();
        for (int i = 0; i < Integer.parseInt(args[5]); i++)
            send(producer, args[2], i, 0, 100, fate);
        producer.flush();
        if (fate == Fate.COMMITTED)
            producer.commitTransaction();
        else if (fate == Fate.ABORTED)
            producer.abortTransaction();
        producer.close(fate == Fate.OPEN ? Duration.ZERO : Duration.ofSeconds(30));
        written(args[2]);
    }

    /** end BOOTSTRAP ID TOPIC: the open transaction of an id ends as aborted, since its producer comes again. */
    private static void end(String[] args) {
        try (var producer = producer(args[1], Map.of("transactional.id", args[2]))) {
            producer.initTransactions();
        }
        world.written.forEach((partition, records) -> {
            if (partition.topic().equals(args[3]))
                records.replaceAll((offset, was) -> was.fate() == Fate.OPEN
                    ? new Written(was.hash(), was.key(), was.timestamp(), Fate.ABORTED) : was);
        });
    }

    /** load BOOTSTRAP TOPIC: writes until the broker is killed and "unload" comes. */
    private static void load(String[] args) {
        loading = true;
        load = new Thread(() -> {
            var producer = producer(args[1], Map.of("compression.type", "lz4", "max.block.ms", 100, "delivery.timeout.ms", 1000,
                "request.timeout.ms", 900));
            for (int i = 0; loading; i++)
                send(producer, args[2], i, 0, 200, Fate.COMMITTED);
            producer.close(Duration.ZERO);
        });
        load.start();
    }

    private static void unload(String[] args) throws Exception {
        loading = false;
        load.join();
    }

    // ---- Reading

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "none",
            "enable.auto.commit", false, "check.crcs", true, "fetch.max.wait.ms", 50));
        settings.putAll(more);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static List<TopicPartition> partitions(KafkaConsumer<byte[], byte[]> consumer, String topic) {
        return consumer.partitionsFor(topic).stream().map(p -> new TopicPartition(topic, p.partition())).toList();
    }

    private static Map<TopicPartition, TreeMap<Long, ConsumerRecord<byte[], byte[]>>> readAll(
        KafkaConsumer<byte[], byte[]> consumer, Collection<TopicPartition> partitions) {
        Map<TopicPartition, TreeMap<Long, ConsumerRecord<byte[], byte[]>>> read = new HashMap<>();
        partitions.forEach(partition -> read.put(partition, new TreeMap<>()));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (!partitions.stream().allMatch(p -> consumer.position(p) >= ends.get(p))) {
            if (System.nanoTime() > deadline)
                fail("stuck at " + partitions.stream().map(p -> p + "=" + consumer.position(p)).toList() + " of " + ends);
            for (var record : consumer.poll(Duration.ofMillis(200)))
                if (read.get(new TopicPartition(record.topic(), record.partition())).put(record.offset(), record) != null)
                    fail(record.topic() + ": offset " + record.offset() + " came twice");
        }
        return read;
    }

    private static void compare(TopicPartition partition, boolean committed, long start,
        TreeMap<Long, ConsumerRecord<byte[], byte[]>> read) {
        TreeMap<Long, Written> written = world.written.computeIfAbsent(partition, p -> new TreeMap<>());
        boolean compacted = world.compacted.contains(partition.topic());
        read.forEach((offset, record) -> {
            String where = partition + " at " + offset + (committed ? " (read_committed)" : "");
            int hash = hash(record.timestamp(), record.key(), record.value(), record.headers());
            Written was = written.get(offset);
            if (was == null && !world.unsure.getOrDefault(partition.topic(), Set.of()).remove(hash))
                fail(where + " is a record that nobody wrote");
            if (was == null)
                written.put(offset, new Written(hash, null, record.timestamp(), Fate.COMMITTED));
            else if (was.hash() != hash)
                fail(where + " is another record than was written");
            else if (committed && was.fate() != Fate.COMMITTED)
                fail(where + " is of a transaction that is " + was.fate());
        });
        Map<String, Long> last = new HashMap<>();
        if (compacted)
            written.forEach((offset, was) -> last.put(was.key(), offset));
        long firstOpen = written.entrySet().stream().filter(e -> e.getValue().fate() == Fate.OPEN).map(Map.Entry::getKey)
            .findFirst().orElse(Long.MAX_VALUE);
        written.forEach((offset, was) -> {
            boolean wanted = offset >= start && (!compacted || last.get(was.key()).equals(offset))
                && (!committed || was.fate() == Fate.COMMITTED && offset < firstOpen);
            if (wanted && !read.containsKey(offset))
                fail(partition + " lacks " + offset + (committed ? " (read_committed)" : ""));
        });
    }

    /** A time's offset is that of the first record at or after it. */
    private static void compareTimes(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition,
        TreeMap<Long, ConsumerRecord<byte[], byte[]>> read) {
        for (int i = 0; i < 3 && !read.isEmpty(); i++) {
            List<Long> offsets = new ArrayList<>(read.keySet());
            long time = read.get(offsets.get(RANDOM.nextInt(offsets.size()))).timestamp() - i % 2;
            long wanted = read.values().stream().filter(r -> r.timestamp() >= time).findFirst().orElseThrow().offset();
            var found = consumer.offsetsForTimes(Map.of(partition, time)).get(partition);
            // An earlier one may be a transaction's marker, which no consumer is shown.
            if (found == null || found.timestamp() < time || found.offset() > wanted
                || found.offset() < wanted && read.containsKey(found.offset()))
                fail(partition + " finds time " + time + " at " + found + ", not " + wanted);
        }
    }

    /** check BOOTSTRAP TOPIC...: the broker serves what was written, all of it and nothing else. */
    private static void check(String[] args) {
        if (!world.wrong.isEmpty())
            fail(world.wrong.toString());
        for (boolean committed : List.of(false, true)) {
            try (var consumer = consumer(args[1], Map.of("isolation.level", committed ? "read_committed" : "read_uncommitted"))) {
                List<TopicPartition> all = new ArrayList<>();
                for (String topic : Arrays.copyOfRange(args, 2, args.length))
                    all.addAll(partitions(consumer, topic));
                Map<TopicPartition, Long> starts = consumer.beginningOffsets(all);
                readAll(consumer, all).forEach((partition, read) -> {
                    compare(partition, committed, starts.get(partition), read);
                    if (!committed)
                        compareTimes(consumer, partition, read);
                });
            }
        }
    }

    /** digest BOOTSTRAP TOPIC...: a line for each partition with its first and last offset and what its records hash to. */
    private static void digest(String[] args) {
        for (String isolation : List.of("read_uncommitted", "read_committed")) {
            try (var consumer = consumer(args[1], Map.of("isolation.level", isolation, "exclude.internal.topics", false))) {
                List<TopicPartition> all = new ArrayList<>();
                for (String topic : Arrays.copyOfRange(args, 2, args.length))
                    all.addAll(partitions(consumer, topic));
                var starts = new TreeMap<String, String>();
                var firsts = consumer.beginningOffsets(all);
                var ends = consumer.endOffsets(all);
                readAll(consumer, all).forEach((partition, read) -> {
                    int hash = 0;
                    for (var r : read.values())
                        hash = hash * 31 + Objects.hash(r.offset(), hash(r.timestamp(), r.key(), r.value(), r.headers()));
                    starts.put(partition.toString(), firsts.get(partition) + ".." + ends.get(partition) + ": " + read.size() + " " + hash);
                });
                starts.forEach((partition, text) -> OUT.println(partition + " " + isolation + " " + text));
            }
        }
    }

    // ---- Administration

    private static <T> T admin(String bootstrap, ThrowingFunction<T> function) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            return function.apply(admin);
        }
    }

    interface ThrowingFunction<T> {
        T apply(Admin admin) throws Exception;
    }

    /** create BOOTSTRAP PARTITIONS TOPIC[,name=value...]... */
    private static void create(String[] args) throws Exception {
        List<NewTopic> topics = new ArrayList<>();
        for (String text : Arrays.copyOfRange(args, 3, args.length)) {
            String[] parts = text.split(",");
            Map<String, String> configs = new HashMap<>();
            for (int i = 1; i < parts.length; i++)
                configs.put(parts[i].substring(0, parts[i].indexOf('=')), parts[i].substring(parts[i].indexOf('=') + 1));
            if (configs.getOrDefault("cleanup.policy", "").contains("compact"))
                world.compacted.add(parts[0]);
            topics.add(new NewTopic(parts[0], Integer.parseInt(args[2]), (short) 1).configs(configs));
        }
        Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
        for (NewTopic topic : topics)
            for (int i = 0; i < topic.numPartitions(); i++)
                latest.put(new TopicPartition(topic.name(), i), OffsetSpec.latest());
        admin(args[1], admin -> {
            admin.createTopics(topics).all().get();
            // Kafka refuses what comes before its log is there, and would take a producer's second batch for its first.
            for (int tries = 0;; tries++) {
                try {
                    return admin.listOffsets(latest).all().get();
                } catch (ExecutionException notYet) {
                    if (tries == 200)
                        throw notYet;
                    Thread.sleep(50);
                }
            }
        });
    }

    private static void delete(String[] args) throws Exception {
        admin(args[1], admin -> admin.deleteTopics(List.of(args[2])).all().get());
    }

    /** trim BOOTSTRAP TOPIC OFFSET: of each partition. */
    private static void trim(String[] args) throws Exception {
        Map<TopicPartition, RecordsToDelete> below = new HashMap<>();
        world.written.keySet().stream().filter(p -> p.topic().equals(args[2]))
            .forEach(p -> below.put(p, RecordsToDelete.beforeOffset(Long.parseLong(args[3]))));
        admin(args[1], admin -> admin.deleteRecords(below).all().get());
    }

    /** commit BOOTSTRAP GROUP TOPIC: a member of the group reads some and commits. */
    private static void commit(String[] args) {
        try (var consumer = consumer(args[1], Map.of("group.id", args[2], "auto.offset.reset", "earliest"))) {
            consumer.subscribe(List.of(args[3]));
            while (consumer.poll(Duration.ofMillis(100)).isEmpty()) { }
            consumer.commitSync();
            Map<TopicPartition, Long> committed = new HashMap<>();
            consumer.committed(consumer.assignment()).forEach((partition, offset) -> {
                if (offset != null)
                    committed.put(partition, offset.offset());
            });
            world.groups.put(args[2], committed);
        }
    }

    /** committed BOOTSTRAP GROUP */
    private static void committed(String[] args) throws Exception {
        Map<TopicPartition, Long> committed = new HashMap<>();
        admin(args[1], admin -> admin.listConsumerGroupOffsets(args[2]).partitionsToOffsetAndMetadata().get())
            .forEach((partition, offset) -> committed.put(partition, offset.offset()));
        if (committed.isEmpty() || !committed.equals(world.groups.get(args[2])))
            fail("the group's offsets are " + committed + ", not " + world.groups.get(args[2]));
    }

    /** describe BOOTSTRAP: the cluster's topics with ids and settings of their own, its id and its features. */
    private static void describe(String[] args) throws Exception {
        admin(args[1], admin -> {
            OUT.println("cluster " + admin.describeCluster().clusterId().get());
            new TreeMap<>(admin.describeFeatures().featureMetadata().get().finalizedFeatures())
                .forEach((name, levels) -> OUT.println("feature " + name + " " + levels.maxVersionLevel()));
            for (String topic : new TreeSet<>(admin.listTopics(new org.apache.kafka.clients.admin.ListTopicsOptions()
                .listInternal(true)).names().get())) {
                var described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
                var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
                String settings = admin.describeConfigs(List.of(resource)).all().get().get(resource).entries().stream()
                    .filter(e -> e.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG)
                    .map(e -> e.name() + "=" + e.value()).sorted().collect(Collectors.joining(" "));
                OUT.println("topic " + topic + " " + described.topicId() + " " + described.partitions().size() + " "
                    + (described.isInternal() ? "internal " : "") + settings);
            }
            return null;
        });
    }

    /** dump ARGUMENT...: Apache Kafka's tool that prints and checks the files of a log. */
    private static void dump(String[] args) throws Exception {
        PrintStream out = System.out;
        var said = new ByteArrayOutputStream();
        System.setOut(new PrintStream(said, true));
        try {
            DumpLogSegments.main(Arrays.copyOfRange(args, 1, args.length));
        } finally {
            System.setOut(out);
        }
        OUT.print(said);
    }

    interface Command {
        void run(String[] args) throws Exception;
    }

    public static void main(String[] unused) throws Exception {
        Map<String, Command> commands = new HashMap<>();
        commands.put("create", Interop::create);
        commands.put("delete", Interop::delete);
        commands.put("trim", Interop::trim);
        commands.put("write", Interop::write);
        commands.put("transact", Interop::transact);
        commands.put("end", Interop::end);
        commands.put("world", Interop::world);
        commands.put("keep", Interop::keep);
        commands.put("load", Interop::load);
        commands.put("unload", Interop::unload);
        commands.put("check", Interop::check);
        commands.put("digest", Interop::digest);
        commands.put("commit", Interop::commit);
        commands.put("committed", Interop::committed);
        commands.put("describe", Interop::describe);
        commands.put("dump", Interop::dump);
        var in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null;) {
            String[] args = line.split(" ");
            try {
                commands.get(args[0]).run(args);
                OUT.println("ok");
            } catch (Throwable wrong) {
                wrong.printStackTrace(OUT);
                OUT.println("failed");
            }
            OUT.flush();
        }
        Runtime.getRuntime().halt(0);
    }
}
