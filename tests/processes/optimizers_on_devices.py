"""A process of tests/distribution/test_strategies.py: Keras's optimizers on one device and on two replicas.

python tests/processes/optimizers_on_devices.py OUTPUT.npz
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import keras_bert
from small_task import VOCABULARY, classification, config

ROWS, STEPS = 7, 20
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-3),
    "momentum": lambda: keras.optimizers.SGD(1e-2, momentum=0.9),
    "adamw": lambda: keras.optimizers.AdamW(1e-3),
    "lion": lambda: keras.optimizers.Lion(1e-3),
    "adafactor": lambda: keras.optimizers.Adafactor(1e-3),
}


def classifier():
    return keras_bert.text_classifier(keras_bert.backbone(config()), 3)


def with_another_table():
    """A model of the user's own, which looks tokens up in a table that isn't of this library."""
    inputs = keras_bert.backbone(config()).input
    vectors = keras.layers.Embedding(VOCABULARY, 12, name="other")(inputs["token_ids"])
    logits = keras.layers.Dense(3, name="head")(keras.layers.GlobalAveragePooling1D()(vectors))
    return keras_bert.distribution.BertModel(inputs, logits)


def trained(strategy, build, optimizer):
    """-> {path of a weight: array} after 20 steps."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = build()
        model.compile(optimizer(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = classification(np.random.default_rng(0), ROWS * STEPS // 2)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(ROWS)
    model.fit(batches, epochs=2, verbose=0, shuffle=False)
    return {variable.path: weight for variable, weight in zip(model.weights, model.get_weights(), strict=True)}


def main(output):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategies = {"one": tf.distribute.get_strategy(), "mirrored": tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])}
    results = {}
    for mode, strategy in strategies.items():
        for name, optimizer in OPTIMIZERS.items():
            for path, weight in trained(strategy, classifier, optimizer).items():
                results[f"{mode}/{name}/{path}"] = weight
        for path, weight in trained(strategy, with_another_table, OPTIMIZERS["adam"]).items():
            results[f"{mode}/another table/{path}"] = weight
    np.savez(output, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
