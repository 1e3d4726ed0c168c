import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Writes random instances of all of Apache Kafka's generated message classes, in all their versions,
 * as Apache Kafka itself encodes them; wire_proof.c reads them.
 *
 *     java -cp CLASSES:LIBS/* WireProof OUTPUT LIBS SEED COUNT
 *
 * The classes are found in the jars and filled by reflection, guided by their own SCHEMAS, so that a
 * message that ottla's schema lacks would be noticed. The output (big-endian) begins with Apache Kafka's APIs:
 *
 *     u16 count; for each: i16 key; i16 oldest, newest and newest stable version; u8 listeners, 1 broker, 2 controller;
 *     for each version: u8 version of the request's and of the response's header
 *
 * Then an entry for each instance, to the end:
 *
 *     u16 size, name ("FetchRequest"); i16 API key or record type, -1 for none; i16 version; u8 whether it is one of defaults: all that is not an
 *     array of structs is at its default, and each of those has one element, made likewise;
 *     u32 size, bytes; u32 size, JSON (size 0: none); i16 other version (-1: none); u8 whether the same instance can be written in that; u32 size, bytes
 */
public class WireProof {
    private final Random random;
    private final DataOutputStream out;
    private final Map<Class<?>, Map<String, Field>> fieldsOfClass = new HashMap<>();
    private final Map<Class<?>, TreeSet<Integer>> tagsOfClass = new HashMap<>();
    private long messages, versions, entries, others, refused, texts;

    private WireProof(DataOutputStream out, long seed) {
        this.out = out;
        this.random = new Random(seed);
    }

    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[3]);
        TreeMap<String, Class<?>> classes = messageClasses(new File(args[1]));
        try (DataOutputStream out = new DataOutputStream(
                new BufferedOutputStream(new FileOutputStream(args[0]), 1 << 20))) {
            WireProof proof = new WireProof(out, Long.parseLong(args[2]));
            proof.apis();
            for (Map.Entry<String, Class<?>> entry : classes.entrySet()) {
                proof.message(entry.getKey(), entry.getValue(), count);
            }
            System.out.printf("Apache Kafka wrote %d messages in %d versions: %d instances, %d as JSON, "
                + "%d in a second version (%d of those refused)%n", proof.messages, proof.versions, proof.entries,
                proof.texts, proof.others, proof.refused);
        }
    }

    /** Every generated message, by the name that the schema has for it. */
    private static TreeMap<String, Class<?>> messageClasses(File libs) throws Exception {
        TreeMap<String, Class<?>> classes = new TreeMap<>();
        for (File jar : libs.listFiles((folder, name) -> name.startsWith("kafka") && name.endsWith(".jar"))) {
            try (JarFile file = new JarFile(jar)) {
                for (JarEntry entry : java.util.Collections.list(file.entries())) {
                    String path = entry.getName();
                    if (!path.endsWith(".class") || path.contains("$")
                            || !path.matches(".*/(generated|common/message|common/metadata)/[^/]*")) {
                        continue;
                    }
                    Class<?> type = Class.forName(path.substring(0, path.length() - 6).replace('/', '.'));
                    if (!Message.class.isAssignableFrom(type) || type.isInterface()) {
                        continue;
                    }
                    String name = type.getSimpleName();
                    if (name.matches(".*(Request|Response|RequestHeader|ResponseHeader)Data")) {
                        name = name.substring(0, name.length() - 4);
                    }
                    if (classes.put(name, type) != null) {
                        throw new IllegalStateException("two classes are named " + name);
                    }
                }
            }
        }
        return classes;
    }

    private void apis() throws Exception {
        List<ApiMessageType> apis = new ArrayList<>();
        for (ApiMessageType api : ApiMessageType.values()) {
            if (api.lowestSupportedVersion() <= api.highestSupportedVersion(true)) {
                apis.add(api);
            }
        }
        out.writeShort(apis.size());
        for (ApiMessageType api : apis) {
            out.writeShort(api.apiKey());
            out.writeShort(api.lowestSupportedVersion());
            out.writeShort(api.highestSupportedVersion(true));
            out.writeShort(api.highestSupportedVersion(false));
            out.writeByte((api.listeners().contains(ApiMessageType.ListenerType.BROKER) ? 1 : 0)
                + (api.listeners().contains(ApiMessageType.ListenerType.CONTROLLER) ? 2 : 0));
            for (short version = api.lowestSupportedVersion(); version <= api.highestSupportedVersion(true); version++) {
                out.writeByte(api.requestHeaderVersion(version));
                out.writeByte(api.responseHeaderVersion(version));
            }
        }
    }

    private void message(String name, Class<?> type, int count) throws Exception {
        Message defaults = (Message) type.getConstructor().newInstance();
        short low = defaults.lowestSupportedVersion();
        short high = defaults.highestSupportedVersion();
        if (low > high) {
            return; // a removed API
        }
        messages++;
        for (short version = low; version <= high; version++) {
            versions++;
            for (int i = 0; i < count; i++) {
                Message message = (Message) type.getConstructor().newInstance();
                if (i == 0) {
                    fillDefaults(message, schemaOf(type, version), type);
                } else {
                    fill(message, schemaOf(type, version), type, i == 1, 0);
                }
                short other = (short) (low + random.nextInt(high - low + 1));
                entry(name, message, version, other == version ? -1 : other, i < 4, i == 0);
            }
        }
    }

    private void entry(String name, Message message, short version, short other, boolean withText,
                       boolean isDefaults) throws Exception {
        byte[] bytes = encode(message, version);
        if (bytes == null) {
            throw new IllegalStateException(name + " version " + version + " cannot be written: " + message);
        }
        entries++;
        byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
        out.writeShort(nameBytes.length);
        out.write(nameBytes);
        out.writeShort(message instanceof ApiMessage ? ((ApiMessage) message).apiKey() : -1);
        out.writeShort(version);
        out.writeByte(isDefaults ? 1 : 0);
        out.writeInt(bytes.length);
        out.write(bytes);
        byte[] text = withText ? json(message, version) : new byte[0];
        out.writeInt(text.length);
        out.write(text);
        out.writeShort(other);
        if (other < 0) {
            return;
        }
        // What is read back, since an instance may hold what its version does not carry.
        Message again = message.getClass().getConstructor().newInstance();
        again.read(new ByteBufferAccessor(ByteBuffer.wrap(bytes)), version);
        byte[] otherBytes = encode(again, other);
        others++;
        refused += otherBytes == null ? 1 : 0;
        out.writeByte(otherBytes == null ? 0 : 1);
        out.writeInt(otherBytes == null ? 0 : otherBytes.length);
        out.write(otherBytes == null ? new byte[0] : otherBytes);
    }

    /** null where Apache Kafka refuses. */
    private static byte[] encode(Message message, short version) {
        try {
            ObjectSerializationCache cache = new ObjectSerializationCache();
            int size = message.size(cache, version);
            ByteBuffer buffer = ByteBuffer.allocate(size);
            message.write(new ByteBufferAccessor(buffer), cache, version);
            if (buffer.hasRemaining()) {
                throw new IllegalStateException("size() is wrong for " + message);
            }
            return buffer.array();
        } catch (org.apache.kafka.common.errors.UnsupportedVersionException | NullPointerException refusal) {
            return null;
        }
    }

    private byte[] json(Message message, short version) throws Exception {
        Class<?> converter = Class.forName(message.getClass().getName() + "JsonConverter");
        Method write = converter.getMethod("write", message.getClass(), short.class, boolean.class);
        texts++;
        return write.invoke(null, message, version, false).toString().getBytes(StandardCharsets.UTF_8);
    }

    // ---- Random values

    private static Schema schemaOf(Class<?> type, int version) throws Exception {
        return ((Schema[]) type.getField("SCHEMAS").get(null))[version];
    }

    /** Fields by lower-case name; schemas have the same names in snake_case. */
    private Map<String, Field> fieldsOf(Class<?> type) {
        return fieldsOfClass.computeIfAbsent(type, t -> {
            Map<String, Field> fields = new HashMap<>();
            for (Field field : t.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers())) {
                    field.setAccessible(true);
                    fields.put(field.getName().toLowerCase(), field);
                }
            }
            return fields;
        });
    }

    /** The tags of all versions of a struct. */
    private TreeSet<Integer> tagsOf(Class<?> type) throws Exception {
        TreeSet<Integer> tags = tagsOfClass.get(type);
        if (tags == null) {
            tags = new TreeSet<>();
            for (Schema schema : (Schema[]) type.getField("SCHEMAS").get(null)) {
                if (schema == null) {
                    continue;
                }
                for (BoundField bound : schema.fields()) {
                    if (bound.def.type instanceof TaggedFields) {
                        tags.addAll(((TaggedFields) bound.def.type).fields().keySet());
                    }
                }
            }
            tagsOfClass.put(type, tags);
        }
        return tags;
    }

    private void fill(Object message, Schema schema, Class<?> type, boolean empty, int depth) throws Exception {
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields) {
                for (org.apache.kafka.common.protocol.types.Field tagged
                        : ((TaggedFields) bound.def.type).fields().values()) {
                    if (random.nextInt(3) > 0) {
                        set(message, tagged, type, empty, depth);
                    }
                }
                if (!empty && random.nextInt(8) == 0) {
                    unknownTags(((Message) message).unknownTaggedFields(), tagsOf(type));
                }
            } else {
                set(message, bound.def, type, empty, depth);
            }
        }
    }

    /** One element, at its defaults, in each array of structs; empty records where there is no null. */
    @SuppressWarnings("unchecked")
    private void fillDefaults(Object message, Schema schema, Class<?> type) throws Exception {
        List<org.apache.kafka.common.protocol.types.Field> defs = new ArrayList<>();
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields) {
                defs.addAll(((TaggedFields) bound.def.type).fields().values());
            } else {
                defs.add(bound.def);
            }
        }
        for (org.apache.kafka.common.protocol.types.Field def : defs) {
            Field field = fieldsOf(type).get(def.name.replace("_", "").toLowerCase());
            Object value = field.get(message);
            if (BaseRecords.class.isAssignableFrom(field.getType()) && value == null && !def.type.isNullable()) {
                field.set(message, MemoryRecords.EMPTY);
            } else if (def.type instanceof Schema && value != null) {
                fillDefaults(value, (Schema) def.type, field.getType());
            } else if (Collection.class.isAssignableFrom(field.getType())
                    && def.type.arrayElementType().get() instanceof Schema) {
                Class<?> elementClass = elementClassOf(field);
                Object element = elementClass.getConstructor().newInstance();
                fillDefaults(element, (Schema) def.type.arrayElementType().get(), elementClass);
                Collection<Object> items = newCollection(field);
                items.add(element);
                field.set(message, items);
            }
        }
    }

    private static Class<?> elementClassOf(Field field) {
        java.lang.reflect.Type generic = field.getGenericType();
        if (!(generic instanceof ParameterizedType)) {
            generic = field.getType().getGenericSuperclass(); // ImplicitLinkedHashMultiCollection<Element>
        }
        return (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
    }

    @SuppressWarnings("unchecked")
    private static Collection<Object> newCollection(Field field) throws Exception {
        return field.getType() == List.class ? new ArrayList<>()
            : (Collection<Object>) field.getType().getConstructor().newInstance();
    }

    private void unknownTags(List<RawTaggedField> tags, TreeSet<Integer> known) {
        TreeSet<Integer> numbers = new TreeSet<>();
        for (int i = random.nextInt(4); i >= 0; i--) {
            int number = random.nextInt(4) == 0 ? random.nextInt(Integer.MAX_VALUE) : random.nextInt(16);
            if (!known.contains(number)) {
                numbers.add(number);
            }
        }
        for (int number : numbers) {
            tags.add(new RawTaggedField(number, bytes()));
        }
    }

    private void set(Object message, org.apache.kafka.common.protocol.types.Field def, Class<?> type, boolean empty,
                     int depth) throws Exception {
        Field field = fieldsOf(type).get(def.name.replace("_", "").toLowerCase());
        field.set(message, value(field, def.type, empty, depth));
    }

    private Object value(Field field, Type type, boolean empty, int depth) throws Exception {
        if (type.isNullable() && random.nextInt(empty ? 2 : 4) == 0) {
            return null;
        }
        Class<?> java = field.getType();
        if (Collection.class.isAssignableFrom(java)) {
            return collection(field, type.arrayElementType().get(), empty, depth);
        }
        return single(java, type, empty, depth);
    }

    private Object collection(Field field, Type elementType, boolean empty, int depth) throws Exception {
        Class<?> elementClass = elementClassOf(field);
        Collection<Object> items = newCollection(field);
        int count = empty ? 0 : random.nextInt(4);
        if (!empty && !(elementType instanceof Schema) && random.nextInt(40) == 0) {
            count = 100 + random.nextInt(200); // its count takes two bytes as a varint
        } else if (!empty && depth == 0 && random.nextInt(60) == 0) {
            count = 127 + random.nextInt(3);
        }
        for (int i = 0; i < count; i++) {
            // A long list of large structs would only take time.
            items.add(single(elementClass, elementType, count > 100 && elementType instanceof Schema, depth + 1));
        }
        return items;
    }

    private Object single(Class<?> java, Type type, boolean empty, int depth) throws Exception {
        if (type instanceof Schema) {
            Object struct = java.getConstructor().newInstance();
            fill(struct, (Schema) type, java, empty, depth + 1);
            return struct;
        }
        if (java == boolean.class || java == Boolean.class) {
            return random.nextBoolean();
        } else if (java == byte.class || java == Byte.class) {
            return (byte) number(Byte.MIN_VALUE, Byte.MAX_VALUE);
        } else if (java == short.class || java == Short.class) {
            return (short) number(Short.MIN_VALUE, Short.MAX_VALUE);
        } else if (type == Type.UINT16) {
            return (int) number(0, 65535);
        } else if (java == int.class || java == Integer.class) {
            return (int) number(Integer.MIN_VALUE, Integer.MAX_VALUE);
        } else if (type == Type.UNSIGNED_INT32) {
            return number(0, 0xffffffffL);
        } else if (java == long.class || java == Long.class) {
            return number(Long.MIN_VALUE, Long.MAX_VALUE);
        } else if (java == double.class) {
            return real();
        } else if (java == Uuid.class) {
            return new Uuid(random.nextLong(), random.nextInt(4) == 0 ? 0 : random.nextLong());
        } else if (java == String.class) {
            return empty ? "" : text();
        } else if (java == byte[].class) {
            return empty ? new byte[0] : bytes();
        } else if (java == ByteBuffer.class) {
            return ByteBuffer.wrap(empty ? new byte[0] : bytes());
        } else if (BaseRecords.class.isAssignableFrom(java)) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(empty ? new byte[0] : bytes()));
        }
        throw new IllegalStateException("no random value for " + java + " " + type);
    }

    private long number(long low, long high) {
        switch (random.nextInt(8)) {
            case 0:
                return low;
            case 1:
                return high;
            case 2:
                return 0;
            case 3:
                return low < 0 ? -1 : 1;
            case 4:
                return random.nextInt(100);
            default:
                return high - low < 0 ? random.nextLong() : low + Math.floorMod(random.nextLong(), high - low + 1);
        }
    }

    private double real() {
        double[] some = {0, -0.0, 1, 0.1, -12345.678, 1e7, 9999999, 1e-3, 9.99e-4, Double.MAX_VALUE, Double.MIN_VALUE,
            1e100, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 123456789012.0};
        return random.nextBoolean() ? some[random.nextInt(some.length)] : random.nextGaussian() * 1000;
    }

    private String text() {
        int kind = random.nextInt(200);
        int length = kind == 0 ? 32767 : kind < 6 ? 120 + random.nextInt(20) : random.nextInt(24);
        StringBuilder text = new StringBuilder();
        String others = "\u00e9\u00df\u4e2d\u6587\u20ac\u0000\u001f\u007f\"\\/\n\t\b\f\r";
        while (text.length() < length) {
            if (kind != 0 && random.nextInt(6) == 0) {
                text.append(others.charAt(random.nextInt(others.length())));
            } else if (kind != 0 && random.nextInt(20) == 0) {
                text.appendCodePoint(0x1f600 + random.nextInt(64));
            } else {
                text.append((char) ('a' + random.nextInt(26)));
            }
        }
        return text.toString();
    }

    private byte[] bytes() {
        int kind = random.nextInt(100);
        byte[] bytes = new byte[kind == 0 ? 20000 : kind < 5 ? 120 + random.nextInt(20) : random.nextInt(24)];
        random.nextBytes(bytes);
        return bytes;
    }
}
