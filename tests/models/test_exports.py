"""Every builder as a SavedModel: of strings where its answers are for people, of numbers where they aren't."""

import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from builders import BUILDERS, arrays, build, inputs_of, shared

OF_STRINGS = [name for name, builder in BUILDERS.items() if builder.strings]
OF_NUMBERS = [name for name, builder in BUILDERS.items() if not builder.strings]
COLUMNS = {
    "text": ["A good book.", "", "dull " * 12, "unheard of", "very good films"],
    "question": ["A good book?", "the", "a film", "book", "very dull"],
    "context": ["the film. very good books", "dull", "good " * 12, "", "unheard of. a book"],
}


@pytest.mark.parametrize("name", OF_STRINGS)
def test_strings_in_answers_out(tmp_path, tokenizer, name):
    model = build(name, num_layers=1, vocabulary_size=tokenizer.vocabulary_size)
    columns = {key: tf.constant(COLUMNS[key]) for key in BUILDERS[name].strings}
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", max_length=9)
    served = tf.saved_model.load(tmp_path / "served")
    answers = served.signatures["serving_default"](**columns)
    expected = keras_bert.predictor(model, tokenizer, max_length=9).function.python_function(**columns)
    assert answers.keys() == expected.keys()
    for key, value in expected.items():
        if value.dtype.is_floating:
            np.testing.assert_allclose(answers[key], value, atol=1e-5, err_msg=key)
        else:
            np.testing.assert_array_equal(answers[key], value, err_msg=key)
    assert any(np.ptp(value) > 1e-3 for value in expected.values() if value.dtype.is_floating)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_numbers_in_numbers_out(tmp_path, name):
    model = build(name, num_layers=1)
    model.export(tmp_path / "served", format="tf_saved_model", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    answers, expected = arrays(served.serve(inputs_of(name))), arrays(model(inputs_of(name)))
    assert answers.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(answers[key], value, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_what_has_no_answers_for_strings_is_refused(tmp_path, tokenizer, name):
    with pytest.raises(ValueError, match=rf"must come from .*text_classifier.* Received: a {name}\."):
        keras_bert.export_saved_model(shared(name), tokenizer, tmp_path / "served")
    assert not any(tmp_path.iterdir())
