/* clang-format off */
/*
 * The settings of a client metrics subscription (KIP-714).
 *
 * One row for each, sorted by name:
 *   SETTING(ID, name, type, default, allowed, importance, fallback, service, sentence)
 * conf/ids.h makes the enum of it and rows.c the table; the words are explained there.
 */
SETTING(INTERVAL_MS, "interval.ms", INT, "300000", ANY, MEDIUM, "", LATER,
    "Time between two pushes of a client's metrics.")
SETTING(MATCH, "match", LIST, "", DISTINCT(EMPTY), MEDIUM, "", LATER,
    "Clients that the subscription is for, key=regular expression, comma separated.")
SETTING(METRICS, "metrics", LIST, "", DISTINCT(EMPTY), MEDIUM, "", LATER,
    "Prefixes of the metrics to push, comma separated; * is all of them.")
