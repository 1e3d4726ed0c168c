import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Apache Kafka's own Java client as members of a group, a thread for each; see ../test_groups. */
public final class Member {
    private static volatile boolean ended;

    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[4]);
        Thread[] threads = new Thread[count];
        for (int i = 0; i < count; i++) {
            threads[i] = new Thread(() -> run(args[0], args[1], args[2], args[3]));
            threads[i].start();
        }
        while (System.in.read() >= 0)
            ;
        ended = true;
        for (Thread thread : threads)
            thread.join();
    }

    private static void run(String bootstrap, String topic, String group, String protocol) {
        Map<String, Object> settings = new java.util.HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group,
            "auto.offset.reset", "earliest", "enable.auto.commit", "false", "group.protocol", protocol, "max.poll.records", "100"));
        if (protocol.equals("classic"))
            settings.putAll(Map.of("session.timeout.ms", "6000", "heartbeat.interval.ms", "500",
                "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor"));
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (!ended) {
                var records = consumer.poll(Duration.ofMillis(200));
                StringBuilder lines = new StringBuilder();
                records.forEach(record -> lines.append(record.partition()).append('\t').append(record.offset()).append('\n'));
                synchronized (System.out) {
                    System.out.print(lines);
                    System.out.flush();
                }
                try {
                    if (!records.isEmpty())
                        consumer.commitSync(Duration.ofSeconds(10));
                } catch (KafkaException e) {
                    System.err.println("commit: " + e);
                }
            }
        }
    }
}
