"""In which encoding a text file is: by its mark, or else by which reading of its bytes makes sense."""

import codecs
import re
from typing import NamedTuple

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's mark, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What a text on any topic has many of.
_KOREAN = (
    "이다는의에을가고하지은로도기를한사서어자나아리대보일만인있그요게니들없정스해면거과라시으수안영화재미좋음네습했었것"
)
_CHINESE = "的一是不了在人有我他大上中到以要就出可也你生能而子那得下自之年作好天地和日心用道小多然最都很去想看吃真"
_SIMPLIFIED = _CHINESE + "这个们来为国说时会对于着过发后里没点么样还给让东开"
_TRADITIONAL = _CHINESE + "這個們來為國說時會對於著過發後裡沒點麼樣還給讓東開"
_KANA = "".join(map(chr, range(0x3041, 0x30FF)))


def encoding_by_mark(start):
    """Reads the byte order mark that a text may begin with.

    Args:
        start: The first four bytes of a file, or more.

    Returns:
        The name of a codec that leaves the mark out: "utf-16", "utf-32" or, without those marks, "utf-8-sig".

    Example:
    >>> encoding_by_mark("Ann".encode("utf-16")), encoding_by_mark(b"Ann")
    ('utf-16', 'utf-8-sig')
    """
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8-sig")


def unmarked_utf16(start):
    """Recognises UTF-16 without a byte order mark: in it, each letter of ASCII has a zero beside it.

    Args:
        start: The first bytes of a file.

    Returns:
        "UTF-16LE", "UTF-16BE" or None.

    Example:
    >>> unmarked_utf16("Ann".encode("utf-16-le")), unmarked_utf16(b"Ann")
    ('UTF-16LE', None)
    """
    if start.count(0) * 10 <= len(start):  # a zero by itself may be anywhere
        return None
    return "UTF-16LE" if start[1::2].count(0) > start[::2].count(0) else "UTF-16BE"


def likely_encoding(data):
    """Finds the encoding in which bytes that aren't UTF-8 make sense.

    Of the encodings that can read them all, it is the one whose characters beyond ASCII are those that a text of its
    language has most of. A table may be short, so that little evidence has to do.

    Args:
        data: Bytes, cut at the ends of lines.

    Returns:
        The encoding's name, as both `iconv` and Python have it; None if nothing makes sense.

    Example:
    >>> likely_encoding("좋아요,긍정".encode("cp949")), likely_encoding("Un café, ça va".encode("latin-1"))
    ('CP949', 'CP1252')
    """
    if encoding := unmarked_utf16(data):
        return encoding
    best, found = 0.9, None  # where the text of no language begins
    for name, script in _SCRIPTS.items():
        try:
            sense = script.sense_of(data.decode(name))
        except UnicodeDecodeError:
            continue
        if sense > best:
            best, found = sense, name
    return found


class _TwoBytes(NamedTuple):
    """A script of many characters, of which the codec of an old standard begins the common ones with these bytes."""

    codec: str
    first_bytes: frozenset
    frequent: frozenset

    def sense_of(self, text):
        """text -> the mean over its characters beyond ASCII of 2 for a frequent, 1 for a common one, 0 for others."""
        beyond = [character for character in text if character > "\x7f"]
        return sum(map(self._weight, beyond)) / max(1, len(beyond))

    def _weight(self, character):
        if character in self.frequent:
            return 2
        encoded = character.encode(self.codec, "ignore")
        return int(len(encoded) == 2 and encoded[0] in self.first_bytes)


class _OneByte(NamedTuple):
    """A script whose letters have their place: `pattern` finds those that are in it."""

    pattern: str

    def sense_of(self, text):
        """text -> twice the share of its characters beyond ASCII that are in their place."""
        beyond = sum(character > "\x7f" for character in text)
        return 2 * len("".join(re.findall(self.pattern, text))) / max(1, beyond)


_HANGUL = frozenset([0xA4, *range(0xB0, 0xC9)])  # letters by themselves; syllables
_KANJI = frozenset(range(0xB0, 0xD0))
_ACCENTED = "[À-ÖØ-öø-ÿŒœŠšŽžŸ]"
# A Cyrillic word: its capital, if it has one, comes first.
_CYRILLIC = "(?<![A-Za-zА-яЁёЄ-Їє-ї])[А-ЯЁЄ-Ї]?[а-яёє-ї]+(?![A-Za-zА-яЁёЄ-Їє-ї])"

# Where two make the same sense, the first is taken.
_SCRIPTS = {
    "CP949": _TwoBytes("euc_kr", _HANGUL, frozenset(_KOREAN)),
    "GB18030": _TwoBytes("gb2312", frozenset(range(0xB0, 0xD8)), frozenset(_SIMPLIFIED)),
    "CP950": _TwoBytes("big5", frozenset(range(0xA4, 0xC7)), frozenset(_TRADITIONAL)),
    "EUC-JP": _TwoBytes("euc_jp", _KANJI, frozenset(_KANA)),
    "CP932": _TwoBytes("euc_jp", _KANJI, frozenset(_KANA)),
    # An accented letter stands beside one of ASCII's.
    "CP1252": _OneByte(f"(?<=[A-Za-z]){_ACCENTED}|{_ACCENTED}(?=[A-Za-z])|[‘’“”–—…€£©®°«»¿¡]"),
    "CP1251": _OneByte(_CYRILLIC),
    "KOI8-R": _OneByte(_CYRILLIC),
}
