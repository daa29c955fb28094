"""BERT as functional Keras models: the encoder, pretraining and the four fine-tuning patterns.

Legend of the shapes: B batch, T tokens, D hidden, V vocabulary, M masked positions, N sequences in a row, C classes.
"""

import keras

from keras_bert.config import BertConfig, EmbedderConfig
from keras_bert.distribution.model import BertModel
from keras_bert.layers import (
    ClassificationHead,
    MLMHead,
    NSPHead,
    Parted,
    Pooler,
    Pooling,
    TokenAndPositionAndSegmentEmbedding,
    TransformerEncoder,
)
from keras_bert.layers.activations import activation_named, gelu_tanh
from keras_bert.utils.checks import check_boolean, check_classes, check_positive_integer


def backbone(config, name="backbone"):
    """Builds the BERT encoder with random weights.

    Args:
        config: A `BertConfig`.
        name: The model's name.

    Returns:
        A functional `keras.Model`. Inputs, a dict of int32 [B, T]: `token_ids`, `segment_ids` and `padding_mask`
        (0 for padding, k >= 1 for the k-th sequence in the row). Outputs, a dict: `sequence_output` [B, T, D] and
        `pooled_output` [B, D].

    Raises:
        ValueError: If `config` isn't a `BertConfig`.

    Example:
    >>> model = backbone(BertConfig.named("tiny", vocabulary_size=29))
    >>> ids = np.array([[2, 9, 4, 3, 0]])
    >>> output = model({"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": np.array([[1, 1, 1, 1, 0]])})
    >>> tuple(output["sequence_output"].shape), tuple(output["pooled_output"].shape)
    ((1, 5, 128), (1, 128))
    """
    if not isinstance(config, BertConfig):
        raise ValueError(
            f'`config` must be a BertConfig, such as BertConfig.named("base"). Received: a {type(config).__name__}.'
        )
    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    hidden_states = TokenAndPositionAndSegmentEmbedding(
        vocabulary_size=config.vocabulary_size,
        hidden_dim=config.hidden_dim,
        max_sequence_length=config.max_sequence_length,
        num_segments=config.num_segments,
        dropout=config.dropout,
        layer_norm_epsilon=config.layer_norm_epsilon,
        initializer_range=config.initializer_range,
        name="embedding",
    )(inputs["token_ids"], segment_ids=inputs["segment_ids"], padding_mask=inputs["padding_mask"])
    for i in range(config.num_layers):
        hidden_states = TransformerEncoder(
            hidden_dim=config.hidden_dim,
            num_heads=config.num_heads,
            intermediate_dim=config.intermediate_dim,
            dropout=config.dropout,
            attention_dropout=config.attention_dropout,
            activation=config.activation,
            layer_norm_epsilon=config.layer_norm_epsilon,
            initializer_range=config.initializer_range,
            name=f"encoder_{i}",
        )(hidden_states, padding_mask=inputs["padding_mask"])  # [B, T, D]
    pooled_output = Pooler(config.hidden_dim, config.initializer_range, name="pooler")(hidden_states)  # [B, D]
    outputs = {"sequence_output": hidden_states, "pooled_output": pooled_output}
    return BertModel(inputs, outputs, name=name, task="backbone", config=config)


def check_built(model, *tasks):
    """Checks that a model was made by a builder of this library.

    Args:
        model: Whatever came.
        *tasks: Names of the builders that will do; none: any.

    Returns:
        The name of its builder; a `ValueError` if it wasn't made by one of them.

    Example:
    >>> check_built(text_regressor(backbone(BertConfig.named("tiny"))), "text_classifier", "text_regressor")
    'text_regressor'
    """
    task = getattr(model, "task", None)
    if task is None or (tasks and task not in tasks):
        received = f"a {task}" if task else f"{model!r:.80} of type {type(model).__name__}"
        wanted = ", ".join(tasks) or "backbone or one that puts a head on it"
        raise ValueError(
            f"`model` must come from one of keras_bert's builders, {wanted}, or from load_pretrained with such a task. "
            f"Received: {received}."
        )
    return task


def check_length_of(model, max_length):
    """Checks that a model has positions for sequences of some length.

    Args:
        model: Any model of this library.
        max_length: The most tokens of a sequence; None: a text embedder's own number, or else one for each position.

    Returns:
        `max_length`; that number instead of None.

    Raises:
        ValueError: If it isn't a positive integer, or the model has fewer positions.

    Example:
    >>> check_length_of(backbone(BertConfig.named("tiny")), None)
    512
    """
    positions = embedding_of(model).max_sequence_length
    if max_length is None:
        return min(positions, getattr(getattr(model, "embedder", None), "max_length", None) or positions)
    if check_positive_integer("max_length", max_length) > positions:
        raise ValueError(
            f"`max_length` must be at most the model's max_sequence_length={positions}, its number of learned "
            f"positions. Received: max_length={max_length}. Choose {positions} or less."
        )
    return max_length


def pretrainer(backbone):
    """Puts both pretraining heads on a backbone: masked words and next sentence.

    Args:
        backbone: A model from `backbone` or `load_pretrained`; its weights are shared.

    Returns:
        A functional `keras.Model`. Inputs: the backbone's, `mask_positions` [B, M] and `cls_positions` [B, N], int32.
        Outputs, a dict of float32 logits: `mlm` [B, M, V] and `nsp` [B, N, 2].

    Raises:
        ValueError: If `backbone` isn't a BERT backbone.

    Example:
    >>> model = pretrainer(backbone(BertConfig.named("tiny", vocabulary_size=29)))
    >>> [tuple(model.output[key].shape) for key in ("mlm", "nsp")]
    [(None, None, 29), (None, None, 2)]
    """
    _check_backbone(backbone)
    positions = {name: keras.Input((None,), dtype="int32", name=name) for name in ("mask_positions", "cls_positions")}
    both = keras.layers.Concatenate(axis=1, dtype="int32", name="positions")(list(positions.values()))  # [B, M + N]
    vectors = _last_layer_at(backbone, both)
    masked, first = Parted(name="parted")(vectors, positions["mask_positions"])  # [B, M, D], [B, N, D]
    pooler = _layer(backbone, Pooler, "pooler")
    next_sentence = NSPHead(pooler.initializer_range, name="nsp")(pooler(first, first_only=False))
    outputs = {"mlm": _words(backbone, masked), "nsp": next_sentence}
    return _model({**backbone.input, **positions}, outputs, "pretrainer", backbone)


def masked_language_model(backbone):
    """Puts the masked-word head alone on a backbone.

    Args:
        backbone: A model from `backbone` or `load_pretrained`; its weights are shared.

    Returns:
        A functional `keras.Model`. Inputs: the backbone's and `mask_positions` [B, M], int32. Output: a dict with the
        float32 logits `mlm` [B, M, V].

    Raises:
        ValueError: If `backbone` isn't a BERT backbone.

    Example:
    >>> model = masked_language_model(backbone(BertConfig.named("tiny", vocabulary_size=29)))
    >>> tuple(model.output["mlm"].shape)
    (None, None, 29)
    """
    _check_backbone(backbone)
    mask_positions = keras.Input((None,), dtype="int32", name="mask_positions")
    logits = _words(backbone, _last_layer_at(backbone, mask_positions))
    inputs = {**backbone.input, "mask_positions": mask_positions}
    return _model(inputs, {"mlm": logits}, "masked_language_model", backbone)


def _last_layer_at(backbone, positions):
    """backbone, positions [B, Q] or one -> the encoder's vectors there [B, Q, D]; for no others its last layer works.

    What a head doesn't read needn't be computed: that saves the most of one layer.
    """
    last = _layer(backbone, TransformerEncoder, f"encoder_{backbone.config.num_layers - 1}")
    node = backbone.output["sequence_output"]._keras_history
    hidden_states, *_ = last._inbound_nodes[node.node_index].input_tensors
    return last(hidden_states, padding_mask=backbone.input["padding_mask"], positions=positions)


def _pooled(backbone):
    """backbone -> its pooled output [B, D], of the last layer's work on [CLS] alone."""
    _check_backbone(backbone)
    return _layer(backbone, Pooler, "pooler")(_last_layer_at(backbone, 0))


def _words(backbone, vectors):
    """backbone, vectors [B, M, D] -> logits over the vocabulary [B, M, V]."""
    config = backbone.config
    token_table = embedding_of(backbone)(backbone.input["token_ids"], table_only=True)  # [V, D]
    head = MLMHead(
        vocabulary_size=config.vocabulary_size,
        hidden_dim=config.hidden_dim,
        activation=config.activation,
        layer_norm_epsilon=config.layer_norm_epsilon,
        initializer_range=config.initializer_range,
        name="mlm",
    )
    return head(vectors, mask_positions=None, token_table=token_table)


def text_classifier(backbone, num_classes, labels=None, dropout=None, multi_label=False):
    """Puts a classifier of whole texts, or pairs of texts, on a backbone.

    Args:
        backbone: A model from `backbone` or `load_pretrained`; its weights are shared.
        num_classes: Number C of classes.
        labels: Names of the classes in the order of the logits; kept with the model.
        dropout: Dropped share of the pooled output while training; None: as in the backbone.
        multi_label: If True, a text may have several of the classes, or none: those whose sigmoid is at least its
            threshold. These are 0.5 until `model.keep_thresholds` sets others. Such a model may have a single class.

    Returns:
        A functional `keras.Model` with the backbone's inputs. Output: logits [B, C], float32. With `multi_label` its
        loss is `keras.losses.BinaryCrossentropy(from_logits=True)`, on 1 or 0 for each class, [B, C].

    Raises:
        ValueError: If `backbone` isn't a BERT backbone, or the labels aren't `num_classes` different names.

    Example:
    >>> model = text_classifier(backbone(BertConfig.named("tiny")), num_classes=3)
    >>> model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    """
    labels = check_classes(num_classes, labels, least=1 if check_boolean("multi_label", multi_label) else 2)
    head = _classification_head(backbone, num_classes, dropout, "classifier")
    own = {"labels": labels, "thresholds": (0.5,) * num_classes if multi_label else None}
    return _model(backbone.input, head(_pooled(backbone)), "text_classifier", backbone, **own)


def text_regressor(backbone, dropout=None, score_activation=None):
    """Puts a regressor of whole texts, or pairs of texts, on a backbone.

    Args:
        backbone: A model from `backbone` or `load_pretrained`; its weights are shared.
        dropout: As in `text_classifier`.
        score_activation: Name of a Keras activation, such as "sigmoid", that `predictor` applies to the score; or None.
            The model gives the value before it, and `fit` trains that.

    Returns:
        A functional `keras.Model` with the backbone's inputs. Output: a score [B, 1], float32.

    Raises:
        ValueError: If `backbone` isn't a BERT backbone, or there is no such activation.

    Example:
    >>> text_regressor(backbone(BertConfig.named("tiny"))).compile("adam", "mse")
    """
    activation_named(score_activation or "linear")  # checks it
    score = _classification_head(backbone, 1, dropout, "regressor")(_pooled(backbone))
    return _model(backbone.input, score, "text_regressor", backbone, score_activation=score_activation)


def token_classifier(backbone, num_classes, labels=None, dropout=None):
    """Puts a classifier of every token on a backbone, for entities or parts of speech.

    Args:
        backbone: A model from `backbone` or `load_pretrained`; its weights are shared.
        num_classes: Number C of tags.
        labels: Names of the tags in the order of the logits; kept with the model.
        dropout: Dropped share of the sequence output while training; None: as in the backbone.

    Returns:
        A functional `keras.Model` with the backbone's inputs. Output: logits [B, T, C], float32.

    Raises:
        ValueError: If `backbone` isn't a BERT backbone, or the labels aren't `num_classes` different names.

    Example:
    >>> model = token_classifier(backbone(BertConfig.named("tiny")), num_classes=3, labels=["O", "B-PER", "I-PER"])
    >>> tuple(model.output.shape)
    (None, None, 3)
    """
    labels = check_classes(num_classes, labels)
    head = _classification_head(backbone, num_classes, dropout, "classifier")
    return _model(backbone.input, head(backbone.output["sequence_output"]), "token_classifier", backbone, labels=labels)


def span_predictor(backbone):
    """Puts the head of question answering on a backbone: where an answer starts and where it ends.

    Args:
        backbone: A model from `backbone` or `load_pretrained`; its weights are shared.

    Returns:
        A functional `keras.Model` with the backbone's inputs. Outputs, a dict of logits [B, T], float32:
        `start_logits` and `end_logits`, padding included.

    Raises:
        ValueError: If `backbone` isn't a BERT backbone.

    Example:
    >>> sorted(span_predictor(backbone(BertConfig.named("tiny"))).output)
    ['end_logits', 'start_logits']
    """
    head = _classification_head(backbone, 2, 0.0, "span")
    logits = head(backbone.output["sequence_output"])  # [B, T, 2]
    outputs = {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}
    return _model(backbone.input, outputs, "span_predictor", backbone)


def text_embedder(backbone, pooling=None, normalize=None, **settings):
    """Makes one vector of a text, for search, clustering and comparison.

    Args:
        backbone: A model from `backbone` or `load_pretrained`; its weights are shared.
        pooling: `"mean"`, over the text's tokens, [CLS] and [SEP] included; `"cls"`, the vector of [CLS]; `"max"`, the
            greatest value in each dimension. Padding never counts. None: as the backbone's checkpoint, or else mean.
        normalize: Whether vectors have length 1, so that their products are cosines. None: likewise, or else True.
        **settings: Further fields of an `EmbedderConfig`. All are kept with the model, as `model.embedder`.

    Returns:
        A functional `keras.Model` with the backbone's inputs. Output: vectors [B, D], float32; of the last projection's
        width where there is one.

    Raises:
        ValueError: If `backbone` isn't a BERT backbone, there is no such setting, one is out of its range, or
            `max_length` is more than the backbone's positions.

    Reference: Reimers and Gurevych, 2019 (https://arxiv.org/abs/1908.10084).

    Example:
    >>> tuple(text_embedder(backbone(BertConfig.named("tiny")), projections=[(64, "tanh", True)]).output.shape)
    (None, 64)
    """
    _check_backbone(backbone)
    own = backbone.embedder or EmbedderConfig()
    embedder = own.changed(pooling=pooling, normalize=normalize, **settings)
    check_length_of(backbone, embedder.max_length)
    vectors = _last_layer_at(backbone, 0) if embedder.pooling == "cls" else backbone.output["sequence_output"]
    vector = Pooling(embedder.pooling, name="pooling")(vectors, backbone.input["padding_mask"])  # [B, D]
    for i, (units, activation, use_bias) in enumerate(embedder.projections):
        activation = gelu_tanh if activation == "gelu_tanh" else activation  # for which Keras has no name
        vector = keras.layers.Dense(units, activation, use_bias, dtype="float32", name=f"projection_{i}")(vector)
    if embedder.normalize:
        vector = keras.layers.UnitNormalization(dtype="float32", name="normalize")(vector)
    return _model(backbone.input, vector, "text_embedder", backbone, embedder=embedder)


def _model(inputs, outputs, task, backbone, **identity):
    """inputs, outputs, name of the builder, its backbone, `labels` and the like -> a BertModel."""
    return BertModel(inputs, outputs, name=task, task=task, config=backbone.config, **identity)


def _classification_head(backbone, num_classes, dropout, name):
    """backbone and the head's arguments -> a ClassificationHead."""
    _check_backbone(backbone)
    return ClassificationHead(
        num_classes=num_classes,
        dropout=backbone.config.dropout if dropout is None else dropout,
        initializer_range=backbone.config.initializer_range,
        name=name,
    )


def _layer(model, kind, name):
    """model, a layer's class and name -> that layer; a `ValueError` if the model has no such layer."""
    for layer in getattr(model, "layers", ()):
        if isinstance(layer, kind) and layer.name == name:
            return layer
    raise ValueError(
        "Expected a BERT model of this library, built on a backbone from keras_bert.backbone or "
        f"keras_bert.load_pretrained, with a layer {name!r} of class {kind.__name__}. Received: {model!r}."
    )


def embedding_of(model):
    """Any model of this library -> its `TokenAndPositionAndSegmentEmbedding`; a `ValueError` if it has none."""
    return _layer(model, TokenAndPositionAndSegmentEmbedding, "embedding")


def _check_backbone(backbone):
    """Raises a `ValueError` unless the model is a backbone."""
    if not isinstance(backbone, BertModel) or backbone.task != "backbone":
        raise ValueError(
            "`backbone` must be a model from keras_bert.backbone or keras_bert.load_pretrained, with the outputs "
            f"sequence_output and pooled_output. Received: backbone={backbone!r}."
        )
