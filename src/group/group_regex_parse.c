/*
 * RE2/J's syntax (its flags for Perl) to a tree. Left to right, so that of several faults the same
 * one is told as there.
 */
#include "group/group_regex_int.h"
#include "group/group_regex_names_int.h"

#include "base/assert.h"

#include <string.h>

#define REPEAT_MAX 1000
#define POINT_MAX 0x10ffff
#define NAMES_MAX 1000 /* of groups: what there may be more of is not checked for doubles */

static const char invalid_range[] = "invalid character class range";
static const char invalid_escape[] = "invalid escape sequence";
static const char invalid_capture[] = "invalid named capture";
static const char invalid_perl[] = "invalid or unsupported Perl syntax";
static const char missing_bracket[] = "missing closing ]";
static const char missing_paren[] = "missing closing )";
static const char missing_argument[] = "missing argument to repetition operator";
static const char nested_repeat[] = "invalid nested repetition operator";
static const char invalid_count[] = "invalid repeat count";
static const char trailing_backslash[] = "trailing backslash at end of expression";
static const char double_name[] = "duplicate capture group name";
static const char unexpected_paren[] = "regexp/syntax: internal error"; /* sic */
static const char too_deep[] = "expression nests too deeply";

struct parser {
    const char *at;
    const char *end;
    struct arena *arena;
    const char *error;
    bool fold;    /* (?i) */
    bool newline; /* (?s): . takes a newline */
    int depth;
    struct wire_string *names;
    size_t name_count;
};

static bool fail(struct parser *p, const char *error)
{
    if (p->error == NULL)
        p->error = error;
    return false;
}

/* ---- Characters ---------------------------------------------------------------------------------
 */

static bool more(const struct parser *p)
{
    return p->at < p->end;
}

static bool looking_at(const struct parser *p, const char *text)
{
    size_t size = strlen(text);
    return (size_t)(p->end - p->at) >= size && memcmp(p->at, text, size) == 0;
}

/* The next code point. */
static int32_t take(struct parser *p)
{
    uint8_t lead = (uint8_t)*p->at++;
    if (lead < 0x80)
        return lead;
    int count = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    int32_t point = count == 0 ? 0xfffd : lead & (0x3f >> count);
    for (; count > 0 && more(p) && ((uint8_t)*p->at & 0xc0) == 0x80; count--)
        point = point << 6 | ((uint8_t)*p->at++ & 0x3f);
    return point;
}

/* ---- Sets
 * ----------------------------------------------------------------------------------------- */

static void set_put(struct group_regex_set *set, int32_t point)
{
    if (point < 128)
        set->bits[point >> 6] |= UINT64_C(1) << (point & 63);
}

static bool set_has(const struct group_regex_set *set, int32_t point)
{
    return (set->bits[point >> 6] >> (point & 63) & 1) != 0;
}

static void set_join(struct group_regex_set *set, struct group_regex_set other, bool negated)
{
    for (size_t i = 0; i < 2; i++)
        set->bits[i] |= negated ? ~other.bits[i] : other.bits[i];
}

static void set_fold(struct group_regex_set *set)
{
    for (int32_t c = 'a'; c <= 'z'; c++) {
        if (set_has(set, c) || set_has(set, c - 32)) {
            set_put(set, c);
            set_put(set, c - 32);
        }
    }
}

/* With (?i) the Kelvin sign is a k and the long s an s. */
static void set_range(struct group_regex_set *set, int32_t low, int32_t high, bool fold)
{
    struct group_regex_set range = {{0}};
    for (int32_t c = low; c <= high && c < 128; c++)
        set_put(&range, c);
    if (fold && low <= 0x212a && high >= 0x212a)
        set_put(&range, 'k');
    if (fold && low <= 0x17f && high >= 0x17f)
        set_put(&range, 's');
    if (fold)
        set_fold(&range);
    set_join(set, range, false);
}

static struct group_regex_set set_of(const char *ranges)
{
    struct group_regex_set set = {{0}};
    for (; *ranges != 0; ranges += 2)
        set_range(&set, (uint8_t)ranges[0], (uint8_t)ranges[1], false);
    return set;
}

/* Pairs of the first and the last. */
static const struct {
    char letter;
    const char *ranges;
} perl_sets[] = {{'d', "09"}, {'s', "\t\n\f\r  "}, {'w', "09AZaz__"}};

static const struct {
    const char *name;
    const char *ranges;
} posix_sets[] = {
    {"alnum", "09AZaz"},  {"alpha", "AZaz"},     {"ascii", NULL},     {"blank", "\t\t  "},
    {"cntrl", NULL},      {"digit", "09"},       {"graph", "!~"},     {"lower", "az"},
    {"print", " ~"},      {"punct", "!/:@[`{~"}, {"space", "\t\r  "}, {"upper", "AZ"},
    {"word", "09AZaz__"}, {"xdigit", "09AFaf"},
};

static struct group_regex_set posix_set(size_t index)
{
    struct group_regex_set set = {{0}};
    const char *name = posix_sets[index].name;
    if (posix_sets[index].ranges != NULL)
        return set_of(posix_sets[index].ranges);
    set_range(&set, 0, strcmp(name, "ascii") == 0 ? 0x7f : 0x1f, false);
    set_put(&set, 0x7f);
    return set;
}

/* \d \S and the like at p->at: taken into the set. */
static bool perl_class(struct parser *p, struct group_regex_set *set)
{
    if (p->end - p->at < 2 || p->at[0] != '\\')
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(perl_sets); i++) {
        bool negated = p->at[1] == perl_sets[i].letter - 32;
        if (!negated && p->at[1] != perl_sets[i].letter)
            continue;
        set_join(set, set_of(perl_sets[i].ranges), negated);
        p->at += 2;
        return true;
    }
    return false;
}

static bool unicode_find(const char *name, size_t size, struct group_regex_set *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(unicode_sets); i++) {
        if (strlen(unicode_sets[i].name) == size && memcmp(unicode_sets[i].name, name, size) == 0) {
            *out = unicode_sets[i].set;
            return true;
        }
    }
    *out = (struct group_regex_set){{0}};
    for (size_t i = 0; i < ARRAY_COUNT(unicode_empty); i++) {
        if (strlen(unicode_empty[i]) == size && memcmp(unicode_empty[i], name, size) == 0)
            return true;
    }
    return false;
}

/* \pL \P{Greek} at p->at: false when it is none, or a wrong one (p->error). */
static bool unicode_class(struct parser *p, struct group_regex_set *set)
{
    if (!looking_at(p, "\\p") && !looking_at(p, "\\P"))
        return false;
    bool negated = p->at[1] == 'P';
    p->at += 2;
    if (!more(p))
        return fail(p, invalid_range);
    const char *name = p->at;
    size_t size;
    if (*p->at == '{') {
        name++;
        const char *close = memchr(name, '}', (size_t)(p->end - name));
        if (close == NULL)
            return fail(p, invalid_range);
        size = (size_t)(close - name);
        p->at = close + 1;
    } else {
        take(p);
        size = (size_t)(p->at - name);
    }
    if (size > 0 && *name == '^') {
        negated = !negated;
        name++;
        size--;
    }
    struct group_regex_set found;
    if (!unicode_find(name, size, &found))
        return fail(p, invalid_range);
    if (p->fold)
        set_fold(&found);
    set_join(set, found, negated);
    return true;
}

/* [:alpha:] at p->at. */
static bool posix_class(struct parser *p, struct group_regex_set *set)
{
    if (!looking_at(p, "[:"))
        return false;
    const char *close = p->at + 2;
    while (close + 1 < p->end && !(close[0] == ':' && close[1] == ']'))
        close++;
    if (close + 1 >= p->end)
        return false;
    const char *name = p->at + 2;
    bool negated = name < close && *name == '^';
    if (negated)
        name++;
    for (size_t i = 0; i < ARRAY_COUNT(posix_sets); i++) {
        if (strlen(posix_sets[i].name) != (size_t)(close - name) ||
            memcmp(posix_sets[i].name, name, (size_t)(close - name)) != 0)
            continue;
        struct group_regex_set found = posix_set(i);
        if (p->fold)
            set_fold(&found);
        set_join(set, found, negated);
        p->at = close + 2;
        return true;
    }
    return fail(p, invalid_range);
}

/* ---- Escapes
 * ------------------------------------------------------------------------------------- */

static int32_t hex_digit(int32_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool escape_hex(struct parser *p, int32_t *out)
{
    if (!more(p))
        return fail(p, invalid_escape);
    int32_t first = take(p);
    if (first != '{') {
        int32_t high = hex_digit(first);
        int32_t low = more(p) ? hex_digit(take(p)) : -1;
        *out = high * 16 + low;
        return high >= 0 && low >= 0 ? true : fail(p, invalid_escape);
    }
    *out = 0;
    for (bool any = false;; any = true) {
        int32_t c = more(p) ? take(p) : -1;
        if (c == '}' && any)
            return true;
        if (hex_digit(c) < 0)
            return fail(p, invalid_escape);
        *out = *out * 16 + hex_digit(c);
        if (*out > POINT_MAX)
            return fail(p, invalid_escape);
    }
}

static bool at_octal(const struct parser *p)
{
    return more(p) && *p->at >= '0' && *p->at <= '7';
}

/* A character by its escape; p->at is the backslash. */
static bool escape(struct parser *p, int32_t *out)
{
    static const char letters[] = "a\af\fn\nr\rt\tv\v";
    p->at++;
    if (!more(p))
        return fail(p, trailing_backslash);
    int32_t c = take(p);
    if (c >= '0' && c <= '7') {
        if (c != '0' && !at_octal(p))
            return fail(p, invalid_escape); /* a reference to what a group matched */
        *out = c - '0';
        for (int i = 1; i < 3 && at_octal(p); i++)
            *out = *out * 8 + (take(p) - '0');
        return true;
    }
    if (c == 'x')
        return escape_hex(p, out);
    for (size_t i = 0; i < sizeof letters - 1; i += 2) {
        if (c == letters[i]) {
            *out = letters[i + 1];
            return true;
        }
    }
    *out = c;
    bool alphanumeric = hex_digit(c) >= 0 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alphanumeric ? fail(p, invalid_escape) : true;
}

/* ---- Classes
 * -------------------------------------------------------------------------------------- */

static bool class_char(struct parser *p, int32_t *out)
{
    if (!more(p))
        return fail(p, missing_bracket);
    if (*p->at == '\\')
        return escape(p, out);
    *out = take(p);
    return true;
}

static bool class_range(struct parser *p, struct group_regex_set *set)
{
    int32_t low, high;
    if (!class_char(p, &low))
        return false;
    high = low;
    if (more(p) && *p->at == '-' && !(p->end - p->at >= 2 && p->at[1] == ']')) {
        p->at++;
        if (!class_char(p, &high))
            return false;
        if (high < low)
            return fail(p, invalid_range);
    }
    set_range(set, low, high, p->fold);
    return true;
}

/* p->at is the bracket. */
static bool class_parse(struct parser *p, struct group_regex_set *set)
{
    p->at++;
    bool negated = more(p) && *p->at == '^';
    if (negated)
        p->at++;
    struct group_regex_set found = {{0}};
    for (bool first = true; first || !more(p) || *p->at != ']'; first = false) {
        if (posix_class(p, &found) || p->error != NULL || unicode_class(p, &found) ||
            p->error != NULL || perl_class(p, &found)) {
            if (p->error != NULL)
                return false;
            continue;
        }
        if (!class_range(p, &found))
            return false;
    }
    p->at++;
    set_join(set, found, negated);
    return true;
}

/* ---- The tree
 * ------------------------------------------------------------------------------------ */

static struct group_regex_node *node_new(struct parser *p, enum group_regex_kind kind)
{
    struct group_regex_node *node = arena_must_alloc(p->arena, sizeof *node);
    node->kind = kind;
    return node;
}

static struct group_regex_node *add(struct group_regex_node *parent, struct group_regex_node *child)
{
    child->before = parent->last;
    if (parent->last == NULL)
        parent->first = child;
    else
        parent->last->next = child;
    parent->last = child;
    return child;
}

static void add_char(struct parser *p, struct group_regex_node *all, int32_t point)
{
    struct group_regex_node *node = add(all, node_new(p, GROUP_REGEX_SET));
    set_range(&node->set, point, point, p->fold);
}

/* The child becomes what is repeated. */
static void wrap(struct parser *p, struct group_regex_node *all, int32_t min, int32_t max)
{
    struct group_regex_node *child = all->last;
    struct group_regex_node *repeat = node_new(p, GROUP_REGEX_REPEAT);
    repeat->min = min;
    repeat->max = max;
    all->last = child->before;
    if (all->last == NULL)
        all->first = NULL;
    else
        all->last->next = NULL;
    child->before = NULL;
    add(repeat, child);
    add(all, repeat);
}

/* Digits without a leading zero; -1 when there are none, INT32_MAX / 2 when it is too large. */
static int32_t number(struct parser *p)
{
    const char *begin = p->at;
    int32_t value = 0;
    while (more(p) && *p->at >= '0' && *p->at <= '9') {
        if (value < INT32_MAX / 20)
            value = value * 10 + (*p->at - '0');
        p->at++;
    }
    return p->at == begin || (p->at - begin > 1 && *begin == '0') ? -1 : value;
}

/* {n} {n,} {n,m} at p->at; false (and p->at as it was): the brace is a character. */
static bool braces(struct parser *p, int32_t *min, int32_t *max)
{
    const char *begin = p->at++;
    *min = number(p);
    *max = *min;
    if (*min >= 0 && more(p) && *p->at == ',') {
        p->at++;
        *max = more(p) && *p->at == '}' ? -1 : number(p);
        if (*max < 0 && !(more(p) && p->at[-1] == ','))
            *min = -1;
    }
    if (*min >= 0 && more(p) && *p->at == '}') {
        p->at++;
        return true;
    }
    p->at = begin;
    return false;
}

/* p->at is past the operator; `again`: another stands right before it. */
static bool repeat(struct parser *p, struct group_regex_node *all, int32_t min, int32_t max,
                   bool again)
{
    if (min > REPEAT_MAX || max > REPEAT_MAX || (max >= 0 && min > max))
        return fail(p, invalid_count);
    if (more(p) && *p->at == '?')
        p->at++; /* as few as possible: the same names match */
    if (again)
        return fail(p, nested_repeat);
    if (all->last == NULL)
        return fail(p, missing_argument);
    wrap(p, all, min, max);
    return true;
}

static bool parse_any(struct parser *p, struct group_regex_node *parent);

/* What is in parentheses; p->at is past the opening. */
static bool group_body(struct parser *p, struct group_regex_node *all)
{
    if (++p->depth > GROUP_REGEX_DEPTH_MAX)
        return fail(p, too_deep);
    if (!parse_any(p, all))
        return false;
    p->depth--;
    if (!more(p))
        return fail(p, missing_paren);
    p->at++;
    return true;
}

static bool name_valid(struct wire_string name)
{
    for (uint32_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
              (c >= 'A' && c <= 'Z')))
            return false;
    }
    return name.size > 0;
}

static bool group_named(struct parser *p, struct group_regex_node *all, size_t skip)
{
    const char *name = p->at + skip;
    const char *close = memchr(name, '>', (size_t)(p->end - name));
    if (close == NULL)
        return fail(p, invalid_capture);
    struct wire_string text = wire_string_of(name, (size_t)(close - name));
    if (!name_valid(text))
        return fail(p, invalid_capture);
    for (size_t i = 0; i < p->name_count; i++) {
        if (wire_string_equal(p->names[i], text))
            return fail(p, double_name);
    }
    if (p->names == NULL)
        p->names = arena_must_alloc_array(p->arena, NAMES_MAX, sizeof *p->names);
    if (p->name_count < NAMES_MAX)
        p->names[p->name_count++] = text;
    p->at = close + 1;
    return group_body(p, all);
}

/* (?flags) and (?flags:...); p->at is the parenthesis. Flags last to the end of the group that they
 * are in. */
static bool group_flags(struct parser *p, struct group_regex_node *all)
{
    p->at += 2;
    bool fold = p->fold;
    bool newline = p->newline;
    bool on = true;
    bool any = false;
    while (more(p)) {
        int32_t c = take(p);
        if (c == 'i') {
            fold = on;
            any = true;
        } else if (c == 's') {
            newline = on;
            any = true;
        } else if (c == 'm' || c == 'U') {
            any = true; /* a name has one line; and which match is found makes no difference */
        } else if (c == '-' && on) {
            on = false;
            any = false;
        } else if ((c == ':' || c == ')') && (on || any)) {
            bool outer_fold = p->fold;
            bool outer_newline = p->newline;
            p->fold = fold;
            p->newline = newline;
            if (c == ')')
                return true;
            bool fine = group_body(p, all);
            p->fold = outer_fold;
            p->newline = outer_newline;
            return fine;
        } else {
            break;
        }
    }
    return fail(p, invalid_perl);
}

static bool parse_group(struct parser *p, struct group_regex_node *all)
{
    bool fold = p->fold;
    bool newline = p->newline;
    bool fine;
    if (looking_at(p, "(?P<") || looking_at(p, "(?<")) {
        fine = group_named(p, all, p->at[2] == 'P' ? 4 : 3);
    } else if (looking_at(p, "(?")) {
        return group_flags(p, all);
    } else {
        p->at++;
        fine = group_body(p, all);
    }
    p->fold = fold;
    p->newline = newline;
    return fine;
}

static void quoted(struct parser *p, struct group_regex_node *all)
{
    p->at += 2;
    while (more(p) && !looking_at(p, "\\E"))
        add_char(p, all, take(p));
    if (more(p))
        p->at += 2;
}

/* p->at is a backslash. */
static bool parse_escape(struct parser *p, struct group_regex_node *all)
{
    static const struct {
        char letter;
        enum group_regex_kind kind;
    } edges[] = {{'A', GROUP_REGEX_BEGIN},
                 {'z', GROUP_REGEX_END},
                 {'b', GROUP_REGEX_WORD_EDGE},
                 {'B', GROUP_REGEX_NO_WORD_EDGE}};
    char letter = p->end - p->at >= 2 ? p->at[1] : 0;
    for (size_t i = 0; i < ARRAY_COUNT(edges) && letter != 0; i++) {
        if (letter == edges[i].letter) {
            p->at += 2;
            add(all, node_new(p, edges[i].kind));
            return true;
        }
    }
    if (letter == 'Q') {
        quoted(p, all);
        return true;
    }
    struct group_regex_set set = {{0}};
    if (unicode_class(p, &set) || (p->error == NULL && perl_class(p, &set))) {
        add(all, node_new(p, GROUP_REGEX_SET))->set = set;
        return true;
    }
    int32_t point;
    if (p->error != NULL || !escape(p, &point))
        return false;
    add_char(p, all, point);
    return true;
}

static bool parse_char(struct parser *p, struct group_regex_node *all)
{
    switch (*p->at) {
    case '(':
        return parse_group(p, all);
    case '\\':
        return parse_escape(p, all);
    case '[': {
        struct group_regex_node *node = node_new(p, GROUP_REGEX_SET);
        if (!class_parse(p, &node->set))
            return false;
        add(all, node);
        return true;
    }
    case '^':
    case '$':
        add(all, node_new(p, *p->at++ == '^' ? GROUP_REGEX_BEGIN : GROUP_REGEX_END));
        return true;
    case '.': {
        struct group_regex_node *node = add(all, node_new(p, GROUP_REGEX_SET));
        node->set = (struct group_regex_set){{UINT64_MAX, UINT64_MAX}};
        if (!p->newline)
            node->set.bits[0] &= ~(UINT64_C(1) << '\n');
        p->at++;
        return true;
    }
    default:
        add_char(p, all, take(p));
        return true;
    }
}

/* Up to | or ) or the end. */
static bool parse_all(struct parser *p, struct group_regex_node *all)
{
    for (bool repeated = false; more(p) && *p->at != '|' && *p->at != ')';) {
        int32_t min, max;
        char c = *p->at;
        bool is_operator = true;
        if (c == '*' || c == '+' || c == '?') {
            p->at++;
            min = c == '+' ? 1 : 0;
            max = c == '?' ? 1 : -1;
        } else {
            is_operator = c == '{' && braces(p, &min, &max);
        }
        if (is_operator ? !repeat(p, all, min, max, repeated) : !parse_char(p, all))
            return false;
        /* A brace that is a character counts as an operator here, in RE2/J. */
        repeated = is_operator || c == '{';
    }
    return true;
}

static bool parse_any(struct parser *p, struct group_regex_node *parent)
{
    struct group_regex_node *any = add(parent, node_new(p, GROUP_REGEX_ANY));
    for (;;) {
        if (!parse_all(p, add(any, node_new(p, GROUP_REGEX_ALL))))
            return false;
        if (!more(p) || *p->at == ')')
            return true;
        p->at++;
    }
}

struct group_regex_node *group_regex_tree(struct wire_string text, struct arena *arena,
                                          const char **error)
{
    struct parser p = {.at = text.data, .end = text.data + text.size, .arena = arena};
    struct group_regex_node *root = node_new(&p, GROUP_REGEX_ALL);
    if (parse_any(&p, root) && more(&p))
        fail(&p, unexpected_paren);
    *error = p.error;
    return p.error == NULL ? root : NULL;
}
