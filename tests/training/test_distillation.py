"""Students and their loss: copied layers, values by hand, targets that belong to their rows, refusals."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import rel_entr, softmax

import keras_bert
from builders import BUILDERS, assert_equal_outputs, backbone, build, config, shared
from keras_bert.checkpoints.weights import variables_of
from keras_bert.training.distillation import (
    SoftTargets,
    evenly_spaced,
    soft_batches,
    with_hidden_states,
    with_zeros,
)

NAN = np.nan
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_layers_are_evenly_spaced_up_to_the_last():
    assert [evenly_spaced(count, total=6) for count in (1, 2, 3, 6)] == [(5,), (2, 5), (1, 3, 5), (0, 1, 2, 3, 4, 5)]
    assert evenly_spaced(3, total=7) == (1, 3, 6)


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("layers", [(0,), (1,), (0, 1)])
def test_a_student_is_a_smaller_model_with_the_teachers_weights(name, layers):
    teacher = shared(name)
    student = keras_bert.student(teacher, layers=layers)
    assert (student.task, student.labels, student.name) == (teacher.task, teacher.labels, teacher.name)
    assert student.config.num_layers == len(layers) and teacher.config.num_layers == 2
    # Built anew with so many layers, and given the weights by their names.
    expected = BUILDERS[name].build(keras_bert.backbone(config(num_layers=len(layers), initializer_range=0.3)))
    weights = variables_of(teacher)
    for path, variable in variables_of(expected).items():
        layer, _, rest = path.partition("/")
        number = layer.removeprefix("encoder_")
        variable.assign(weights[f"encoder_{layers[int(number)]}/{rest}" if number != layer else path])
    assert variables_of(student).keys() == variables_of(expected).keys()
    assert_equal_outputs(name, student, expected, tolerance=1e-6)
    for variable in student.variables:
        variable.assign(keras.ops.zeros_like(variable))
    assert_equal_outputs(name, teacher, tolerance=1e-6)  # whose weights are its own


def test_a_student_is_saved_as_any_model(tmp_path, tokenizer, small_config):
    teacher = keras_bert.text_classifier(keras_bert.backbone(small_config), 3, labels=["a", "b", "c"], dropout=0.3)
    student = keras_bert.student(teacher)  # half of two layers
    assert student.config.num_layers == 1
    inputs = {key: np.ones((2, 5), "int32") for key in ("token_ids", "segment_ids", "padding_mask")}
    expected = keras.ops.convert_to_numpy(student(inputs))
    student.save(tmp_path / "student.keras")
    keras_bert.save_pretrained(student, tokenizer, tmp_path / "student")
    loaded, _ = keras_bert.load_pretrained(tmp_path / "student", task="text_classifier")
    for again in (keras.models.load_model(tmp_path / "student.keras"), loaded):
        np.testing.assert_allclose(again(inputs), expected, atol=1e-6)
        assert again.config == student.config and again.labels == ("a", "b", "c")
        assert again.get_layer("classifier").dropout == 0.3


def test_a_student_of_an_adapted_teacher_has_merged_kernels():
    """And all of it is to be trained, whatever of the teacher was frozen."""
    teacher = keras_bert.lora(build("text_classifier"), rank=2)
    for variable in teacher.trainable_variables:
        variable.assign(variable + 0.1)
    student = keras_bert.student(teacher, layers=[0, 1])
    assert_equal_outputs("text_classifier", student, teacher, tolerance=1e-5)
    assert not any("lora" in name for name in variables_of(student))
    assert len(student.trainable_variables) == len(variables_of(student))


def test_layers_that_a_teacher_has_not_got_are_refused():
    teacher = shared("text_classifier")

    def refused(message, *arguments, **options):
        with pytest.raises(ValueError, match=message):
            keras_bert.student(*arguments, **options)

    refused("`num_layers` must be at most the teacher's, 2. Received: num_layers=3", teacher, 3)
    refused("`num_layers` must be an integer of at least 1", teacher, 0)
    for layers in ([2], [-1], [1, 0], [1, 1], [], [0.5], 1, "01"):
        refused(r"`layers` must be different numbers .* 0 to 1", teacher, layers=layers)
    refused("as many as `num_layers`", teacher, 2, layers=[1])
    refused("must come from one of keras_bert's builders", keras.Sequential())


LOG3 = np.log(3.0)
# At a temperature of 2 the teacher has 3/4 and 1/4, the student 1/2 and 1/2; without one, it has them too.
ROW, LOGITS = [2 * LOG3, 0.0], [0.0, 0.0]
DIVERGENCE = 4 * (0.75 * np.log(1.5) + 0.25 * np.log(0.5))


@pytest.mark.parametrize(
    ("share", "label", "expected"),
    [
        (0.0, NAN, DIVERGENCE),
        (0.0, 1, DIVERGENCE),
        (0.25, 1, 0.75 * DIVERGENCE + 0.25 * np.log(2)),
        (0.25, NAN, DIVERGENCE),  # nothing but the teacher to learn from
        (1.0, 0, np.log(2)),
    ],
)
def test_classes_by_hand(share, label, expected):
    value = SoftTargets(temperature=2.0, label_share=share)(np.array([[*ROW, label]]), np.array([LOGITS]))
    assert float(value) == pytest.approx(expected, rel=1e-6)


def test_several_classes_and_scores_by_hand():
    """Each class by itself: the teacher says 3/4 and 1/2 at a temperature of 2, the student 1/2 of both."""
    targets, logits = np.array([[*ROW, 1, 0], [*ROW, NAN, NAN]]), np.array([LOGITS, LOGITS])
    value = SoftTargets(2.0, label_share=0.5, activation="sigmoid")(targets, logits)
    soft = DIVERGENCE / 2  # of two classes one is right already
    assert float(value) == pytest.approx((0.5 * soft + 0.5 * np.log(2) + soft) / 2, rel=1e-6)
    scores = SoftTargets(label_share=0.25, activation="linear")
    value = scores(np.array([[3.0, 5.0], [3.0, NAN]]), np.array([[1.0], [2.0]]))
    assert float(value) == pytest.approx((0.75 * 4 + 0.25 * 16 + 1) / 2, rel=1e-6)


def test_divergences_are_those_of_scipy():
    rng = np.random.default_rng(0)
    teacher, student = rng.normal(size=(2, 5, 7, 3)).astype("float32") * 4
    weights = rng.random((5, 7)).astype("float32")
    targets = np.concatenate([teacher, np.full((5, 7, 1), NAN, "float32")], axis=-1)
    expected = 9 * rel_entr(softmax(teacher / 3, axis=-1), softmax(student / 3, axis=-1)).sum(axis=-1)
    value = SoftTargets(3.0)(targets, student, sample_weight=weights)
    assert float(value) == pytest.approx(np.average(expected, weights=weights), rel=1e-5)
    targets, student, weights = (
        np.pad(array, [(0, 0), (0, 4)] + [(0, 0)] * (array.ndim - 2)) for array in (targets, student, weights)
    )
    assert float(SoftTargets(3.0)(targets, student, sample_weight=weights)) == pytest.approx(float(value), rel=1e-5)


def test_gradients_keep_their_size_at_high_temperatures():
    """Of logits around 0 they come near to (student - teacher) / C: equation 4 of Hinton et al."""
    teacher, student = tf.constant([[1.0, -3.0, 2.0]]), tf.constant([[0.5, 0.5, -1.0]])
    targets = tf.concat([teacher, [[NAN]]], axis=1)
    with tf.GradientTape() as tape:
        tape.watch(student)
        value = SoftTargets(temperature=100.0)(targets, student)
    np.testing.assert_allclose(tape.gradient(value, student), (student - teacher) / 3, atol=0.02)


def test_a_loss_of_soft_targets_is_checked_and_survives_keras_files(tmp_path):
    wrong = [("temperature", 0.0), *(("label_share", share) for share in (1.5, True, "a", NAN)), ("activation", "tanh")]
    for name, value in wrong:
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            SoftTargets(**{name: value})
    with pytest.raises(ValueError, match=r"needs 4 targets for 3 logits.*soft_batches makes them"):
        SoftTargets()(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r'one logit.*activation="linear" for a text_regressor'):
        SoftTargets()(np.zeros((2, 2)), np.zeros((2, 1)))
    model = build("text_classifier")
    model.compile(keras_bert.AdamW(1e-3), SoftTargets(3.0, 0.25), accumulate=2)
    model.save(tmp_path / "model.keras")
    loss = keras.models.load_model(tmp_path / "model.keras").loss.loss
    assert (loss.temperature, loss.label_share, loss.activation) == (3.0, 0.25, "softmax")


@pytest.fixture(scope="module")
def task(tokenizer):
    """A teacher of random weights, its tokenizer and 40 texts of different lengths."""
    sizes = {"vocabulary_size": tokenizer.vocabulary_size, "dropout": 0.0}
    rng = np.random.default_rng(0)
    words = ["good", "dull", "book", "film"]
    texts = [" ".join(rng.choice(words, 1 + number % 7)) for number in range(40)]
    return keras_bert.text_classifier(backbone(**sizes), 3, labels=["a", "b", "c"]), tokenizer, texts


def rows_of(batches):
    """batches -> {tokens of a row without padding: [its targets, ...]}."""
    found = {}
    for inputs, targets, *_ in batches:
        for ids, mask, target in zip(inputs["token_ids"], inputs["padding_mask"], targets, strict=True):
            found.setdefault(tuple(ids.numpy()[mask.numpy() > 0].tolist()), []).append(target.numpy())
    return found


@pytest.mark.parametrize("seed", [None, 5])
def test_each_row_has_the_teachers_answer_and_its_own_label(task, seed):
    teacher, tokenizer, texts = task
    examples = [(text, "abc"[number % 3]) for number, text in enumerate(texts[:30])]
    labelled = keras_bert.data.classification_batches(examples, tokenizer, teacher.labels, 8, max_length=11)
    unlabelled = keras_bert.data.unlabelled_batches(texts[30:], tokenizer, 8, max_length=11)
    batches = soft_batches([labelled, unlabelled], teacher, tokenizer, batch_size=4, seed=seed)
    assert len(batches) == 10 and sum(len(targets) for _, targets in batches) == 40
    rows = rows_of(batches)
    inputs = keras_bert.data.model_inputs(texts, tokenizer, 11)
    labels = [*(label for _, label in examples), *[None] * 10]
    is_real = inputs["padding_mask"].numpy() > 0
    for ids, real, answer, label in zip(inputs["token_ids"].numpy(), is_real, teacher(inputs), labels, strict=True):
        targets = rows[tuple(ids[real].tolist())]
        np.testing.assert_allclose([target[:3] for target in targets], [answer] * len(targets), atol=1e-5)
        number = NAN if label is None else teacher.labels.index(label)
        assert any(np.array_equal(target[3], number, equal_nan=True) for target in targets)
    if seed is not None:
        first, second = ([ids.numpy().tolist() for ids in (x["token_ids"] for x, _ in batches)] for _ in range(2))
        assert first != second  # shuffled anew each epoch


def test_pairs_and_scores_have_targets_too(task):
    _, tokenizer, texts = task
    teacher = keras_bert.text_regressor(backbone(vocabulary_size=tokenizer.vocabulary_size, dropout=0.0))
    pairs = [(text, "a film", str(number)) for number, text in enumerate(texts[:5])]
    batches = keras_bert.data.regression_batches(pairs, tokenizer, 3, max_length=11)
    for inputs, targets in soft_batches(batches, teacher, tokenizer, batch_size=5):
        np.testing.assert_allclose(targets[:, :1], teacher(inputs), atol=1e-5)
        assert sorted(targets[:, 1].numpy().tolist()) == [0, 1, 2, 3, 4]
        assert inputs["segment_ids"].numpy().max() == 1
    unlabelled = keras_bert.data.unlabelled_batches([pair[:2] for pair in pairs], tokenizer, 3, max_length=11)
    for inputs, targets in soft_batches(unlabelled, teacher, tokenizer, batch_size=5):
        np.testing.assert_allclose(targets[:, :1], teacher(inputs), atol=1e-5)
        assert np.isnan(targets[:, 1]).all()


def test_texts_of_several_classes_have_a_target_and_a_label_for_each(task):
    _, tokenizer, texts = task
    teacher = keras_bert.text_classifier(
        backbone(vocabulary_size=tokenizer.vocabulary_size, dropout=0.0), 3, labels=["a", "b", "c"], multi_label=True
    )
    student = keras_bert.student(teacher)
    assert student.multi_label and student.thresholds == teacher.thresholds
    examples = [(text, ["a", "c"] if number % 2 else []) for number, text in enumerate(texts)]
    labelled = keras_bert.data.classification_batches(examples, tokenizer, teacher.labels, 8, max_length=11)
    unlabelled = keras_bert.data.unlabelled_batches(texts[:5], tokenizer, 8, max_length=11)
    batches = soft_batches([labelled, unlabelled], teacher, tokenizer, batch_size=45)
    for inputs, targets in batches:
        np.testing.assert_allclose(targets[:, :3], teacher(inputs), atol=1e-5)
        of_labels = [tuple(label) for label in targets[:, 3:].numpy()]
        assert (of_labels.count((0, 0, 0)), of_labels.count((1, 0, 1))) == (20, 20)
        assert np.isnan(targets[:, 3:]).sum() == 15
    student.compile(keras_bert.AdamW(1e-3), SoftTargets(2.0, label_share=0.5, activation="sigmoid"))
    assert np.isfinite(student.fit(batches, verbose=0).history["loss"])


def test_each_token_has_a_target_and_its_weight(task):
    _, tokenizer, texts = task
    teacher = keras_bert.token_classifier(backbone(vocabulary_size=tokenizer.vocabulary_size, dropout=0.0), 2)
    sentences = [(text.split(), ["O" if word == "film" else "X" for word in text.split()]) for text in texts]
    plain = keras_bert.data.tagging_batches(sentences, tokenizer, ["O", "X"], 8, max_length=11)
    film = tokenizer.token_to_id("film")
    for inputs, targets, weights in soft_batches(plain, teacher, tokenizer, batch_size=5, seed=0):
        real = inputs["padding_mask"].numpy() > 0
        assert targets.shape == (*real.shape, 3)
        np.testing.assert_allclose(targets.numpy()[real][:, :2], teacher(inputs).numpy()[real], atol=1e-5)
        counts = weights.numpy() > 0
        tags = (inputs["token_ids"].numpy() != film).astype("float32")
        np.testing.assert_array_equal(targets.numpy()[counts][:, 2], tags[counts])
        assert counts.sum() == (inputs["token_ids"].numpy() >= len(SPECIAL)).sum()


def test_batches_that_no_teacher_can_answer_are_refused(task):
    teacher, tokenizer, texts = task
    batches = keras_bert.data.unlabelled_batches(texts, tokenizer, 8, max_length=11)

    def refused(message, batches=batches, teacher=teacher, tokenizer=tokenizer):
        with pytest.raises(ValueError, match=message):
            soft_batches(batches, teacher, tokenizer, batch_size=4)

    refused("same order at each reading", batches.shuffle(100))
    refused("must hold rows for the teacher", batches.take(0))
    refused("text_classifier, text_regressor, token_classifier", teacher=shared("span_predictor"))
    refused("in windows", teacher=keras_bert.in_windows(teacher, length=11))
    refused("vocabulary", tokenizer=keras_bert.WordPieceTokenizer([*SPECIAL, "good"]))
    with pytest.raises(ValueError, match="at least one text"):
        keras_bert.data.unlabelled_batches([], tokenizer, 8, max_length=11)
    with pytest.raises(ValueError, match="must be a tuple of strings"):
        keras_bert.data.unlabelled_batches(["good", ("good", "film")], tokenizer, 8, max_length=11)


def test_a_student_comes_to_answer_as_its_teacher(task):
    teacher, tokenizer, texts = task
    student = keras_bert.student(teacher)
    batches = keras_bert.data.unlabelled_batches(texts, tokenizer, 8, max_length=11)
    batches = soft_batches(batches, teacher, tokenizer, batch_size=8, seed=0)
    student.compile(keras_bert.AdamW(1e-2), SoftTargets(temperature=2.0))
    losses = student.fit(batches, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("accumulate", [1, 3])
def test_hidden_states_come_near_to_the_teachers(task, accumulate):
    """By hand: what the model says of a batch; then it is trained, and the teacher isn't."""
    _, tokenizer, texts = task
    config = {"vocabulary_size": tokenizer.vocabulary_size, "num_layers": 4, "dropout": 0.2}
    teacher = keras_bert.text_classifier(backbone(**config), 3)
    student = keras_bert.student(teacher, layers=[0, 3])
    both = with_hidden_states(student, teacher)  # layer 0 is to come near to layer 1
    inputs = keras_bert.data.model_inputs(texts[:5], tokenizer, 11)
    outputs = both(inputs)
    np.testing.assert_allclose(outputs["targets"], student(inputs), atol=1e-6)
    first, second = (
        keras.Model(teacher.input, teacher.get_layer(f"encoder_{i}").output)(inputs).numpy() for i in range(2)
    )
    for number, real in enumerate(inputs["padding_mask"].numpy() > 0):
        expected = np.mean((first[number, real] - second[number, real]) ** 2)
        np.testing.assert_allclose(outputs["hidden_states"][number], [expected], rtol=1e-4)

    batches = keras_bert.data.unlabelled_batches(texts, tokenizer, 8, max_length=11)
    batches = with_zeros(soft_batches(batches, teacher, tokenizer, batch_size=8, seed=0))
    before = teacher.get_weights()
    losses = {"targets": SoftTargets(temperature=2.0), "hidden_states": "mae"}
    weights = {"targets": 1.0, "hidden_states": 0.5}
    both.compile(keras_bert.AdamW(3e-3), losses, loss_weights=weights, accumulate=accumulate)
    assert len(both.trainable_weights) == len(student.trainable_weights)
    history = both.fit(batches, epochs=6, verbose=0).history
    assert history["hidden_states_loss"][-1] < 0.6 * history["hidden_states_loss"][0]
    for one, other in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_hidden_states_of_texts_weigh_alike_whatever_their_tokens_do(task):
    """By hand: two texts of which the weights are of tokens, half of them padding or without a weight."""
    _, tokenizer, _ = task
    teacher = keras_bert.token_classifier(backbone(vocabulary_size=tokenizer.vocabulary_size, dropout=0.0), 2)
    student = keras_bert.student(teacher, layers=[0, 1])
    student.get_layer("encoder_0").feedforward_layer_norm.beta.assign(np.arange(12) / 5)
    both = with_hidden_states(student, teacher)
    sentences = [(["good"], ["O"]), (["dull", "good", "book", "film", "book"], ["O", "X", "O", "X", "X"])]
    batches = keras_bert.data.tagging_batches(sentences, tokenizer, ["O", "X"], 2, max_length=11)
    batches = with_zeros(soft_batches(batches, teacher, tokenizer, batch_size=2))
    [(inputs, _, weights)] = batches
    assert weights["targets"].shape == (2, 7) and np.count_nonzero(weights["targets"]) == 6
    expected = np.mean(both(inputs)["hidden_states"])
    assert expected > 0.1
    for accumulate in (1, 2):
        both.compile("sgd", {"targets": SoftTargets(), "hidden_states": "mae"}, accumulate=accumulate)
        found = both.evaluate(batches, verbose=0, return_dict=True)["hidden_states_loss"]
        assert found == pytest.approx(expected, rel=1e-5)


def test_weights_of_texts_are_for_both():
    inputs, targets, weights = np.zeros((3, 2), "int32"), np.zeros((3, 4), "float32"), np.array([1.0, 0.0, 2.0])
    [(_, _, by_output)] = with_zeros(tf.data.Dataset.from_tensors(({"token_ids": inputs}, targets, weights)))
    for name in ("targets", "hidden_states"):
        assert by_output[name].numpy().tolist() == [1.0, 0.0, 2.0]


def test_hidden_states_that_cannot_be_compared_are_refused():
    teacher = build("text_classifier")
    with pytest.raises(ValueError, match="student of one layer"):
        with_hidden_states(keras_bert.student(teacher, 1), teacher)
    with pytest.raises(ValueError, match="hidden_dim=12, a teacher with hidden_dim=16"):
        with_hidden_states(teacher, keras_bert.text_classifier(backbone(hidden_dim=16), 3))
    with pytest.raises(ValueError, match="`layers` must be"):
        with_hidden_states(teacher, teacher, layers=[2])
