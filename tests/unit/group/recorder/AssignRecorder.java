package org.apache.kafka.coordinator.group.assignor;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

/**
 * Asks Apache Kafka's own assignors for assignments of random groups, for tests/unit/group/test_group_assign.c.
 * Not part of any build; run by hand:
 *
 *     javac -cp 'LIBS/*' -d OUT AssignRecorder.java
 *     java -cp 'OUT:LIBS/*' org.apache.kafka.coordinator.group.assignor.AssignRecorder SEED GROUPS STEPS > FILE
 *
 * A line is a question and its answer: assignor (u, r), subscriptions (h alike, x not), partitions of each topic,
 * members (id[@instance]=topic,topic), owners before and after: a string for each topic with a character for each
 * partition, 0-9a-zA-Z the member's index, '.' nobody. Topic i has the id (0, i + 1), so that Java's hash maps go
 * through them in order.
 */
public class AssignRecorder {
    static final String DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    static Uuid topic(int i) {
        return new Uuid(0, i + 1);
    }

    static class Member {
        String instance;
        TreeSet<Integer> topics = new TreeSet<>();
    }

    final Random random;
    final TreeMap<String, Member> members = new TreeMap<>();
    final List<Integer> counts = new ArrayList<>();
    /* topic -> partition -> member id */
    final Map<Integer, Map<Integer, String>> owners = new HashMap<>();
    final boolean alike;
    int nextId = 0;

    AssignRecorder(Random random) {
        this.random = random;
        int topics = 1 + random.nextInt(random.nextInt(4) == 0 ? 10 : 4);
        int limit = random.nextInt(3) == 0 ? 30 : 8;
        boolean same = random.nextInt(4) == 0;
        for (int i = 0; i < topics; i++)
            counts.add(same && i > 0 ? counts.get(0) : 1 + random.nextInt(limit));
        alike = random.nextInt(3) == 0;
        int first = 1 + random.nextInt(random.nextInt(4) == 0 ? 20 : 5);
        for (int i = 0; i < first; i++)
            join();
    }

    void subscribe(Member member) {
        member.topics.clear();
        for (int i = 0; i < counts.size(); i++)
            if (alike || random.nextInt(5) < 3)
                member.topics.add(i);
        if (member.topics.isEmpty() && random.nextInt(10) > 0)
            member.topics.add(random.nextInt(counts.size()));
    }

    void join() {
        Member member = new Member();
        if (random.nextInt(4) == 0)
            member.instance = "i" + random.nextInt(1000);
        subscribe(member);
        members.put(String.format("%03d-%d", random.nextInt(1000), nextId++), member);
    }

    void leave() {
        List<String> ids = new ArrayList<>(members.keySet());
        members.remove(ids.get(random.nextInt(ids.size())));
    }

    void change() {
        switch (random.nextInt(6)) {
            case 0: case 1:
                for (int i = random.nextInt(3); i >= 0 && members.size() < 60; i--)
                    join();
                break;
            case 2: case 3:
                for (int i = random.nextInt(3); i >= 0 && members.size() > 1; i--)
                    leave();
                break;
            case 4:
                if (!alike)
                    for (Member member : members.values())
                        if (random.nextInt(3) == 0)
                            subscribe(member);
                break;
            default:
                int i = random.nextInt(counts.size());
                counts.set(i, counts.get(i) + 1 + random.nextInt(4));
        }
    }

    String ownersText(List<String> ids) {
        StringBuilder text = new StringBuilder();
        for (int t = 0; t < counts.size(); t++) {
            if (t > 0)
                text.append(',');
            for (int p = 0; p < counts.get(t); p++) {
                String owner = owners.getOrDefault(t, Map.of()).get(p);
                int index = owner == null ? -1 : ids.indexOf(owner);
                text.append(index < 0 ? '.' : DIGITS.charAt(index));
            }
        }
        return text.toString();
    }

    void ask() {
        ConsumerGroupPartitionAssignor assignor =
            random.nextInt(5) == 0 ? new RangeAssignor() : new UniformAssignor();
        for (Map<Integer, String> topic : owners.values())
            topic.values().retainAll(members.keySet());
        List<String> ids = new ArrayList<>(members.keySet());
        String before = ownersText(ids);
        TreeMap<String, MemberSubscriptionAndAssignmentImpl> specs = new TreeMap<>();
        Set<TreeSet<Integer>> kinds = new java.util.HashSet<>();
        StringBuilder text = new StringBuilder();
        for (String id : ids) {
            Member member = members.get(id);
            LinkedHashSet<Uuid> topics = new LinkedHashSet<>();
            text.append(text.length() == 0 ? "" : ";").append(id);
            if (member.instance != null)
                text.append('@').append(member.instance);
            text.append('=');
            int count = 0;
            for (int t : member.topics) {
                topics.add(topic(t));
                text.append(count++ == 0 ? "" : ",").append(t);
            }
            kinds.add(member.topics);
            TreeMap<Uuid, Set<Integer>> own = new TreeMap<>();
            for (int t = 0; t < counts.size(); t++)
                for (int p = 0; p < counts.get(t); p++)
                    if (id.equals(owners.getOrDefault(t, Map.of()).get(p)))
                        own.computeIfAbsent(topic(t), x -> new TreeSet<>()).add(p);
            specs.put(id, new MemberSubscriptionAndAssignmentImpl(Optional.empty(),
                Optional.ofNullable(member.instance), topics, new Assignment(Collections.unmodifiableMap(own))));
        }
        Map<Uuid, Map<Integer, String>> inverted = new HashMap<>();
        owners.forEach((t, map) -> inverted.put(topic(t), map));
        boolean homogeneous = kinds.size() == 1;
        GroupAssignment result = assignor.assign(
            new GroupSpecImpl(specs, homogeneous ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS,
                inverted),
            new SubscribedTopicDescriber() {
                public int numPartitions(Uuid id) { return counts.get((int) id.getLeastSignificantBits() - 1); }
                public Set<String> racksForPartition(Uuid id, int p) { return Set.of(); }
            });
        owners.clear();
        result.members().forEach((id, assignment) -> assignment.partitions().forEach((t, partitions) -> {
            for (int p : partitions) {
                String other = owners.computeIfAbsent((int) t.getLeastSignificantBits() - 1, x -> new TreeMap<>())
                    .put(p, id);
                if (other != null)
                    throw new IllegalStateException("owned twice");
            }
        }));
        StringBuilder sizes = new StringBuilder();
        for (int count : counts)
            sizes.append(sizes.length() == 0 ? "" : ",").append(count);
        System.out.println((assignor instanceof RangeAssignor ? "r" : "u") + " " + (homogeneous ? "h" : "x") + " "
            + sizes + " " + text + " " + before + " " + ownersText(ids));
    }

    public static void main(String[] args) {
        for (int group = 0; group < Integer.parseInt(args[1]); group++) {
            AssignRecorder recorder = new AssignRecorder(new Random(Long.parseLong(args[0]) + group));
            recorder.ask();
            for (int step = 0; step < Integer.parseInt(args[2]); step++) {
                recorder.change();
                recorder.ask();
            }
        }
    }
}
