#ifndef CONF_TEST_H
#define CONF_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka's header needs those before it. */
#include "base/arena.h"
#include "base/buf.h"
#include "conf/conf.h"

#include <cmocka.h>

/* The lines of tests/unit/conf/data/<name> that are not comments. */
struct lines {
    FILE *file;
    char text[8192];
};

static inline void lines_open(struct lines *lines, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/unit/conf/data/%s", OTTLA_TESTS_DIR, name);
    lines->file = fopen(path, "r");
    assert_non_null(lines->file);
}

/* NULL at the end, where the file is closed. */
static inline char *lines_next(struct lines *lines)
{
    while (fgets(lines->text, sizeof lines->text, lines->file) != NULL) {
        char *end = strchr(lines->text, '\n');
        assert_non_null(end);
        *end = '\0';
        if (lines->text[0] != '#' && lines->text[0] != '\0')
            return lines->text;
    }
    fclose(lines->file);
    return NULL;
}

/* Cuts the text at a character, in place; empty fields count. */
static inline size_t cut(char *text, char at, char **out, size_t out_max)
{
    size_t count = 0;
    for (;;) {
        assert_true(count < out_max);
        out[count++] = text;
        text = strchr(text, at);
        if (text == NULL)
            return count;
        *text++ = '\0';
    }
}

/* A conf of properties; NULL when refused. */
static inline struct conf *load_text(const char *text, struct conf_findings *findings)
{
    struct conf *conf;
    struct conf_args args = {.file_name = "server.properties",
                             .file_data = text,
                             .file_size = strlen(text),
                             .host_name = "here.example.com"};
    enum err err = conf_load(&args, findings, &conf);
    assert_int_equal(err, conf != NULL ? ERR_OK : ERR_INVALID);
    assert_int_equal(findings->error_count > 0, conf == NULL);
    return conf;
}

/* Is there a finding that, printed, contains the text? */
static inline bool found(const struct conf_findings *findings, enum conf_severity severity,
                         const char *text)
{
    bool is = false;
    for (size_t i = 0; i < findings->count && !is; i++) {
        struct buf line = BUF_EMPTY;
        conf_finding_print(&findings->items[i], &line);
        is = findings->items[i].severity == severity && strstr(buf_text(&line), text) != NULL;
        buf_deinit(&line);
    }
    return is;
}

#endif
