import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.Random;

/**
 * Asks RE2/J, which Apache Kafka resolves expressions with, for tests/unit/group/test_group_regex.c. Not part of any
 * build; run by hand:
 *
 *     javac -cp 'LIBS/*' -d OUT RegexRecorder.java
 *     java -cp 'OUT:LIBS/*' RegexRecorder SEED EXPRESSIONS > FILE
 *
 * The first line has the names, separated by blanks. Each other line: the expression in hexadecimal digits, then a 0 or
 * 1 for each name, or an equals sign and the error.
 */
public class RegexRecorder {
    static final String[] NAMES = {"a", "b", "ab", "aab", "abc", "foo", "foo-bar", "foo.bar", "Foo", "FOO_1", "x1", "1",
        "12", "-", "_", ".", "..a", "k", "K", "s", "a-b-c", "zzz", "topic-0", "aaaa", "A.B_c-9"};
    static final String[] PARTS = {"a", "b", "c", "foo", "bar", "k", "s", "A", "1", "0", "-", "_", ".", ".", ".*", ".+",
        "*", "+", "?", "??", "*?", "|", "|", "(", "(", ")", ")", "(?:", "(?i)", "(?i:", "(?s)", "(?m)", "(?-i)", "(?i-s:",
        "(?P<n>", "(?<m>", "(?P<", "(?", "(?z)", "(?=", "[", "]", "[^", "[a-c]", "[^a-c]", "[a-", "-c]", "[[:alpha:]]",
        "[[:^digit:]]", "[[:punct:]_]", "[[:foo:]]", "[:", ":]", "[\\d-]", "[\\w.]", "[\\pL]", "[-a]", "[a-]", "[]a]",
        "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\pL", "\\PL", "\\p{Lu}", "\\P{Lu}", "\\p{^Ll}", "\\p{Greek}",
        "\\p{Nope}", "\\p{", "\\pX", "\\b", "\\B", "\\A", "\\z", "\\Z", "^", "$", "\\.", "\\-", "\\x41", "\\x{66}",
        "\\x{", "\\x4", "\\x{}", "\\060", "\\0", "\\7", "\\12", "\\8", "\\Q", "\\E", "\\Qa.b\\E", "\\", "\\q", "\\C", "{2}", "{1,}", "{0,2}",
        "{,3}", "{3,1}", "{02}", "{1001}", "{1", "{1,", "{", "}", "{1,2}?", "{0}", "\u017f", "\u212a", "\u00e9",
        "[\u0100-\u0200]", "[^\u00e9]", " ", "(a|b)*", "(foo|bar)", "topic-\\d+", "[a-z]+", "(|a)", "()", "(a*)*", "[[:word:]-]+",
        "[A-z]", "[z-a]", "[\\x61-\\x63]", "\\t", "\\v"};

    public static void main(String[] args) {
        Random random = new Random(Long.parseLong(args[0]));
        int wanted = Integer.parseInt(args[1]);
        StringBuilder out = new StringBuilder(String.join(" ", NAMES)).append('\n');
        LinkedHashSet<String> seen = new LinkedHashSet<>();
        int good = 0;
        while (seen.size() < wanted) {
            StringBuilder text = new StringBuilder();
            for (int i = random.nextInt(8); i >= 0; i--)
                text.append(PARTS[random.nextInt(PARTS.length)]);
            String expression = text.toString();
            StringBuilder answer = new StringBuilder();
            boolean fine = false;
            try {
                Pattern pattern = Pattern.compile(expression);
                for (String name : NAMES)
                    answer.append(pattern.matcher(name).matches() ? '1' : '0');
                fine = true;
            } catch (PatternSyntaxException e) {
                answer.append('=').append(e.getDescription());
            }
            if ((fine ? good * 2 > seen.size() + 2 : good * 2 < seen.size()) || !seen.add(expression))
                continue;
            good += fine ? 1 : 0;
            out.append(HexFormat.of().formatHex(expression.getBytes(StandardCharsets.UTF_8))).append(' ')
                .append(answer).append('\n');
        }
        System.out.print(out);
    }
}
