"""A process of distribution/test_strategies.py: trains each kind of model on fixed batches, writes what came of it.

python tests/processes/training_on_devices.py one|mirrored|multi_worker OUTPUT.npz
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import keras_bert
from keras_bert.distribution import gather_strings, is_chief, own_batches, worker_of
from small_task import LENGTH, classification, config, inputs, pretraining, ranking, similarity, tagging

ROWS, STEPS = 7, 20  # 7 rows aren't a multiple of 2 replicas


def pair(rng, rows):
    return inputs(rng, rows), rng.random((rows, 1)).astype("float32")


def windows(rng, rows):
    x, y = classification(rng, rows)
    mask = np.tile(np.arange(LENGTH, dtype="int32") // 5 + 1, (rows, 1))
    mask[::3, 7:] = 0  # two windows, of which the second is shorter
    return x | {"padding_mask": mask}, y


def distilling(rng, rows):
    labels = np.where(rng.random((rows, 1)) < 0.7, rng.integers(0, 3, (rows, 1)), np.nan)
    targets = np.concatenate([rng.normal(size=(rows, 3)), labels], axis=1)
    return inputs(rng, rows), targets.astype("float32"), rng.random(rows).astype("float32")


def answering(rng, rows):
    return inputs(rng, rows), {name: rng.integers(0, LENGTH, rows) for name in ("start_logits", "end_logits")}


def several_labels(rng, rows):
    return inputs(rng, rows), rng.integers(0, 2, (rows, 4)).astype("float32"), rng.random(rows).astype("float32")


def uneven_classes(rng, rows):
    x, y = classification(rng, rows)
    return x, y, np.array([0.25, 1.0, 3.0], "float32")[y]  # as weights of classes stand in batches


def cross_entropy(**options):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, **options)


MEAN = {"reduction": "mean_with_sample_weight"}
TASKS = {
    "pretraining": (
        pretraining,
        lambda backbone: keras_bert.pretrainer(backbone),
        {
            "loss": {"mlm": cross_entropy(**MEAN), "nsp": cross_entropy(**MEAN)},
            "weighted_metrics": {"mlm": ["accuracy"], "nsp": ["accuracy"]},
        },
    ),
    "classification": (
        classification,
        lambda backbone: keras_bert.text_classifier(backbone, num_classes=3),
        {"loss": cross_entropy(), "metrics": ["accuracy"]},
    ),
    "several_labels": (
        several_labels,
        lambda backbone: keras_bert.text_classifier(backbone, num_classes=4, multi_label=True),
        {"loss": keras_bert.losses.SmoothedBinaryCrossEntropy(0.1, [(3, 1), (1, 1), (0.5, 2), (0, 7)])},
    ),
    "uneven_classes": (
        uneven_classes,
        lambda backbone: keras_bert.text_classifier(backbone, num_classes=3),
        {"loss": keras_bert.losses.SmoothedCrossEntropy(0.1)},
    ),
    "windows": (
        windows,
        lambda backbone: keras_bert.in_windows(keras_bert.text_classifier(backbone, 3), length=5, stride=1),
        {"loss": cross_entropy(), "metrics": ["accuracy"]},
    ),
    "tagging": (
        tagging,
        lambda backbone: keras_bert.token_classifier(backbone, num_classes=3),
        {"loss": cross_entropy(**MEAN), "weighted_metrics": ["accuracy"]},
    ),
    "pair": (pair, keras_bert.text_regressor, {"loss": "mse", "metrics": ["mae"]}),
    "answering": (answering, keras_bert.span_predictor, {"loss": cross_entropy(), "loss_weights": None}),
    "distilling": (
        distilling,
        lambda backbone: keras_bert.student(keras_bert.text_classifier(backbone, num_classes=3), layers=[1]),
        {"loss": keras_bert.distillation.SoftTargets(2.0, label_share=0.3, **MEAN)},
    ),
    "ranking": (
        ranking,
        keras_bert.text_embedder,
        {"loss": keras_bert.losses.InBatchNegatives(both_directions=True, dimensions=(5, 12))},
    ),
    "similarity": (similarity, keras_bert.text_embedder, {"loss": keras_bert.losses.CoSENT()}),
}
IN_PARTS = ("pretraining", "windows", "ranking")
# Those that sum over workers what others don't: all of a dict of losses, weights, real tokens, windows, gathered rows.
OF_WORKERS = ("pretraining", "uneven_classes", "tagging", "windows", "ranking")


def batches_of(make, rows):
    """function of a task, rows of each batch -> dataset."""
    rng = np.random.default_rng(0)
    return dataset_of([make(rng, count) for count in rows])


def shares_of(make, worker, workers):
    """function of a task, number of the worker, of how many -> its share; worker 1's ends two batches earlier."""
    rng = np.random.default_rng(0)
    first, second = ([make(rng, count) for count in rows] for rows in ((3, 3, 2), (2,)))
    if workers == 2:
        return dataset_of((first, second)[worker])
    both = tf.nest.map_structure(lambda *parts: np.concatenate(parts), first[0], second[0])
    return dataset_of([both, *first[1:]])


def dataset_of(batches):
    """list of batches of arrays -> dataset of a known number of batches with an unknown number of rows."""
    made = [tf.nest.map_structure(tf.convert_to_tensor, batch) for batch in batches]
    spec = tf.nest.map_structure(lambda tensor: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype), made[0])
    dataset = tf.data.Dataset.from_generator(lambda: iter(made), output_signature=spec)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(made)))


def result_of(task, strategy, accumulate, own_shares=False):
    """-> {name: array} of the trained weights, the losses and the metrics, and of predictions."""
    make, head, options = TASKS[task]
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = head(keras_bert.backbone(config()))
        # So small a norm that every step is clipped.
        optimizer = keras_bert.AdamW(keras_bert.WarmupPolynomialDecay(1e-3, STEPS, 5), global_clipnorm=0.1)
        model.compile(optimizer, **options, accumulate=accumulate)
    train = batches_of(make, [ROWS] * (STEPS // 2 - 1) + [3])
    if own_shares:
        train = own_batches(shares_of(make, *worker_of(strategy)), strategy)
    held_out = batches_of(make, [ROWS, 5, 1])  # of the last batch one worker has nothing
    history = model.fit(train, epochs=2, validation_data=held_out, verbose=0, shuffle=False).history
    scores = model.evaluate(held_out, verbose=0, return_dict=True)
    predicted = keras.tree.flatten(model.predict(held_out, verbose=0))
    return {
        **{f"weight_{i:02d}": weight for i, weight in enumerate(model.get_weights())},
        **{f"history_{name}": np.array(values) for name, values in history.items()},
        **{f"evaluate_{name}": np.array(value) for name, value in scores.items()},
        **{f"predict_{i}": np.array(value) for i, value in enumerate(predicted)},
        "steps": np.array(keras.ops.convert_to_numpy(optimizer.iterations)),
    }


def seeds_of_replicas(strategy):
    """-> the seeds of dropout on each replica of each worker after a step, for each of its layers [R, layers, 2]."""
    with strategy.scope():
        model = keras_bert.text_classifier(
            keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=29)), 3
        )
        model.compile(keras_bert.AdamW(1e-3), cross_entropy())
    model.fit(batches_of(classification, [ROWS]), verbose=0)
    states = [variable.value for variable in model.variables if variable.name == "seed_generator_state"]
    here = [[copy.numpy().tolist() for copy in strategy.experimental_local_results(state)] for state in states]
    of_workers = [json.loads(text) for text in gather_strings(strategy, json.dumps(here))]
    return np.concatenate(of_workers, axis=1).swapaxes(0, 1)


def answers_to_a_batch(strategy):
    """-> the logits of `predict_on_batch` for seven rows."""
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras_bert.text_classifier(keras_bert.backbone(config()), 3)
    return model.predict_on_batch(inputs(np.random.default_rng(0), ROWS))


def main(mode, output):
    if mode == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = keras_bert.distribution.strategy(mode)
    results = {}
    for task in OF_WORKERS if mode == "multi_worker" else TASKS:
        for accumulate in (1, 3) if task in IN_PARTS else (1,):
            for name, value in result_of(task, strategy, accumulate).items():
                results[f"{task}/{accumulate}/{name}"] = value
    for name, value in result_of("tagging", strategy, accumulate=1, own_shares=True).items():
        results[f"shares/1/{name}"] = value
    results["seeds"] = seeds_of_replicas(strategy)
    results["on_batch"] = answers_to_a_batch(strategy)
    if is_chief(strategy):
        np.savez(output, **results)
    print(json.dumps({"arrays": len(results), "replicas": strategy.num_replicas_in_sync}))


if __name__ == "__main__":
    main(*sys.argv[1:])
