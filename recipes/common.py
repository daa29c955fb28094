"""What the recipes share around their own stories: options, checks, the small model, results, the command line.

Keras and TensorFlow are imported when a run begins, so that `--help` answers at once.
"""

import contextlib
import dataclasses
import json
import math
import os
import re
import sys
import tempfile
import typing
from pathlib import Path
from typing import Annotated, Literal

import keras_bert
from keras_bert.utils.checks import check_positive_integer, check_positive_number, check_rate
from keras_bert.utils.files import check_outputs

SAMPLES = Path(__file__).parent / "samples"
# What TensorFlow's libraries write to stderr while they are loaded, whatever TF_CPP_MIN_LOG_LEVEL says.
_BANNER = re.compile(rb"WARNING: All log messages before absl::InitializeLog\(\)|[IW]\d{4} \S+ +\d+ \w+\.cc:\d+\] ")


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """The options of every recipe that fine-tunes; each adds its own, and words anew what it means otherwise.

    Args:
        train: Examples to train on. Without it and `valid`: the English samples.
        valid: Examples to choose the best epoch by.
        test: Examples to report on in the end.
        pretrained: Checkpoint to start from: a directory or a hub id. Without one, a tiny BERT with random weights and
            a vocabulary trained on the training texts.
        output: Directory for the best model, in Hugging Face's layout.
        export: Directory for a SavedModel that takes strings.
        limit: Train on a random sample of this size.
        epochs: Passes over the examples to train on.
        batch_size: Examples in a batch.
        learning_rate: The highest rate, after the warm-up. That with `pretrained` suits models of base's size; smaller
            models want 1e-4 or more.
        dropout: Dropped share of activations while training. Without it: the checkpoint's own, else 0.1.
        max_length: The most tokens of a row.
        precision: Arithmetic of the layers; mixed_bfloat16 is faster where the processor multiplies bfloat16.
        strategy: Devices that share each batch: one, all of this machine, or those of all workers in TF_CONFIG.
        accumulate: In how many parts each device computes its rows of a batch: less memory, the same result.
        seed: Of weights, shuffling and dropout.

    Attributes:
        FROM_RANDOM_WEIGHTS: Epochs and learning rate where they aren't given; each recipe has its own.
        FROM_CHECKPOINT: The same with `pretrained`.
    """

    train: Path | None = None
    valid: Path | None = None
    test: Path | None = None
    pretrained: str | None = None
    output: Path | None = None
    export: Path | None = None
    limit: int | None = None
    epochs: int | None = None
    batch_size: int = 16
    learning_rate: float | None = None
    dropout: float | None = None
    max_length: int = 128
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    strategy: Literal["one", "mirrored", "multi_worker", "tpu"] = "one"
    accumulate: int = 1
    seed: int = 0

    FROM_RANDOM_WEIGHTS = (8, 5e-4)
    FROM_CHECKPOINT = (3, 5e-5)

    def __post_init__(self):
        defaults = self.FROM_RANDOM_WEIGHTS if self.pretrained is None else self.FROM_CHECKPOINT
        for name, value in zip(("epochs", "learning_rate"), defaults, strict=True):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)  # the dataclass is frozen
        for name in ("epochs", "batch_size", "accumulate", "max_length", "limit"):
            # None may stay where it is the default, and was no late one.
            if getattr(self, name) is not None or getattr(type(self), name) is not None:
                check_positive_integer(name, getattr(self, name))
        check_positive_number("learning_rate", self.learning_rate)
        if self.dropout is not None:
            check_rate("dropout", self.dropout)

    @classmethod
    def late_defaults(cls):
        """-> option: what `--help` says of its default, where that depends on another option."""
        pairs = zip(cls.FROM_RANDOM_WEIGHTS, cls.FROM_CHECKPOINT, strict=True)
        hints = [f"(default: {value}; with --pretrained: {other})" for value, other in pairs]
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

    check_outputs(output=config.output, export=config.export, **directories)
    if (config.train is None) != (config.valid is None):
        raise ValueError(
            f"Give both `train` and `valid`, or neither to try the samples. Received: train={config.train}, "
            f"valid={config.valid}. A tenth of the training {examples}, held out of them, will do as valid."
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
        return keras_bert.load_pretrained(
            config.pretrained, task=task, backbone_dropout=config.dropout, **head_arguments
        )
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


def run(config_class, main, arguments=None, program=None):
    """The command line of a recipe: parses it, runs the recipe and prints its metrics as one line of JSON.

    An error in the user's files or options ends the process with one line on stderr and exit code 1.

    Args:
        config_class: The dataclass of the options.
        main: The recipe: config -> dict of metrics.
        arguments: List of strings; None: those of this process.
        program: What `--help` calls the program; None: the script.
    """
    try:
        config = parse(config_class, arguments, program)
        with without_banner():
            import tensorflow as tf
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
    try:
        metrics = main(config)
    except (ValueError, RuntimeError, OSError, tf.errors.DataLossError) as error:
        raise SystemExit(f"error: {error}") from error
    print(json.dumps(metrics))


def parse(config_class, arguments=None, program=None):
    """Makes a config of a command line.

    Args:
        config_class: A dataclass whose docstring describes each option under `Args`. If it has a `late_defaults`, as
            `FineTuning`, that says what is taken for an option that is None.
        arguments: As in `run`.
        program: The same.

    Returns:
        A `config_class`.

    Raises:
        ValueError: If `config_class` refuses a value. Of an unknown option, and of `--help`, the process ends.
    """
    try:
        import tyro
    except ImportError as error:
        raise SystemExit(
            "error: The command line needs tyro, which isn't installed: pip install 'bert-for-keras[recipes]'"
        ) from error
    types = typing.get_type_hints(config_class, include_extras=True)
    late = config_class.late_defaults() if hasattr(config_class, "late_defaults") else {}
    options = []
    for field in dataclasses.fields(config_class):
        kind = types[field.name]
        if field.default is None or field.default == ():
            # tyro would write `(default: None)` behind it.
            kind = Annotated[kind, tyro.conf.arg(help_behavior_hint=late.get(field.name, ""))]
        default = dataclasses.field(default=field.default, default_factory=field.default_factory)
        options.append((field.name, kind, default))
    # The values are checked once they are all there, by the class itself: it says what is wrong in one line.
    unchecked = {"__doc__": config_class.__doc__, "__post_init__": lambda self: None}
    described = dataclasses.make_dataclass(
        config_class.__name__, options, bases=(config_class,), namespace=unchecked, frozen=True
    )
    # Without None among the values: `PATH`, not `{None}|PATH`.
    found = tyro.cli(described, prog=program, args=arguments, config=[tyro.conf.DisallowNone])
    return config_class(**vars(found))


@contextlib.contextmanager
def without_banner():
    """Within it, what is written to stderr waits; then all of it goes there but the lines of TensorFlow's start."""
    # Libraries in C++ write to the file descriptor, past sys.stderr.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.stderr is None:  # closed by whoever started this process
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            written.seek(0)
            for line in written:
                if not _BANNER.match(line):
                    os.write(2, line)
