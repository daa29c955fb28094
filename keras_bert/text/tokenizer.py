"""WordPiece tokenization in the TensorFlow graph, with the ids and offsets of BERT's reference tokenizers."""

import operator
import re
import types

import tensorflow as tf
import tensorflow_text

from keras_bert.text.added_tokens import NormalizationWithAddedTokens, as_added_tokens, codepoints_of_added
from keras_bert.text.normalization import (
    FIRST_SPECIAL,
    MAX_WORD_LENGTH,
    PRIVATE,
    SPECIAL_TOKENS,
    Normalization,
    row_of_each,
    token_aliases,
)
from keras_bert.text.tokenizer_files import read_tokenizer, write_tokenizer
from keras_bert.text.vocabulary import check_vocabulary, in_order

# Tokens with one of these are never found: white space, control characters and plane 16 are in no word of a
# normalized text. Some mean something to FastWordpieceTokenizer or to the normalization, so they are kept from it.
_NEVER = re.compile(rf"[\s\x00-\x1f\x7f{chr(PRIVATE.start)}-{chr(PRIVATE.stop - 1)}]")


class WordPieceTokenizer:
    """Splits strings into WordPiece tokens and gives their ids, all in the TensorFlow graph.

    Ids and offsets are those of Hugging Face's `tokenizers.BertWordPieceTokenizer` and of the original BERT. It works
    on Python strings and on string tensors, eagerly, in `tf.data` and in a `tf.function`, and a SavedModel that calls
    it needs only tensorflow and tensorflow-text to run. No [CLS] or [SEP] is added: packing does that.

    Invalid UTF-8 is dropped; an empty or blank string gives no tokens; words over 100 characters are one [UNK].

    Args:
        vocabulary: Tokens in order of their ids, or a mapping from each token to its id; [PAD], [UNK], [CLS], [SEP]
            and [MASK] are among them. Tokens that continue a word begin with "##".
        lowercase: Whether to lower-case.
        strip_accents: Whether to decompose characters and drop accents; None: as `lowercase`. Decomposing takes
            Hangul syllables apart: give False for Korean.
        added_tokens: As in `add_tokens`.

    Attributes:
        rows: How many rows the token embedding has that it was loaded with, if there are more than tokens; else None.

    Raises:
        ValueError: If special tokens are missing, tokens are empty, there twice or no strings, ids have gaps, or a
            setting isn't one of those above.

    Reference: Devlin et al. 2018, arXiv:1810.04805; Song et al. 2021, Fast WordPiece Tokenization, arXiv:2012.15524.

    Example:
    >>> special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    >>> tokenizer = WordPieceTokenizer([*special, "em", "##bed", "##ding", "##s", "."])
    >>> tokenizer.tokens("Embeddings.")
    ['em', '##bed', '##ding', '##s', '.']
    >>> tokenizer(["Embeddings.", "", "Bed"]).to_list()
    [[5, 6, 7, 8, 9], [], [1]]
    """

    def __init__(self, vocabulary, lowercase=True, strip_accents=None, added_tokens=()):
        if not isinstance(lowercase, bool):
            raise ValueError(
                f"`lowercase` must be True or False. Received: lowercase={lowercase!r}. For what a checkpoint's files "
                "say, use WordPieceTokenizer.load."
            )
        if not (strip_accents is None or isinstance(strip_accents, bool)):
            raise ValueError(
                f"`strip_accents` must be True, False, or None for as `lowercase`. Received: "
                f"strip_accents={strip_accents!r}."
            )
        tokens = in_order(vocabulary)
        check_vocabulary(tokens)
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.rows = None
        self._set_tokens(tokens, as_added_tokens(added_tokens))

    def _set_tokens(self, tokens, added_tokens):
        """tokens of the vocabulary, `AddedToken`s -> None; all that depends on them is made."""
        strip_accents = self.lowercase if self.strip_accents is None else self.strip_accents
        if added_tokens:
            self._normalize = NormalizationWithAddedTokens(self.lowercase, strip_accents, added_tokens)
        else:
            self._normalize = Normalization(self.lowercase, strip_accents)
        self._model_tokens, self._added_tokens = tuple(tokens), tuple(added_tokens)
        contents = [token.content for token in added_tokens]
        self._tokens = tuple(dict.fromkeys([*tokens, *contents]))
        self._ids = types.MappingProxyType({token: i for i, token in enumerate(self._tokens)})
        # Added tokens have a spelling of their own, beside the one that those of the vocabulary have as well.
        spelled = _spelled(tokens) + [chr(codepoint) for codepoint in codepoints_of_added(len(contents))]
        with tf.init_scope(), tf.device("CPU:0"):
            self._wordpiece = tensorflow_text.FastWordpieceTokenizer(
                spelled,
                max_bytes_per_word=4 * MAX_WORD_LENGTH,  # out of the way: the normalization counts codepoints
                token_out_type=tf.int32,
                unknown_token=spelled[self.unknown_id],
            )
            self._ids_of_spelled = None
            if contents:
                self._ids_of_spelled = tf.constant([*range(len(tokens)), *map(self._ids.get, contents)], tf.int32)
        self._functions = {
            (method, keep): _traced(method, keep)
            for method in (self._tokenize, self._tokenize_with_offsets)
            for keep in (False, True)
        }

    @classmethod
    def load(cls, path, lowercase=None, strip_accents=None):
        """Loads a tokenizer from Hugging Face's files, or from a bare vocab.txt.

        Args:
            path: A directory with vocab.txt or tokenizer.json, or such a file itself; ~ is the home directory.
            lowercase: Whether to lower-case; None: as tokenizer_config.json or tokenizer.json beside it says, unless
                the vocabulary can't be of such text, which a warning says; if neither is there, True unless tokens
                ([unused1], <S> and the like aside) have capital letters.
            strip_accents: Whether to drop accents; None: as these files say, unless the vocabulary can't be of such
                text; if neither is there, as `lowercase`, but False if tokens have accents or are Korean syllables,
                which would fall into letters.

        Returns:
            A `WordPieceTokenizer`, with the tokens that were added to the vocabulary.

        Raises:
            ValueError: If there is no vocabulary, it is broken, the files contradict each other, or they say that text
                is tokenized in another way than BERT's, whose ids would be others.

        Example:
        >>> import tempfile
        >>> tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "word"]
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     WordPieceTokenizer(tokens, strip_accents=False).save(directory)
        ...     WordPieceTokenizer.load(directory)
        WordPieceTokenizer(6 tokens, lowercase=True, strip_accents=False)
        """
        return cls(*read_tokenizer(path, lowercase, strip_accents))

    def save(self, directory):
        """Saves in Hugging Face's layout: vocab.txt and tokenizer_config.json, which transformers' AutoTokenizer loads.

        With tokens that were added, there is a tokenizer.json too.

        Args:
            directory: Where to save, made if it is missing; ~ is the home directory. A tokenizer.json in it is
                replaced, because transformers would go by it; added_tokens.json and special_tokens_map.json are
                removed.

        Raises:
            ValueError: If `directory` can't be one.
        """
        write_tokenizer(self, self._model_tokens, directory)

    def __call__(self, texts, keep_special_tokens=False):
        """Gives the ids of texts.

        Args:
            texts: Strings: a list, a string tensor [B], or one string.
            keep_special_tokens: Whether "[MASK]", "[SEP]" and the like in a text become that token. If not, they are
                plain text (brackets and a word), so that what users type can't forge them. `tokenizers` keeps them
                unless its `encode_special_tokens` is set. Tokens that were added are found either way.

        Returns:
            Ragged int32 [B, (T)]; for one string, int32 [T].

        Raises:
            ValueError: If `texts` aren't strings, or have more than one axis.
        """
        texts, one = _as_batch(texts)
        ids, splits = self._functions[self._tokenize, keep_special_tokens](texts)
        return ids if one else tf.RaggedTensor.from_row_splits(ids, splits, validate=False)

    def tokenize_with_offsets(self, texts, keep_special_tokens=False):
        """Gives the ids of texts and where each token stands in the raw text.

        Args:
            texts: Strings: a list, a string tensor [B], or one string.
            keep_special_tokens: As in `__call__`.

        Returns:
            `ids`, `starts` and `ends`, each ragged int32 [B, (T)] (for one string, int32 [T]): a token's first
            codepoint, and one past its last, so that in Python `text[start:end]` is what the token was made from.

        Raises:
            ValueError: If `texts` aren't strings, or have more than one axis.

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
        return self._of_spelled(ids.values), ids.row_splits

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
        return self._of_spelled(ids.values), starts, ends, ids.row_splits

    def _of_spelled(self, numbers):
        """numbers of spelled tokens [sum of T] -> ids [sum of T]."""
        return numbers if self._ids_of_spelled is None else tf.gather(self._ids_of_spelled, numbers)

    def add_tokens(self, tokens, special_tokens=False):
        """Adds tokens that stay whole, such as marks around entities, wherever they stand in a text.

        They are found from the left, the longest first, within words too, as `tokenizers` finds them; those that the
        vocabulary lacks get the next ids. A model needs a row for each: see `keras_bert.resize_embeddings`. What was
        made of the tokenizer before (a predictor, a dataset) goes on without them.

        Args:
            tokens: List of str; or of `tokenizers.AddedToken`, which says more: `single_word` and `normalized`. Its
                `lstrip` and `rstrip` are kept for others, but change nothing here: offsets leave white space out.
            special_tokens: If True, strings are found as they are written. If False, they are normalized as the text
                is: with `lowercase`, [E1] is found in [e1] too.

        Returns:
            The tokenizer itself.

        Raises:
            ValueError: If a token is empty, has white space around it, or is [PAD], [UNK], [CLS], [SEP] or [MASK].

        Example:
        >>> tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ann", "lee", "sang"])
        >>> tokenizer.add_tokens(["[E1]", "[/E1]"]).tokens("[E1]Ann Lee[/E1] sang")
        ['[E1]', 'ann', 'lee', '[/E1]', 'sang']
        >>> tokenizer.vocabulary_size, tokenizer.token_to_id("[E1]")
        (10, 8)
        """
        tokens = as_added_tokens(tokens, special_tokens)
        added = {token.content: token for token in (*self._added_tokens, *tokens)}
        self._set_tokens(self._model_tokens, list(added.values()))
        return self

    def tokens(self, text, keep_special_tokens=False):
        """Gives the tokens of one text: str -> list of str.

        Args:
            text: A string.
            keep_special_tokens: As in `__call__`.

        Returns:
            List of str.

        Raises:
            ValueError: If `text` isn't one string.

        Example:
        >>> WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cafe", "##s"]).tokens("Two Cafés")
        ['[UNK]', 'cafe', '##s']
        """
        if not isinstance(text, (str, bytes)):
            raise ValueError(f"`text` must be one string. Received: {text!r:.80}. For several, call the tokenizer.")
        return [self._tokens[i] for i in self(text, keep_special_tokens).numpy()]

    def detokenize(self, ids):
        """Puts tokens together again: pieces into words, words with a space between them.

        Args:
            ids: Integers: [T], or [B, T], or ragged [B, (T)], as a list, an array or an eager tensor.

        Returns:
            A str, or a list of B str. Punctuation stays apart, special tokens stay: tokenized again, they give the
            same ids.

        Raises:
            ValueError: If an id isn't an integer, or isn't in the vocabulary.

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
        """The tokens and their ids: a read-only mapping {str: int}; a word that isn't in it raises a `KeyError`."""
        return self._ids

    @property
    def added_tokens(self):
        """The tokens that were added to the vocabulary, or marked in it: tuple of `tokenizers.AddedToken`."""
        return self._added_tokens

    @property
    def vocabulary_size(self):
        """The number of tokens, those that were added included: int."""
        return len(self._tokens)

    padding_id = property(lambda self: self._ids["[PAD]"], doc="The id of [PAD]: int.")
    unknown_id = property(lambda self: self._ids["[UNK]"], doc="The id of [UNK]: int.")
    cls_id = property(lambda self: self._ids["[CLS]"], doc="The id of [CLS]: int.")
    sep_id = property(lambda self: self._ids["[SEP]"], doc="The id of [SEP]: int.")
    mask_id = property(lambda self: self._ids["[MASK]"], doc="The id of [MASK]: int.")

    def token_to_id(self, token):
        """Gives a token's id: str -> int; a `KeyError` if it isn't in the vocabulary."""
        return self._ids[token]

    def id_to_token(self, token_id):
        """Gives an id's token: int -> str; a `ValueError` if there is no such id."""
        try:
            number = operator.index(token_id)
        except (AttributeError, TypeError) as error:  # AttributeError: a float tensor's
            raise ValueError(f"`token_id` must be an integer. Received: token_id={token_id!r}.") from error
        if not 0 <= number < len(self._tokens):
            raise ValueError(
                f"`token_id` must be at least 0 and less than vocabulary_size={len(self._tokens)}. "
                f"Received: token_id={number}. Check that these ids were made with this vocabulary."
            )
        return self._tokens[number]

    def __reduce__(self):
        arguments = self._model_tokens, self.lowercase, self.strip_accents, self._added_tokens
        return type(self), arguments, {"rows": self.rows}

    def __repr__(self):
        settings = f"lowercase={self.lowercase}, strip_accents={self.strip_accents}"
        return f"WordPieceTokenizer({len(self._tokens)} tokens, {settings})"


def _spelled(tokens):
    """tokens -> the same as they occur in normalized text, with the same ids."""
    aliases = str.maketrans(token_aliases())
    special = {token: chr(FIRST_SPECIAL + i) for i, token in enumerate(SPECIAL_TOKENS)}
    spelled = []
    for i, token in enumerate(tokens):
        if _NEVER.search(token) or len(token) > MAX_WORD_LENGTH + len("##"):
            token = f"[\0{i}]"  # never found either: no word has brackets in it
        spelled.append(special.get(token) or (token if token.isascii() else token.translate(aliases)))
    return spelled


def _traced(method, keep_special_tokens):
    """method, bool -> a graph function of string [B]."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def tokenize(texts):
        # Strings live on the CPU: nothing is copied to a GPU and back.
        with tf.device("CPU:0"):
            return method(texts, keep_special_tokens)

    return tokenize


def _as_batch(texts):
    """strings -> string tensor [B], whether one string came."""
    try:
        texts = tf.convert_to_tensor(texts, dtype=tf.string)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`texts` must be strings that UTF-8 can write: a list of str, a string tensor or one str. Received: "
            f"{texts!r:.80}."
        ) from error
    if texts.shape.rank is None or texts.shape.rank > 1:
        raise ValueError(
            f"`texts` must be one string or have one axis, [B]. Received: shape={texts.shape}. Reshape them to [-1]."
        )
    return (tf.reshape(texts, [1]), True) if texts.shape.rank == 0 else (texts, False)
