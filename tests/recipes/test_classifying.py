"""Weights of classes as a command line has them."""

import pytest

from keras_bert.recipes.classifying import parsed_class_weights


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a"], "CLASS=WEIGHT"),
        (["balanced", "a=1"], "CLASS=WEIGHT"),
        (["a=x"], "Received: 'a=x'"),
        (["a=nan"], "Received: 'a=nan'"),
        (["a=-1"], "at least 0"),
        (["a=1", "a=2"], "'a' has two weights"),
    ],
)
def test_wrong_options_are_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        parsed_class_weights(texts)
    assert parsed_class_weights([]) is None
