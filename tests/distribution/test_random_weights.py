"""What a checkpoint lacked: a model knows which of its weights are random still, until they are trained or set."""

import warnings

import keras
import numpy as np
import pytest

import keras_bert
from small_task import config, inputs

pytestmark = pytest.mark.filterwarnings("ignore:.*(start random|no vocabulary|left over):UserWarning")


@pytest.fixture
def encoder(tmp_path):
    """A checkpoint without heads, as a sentence encoder is."""
    keras_bert.save_pretrained(keras_bert.backbone(config()), None, tmp_path / "encoder")
    return tmp_path / "encoder"


def load(directory, task, **options):
    return keras_bert.load_pretrained(directory, task, **options)[0]


def test_a_head_that_the_checkpoint_lacks_is_random(encoder, tmp_path):
    assert load(encoder, "backbone").random_weights == ()
    assert load(encoder, "pretrainer").random_weights == ("mlm/dense/kernel", "nsp/dense/kernel")
    assert load(encoder, "span_predictor").random_weights == ("span/dense/kernel",)
    assert keras_bert.pretrainer(keras_bert.backbone(config())).random_weights == ()  # no checkpoint promised a head
    keras_bert.save_pretrained(keras_bert.masked_language_model(load(encoder, "backbone")), None, tmp_path / "words")
    assert load(tmp_path / "words", "pretrainer").random_weights == ("pooler/dense/kernel", "nsp/dense/kernel")


def test_files_and_configurations_keep_it(encoder, tmp_path):
    model = load(encoder, "text_regressor")
    model.save(tmp_path / "model.keras")
    copy = type(model).from_config(model.get_config())
    assert copy.random_weights == ()  # other random numbers, all of them
    copy.set_weights(model.get_weights())
    for same in (keras.models.load_model(tmp_path / "model.keras"), copy):
        assert same.random_weights == model.random_weights == ("regressor/dense/kernel",)


def test_training_ends_it(encoder):
    model = load(encoder, "text_regressor")
    model.compile("sgd", "mse")
    x = inputs(np.random.default_rng(0), 3)
    model.get_layer("regressor").trainable = False
    model.compile("sgd", "mse")
    model.fit(x, np.ones((3, 1)), verbose=0)
    assert model.random_weights == ("regressor/dense/kernel",)  # frozen, it learned nothing
    model.get_layer("regressor").trainable = True
    model.compile("sgd", "mse")
    model.fit(x, np.ones((3, 1)), verbose=0)
    assert model.random_weights == ()


@pytest.mark.parametrize("how", ["set_weights", "load_weights"])
def test_weights_that_are_set_end_it(encoder, tmp_path, how):
    model, other = load(encoder, "text_regressor"), load(encoder, "text_regressor")
    if how == "set_weights":
        model.set_weights(other.get_weights())
    else:
        other.save_weights(tmp_path / "other.weights.h5")
        model.load_weights(tmp_path / "other.weights.h5")
    assert model.random_weights == ()


@pytest.mark.parametrize("layout", ["hugging_face", "google"])
def test_to_save_them_is_warned_of(encoder, tmp_path, layout):
    """In these layouts nothing tells random weights from trained ones."""
    with pytest.warns(UserWarning, match=r"never trained: mlm/dense/kernel, nsp/dense/kernel\. Whoever") as caught:
        keras_bert.save_pretrained(load(encoder, "pretrainer"), None, tmp_path / "saved", layout=layout)
    assert {warning.filename for warning in caught if "never trained" in str(warning.message)} == {__file__}
    body = load(tmp_path / "saved", "backbone")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras_bert.save_pretrained(body, None, tmp_path / "backbone", layout=layout)
