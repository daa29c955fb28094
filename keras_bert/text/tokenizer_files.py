"""A tokenizer's files as Hugging Face has them: vocab.txt, tokenizer.json, tokenizer_config.json and older ones."""

import json
import pathlib
import warnings
from typing import NamedTuple

import tokenizers

from keras_bert.text.added_token_files import added_in_whole, as_decoder, check_special_names, read_added_tokens
from keras_bert.text.foreign_tokenizers import (
    check_config,
    check_model,
    check_steps,
    normalizer_of,
    part,
)
from keras_bert.text.normalization import SPECIAL_TOKENS
from keras_bert.text.settings import fitting_accents, fitting_case
from keras_bert.text.vocabulary import check_vocabulary, in_order, read_vocabulary, write_vocabulary
from keras_bert.utils.files import write_text

# Older versions of transformers have these beside tokenizer_config.json.
_OLDER = ("added_tokens.json", "special_tokens_map.json")
# A setting -> its key in tokenizer_config.json.
_KEYS = {"lowercase": "do_lower_case", "strip_accents": "strip_accents"}
# In tokenizer_config.json: case and accents aren't what the vocabulary seems to want, and are meant.
_CHOSEN = "case_is_chosen"


class TokenizerFiles(NamedTuple):
    """What is read of a tokenizer: what makes a `WordPieceTokenizer`."""

    tokens: list
    lowercase: bool
    strip_accents: bool | None
    added_tokens: list


def read_tokenizer(path, lowercase=None, strip_accents=None):
    """Reads a tokenizer, as `WordPieceTokenizer.load` describes it.

    Args:
        path: A directory with vocab.txt or tokenizer.json, or such a file itself.
        lowercase: The user's choice, or None.
        strip_accents: The user's choice, or None.

    Returns:
        `TokenizerFiles`.

    Raises:
        ValueError: If there is no vocabulary, it is broken, the files contradict each other, or they aren't BERT's.
    """
    files = _Files(path)
    files.check_config()
    tokens = files.tokens()
    files.check_steps()
    settings = _settings(files, tokens, lowercase, strip_accents)
    return TokenizerFiles(tokens, *settings, files.added_tokens(tokens))


def write_tokenizer(tokenizer, tokens, directory):
    """Writes a tokenizer's files; those that transformers would rather go by are replaced or removed.

    Args:
        tokenizer: A `WordPieceTokenizer`.
        tokens: Its vocabulary without the tokens that were added to it.
        directory: Where to write, made if it is missing.

    Raises:
        ValueError: If `directory` can't be one.
    """
    directory = pathlib.Path(directory).expanduser()
    if directory.exists() and not directory.is_dir():
        raise ValueError(
            f"`directory` must be a directory, or not exist yet. Received: '{directory}', which is a file. "
            "Give another name."
        )
    directory.mkdir(parents=True, exist_ok=True)
    write_vocabulary(tokens, directory / "vocab.txt")
    settings = {"lowercase": tokenizer.lowercase, "strip_accents": tokenizer.strip_accents}
    config = {
        "tokenizer_class": "BertTokenizer",
        **{_KEYS[name]: value for name, value in settings.items()},
        "tokenize_chinese_chars": True,
    } | {f"{token.strip('[]').lower()}_token": token for token in SPECIAL_TOKENS}
    if _looks_wrong(tokens, **settings):
        config[_CHOSEN] = True
    added = tokenizer.added_tokens
    if added:
        config["added_tokens_decoder"] = as_decoder(tokenizer.vocabulary, added)
    write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", directory / "tokenizer_config.json")
    for name in _OLDER:
        (directory / name).unlink(missing_ok=True)
    if added or (directory / "tokenizer.json").exists():
        same = tokenizers.BertWordPieceTokenizer({token: i for i, token in enumerate(tokens)}, **settings)
        for token in added:
            (same.add_special_tokens if token.special else same.add_tokens)([token])
        write_text(same.to_str(pretty=True) + "\n", directory / "tokenizer.json")


class _Files:
    """The files of one tokenizer."""

    def __init__(self, path):
        """A directory, or the file of its vocabulary -> what its JSON files hold; nothing is checked yet."""
        self.path = pathlib.Path(path).expanduser()
        self.directory, self.vocabulary = _vocabulary_file(self.path)
        self.whole_file, self.config_file = (self.directory / f"tokenizer{end}.json" for end in ("", "_config"))
        self.whole = read_json(self.whole_file) if self.whole_file.exists() else None
        self.config = self._read("tokenizer_config.json")
        self.older = {name: self._read(name) for name in _OLDER}
        if "added_tokens_decoder" in self.config:
            self.older = {name: {} for name in _OLDER}  # as transformers

    def _read(self, name):
        """name of a file -> the JSON object in it, {} if there is no such file."""
        file = self.directory / name
        return read_json(file) if file.exists() else {}

    def check_config(self):
        """Raises a `ValueError` if the files beside the vocabulary are of another kind of tokenizer."""
        never_split = {*SPECIAL_TOKENS, *self.older["added_tokens.json"]}
        check_config(self.config_file, self.config, never_split)
        check_config(self.directory / "config.json", self._read("config.json"), never_split)
        check_special_names(self.config_file, self.config)
        check_special_names(self.directory / "special_tokens_map.json", self.older["special_tokens_map.json"])
        if self.whole is not None:
            check_model(self.whole_file, self.whole)

    def check_steps(self):
        """Raises a `ValueError` if tokenizer.json does something else than BERT."""
        if self.whole is not None:
            check_steps(self.whole_file, self.whole)

    def tokens(self):
        """The vocabulary: list of str; a `ValueError` if there are two that contradict each other."""
        if self.vocabulary.suffix == ".json":
            tokens = self._tokens_in_whole()
            check_vocabulary(tokens, f"The vocabulary in '{self.vocabulary}'")
            return tokens
        tokens = read_vocabulary(self.vocabulary)
        others = self._tokens_in_whole() if self.whole is not None and self.path.is_dir() else []
        for number, (token, other) in enumerate(zip(tokens, others, strict=False)):
            if token != other:
                raise ValueError(
                    f"'{self.vocabulary}' and '{self.whole_file}' contradict each other: {token!r} and {other!r} have "
                    f"the id {number}. Remove the one that is wrong; transformers goes by tokenizer.json."
                )
        return tokens if len(tokens) >= len(others) else others

    def _tokens_in_whole(self):
        """The vocabulary in tokenizer.json, where added tokens may fill gaps: list of str."""
        vocabulary = part(self.whole_file, part(self.whole_file, self.whole, "model"), "vocab")
        taken, last = {*vocabulary.values()}, max(vocabulary.values(), default=-1)
        gaps = {
            token.content: token_id
            for _, token_id, token in added_in_whole(self.whole_file, self.whole)
            if token_id < last and token_id not in taken and token.content not in vocabulary
        }
        return in_order(vocabulary | gaps)

    def added_tokens(self, tokens):
        """The vocabulary -> list of `AddedToken`s."""
        older = [self.older[name] for name in _OLDER]
        return read_added_tokens(tokens, self.whole or {}, self.config, *older, self.directory)

    def settings(self):
        """What the files say: {"lowercase": bool or None, "strip_accents": the same} or {}, and the file of each."""
        said, files = {}, {}
        if self.whole is not None:
            normalizer = normalizer_of(self.whole_file, self.whole)
            said = {name: normalizer.get(name) for name in _KEYS}
            files = dict.fromkeys(_KEYS, self.whole_file)
        for name, key in _KEYS.items():
            if key in self.config:
                said[name], files[name] = self.config[key], self.config_file
            if not isinstance(said.get(name), (bool, type(None))):
                raise ValueError(f"'{files[name]}' has {key}={said[name]!r}; true, false or null was expected.")
        sentences = self.directory / "sentence_bert_config.json"
        if sentences.exists() and read_json(sentences).get("do_lower_case") is True and not said.get("lowercase"):
            # sentence-transformers lower-cases before the tokenizer, which leaves accents as they are.
            said |= {"lowercase": True, "strip_accents": said.get("strip_accents") or False}
            files |= dict.fromkeys(_KEYS, sentences)
        return said, files


def _settings(files, tokens, lowercase, strip_accents):
    """`_Files`, their vocabulary, the user's choice -> lowercase, strip_accents: as chosen, as said, or as fits."""
    said, places = files.settings()
    given = {"lowercase": lowercase, "strip_accents": strip_accents}
    settings = {name: said.get(name) if value is None else value for name, value in given.items()}
    if settings["lowercase"] is not None and files.config.get(_CHOSEN) is True:
        return settings["lowercase"], settings["strip_accents"]
    if lowercase is None:
        settings["lowercase"], reason = fitting_case(tokens, said.get("lowercase"))
        if reason:
            _warn("lowercase", places["lowercase"], said, settings, reason)
    if strip_accents is None:
        settings["strip_accents"], reason = fitting_accents(tokens, settings["lowercase"], said.get("strip_accents"))
        if reason and said:
            _warn("strip_accents", places.get("strip_accents", files.config_file), said, settings, reason)
    return settings["lowercase"], settings["strip_accents"]


def _looks_wrong(tokens, lowercase, strip_accents):
    """The vocabulary, settings -> whether `_settings` would correct them."""
    return fitting_case(tokens, lowercase)[0] != lowercase or fitting_accents(tokens, lowercase, strip_accents)[0] != (
        strip_accents
    )


def _warn(name, file, said, settings, reason):
    """A setting, the file that says it, what is said, what is taken, why -> None; the warning."""
    value, key = settings[name], _KEYS[name]
    warnings.warn(
        f"'{file}' has {key}={json.dumps(said.get(name))}, which can't be right for its vocabulary: {reason}. So it is "
        f"read with {name}={value}. Correct the file; or, if it is right, overrule this by "
        f"WordPieceTokenizer.load(..., {name}={not value}).",
        stacklevel=5,
    )


def _vocabulary_file(path):
    """directory or file -> the directory, the file of the vocabulary; a `ValueError` if there is none."""
    if not path.is_dir():
        if not path.exists():
            raise ValueError(f"'{path}' doesn't exist. Give a directory with vocab.txt, or the file itself.")
        return path.parent, path
    for name in ("vocab.txt", "tokenizer.json"):
        if (path / name).exists():
            return path, path / name
    others = sorted(file.name for kind in ("*.model", "vocab.json", "merges.txt") for file in path.glob(kind))
    raise ValueError(
        f"'{path}' holds neither vocab.txt nor tokenizer.json. Give the directory of a BERT checkpoint."
        + f" It holds {', '.join(others)}, of another kind of tokenizer." * bool(others)
    )


def read_json(file):
    """Reads a JSON object: path -> dict."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"'{file}' isn't JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"'{file}' holds a {type(content).__name__}; a JSON object was expected.")
    return content
