#include "conf/findings.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void conf_findings_init(struct conf_findings *findings)
{
    *findings = (struct conf_findings){0};
    arena_init(&findings->arena, ARENA_LIMIT_DEFAULT_BYTES);
}

void conf_findings_deinit(struct conf_findings *findings)
{
    arena_deinit(&findings->arena);
    mem_free(findings->items);
    conf_findings_init(findings);
}

/* Values are shown so that they are recognised, not whole. */
#define SHOWN_BYTES_MAX 200

static const char *copy(struct arena *arena, const char *text, size_t size_max)
{
    size_t size = strlen(text);
    bool cut = size > size_max;
    if (cut) {
        size = size_max;
        while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
            size--; /* not inside a character */
    }
    char *out = arena_must_alloc(arena, size + 4);
    memcpy(out, text, size);
    if (cut)
        memcpy(out + size, "...", 3);
    return out;
}

void conf_findings_add(struct conf_findings *findings, enum conf_severity severity,
                       const char *name, const char *value, const char *origin, const char *format,
                       ...)
{
    if (severity == CONF_SEVERITY_ERROR)
        findings->error_count++;
    if (findings->count == CONF_FINDINGS_MAX) {
        findings->dropped_count++;
        return;
    }
    if (findings->count == findings->capacity) {
        findings->capacity = findings->capacity > 0 ? findings->capacity * 2 : 16;
        findings->items =
            mem_realloc(findings->items, findings->capacity * sizeof *findings->items);
    }
    va_list args;
    va_start(args, format);
    char text[1000];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct arena *arena = &findings->arena;
    findings->items[findings->count++] = (struct conf_finding){
        .severity = severity,
        .name = copy(arena, name, SHOWN_BYTES_MAX),
        .value = value == NULL ? NULL : copy(arena, value, SHOWN_BYTES_MAX),
        .origin = copy(arena, origin, SHOWN_BYTES_MAX),
        .text = copy(arena, text, sizeof text),
    };
}

/* Control characters would break the line or the terminal. */
static void put_plain(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        buf_put_i8(out, (unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
}

void conf_finding_print(const struct conf_finding *finding, struct buf *out)
{
    if (*finding->origin != '\0') {
        put_plain(out, finding->origin);
        buf_put_text(out, ": ");
    }
    if (*finding->name != '\0') {
        put_plain(out, finding->name);
        if (finding->value != NULL) {
            buf_put_text(out, "=");
            put_plain(out, finding->value);
        }
        buf_put_text(out, ": ");
    }
    put_plain(out, finding->text);
}
