#ifndef GROUP_GROUP_REGEX_NAMES_INT_H
#define GROUP_GROUP_REGEX_NAMES_INT_H
/* clang-format off */
/* Categories and scripts that RE2/J 1.8 knows, and what of ASCII is in them; the others have nothing. */
static const struct {
    const char *name;
    struct group_regex_set set;
} unicode_sets[] = {
    {"Any", {{0xffffffffffffffff, 0xffffffffffffffff}}},
    {"C", {{0x00000000ffffffff, 0x8000000000000000}}},
    {"Cc", {{0x00000000ffffffff, 0x8000000000000000}}},
    {"Common", {{0xffffffffffffffff, 0xf8000001f8000001}}},
    {"L", {{0x0000000000000000, 0x07fffffe07fffffe}}},
    {"Latin", {{0x0000000000000000, 0x07fffffe07fffffe}}},
    {"Ll", {{0x0000000000000000, 0x07fffffe00000000}}},
    {"Lu", {{0x0000000000000000, 0x0000000007fffffe}}},
    {"N", {{0x03ff000000000000, 0x0000000000000000}}},
    {"Nd", {{0x03ff000000000000, 0x0000000000000000}}},
    {"P", {{0x8c00f7ee00000000, 0x28000000b8000001}}},
    {"Pc", {{0x0000000000000000, 0x0000000080000000}}},
    {"Pd", {{0x0000200000000000, 0x0000000000000000}}},
    {"Pe", {{0x0000020000000000, 0x2000000020000000}}},
    {"Po", {{0x8c00d4ee00000000, 0x0000000010000001}}},
    {"Ps", {{0x0000010000000000, 0x0800000008000000}}},
    {"S", {{0x7000081000000000, 0x5000000140000000}}},
    {"Sc", {{0x0000001000000000, 0x0000000000000000}}},
    {"Sk", {{0x0000000000000000, 0x0000000140000000}}},
    {"Sm", {{0x7000080000000000, 0x5000000000000000}}},
    {"Z", {{0x0000000100000000, 0x0000000000000000}}},
    {"Zs", {{0x0000000100000000, 0x0000000000000000}}},
};

static const char *const unicode_empty[] = {
    "Arabic", "Armenian", "Avestan", "Balinese", "Bamum", "Batak", "Bengali", "Bopomofo",
    "Brahmi", "Braille", "Buginese", "Buhid", "Canadian_Aboriginal", "Carian", "Cf", "Cham",
    "Cherokee", "Co", "Coptic", "Cs", "Cuneiform", "Cypriot", "Cyrillic", "Deseret",
    "Devanagari", "Egyptian_Hieroglyphs", "Ethiopic", "Georgian", "Glagolitic", "Gothic",
    "Greek", "Gujarati", "Gurmukhi", "Han", "Hangul", "Hanunoo", "Hebrew", "Hiragana",
    "Imperial_Aramaic", "Inherited", "Inscriptional_Pahlavi", "Inscriptional_Parthian",
    "Javanese", "Kaithi", "Kannada", "Katakana", "Kayah_Li", "Kharoshthi", "Khmer", "Lao",
    "Lepcha", "Limbu", "Linear_B", "Lisu", "Lm", "Lo", "Lt", "Lycian", "Lydian", "M",
    "Malayalam", "Mandaic", "Mc", "Me", "Meetei_Mayek", "Mn", "Mongolian", "Myanmar",
    "New_Tai_Lue", "Nko", "Nl", "No", "Ogham", "Ol_Chiki", "Old_Italic", "Old_Persian",
    "Old_South_Arabian", "Old_Turkic", "Oriya", "Osmanya", "Pf", "Phags_Pa", "Phoenician", "Pi",
    "Rejang", "Runic", "Samaritan", "Saurashtra", "Shavian", "Sinhala", "So", "Sundanese",
    "Syloti_Nagri", "Syriac", "Tagalog", "Tagbanwa", "Tai_Le", "Tai_Tham", "Tai_Viet", "Tamil",
    "Telugu", "Thaana", "Thai", "Tibetan", "Tifinagh", "Ugaritic", "Unknown", "Vai", "Yi", "Zl",
    "Zp",
};

#endif
