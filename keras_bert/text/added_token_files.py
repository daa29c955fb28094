"""Added tokens in the files of a tokenizer: read, brought together with the vocabulary, and written."""

from tokenizers import AddedToken

from keras_bert.text.added_tokens import as_added_tokens
from keras_bert.text.normalization import SPECIAL_TOKENS

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
_SPECIAL_KEYS = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_LIST_KEYS = ("additional_special_tokens", "extra_special_tokens")


def read_added_tokens(tokens, whole, config, added, special_map, directory):
    """Brings together what the files say of added tokens.

    Args:
        tokens: The vocabulary, a list of str.
        whole: Contents of tokenizer.json.
        config: Contents of tokenizer_config.json.
        added: Contents of added_tokens.json.
        special_map: Contents of special_tokens_map.json.
        directory: Where they are, for messages.

    Returns:
        List of `AddedToken`s: those that aren't in the vocabulary in order of their ids, which go on from it.

    Raises:
        ValueError: If the files contradict each other, or ids don't go on from the vocabulary.
    """
    named = [content for source in (config, special_map) for content in _named_special(source)]
    listed = [
        *added_in_whole(directory / "tokenizer.json", whole),
        *_in_decoder(directory / "tokenizer_config.json", config.get("added_tokens_decoder") or {}),
        *_in_map(directory / "added_tokens.json", added, named),
    ]
    ids, found = {}, {}
    for file, token_id, token in listed:
        if ids.setdefault(token.content, token_id) != token_id:
            raise ValueError(
                f"'{file}' gives the added token {token.content!r} the id {token_id}, and another file beside it gives "
                f"the id {ids[token.content]}. Correct one of them."
            )
        found.setdefault(token.content, token)
    numbers = {token: number for number, token in enumerate(tokens)}
    new = sorted((content for content in found if content not in numbers), key=ids.get)
    for content in found.keys() & numbers.keys():
        if ids[content] != numbers[content]:
            raise ValueError(
                f"The files in '{directory}' give the added token {content!r} the id {ids[content]}; in the vocabulary "
                f"its id is {numbers[content]}. Correct one of them."
            )
    for expected, content in enumerate(new, len(tokens)):
        if ids[content] != expected:
            raise ValueError(
                f"The files in '{directory}' give the added token {content!r} the id {ids[content]} where {expected} "
                f"was expected: the ids of added tokens go on from the vocabulary, of {len(tokens)} tokens, without "
                "gaps. Is the vocabulary whole?"
            )
    # Those that have no id in any file: in the vocabulary, or behind all others.
    for content in named:
        found.setdefault(content, AddedToken(content, normalized=False, special=True))
    in_vocabulary = [content for content in found if content in numbers and content not in SPECIAL_TOKENS]
    without_id = [content for content in found if content not in numbers and content not in ids]
    try:
        return as_added_tokens([found[content] for content in (*in_vocabulary, *new, *without_id)])
    except ValueError as error:
        raise ValueError(f"The added tokens of '{directory}' can't be found in texts. {error}") from error


def check_special_names(file, content):
    """Path, its contents -> None; a `ValueError` if [PAD], [UNK], [CLS], [SEP] or [MASK] has another name."""
    for key in _SPECIAL_KEYS:
        expected = f"[{key.split('_')[0].upper()}]"
        name = _content(content.get(key))
        if name is not None and name != expected:
            raise ValueError(
                f"'{file}' has {key}={name!r}; BERT's is {expected}, and this tokenizer has no other. If the "
                "vocabulary has that one, correct the file; else rename the token in the vocabulary and in the file."
            )


def as_decoder(vocabulary, added_tokens):
    """{token: id}, `AddedToken`s -> what transformers has as added_tokens_decoder: {id: a dict}, special tokens too."""
    special = [AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS]
    numbered = sorted((vocabulary[token.content], token) for token in (*special, *added_tokens))
    return {
        str(number): {"content": token.content, **{flag: getattr(token, flag) for flag in _FLAGS}}
        for number, token in numbered
    }


def added_in_whole(file, whole):
    """Path and contents of a tokenizer.json -> list of (file, id, `AddedToken`)."""
    entries = whole.get("added_tokens") or []
    if not isinstance(entries, list):
        raise _malformed(file, "added_tokens", entries)
    return [(file, *_read(file, entry, entry.get("id") if isinstance(entry, dict) else None)) for entry in entries]


def _in_decoder(file, entries):
    """tokenizer_config.json's added_tokens_decoder -> list of (file, id, `AddedToken`)."""
    if not isinstance(entries, dict):
        raise _malformed(file, "added_tokens_decoder", entries)
    return [(file, *_read(file, entry, token_id)) for token_id, entry in entries.items()]


def _in_map(file, ids, special):
    """added_tokens.json's {token: id}, the special ones among them -> list of (file, id, `AddedToken`)."""
    return [
        (file, *_read(file, {"content": token, "special": token in special}, token_id))
        for token, token_id in ids.items()
    ]


def _read(file, entry, token_id):
    """file, a dict of one token, its id -> id, `AddedToken`; a `ValueError` if something is missing."""
    try:
        content, flags = entry["content"], {flag: bool(entry[flag]) for flag in _FLAGS if flag in entry}
        flags.setdefault("normalized", not flags.get("special", False))
        return int(token_id), AddedToken(content, **flags)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _malformed(file, "an added token", entry) from error


def _malformed(file, what, value):
    """Path, what stands there -> the `ValueError` to raise."""
    return ValueError(
        f"'{file}' has {what} that can't be read: {value!r:.100}. A content and an id were expected. Copy or download "
        "it again."
    )


def _named_special(content):
    """Contents of tokenizer_config.json or special_tokens_map.json -> the further special tokens that they name."""
    named = []
    for key in _LIST_KEYS:
        values = content.get(key) or []
        named += map(_content, values.values() if isinstance(values, dict) else values)
    return [name for name in named if name is not None]


def _content(value):
    """A token as files have it, a str or a dict -> the str, or None."""
    return value.get("content") if isinstance(value, dict) else value
