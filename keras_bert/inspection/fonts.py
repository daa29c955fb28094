"""Fonts of this machine that have the characters of a picture."""

import contextlib
import functools
import warnings

_FIRST = "DejaVu Sans"  # which Matplotlib brings
# Those that are made for the screen come before others that have a character too.
_LIKED = (
    *("Noto Sans CJK KR", "Noto Sans KR", "Noto Sans CJK JP", "NanumGothic"),
    *("Apple SD Gothic Neo", "AppleGothic", "Malgun Gothic"),
)
_BOXES = "Last Resort"  # Matplotlib's font of boxes for all characters


def families_for(texts):
    """Finds fonts that together have all characters of some texts.

    Where there are none for some characters a warning says so, once for each set of them: pictures show boxes for them.

    Args:
        texts: Strings.

    Returns:
        Names of fonts, a list of str: what the first one lacks, the next ones have.

    Example:
    >>> families_for(["bank", "river"])
    ['DejaVu Sans', 'sans-serif']
    """
    from matplotlib import font_manager

    needed = {character for text in texts for character in text if not character.isspace()}
    needed -= _characters_of(font_manager.findfont(_FIRST))
    families = [_FIRST]
    for entry in _fonts() if needed else ():
        found = needed & _characters_of(entry.fname)
        if found:
            families.append(entry.name)
            needed -= found
        if not needed:
            break
    if needed:
        _warn("".join(sorted(needed)[:20]))
    return [*families, "sans-serif"]


@functools.cache
def _warn(characters):
    """characters that no font has -> None; says so once."""
    warnings.warn(
        f"No font of this machine has the characters {characters}: a picture shows boxes instead. In files .svg and "
        ".html they are text, which other machines show right. For Korean install a font such as Noto Sans CJK or "
        "NanumGothic.",
        stacklevel=3,
    )


@functools.cache
def _fonts():
    """-> the upright fonts of normal weight, liked ones first and those with serifs last."""
    from matplotlib import font_manager

    # Matplotlib keeps a list of fonts, in which those that were installed since aren't.
    for path in {*font_manager.findSystemFonts()} - {entry.fname for entry in font_manager.fontManager.ttflist}:
        with contextlib.suppress(Exception):  # whatever is wrong with a file, it isn't needed
            font_manager.fontManager.addfont(path)
    entries = {
        entry.name: entry
        for entry in font_manager.fontManager.ttflist
        if entry.style == "normal" and entry.weight == 400 and not entry.name.startswith(_BOXES)
    }

    def order(entry):
        """a font -> what it is sorted by."""
        liked = _LIKED.index(entry.name) if entry.name in _LIKED else len(_LIKED)
        return liked, "Serif" in entry.name or "Mono" in entry.name, entry.name

    return sorted(entries.values(), key=order)


@functools.cache
def _characters_of(path):
    """a font's file -> the characters that it has."""
    from matplotlib.ft2font import FT2Font

    return frozenset(map(chr, FT2Font(path).get_charmap()))


@contextlib.contextmanager
def without_remarks():
    """Matplotlib doesn't say here, again and again, that no font has a character: `families_for` has said so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        yield
