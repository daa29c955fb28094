"""Tags of words, of characters and of entities: by hand, against plain Python, and served."""

import dataclasses
import json
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.data import TaggedSentences
from keras_bert.prediction import unit_tagger
from keras_bert.prediction.tags import Tagger

LABELS = ["B-L", "B-P", "I-L", "I-P", "O"]


@pytest.fixture
def tagger(small_config):
    keras.utils.set_random_seed(3)
    wide = dataclasses.replace(small_config, initializer_range=0.5)  # so that answers differ from word to word
    return keras_bert.token_classifier(keras_bert.backbone(wide), 5, labels=LABELS)


@pytest.fixture
def by_token(monkeypatch):
    """Puts a table of tokens and tags in the model's place."""

    def install(tokenizer, tag_of):
        table = tf.constant([tag_of.get(token, "O") for token in tokenizer.vocabulary])

        def answers(self, ids):
            return tf.gather(table, ids.values), tf.cast(ids.values, tf.float32) / 100

        monkeypatch.setattr(Tagger, "_tags_of_tokens", answers)

    return install


def predictor(*arguments, **options):
    """The same in the graph: a function of strings [B] to a dict of tensors."""
    return keras_bert.predictor(*arguments, **options).function


def model_for(tokenizer, labels=LABELS):
    size = keras_bert.BertConfig(tokenizer.vocabulary_size, 1, 1, 4, 4)
    return keras_bert.token_classifier(keras_bert.backbone(size), len(labels), labels=labels)


def tokenizer_of(*tokens):
    return keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *tokens], strip_accents=False)


def test_words_and_entities_by_hand(by_token):
    tokenizer = tokenizer_of("ann", "lee", "##s", "left", "new", "york", ".")
    by_token(tokenizer, {"ann": "I-P", "lee": "I-P", "##s": "B-L", "new": "B-L", "york": "I-L"})
    answer = predictor(model_for(tokenizer), tokenizer, max_length=16)(["Ann  Lees left New York.", "", "left"])
    answer = {key: value.numpy().tolist() for key, value in answer.items()}
    assert answer["word"] == [[b"Ann", b"Lees", b"left", b"New", b"York", b"."], [b""] * 6, [b"left"] + [b""] * 5]
    assert answer["start"] == [[0, 5, 10, 15, 19, 23], [-1] * 6, [0] + [-1] * 5]
    assert answer["end"] == [[3, 9, 14, 18, 23, 24], [-1] * 6, [4] + [-1] * 5]
    assert answer["tag"] == [[b"B-P", b"I-P", b"O", b"B-L", b"I-L", b"O"], [b""] * 6, [b"O"] + [b""] * 5]
    np.testing.assert_allclose(answer["probability"][0], [0.05, 0.06, 0.08, 0.09, 0.1, 0.11], atol=1e-6)
    assert answer["entity"] == [[b"Ann  Lees", b"New York"], [b"", b""], [b"", b""]]
    assert answer["entity_type"] == [[b"P", b"L"], [b"", b""], [b"", b""]]
    assert answer["entity_start"] == [[0, 15], [-1, -1], [-1, -1]]
    assert answer["entity_end"] == [[9, 23], [-1, -1], [-1, -1]]
    np.testing.assert_allclose(answer["entity_probability"], [[0.055, 0.095], [0, 0], [0, 0]], atol=1e-6)


def test_plain_answers_by_hand(by_token):
    tokenizer = tokenizer_of("ann", "lee", "##s", "left", "new", "york", ".")
    by_token(tokenizer, {"ann": "B-P", "lee": "I-P", "new": "B-L", "york": "I-L"})
    predict = keras_bert.predictor(model_for(tokenizer), tokenizer, max_length=16)
    text = "Ann  Lees left New York."
    first, second, third = predict([text, "", "left"])
    assert [(part["word"], part["start"], part["end"], part["tag"]) for part in first["tags"]] == [
        ("Ann", 0, 3, "B-P"),
        ("Lees", 5, 9, "I-P"),
        ("left", 10, 14, "O"),
        ("New", 15, 18, "B-L"),
        ("York", 19, 23, "I-L"),
        (".", 23, 24, "O"),
    ]
    assert [part["probability"] for part in first["tags"]] == pytest.approx([0.05, 0.06, 0.08, 0.09, 0.1, 0.11])
    for key, expected in {
        "text": ["Ann  Lees", "New York"],
        "type": ["P", "L"],
        "start": [0, 15],
        "end": [9, 23],
    }.items():
        assert [entity[key] for entity in first["entities"]] == expected
    # The mean over the words: (0.05 + 0.06) / 2, where the piece ##s has no say.
    assert [entity["probability"] for entity in first["entities"]] == pytest.approx([0.055, 0.095])
    assert [list(entity) for entity in first["entities"]] == [["text", "type", "start", "end", "probability"]] * 2
    assert second == {"tags": [], "entities": []}
    assert [part["word"] for part in third["tags"]] == ["left"] and third["entities"] == []
    assert predict(text) == first and json.loads(json.dumps(first, allow_nan=False)) == first


def test_an_entity_may_end_within_a_korean_word(by_token):
    tokenizer = tokenizer_of("서", "##울", "##역", "##에", "갔", "##다")
    by_token(tokenizer, {"서": "B-L", "##울": "I-L", "##역": "I-L"})
    predict = predictor(model_for(tokenizer), tokenizer, max_length=16, unit="piece")
    answer = predict(["서울역에 갔다"])
    assert [word.decode() for word in answer["word"].numpy()[0]] == list("서울역에갔다")
    assert [entity.decode() for entity in answer["entity"].numpy()[0]] == ["서울역"]
    assert answer["start"].numpy().tolist() == [[0, 1, 2, 3, 5, 6]]
    words = predictor(model_for(tokenizer), tokenizer, max_length=16)(["서울역에 갔다"])
    assert [word.decode() for word in words["word"].numpy()[0]] == ["서울역에", "갔다"]


def test_what_space_parts_by_hand(by_token):
    tokenizer = tokenizer_of("u", ".", "s", "ann", "##s", "n", "'", "t")
    by_token(tokenizer, {"u": "B-L", ".": "B-P", "s": "I-P", "ann": "I-P", "##s": "B-L"})
    predict = predictor(model_for(tokenizer), tokenizer, max_length=16, unit="space")
    answer = predict(["\u3000U.S. \u200bAnns\u200b \u200b n't\n.", "", " \t", "ann"])
    answer = {key: value.numpy().tolist() for key, value in answer.items()}
    words = ["U.S.", "\u200bAnns\u200b", "\u200b", "n't", "."]
    assert [word.decode() for word in answer["word"][0]] == words
    assert answer["word"][1:] == [[b""] * 5, [b""] * 5, [b"ann"] + [b""] * 4]
    assert answer["start"] == [[1, 6, 13, 15, 19], [-1] * 5, [-1] * 5, [0] + [-1] * 4]
    assert answer["end"] == [[5, 12, 14, 18, 20], [-1] * 5, [-1] * 5, [3] + [-1] * 4]
    assert answer["tag"][0] == [b"B-L", b"B-P", b"O", b"O", b"B-P"] and answer["tag"][3][0] == b"B-P"
    np.testing.assert_allclose(answer["probability"][0], [0.05, 0.08, 0, 0.1, 0.06], atol=1e-6)
    assert [entity.decode() for entity in answer["entity"][0]] == ["U.S.", "\u200bAnns\u200b", "."]
    predict = predictor(model_for(tokenizer), tokenizer, max_length=16, unit="space", fallback="B-L")
    assert predict(["\u200b ann"])["tag"].numpy().tolist() == [[b"B-L", b"B-P"]]


def test_what_space_parts_is_tagged_as_by_the_tagger(tagger, tokenizer):
    generator = random.Random(11)
    words = ["U.S.", "n't", "@user", "good", "dulls", "unheard", "\u200b", "...", "very", "a.b"]
    rows = [[generator.choice(words) for _ in range(generator.randint(1, 12))] for _ in range(29)]
    options = {"max_length": 11, "stride": 4, "fallback": "B-P"}
    answer = predictor(tagger, tokenizer, unit="space", **options)([" ".join(row) for row in rows])
    served = [[tag.decode() for tag in tags if tag] for tags in answer["tag"].numpy()]
    assert served == unit_tagger(tagger, tokenizer, **options)(
        TaggedSentences([(row, ["O"] * len(row)) for row in rows])
    )
    assert [[word.decode() for word in texts if word] for texts in answer["word"].numpy()] == rows
    assert len({tag for tags in served for tag in tags}) >= 3


def test_pieces_of_one_character_are_one_unit(by_token):
    tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ᄀ", "##ᅡ", "##ᄂ"])
    by_token(tokenizer, {"ᄀ": "B-L", "##ᄂ": "I-L", "##ᅡ": "B-P"})
    answer = predictor(model_for(tokenizer), tokenizer, max_length=16, unit="piece")(["가나"])
    assert [word.decode() for word in answer["word"].numpy()[0]] == ["가", "나"]
    assert answer["tag"].numpy().tolist() == [[b"B-L", b"I-L"]]


def test_parts_of_speech_have_no_entities(by_token):
    tokenizer = tokenizer_of("ann", "left")
    by_token(tokenizer, {"ann": "PROPN", "left": "VERB"})
    model = model_for(tokenizer, ["PROPN", "VERB", "O"])
    answer = predictor(model, tokenizer)(["Ann left"])
    assert set(answer) == {"word", "start", "end", "tag", "probability"}
    assert answer["tag"].numpy().tolist() == [[b"PROPN", b"VERB"]]
    plain = keras_bert.predictor(model, tokenizer)("Ann left")
    assert list(plain) == ["tags"] and [part["tag"] for part in plain["tags"]] == ["PROPN", "VERB"]


@pytest.mark.parametrize(
    ("labels", "tags"),
    [
        ("- L_B L_I P_B P_I", "P_B P_I - L_B L_I"),
        ("o b-l i-l b-p i-p", "b-p i-p o b-l i-l"),
        ("L-B L-I O P-B P-I", "P-I P-I O L-I L-I"),
        ("B-L B-P E-L E-P S-L S-P O", "B-P E-P O B-L E-L"),
    ],
)
def test_labels_of_other_schemes_answer_in_bio(tagger, labels, tags, monkeypatch):
    labels, tags = labels.split(), tags.split()
    tokenizer = tokenizer_of("ann", "lee", "left", "new", "york")
    model = model_for(tokenizer, labels)
    numbers = tf.constant([0] * 5 + [labels.index(tag) for tag in tags])

    def logits(inputs, training=False):
        return tf.one_hot(tf.gather(numbers, inputs["token_ids"]), len(labels))

    monkeypatch.setattr("keras_bert.prediction.tags.outputs_in_slices", lambda model, inputs: logits(inputs))
    answer = keras_bert.predictor(model, tokenizer, max_length=16)("Ann Lee left New York")
    assert [part["tag"] for part in answer["tags"]] == ["B-P", "I-P", "O", "B-L", "I-L"]
    assert [(entity["text"], entity["type"]) for entity in answer["entities"]] == [("Ann Lee", "P"), ("New York", "L")]
    sentences = TaggedSentences([(["Ann", "\u200b", "York"], ["O"] * 3)])
    assert unit_tagger(model, tokenizer)(sentences)[0][:2] == ["B-P", "O"]
    answer = keras_bert.predictor(model, tokenizer, max_length=16, is_entities=False)("Ann Lee left New York")
    assert [part["tag"] for part in answer["tags"]] == tags and "entities" not in answer


def test_labels_beside_those_of_entities_are_answered_as_outside(by_token):
    tokenizer = tokenizer_of("ann", "left")
    by_token(tokenizer, {"ann": "B-P"})
    with pytest.warns(UserWarning, match=r"but for X, \[CLS\]: a word") as caught:
        predict = keras_bert.predictor(model_for(tokenizer, ["O", "B-P", "I-P", "X", "[CLS]"]), tokenizer)
    assert caught[0].filename == __file__
    assert [entity["text"] for entity in predict("Ann left")["entities"]] == ["Ann"]


@pytest.mark.parametrize("text", ["\ufffd ann", b"\xff ann", b"\xe2\x28 ann \x80", "e\u0301 😀 ann", "\x00ann"])
def test_places_are_those_of_python(by_token, text):
    tokenizer = tokenizer_of("ann", "e\u0301")
    by_token(tokenizer, {"ann": "B-P"})
    answer = predictor(model_for(tokenizer), tokenizer)([text])
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    for key, (start, end) in {"word": ("start", "end"), "entity": ("entity_start", "entity_end")}.items():
        spans = zip(answer[start].numpy()[0], answer[end].numpy()[0], strict=True)
        assert [piece.decode() for piece in answer[key].numpy()[0]] == [text[a:b] for a, b in spans]
    assert "ann" in text[answer["entity_start"].numpy()[0][0] :]


def test_every_unit_is_answered_by_hand(by_token):
    tokenizer = tokenizer_of("서울", "##역", "에", "강", "##릉", "##강")
    by_token(tokenizer, {"서울": "I-L", "##역": "I-L", "강": "I-L", "##릉": "O", "##강": "I-L"})
    tag = unit_tagger(model_for(tokenizer), tokenizer, fallback="B-P")

    def answer(text, by_character=True):
        units = list(text) if by_character else text.split(" ")
        return tag(TaggedSentences([(units, ["O"] * len(units))], by_character=by_character))[0]

    assert answer("서울역 에") == ["B-L", "I-L", "I-L", "B-P", "O"]  # 울 goes on with 서; the space is nothing's
    assert answer("서울 강") == ["B-L", "I-L", "I-L", "I-L"]  # the space is within
    assert answer("서울  강") == ["B-L", "I-L", "I-L", "I-L", "I-L"]
    assert answer("서울\u200b강") == ["B-L", "I-L", "B-P", "B-L"]  # something else that vanishes isn't
    assert answer("에 강릉") == ["O", "B-P", "B-L", "O"]
    assert answer(" 강") == ["B-P", "B-L"] and answer("강 ") == ["B-L", "B-P"]
    assert answer("에 \u200b 서울 에", by_character=False) == ["O", "B-P", "B-L", "O"]
    assert unit_tagger(model_for(tokenizer), tokenizer)(TaggedSentences([(["\u200b"], ["O"])])) == [["O"]]
    assert tag([]) == []


def plain_python(model, tokenizer, sentence, max_length, stride, fallback):
    """The same answers, one window and one unit at a time."""
    ids, starts, ends = (value.numpy() for value in tokenizer.tokenize_with_offsets(sentence.text))
    room = max_length - 2
    best = {}
    for begin in range(0, max(len(ids) - stride, 1), room - stride):
        window = ids[begin : begin + room]
        row = np.array([[tokenizer.cls_id, *window, tokenizer.sep_id]])
        logits = model.predict({"token_ids": row, "segment_ids": 0 * row, "padding_mask": 0 * row + 1}, verbose=0)[0]
        for i in range(len(window)):
            context = min(i, len(window) - 1 - i)
            if begin + i not in best or context > best[begin + i][0]:
                best[begin + i] = context, LABELS[int(np.argmax(logits[i + 1]))]
    answers = []
    for start, end in zip(sentence.starts, sentence.ends, strict=True):
        own = [i for i in range(len(ids)) if start <= starts[i] < end]
        covering = [i for i in range(len(ids)) if starts[i] < start < ends[i]]
        if own:
            answers.append(best[own[0]][1])
        elif covering:
            answers.append(best[covering[-1]][1].replace("B-", "I-"))
        else:
            answers.append(None)
    known = [i for i, answer in enumerate(answers) if answer is not None]
    filled = list(answers)
    for i, answer in enumerate(answers):
        if answer is None:
            before = [answers[k] for k in known if k < i][-1:]
            after = [answers[k] for k in known if k > i][:1]
            is_space = sentence.text[sentence.starts[i] : sentence.ends[i]].isspace()
            within = is_space and before and after and after[0][0] == "I" and before[0][1:] == after[0][1:]
            filled[i] = after[0] if within else fallback
    for i, answer in enumerate(filled):
        if answer[0] == "I" and (i == 0 or filled[i - 1][0] == "O" or filled[i - 1][2:] != answer[2:]):
            filled[i] = "B" + answer[1:]
    return filled


@pytest.mark.parametrize(("by_character", "max_length", "stride"), [(False, 7, 3), (True, 9, 2), (True, 32, 0)])
def test_answers_are_those_of_plain_python(tagger, tokenizer, by_character, max_length, stride):
    generator = random.Random(7)
    words = ["good", "dulls", "booky", "unheard", "\u200b", "the", "very", "."]
    sentences = [[generator.choice(words) for _ in range(generator.randint(1, 9))] for _ in range(13)]
    if by_character:
        sentences = [list("  ".join(words)) for words in sentences]
    sentences = TaggedSentences([(units, ["O"] * len(units)) for units in sentences], by_character=by_character)
    tag = unit_tagger(tagger, tokenizer, max_length, stride, fallback="B-P", batch_size=5)
    expected = [plain_python(tagger, tokenizer, sentence, max_length, stride, "B-P") for sentence in sentences]
    assert tag(sentences) == expected
    assert len({name for names in expected for name in names}) >= 3


def test_the_tagger_follows_training(tagger, tokenizer):
    sentences = TaggedSentences([(["good", "dull", "book", "film"], ["O"] * 4)])
    tag = unit_tagger(tagger, tokenizer, max_length=16)
    before = tag(sentences)
    tagger.set_weights([-weight for weight in tagger.get_weights()])
    assert tag(sentences) != before


def test_long_texts_are_answered_whole_and_as_by_the_tagger(tagger, tokenizer):
    words = ["good", "dull", "books", "film", "very", "."] * 9
    random.Random(9).shuffle(words)
    text = " ".join(words)
    answer = predictor(tagger, tokenizer, max_length=11, stride=4)([text, "good"])
    assert [word.decode() for word in answer["word"].numpy()[0]] == words
    tag = unit_tagger(tagger, tokenizer, max_length=11, stride=4)
    expected = tag(TaggedSentences([(words, ["O"] * len(words)), (["good"], ["O"])]))
    assert [name.decode() for name in answer["tag"].numpy()[0]] == expected[0]
    assert [name.decode() for name in answer["tag"].numpy()[1] if name] == expected[1]


def test_probabilities_are_the_softmax_of_the_logits(tagger, tokenizer):
    answer = predictor(tagger, tokenizer, max_length=16)(["good dull book"])
    ids = np.array([[2, 5, 6, 7, 3]])
    logits = tagger.predict({"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}, verbose=0)
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))[0, 1:4].max(axis=-1)
    np.testing.assert_allclose(answer["probability"][0], expected, atol=1e-5)


def test_the_served_model_gives_the_same_answers(tagger, tokenizer, tmp_path):
    texts = ["A good book.", "", "dull " * 40, "unheard of", "\x00 good", b"very \xff good"]
    keras_bert.export_saved_model(tagger, tokenizer, tmp_path / "served", max_length=9, stride=3)
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    predict = predictor(tagger, tokenizer, max_length=9, stride=3)
    for batch in (texts, texts[1:2], []):
        served, expected = serve(text=tf.constant(batch, tf.string)), predict(tf.constant(batch, tf.string))
        assert set(served) == set(expected) and len(served) == 10
        for key, value in expected.items():
            assert served[key].shape == value.shape and served[key].shape[0] == len(batch)
            if "probability" in key:
                np.testing.assert_allclose(served[key], value, atol=1e-5)
            else:
                np.testing.assert_array_equal(served[key], value)
    assert predict(tf.constant(texts))["word"].shape == (6, 40)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "letter"}, '"word", "space" .* or "piece"'),
        ({"fallback": "X"}, r"one of the model's tags.*'X'"),
        ({"stride": 7}, "less than the 7 tokens"),
        ({"labels": ["O"]}, "num_classes=5 different names"),
        ({"max_length": 33}, "max_sequence_length=32"),
    ],
)
def test_options_that_do_not_fit_are_refused(tagger, tokenizer, options, message):
    with pytest.raises(ValueError, match=message):
        predictor(tagger, tokenizer, **{"max_length": 9, **options})


def test_a_fallback_must_be_a_tag(tagger, tokenizer):
    with pytest.raises(ValueError, match=r"one of the model's tags.*'X'"):
        unit_tagger(tagger, tokenizer, fallback="X")
