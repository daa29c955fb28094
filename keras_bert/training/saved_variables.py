"""What of a model, its optimizer and its metrics a checkpoint holds, by name."""

import itertools
import re

import keras
import numpy as np

from keras_bert.utils.checks import some_of


def named_variables(model):
    """model -> {its name in the file: variable}, of the model and its optimizer; in the order of the names."""
    owners = {"model": model.variables, "optimizer": model.optimizer.variables}
    return named(owners)


def metrics_of(model):
    """model -> the same of its metrics that are means: what they have summed up of an epoch so far."""
    metrics = [one for metric in model.metrics for one in getattr(metric, "metrics", [metric])]
    means = [metric for metric in metrics if isinstance(metric, keras.metrics.Mean)]
    return named({"metrics": [variable for metric in means for variable in metric.variables]})


def named(owners):
    """{owner: variables} -> {name in the file: variable}."""
    return {
        f"{owner}/{i:05d}/{variable.path}": variable
        for owner, variables in owners.items()
        for i, variable in enumerate(variables)
    }


def check_fits(path, arrays, variables, written_by):
    """Checkpoint's path, {name: array}, {name: variable}, versions -> None; a `ValueError` unless they are alike."""

    def outline(name, value):
        """Name and shape, to be shown; the same without Keras's running numbers, which differ between processes."""
        shown = f"{name} {keras.backend.standardize_dtype(value.dtype)} {list(value.shape)}"
        return shown, re.sub(r"_\d+", "", shown)

    saved = [outline(name, arrays[name]) for name in sorted(arrays)]
    here = [outline(name, variable) for name, variable in variables.items()]
    differences = [
        f"{then[0]} was saved, {now[0]} is here"
        for then, now in itertools.zip_longest(saved, here, fillvalue=("nothing", None))
        if then[1] != now[1]
    ]
    if differences:
        raise ValueError(
            f"{path} is of another model or optimizer: it has {len(saved)} variables, and here are {len(here)}. "
            f"{some_of(differences)}. It was written by Keras {written_by['keras']} on {written_by['backend']}. "
            "Build and compile the model as it was, or choose another directory."
        )


def as_arrays(variables):
    """{name: variable} -> {name: array}, as a file takes them."""
    return {name: np.asarray(keras.ops.convert_to_numpy(variable), order="C") for name, variable in variables.items()}


def add_to(variables, arrays):
    """{name: variable} of sums, and the same as `as_arrays` gave -> None; adds these."""
    for variable, array in zip(variables.values(), arrays.values(), strict=True):
        variable.assign(array + keras.ops.convert_to_numpy(variable))


def of_owner(arrays, owner):
    """{name in the file: array}, an owner -> the owner's, by the rest of their names."""
    return {name.removeprefix(owner): array for name, array in arrays.items() if name.startswith(owner)}


def states_of(callbacks):
    """callbacks with a `state` -> a list of these states, and {name in the file: array} of all of them."""
    states, arrays = [], {}
    for i, callback in enumerate(callbacks):
        state, own = callback.state()
        states.append(state)
        arrays |= {f"callbacks/{i}/{name}": array for name, array in own.items()}
    return states, arrays
