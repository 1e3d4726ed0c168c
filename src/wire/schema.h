#ifndef WIRE_SCHEMA_H
#define WIRE_SCHEMA_H
#include "wire/wire.h"

/*
 * The tables that schema/generate.py makes of the .schema files, and that wire.c interprets. Nobody
 * else needs to look inside, except to walk a message's fields by name.
 *
 * A schema describes one C struct. Its fields are listed once for what has no version (defaults,
 * comparing, copying), and once again for each different shape that a version gives them: the
 * plan. So neither the decoder nor the encoder ever tests a version range.
 */

enum wire_kind {
    WIRE_KIND_BOOL,
    WIRE_KIND_INT8,
    WIRE_KIND_INT16,
    WIRE_KIND_UINT16,
    WIRE_KIND_INT32,
    WIRE_KIND_UINT32,
    WIRE_KIND_INT64,
    WIRE_KIND_FLOAT64,
    WIRE_KIND_UUID,
    WIRE_KIND_STRING,
    WIRE_KIND_BYTES,
    WIRE_KIND_RECORDS, /* as bytes */
    WIRE_KIND_STRUCT,  /* embedded */
    WIRE_KIND_POINTER, /* to a struct that may be null */
    WIRE_KIND_COUNT,
    WIRE_KIND_ARRAY = 0x10, /* or'ed with the kind of the elements */
};

enum {
    WIRE_FIELD_NULLABLE = 1,  /* in this plan's version */
    WIRE_FIELD_COMPACT = 2,   /* lengths are uvarints of length + 1 */
    WIRE_FIELD_IGNORABLE = 4, /* absent in this version, and lost without an error */
};

struct wire_field {
    uint16_t offset; /* in the struct */
    uint16_t name;   /* in wire_names */
    uint8_t kind;    /* enum wire_kind */
    uint8_t nested;  /* index into wire_schema.nested, for structs and arrays of them */
    uint8_t flags;
    uint8_t tag; /* of a tagged field */
};

/* How a struct is written in one version: fields[start..] has `plain` fields in the order of the
 * bytes, then `tagged` ones by ascending tag, then `absent` ones. */
struct wire_plan {
    uint16_t start;
    uint16_t size_min; /* bytes of the smallest encoding, at least 1 */
    uint8_t plain;
    uint8_t tagged;
    uint8_t absent;
    bool flexible; /* tagged fields follow the plain ones */
};

/* What all array members look like. */
struct wire_array {
    void *items;
    int32_t count;
};

#define WIRE_NO_TAGS UINT16_MAX

struct wire_schema {
    const char *name;     /* "FetchRequest", "FetchRequest.FetchTopic" */
    const void *defaults; /* a struct with every field at its default */
    const struct wire_field *fields;
    const struct wire_plan *plans; /* one for each version from version_min on */
    const struct wire_schema *const *nested;
    uint16_t size; /* of the struct */
    uint16_t field_count;
    uint16_t unknown_tags; /* offset of that member, or WIRE_NO_TAGS */
    int16_t version_min;
    int16_t version_max;
    int16_t flexible_from; /* INT16_MAX: never */
};

/* Field names, camelCase as in Apache Kafka's JSON. */
extern const char wire_names[];

static inline const char *wire_field_name(const struct wire_field *field)
{
    return wire_names + field->name;
}

static inline const struct wire_plan *wire_plan_of(const struct wire_schema *schema,
                                                   int16_t version)
{
    return &schema->plans[version - schema->version_min];
}

/* Every request, response, header, record and data schema by its name ("FetchRequest"), or NULL.
 * For tools and tests. */
const struct wire_schema *wire_schema_find(const char *name);
/* All of them, in no particular order; *count is set. */
const struct wire_schema *const *wire_schema_all(size_t *count);

#endif
