import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Fills a broker with logs of every kind ("fill"), goes on in them ("more"), or reads all and prints what is there ("read"). */
public class Fill {
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final String LONG = "abcdefghijklmnopqrstuvwxyz".repeat(30);

    /** Cleaned by Kafka as soon as it can. */
    static final Map<String, String> COMPACTED = Map.of("cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.001",
        "segment.ms", "300", "delete.retention.ms", "0");

    static Producer<String, String> producer(String bootstrap, String codec, String transactionalId) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("compression.type", codec);
        p.put("key.serializer", StringSerializer.class.getName());
        p.put("value.serializer", StringSerializer.class.getName());
        p.put("linger.ms", "5");
        p.put("batch.size", "4000");
        if (transactionalId != null)
            p.putAll(Map.of("transactional.id", transactionalId, "transaction.timeout.ms", "900000"));
        return new KafkaProducer<>(p);
    }

    @SuppressWarnings("removal") // the constructor of ConsumerGroupMetadata, which alone needs no group
    static void fill(String bootstrap) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", (Object) bootstrap))) {
            for (String codec : CODECS)
                admin.createTopics(List.of(new NewTopic("t-" + codec, 1, (short) 1))).all().get();
            Map<String, String> small = Map.of("segment.bytes", "1048576");
            admin.createTopics(List.of(new NewTopic("segments", 1, (short) 1).configs(small),
                new NewTopic("transactions", 1, (short) 1).configs(small),
                new NewTopic("compacted", 1, (short) 1).configs(COMPACTED),
                new NewTopic("compacted-transactions", 1, (short) 1).configs(COMPACTED),
                new NewTopic("appendtime", 1, (short) 1).configs(Map.of("message.timestamp.type", "LogAppendTime")),
                new NewTopic("empty", 2, (short) 1))).all().get();
        }
        for (String codec : CODECS)
            try (var p = producer(bootstrap, codec, null)) {
                for (int i = 0; i < 1000; i++)
                    p.send(new ProducerRecord<>("t-" + codec, null, 1700000000000L + i, "k" + i, "value-" + i));
            }
        try (var p = producer(bootstrap, "none", null)) {
            for (int i = 0; i < 5000; i++)
                p.send(new ProducerRecord<>("segments", null, 1700000000000L + i, "k" + i, LONG + i));
            for (int i = 0; i < 100; i++)
                p.send(new ProducerRecord<>("appendtime", null, 1700000000000L + i, "k" + i, "v" + i));
        }
        try (var p = producer(bootstrap, "zstd", null); var t = producer(bootstrap, "none", "compacting")) {
            t.initTransactions();
            for (int round = 0; round < 6; round++) {
                t.beginTransaction();
                for (int i = 0; i < 300; i++) {
                    p.send(new ProducerRecord<>("compacted", "k" + i % 40, i % 7 == 0 ? null : "v" + round + "." + i));
                    t.send(new ProducerRecord<>("compacted-transactions", "k" + i % 40, "v" + round + "." + i));
                }
                p.flush();
                t.flush();
                if (round % 2 == 0)
                    t.commitTransaction();
                else
                    t.abortTransaction();
                Thread.sleep(400); /* its segment's time is over, and the cleaner's comes */
            }
        }
        var p = producer(bootstrap, "lz4", "one");
        var q = producer(bootstrap, "none", "two");
        p.initTransactions();
        q.initTransactions();
        for (int t = 0; t < 40; t++) {
            p.beginTransaction();
            if (t % 3 == 0)
                q.beginTransaction();
            for (int i = 0; i < 50; i++) {
                p.send(new ProducerRecord<>("transactions", "k" + i, LONG + "p" + t + "." + i));
                if (t % 3 == 0)
                    q.send(new ProducerRecord<>("transactions", "k" + i, LONG + "q" + t + "." + i));
            }
            p.flush(); /* an abort drops what was not sent yet */
            q.flush();
            if (t % 4 == 1)
                p.abortTransaction();
            else
                p.commitTransaction();
            if (t % 3 == 0 && t % 2 == 0)
                q.abortTransaction();
            else if (t % 3 == 0)
                q.commitTransaction();
        }
        /* Offsets of a group in transactions: the coordinator's batches have no sequence. */
        for (int t = 0; t < 3; t++) {
            p.beginTransaction();
            p.sendOffsetsToTransaction(Map.of(new TopicPartition("segments", 0), new OffsetAndMetadata(t)),
                new ConsumerGroupMetadata("group", -1, "", java.util.Optional.empty()));
            if (t == 0)
                p.commitTransaction();
            else if (t == 1)
                p.abortTransaction();
        }
        /* One stays open. */
        q.beginTransaction();
        for (int i = 0; i < 5; i++)
            q.send(new ProducerRecord<>("transactions", "k" + i, "open" + i));
        q.flush();
        Runtime.getRuntime().halt(0);
    }

    /** Idempotent producers that go on in the logs, on whatever broker. */
    static void more(String bootstrap) throws Exception {
        for (String codec : CODECS)
            try (var p = producer(bootstrap, codec, null)) {
                for (int i = 0; i < 500; i++) {
                    p.send(new ProducerRecord<>("t-" + codec, null, 1700001000000L + i, "k" + i, "more-" + i));
                    p.send(new ProducerRecord<>("segments", null, 1700001000000L + i, "k" + i, LONG + i));
                    p.send(new ProducerRecord<>("compacted", "k" + i % 40, "more-" + i));
                    p.send(new ProducerRecord<>("appendtime", "k" + i, "more-" + i));
                    p.send(new ProducerRecord<>("transactions", "k" + i, "more-" + i));
                }
            }
    }

    static void read(String bootstrap) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("key.deserializer", StringDeserializer.class.getName());
        p.put("value.deserializer", StringDeserializer.class.getName());
        List<String> topics = new java.util.ArrayList<>(CODECS.stream().map(c -> "t-" + c).toList());
        topics.addAll(List.of("appendtime", "compacted", "compacted-transactions", "empty", "segments", "transactions"));
        for (String isolation : List.of("read_uncommitted", "read_committed")) {
            p.put("isolation.level", isolation);
            try (var consumer = new KafkaConsumer<String, String>(p)) {
                for (String topic : topics) {
                    var partition = new TopicPartition(topic, 0);
                    consumer.assign(List.of(partition));
                    consumer.seekToBeginning(List.of(partition));
                    long end = consumer.endOffsets(List.of(partition)).get(partition);
                    long records = 0, hash = 0;
                    while (consumer.position(partition) < end)
                        for (var record : consumer.poll(java.time.Duration.ofMillis(200))) {
                            records++;
                            hash = hash * 31 + java.util.Objects.hashCode(record.value());
                        }
                    System.out.println(topic + " " + isolation + " end=" + end + " records=" + records + " " + hash);
                }
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[1].equals("fill"))
            fill(arguments[0]);
        else if (arguments[1].equals("more"))
            more(arguments[0]);
        else
            read(arguments[0]);
    }
}
