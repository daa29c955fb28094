"""A process of tests/test_jax_distribution.py: trains models on JAX on some devices, and writes their weights.

python tests/processes/training_on_jax_devices.py DEVICES OUTPUT.npz
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={sys.argv[1]}"

import jax
import keras
import numpy as np

import keras_bert
from small_task import classification, config, pretraining

DEVICES, OUTPUT = int(sys.argv[1]), sys.argv[2]
ROWS, STEPS = 8, 10

rows_of_a_device = []  # of the logits of each loss, noted while a step is compiled


class CrossEntropy(keras.losses.SparseCategoricalCrossentropy):
    """Cross-entropy that notes how many rows of a batch a device computes."""

    def call(self, y_true, y_pred):
        shape = y_pred.shape

        def note(sharding):
            """how the logits lie on the devices -> None"""
            rows_of_a_device.append(sharding.shard_shape(shape)[0])

        jax.debug.inspect_array_sharding(y_pred, callback=note)
        return super().call(y_true, y_pred)


def cross_entropy():
    """-> a loss: the mean over what counts in a batch."""
    return CrossEntropy(from_logits=True, reduction="mean_with_sample_weight")


# Name of a task -> its data, its head on a backbone, the names of its outputs where it has several.
TASKS = {
    "classification": (classification, lambda backbone: keras_bert.text_classifier(backbone, num_classes=3), None),
    "pretraining": (pretraining, keras_bert.pretrainer, ("mlm", "nsp")),
}


def devices_of(variable):
    """variable -> number of devices that each have the whole of it; 0 if they have parts."""
    sharding = variable.value.sharding
    return len(sharding.device_set) if sharding.is_fully_replicated else 0


def result_of(task):
    """name of a task -> {name: array} of the weights before and after training, and of where it was computed."""
    make, head, outputs = TASKS[task]
    keras.utils.set_random_seed(0)
    model = head(keras_bert.backbone(config()))
    initial = model.get_weights()
    x, y, *weights = make(np.random.default_rng(0), ROWS * STEPS)
    loss = cross_entropy() if outputs is None else {name: cross_entropy() for name in outputs}
    model.compile(keras_bert.AdamW(1e-3), loss)
    rows_of_a_device.clear()
    model.fit(x, y, sample_weight=weights[0] if weights else None, batch_size=ROWS, shuffle=False, verbose=0)
    return {
        **{f"initial_{i:02d}": weight for i, weight in enumerate(initial)},
        **{f"trained_{i:02d}": weight for i, weight in enumerate(model.get_weights())},
        "steps": keras.ops.convert_to_numpy(model.optimizer.iterations),
        "devices_of_variables": np.array([devices_of(variable) for variable in model.variables]),
        "rows_of_a_device": np.array(rows_of_a_device),
    }


def main():
    if DEVICES > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel())
    results = {f"{task}/{name}": value for task in TASKS for name, value in result_of(task).items()}
    np.savez(OUTPUT, devices=len(jax.devices()), **results)


if __name__ == "__main__":
    main()
