/*
 * --add-scram: a user that the cluster begins with (KIP-900), as
 * SCRAM-SHA-256=[name=alice,password=secret] with iterations and salt if wanted, or the salted
 * password itself. The rules and the words are those of Kafka's tool. Of the password nothing is
 * kept but what RFC 5802 has a server keep.
 */
#include "cli/storage_int.h"

#include "base/base64.h"
#include "os/os.h"
#include "quorum/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ITERATIONS_MIN 4096
#define ITERATIONS_MAX 16384
#define SALT_BYTES 24

struct mechanism {
    const char *name;
    const char *java_name; /* in Kafka's messages */
    int8_t id;
    enum os_hash hash;
};

static const struct mechanism mechanisms[] = {
    {"SCRAM-SHA-256", "SCRAM_SHA_256", 1, OS_HASH_SHA256},
    {"SCRAM-SHA-512", "SCRAM_SHA_512", 2, OS_HASH_SHA512},
};

/* The fields of one argument, NULL where they are not given. */
struct fields {
    const char *name;
    const char *password;
    const char *salted_password;
    const char *salt;
    const char *iterations;
};

static char *copy(struct cli_call *call, const char *text, size_t size)
{
    char *out = arena_must_alloc(&call->arena, size + 1);
    memcpy(out, text, size);
    out[size] = '\0';
    return out;
}

static const char **field_of(struct fields *fields, const char *key)
{
    return strcmp(key, "name") == 0             ? &fields->name
           : strcmp(key, "password") == 0       ? &fields->password
           : strcmp(key, "saltedpassword") == 0 ? &fields->salted_password
           : strcmp(key, "salt") == 0           ? &fields->salt
           : strcmp(key, "iterations") == 0     ? &fields->iterations
                                                : NULL;
}

/* "name=alice,password=secret": a value may have an equals sign, no comma. */
static bool split(struct cli_call *call, const char *text, struct fields *fields)
{
    *fields = (struct fields){0};
    for (const char *at = text;; at++) {
        size_t size = strcspn(at, ",");
        char *component = copy(call, at, size);
        char *equals = strchr(component, '=');
        if (equals == NULL) {
            /* It may be a piece of a password with a comma, so it is not shown. */
            cli_complain(call, "--add-scram: a component between the commas has no equals sign");
            return false;
        }
        *equals = '\0';
        const char **field = field_of(fields, component);
        if (field == NULL) {
            cli_complain(call, "Unknown SCRAM configurations: %s", component);
            return false;
        }
        char *value = equals + 1;
        size_t value_size = strlen(value);
        if (value_size >= 2 && value[0] == '"' && value[value_size - 1] == '"') {
            value[value_size - 1] = '\0';
            value++;
        }
        *field = value;
        at += size;
        if (*at == '\0')
            return true;
    }
}

static bool decode(struct cli_call *call, const char *what, const char *text, struct buf *out)
{
    struct buf bytes = BUF_EMPTY;
    bool good = base64_decode(text, strlen(text), &bytes) == ERR_OK && bytes.size > 0;
    if (good) {
        out->data = (uint8_t *)copy(call, (const char *)bytes.data, bytes.size);
        out->size = bytes.size;
    } else {
        cli_complain(call, "--add-scram: the %s is no base64", what);
    }
    buf_deinit(&bytes);
    return good;
}

static bool parse_iterations(struct cli_call *call, const struct mechanism *mechanism,
                             const char *text, int32_t *out)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0) {
        cli_complain(call, "Failed to parse iterations count: %s", text);
        return false;
    }
    if (value < ITERATIONS_MIN || value > ITERATIONS_MAX) {
        cli_complain(call, "The 'iterations' value must be %s %d for add-scram using %s",
                     value < ITERATIONS_MIN ? ">=" : "<=",
                     value < ITERATIONS_MIN ? ITERATIONS_MIN : ITERATIONS_MAX,
                     mechanism->java_name);
        return false;
    }
    *out = (int32_t)value;
    return true;
}

static bool check(struct cli_call *call, const struct fields *fields)
{
    const char *problem = NULL;
    if (fields->name == NULL || *fields->name == '\0')
        problem = "You must supply 'name' to add-scram";
    else if (fields->password == NULL && fields->salted_password == NULL)
        problem = "You must supply one of 'password' or 'saltedpassword' to add-scram";
    else if (fields->password != NULL && fields->salted_password != NULL)
        problem = "--add-scram: 'password' and 'saltedpassword' exclude each other";
    else if (fields->salted_password != NULL && fields->salt == NULL)
        problem = "You must supply 'salt' with 'saltedpassword' to add-scram";
    if (problem != NULL)
        cli_complain(call, "%s", problem);
    return problem == NULL;
}

/* What RFC 5802 derives from the salted password. */
static void derive(struct cli_call *call, const struct mechanism *mechanism,
                   const struct buf *salted, struct quorum_format_scram *out)
{
    size_t size = os_hash_bytes(mechanism->hash);
    uint8_t client_key[OS_HASH_BYTES_MAX];
    uint8_t *stored_key = arena_must_alloc(&call->arena, size);
    uint8_t *server_key = arena_must_alloc(&call->arena, size);
    os_hmac(mechanism->hash, salted->data, salted->size, "Client Key", 10, client_key);
    os_digest(mechanism->hash, client_key, size, stored_key);
    os_hmac(mechanism->hash, salted->data, salted->size, "Server Key", 10, server_key);
    out->stored_key = stored_key;
    out->server_key = server_key;
    out->stored_key_size = out->server_key_size = size;
}

static bool add(struct cli_call *call, const struct mechanism *mechanism, const char *text,
                struct quorum_format_scram *out)
{
    struct fields fields;
    struct buf salt = BUF_EMPTY, salted = BUF_EMPTY; /* in the call's arena */
    *out = (struct quorum_format_scram){.mechanism = mechanism->id, .iterations = ITERATIONS_MIN};
    if (!split(call, text, &fields) || !check(call, &fields) ||
        (fields.iterations != NULL &&
         !parse_iterations(call, mechanism, fields.iterations, &out->iterations)) ||
        (fields.salt != NULL && !decode(call, "salt", fields.salt, &salt)) ||
        (fields.salted_password != NULL &&
         !decode(call, "saltedpassword", fields.salted_password, &salted)))
        return false;
    if (fields.salt == NULL) {
        salt.data = arena_must_alloc(&call->arena, SALT_BYTES);
        salt.size = SALT_BYTES;
        os_random(salt.data, SALT_BYTES);
    }
    if (fields.password != NULL) {
        salted.size = os_hash_bytes(mechanism->hash);
        salted.data = arena_must_alloc(&call->arena, salted.size);
        os_pbkdf2(mechanism->hash, fields.password, strlen(fields.password), salt.data, salt.size,
                  (uint32_t)out->iterations, salted.data);
    }
    out->user = fields.name;
    out->salt = salt.data;
    out->salt_size = salt.size;
    derive(call, mechanism, &salted, out);
    return true;
}

bool cli_parse_scram(struct cli_call *call, const char *text, struct quorum_format_scram *out)
{
    text += strspn(text, " \t");
    size_t size = strlen(text);
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    const char *equals = memchr(text, '=', size);
    if (equals == NULL) {
        cli_complain(call, "Failed to find equals sign in SCRAM argument '%.*s'", (int)size, text);
        return false;
    }
    size_t name_size = (size_t)(equals - text), config_size = size - name_size - 1;
    const char *config = equals + 1;
    if (config_size < 2 || config[0] != '[' || config[config_size - 1] != ']') {
        cli_complain(call, "Expected configuration string to %s",
                     config_size == 0 || config[0] != '[' ? "start with [" : "end with ]");
        return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(mechanisms); i++)
        if (strlen(mechanisms[i].name) == name_size &&
            memcmp(mechanisms[i].name, text, name_size) == 0)
            return add(call, &mechanisms[i], copy(call, config + 1, config_size - 2), out);
    cli_complain(call, "The add-scram mechanism %.*s is not supported.", (int)name_size, text);
    return false;
}
