"""The codepoint table against a fresh ask, and what a table alone can't do: order, long words, special tokens."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text
from tokenizers import normalizers, pre_tokenizers

from keras_bert.text import normalization
from keras_bert.text.normalization import _FIRST_ALIAS, _UNKNOWN_LETTER, FIRST_SPECIAL, Normalization, stand_alone

CODEPOINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
SETTINGS = [(False, False), (False, True), (True, False), (True, True)]


def kept(table, codepoint):
    """What the kept table makes of a codepoint, aliases undone: (dict, int) -> str."""
    entry = int(table["blocks"][table["index"][codepoint >> 7]][codepoint & 127])
    length, value = entry & 3, entry >> 4
    output = [codepoint + value] if length == 1 else table["expansions"][value : value + length].tolist()
    aliased = table["aliased"].tolist()
    return "".join(chr(aliased[c - _FIRST_ALIAS]) if c >= _FIRST_ALIAS else chr(c) for c in output)


@pytest.mark.parametrize("lowercase, strip_accents", SETTINGS)
def test_table_is_what_tokenizers_says(lowercase, strip_accents):
    ask = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents).normalize_str
    table = normalization._table(lowercase, strip_accents)
    everything = (lowercase, strip_accents) == (True, True)
    sample = (
        CODEPOINTS[:0x3200] + CODEPOINTS[0xA000:0x11000:7] + CODEPOINTS[0xF800:0x1F000:3] + CODEPOINTS[0x2F000::997]
    )
    entries = table["blocks"][table["index"]].reshape(-1)
    for codepoint in CODEPOINTS if everything else sample:
        # Spaces around a codepoint are the reference's way, and sometimes the table's, to say that it stands alone.
        answer = ask(chr(codepoint))
        if everything and entries[codepoint] & ~4 == 1:
            assert answer.strip() in (chr(codepoint), ""), hex(codepoint)
        else:
            assert kept(table, codepoint).strip() == answer.strip(), hex(codepoint)


def test_boundaries_are_what_tokenizers_says():
    clean = normalizers.BertNormalizer(lowercase=False, strip_accents=False).normalize_str
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    alone = stand_alone()
    for codepoint in CODEPOINTS[:0x3200] + CODEPOINTS[0x3200:0x30000:5] + CODEPOINTS[0x30000::997]:
        pieces = len(split(clean("a" + chr(codepoint) + "a")))
        assert alone[codepoint] == (pieces > 1), hex(codepoint)


def test_aliased_is_where_tensorflow_text_differs():
    tokenizer = tensorflow_text.FastWordpieceTokenizer(["[UNK]", "a", "##a"], token_out_type=tf.int32)
    parts = tokenizer.tokenize(tf.constant(["a" + chr(c) + "a" for c in CODEPOINTS])).row_lengths().numpy() > 1
    parts[ord("a")] = False
    table = normalization._table(False, False)
    survives = np.array([table["blocks"][table["index"][c >> 7], c & 127] & 3 > 0 for c in CODEPOINTS])
    differs = np.array(CODEPOINTS)[survives & (parts != stand_alone()[CODEPOINTS])]
    assert differs.tolist() == table["aliased"].tolist()


def test_long_run_leaves_out_only_what_parts_words():
    alone = stand_alone()
    single = tf.strings.regex_full_match([chr(c) for c in CODEPOINTS], f"[{normalization._PARTING}]").numpy()
    table = normalization._table(False, False)
    for codepoint in np.array(CODEPOINTS)[single]:
        removed = not kept(table, int(codepoint))
        assert alone[codepoint] or removed, hex(codepoint)


def normalize(texts, lowercase=True, strip_accents=True, keep_special_tokens=False):
    normalized, _ = Normalization(lowercase, strip_accents)(tf.constant(texts), keep_special_tokens)
    return [text.decode() for text in normalized.numpy()]


def test_by_hand():
    assert normalize(["Hello, World", "Café İ ①", "…²１㎏", "", " \t\n", "a\0b\ufffdc\u200bd"]) == [
        "hello, world",
        "cafe i ①",
        "…²１㎏",
        "",
        " \t\n",
        "abcd",
    ]
    assert normalize(["Café İ"], strip_accents=False) == ["café i̇"]
    assert normalize(["Café İ"], lowercase=False) == ["Cafe I"]
    assert normalize(["Café İ"], lowercase=False, strip_accents=False) == ["Café İ"]
    assert normalize(["한"]) == ["\u1112\u1161\u11ab"]
    assert normalize(["한"], strip_accents=False) == ["한"]


def test_invalid_utf8_is_dropped_and_shifts_nothing():
    assert normalize([b"a", b"\xff\xfeb\xc3", b"\xed\xa0\x80c", b"\xf8\x88\x80\x80\x80d", b"e"]) == list("abcde")


def test_surviving_marks_take_canonical_order():
    order = normalizers.BertNormalizer(lowercase=True, strip_accents=True).normalize_str
    tone, stem, accent, cedilla = "\u302e", "\U0001d165", "\u0301", "\u0327"
    for text in (
        f"a{tone}{stem}",
        f"a{tone}{accent}{stem}{cedilla}{tone}",
        f"{tone}{stem} {tone}{stem}",
        f"\U0001d15e{tone}{stem}",
        f"é{tone}\u0488{stem}\u0903{tone}{stem}",
        f"a{tone}\u200b{stem}",
        f"한{tone}{stem}",
    ):
        assert normalize([text, f"{stem}x"]) == [order(text), order(f"{stem}x")], ascii(text)
    assert normalize([tone, stem, "a"]) == [tone, stem, "a"], "marks never cross rows"


def test_rows_that_are_passed_through_would_come_out_the_same():
    texts = [
        "plain text, with CAPITALS.",
        "“quoted” – 漢字 かな 한국어",
        "tab\tand\u00a0space",
        "ملاحظة",
        "naïve",
        "x" * 120,
    ]
    for lowercase, strip_accents in SETTINGS:
        normalization_ = Normalization(lowercase, strip_accents)
        passed, _ = normalization_(tf.constant(texts))
        rewritten = normalization_._rewrite(tf.constant(texts), False)[0]
        for short, long in zip(passed.numpy(), rewritten.numpy(), strict=True):
            assert short.decode().split() == long.decode().split()


@pytest.mark.parametrize("letter", ["x", "é", "한", "\U0001d4d0"])
def test_words_over_100_codepoints_are_made_unknown(letter):
    for strip_accents, width in ((False, 1), (True, len(normalizers.NFD().normalize_str(letter).strip("\u0301")))):
        fits, over = letter * (100 // width), letter * (100 // width + 1)
        texts = [f"a {fits}, b", f"a {over}, b", f"{over}\u200b{letter}"]
        fitting, unknown, alone = normalize(texts, False, strip_accents)
        assert chr(_UNKNOWN_LETTER) not in fitting
        word = chr(_UNKNOWN_LETTER) * (len(over) * width)
        assert (unknown, alone) == (f"a {word}, b", word + chr(_UNKNOWN_LETTER) * width)
    # A control character inside doesn't part a word.
    assert set(normalize(["x" * 60 + "\0" + "x" * 60])[0]) == {chr(_UNKNOWN_LETTER)}


def test_special_tokens():
    mask, sep = chr(FIRST_SPECIAL + 4), chr(FIRST_SPECIAL + 3)
    texts = ["a[MASK]b", "[SEP][SEP] É", "[mask] [MASK", "plain", "[[MASK]]", "[CLS", "]"]
    assert normalize(texts, keep_special_tokens=True) == [
        f"a {mask} b",
        f" {sep}  {sep}  e",
        "[mask] [mask",
        "plain",
        f"[ {mask} ]",
        "[cls",
        "]",
    ]
    assert normalize(texts)[0] == "a[mask]b"
    # Private-use codepoints can't pose as special tokens.
    assert normalize([f"a{mask}b{chr(_UNKNOWN_LETTER)}"], keep_special_tokens=True) == ["ab"]
