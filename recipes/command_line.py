"""The command line of a recipe: its options, its errors and warnings as sentences, its metrics as one line of JSON.

Keras and TensorFlow are imported when a run begins, so that `--help` answers at once.
"""

import contextlib
import dataclasses
import json
import os
import re
import sys
import tempfile
import typing
import warnings
from typing import Annotated

# What TensorFlow's libraries write to stderr while they are loaded, whatever TF_CPP_MIN_LOG_LEVEL says.
_BANNER = re.compile(rb"WARNING: All log messages before absl::InitializeLog\(\)|[IW]\d{4} \S+ +\d+ \w+\.cc:\d+\] ")


def run(config_class, main, arguments=None, program=None):
    """Parses the command line of a recipe, runs the recipe and prints its metrics as one line of JSON.

    An error in the user's files or options ends the process with one line on stderr and exit code 1.

    Args:
        config_class: The dataclass of the options.
        main: The recipe: config -> dict of metrics.
        arguments: List of strings; None: those of this process.
        program: What `--help` calls the program; None: the script.
    """
    with warnings_as_sentences(config_class):
        try:
            config = parse(config_class, arguments, program)
            with without_banner():
                import tensorflow as tf
        except (ValueError, OSError) as error:
            raise SystemExit(f"error: {with_options(str(error), config_class)}") from error
        try:
            metrics = main(config)
        except (ValueError, RuntimeError, OSError, tf.errors.DataLossError) as error:
            raise SystemExit(f"error: {with_options(str(error), config_class)}") from error
    if metrics is not None:  # what goes to the standard output itself ends without a line
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
        config_class.__name__, options, bases=(config_class,), namespace=unchecked, frozen=True, kw_only=True
    )
    # Without None among the values: `PATH`, not `{None}|PATH`.
    found = tyro.cli(described, prog=program, args=arguments, config=[tyro.conf.DisallowNone])
    return config_class(**vars(found))


def with_options(message, config_class):
    """Names options as the command line has them.

    Args:
        message: What an error or a warning says, of fields: `max_length`, max_length=1000.
        config_class: The dataclass whose fields they are.

    Returns:
        The same with --max-length.

    Example:
    >>> Config = dataclasses.make_dataclass("Config", ["max_length", "valid"])
    >>> with_options("`max_length` must be at least 3. Received: max_length=2, valid=None.", Config)
    '--max-length must be at least 3. Received: --max-length=2, no --valid.'
    """
    names = "|".join(field.name for field in dataclasses.fields(config_class))

    def option(found):
        return f"--{found[1].replace('_', '-')}"

    message = re.sub(rf"`({names})`", option, message)
    said, received, values = message.partition("Received: ")
    values, end, rest = re.split(r"(\. |\.$|$)", values, maxsplit=1)[:3] if received else ("", "", "")
    values = re.sub(rf"(?<![\w.(])({names})=None", lambda found: f"no {option(found)}", values)
    values = re.sub(rf"(?<![\w.(-])({names})=", lambda found: f"{option(found)}=", values)
    return said + received + values + end + rest


@contextlib.contextmanager
def warnings_as_sentences(config_class, said=None):
    """Within it, warnings go to stderr as `warning: ...`, each once: the options' dataclass, a set of those before."""
    said = set() if said is None else said

    def show(message, category, filename, lineno, file=None, line=None):
        text = with_options(str(message), config_class)
        if text not in said:
            said.add(text)
            print(f"warning: {text}", file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield said


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
