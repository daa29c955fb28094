"""Text files -> batches for the pretrainer: sentence pairs, masked words, several pairs in a row; all in tf.data.

Without next sentences: sequences of whole sentences in the place of pairs. Legend of the shapes: B batch, T tokens in a
row, M masked positions, N pairs in a row.
"""

import collections
import functools
import math
import threading
import warnings

import numpy as np
import tensorflow as tf

from keras_bert.data.pretraining.documents import (
    check_texts,
    corpus_files,
    count_documents,
    document_windows,
    files_of_share,
    sentences_of,
)
from keras_bert.data.pretraining.masking import Masking
from keras_bert.data.pretraining.rows import pair_rows, sequence_rows
from keras_bert.data.pretraining.sentence_pairs import begin_of_part, sentence_pairs
from keras_bert.data.pretraining.sequences import document_sequences
from keras_bert.utils.checks import check_positive_integer

_PAIRS_IN_ROW = 8
# Of so many lines is counted how many documents have one sentence. Up to half of them, as many pairs follow as don't.
_LINES_COUNTED = 1000
_MOST_OF_ONE_SENTENCE = 0.5


class PretrainingBatches:
    """Turns text files into batches for `pretrainer`, on the fly: each epoch has new pairs, new masks, a new order.

    With `next_sentence=False` they are for `masked_language_model`: masked words alone, in sequences of whole
    sentences of one document, as many as there is room for. That suits documents of one sentence, and going on from a
    checkpoint in the language of a domain.

    Args:
        files: A path, a glob pattern, or a list of them: a paragraph a line, a blank line between documents; UTF-8,
            also compressed by gzip (.gz).
        tokenizer: A `WordPieceTokenizer`.
        batch_size: Number of rows B in a batch.
        max_length: Number of tokens T in a row, and the most of a pair or sequence.
        seed: Integer of all that is random.
        whole_word: If True, all pieces of a chosen word are masked.
        packed: If True, several pairs or sequences share a row, as far as there is room: hardly a cell is padding. If
            False, a row has one.
        hold_out: An integer k: every k-th document is left out of these batches; None: none.
        held_out: If True, the batches are of the documents that `hold_out` leaves out, and of no others.
        shard: A pair (index, count): of `count` shares of the corpus, about equal, the one to read.
        next_sentence: If True, rows have pairs of which a model is to tell whether B follows A. If False, they have
            sequences, without such a label. A warning names this argument if more than half of the documents have one
            sentence, which nothing follows.

    Attributes:
        files: The corpus's files.
        counts: What was read so far: a `collections.Counter` of windows, documents, documents without sentences,
            pairs or sequences, and real tokens; it runs ahead of training by what is prefetched.

    Raises:
        ValueError: If a file is missing, can't be read to its end or isn't UTF-8, there is no document, or for pairs
            only one (a sentence "not next" comes from another one), or an argument is out of its range. From a dataset
            without end, as TensorFlow's error: if no document has sentences.

    Reference: Devlin et al., 2018, section 3.1 and appendix A.1 and A.2; without next sentences: Liu et al., 2019
    (RoBERTa, https://arxiv.org/abs/1907.11692), section 4.2, DOC-SENTENCES.

    Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp(), "corpus.txt")
    >>> _ = path.write_text("A b c. C b a.\\nB a.\\n\\nC c c. B b a! A c?\\n")
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "."])
    >>> batches = PretrainingBatches(path, tokenizer, batch_size=2, max_length=16)
    >>> inputs, labels, weights = next(iter(batches.dataset()))
    >>> tuple(inputs["token_ids"].shape), tuple(labels["mlm"].shape), tuple(labels["nsp"].shape)
    ((2, 16), (2, 2), (2, 8))
    """

    def __init__(
        self,
        files,
        tokenizer,
        batch_size,
        max_length,
        seed=0,
        whole_word=False,
        packed=True,
        hold_out=None,
        held_out=False,
        shard=(0, 1),
        next_sentence=True,
    ):
        self.batch_size = check_positive_integer("batch_size", batch_size)
        self.next_sentence = next_sentence
        self._num_sides = 2 if next_sentence else 1  # of what stands between [CLS] and the last [SEP]
        num_special = self._num_sides + 1
        shortest = num_special + self._num_sides
        if check_positive_integer("max_length", max_length) < shortest:
            parts = "[SEP] twice and a token on each side" if next_sentence else "a token and [SEP]"
            raise ValueError(
                f"`max_length` must be at least {shortest}: [CLS], {parts}. Received: max_length={max_length}."
            )
        if hold_out is not None and check_positive_integer("hold_out", hold_out) == 1:
            raise ValueError("`hold_out` must be at least 2: every second document. Received: hold_out=1.")
        if held_out and hold_out is None:
            raise ValueError("`held_out` needs `hold_out`, the number k of 'every k-th document'. Received: None.")
        index, count = shard
        if not 0 <= index < check_positive_integer("count", count):
            raise ValueError(f"`shard` must be (index, count) with 0 <= index < count. Received: shard={shard!r}.")
        self.files = corpus_files(files)
        check_texts([path for _, path in files_of_share(self.files, shard)[0]])
        self.tokenizer, self.max_length, self.seed = tokenizer, max_length, seed
        self.hold_out, self.held_out, self.shard = hold_out, held_out, (index, count)
        most = _PAIRS_IN_ROW if next_sentence else max_length // shortest
        self._most_in_row = most if packed else 1
        self._budget = max_length - num_special
        self._mask = Masking(tokenizer, max_length, whole_word, num_special)
        self._rows_in = {}  # (epoch, window) -> its number of rows, of the windows that were read
        self._windows_in = {}  # epoch -> its number of windows, of the epochs that were read to their end
        self._start = (0, 0, 0)  # an epoch, a window, and how many rows come before it
        self.counts = collections.Counter()
        self._counting = threading.Lock()
        self._check_size()

    def _check_size(self):
        """Raises a `ValueError` if there are too few documents, and warns if most of them have one sentence."""
        least = self._num_sides  # for pairs, another document than A's
        needed = least * (self.hold_out or 1)
        found = count_documents(self.files, needed)
        if found < needed:
            documents = "document is" if needed == 1 else "documents are"
            reason = ", so that a sentence that isn't next can come from another one" if self.next_sentence else ""
            held_out = f", with every {self.hold_out}-th held out" if self.hold_out else ""
            mends = ["Put a blank line between documents, or add some."]
            if self.hold_out and found >= 2 * least:
                mends.insert(0, f"Choose a smaller `hold_out`, at most {found // least}, or evaluate on other files.")
            if self.next_sentence:
                mends.append("Masked words alone, with next_sentence=False (--no-next-sentence), need half as many.")
            raise ValueError(
                f"At least {needed} {documents} needed{reason}{held_out}. "
                f"Received: {found} in {len(self.files)} files. {' '.join(mends)}"
            )
        read = set()
        for lines, documents in self._windows(0):
            # Once, not for each share of the corpus.
            if not read and self.next_sentence and not self.held_out and self.shard[0] == 0:
                self._warn_of_single_sentences(lines[:_LINES_COUNTED], documents[:_LINES_COUNTED])
            read.update(documents.numpy().tolist())
            if len(read) >= least:
                return
        smaller = "a smaller `hold_out`, or " if self.hold_out else ""
        raise ValueError(
            f"At least {least} document{'s' if least > 1 else ''} must be among those that `hold_out`, `held_out` and "
            f"`shard` choose. Received: hold_out={self.hold_out}, held_out={self.held_out}, shard={self.shard}, which "
            f"choose {len(read)}. Choose {smaller}fewer shards."
        )

    def _warn_of_single_sentences(self, lines, documents):
        """lines and their documents [L] -> None; warns if most documents have nothing that follows."""
        _, index, _ = self._sentences(lines, documents)
        _, _, num_sentences = tf.unique_with_counts(index)
        share = np.mean(num_sentences.numpy() == 1) if len(num_sentences) else 0
        if share > _MOST_OF_ONE_SENTENCE:
            warnings.warn(
                f"{share:.0%} of the first {len(num_sentences)} documents have one sentence, which no other follows: "
                "too many pairs are random, and little is learned from them. Train masked words alone, with "
                "next_sentence=False (--no-next-sentence); or, if these sentences belong together, put blank lines "
                "between documents only.",
                stacklevel=4,
            )

    def dataset(self, step=0, epochs=None):
        """Gives the batches.

        Args:
            step: The number of the first batch: what training goes on from. With a state restored, or from an object
                that has read so far, windows before it are skipped without being tokenized.
            epochs: Passes over the corpus; None: without end.

        Returns:
            A `tf.data.Dataset` of triples of dicts. Inputs, int32: `token_ids`, `segment_ids` and `padding_mask`
            [B, T], `mask_positions` [B, M] and `cls_positions` [B, N]. Labels, int32: `mlm` [B, M], the tokens that
            were masked, and `nsp` [B, N], 1 if B is from elsewhere. Weights, float32, of the same shapes: 1, or 0 where
            there is nothing to predict. Without `next_sentence` neither `cls_positions` nor `nsp` is there. With a
            number of `epochs` the last batch may have fewer rows.
        """
        first_epoch, first_window, rows_before = self._position(step)

        # Windows are read in parallel: that an epoch is over, only its last element tells, a window without lines.
        end = tf.data.Dataset.from_tensors((tf.zeros([0], tf.string), tf.zeros([0], tf.int64)))

        def windows_of(epoch):
            windows = self._windows(epoch).concatenate(end)
            numbered = windows.enumerate().skip(tf.cast(epoch == first_epoch, tf.int64) * first_window)
            return numbered.map(lambda number, window: (epoch, number, *window))

        windows = tf.data.Dataset.range(first_epoch, tf.int64.max if epochs is None else epochs).flat_map(windows_of)
        rows_of = functools.partial(self._rows, endless=epochs is None)
        rows = windows.map(rows_of, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).unbatch()
        rows = rows.skip(rows_before).batch(self.batch_size, drop_remainder=epochs is None)
        batches = rows.enumerate(step).map(self._masked, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return batches.prefetch(tf.data.AUTOTUNE)

    def first(self, count):
        """Reads the first batches of one pass at once and keeps them in memory, for evaluation.

        Args:
            count: How many batches; fewer if the pass has fewer.

        Returns:
            A `tf.data.Dataset` as from `dataset`, of known cardinality.

        Raises:
            ValueError: If `count` isn't an integer of at least 1.
        """
        batches = self.dataset(epochs=1).take(check_positive_integer("count", count)).cache()
        # Keras's means of the losses count one batch too many where it meets the end unawares.
        return batches.apply(tf.data.experimental.assert_cardinality(sum(1 for _ in batches)))

    def state(self, step):
        """Tells where a batch begins, for `restore`.

        Args:
            step: The number of a batch: one that was read, or the next.

        Returns:
            A dict of integers, which JSON can hold.
        """
        epoch, window, rows = self._position(step)
        return {"epoch": epoch, "window": window, "rows_before_window": step * self.batch_size - rows}

    def restore(self, state):
        """Takes up what `state` told, of an object made with the same arguments."""
        self._start = (state["epoch"], state["window"], state["rows_before_window"])

    def _position(self, step):
        """number of a batch -> its epoch and window, and how many rows come before it there."""
        wanted = step * self.batch_size
        epoch, window, before = self._start if self._start[2] <= wanted else (0, 0, 0)
        while True:
            if self._windows_in.get(epoch) == window:
                epoch, window = epoch + 1, 0
            elif before + self._rows_in.get((epoch, window), math.inf) <= wanted:
                before += self._rows_in[epoch, window]
                window += 1
            else:
                return epoch, window, wanted - before

    def _windows(self, epoch):
        """epoch -> a dataset of its windows: lines and their documents [L]."""
        return document_windows(self.files, self.seed, epoch, self.hold_out, self.held_out, self.shard)

    def _sentences(self, lines, documents):
        """lines and their documents [L] -> ids of all their sentences, one after the other; the sentences' documents,
        numbered from 0, and lengths [S], those cut that have more tokens than a side."""
        index = tf.unique(documents).idx  # numbers from 0, in order of the documents' first lines
        order = tf.argsort(index, stable=True)  # brings together the parts of a document that was cut
        index = tf.gather(index, order)
        sentences = sentences_of(tf.gather(lines, order))  # [L, (S)]
        ids = self.tokenizer(sentences.flat_values)
        index, lengths = _without_empty(tf.repeat(index, sentences.row_lengths()), tf.cast(ids.row_lengths(), tf.int32))
        return ids.flat_values, *_pieces(index, lengths, self._budget // self._num_sides)

    def _rows(self, epoch, number, lines, documents, endless):
        """a window's epoch and number, its lines and their documents [L], whether epochs follow without end -> rows of
        pairs or sequences: a dict of [R, ...]."""
        seed = tf.random.fold_in(tf.random.fold_in([self.seed, 2 * self.shard[0]], epoch), number)
        ids, index, lengths = self._sentences(lines, documents)
        if self.next_sentence:
            spans, labels = sentence_pairs(lengths, index, self._budget, seed)
            rows = pair_rows(ids, spans, labels, self.tokenizer, self.max_length, self._most_in_row)
        else:
            spans = document_sequences(lengths, index, self._budget, seed)
            rows = sequence_rows(ids, spans, self.tokenizer, self.max_length, self._most_in_row)
        num_rows = tf.shape(rows["token_ids"])[0]
        order = tf.random.experimental.stateless_shuffle(tf.range(num_rows), tf.random.fold_in(seed, 1))
        read = tf.size(tf.unique(documents).y), tf.size(tf.unique(index).y)
        noted = tf.numpy_function(
            self._note,
            [epoch, number, num_rows, *read, tf.shape(spans)[0], _count(rows["padding_mask"]), endless],
            tf.int32,
        )
        with tf.control_dependencies([noted]):
            return {name: tf.gather(value, order) for name, value in rows.items()}

    def _note(self, epoch, window, num_rows, documents, with_sentences, sequences, tokens, endless):
        """Keeps the numbers of a window: integers, whether epochs follow without end -> 0."""
        if documents == 0:
            self._windows_in[int(epoch)] = int(window)
            if endless and not any(self._rows_in.get((epoch, earlier), 1) for earlier in range(window)):
                to_pair = " to pair" * self.next_sentence
                raise ValueError(f"No document of this corpus has sentences{to_pair}. Is there text in it?")
            return np.int32(0)
        self._rows_in[int(epoch), int(window)] = int(num_rows)
        with self._counting:  # windows are made in parallel
            self.counts.update(
                windows=1,
                documents=int(documents),
                documents_without_sentences=int(documents - with_sentences),
                real_tokens=int(tokens),
                **{"pairs" if self.next_sentence else "sequences": int(sequences)},
            )
        return np.int32(0)

    def _masked(self, number, rows):
        """number of a batch, rows [B, ...] -> inputs, labels and weights."""
        seed = tf.random.fold_in([self.seed, 2 * self.shard[0] + 1], number)
        masked, positions, words, weights = self._mask(rows["token_ids"], rows["padding_mask"], seed)
        inputs = {
            "token_ids": masked,
            "segment_ids": rows["segment_ids"],
            "padding_mask": rows["padding_mask"],
            "mask_positions": positions,
        }
        labels, weights = {"mlm": words}, {"mlm": weights}
        if self.next_sentence:
            inputs["cls_positions"] = rows["cls_positions"]
            labels["nsp"] = tf.maximum(rows["nsp_labels"], 0)
            weights["nsp"] = tf.cast(rows["nsp_labels"] >= 0, tf.float32)
        return inputs, labels, weights


def masked_word_counts(batches, tokenizer, name="the batches"):
    """Counts the tokens that a model is to predict, for `initialization.unigram_bias` and for a baseline.

    A warning says if more than a tenth of them are [UNK].

    Args:
        batches: Some batches of `PretrainingBatches.dataset`, a `tf.data.Dataset`.
        tokenizer: Their `WordPieceTokenizer`, of V tokens.
        name: What messages call them.

    Returns:
        How often each token is behind a mask, int64 [V].

    Raises:
        ValueError: If nothing can be learned from them: no word is masked, or there is a place for pairs, and of none
            is known whether it is one.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])
    >>> labels, weights = {"mlm": np.array([[5, 6, 0]])}, {"mlm": np.array([[1, 1, 0]]), "nsp": np.array([[1]])}
    >>> masked_word_counts([({}, labels, weights)], tokenizer).tolist()
    [0, 0, 0, 0, 0, 1, 1]
    """
    counts, pairs, has_pairs = np.zeros(tokenizer.vocabulary_size, "int64"), 0, False
    for _, labels, weights in batches:
        np.add.at(counts, np.asarray(labels["mlm"])[np.asarray(weights["mlm"]) > 0], 1)
        has_pairs = "nsp" in weights
        pairs += int(np.sum(weights["nsp"])) if has_pairs else 0
    if not counts.any() or (has_pairs and not pairs):
        raise ValueError(
            f"There must be masked words, and where next sentences are learned, pairs of which it is known whether one "
            f"follows the other. Received: {counts.sum()} and {pairs}, in {name}. Add documents with several "
            "sentences, parted by blank lines."
        )
    unknown = counts[tokenizer.vocabulary["[UNK]"]] / counts.sum()
    if unknown > 0.1:
        warnings.warn(
            f"{unknown:.0%} of the masked words in {name} are [UNK]. Is the vocabulary of this language?", stacklevel=2
        )
    return counts


def _without_empty(documents, lengths):
    """documents and lengths of sentences [S] -> the same without those that have no token."""
    return documents[lengths > 0], lengths[lengths > 0]


def _pieces(documents, lengths, limit):
    """documents and lengths of sentences [S] -> the same, what is longer than `limit` cut in equal pieces."""
    pieces = (lengths + limit - 1) // limit
    piece = tf.range(tf.reduce_sum(pieces)) - tf.repeat(tf.cumsum(pieces, exclusive=True), pieces)
    length, pieces_of_it = tf.repeat(lengths, pieces), tf.repeat(pieces, pieces)
    begins, ends = (begin_of_part(length, pieces_of_it, number) for number in (piece, piece + 1))
    return tf.repeat(documents, pieces), ends - begins


def _count(mask):
    """mask -> how many of its cells aren't 0, int32."""
    return tf.math.count_nonzero(mask, dtype=tf.int32)
