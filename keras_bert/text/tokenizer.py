"""WordPiece tokenization in the TensorFlow graph, with the ids and offsets of BERT's reference tokenizers."""

import json
import pathlib
import re
import types

import tensorflow as tf
import tensorflow_text
import tokenizers

from keras_bert.files import write_text
from keras_bert.text.normalization import (
    FIRST_SPECIAL,
    MAX_WORD_LENGTH,
    PRIVATE,
    SPECIAL_TOKENS,
    Normalization,
    row_of_each,
    token_aliases,
)
from keras_bert.text.vocabulary import (
    check_vocabulary,
    in_order,
    read_json,
    read_settings,
    read_vocabulary,
    write_vocabulary,
)

# Tokens with one of these are never found: white space, control characters and plane 16 are in no word of a
# normalized text. Some mean something to FastWordpieceTokenizer or to the normalization, so they are kept from it.
NEVER = re.compile(rf"[\s\x00-\x1f\x7f{chr(PRIVATE.start)}-{chr(PRIVATE.stop - 1)}]")


class WordPieceTokenizer:
    """Splits strings into WordPiece tokens and gives their ids, all in the TensorFlow graph.

    Ids and offsets are those of Hugging Face's `tokenizers.BertWordPieceTokenizer` and of the original BERT. It works
    on Python strings and on string tensors, eagerly, in `tf.data` and in a `tf.function`, and a SavedModel that calls
    it needs only tensorflow and tensorflow-text to run. No [CLS] or [SEP] is added: packing does that.

    Invalid UTF-8 is dropped; an empty or blank string gives no tokens; words over 100 characters are one [UNK].

    Args:
        vocabulary: tokens in order of their ids, or a mapping from each token to its id; [PAD], [UNK], [CLS], [SEP]
            and [MASK] are among them. Tokens that continue a word begin with "##".
        lowercase: whether to lower-case.
        strip_accents: whether to decompose characters and drop accents; None: as `lowercase`. Decomposing takes
            Hangul syllables apart: give False for Korean.

    Raises:
        ValueError: if special tokens are missing, tokens are empty or there twice, or ids have gaps.
        TypeError: if something is of another type.

    Source:
        Devlin et al., BERT, 2018 (https://arxiv.org/abs/1810.04805); Song et al., Fast WordPiece Tokenization, 2021.

    Example:
        >>> special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        >>> tokenizer = WordPieceTokenizer([*special, "em", "##bed", "##ding", "##s", "."])
        >>> tokenizer.tokens("Embeddings.")
        ['em', '##bed', '##ding', '##s', '.']
        >>> tokenizer(["Embeddings.", "", "Bed"]).to_list()
        [[5, 6, 7, 8, 9], [], [1]]
    """

    def __init__(self, vocabulary, lowercase=True, strip_accents=None):
        if not isinstance(lowercase, bool):
            raise TypeError(f"lowercase must be True or False, but {lowercase!r} came.")
        if not (strip_accents is None or isinstance(strip_accents, bool)):
            raise TypeError(f"strip_accents must be True, False or None (as lowercase), but {strip_accents!r} came.")
        tokens = in_order(vocabulary)
        check_vocabulary(tokens)
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self._tokens = tuple(tokens)
        self._ids = types.MappingProxyType({token: i for i, token in enumerate(tokens)})
        self._normalize = Normalization(lowercase, lowercase if strip_accents is None else strip_accents)
        spelled = _spelled(tokens)
        with tf.init_scope(), tf.device("CPU:0"):
            self._wordpiece = tensorflow_text.FastWordpieceTokenizer(
                spelled,
                max_bytes_per_word=4 * MAX_WORD_LENGTH,  # out of the way: the normalization counts codepoints
                token_out_type=tf.int32,
                unknown_token=spelled[self.unknown_id],
            )
        self._functions = {
            (method, keep): _traced(method, keep)
            for method in (self._tokenize, self._tokenize_with_offsets)
            for keep in (False, True)
        }

    @classmethod
    def load(cls, path, lowercase=None, strip_accents=None):
        """Loads a tokenizer from Hugging Face's files, or from a bare vocab.txt.

        Args:
            path: a directory with vocab.txt or tokenizer.json, or such a file itself.
            lowercase: whether to lower-case; None: as tokenizer_config.json or tokenizer.json beside it says; if
                neither is there, True unless a token (special ones aside) has a capital letter.
            strip_accents: whether to drop accents; None: as these files say; if neither is there, as `lowercase`.

        Returns:
            A `WordPieceTokenizer`.

        Raises:
            ValueError: if there is no vocabulary, it is broken, or its settings are not BERT's.

        Example:
            >>> import tempfile
            >>> tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "word"]
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     WordPieceTokenizer(tokens, strip_accents=False).save(directory)
            ...     WordPieceTokenizer.load(directory)
            WordPieceTokenizer(6 tokens, lowercase=True, strip_accents=False)
        """
        path = pathlib.Path(path)
        if path.is_dir():
            directory, file = path, path / "vocab.txt"
            if not file.exists():
                file = path / "tokenizer.json"
            if not file.exists():
                raise ValueError(f"'{path}' holds neither vocab.txt nor tokenizer.json. Is it a BERT checkpoint?")
        else:
            directory, file = path.parent, path
            if not file.exists():
                raise ValueError(f"'{path}' doesn't exist. Give a directory with vocab.txt, or the file itself.")
        settings = read_settings(directory)
        if file.suffix == ".json":
            tokens = in_order(read_json(file).get("model", {}).get("vocab") or {})
            check_vocabulary(tokens, f"The vocabulary in '{file}'")
        else:
            tokens = read_vocabulary(file)
        if lowercase is None:
            lowercase = settings.get("lowercase")
        if lowercase is None:
            lowercase = all(t.lower() == t for t in tokens if not (t.startswith("[") and t.endswith("]")))
        return cls(tokens, lowercase, settings.get("strip_accents") if strip_accents is None else strip_accents)

    def save(self, directory):
        """Saves in Hugging Face's layout: vocab.txt and tokenizer_config.json, which transformers' AutoTokenizer loads.

        Args:
            directory: made if it is missing. A tokenizer.json in it is replaced too, because transformers would go by
                it.

        Raises:
            ValueError: if `directory` can't be one.
        """
        directory = pathlib.Path(directory)
        if directory.exists() and not directory.is_dir():
            raise ValueError(f"'{directory}' is a file; a tokenizer is saved in a directory. Give another name.")
        directory.mkdir(parents=True, exist_ok=True)
        write_vocabulary(self._tokens, directory / "vocab.txt")
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lowercase,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": True,
        } | {f"{token.strip('[]').lower()}_token": token for token in SPECIAL_TOKENS}
        write_text(json.dumps(config, indent=2) + "\n", directory / "tokenizer_config.json")
        if (directory / "tokenizer.json").exists():
            same = tokenizers.BertWordPieceTokenizer(
                dict(self._ids), lowercase=self.lowercase, strip_accents=self.strip_accents
            )
            write_text(same.to_str(pretty=True) + "\n", directory / "tokenizer.json")

    def __call__(self, texts, keep_special_tokens=False):
        """Gives the ids of texts.

        Args:
            texts: strings: a list, a string tensor [B], or one string.
            keep_special_tokens: whether "[MASK]", "[SEP]" and the like in a text become that token. If not, they are
                plain text (brackets and a word), so that what users type can't forge them. `tokenizers` keeps them
                unless its `encode_special_tokens` is set.

        Returns:
            Ragged int32 [B, (T)]; for one string, int32 [T].

        Raises:
            TypeError: if `texts` aren't strings.
            ValueError: if `texts` have more than one axis.
        """
        texts, one = _as_batch(texts)
        ids, splits = self._functions[self._tokenize, keep_special_tokens](texts)
        return ids if one else tf.RaggedTensor.from_row_splits(ids, splits, validate=False)

    def tokenize_with_offsets(self, texts, keep_special_tokens=False):
        """Gives the ids of texts and where each token stands in the raw text.

        Args:
            texts: strings: a list, a string tensor [B], or one string.
            keep_special_tokens: as in `__call__`.

        Returns:
            `ids`, `starts` and `ends`, each ragged int32 [B, (T)] (for one string, int32 [T]): a token's first
            codepoint, and one past its last, so that in Python `text[start:end]` is what the token was made from.

        Raises:
            TypeError: if `texts` aren't strings.
            ValueError: if `texts` have more than one axis.

        Example:
            >>> tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cafe", "##s"])
            >>> ids, starts, ends = tokenizer.tokenize_with_offsets("Two Cafés")
            >>> ids.numpy().tolist(), starts.numpy().tolist(), ends.numpy().tolist()
            ([1, 5, 6], [0, 4, 8], [3, 8, 9])
        """
        texts, one = _as_batch(texts)
        *values, splits = self._functions[self._tokenize_with_offsets, keep_special_tokens](texts)
        return tuple(v if one else tf.RaggedTensor.from_row_splits(v, splits, validate=False) for v in values)

    def _tokenize(self, texts, keep_special_tokens):
        """string [B] -> ids [sum of T], splits [B + 1]."""
        normalized, _ = self._normalize(texts, keep_special_tokens)
        ids = self._wordpiece.tokenize(normalized)
        return ids.values, ids.row_splits

    def _tokenize_with_offsets(self, texts, keep_special_tokens):
        """string [B] -> ids, starts, ends [sum of T], splits [B + 1]."""
        normalized, (begins, ends, row_begins) = self._normalize(texts, keep_special_tokens)
        ids, first, last = self._wordpiece.tokenize_with_offsets(normalized)  # in bytes of the normalized row
        row = row_of_each(tf.cast(ids.row_splits, tf.int32))  # [sum of T]
        # All rows as one run of bytes, each byte with the number of the codepoint it belongs to.
        all_bytes = tf.io.decode_raw(tf.strings.reduce_join(normalized), tf.uint8)
        number = tf.cumsum(tf.cast(tf.bitwise.bitwise_and(all_bytes, 0xC0) != 0x80, tf.int32)) - 1
        byte_begins = tf.gather(tf.cumsum(tf.strings.length(normalized), exclusive=True), row)
        codepoint_begins = tf.gather(tf.cumsum(tf.strings.length(normalized, unit="UTF8_CHAR"), exclusive=True), row)
        first = tf.gather(number, byte_begins + tf.cast(first.values, tf.int32)) - codepoint_begins
        last = tf.gather(number, byte_begins + tf.cast(last.values, tf.int32) - 1) - codepoint_begins
        # In rows that were passed through, codepoints are where they were.
        row_begins = tf.gather(row_begins, row)
        rewritten = row_begins >= 0
        begins, ends = tf.concat([begins, [0]], 0), tf.concat([ends, [0]], 0)
        starts = tf.where(rewritten, tf.gather(begins, tf.where(rewritten, row_begins + first, 0)), first)
        ends = tf.where(rewritten, tf.gather(ends, tf.where(rewritten, row_begins + last, 0)), last + 1)
        return ids.values, starts, ends, ids.row_splits

    def tokens(self, text, keep_special_tokens=False):
        """Gives the tokens of one text: str -> list of str.

        Args:
            text: a string.
            keep_special_tokens: as in `__call__`.

        Returns:
            List of str.

        Raises:
            TypeError: if `text` isn't one string.
        """
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"tokens takes one str, but {type(text).__name__} came. For several, call the tokenizer.")
        return [self._tokens[i] for i in self(text, keep_special_tokens).numpy()]

    def detokenize(self, ids):
        """Puts tokens together again: pieces into words, words with a space between them.

        Args:
            ids: integers: [T], or [B, T], or ragged [B, (T)], as a list, an array or an eager tensor.

        Returns:
            A str, or a list of B str. Punctuation stays apart, special tokens stay: tokenized again, they give the
            same ids.

        Raises:
            ValueError: if an id isn't in the vocabulary.

        Example:
            >>> tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cafe", "##s", "."])
            >>> tokenizer.detokenize([5, 6, 7])
            'cafes .'
        """
        if isinstance(ids, tf.RaggedTensor):
            ids = ids.to_list()
        elif hasattr(ids, "numpy"):
            ids = ids.numpy()
        if len(ids) and hasattr(ids[0], "__len__"):
            return [self.detokenize(row) for row in ids]
        tokens = [self.id_to_token(i) for i in ids]
        return " ".join(tokens).replace(" ##", "")

    @property
    def vocabulary(self):
        """The tokens and their ids: a read-only mapping {str: int}; a word that isn't in it raises a KeyError."""
        return self._ids

    @property
    def vocabulary_size(self):
        """The number of tokens: int."""
        return len(self._tokens)

    padding_id = property(lambda self: self._ids["[PAD]"], doc="The id of [PAD]: int.")
    unknown_id = property(lambda self: self._ids["[UNK]"], doc="The id of [UNK]: int.")
    cls_id = property(lambda self: self._ids["[CLS]"], doc="The id of [CLS]: int.")
    sep_id = property(lambda self: self._ids["[SEP]"], doc="The id of [SEP]: int.")
    mask_id = property(lambda self: self._ids["[MASK]"], doc="The id of [MASK]: int.")

    def token_to_id(self, token):
        """Gives a token's id: str -> int. Raises a KeyError if it isn't in the vocabulary."""
        return self._ids[token]

    def id_to_token(self, id):
        """Gives an id's token: int -> str. Raises a ValueError if there is no such id."""
        if not 0 <= int(id) < len(self._tokens):
            raise ValueError(f"There is no id {id}: the vocabulary has {len(self._tokens)} tokens, from 0 on.")
        return self._tokens[int(id)]

    def __repr__(self):
        settings = f"lowercase={self.lowercase}, strip_accents={self.strip_accents}"
        return f"WordPieceTokenizer({len(self._tokens)} tokens, {settings})"


def _spelled(tokens):
    """Spells tokens as they occur in normalized text: list of str -> list of str, with the same ids."""
    aliases = str.maketrans(token_aliases())
    special = {token: chr(FIRST_SPECIAL + i) for i, token in enumerate(SPECIAL_TOKENS)}
    spelled = []
    for i, token in enumerate(tokens):
        if NEVER.search(token) or len(token) > MAX_WORD_LENGTH + len("##"):
            token = f"[\0{i}]"  # never found either: no word has brackets in it
        spelled.append(special.get(token) or (token if token.isascii() else token.translate(aliases)))
    return spelled


def _traced(method, keep_special_tokens):
    """Makes a graph function of texts, on the CPU, where strings live: it saves copies to a GPU and back."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def tokenize(texts):
        with tf.device("CPU:0"):
            return method(texts, keep_special_tokens)

    return tokenize


def _as_batch(texts):
    """Makes a batch: strings -> string tensor [B], whether one string came."""
    try:
        texts = tf.convert_to_tensor(texts, dtype=tf.string)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"texts must be strings (a list of str, a string tensor or one str), but {texts!r:.80} came."
        ) from error
    if texts.shape.rank is None or texts.shape.rank > 1:
        raise ValueError(f"texts must be one string or have one axis, [B], but came as {texts.shape}; reshape to [-1].")
    return (tf.reshape(texts, [1]), True) if texts.shape.rank == 0 else (texts, False)
