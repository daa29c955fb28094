"""Models that Keras's `quantize` made smaller: what comes back of them, and what isn't written of them."""

import keras
import pytest

import keras_bert
from builders import BUILDERS, arrays, assert_equal_outputs, build, inputs_of, task_of

pytestmark = pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
HOW = {
    "int8": {"mode": "int8"},
    "int4": {"mode": "int4"},
    "int4 in small blocks": {"config": keras.quantizers.Int4QuantizationConfig(block_size=4)},
    "int8 weights alone": {"config": keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)},
    "float8": {"mode": "float8"},
}


def loaded(model, path):
    """A model, a path -> what comes back of it from a file."""
    model.save(path)
    return keras.models.load_model(path)


@pytest.mark.parametrize("name", BUILDERS)
def test_files_are_as_quantized_as_the_model(name, tmp_path):
    model = build(name, num_layers=1)
    before = arrays(model(inputs_of(name)))
    model.quantize("int8")
    after = arrays(model(inputs_of(name)))
    assert all(abs(after[key] - before[key]).max() > 1e-4 for key in before)
    again = loaded(model, tmp_path / "model.keras")
    assert_equal_outputs(name, again, after)
    assert (again.task, again.config, again.labels) == (task_of(name), model.config, BUILDERS[name].labels)


@pytest.mark.parametrize("how", HOW)
def test_other_ways(how, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16" if how == "int4" else "float32")
    model = build("text_classifier", num_layers=1)
    model.quantize(**HOW[how])
    keras.config.set_dtype_policy("float32")
    assert_equal_outputs("text_classifier", loaded(model, tmp_path / "model.keras"), model)


def test_what_was_loaded_is_saved_and_cloned():
    model = build("pretrainer", num_layers=1)
    model.quantize("int4")
    for _ in range(2):
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        assert_equal_outputs("pretrainer", clone, model)
        model = clone


def test_part_of_a_model(tmp_path):
    model = build("pretrainer", num_layers=2)
    model.quantize("int8", filters="feedforward|nsp")
    again = loaded(model, tmp_path / "model.keras")
    assert_equal_outputs("pretrainer", again, model)
    assert again.get_layer("encoder_1").feedforward_output.quantization_mode == "int8"
    assert again.get_layer("encoder_1").attention_output.quantization_mode is None


def test_what_is_not_quantized_has_the_configuration_that_it_had():
    assert "quantized" not in build("backbone", num_layers=1).get_layer("encoder_0").get_config()


def test_layouts_of_others_have_no_place_for_it(tokenizer, tmp_path):
    pytest.importorskip("onnx")
    model = build("text_classifier", num_layers=1, vocabulary_size=tokenizer.vocabulary_size)
    model.quantize("int8")
    for write in (keras_bert.save_pretrained, keras_bert.export_onnx):
        with pytest.raises(ValueError, match=r"quantized to int8.*model\.save.*export_onnx"):
            write(model, tokenizer, tmp_path / "model")
        assert not any(tmp_path.iterdir())
