"""A recipe in a process that ends at a given moment, for the tests of runs that go on.

python tests/processes/recipe_that_dies.py RECIPE FOLDER EPOCH MOMENT

MOMENT: the number of a step of that epoch, or "validation", after its last step: SIGKILL; or "sigterm", at its second
step.
"""

import os
import signal
import sys
from pathlib import Path

import keras

from keras_bert.recipes import runs


def config_of(recipe, folder):
    """A recipe's module, folder with train and valid -> a Config: two epochs of five steps."""
    suffix = {"tag": "conll", "answer": "json"}.get(recipe.__name__.rpartition(".")[2], "tsv")
    files = {name: folder / f"{name}.{suffix}" for name in ("train", "valid")}
    options = {"epochs": 2, "batch_size": 8, "max_length": 16, "learning_rate": 1e-3, "early_stopping": 5}
    return recipe.Config(**files, output=folder / "model", export=folder / "served", **options)


class Death(keras.callbacks.Callback):
    """Ends the process at a moment."""

    def __init__(self, epoch, moment):
        super().__init__()
        self.epoch, self.moment = epoch, moment

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and self.moment == "sigterm" and batch == 1:
            signal.raise_signal(signal.SIGTERM)
        if self.now == self.epoch and self.moment == str(batch + 1):
            os.kill(os.getpid(), signal.SIGKILL)

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch and self.moment == "validation":
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    import importlib

    name, folder, epoch, moment = sys.argv[1:]
    recipe = importlib.import_module(f"keras_bert.recipes.{name}")
    runs.EVERY = 2

    class Dying(runs.Run):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.callbacks.insert(0, Death(int(epoch), moment))

    runs.Run = Dying
    print(recipe.main(config_of(recipe, Path(folder))))
