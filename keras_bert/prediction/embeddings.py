"""Feature extraction: texts -> vectors, of sentences, words or tokens, from a pretrained encoder as it is.

Legend of the shapes: N texts, B batch, T tokens, W words or tokens of a text, D hidden.
"""

import numpy as np

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.data.packing import check_max_length, joined, pad
from keras_bert.models import check_built, check_length_of
from keras_bert.utils.batches import in_batches_by_length
from keras_bert.utils.checks import check_positive_integer
from keras_bert.utils.columns import decoded, strings_of
from keras_bert.utils.word_vectors import WordVectors, check_pooling, joined_to_words


def embed(texts, model, tokenizer, pooling="mean", max_length=None, batch_size=32, progress=None):
    """Gives vectors of texts, for search, clustering or a model of your own.

    Args:
        texts: N strings: a list or any iterable, or one string.
        model: A backbone, with pretrained weights.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        pooling: `"mean"`, a vector a text: the mean over its tokens, [CLS] and [SEP] included, as sentence-transformers
            has it. `"cls"`, a vector a text: that of [CLS]. `"words"`, a vector a word: the mean over its pieces; a
            punctuation mark is a word. `"tokens"`, a vector a token, without [CLS] and [SEP].
        max_length: The most tokens of a text, [CLS] and [SEP] included; what is longer loses its end. None: the model's
            `max_sequence_length`.
        batch_size: Number of texts in a batch; they are grouped by length.
        progress: As in `Predictor`: None, a bar on a terminal, once it has taken more than three seconds; True, always;
            False, never.

    Returns:
        For `"mean"` and `"cls"`: float32 [N, D], or [D] for one string. For `"words"` and `"tokens"`: a list of N
        `WordVectors`, or one.

    Raises:
        ValueError: If `pooling` is another word, a text isn't a string, the model is no backbone, the tokenizer has
            another vocabulary size, or `max_length` doesn't fit.

    Example:
    >>> tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "river", "##side", "bank", "."]
    >>> tokenizer = keras_bert.WordPieceTokenizer(tokens)
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=9))
    >>> embed(["River bank.", "Bank"], model, tokenizer).shape
    (2, 128)
    >>> riverside = embed("The Riverside bank.", model, tokenizer, pooling="words")
    >>> riverside.words, riverside.starts.tolist(), riverside.vectors.shape
    (['The', 'Riverside', 'bank', '.'], [0, 4, 14, 18], (4, 128))
    """
    check_pooling(pooling)
    check_built(model, "backbone")
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    check_positive_integer("batch_size", batch_size)
    max_length = check_length_of(model, max_length)
    check_max_length(max_length)
    texts, is_one = strings_of("texts", texts)

    def vectors_of(batch):
        """list of B strings -> list of B arrays [D], or WordVectors."""
        rows, tokens = _run(batch, model, tokenizer, max_length)
        if pooling == "mean":
            return [row.mean(axis=0) for row in rows]
        if pooling == "cls":
            return [row[0].copy() for row in rows]  # lets go of the rest
        parts = _vectors_of_tokens(rows, *tokens, tokenizer)
        return list(map(joined_to_words, parts, map(decoded, batch))) if pooling == "words" else parts

    vectors = in_batches_by_length(vectors_of, texts, [len(text) for text in texts], batch_size, progress)
    if is_one:
        return vectors[0]
    if pooling not in ("mean", "cls"):
        return vectors
    return np.array(vectors, "float32").reshape(len(texts), model.config.hidden_dim)


def _run(batch, model, tokenizer, max_length):
    """B strings, ... -> B arrays, float32 [T, D], [CLS] and [SEP] included; and their tokens: ids, first characters
    and ends, each ragged [B, (T - 2)]."""
    tokens = [part[:, : max_length - 2] for part in tokenizer.tokenize_with_offsets(batch)]
    inputs = {key: value.numpy() for key, value in pad(joined(tokens[0], None, tokenizer), tokenizer).items()}
    outputs = model.predict_on_batch(inputs)["sequence_output"].astype("float32")  # [B, T, D]
    return [output[mask > 0] for output, mask in zip(outputs, inputs["padding_mask"], strict=True)], tokens


def _vectors_of_tokens(rows, ids, starts, ends, tokenizer):
    """what `_run` gives, a tokenizer -> list of B WordVectors."""
    words = [[tokenizer.id_to_token(number) for number in numbers] for numbers in ids.to_list()]
    parts = zip(words, starts.numpy(), ends.numpy(), rows, strict=True)
    return [WordVectors(names, first, last, row[1:-1]) for names, first, last, row in parts]
