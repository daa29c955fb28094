"""Questions and paragraphs as strings in, answers out: equal to a search through all spans, and as served."""

import dataclasses
import json
import subprocess
import sys
import unicodedata

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.data.question_batches import check_room

QUESTIONS = ["the book", "a very good film", "", "dull", "film the"]
CONTEXTS = [
    "A very good  book. The dull film, a good film. Very very dull book the book a film",
    "\U0001f600 Good\x00 film\u0301s: dull!",
    "a book",
    " \t",
    "The good book",
]

ALONE = """
import json, sys
import tensorflow as tf
import tensorflow_text
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
question, context = (tf.constant(column) for column in json.load(sys.stdin))
answer = serve(question=question, context=context)
json.dump({key: [v.decode() if isinstance(v, bytes) else v for v in answer[key].numpy().tolist()]
           for key in ("answer", "start", "end", "score", "probability")}, sys.stdout)
assert not {"keras_bert", "tokenizers"} & {*sys.modules}
"""


@pytest.fixture
def model(small_config):
    keras.utils.set_random_seed(5)
    wide = dataclasses.replace(small_config, initializer_range=0.5)  # so that answers differ from text to text
    return keras_bert.span_predictor(keras_bert.backbone(wide))


def searched(model, tokenizer, question, context, max_length, stride, max_question_length, max_answer_length):
    """The same by a search in Python, one window after the other -> {(start, end): score}, score of no answer."""
    asked = tokenizer(question).numpy()[:max_question_length]
    ids, starts, ends = (values.numpy() for values in tokenizer.tokenize_with_offsets(context))
    room = max_length - 3 - len(asked)
    spans, null, begin = {}, np.inf, 0
    while True:
        piece = ids[begin : begin + room]
        row = np.array([[tokenizer.cls_id, *asked, tokenizer.sep_id, *piece, tokenizer.sep_id]])
        segments = (np.arange(row.shape[1]) >= len(asked) + 2).astype(int)[None]
        logits = model({"token_ids": row, "segment_ids": segments, "padding_mask": np.ones_like(row)})
        first, last = (logits[key].numpy()[0] for key in ("start_logits", "end_logits"))
        null = min(null, first[0] + last[0])
        for i in range(len(piece)):
            for j in range(i, min(i + max_answer_length, len(piece))):
                span = int(starts[begin + i]), int(ends[begin + j])
                score = first[2 + len(asked) + i] + last[2 + len(asked) + j]
                spans[span] = max(score, spans.get(span, -np.inf))
        if begin + room >= len(ids):
            return spans, null
        begin += room - stride


@pytest.mark.parametrize("options", [{}, {"max_length": 11, "stride": 2, "max_question_length": 4}])
def test_answers_are_those_of_a_search_through_all(options, model, tokenizer):
    predict = keras_bert.predictor(model, tokenizer, **options, max_answer_length=4, num_answers=3).function
    answer = {key: value.numpy() for key, value in predict(question=QUESTIONS, context=CONTEXTS).items()}
    max_length = options.get("max_length", 32)
    stride, longest = check_room(max_length, options.get("stride"), options.get("max_question_length"))
    for i, (question, context) in enumerate(zip(QUESTIONS, CONTEXTS, strict=True)):
        spans, null = searched(model, tokenizer, question, context, max_length, stride, longest, 4)
        best = sorted(spans, key=spans.get, reverse=True)[:3]
        count = len(best)
        found = [*zip(answer["starts"][i].tolist(), answer["ends"][i].tolist(), strict=True)]
        assert found == best + [(-1, -1)] * (3 - count)
        assert [text.decode() for text in answer["answers"][i]] == [context[a:z] for a, z in best] + [""] * (3 - count)
        if not best:
            assert (answer["answer"][i], answer["start"][i], answer["end"][i]) == (b"", -1, -1)
            assert (answer["probability"][i], answer["null_difference"][i]) == (1.0, np.inf)
            continue
        assert answer["answer"][i] == answer["answers"][i, 0]
        assert (answer["start"][i], answer["end"][i]) == best[0]
        scores = np.array([spans[span] for span in best])
        np.testing.assert_allclose(answer["score"][i], scores[0], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(answer["null_difference"][i], null - scores[0], rtol=1e-4, atol=1e-4)
        shares = np.exp(scores - scores[0]) / np.exp(scores - scores[0]).sum()
        np.testing.assert_allclose(answer["probabilities"][i, :count], shares, rtol=1e-3)
        assert answer["probability"][i] == answer["probabilities"][i, 0]


def test_a_character_of_several_tokens_is_in_an_answer_once(small_config):
    letters = ["ᄒ", *(f"##{letter}" for letter in unicodedata.normalize("NFD", "한글")[1:])]
    tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters])
    assert len(tokenizer("한글")) == 6
    model = keras_bert.span_predictor(keras_bert.backbone(dataclasses.replace(small_config, vocabulary_size=11)))
    answer = keras_bert.predictor(model, tokenizer).function(question=["한글", "글"], context=["한글", "한글 한"])
    assert sorted(text.decode() for text in answer["answers"][0].numpy()) == ["", "", "글", "한", "한글"]
    for starts, ends in zip(answer["starts"].numpy(), answer["ends"].numpy(), strict=True):
        spans = [span for span in zip(starts.tolist(), ends.tolist(), strict=True) if span != (-1, -1)]
        assert len(set(spans)) == len(spans) >= 3


def test_a_context_of_more_windows_than_a_slice_holds(model, tokenizer):
    context = CONTEXTS[0] * 12
    predict = keras_bert.predictor(model, tokenizer, 9, stride=1, max_question_length=2, max_answer_length=2).function
    answer = {key: value.numpy()[0] for key, value in predict(["the book"], [context]).items()}
    spans, null = searched(model, tokenizer, "the book", context, 9, 1, 2, 2)
    assert len(tokenizer(context)) > 64 * 3  # a window advances by 3
    best = max(spans, key=spans.get)
    np.testing.assert_allclose(answer["score"], spans[best], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(spans[answer["start"], answer["end"]], spans[best], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(answer["null_difference"], null - spans[best], rtol=1e-4, atol=1e-4)


def test_no_answer_wins_over_the_threshold(model, tokenizer):
    columns = QUESTIONS[:3], CONTEXTS[:3]
    free = keras_bert.predictor(model, tokenizer).function(*columns)
    differences = free["null_difference"].numpy()
    threshold = float(np.sort(differences)[1])
    answer = keras_bert.predictor(model, tokenizer, null_threshold=threshold).function(*columns)
    is_null = differences > threshold
    assert is_null.sum() == 1
    assert (answer["answer"].numpy() == b"").tolist() == is_null.tolist() == (answer["start"].numpy() == -1).tolist()
    np.testing.assert_array_equal(answer["answers"], free["answers"])  # the spans are given all the same
    np.testing.assert_allclose(answer["null_difference"], differences)
    null_scores = differences + free["score"].numpy()
    np.testing.assert_allclose(answer["score"], np.where(is_null, null_scores, free["score"]), rtol=1e-5)
    rest = 1 - answer["probabilities"].numpy().sum(axis=1)  # no answer's share
    np.testing.assert_allclose(rest / answer["probabilities"][:, 0], np.exp(differences), rtol=1e-3)
    np.testing.assert_allclose(answer["probability"], np.where(is_null, rest, answer["probabilities"][:, 0]), rtol=1e-4)


def test_what_is_not_utf8_counts_as_in_python(model, tokenizer):
    raw = b"\xff good \xe2\x82 dull \xf0\x9f book\xc3"
    answer = keras_bert.predictor(model, tokenizer, num_answers=9).function(["the"], [raw])
    decoded = raw.decode(errors="replace")
    spans = zip(answer["starts"].numpy()[0], answer["ends"].numpy()[0], strict=True)
    expected = [decoded[a:z] if a >= 0 else "" for a, z in spans]
    assert [text.decode() for text in answer["answers"].numpy()[0]] == expected
    assert {"good", "dull"} <= {*expected}


def test_a_question_is_answered_alike_among_others(model, tokenizer):
    predict = keras_bert.predictor(model, tokenizer, max_length=12, stride=3, max_question_length=4)
    alone = [predict(q, c) for q, c in zip(QUESTIONS, CONTEXTS, strict=True)]
    together = predict(QUESTIONS, CONTEXTS, batch_size=3)
    for one, other in zip(alone, together, strict=True):
        assert one["answer"] == other["answer"]
        assert [found["answer"] for found in one["answers"]] == [found["answer"] for found in other["answers"]]
        assert one["score"] == pytest.approx(other["score"], rel=1e-4)


def test_answers_as_plain_values_are_those_of_the_graph(model, tokenizer):
    predict = keras_bert.predictor(model, tokenizer, num_answers=3, null_threshold=0.5)
    arrays = {key: value.numpy() for key, value in predict.function(QUESTIONS, CONTEXTS).items()}
    answers = predict(QUESTIONS, CONTEXTS)
    assert json.loads(json.dumps(answers, allow_nan=False)) == answers
    for i, (answer, context) in enumerate(zip(answers, CONTEXTS, strict=True)):
        keys = ["answer", "start", "end", "score", "probability", "null_difference", "answers"]
        assert list(answer) == keys
        assert answer["answer"] == arrays["answer"][i].decode()
        assert (answer["start"], answer["end"]) == (arrays["start"][i], arrays["end"][i])
        assert answer["answer"] == context[answer["start"] : answer["end"]]
        for key in ("score", "probability"):
            assert answer[key] == pytest.approx(arrays[key][i], rel=1e-5)
        count = int((arrays["starts"][i] >= 0).sum())
        assert len(answer["answers"]) == count
        for j, found in enumerate(answer["answers"]):
            assert list(found) == ["answer", "start", "end", "probability"]
            assert found["answer"] == context[found["start"] : found["end"]] == arrays["answers"][i, j].decode()
            assert found["probability"] == pytest.approx(arrays["probabilities"][i, j], rel=1e-5)
    assert {len(answer["answers"]) for answer in answers} == {0, 3}
    assert answers[3]["answers"] == [] and answers[3]["null_difference"] is None  # a context of white space
    assert (answers[3]["answer"], answers[3]["start"], answers[3]["probability"]) == ("", -1, 1.0)


def test_one_question_to_many_contexts(model, tokenizer):
    predict = keras_bert.predictor(model, tokenizer)
    together = predict("the book", CONTEXTS, batch_size=2)
    assert [found["answer"] for found in together] == [predict("the book", c)["answer"] for c in CONTEXTS]
    named = predict(context=CONTEXTS, question="the book", batch_size=2)
    assert named == together != predict(QUESTIONS, CONTEXTS, batch_size=2)
    one = predict(QUESTIONS[:2], context="A very good book")
    assert [found["answer"] for found in one] == [predict(q, "A very good book")["answer"] for q in QUESTIONS[:2]]


def test_no_question_gives_no_answer(model, tokenizer):
    answer = keras_bert.predictor(model, tokenizer).function(tf.constant([], tf.string), tf.constant([], tf.string))
    shapes = {key: value.shape.as_list() for key, value in answer.items()}
    assert shapes["answer"] == [0] and shapes["answers"] == shapes["probabilities"] == [0, 5]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_what_is_served_is_what_was_predicted(policy, small_config, tokenizer, tmp_path):
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(5)
    model = keras_bert.span_predictor(keras_bert.backbone(dataclasses.replace(small_config, initializer_range=0.5)))
    options = {"max_length": 12, "stride": 3, "max_question_length": 4, "null_threshold": 1.5, "num_answers": 2}
    expected = keras_bert.predictor(model, tokenizer, **options).function(QUESTIONS, CONTEXTS)
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", **options)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, tmp_path / "served"],
        input=json.dumps([QUESTIONS, CONTEXTS]),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    served = json.loads(done.stdout)
    assert served["answer"] == [text.decode() for text in expected["answer"].numpy()]
    assert served["start"] == expected["start"].numpy().tolist()
    assert served["end"] == expected["end"].numpy().tolist()
    np.testing.assert_allclose(served["score"], expected["score"], rtol=1e-4)
    np.testing.assert_allclose(served["probability"], expected["probability"], rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 20, "max_question_length": 9}, "less than the 20 tokens.*stride=20"),
        ({"stride": -1}, "stride=-1"),
        ({"max_question_length": 29}, "at least 33. Received: max_length=32"),
        ({"max_answer_length": 0}, "max_answer_length=0"),
        ({"num_answers": 2.5}, "num_answers=2.5"),
        ({"null_threshold": "0"}, "null_threshold='0'"),
        ({"null_threshold": float("nan")}, "null_threshold=nan"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message, model, tokenizer):
    with pytest.raises(ValueError, match=message):
        keras_bert.predictor(model, tokenizer, **options)
