"""Which case and accents a vocabulary can be right with, whatever the files beside it say."""

import unicodedata

from keras_bert.utils.checks import some_of

_SHARE = 200  # One in so many tokens shows something; fewer are a few that somebody put in by hand.


def fitting_case(tokens, lowercase=None):
    """Tells whether text is to be lower-cased for a vocabulary.

    One with capitals isn't of lower-cased text, which never has them; one without any isn't of text that keeps its
    capitals.

    Args:
        tokens: List of str.
        lowercase: What is said: a bool, or None.

    Returns:
        A pair: a bool, and why it isn't what is said: a str, or None where it is, or nothing is said.

    Example:
    >>> fitting_case(["[PAD]", "The", "river"], lowercase=True)
    (False, "1 of 2 tokens with letters that have capitals has them: 'The'")
    """
    words = _words(tokens)
    with_case = [word for word in words if word.lower() != word.upper()]
    capitals = [word for word in with_case if word.lower() != word]
    is_cased = len(capitals) * _SHARE > len(with_case)
    is_lower = not capitals and with_case and len(with_case) * 10 >= len(words)  # Not a few units in another script.
    if lowercase is None:
        return not is_cased, None
    if lowercase and is_cased:
        have = "has them" if len(capitals) == 1 else "have them"
        return False, (
            f"{len(capitals)} of {len(with_case)} tokens with letters that have capitals {have}: "
            f"{some_of(map(repr, capitals))}"
        )
    if not lowercase and is_lower:
        return True, f"none of {len(with_case)} tokens with letters that have capitals has one"
    return lowercase, None


def fitting_accents(tokens, lowercase, strip_accents=None):
    """Tells whether accents are to be dropped for a vocabulary.

    One with accents, or with Korean syllables, which would fall into letters, isn't of text whose accents are dropped.

    Args:
        tokens: List of str.
        lowercase: Whether text is lower-cased.
        strip_accents: What is said: a bool, or None for as `lowercase`.

    Returns:
        A pair: a bool, or None for as `lowercase`; and why it isn't what is said: a str, or None where it is.

    Example:
    >>> fitting_accents(["[PAD]", "café", "river"], lowercase=True)
    (False, "1 of 2 tokens with accents, or of Korean syllables: 'café'")
    """
    if not (lowercase if strip_accents is None else strip_accents):
        return strip_accents, None
    words = _words(tokens)
    accents = [word for word in words if _has_accents(word)]
    if len(accents) * _SHARE <= len(words):
        return strip_accents, None
    return False, (
        f"{len(accents)} of {len(words)} tokens with accents, or of Korean syllables: {some_of(map(repr, accents))}"
    )


def _words(tokens):
    """tokens -> the words and pieces among them: not what stands for something else, as [unused1] and <S> do."""
    return [
        token.removeprefix("##") for token in tokens if not (len(token) > 2 and token[0] + token[-1] in ("[]", "<>"))
    ]


def _has_accents(word):
    """string -> whether dropping accents would change it: from text without accents, no such token is learned."""
    decomposed = unicodedata.normalize("NFD", word)
    return word != "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
