"""Frozen layers: what a step moves, what the optimizer keeps, what files and exports have of them."""

import keras
import numpy as np
import pytest

import keras_bert
from builders import BUILDERS, arrays, assert_equal_outputs, build, inputs_of, loss_of, shared, targets_of


def trained(model, name="text_classifier", steps=2):
    """A model, its builder -> the paths of the weights that training with a large decay moves."""
    before = {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.weights}
    model.compile(keras_bert.AdamW(0.01, weight_decay=0.5), loss_of(name))
    model.fit(inputs_of(name), targets_of(name), epochs=steps, verbose=0)
    return {v.path for v in model.weights if (keras.ops.convert_to_numpy(v) != before[v.path]).any()}


@pytest.mark.parametrize(("arguments", "kept"), [((1,), ("embedding", "encoder_0")), ((), ("embedding",))])
def test_the_lower_end_stays_to_the_bit(arguments, kept):
    model = build("text_classifier")
    assert keras_bert.freeze(model, *arguments) is model
    above = {v.path for v in model.weights if not v.path.startswith(tuple(f"{name}/" for name in kept))}
    assert len(above) == (28 if not arguments else 16)
    assert trained(model) == above


def test_layers_alone():
    model = keras_bert.freeze(build("text_classifier"), 2, embeddings=False)
    assert {path.split("/")[0] for path in trained(model)} == {"embedding", "pooler", "classifier"}


def test_the_optimizer_keeps_moments_of_what_is_trained():
    model = keras_bert.freeze(build("text_classifier"), 2)
    trained(model)
    sizes = sum(int(np.prod(variable.shape)) for variable in model.optimizer.variables)
    assert sizes == 2 * (12 * 12 + 12 + 3 * 12 + 3) + 2  # two moments each; the step and the rate


@pytest.mark.parametrize("name", BUILDERS)
def test_files_clones_and_layouts(name, tmp_path):
    model = keras_bert.freeze(build(name), 1)
    paths = [variable.path for variable in model.trainable_variables]
    assert paths and not any(path.startswith(("embedding/", "encoder_0/")) for path in paths)
    model.save(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for again in (keras.models.load_model(tmp_path / "model.keras"), clone):
        assert [variable.path for variable in again.trainable_variables] == paths
        assert_equal_outputs(name, again, model)


def test_save_pretrained_writes_all_weights(tmp_path):
    model = keras_bert.freeze(build("text_classifier"), 2)
    keras_bert.save_pretrained(model, None, tmp_path / "model")
    with pytest.warns(UserWarning, match="without a tokenizer"):
        again, _ = keras_bert.load_pretrained(tmp_path / "model", "text_classifier")
    assert_equal_outputs("text_classifier", again, model)


@pytest.mark.parametrize("change", [lambda model: keras_bert.freeze(model, 2), lambda model: keras_bert.lora(model, 2)])
def test_a_student_of_such_a_teacher_trains_whole(change):
    teacher = change(build("text_classifier"))
    small = keras_bert.student(teacher, layers=[0, 1])
    assert [v.path for v in small.trainable_variables] == [v.path for v in shared("text_classifier").weights]
    assert_equal_outputs("text_classifier", small, teacher, tolerance=1e-5)


def test_a_compiled_model_must_be_compiled_again():
    model = build("text_classifier")
    assert any(path.startswith("embedding/") for path in trained(model))
    keras_bert.freeze(model, 1)
    with pytest.raises(ValueError, match=r"You must call `compile\(\)` before using the model"):
        model.fit(inputs_of("text_classifier"), targets_of("text_classifier"), verbose=0)
    assert not any(path.startswith(("embedding/", "encoder_0/")) for path in trained(model))


def test_with_parts_of_a_batch_and_in_half_the_bits():
    results = []
    for accumulate in (1, 2):
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy("mixed_bfloat16" if accumulate == 2 else "float32")
        model = keras_bert.freeze(build("text_classifier", dropout=0.0, attention_dropout=0.0), 1)
        before = keras.ops.convert_to_numpy(model.get_layer("encoder_0").query_key_value.kernel)
        model.compile(keras_bert.AdamW(1e-3), loss_of("text_classifier"), accumulate=accumulate)
        model.fit(inputs_of("text_classifier"), targets_of("text_classifier"), verbose=0)
        after = keras.ops.convert_to_numpy(model.get_layer("encoder_0").query_key_value.kernel)
        np.testing.assert_array_equal(before, after)
        results.append(arrays(model(inputs_of("text_classifier")))["output"])
    np.testing.assert_allclose(*results, atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3,), "between 0 and 2, the number of the model's encoder layers. Received: layers=3"),
        ((-1,), "layers=-1"),
        ((1.0,), "layers=1.0"),
        ((True,), "layers=True"),
        ((1, 1), "`embeddings` must be True or False"),
    ],
)
def test_refusals(arguments, message):
    before = [variable.path for variable in shared("backbone").trainable_variables]
    with pytest.raises(ValueError, match=message):
        keras_bert.freeze(shared("backbone"), *arguments)
    assert [variable.path for variable in shared("backbone").trainable_variables] == before


def test_other_models_are_refused():
    with pytest.raises(ValueError, match="Expected a BERT model of this library"):
        keras_bert.freeze(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
