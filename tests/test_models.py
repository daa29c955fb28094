"""The models: an independent reference in float64, exact counts, packing, saving, precision, and that they learn."""

import math

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert import BertConfig

BATCH, LENGTH, VOCABULARY, HIDDEN, HEADS, INTERMEDIATE, CLASSES = 3, 7, 29, 12, 4, 37, 5


def config(**overrides):
    fields = {
        "vocabulary_size": VOCABULARY,
        "num_layers": 2,
        "num_heads": HEADS,
        "hidden_dim": HIDDEN,
        "intermediate_dim": INTERMEDIATE,
        "max_sequence_length": 11,
        "num_segments": 3,
    }
    return BertConfig(**{**fields, **overrides})


def backbone(**overrides):
    """A backbone whose weights are wide, and whose biases and normalizations aren't 0 and 1."""
    model = keras_bert.backbone(config(**{"initializer_range": 0.3, **overrides}))
    rng = np.random.default_rng(3)
    for variable in model.trainable_variables:
        if len(variable.shape) == 1:
            variable.assign(variable + rng.normal(size=variable.shape) * 0.3)
    return model


MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 2, 2, 3, 0]], "int32")


def batch(mask=MASK, seed=1):
    rng = np.random.default_rng(seed)
    return {
        "token_ids": rng.integers(0, VOCABULARY, mask.shape).astype("int32"),
        "segment_ids": rng.integers(0, 3, mask.shape).astype("int32"),
        "padding_mask": np.array(mask, "int32"),
    }


def pretraining_batch():
    return {
        **batch(),
        "mask_positions": np.array([[1, 5], [3, 0], [2, 4]], "int32"),
        "cls_positions": np.array([[0, 0, 0], [0, 0, 0], [0, 3, 5]], "int32"),
    }


BUILDERS = {
    "backbone": lambda b: b,
    "pretrainer": keras_bert.pretrainer,
    "masked_language_model": keras_bert.masked_language_model,
    "text_classifier": lambda b: keras_bert.text_classifier(b, 3, labels=["가", "b", "c"]),
    "text_regressor": keras_bert.text_regressor,
    "token_classifier": lambda b: keras_bert.token_classifier(b, 2, labels=["O", "B-PER"]),
    "span_predictor": keras_bert.span_predictor,
}


def inputs_of(model):
    return {key: pretraining_batch()[key] for key in model.input}


def arrays(outputs):
    """A model's output, dict or not -> a dict of float32 arrays."""
    outputs = outputs if isinstance(outputs, dict) else {"output": outputs}
    return {key: keras.ops.convert_to_numpy(keras.ops.cast(value, "float32")) for key, value in outputs.items()}


def assert_equal_outputs(model, other, tolerance=0.0):
    expected = arrays(model(inputs_of(model)))
    for key, value in arrays(other(inputs_of(model))).items():
        np.testing.assert_allclose(value, expected[key], rtol=0, atol=tolerance)


# --- An independent reference --------------------------------------------------------------------


def reference(model, inputs):
    """Devlin et al. in float64 and plain numpy: dict of int [B, T] -> sequence output, pooled output."""
    weights = {v.path: keras.ops.convert_to_numpy(v).astype("float64") for v in model.variables}

    def norm(x, name):
        deviation = np.sqrt(((x - x.mean(-1, keepdims=True)) ** 2).mean(-1, keepdims=True) + 1e-12)
        return (x - x.mean(-1, keepdims=True)) / deviation * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def dense(x, name):
        return np.einsum("...i,io->...o", x, weights[f"{name}/kernel"]) + weights[f"{name}/bias"]

    mask = inputs["padding_mask"]
    positions = np.zeros_like(mask)
    for b, row in enumerate(mask):
        seen = {}
        for t, k in enumerate(row):
            positions[b, t] = seen.get(k, 0) if k else 0
            seen[k] = positions[b, t] + 1
    x = norm(
        weights["embedding/token_embedding/embeddings"][inputs["token_ids"]]
        + weights["embedding/position_embedding/embeddings"][positions]
        + weights["embedding/segment_embedding/embeddings"][inputs["segment_ids"]],
        "embedding/layer_norm",
    )
    num_layers = len({path.split("/")[0] for path in weights if path.startswith("encoder_")})
    for i in range(num_layers):
        name = f"encoder_{i}"
        query, key, value = (
            part.reshape(*mask.shape, HEADS, -1) for part in np.split(dense(x, f"{name}/query_key_value"), 3, axis=-1)
        )
        scores = np.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(HIDDEN / HEADS)
        scores[np.broadcast_to((mask[:, :, None] != mask[:, None, :])[:, None], scores.shape)] = -np.inf
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        gathered = np.einsum("bhqk,bkhd->bqhd", shares, value).reshape(x.shape)
        x = norm(x + dense(gathered, f"{name}/attention_output"), f"{name}/attention_layer_norm")
        inner = dense(x, f"{name}/feedforward_intermediate")
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(x + dense(inner, f"{name}/feedforward_output"), f"{name}/feedforward_layer_norm")
    return x, np.tanh(dense(x[:, 0], "pooler/dense"))


def test_backbone_equals_the_reference():
    model = backbone(num_layers=3)
    sequence_output, pooled_output = reference(model, batch())
    outputs = model(batch())
    np.testing.assert_allclose(outputs["sequence_output"], sequence_output, atol=1e-5)
    np.testing.assert_allclose(outputs["pooled_output"], pooled_output, atol=1e-5)


def test_heads_read_the_right_output():
    model = backbone()
    sequence_output, pooled_output = reference(model, batch())
    classifier = keras_bert.text_classifier(model, CLASSES)
    tagger = keras_bert.token_classifier(model, CLASSES)
    regressor = keras_bert.text_regressor(model)
    predictor = keras_bert.span_predictor(model)

    def dense(x, head):
        kernel, bias = (keras.ops.convert_to_numpy(v) for v in head.layers[-1].trainable_variables[-2:])
        return x @ kernel + bias

    np.testing.assert_allclose(classifier(batch()), dense(pooled_output, classifier), atol=1e-5)
    np.testing.assert_allclose(tagger(batch()), dense(sequence_output, tagger), atol=1e-5)
    np.testing.assert_allclose(regressor(batch()), dense(pooled_output, regressor), atol=1e-5)
    kernel, bias = (keras.ops.convert_to_numpy(v) for v in predictor.trainable_variables[-2:])
    logits, outputs = sequence_output @ kernel + bias, predictor(batch())
    np.testing.assert_allclose(outputs["start_logits"], logits[..., 0], atol=1e-5)
    np.testing.assert_allclose(outputs["end_logits"], logits[..., 1], atol=1e-5)


# --- Contract ------------------------------------------------------------------------------------


def parameters(c):
    """The count by hand."""
    d, i = c.hidden_dim, c.intermediate_dim
    embedding = (c.vocabulary_size + c.max_sequence_length + c.num_segments) * d + 2 * d
    encoder = (3 * d * d + 3 * d) + (d * d + d) + 2 * d + (d * i + i) + (i * d + d) + 2 * d
    return embedding + c.num_layers * encoder + d * d + d


@pytest.mark.parametrize("size, count", [("base", 109_482_240), ("large", 335_141_888)])
def test_parameters_of_published_sizes(monkeypatch, size, count):
    monkeypatch.setattr(  # drawing 335 million random numbers takes ten seconds
        keras.initializers.TruncatedNormal, "__call__", lambda self, shape, dtype=None: keras.ops.zeros(shape, dtype)
    )
    assert parameters(BertConfig.named(size)) == count
    model = keras_bert.backbone(BertConfig.named(size))
    assert model.count_params() == count
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == count


@pytest.mark.parametrize(
    "name, head",
    [
        ("backbone", 0),
        ("masked_language_model", HIDDEN * HIDDEN + HIDDEN + 2 * HIDDEN + VOCABULARY),
        ("pretrainer", HIDDEN * HIDDEN + HIDDEN + 2 * HIDDEN + VOCABULARY + 2 * HIDDEN + 2),
        ("text_classifier", 3 * HIDDEN + 3),
        ("text_regressor", HIDDEN + 1),
        ("token_classifier", 2 * HIDDEN + 2),
        ("span_predictor", 2 * HIDDEN + 2),
    ],
)
def test_parameters_of_every_model(name, head):
    """Token models have no use for the pooler, so they don't hold it."""
    count = parameters(config()) + head
    if name in ("masked_language_model", "token_classifier", "span_predictor"):
        count -= HIDDEN * HIDDEN + HIDDEN
    assert BUILDERS[name](backbone()).count_params() == count


@pytest.mark.parametrize("name", BUILDERS)
def test_inputs_and_outputs(name):
    model = BUILDERS[name](backbone())
    keys = {"token_ids", "segment_ids", "padding_mask"}
    keys |= {"mask_positions"} if name in ("pretrainer", "masked_language_model") else set()
    keys |= {"cls_positions"} if name == "pretrainer" else set()
    assert set(model.input) == keys
    assert all(tensor.dtype == "int32" and tuple(tensor.shape) == (None, None) for tensor in model.input.values())
    shapes = {
        "backbone": {"sequence_output": (3, 7, 12), "pooled_output": (3, 12)},
        "pretrainer": {"mlm": (3, 2, 29), "nsp": (3, 3, 2)},
        "masked_language_model": {"mlm": (3, 2, 29)},
        "text_classifier": {"output": (3, 3)},
        "text_regressor": {"output": (3, 1)},
        "token_classifier": {"output": (3, 7, 2)},
        "span_predictor": {"start_logits": (3, 7), "end_logits": (3, 7)},
    }[name]
    outputs = model(inputs_of(model))
    assert {key: value.shape for key, value in arrays(outputs).items()} == shapes
    symbolic = model.output if isinstance(model.output, dict) else {"output": model.output}
    for key, tensor in symbolic.items():
        assert len(tensor.shape) == len(shapes[key])
        assert tensor.shape[-1] in (None, shapes[key][-1])


@pytest.mark.parametrize("name", BUILDERS)
def test_save_and_load(tmp_path, name):
    model = BUILDERS[name](backbone(activation="gelu_tanh"))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal_outputs(model, loaded)
    assert (loaded.task, loaded.config, loaded.labels) == (name, model.config, model.labels)
    assert [v.path for v in loaded.trainable_variables] == [v.path for v in model.trainable_variables]


@pytest.mark.parametrize("name", BUILDERS)
def test_what_is_frozen_stays_frozen_when_it_is_loaded(tmp_path, name):
    body = backbone()
    model = BUILDERS[name](body)
    body.trainable = False
    of_head = [variable.path for variable in model.trainable_variables]
    assert not any(path.startswith(("embedding", "encoder", "pooler")) for path in of_head)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [variable.path for variable in loaded.trainable_variables] == of_head
    for layer in loaded.layers:
        layer.trainable = True
    for layer in loaded.layers:
        layer.trainable = False
    assert loaded.trainable_variables == []
    loaded.save(tmp_path / "frozen.keras")
    assert keras.models.load_model(tmp_path / "frozen.keras").trainable_variables == []


@pytest.mark.parametrize("name", ["pretrainer", "text_classifier"])
def test_config_round_trip(name):
    model = BUILDERS[name](backbone())
    copy = model.__class__.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    assert_equal_outputs(model, copy)


def test_a_compiled_model_trains_on_after_loading(tmp_path):
    model = BUILDERS["text_classifier"](backbone(dropout=0.0, attention_dropout=0.0))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, run_eagerly=True)
    y = np.array([0, 1, 2])
    model.fit(batch(), y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for m in (model, loaded):
        m.fit(batch(), y, verbose=0)
    assert_equal_outputs(model, loaded, tolerance=1e-5)


def test_every_model_has_the_config_of_its_backbone():
    c = config(
        dropout=0.2, attention_dropout=0.3, activation="gelu_tanh", layer_norm_epsilon=1e-7, initializer_range=0.04
    )
    model = keras_bert.backbone(c)
    for build in BUILDERS.values():
        assert build(model).config == c


def test_labels():
    model = backbone()
    assert BUILDERS["text_classifier"](model).labels == ("가", "b", "c")
    assert BUILDERS["token_classifier"](model).labels == ("O", "B-PER")
    for name in ("backbone", "pretrainer", "text_regressor", "span_predictor"):
        assert BUILDERS[name](model).labels is None


def test_a_head_shares_the_weights_of_its_backbone():
    model = backbone()
    classifier, tagger = BUILDERS["text_classifier"](model), BUILDERS["token_classifier"](model)
    before = np.array(tagger(batch()))
    classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    classifier.fit(batch(), np.array([0, 1, 2]), verbose=0)
    assert np.abs(tagger(batch()) - before).max() > 1e-4


# --- Masked words and next sentence --------------------------------------------------------------


def table_of(model):
    return model.get_layer("embedding").token_embedding.embeddings


@pytest.mark.parametrize("after", ["building", "loading"])
@pytest.mark.parametrize("name", ["pretrainer", "masked_language_model"])
def test_masked_word_logits_are_tied(tmp_path, name, after):
    model = BUILDERS[name](backbone())
    if after == "loading":
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    assert sum(tuple(v.shape) == (VOCABULARY, HIDDEN) for v in model.variables) == 1
    inputs = inputs_of(model)
    inputs["token_ids"] %= 20
    before = arrays(model(inputs))["mlm"]
    table = keras.ops.convert_to_numpy(table_of(model)).copy()
    table[23] += np.linspace(0, 1, HIDDEN)  # a token that is in no input: only its own logit can change
    table_of(model).assign(table)
    moved = np.abs(arrays(model(inputs))["mlm"] - before).max(axis=(0, 1)) > 1e-5
    np.testing.assert_array_equal(moved, np.arange(VOCABULARY) == 23)


def test_gradients_reach_the_table_from_both_ends():
    """A token that is in no input and no target still gets a gradient, from the softmax."""
    import tensorflow as tf

    model = BUILDERS["masked_language_model"](backbone())
    inputs = inputs_of(model)
    inputs["token_ids"] %= 20
    with tf.GradientTape() as tape:
        logits = model(inputs)["mlm"]
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(np.full((3, 2), 4), logits))
    gradient = tf.convert_to_tensor(tape.gradient(loss, table_of(model).value)).numpy()
    assert (np.abs(gradient).max(axis=1) > 0).all()


def test_masked_word_logits_are_those_of_the_positions():
    model = BUILDERS["masked_language_model"](backbone())
    everywhere = {**batch(), "mask_positions": np.tile(np.arange(LENGTH, dtype="int32"), (BATCH, 1))}
    whole = arrays(model(everywhere))["mlm"]
    some = arrays(model(inputs_of(model)))["mlm"]
    for b, row in enumerate(inputs_of(model)["mask_positions"]):
        for m, position in enumerate(row):
            np.testing.assert_allclose(some[b, m], whole[b, position], atol=1e-5)


# --- Masking -------------------------------------------------------------------------------------


def test_padding_changes_nothing():
    model = backbone()
    before = arrays(model(batch()))
    changed = batch()
    for key, high in (("token_ids", VOCABULARY), ("segment_ids", 3)):
        other = (changed[key] + np.random.default_rng(7).integers(1, high, MASK.shape)) % high
        changed[key] = np.where(MASK == 0, other, changed[key]).astype("int32")
    after = arrays(model(changed))
    np.testing.assert_allclose(after["sequence_output"][MASK > 0], before["sequence_output"][MASK > 0], atol=1e-6)
    np.testing.assert_allclose(after["pooled_output"], before["pooled_output"], atol=1e-6)
    assert np.abs(after["sequence_output"] - before["sequence_output"])[MASK == 0].max() > 1e-2  # the test can fail


@pytest.mark.parametrize("side", ["right", "left"])
def test_more_padding_changes_nothing(side):
    model = backbone()
    short = batch(np.ones((BATCH, 4), "int32"))
    width = (0, 3) if side == "right" else (3, 0)
    long = {key: np.pad(value, ((0, 0), width)) for key, value in short.items()}
    expected = arrays(model(short))["sequence_output"]
    got = arrays(model(long))["sequence_output"]
    np.testing.assert_allclose(got[:, :4] if side == "right" else got[:, 3:], expected, atol=1e-5)


def pack(rows, width):
    """Dicts of one row each -> one row that holds them all, padded to the width, and where each starts."""
    lengths = [row["token_ids"].shape[1] for row in rows]
    packed = {key: np.concatenate([row[key] for row in rows], axis=1) for key in ("token_ids", "segment_ids")}
    packed["padding_mask"] = np.repeat(np.arange(1, len(rows) + 1), lengths)[None].astype("int32")
    packed = {key: np.pad(value, ((0, 0), (0, width - sum(lengths)))) for key, value in packed.items()}
    return packed, np.cumsum([0, *lengths[:-1]])


@pytest.mark.parametrize("width", [10, 13])  # 13: longer than max_sequence_length, which holds for each sequence
def test_a_packed_row_is_separate_rows(width):
    model = backbone()
    rows = [batch(np.ones((1, n), "int32"), seed=n) for n in (5, 2, 3)]
    packed, starts = pack(rows, width)
    got = arrays(model(packed))["sequence_output"][0]
    for row, start in zip(rows, starts, strict=True):
        expected = arrays(model(row))["sequence_output"][0]
        np.testing.assert_allclose(got[start : start + len(expected)], expected, atol=1e-5)


def test_a_packed_row_is_separate_rows_to_the_pretrainer():
    model = keras_bert.pretrainer(backbone())
    rows = [batch(np.ones((1, n), "int32"), seed=n) for n in (5, 2, 3)]
    positions = [4, 1, 2]
    packed, starts = pack(rows, 11)
    packed["cls_positions"] = starts[None].astype("int32")
    packed["mask_positions"] = (starts + positions)[None].astype("int32")
    got = arrays(model(packed))
    for n, (row, position) in enumerate(zip(rows, positions, strict=True)):
        row["cls_positions"], row["mask_positions"] = np.array([[0]], "int32"), np.array([[position]], "int32")
        expected = arrays(model(row))
        np.testing.assert_allclose(got["mlm"][0, n], expected["mlm"][0, 0], atol=1e-5)
        np.testing.assert_allclose(got["nsp"][0, n], expected["nsp"][0, 0], atol=1e-5)


# --- Precision and compilation -------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILDERS)
def test_mixed_bfloat16(tmp_path, name):
    full = BUILDERS[name](backbone())
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = BUILDERS[name](backbone())
    half.set_weights(full.get_weights())
    assert {v.dtype for v in half.trainable_variables} == {"float32"}
    outputs = half(inputs_of(half))
    if name != "backbone":
        dtypes = {keras.backend.standardize_dtype(x.dtype) for x in keras.tree.flatten(outputs)}
        assert dtypes == {"float32"}
    expected = arrays(full(inputs_of(full)))
    for key, value in arrays(outputs).items():
        assert np.abs(value - expected[key]).mean() < 0.05
    keras.config.set_dtype_policy("float32")
    half.save(tmp_path / "model.keras")
    assert_equal_outputs(half, keras.models.load_model(tmp_path / "model.keras"))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["pretrainer", "text_classifier", "token_classifier"])
def test_fully_padded_rows_are_finite(policy, name):
    import tensorflow as tf

    keras.config.set_dtype_policy(policy)
    model = BUILDERS[name](backbone(attention_dropout=0.1))
    inputs = inputs_of(model)
    inputs["padding_mask"][1] = 0
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(model(inputs, training=True))
        loss = sum(tf.reduce_sum(tf.cast(x, "float32") ** 2) for x in outputs)
    for x in outputs:
        assert np.isfinite(x).all()
    for gradient in tape.gradient(loss, [v.value for v in model.trainable_variables]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_jit_compiled_training():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = keras_bert.pretrainer(backbone(num_layers=1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), {"mlm": loss, "nsp": loss}, jit_compile=True)
    y = {"mlm": np.full((BATCH, 2), 4), "nsp": np.full((BATCH, 3), 1)}
    history = model.fit(pretraining_batch(), y, epochs=4, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0]


def test_jit_compiled_outputs_are_equal():
    model = BUILDERS["text_classifier"](backbone())
    expected = np.array(model(batch()))
    model.compile(jit_compile=True)
    np.testing.assert_allclose(model.predict(batch(), verbose=0), expected, atol=1e-5)


def test_training_is_seeded():
    def trained():
        keras.utils.set_random_seed(5)
        model = keras_bert.text_classifier(keras_bert.backbone(config(dropout=0.3, attention_dropout=0.3)), 3)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-2), loss, run_eagerly=True)
        return model.fit(batch(), np.array([0, 1, 2]), epochs=3, verbose=0).history["loss"]

    assert trained() == trained()


@pytest.mark.parametrize("rates", [{"dropout": 0.5}, {"attention_dropout": 0.5}])
def test_dropout_of_the_config_is_used(rates):
    model = backbone(**{"dropout": 0.0, "attention_dropout": 0.0, **rates})
    quiet = arrays(model(batch(), training=False))["sequence_output"]
    noisy = arrays(model(batch(), training=True))["sequence_output"]
    assert np.abs(noisy - quiet).max() > 1e-2


# --- Bad arguments -------------------------------------------------------------------------------


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
        lambda: keras_bert.text_classifier(backbone(), 2),
        lambda: keras_bert.span_predictor(backbone()),
        lambda: keras_bert.pretrainer(backbone()),
    ],
    ids=["none", "config", "function", "dense", "other embedding", "classifier", "span predictor", "pretrainer"],
)
@pytest.mark.parametrize("name", ON_A_BACKBONE)
def test_builders_want_a_backbone(name, not_a_backbone):
    with pytest.raises(ValueError, match="backbone"):
        BUILDERS[name](not_a_backbone())


@pytest.mark.parametrize("value", [lambda: None, other_embedding, lambda: keras.Sequential([keras.layers.Dense(2)])])
def test_what_no_builder_made_is_named(value):
    with pytest.raises(ValueError, match="must come from one of keras_bert's builders, pretrainer"):
        keras_bert.models.check_built(value(), "pretrainer")
    with pytest.raises(ValueError, match="Received: a backbone"):
        keras_bert.models.check_built(backbone(), "pretrainer", "text_classifier")


@pytest.mark.parametrize("name", BUILDERS)
def test_clones_know_what_they_are(name):
    model = BUILDERS[name](backbone())
    clone = keras.models.clone_model(model)
    assert (
        (clone.task, clone.config, clone.labels)
        == (model.task, model.config, model.labels)
        == (
            name,
            config(),
            model.labels,
        )
    )


@pytest.mark.parametrize("build", [keras_bert.text_classifier, keras_bert.token_classifier])
class TestClassifierArguments:
    @pytest.mark.parametrize("num_classes", [0, -1, 2.0, True, None])
    def test_number(self, build, num_classes):
        with pytest.raises(ValueError, match="`num_classes`"):
            build(backbone(), num_classes)

    @pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"], ["a", "a"], "ab"])
    def test_labels(self, build, labels):
        with pytest.raises(ValueError, match="`labels`"):
            build(backbone(), 2, labels=labels)

    @pytest.mark.parametrize("dropout", [1.0, -0.1])
    def test_dropout(self, build, dropout):
        with pytest.raises(ValueError, match="`dropout`"):
            build(backbone(), 2, dropout=dropout)


def test_regressor_dropout():
    with pytest.raises(ValueError, match="`dropout`"):
        keras_bert.text_regressor(backbone(), dropout=1.0)


def test_unknown_activation():
    with pytest.raises(ValueError, match="activation"):
        keras_bert.backbone(config(activation="no_such_activation"))


def test_a_missing_input_is_named():
    model, inputs = backbone(), batch()
    del inputs["padding_mask"]
    with pytest.raises(ValueError, match="padding_mask"):
        model(inputs)


# --- They learn ----------------------------------------------------------------------------------


def words(rng, rows):
    """Rows of 5 to 11 tokens from 9 on, between [CLS] 2 and [SEP] 3."""
    ids = rng.integers(9, VOCABULARY, (rows, 11)).astype("int32")
    lengths = rng.integers(5, 12, rows)
    index = np.arange(11)
    ids[:, 0] = 2
    ids[np.arange(rows), lengths - 1] = 3
    mask = (index < lengths[:, None]).astype("int32")
    return {"token_ids": ids * mask, "segment_ids": np.zeros_like(ids), "padding_mask": mask}, lengths


def test_text_classifier_learns():
    """Which of two tokens stands somewhere in the text? Plain compile and fit; scored on texts not trained on."""
    rng = np.random.default_rng(1)
    x, lengths = words(rng, 640)
    y = rng.integers(0, 2, 640)
    x["token_ids"][np.arange(640), rng.integers(1, lengths - 1)] = 7 + y
    model = keras_bert.text_classifier(
        keras_bert.backbone(config(num_layers=1, hidden_dim=24, initializer_range=0.1)), 2
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    train, test = {k: v[:512] for k, v in x.items()}, {k: v[512:] for k, v in x.items()}
    model.fit(train, y[:512], batch_size=32, epochs=6, verbose=0)
    assert model.evaluate(test, y[512:], verbose=0, return_dict=True)["accuracy"] > 0.9


def test_pretrainer_learns_both_tasks():
    """Each row repeats one word, and the second sentence either goes on with it or takes another."""
    rng = np.random.default_rng(1)
    rows = 256
    first = rng.integers(9, 15, rows)
    is_random = rng.integers(0, 2, rows)
    second = np.where(is_random, 9 + (first - 9 + rng.integers(1, 6, rows)) % 6, first)
    one = np.ones(rows, "int64")
    ids = np.stack([2 * one, first, first, first, 3 * one, second, second, second, 3 * one], axis=1).astype("int32")
    mask_positions = np.stack([rng.integers(1, 4, rows), rng.integers(5, 8, rows), 0 * one], axis=1).astype("int32")
    mlm = np.take_along_axis(ids, mask_positions, axis=1)
    np.put_along_axis(ids, mask_positions[:, :2], 4, axis=1)  # [MASK]; the third position fills the row up
    x = {
        "token_ids": ids,
        "segment_ids": np.tile(np.array([0] * 5 + [1] * 4, "int32"), (rows, 1)),
        "padding_mask": np.ones_like(ids),
        "mask_positions": mask_positions,
        "cls_positions": np.zeros((rows, 1), "int32"),
    }
    y = {"mlm": mlm, "nsp": is_random[:, None]}
    weights = {"mlm": np.tile(np.array([1.0, 1.0, 0.0]), (rows, 1)), "nsp": np.ones((rows, 1))}
    model = keras_bert.pretrainer(
        keras_bert.backbone(config(hidden_dim=24, initializer_range=0.1, dropout=0.0, attention_dropout=0.0))
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    model.compile(keras.optimizers.Adam(3e-3), {"mlm": loss, "nsp": loss})
    history = model.fit(x, y, sample_weight=weights, batch_size=32, epochs=18, verbose=0).history
    assert history["mlm_loss"][0] > 2 and history["mlm_loss"][-1] < 0.5
    assert history["nsp_loss"][0] > 0.6 and history["nsp_loss"][-1] < 0.4
