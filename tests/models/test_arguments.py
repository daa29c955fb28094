"""What builders refuse, and what they say then."""

import keras
import pytest

import keras_bert
from builders import BUILDERS, config, inputs_of, shared
from keras_bert import BertConfig


@pytest.mark.parametrize("value", [None, "base", {"hidden_dim": 12}, BertConfig])
def test_backbone_wants_a_config(value):
    with pytest.raises(ValueError, match="BertConfig"):
        keras_bert.backbone(value)


ON_A_BACKBONE = [name for name in BUILDERS if name != "backbone"]


def other_embedding():
    inputs = keras.Input((None,), dtype="int32")
    return keras.Model(inputs, keras.layers.Embedding(29, 12, name="embedding")(inputs))


@pytest.mark.parametrize(
    "not_a_backbone",
    [
        lambda: None,
        config,
        lambda: keras_bert.backbone,
        lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]),
        other_embedding,
        lambda: shared("text_classifier"),
        lambda: shared("span_predictor"),
        lambda: shared("pretrainer"),
    ],
    ids=["none", "config", "function", "dense", "other embedding", "classifier", "span predictor", "pretrainer"],
)
@pytest.mark.parametrize("name", ON_A_BACKBONE)
def test_builders_want_a_backbone(name, not_a_backbone):
    with pytest.raises(ValueError, match="backbone"):
        BUILDERS[name].build(not_a_backbone())


@pytest.mark.parametrize("value", [lambda: None, other_embedding, lambda: keras.Sequential([keras.layers.Dense(2)])])
def test_what_no_builder_made_is_named(value):
    with pytest.raises(ValueError, match="must come from one of keras_bert's builders, pretrainer"):
        keras_bert.models.check_built(value(), "pretrainer")
    with pytest.raises(ValueError, match="Received: a backbone"):
        keras_bert.models.check_built(shared("backbone"), "pretrainer", "text_classifier")


@pytest.mark.parametrize("build", [keras_bert.text_classifier, keras_bert.token_classifier])
class TestClassifierArguments:
    @pytest.mark.parametrize("num_classes", [0, -1, 2.0, True, None])
    def test_number(self, build, num_classes):
        with pytest.raises(ValueError, match="`num_classes`"):
            build(shared("backbone"), num_classes)

    @pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"], ["a", "a"], "ab"])
    def test_labels(self, build, labels):
        with pytest.raises(ValueError, match="`labels`"):
            build(shared("backbone"), 2, labels=labels)

    @pytest.mark.parametrize("dropout", [1.0, -0.1])
    def test_dropout(self, build, dropout):
        with pytest.raises(ValueError, match="`dropout`"):
            build(shared("backbone"), 2, dropout=dropout)


def test_regressor_dropout():
    with pytest.raises(ValueError, match="`dropout`"):
        keras_bert.text_regressor(shared("backbone"), dropout=1.0)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"max_length": 12}, r"max_sequence_length=11.* Received: max_length=12"),
        ({"max_length": 2}, r"at least 3: \[CLS\], a token and \[SEP\]\. Received: max_length=2"),
        ({"projections": [64]}, r"triples \(units, activation, whether it has a bias\).* Received: projections=\[64\]"),
        ({"projections": [(64, "tanh")]}, r"triples .* Received: projections=\[\(64, 'tanh'\)\]"),
        ({"projections": [(64, "tanh", "no")]}, r"`bias of a projection` must be True or False"),
        ({"projections": 64}, r"Received: projections=64"),
        ({"normalize": "no"}, r"True or False\. Received: normalize='no'"),
        ({"default_prompt": ["q"]}, r"none given\. Received: default_prompt=\['q'\]"),
        ({"pool": "cls"}, r"are pooling, normalize, projections, .*, similarity\. Received: pool\."),
    ],
)
def test_settings_of_text_embedders(settings, message):
    with pytest.raises(ValueError, match=message):
        keras_bert.text_embedder(shared("backbone"), **settings)


def test_unknown_activation():
    with pytest.raises(ValueError, match="activation"):
        keras_bert.backbone(config(activation="no_such_activation"))


@pytest.mark.parametrize("name", BUILDERS)
def test_a_missing_input_is_named(name):
    inputs = inputs_of(name)
    del inputs["padding_mask"]
    with pytest.raises(ValueError, match="padding_mask"):
        shared(name)(inputs)
