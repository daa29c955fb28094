"""A process of tests/models/test_backends.py: every builder on the backend that KERAS_BACKEND names.

FOLDER holds, of each builder, what TensorFlow saved: NAME.keras, and the directory NAME in Hugging Face's layout.
outputs.npz, trained/NAME.keras and pretrained/NAME come into it.

python tests/processes/models_on_a_backend.py FOLDER
"""

import sys
import warnings
from pathlib import Path

import keras
import numpy as np

import keras_bert
from builders import BUILDERS, arrays, build, config, inputs_of, loss_of, targets_of, task_of
from keras_bert import inspection
from keras_bert.inspection.answers import _run
from keras_bert.inspection.gradients import values_and_gradients
from tiny_bert import TINY, assert_as_transformers


def load_without_tokenizer(directory, task):
    """directory, task -> the model; the warning says why it comes alone."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, tokenizer = keras_bert.load_pretrained(directory, task)
    assert tokenizer is None and any("needs TensorFlow" in str(warning.message) for warning in caught)
    return model


def predicted(inputs):
    """inputs -> function of a model that gives what `predict` compiles and computes."""
    return lambda model: arrays(model.predict(inputs, verbose=0))


def train_save_and_load(name, model, folder, inputs, outputs_of):
    """Trains a step, saves and loads -> the outputs, by that function of a model: the same before and after."""
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), loss_of(name))
    history = model.fit(inputs, targets_of(name), verbose=0).history
    assert np.isfinite(history["loss"]).all(), history
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    expected = outputs_of(model)
    folder.mkdir(exist_ok=True)
    model.save(folder / f"{name}.keras")
    loaded = keras.models.load_model(folder / f"{name}.keras")
    for key, value in outputs_of(loaded).items():
        np.testing.assert_allclose(value, expected[key], atol=1e-6)
    assert loaded.identity == model.identity
    return expected


def what_tensorflow_saved(name, folder):
    """Name of a builder -> {KIND: outputs} of what was saved as .keras and in Hugging Face's layout."""
    loaded = keras.models.load_model(folder / f"{name}.keras")
    pretrained = load_without_tokenizer(folder / name, task_of(name))
    keras_bert.save_pretrained(pretrained, None, folder / "pretrained" / name)
    inputs = inputs_of(name)
    found = {"loaded": arrays(loaded(inputs)), "pretrained": arrays(pretrained(inputs))}
    found["inspected"] = looked_into(loaded, inputs)
    return found | ({"predicted": predicted(inputs)(loaded)} if name == "pretrainer" else {})


def looked_into(model, inputs):
    """model, its inputs -> its attention weights and hidden states; of a classifier also gradients."""
    found = {
        "attention": inspection.attention_of_inputs(model, inputs),
        "hidden_states": inspection.hidden_states_of_inputs(model, inputs),
    }
    if model.task == "text_classifier":
        first = {key: values[:1] for key, values in inputs.items()}
        vectors = found["hidden_states"][:2, 1]  # any will do
        values = values_and_gradients(lambda rows: _run(model, first, rows)[:, 0], vectors)
        found |= dict(zip(("values", "gradients"), values, strict=True))
    return found


def what_is_built_here(name, folder):
    """Name of a builder -> the outputs after a step."""
    inputs = inputs_of(name)
    return train_save_and_load(
        name, build(name, num_layers=1), folder / "trained", inputs, lambda model: arrays(model(inputs))
    )


def check_half_precision(folder):
    """A step in bfloat16, with a row of padding alone."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = inputs_of("text_classifier")
    inputs["padding_mask"][1] = 0
    model = build("text_classifier", num_layers=1)
    (logits,) = train_save_and_load("text_classifier", model, folder / "half", inputs, predicted(inputs)).values()
    assert model.output.dtype == "float32" and np.isfinite(logits).all()
    keras.config.set_dtype_policy("float32")


def check_file_of_transformers(folder):
    """Read, computed with, and written again."""
    model = load_without_tokenizer(TINY / "text_classifier", "text_classifier")
    assert_as_transformers(model, "text_classifier")
    keras_bert.save_pretrained(model, None, folder / "pretrained" / "tiny")


def neighbours():
    """-> the kernel of an attention that begins at the neighbours."""
    model = keras_bert.backbone(config(num_layers=1, num_heads=2, hidden_dim=36))
    keras_bert.initialization.neighbour_attention(model)
    return keras.ops.convert_to_numpy(model.get_layer("encoder_0").query_key_value.kernel)


def main(folder):
    keras.utils.set_random_seed(0)
    found = {"neighbours": neighbours()}
    for name in BUILDERS:
        for kind, outputs in {
            **what_tensorflow_saved(name, folder),
            "trained": what_is_built_here(name, folder),
        }.items():
            found |= {f"{kind}/{name}/{key}": value for key, value in outputs.items()}
    check_half_precision(folder)
    check_file_of_transformers(folder)
    np.savez(folder / "outputs.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
