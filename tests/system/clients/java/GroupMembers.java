import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Members of one group in one process: GroupMembers BOOTSTRAP PROTOCOL GROUP COUNT SUBSCRIPTION [SETTING=VALUE ...].
 * SUBSCRIPTION is topics with commas between them, or ~ and an expression. Prints "topic partition offset" of each
 * record; commits what it has seen. On stdin: "stop N", "start N"; the end of it ends all.
 */
public class GroupMembers {
    static class Member extends Thread {
        final KafkaConsumer<byte[], byte[]> consumer;
        volatile boolean over;

        Member(Properties settings, String subscription) {
            consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            if (subscription.startsWith("~"))
                consumer.subscribe(new SubscriptionPattern(subscription.substring(1)));
            else
                consumer.subscribe(List.of(subscription.split(",")));
            start();
        }

        public void run() {
            while (!over) {
                try {
                    var records = consumer.poll(Duration.ofMillis(200));
                    StringBuilder lines = new StringBuilder();
                    records.forEach(r -> lines.append(r.topic() + " " + r.partition() + " " + r.offset() + "\n"));
                    if (!records.isEmpty()) {
                        System.out.print(lines);
                        System.out.flush();
                        consumer.commitSync(Duration.ofSeconds(20));
                    }
                } catch (WakeupException e) {
                    break;
                } catch (CommitFailedException e) {
                    System.err.println(e.getMessage()); // others have the partitions by now
                } catch (KafkaException e) {
                    System.err.println(e);
                }
            }
            consumer.close();
        }

        void end() throws InterruptedException {
            over = true;
            join();
        }
    }

    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("group.protocol", args[1]);
        settings.put("group.id", args[2]);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        for (int i = 5; i < args.length; i++)
            settings.put(args[i].substring(0, args[i].indexOf('=')), args[i].substring(args[i].indexOf('=') + 1));
        Member[] members = new Member[Integer.parseInt(args[3])];
        for (int i = 0; i < members.length; i++)
            members[i] = new Member(settings, args[4]);
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = commands.readLine()) != null;) {
            int i = Integer.parseInt(line.split(" ")[1]);
            if (members[i] != null)
                members[i].end();
            members[i] = line.startsWith("start") ? new Member(settings, args[4]) : null;
        }
        for (Member member : members)
            if (member != null)
                member.end();
    }
}
