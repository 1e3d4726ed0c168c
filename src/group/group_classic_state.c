#include "group/group_classic_int.h"

#include "base/mem.h"

static void classic_object_free(struct pmap_value *value)
{
    struct group_object *object = CONTAINER_OF(value, struct group_object, value);
    struct group_classic_object *classic =
        CONTAINER_OF(object, struct group_classic_object, object);
    arena_deinit(&classic->arena);
    mem_free(classic);
}

void group_classic_put(struct group_hard *hard, struct wire_string id,
                       const struct wire_group_metadata_value *metadata)
{
    struct group_classic_object *classic = mem_zalloc(sizeof *classic);
    pmap_value_init(&classic->object.value, classic_object_free);
    classic->object.type = GROUP_TYPE_CLASSIC;
    arena_init(&classic->arena, SIZE_MAX);
    if (metadata != NULL) {
        classic->metadata = wire_copy(&wire_group_metadata_value_schema, metadata, &classic->arena);
        if (classic->metadata == NULL)
            PANIC("out of memory for the metadata of a group");
    }
    pmap_put(&hard->groups, id.data, id.size, &classic->object.value);
}
