// Runs Apache Kafka's tools one after the other in one JVM, and calls of its Admin client: what each prints comes after a
// line "=== <command>", what it throws as a line as well.
//
//     AdminTools BOOTSTRAP <commands      a command is a line: a main class and its arguments, or "admin" and a call
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.utils.Exit;

public class AdminTools {
    // A tool may catch it, print it and exit again: the first code counts.
    static class Exited extends RuntimeException {
        Exited(int code) {
            super("exited", null, false, false);
            if (exit < 0)
                exit = code;
        }
    }

    static int exit;

    public static void main(String[] args) throws Exception {
        Exit.setExitProcedure((code, message) -> { throw new Exited(code); });
        Exit.setHaltProcedure((code, message) -> { throw new Exited(code); });
        PrintStream out = System.out;
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = commands.readLine()) != null;) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            PrintStream to = new PrintStream(bytes, true);
            System.setOut(to);
            System.setErr(to);
            exit = -1;
            String[] words = line.replace("BOOTSTRAP", args[0]).split(" ");
            try {
                if (words[0].equals("admin"))
                    admin(args[0], Arrays.copyOfRange(words, 1, words.length), to);
                else
                    tool(words, to);
            } catch (Exited exited) {
                to.flush();
            } catch (Throwable thrown) {
                to.println("thrown " + thrown);
            }
            if (line.contains("--alter") || line.contains("alterConfigs"))
                Thread.sleep(200); // a broker of Kafka acts on the metadata a little after the controller's answer
            System.setOut(out);
            out.println("=== " + line);
            out.print(bytes);
            if (exit >= 0)
                out.println("exit " + exit);
            out.flush();
        }
        System.exit(0);
    }

    static void tool(String[] words, PrintStream to) throws Throwable {
        Class<?> type = Class.forName((words[0].startsWith("kafka.") ? "" : "org.apache.kafka.tools.") + words[0]);
        String[] rest = Arrays.copyOfRange(words, 1, words.length);
        try {
            // Standard output is the tool's: those in Scala write to the console's stream.
            scala.Console.withOut(to, () -> {
                try {
                    type.getMethod("main", String[].class).invoke(null, (Object) rest);
                } catch (InvocationTargetException e) {
                    throw new RuntimeException(e.getCause());
                } catch (ReflectiveOperationException e) {
                    throw new RuntimeException(e);
                }
                return null;
            });
        } catch (RuntimeException e) {
            throw e.getCause() == null ? e : e.getCause();
        }
    }

    static ConfigResource resource(String type, String name) {
        return new ConfigResource(ConfigResource.Type.valueOf(type), name.equals("-") ? "" : name);
    }

    static void admin(String bootstrap, String[] words, PrintStream to) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("request.timeout.ms", "10000");
        properties.put("default.api.timeout.ms", "10000");
        try (Admin admin = Admin.create(properties)) {
            call(admin, words, to);
        } catch (ExecutionException e) {
            to.println(e.getCause());
        }
    }

    static void call(Admin admin, String[] words, PrintStream to) throws Exception {
        String topic = words.length > 1 ? words[1] : "";
        TopicPartition first = new TopicPartition(topic, 0);
        switch (words[0]) {
        case "create" -> to.println(admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1)))
            .config(topic).get().entries().size());
        case "createAssigned" -> to.println(admin.createTopics(List.of(new NewTopic(topic, Map.of(0, List.of(1), 1, List.of(1)))))
            .numPartitions(topic).get());
        case "describeTopics" -> to.println(admin.describeTopics(List.of(topic)).allTopicNames().get());
        case "listTopics" -> to.println(new TreeSet<>(admin.listTopics().names().get()));
        case "createPartitions" -> to.println(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(
            Integer.parseInt(words[2])))).all().get());
        case "describeConfigs" -> {
            for (ConfigEntry entry : new TreeMap<>(Map.of(0, admin.describeConfigs(List.of(resource(words[1], words[2]))).all()
                .get().values().iterator().next())).get(0).entries())
                to.println(entry.name() + "=" + entry.value() + " " + entry.source() + " " + entry.type() + " "
                    + entry.isReadOnly() + " " + entry.isSensitive());
        }
        case "alterConfigs" -> to.println(admin.incrementalAlterConfigs(Map.of(resource(words[1], words[2]), List.of(
            new AlterConfigOp(new ConfigEntry(words[4], words.length > 5 ? words[5] : null),
                AlterConfigOp.OpType.valueOf(words[3])))), new AlterConfigsOptions()).all().get());
        case "listConfigResources" -> to.println(admin.listConfigResources(Set.of(ConfigResource.Type.valueOf(words[1])), new
            org.apache.kafka.clients.admin.ListConfigResourcesOptions()).all().get());
        case "listOffsets" -> {
            for (OffsetSpec spec : List.of(OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.maxTimestamp(),
                    OffsetSpec.forTimestamp(0)))
                to.println(admin.listOffsets(Map.of(first, spec)).partitionResult(first).get());
        }
        case "deleteRecords" -> to.println(admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(
            Long.parseLong(words[2])))).lowWatermarks().get(first).get().lowWatermark());
        case "describeProducers" -> to.println(admin.describeProducers(List.of(first)).partitionResult(first).get()
            .activeProducers().size());
        case "describeLogDirs" -> to.println(admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).values().iterator()
            .next().replicaInfos().get(first));
        case "describeFeatures" -> to.println(new TreeMap<>(admin.describeFeatures().featureMetadata().get().finalizedFeatures()));
        case "describeQuorum" -> to.println(admin.describeMetadataQuorum().quorumInfo().get().voters().size());
        case "describeCluster" -> to.println(admin.describeCluster(new DescribeClusterOptions()
            .includeAuthorizedOperations(true)).nodes().get());
        case "elect" -> to.println(admin.electLeaders(ElectionType.PREFERRED, Set.of(first)).partitions().get()
            .get(first).map(Throwable::toString));
        case "reassign" -> to.println(admin.alterPartitionReassignments(Map.of(first, Optional.of(new
            org.apache.kafka.clients.admin.NewPartitionReassignment(List.of(Integer.parseInt(words[2])))))).all().get());
        case "reassignments" -> to.println(admin.listPartitionReassignments().reassignments().get());
        case "unregister" -> to.println(admin.unregisterBroker(Integer.parseInt(words[1])).all().get());
        case "deleteTopics" -> to.println(admin.deleteTopics(List.of(topic)).all().get());
        default -> throw new IllegalArgumentException(words[0]);
        }
    }
}
