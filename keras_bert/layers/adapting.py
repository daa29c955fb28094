"""Models whose encoder trains by low-rank adaptation, and the plain ones that they become."""

import contextlib

import keras

from keras_bert.layers.embedding import TokenAndPositionAndSegmentEmbedding
from keras_bert.layers.encoder import TransformerEncoder
from keras_bert.layers.heads import Pooler
from keras_bert.layers.quantized import quantization_of
from keras_bert.utils.checks import check_positive_integer


def lora(model, rank=8, targets=("query", "value"), alpha=None, dropout=0.0):
    """Lets a model train by low-rank adaptation: `fit` trains its head and small matrices beside frozen kernels.

    To the output of each target of each encoder layer `alpha / rank * dropout(x) @ a @ b` is added, with a of `rank`
    columns and b of as many rows; b starts at 0, so the model starts as it was. The embedding, the pooler and the
    encoder's own weights are frozen, biases and normalizations too; a pooler that the checkpoint lacked trains with the
    head. The best rate is ten to fifty times that of full training.

    The model stays what it is: its builder's, with its labels. `.keras` files and clones are adapted as it is;
    `save_pretrained` and the exports merge the adaptation into the kernels, so that what they write is a plain BERT.
    `keras_bert.merge_lora` makes a plain model of it, `keras_bert.save_adapters` writes the small matrices and the
    head alone. A compiled model must be compiled again. Layers that `keras_bert.freeze` froze before stay frozen with
    their small matrices: these are saved too, but stay at 0.

    Args:
        model: Any model of this library; it is changed.
        rank: Number of columns of the small matrices, at most the width of the layers.
        targets: What is adapted: names among `"query"`, `"key"`, `"value"`, `"attention_output"`,
            `"feedforward_intermediate"` and `"feedforward_output"`.
        alpha: What is added is multiplied by `alpha / rank`; None: as much as `rank`, so by 1.
        dropout: Dropped share of the vectors on their way to the small matrices while training.

    Returns:
        The model.

    Raises:
        ValueError: If `model` has no encoder layers of this library, is adapted already or was quantized, or if an
            argument is out of its range.

    Reference: Hu et al., 2021, LoRA (https://arxiv.org/abs/2106.09685).

    Example:
    >>> model = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny")), num_classes=2)
    >>> model = lora(model, rank=4)
    >>> [variable.path for variable in model.trainable_variables][:4]
    ['encoder_0/lora/query_a', 'encoder_0/lora/query_b', 'encoder_0/lora/value_a', 'encoder_0/lora/value_b']
    """
    encoders = _encoders(model)
    if not encoders:
        raise ValueError(
            "`model` must come from one of keras_bert's builders, or from load_pretrained: only encoder layers of this "
            f"library can be adapted. Received: {model!r:.80} of type {type(model).__name__}."
        )
    if any(encoder.lora is not None for encoder in encoders):
        raise ValueError(
            "The model is adapted already. Train it as it is; or make a plain one of it by "
            "keras_bert.merge_lora(model), and adapt that."
        )
    if quantization_of(model):
        raise ValueError("The model was quantized by Keras, so it can't be trained. Adapt the one that it was before.")
    settings = {"rank": check_positive_integer("rank", rank), "targets": targets, "dropout": dropout}
    settings["alpha"] = settings["rank"] if alpha is None else alpha
    # All arguments are checked by the first layer; it is the same for the others.
    with _scope(model):
        for encoder in encoders:
            encoder.add_lora(**settings)
    has_new_pooler = any(name.startswith("pooler/") for name in getattr(model, "random_weights", ()))
    frozen = (TokenAndPositionAndSegmentEmbedding,) if has_new_pooler else (TokenAndPositionAndSegmentEmbedding, Pooler)
    for layer in model.layers:
        if isinstance(layer, frozen):
            layer.trainable = False
    model.compiled = False  # What Keras has compiled goes on training all of it,
    for name in ("train_function", "test_function", "predict_function"):
        setattr(model, name, None)  # and its graphs would go on without what was added.
    return model


def merge_lora(model):
    """Makes a plain model of an adapted one: what its small matrices add is in its kernels.

    Args:
        model: A model of this library; it stays as it is.

    Returns:
        A model with the same outputs, not compiled, of which all weights train; the model itself where it isn't
        adapted.

    Raises:
        ValueError: If the adapted model was quantized: whole numbers can't take up what would be added.

    Example:
    >>> model = lora(keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=29)))
    >>> plain = merge_lora(model)
    >>> len(model.weights) - len(plain.weights)
    8
    """
    if all(encoder.lora is None for encoder in _encoders(model)):
        return model
    if mode := quantization_of(model):
        raise ValueError(
            f"The adapted model was quantized to {mode} by Keras: its kernels can't take up what adapters add. Merge "
            f'the model that it was before, then quantize that: keras_bert.merge_lora(model).quantize("{mode}"). Or '
            'keep this one by model.save("....keras").'
        )
    config = model.get_config()
    for layer in config["layers"]:
        layer["config"] = {name: value for name, value in layer["config"].items() if name != "lora"}
    with _scope(model):
        plain = type(model).from_config(config)
    for old, new in zip(model.layers, plain.layers, strict=True):
        added = {id(variable) for variable in old.lora.weights} if getattr(old, "lora", None) else ()
        kept = [variable for variable in old.weights if id(variable) not in added]
        new.set_weights([keras.ops.convert_to_numpy(variable) for variable in kept])
        for name, kernel in (old.merged_kernels() if added else {}).items():
            getattr(new, name).kernel.assign(kernel)
        new.trainable = True
    return plain


def _encoders(model):
    """Whatever came -> its encoder layers."""
    return [layer for layer in getattr(model, "layers", ()) if isinstance(layer, TransformerEncoder)]


def _scope(model):
    """model -> the scope of the `tf.distribute` strategy that it was built under, for more variables."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy.scope() if strategy else contextlib.nullcontext()
