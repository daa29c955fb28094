"""A process of tests/training/test_parts_on_devices.py: models of which parts train, on one device and on two replicas.

python tests/processes/parts_on_devices.py OUTPUT.npz
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import keras_bert
from small_task import classification, config

ROWS, STEPS = 7, 4
WAYS = {
    "lora": lambda model: keras_bert.lora(model, rank=2, targets=("query", "value", "feedforward_output")),
    "frozen": lambda model: keras_bert.freeze(model, layers=1),
}


def trained(strategy, way, accumulate):
    """-> {path of a weight: array} after some steps; and those that don't train, as they were."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras_bert.text_classifier(keras_bert.backbone(config()), 3)
    WAYS[way](model)  # knows the strategy by itself
    before = [variable.numpy() for variable in model.non_trainable_weights]
    with strategy.scope():
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras_bert.AdamW(1e-2, layer_decay=0.75), loss, accumulate=accumulate)
    batches = tf.data.Dataset.from_tensor_slices(classification(np.random.default_rng(0), ROWS * STEPS)).batch(ROWS)
    model.fit(batches, verbose=0, shuffle=False)
    for old, variable in zip(before, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, variable.numpy(), err_msg=variable.path)
    return {variable.path: variable.numpy() for variable in model.trainable_weights}


def main(output):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = {}
    for mode, strategy, accumulate in (("one", one, 1), ("mirrored", two, 1), ("parts", one, 2)):
        for way in WAYS:
            for path, weight in trained(strategy, way, accumulate).items():
                results[f"{mode}/{way}/{path}"] = weight
    np.savez(output, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
