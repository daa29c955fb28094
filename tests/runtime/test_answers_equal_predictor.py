"""The runtime's answers are those of `predictor` and `embed`, for all tasks, options and odd texts."""

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert.config import EmbedderConfig

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
KOREAN = ["서울", "##시청", "길", "##에서", "ᄒ", "##ᅡ", "##ᆫ"]
WORDS = ["good", "dull", "book", "film", "a", "the", "##s", "very", "##y", ".", "!", "cafe", "mask", "[", "]", "é"]
TEXTS = [
    "A good book.",
    "",
    " \t\n",
    "dull " * 40,
    "The very good films, the very dull books! A cafe. " * 6,
    "unheard of " + "x" * 120 + " book",
    "서울시청 길에서 한 good 책",
    "\U0001f600 Good\x00 fi\u200blm\u0301s: dull!\x0c book\ufffd",
    "a [MASK] film [SEP] book [E1]good[/E1] [e2]dull",
    "Café CAFÉ\u3000cafe\xa0good",
    b"\xff good \xe2\x82 dull \xf0\x9f book\xc3",
    "\x0c \x01 good\x0cdull a\u0301",
]
LABELS = ["B-L", "B-P", "I-L", "I-P", "O"]


@pytest.fixture(scope="module")
def tokenizer(request):
    """A tokenizer of some kind: "lowercase", "cased", or with "added" tokens."""
    kind = getattr(request, "param", "lowercase")
    settings = {"cased": {"lowercase": False, "strip_accents": False}}.get(kind, {})
    tokenizer = keras_bert.WordPieceTokenizer([*SPECIAL, *KOREAN, *WORDS], **settings)
    if kind == "added":
        tokenizer.add_tokens(["[E1]", "[/E1]"], special_tokens=True).add_tokens(["[e2]"])
    return tokenizer


@pytest.fixture
def backbone(tokenizer):
    keras.utils.set_random_seed(5)
    size = {"num_layers": 2, "num_heads": 4, "hidden_dim": 12, "intermediate_dim": 37, "max_sequence_length": 32}
    config = keras_bert.BertConfig(vocabulary_size=tokenizer.vocabulary_size, initializer_range=0.5, **size)
    return keras_bert.backbone(config)


def assert_close(got, expected, where=()):
    """Raises an `AssertionError` unless plain values are equal, numbers nearly so."""
    if isinstance(expected, dict):
        assert list(got) == list(expected), where
        for key, value in expected.items():
            assert_close(got[key], value, (*where, key))
    elif isinstance(expected, list):
        assert len(got) == len(expected), (where, got, expected)
        for number, pair in enumerate(zip(got, expected, strict=True)):
            assert_close(*pair, (*where, number))
    elif isinstance(expected, float):
        assert type(got) is float and got == pytest.approx(expected, rel=1e-4, abs=1e-5), where
    else:
        assert (type(got), got) == (type(expected), expected), where


def compare(model, tokenizer, directory, *columns, **options):
    """Raises an `AssertionError` unless the runtime answers as `predictor` does: all, in small batches, and one."""
    keras_bert.export_onnx(model, tokenizer, directory, **options)
    answer = keras_bert.runtime.load(directory)
    predict = keras_bert.predictor(model, tokenizer, **options)
    assert answer.labels == predict.labels
    expected = predict(*columns)
    assert_close(answer(*columns), expected)
    assert_close(answer(*columns, batch_size=3), expected)
    assert_close(answer(*(column[0] for column in columns)), expected[0])
    assert answer(*([] for _ in columns)) == []
    return expected


@pytest.mark.parametrize("options", [{}, {"max_length": 9, "stride": 2, "labels": ["b", "나", "c"]}])
def test_labels(options, backbone, tokenizer, tmp_path):
    model = keras_bert.text_classifier(backbone, 3, labels=["bad", "fair", "좋음"])
    expected = compare(model, tokenizer, tmp_path / "served", TEXTS, **options)
    assert len({answer["label"] for answer in expected}) > 1


@pytest.mark.parametrize("options", [{}, {"max_length": 9, "stride": 2}, {"labels": ["b", "나", "c"]}])
def test_several_labels(options, backbone, tokenizer, tmp_path):
    model = keras_bert.text_classifier(backbone, 3, labels=["bad", "fair", "좋음"], multi_label=True)
    model.keep_thresholds([0.4, 0.5, 0.6])
    expected = compare(model, tokenizer, tmp_path / "served", TEXTS, **options)
    assert {len(answer["labels"]) for answer in expected} > {1}
    for answer in expected:
        pairs = zip(answer["probabilities"].items(), model.thresholds, strict=True)
        assert answer["labels"] == [label for (label, share), least in pairs if share >= least]
    keras_bert.export_onnx(model, tokenizer, tmp_path / "int8", precision="int8", **options)
    of_int8 = keras_bert.runtime.load(tmp_path / "int8")(TEXTS)
    assert [list(answer) for answer in of_int8] == [["labels", "probabilities"]] * len(TEXTS)
    for one, other in zip(of_int8, expected, strict=True):
        assert list(one["probabilities"].values()) == pytest.approx(list(other["probabilities"].values()), abs=0.1)


def test_scores_of_pairs(backbone, tokenizer, tmp_path):
    options = {"pairs": True, "max_length": 10, "score_range": (-0.5, 0.5)}
    expected = compare(
        keras_bert.text_regressor(backbone), tokenizer, tmp_path / "served", TEXTS, TEXTS[::-1], **options
    )
    assert len({answer["score"] for answer in expected}) > 3


@pytest.mark.parametrize(
    ("tokenizer", "options"),
    [
        ("lowercase", {"max_length": 9, "stride": 3}),
        ("cased", {"unit": "piece", "max_length": 12}),
        ("added", {"unit": "space", "fallback": "B-P"}),
        ("lowercase", {"unit": "space", "labels": ["S-L", "B-P", "E-P", "X", "O"]}),
        ("added", {"labels": ["NOUN", "VERB", "ADJ", "DET", "X"]}),
    ],
    indirect=["tokenizer"],
    ids=["windows", "pieces", "space", "scheme", "words"],
)
@pytest.mark.filterwarnings("ignore:The model's labels mark entities, but for")
def test_tags_and_entities(options, backbone, tokenizer, tmp_path):
    model = keras_bert.token_classifier(backbone, 5, labels=LABELS)
    expected = compare(model, tokenizer, tmp_path / "served", TEXTS, **options)
    assert ("entities" in expected[0]) == ("NOUN" not in options.get("labels", ()))


@pytest.mark.parametrize(
    ("tokenizer", "options"),
    [
        ("lowercase", {"max_length": 11, "stride": 2, "max_question_length": 4, "num_answers": 3}),
        ("cased", {}),
        ("added", {"null_threshold": 0.5}),
    ],
    indirect=["tokenizer"],
    ids=["windows", "default", "null"],
)
def test_answers(options, backbone, tokenizer, tmp_path):
    model = keras_bert.span_predictor(backbone)
    # Windows of a text that repeats itself are equal, and rounding would choose among their answers.
    long_ones = [" ".join(np.random.default_rng(seed).choice(WORDS, 60)) for seed in range(2)]
    contexts = [*TEXTS[:3], *long_ones, *TEXTS[5:]]
    expected = compare(model, tokenizer, tmp_path / "served", TEXTS[::-1], contexts, **options)
    assert any(answer["answers"] for answer in expected) and not expected[1]["answers"]


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "words", "tokens"])
def test_vectors(pooling, backbone, tokenizer, tmp_path):
    keras_bert.export_onnx(backbone, tokenizer, tmp_path / "served", pooling=pooling, max_length=20)
    vectors = keras_bert.runtime.load(tmp_path / "served")
    got = vectors(TEXTS, batch_size=5)
    expected = keras_bert.embed(TEXTS, backbone, tokenizer, pooling=pooling, max_length=20)
    if pooling in ("mean", "cls", "max"):
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(got, expected, atol=1e-5)
        np.testing.assert_allclose(vectors(TEXTS[0]), expected[0], atol=1e-5)
        assert vectors([]).shape == (0, 12)
        return
    for one, other in zip(got, expected, strict=True):
        assert one.words == other.words
        assert (one.starts.tolist(), one.ends.tolist()) == (other.starts.tolist(), other.ends.tolist())
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-5)


def test_vectors_of_a_backbone_that_knows_how_to_make_them(backbone, tokenizer, tmp_path):
    own = {"pooling": "cls", "max_length": 9, "prompts": {"query": "very dull "}, "default_prompt": "query"}
    backbone.keep_embedder(EmbedderConfig(**own))
    for number, options in enumerate(({}, {"pooling": "mean", "normalize": False}, {"pooling": "words"})):
        keras_bert.export_onnx(backbone, tokenizer, tmp_path / str(number), **options)
        got = keras_bert.runtime.load(tmp_path / str(number))(TEXTS)
        expected = keras_bert.embed(TEXTS, backbone, tokenizer, **options)
        if number < 2:
            np.testing.assert_allclose(got, expected, atol=1e-5)
        else:
            assert [one.words for one in got] == [one.words for one in expected]
    backbone.keep_embedder(EmbedderConfig(projections=[(5, "tanh", True)]))
    with pytest.raises(ValueError, match=r'task="text_embedder"; or, .* give pooling=\'mean\''):
        keras_bert.export_onnx(backbone, tokenizer, tmp_path / "served")


def test_one_text_goes_with_many(backbone, tokenizer, tmp_path):
    keras_bert.export_onnx(keras_bert.text_regressor(backbone), tokenizer, tmp_path / "served", pairs=True)
    answer = keras_bert.runtime.load(tmp_path / "served")
    assert answer("good", ["a", "the"]) == answer(text=["good"] * 2, second_text=["a", "the"])
