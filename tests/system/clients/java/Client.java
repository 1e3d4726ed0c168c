import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache Kafka's own Java client as a client of the node under test. See ../README.md for the commands. */
public final class Client {
    private static final long TIME_MS = Long.parseLong(System.getenv("TIME_MS"));

    /** Several commands may be given, with "--" between them, which is also printed after each one's output. */
    public static void main(String[] args) throws Exception {
        int begin = 0;
        for (int i = 0; i <= args.length; i++) {
            if (i < args.length && !args[i].equals("--"))
                continue;
            run(Arrays.copyOfRange(args, begin, i));
            if (i < args.length)
                System.out.println("--");
            begin = i + 1;
        }
    }

    private static void run(String[] args) throws Exception {
        switch (args[0]) {
            case "create" -> create(args[1], args[2], Integer.parseInt(args[3]));
            case "produce" -> produce(args[1], args[2], Integer.parseInt(args[3]), args[4], Integer.parseInt(args[5]), args[6]);
            case "consume" -> consume(args[1], args[2], Integer.parseInt(args[3]), Integer.parseInt(args[4]),
                args.length > 5 ? Long.valueOf(args[5]) : null);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void create(String bootstrap, String topic, int partitions) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        }
    }

    private static void produce(String bootstrap, String topic, int partition, String codec, int count, String prefix)
        throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "compression.type", codec);
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                byte[] key = (prefix + "-k" + i).getBytes(StandardCharsets.UTF_8);
                byte[] value = (prefix + "-v" + i + " ").repeat(1 + i % 7).getBytes(StandardCharsets.UTF_8);
                var record = new ProducerRecord<>(topic, partition, TIME_MS + i, key, value);
                record.headers().add("codec", codec.getBytes(StandardCharsets.UTF_8));
                sent.add(producer.send(record));
            }
            for (Future<RecordMetadata> future : sent)
                future.get();
        }
    }

    private static void consume(String bootstrap, String topic, int partition, int count, Long fromMs) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "none",
            "enable.auto.commit", false);
        TopicPartition where = new TopicPartition(topic, partition);
        StringBuilder out = new StringBuilder();
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(where));
            if (fromMs == null)
                consumer.seekToBeginning(List.of(where));
            else
                consumer.seek(where, consumer.offsetsForTimes(Map.of(where, fromMs)).get(where).offset());
            long deadline = System.nanoTime() + 60_000_000_000L;
            int seen = 0;
            while (seen < count && System.nanoTime() < deadline) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    if (seen++ == count)
                        break;
                    out.append(record.offset()).append('\t').append(record.timestamp()).append('\t')
                        .append(new String(record.key(), StandardCharsets.UTF_8)).append('\t')
                        .append(new String(record.value(), StandardCharsets.UTF_8)).append('\n');
                }
            }
        }
        System.out.print(out);
    }
}
