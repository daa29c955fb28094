"""What the recipes share around their own stories: options, checks, the small model, results.

Keras and TensorFlow are imported when a run begins, so that `--help` answers at once.
"""

import contextlib
import dataclasses
import math
import re
import sys
from pathlib import Path
from typing import Literal

import keras_bert
from keras_bert.recipes import runs
from keras_bert.training.layer_decay import check_layer_decay
from keras_bert.utils.checks import check_positive_integer, check_positive_number, check_rate

SAMPLES = Path(__file__).parent / "samples"
LoraTarget = Literal[
    "query", "key", "value", "attention_output", "feedforward_intermediate", "feedforward_output"
]  # as keras_bert.lora has them


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """The options of every recipe that fine-tunes; each adds its own, and words anew what it means otherwise.

    Args:
        train: Examples to train on. Without it and `valid`: the English samples.
        valid: Examples to choose the best epoch by; or a number between 0 and 1, the share of `train` that is held out
            for it.
        test: Examples to report on in the end.
        cross_validate: Number of folds of `train`: each in turn is held out as `valid`, and scores are means over them.
        pretrained: Checkpoint to start from: a directory or a hub id. Without one, a tiny BERT with random weights and
            a vocabulary trained on the training texts.
        output: Directory for the best model, in Hugging Face's layout. What training needs to go on stands in
            OUTPUT-checkpoints: killed at any moment, the same command goes on, and ends as it would have.
        export: Directory for a SavedModel that takes strings.
        limit: Train on a random sample of this size, drawn after `valid` or a fold is held out, which is scored whole.
        tensorboard: Directory for TensorBoard's logs.
        epochs: Passes over the examples to train on.
        early_stopping: End training after N epochs without a better one.
        batch_size: Examples in a batch.
        learning_rate: The highest rate, after the warm-up. That with `pretrained` suits models of base's size; smaller
            models want 1e-4 or more.
        dropout: Dropped share of activations while training. Without it: the checkpoint's own, else 0.1.
        layer_decay: What is left of the learning rate from one layer to the next below, such as 0.9: the lower a layer,
            the less it changes. Without it: all layers have the same rate.
        freeze_layers: Leave the embeddings and the lowest N encoder layers as the checkpoint has them;
            training is faster.
        freeze_embeddings: Leave the embeddings as the checkpoint has them.
        lora_rank: Train the head and, beside the frozen encoder, small matrices of this rank alone (LoRA). The default
            `learning_rate` is ten times as high then. The best model is written merged, as a plain BERT; in Python,
            keras_bert.save_adapters writes the matrices alone.
        lora_targets: What these matrices are added to. (default: query value)
        max_length: The most tokens of a row.
        precision: Arithmetic of the layers; mixed_bfloat16 is faster where the processor multiplies bfloat16.
        strategy: Devices that share each batch: one, all of this machine, or those of all workers in TF_CONFIG.
        accumulate: In how many parts each device computes its rows of a batch: less memory, the same result.
        seed: Of weights, shuffling and dropout.

    Attributes:
        FROM_RANDOM_WEIGHTS: Epochs and learning rate where they aren't given; each recipe has its own.
        FROM_CHECKPOINT: The same with `pretrained`.
        START: Name of the option that gives what has learned something before.
    """

    train: Path | None = None
    valid: float | Path | None = None
    test: Path | None = None
    cross_validate: int | None = None
    pretrained: str | None = None
    output: Path | None = None
    export: Path | None = None
    tensorboard: Path | None = None
    limit: int | None = None
    epochs: int | None = None
    early_stopping: int | None = None
    batch_size: int = 16
    learning_rate: float | None = None
    dropout: float | None = None
    layer_decay: float | None = None
    freeze_layers: int | None = None
    freeze_embeddings: bool = False
    lora_rank: int | None = None
    lora_targets: tuple[LoraTarget, ...] | None = None
    max_length: int = 128
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    strategy: Literal["one", "mirrored", "multi_worker", "tpu"] = "one"
    accumulate: int = 1
    seed: int = 0

    FROM_RANDOM_WEIGHTS = (8, 5e-4)
    FROM_CHECKPOINT = (3, 5e-5)
    START = "pretrained"

    def __post_init__(self):
        has_start = getattr(self, self.START) is not None
        epochs, rate = self.FROM_CHECKPOINT if has_start else self.FROM_RANDOM_WEIGHTS
        rate *= 1 if self.lora_rank is None else 10
        for name, value in (("epochs", epochs), ("learning_rate", rate)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)  # the dataclass is frozen
        if isinstance(self.valid, int | float) and not 0 < self.valid < 1:
            raise ValueError(
                "`valid` must be a file, or the share of `train` to hold out, between 0 and 1. Received: "
                f"valid={self.valid}. For a file of that name, write ./{self.valid}."
            )
        counts = ("epochs", "batch_size", "accumulate", "max_length", "limit", "freeze_layers", "lora_rank")
        for name in (*counts, "early_stopping", "cross_validate"):
            # None may stay where it is the default, and was no late one.
            if getattr(self, name) is not None or getattr(type(self), name) is not None:
                check_positive_integer(name, getattr(self, name))
        check_positive_number("learning_rate", self.learning_rate)
        if self.dropout is not None:
            check_rate("dropout", self.dropout)
        check_layer_decay(self.layer_decay)
        if not has_start and (self.freeze_layers or self.freeze_embeddings or self.lora_rank):
            raise ValueError(
                f"`freeze_layers`, `freeze_embeddings` and `lora_rank` are for checkpoints. Give one by `{self.START}`."
            )
        if self.lora_targets is not None and self.lora_rank is None:
            raise ValueError(
                "`lora_targets` says where the matrices of `lora_rank` are. Received: lora_targets="
                f"{', '.join(self.lora_targets)}, and no lora_rank. Give it too."
            )

    @classmethod
    def late_defaults(cls):
        """-> option: what `--help` says of its default, where that depends on another option."""
        pairs = zip(cls.FROM_RANDOM_WEIGHTS, cls.FROM_CHECKPOINT, strict=True)
        hints = [f"(default: {value}; with --{cls.START}: {other})" for value, other in pairs]
        return dict(zip(("epochs", "learning_rate"), hints, strict=True))


def prepare(config, examples, **directories):
    """Looks at all that can be wrong before anything takes time, and sets the seed and the precision.

    Args:
        config: A `FineTuning`.
        examples: What the training file holds, for a message: "texts".
        **directories: Outputs that the recipe has beside `output` and `export`, by name; None: it isn't wanted.

    Returns:
        The `tf.distribute.Strategy` to train under.

    Raises:
        ValueError: If an output can't be written or is in another, one of `train` and `valid` is missing, or another
            worker was given other options or files.
    """
    import keras

    runs.check_run(config, report=getattr(config, "report", None), **directories)
    holds_out = isinstance(config.valid, float) or config.cross_validate is not None
    if not holds_out and (config.train is None) != (config.valid is None):
        raise ValueError(
            f"Give both `train` and `valid`, or neither to try the samples. Received: train={config.train}, "
            f"valid={config.valid}. `valid` 0.1 holds a tenth of the training {examples} out of them."
        )
    strategy = keras_bert.distribution.strategy(config.strategy)
    files = {name: getattr(config, name) for name in ("train", "valid", "test")}
    keras_bert.distribution.check_same(strategy, config=dataclasses.asdict(config), **files)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    return strategy


def limited(examples, config):
    """What to train on, `FineTuning` -> a random sample of `limit` of them; all, if there is no limit."""
    return examples if config.limit is None else examples.sample(config.limit, config.seed)


def model_and_tokenizer(
    config, task, texts, vocabulary_size=4000, min_frequency=2, initializer_range=0.02, **head_arguments
):
    """Loads the checkpoint to start from, or else makes a tiny BERT with random weights.

    Args:
        config: A `FineTuning`.
        task: The builder of the model, one of `keras_bert.models`, such as `"text_classifier"`.
        texts: What to train the vocabulary on, if there is no checkpoint: an iterable of strings.
        vocabulary_size: Its tokens at most, if there is no checkpoint.
        min_frequency: How often a pair must occur to become one of them, if there is no checkpoint.
        initializer_range: Standard deviation of the weights, if there is no checkpoint.
        **head_arguments: Arguments of the builder.

    Returns:
        A pair: the model and its `WordPieceTokenizer`.
    """
    if config.pretrained is not None:
        model, tokenizer = keras_bert.load_pretrained(
            config.pretrained, task=task, backbone_dropout=config.dropout, **head_arguments
        )
        if keras_bert.windows_of(model) is not None:  # the options say how this run reads long texts
            model = keras_bert.without_windows(model)
        return model, tokenizer
    # Accents stay, and Korean syllables whole.
    vocabulary = keras_bert.train_vocabulary(texts, vocabulary_size, strip_accents=False, min_frequency=min_frequency)
    tokenizer = keras_bert.WordPieceTokenizer(vocabulary, strip_accents=False)
    size = keras_bert.BertConfig.named(
        "tiny",
        vocabulary_size=tokenizer.vocabulary_size,
        initializer_range=initializer_range,
        dropout=config.dropout,
        attention_dropout=config.dropout,
    )
    build = getattr(keras_bert.models, task)
    return build(keras_bert.backbone(size), **head_arguments), tokenizer


def what_to_train(model, config):
    """Adapts a model, and freezes of it, what a `FineTuning` says: before it is compiled."""
    with naming(rank="lora_rank", targets="lora_targets", layers="freeze_layers"):
        if config.lora_rank is not None:
            targets = {} if config.lora_targets is None else {"targets": config.lora_targets}
            keras_bert.lora(model, config.lora_rank, **targets)
        if config.freeze_layers or config.freeze_embeddings:
            keras_bert.freeze(model, config.freeze_layers or 0)


@contextlib.contextmanager
def naming(**options):
    """Within it, errors name the options: an argument of keras_bert -> the option that it comes from."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        for argument, option in options.items():
            message = re.sub(rf"(?<=`){argument}(?=`)|\b{argument}(?==)", option, message)
        raise ValueError(message) from error


def validation(scores):
    """Makes the callback that scores the model after each epoch: function -> callback.

    The function takes nothing and gives a dict of scores; they stand in Keras's logs as `val_accuracy`, ...
    """
    import keras

    def validate(epoch, logs):
        logs.update({f"val_{name}": score for name, score in scores().items()})

    return keras.callbacks.LambdaCallback(on_epoch_end=validate)


def verbosity(strategy):
    """strategy -> `verbose` of `fit`: a bar on a terminal, else a line an epoch; of several workers, the first's."""
    if not keras_bert.distribution.is_chief(strategy):
        return 0
    return 1 if sys.stdout.isatty() else 2


def results(config, keep_best, throughput, valid=None, test=None):
    """Puts together what a run gives.

    Args:
        config: A `FineTuning`.
        keep_best: The `KeepBest` of the run.
        throughput: Its `Throughput`.
        valid: Scores on `valid`, a dict; None: those in the logs of the best epoch.
        test: Scores on `test`; None: there is none.

    Returns:
        A dict that JSON can hold, NaN as None: `train_loss`, `valid_*`, `test_*`, what `Throughput.results` gives and
        `output`.
    """
    logs = keep_best.logs
    if valid is None:
        valid = {name.removeprefix("val_"): score for name, score in logs.items() if name.startswith("val_")}
    metrics = {"train_loss": logs["loss"]}
    for part, scores in (("valid", valid), ("test", test or {})):
        metrics |= {f"{part}_{name}": score for name, score in scores.items()}
    metrics = {name: None if math.isnan(score) else score for name, score in metrics.items()}
    return {**metrics, **throughput.results(), "output": config.output and str(config.output)}
