"""Texts -> vectors, of sentences, words or tokens, from a text embedder or an encoder as it is.

Legend of the shapes: N texts, B batch, T tokens, W words or tokens of a text, D hidden, or of what is projected.
"""

import itertools
from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.data.packing import joined, model_inputs, pad
from keras_bert.models import check_built, text_embedder
from keras_bert.prediction.predictor import predictor
from keras_bert.prediction.vectors import PARTS_OF_TEXTS, vector_settings
from keras_bert.utils.batches import in_batches_by_length, places_by_length, progress_bar
from keras_bert.utils.checks import check_positive_integer
from keras_bert.utils.columns import decoded, strings_of
from keras_bert.utils.word_vectors import WordVectors, joined_to_words

_KEPT_FUNCTIONS = 5  # of a model: one for each tokenizer and settings, the latest ones


def embed(
    texts,
    model,
    tokenizer,
    pooling=None,
    prompt=None,
    normalize=None,
    max_length=None,
    batch_size=32,
    progress=None,
):
    """Gives vectors of texts, for search, clustering or a model of your own.

    Vectors of texts are made as the model was trained to: what isn't given is that of `model.embedder`, which
    `load_pretrained` reads from a sentence-transformers folder.

    Args:
        texts: N strings: a list or any iterable, or one string.
        model: A text embedder or a backbone, with pretrained weights.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        pooling: What a vector is of. Of a text: `"mean"`, over its tokens, [CLS] and [SEP] included; `"cls"`, that of
            [CLS]; `"max"`, the greatest value in each dimension. `"words"`, a vector a word: the mean over its pieces;
            a punctuation mark is a word. `"tokens"`, a vector a token, without [CLS] and [SEP]. None: the model's own;
            of a backbone that has none, `"mean"`. Text embedders have their own only.
        prompt: The name of one of the model's prompts, such as `"query"`, which is put before each text. None: the
            model's default prompt, if it has one.
        normalize: Whether vectors of texts have length 1. None: as the model does; a backbone that doesn't know, not.
        max_length: The most tokens of a text, [CLS] and [SEP] included; what is longer loses its end. None: the model's
            own, or else as many as it has positions.
        batch_size: Number of texts in a batch; they are grouped by length.
        progress: As in `Predictor`: None, a bar on a terminal, once it has taken more than three seconds; True, always;
            False, never.

    Returns:
        Of texts: float32 [N, D], or [D] for one string. Of words and tokens: a list of N `WordVectors`, or one.

    Raises:
        ValueError: If the model has no such pooling, normalization or prompt, a text isn't a string, the model is of
            another kind, the tokenizer has another vocabulary size, or `max_length` doesn't fit.

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
    check_positive_integer("batch_size", batch_size)
    check_built(model, "backbone", "text_embedder")
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    settings = vector_settings(model, pooling, prompt, normalize, max_length)
    texts, is_one = strings_of("texts", texts)
    vectors_of = _function_of(model, tokenizer, settings, prompt)
    if is_one:
        return vectors_of(texts)[0]
    if pooling in PARTS_OF_TEXTS:
        return in_batches_by_length(vectors_of, texts, list(map(len, texts)), batch_size, progress)
    width = model.output.shape[-1] if model.task == "text_embedder" else model.config.hidden_dim
    vectors = np.empty((len(texts), width), "float32")
    for places in places_by_length(list(map(len, texts)), batch_size, progress):
        vectors[places] = vectors_of([texts[place] for place in places])
    return vectors


def embed_blocks(
    texts,
    model,
    tokenizer,
    block_size=4096,
    progress=None,
    pooling=None,
    prompt=None,
    normalize=None,
    max_length=None,
    batch_size=32,
):
    """Gives vectors of more texts than fit in the memory, a block at a time.

    Args:
        texts: Strings: any iterable, such as a generator that reads a file. It is read as the blocks are asked for.
        model: As in `embed`.
        tokenizer: As in `embed`.
        block_size: Number of texts in a block. Texts are grouped by length within it.
        progress: As in `embed`; the bar moves by blocks.
        pooling: As in `embed`, one of texts.
        prompt: As in `embed`.
        normalize: As in `embed`.
        max_length: As in `embed`.
        batch_size: As in `embed`.

    Yields:
        float32 [block_size, D], in the order of the texts; the last block may have fewer.

    Raises:
        ValueError: As in `embed`.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "river", "bank"])
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> texts = ("river " * (number % 3) + "bank" for number in range(10))
    >>> import tempfile
    >>> table = np.memmap(tempfile.mkdtemp() + "/vectors", "float32", "w+", shape=(10, 128))
    >>> end = 0
    >>> for block in embed_blocks(texts, model, tokenizer, block_size=4):
    ...     begin, end = end, end + len(block)
    ...     table[begin:end] = block
    >>> bool(np.allclose(table[9], embed("bank", model, tokenizer), atol=1e-5))
    True
    """
    check_positive_integer("block_size", block_size)
    is_one = _is_one_string(texts)
    if is_one or pooling in PARTS_OF_TEXTS:
        received = f"one string, {texts!r:.80}" if is_one else f"pooling={pooling!r}"
        raise ValueError(f"`embed_blocks` gives vectors of many texts. Received: {received}. Take `embed` for it.")
    options = {"pooling": pooling, "prompt": prompt, "normalize": normalize, "max_length": max_length}
    options["batch_size"] = batch_size
    total = len(texts) if hasattr(texts, "__len__") else None
    return _blocks(iter(texts), total, model, tokenizer, block_size, progress, options)


def _is_one_string(texts):
    """What came as texts -> whether it is one string; a `ValueError` if it isn't even an iterable of one axis."""
    is_table = isinstance(texts, Mapping) or getattr(texts, "ndim", 1) != 1
    if isinstance(texts, Iterable) and not is_table:
        return isinstance(texts, (str, bytes))
    _, is_one = strings_of("texts", texts)
    return is_one


def _blocks(texts, total, model, tokenizer, block_size, progress, options):
    """iterator of strings, their number or None, what `embed_blocks` takes -> what it yields."""
    done = 0
    with progress_bar(total, progress) as bar:
        while block := list(itertools.islice(texts, block_size)):
            strings_of(f"texts[{done}:]", block)
            yield embed(block, model, tokenizer, progress=False, **options)
            done += len(block)
            bar.update(len(block))


def _function_of(model, tokenizer, settings, prompt):
    """model, tokenizer, `vector_settings`, name of a prompt or None -> function of a list of B strings.

    It gives float32 [B, D], or a list of B `WordVectors`. The model keeps it, for it is a graph, and making that takes
    longer than running it. A graph goes by the variables and the vocabulary that it was made from, in whose place
    `enable_lora`, `quantize` and `add_tokens` put others.
    """
    weights, vocabulary = model.weights, tokenizer.vocabulary
    weight_ids = tuple(map(id, weights))
    key = (weight_ids, id(tokenizer), id(vocabulary), *settings.values())
    kept = vars(model).get("_embed_functions", {})
    if key not in kept:
        make = _parts_function if settings["pooling"] in PARTS_OF_TEXTS else _vectors_function
        # What has its id in the key lives as long as the key does, so that nothing else gets that id.
        entry = make(model, tokenizer, settings, prompt), weights, tokenizer, vocabulary
        others = [(other, kept[other]) for other in kept if other[0] == weight_ids][1 - _KEPT_FUNCTIONS :]
        kept = {**dict(others), key: entry}
        vars(model)["_embed_functions"] = kept
    return kept[key][0]


def _vectors_function(model, tokenizer, settings, prompt):
    """As `_function_of`, of texts -> function of a list of B strings, which gives float32 [B, D]."""
    max_length, embedder = settings["max_length"], model
    if model.task == "backbone":
        own = {name: settings[name] for name in ("pooling", "normalize", "max_length")}
        embedder = text_embedder(model, **own, projections=())
    if keras.backend.backend() == "tensorflow":
        function = predictor(embedder, tokenizer, max_length, prompt=prompt).function
        return lambda texts: function(tf.constant(texts, tf.string))["embedding"].numpy()

    def run(texts):
        """list of B strings -> float32 [B, D]."""
        inputs = model_inputs(tf.strings.join([settings["prompt"], texts]), tokenizer, max_length)
        return embedder.predict_on_batch({key: value.numpy() for key, value in inputs.items()})

    return run


def _parts_function(model, tokenizer, settings, _):
    """As `_function_of`, of words or tokens -> function of a list of B strings, which gives B `WordVectors`."""
    encoder = keras.Model(model.input, model.output["sequence_output"])  # with a graph of its own

    def parts_of(batch):
        """list of B strings -> list of B `WordVectors`."""
        rows, tokens = _run(batch, encoder, tokenizer, settings["max_length"])
        parts = _vectors_of_tokens(rows, *tokens, tokenizer)
        if settings["pooling"] == "tokens":
            return parts
        return list(map(joined_to_words, parts, map(decoded, batch)))

    return parts_of


def _run(batch, encoder, tokenizer, max_length):
    """B strings, ... -> B arrays, float32 [T, D], [CLS] and [SEP] included; and their tokens: ids, first characters
    and ends, each ragged [B, (T - 2)]."""
    tokens = [part[:, : max_length - 2] for part in tokenizer.tokenize_with_offsets(batch)]
    inputs = {key: value.numpy() for key, value in pad(joined(tokens[0], None, tokenizer), tokenizer).items()}
    outputs = encoder.predict_on_batch(inputs).astype("float32")  # [B, T, D]
    return [output[mask > 0] for output, mask in zip(outputs, inputs["padding_mask"], strict=True)], tokens


def _vectors_of_tokens(rows, ids, starts, ends, tokenizer):
    """what `_run` gives, a tokenizer -> list of B WordVectors."""
    words = [[tokenizer.id_to_token(number) for number in numbers] for numbers in ids.to_list()]
    parts = zip(words, starts.numpy(), ends.numpy(), rows, strict=True)
    return [WordVectors(names, first, last, row[1:-1]) for names, first, last, row in parts]
