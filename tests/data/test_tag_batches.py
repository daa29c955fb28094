"""Tags on tokens: each on the first token of its word, once, in the window with most context."""

import random

import numpy as np
import pytest
import tensorflow as tf
import tokenizers

import keras_bert
from keras_bert.data import TaggedSentences, tagging_batches
from keras_bert.data.tag_batches import tokens_of_units

TAGS = ["O", "B-P", "I-P"]
# Words that split, that are unknown, that punctuation parts, that vanish, and that join nothing across a space.
WORDS = [
    "good",
    "dulls",
    "booky",
    "unheard",
    "a.b",
    "...",
    "\u200b",
    "\ufe0f",
    "the\u0301",
    "\u0301good",
    "Very",
    "@film",
]


def random_sentences(count, seed):
    generator = random.Random(seed)
    lengths = [generator.choice([1, 2, 5, 13]) for _ in range(count)]
    return TaggedSentences(
        [
            ([generator.choice(WORDS) for _ in range(n)], [generator.choice(["O", "B-P"]) for _ in range(n)])
            for n in lengths
        ]
    )


def rows_of(batches):
    """batches -> for each row, its ids, and the tags of its weighted places {column: number}."""
    rows = []
    for inputs, tags, weights in batches:
        assert (tags.dtype, weights.dtype) == (tf.int32, tf.float32)
        assert inputs["token_ids"].shape == tags.shape == weights.shape
        for ids, mask, tag, weight in zip(inputs["token_ids"], inputs["padding_mask"], tags, weights, strict=True):
            assert not np.any(tag.numpy()[mask.numpy() == 0]) and not np.any(weight.numpy()[mask.numpy() == 0])
            assert set(weight.numpy()) <= {0.0, 1.0}
            ids = ids.numpy()[mask.numpy() == 1].tolist()
            rows.append((ids, {int(i): int(tag[i]) for i in np.flatnonzero(weight)}))
    return rows


@pytest.mark.filterwarnings("ignore:In the sentences, I- begins an entity 1 time")
def test_by_hand(tokenizer):
    sentences = TaggedSentences([(["Goods", "\u200b", "unheard", "a.b"], ["B-P", "I-P", "O", "I-P"])])
    ((inputs, tags, weights),) = tagging_batches(sentences, tokenizer, TAGS, batch_size=3, max_length=16)
    assert inputs["token_ids"].numpy().tolist() == [[2, 5, 11, 1, 9, 14, 1, 3]]
    assert tags.numpy().tolist() == [[0, 1, 0, 0, 1, 0, 0, 0]]  # the I-P after O begins an entity
    assert weights.numpy().tolist() == [[0, 1, 0, 1, 1, 0, 0, 0]]
    assert inputs["segment_ids"].numpy().tolist() == [[0] * 8]


def test_labels_are_on_the_first_token_of_each_word_as_tokenizers_numbers_them(tokenizer):
    reference = tokenizers.BertWordPieceTokenizer(dict(tokenizer.vocabulary))
    sentences = random_sentences(67, seed=1)
    expected, vanished = [], 0
    for sentence in sentences:
        words = sentence.text.split(" ")
        encoding = reference._tokenizer.encode(words, is_pretokenized=True)
        first = {}
        for column, word in enumerate(encoding.word_ids):
            if word is not None:
                first.setdefault(word, column)
        expected.append((encoding.ids, {column: TAGS.index(sentence.tags[word]) for word, column in first.items()}))
        vanished += len(words) - len(first)
    assert vanished > 9
    got = rows_of(tagging_batches(sentences, tokenizer, TAGS, batch_size=5, max_length=32, seed=2))
    assert sorted(got, key=str) == sorted(((ids, labels) for ids, labels in expected), key=str)


@pytest.mark.parametrize(("max_length", "stride"), [(5, 0), (7, 2), (9, 6), (8, None)])
def test_long_sentences_run_in_windows_and_no_word_is_learned_twice(tokenizer, max_length, stride):
    sentences = random_sentences(23, seed=3)
    batches = tagging_batches(sentences, tokenizer, TAGS, 4, max_length, stride)
    whole = rows_of(tagging_batches(sentences, tokenizer, TAGS, 4, max_length=32))
    rows = rows_of(batches)
    assert len(batches) == sum(1 for _ in batches) == -(-len(rows) // 4)
    room, stride = max_length - 2, max_length // 4 if stride is None else stride
    expected = []
    for ids, labels in whole:
        tokens = ids[1:-1]
        begins = [0]
        while begins[-1] + room < len(tokens):
            begins.append(begins[-1] + room - stride)
        spans = [(begin, min(begin + room, len(tokens))) for begin in begins]
        of_window = [{} for _ in spans]
        for column, label in labels.items():
            place = column - 1
            inside = [(min(place - a, b - 1 - place), -i) for i, (a, b) in enumerate(spans) if a <= place < b]
            best = -max(inside)[1]
            of_window[best][place - spans[best][0] + 1] = label
        expected += [([2, *tokens[a:b], 3], found) for (a, b), found in zip(spans, of_window, strict=True)]
    assert len(expected) > len(whole)
    assert sorted(rows, key=str) == sorted(expected, key=str)


def test_characters_are_learned_where_a_token_begins():
    tokenizer = keras_bert.WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "서울", "##역", "에"], strip_accents=False
    )
    sentences = TaggedSentences([(list("서울역 에"), ["B-P", "I-P", "O", "O", "O"])])
    ((inputs, tags, weights),) = tagging_batches(sentences, tokenizer, ["B-P", "I-P", "O"], 1, max_length=8)
    assert inputs["token_ids"].numpy().tolist() == [[2, 5, 6, 7, 3]]
    assert (tags.numpy().tolist(), weights.numpy().tolist()) == ([[0, 0, 2, 2, 0]], [[0, 1, 1, 1, 0]])


def test_characters_of_more_codepoints_are_learned():
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "e\u0301", "##a", "b"]
    tokenizer = keras_bert.WordPieceTokenizer(vocabulary, strip_accents=False, lowercase=False)
    sentences = TaggedSentences([(["e\u0301", "a", " ", "b"], ["B-P", "I-P", "O", "O"])], by_character=True)
    ((inputs, tags, weights),) = tagging_batches(sentences, tokenizer, ["B-P", "I-P", "O"], 1, max_length=8)
    assert inputs["token_ids"].numpy().tolist() == [[2, 5, 6, 7, 3]]
    assert (tags.numpy().tolist(), weights.numpy().tolist()) == ([[0, 0, 1, 2, 0]], [[0, 1, 1, 1, 0]])


def test_jamo_of_one_character_are_one_unit():
    tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ᄀ", "##ᅡ", "##ᄂ"])
    _, starts, ends = tokenizer.tokenize_with_offsets(["가나"])  # four tokens of two characters
    assert starts.to_list() == [[0, 0, 1, 1]]
    units = tf.ragged.constant([[0, 1]])
    first, covering = tokens_of_units(["가나"], units, units + 1, starts, ends)
    assert (first.numpy().tolist(), covering.numpy().tolist()) == ([0, 2], [-1, -1])


def test_texts_do_not_answer_for_one_another():
    texts = ["ab", "", "\u200b", "abc"]
    starts, ends = tf.ragged.constant([[0], [], [0], [0, 1]]), tf.ragged.constant([[2], [], [1], [1, 3]])
    tokens = tf.ragged.constant([[0], [], [], [0]]), tf.ragged.constant([[2], [], [], [3]])
    first, covering = tokens_of_units(texts, starts, ends, *tokens)
    assert (first.numpy().tolist(), covering.numpy().tolist()) == ([0, -1, 1, -1], [-1, -1, -1, 1])


def test_a_sentence_without_tokens_is_a_row_without_weights(tokenizer):
    batches = tagging_batches([(["\u200b"], ["O"]), (["good"], ["B-P"])], tokenizer, TAGS, 2, max_length=8)
    assert rows_of(batches) == [([2, 3], {}), ([2, 5, 3], {1: 1})]


def test_the_seed_decides_the_order(tokenizer):
    sentences = random_sentences(31, seed=4)

    def order(seed):
        return [ids for ids, _ in rows_of(tagging_batches(sentences, tokenizer, TAGS, 3, 32, seed=seed))]

    assert order(5) == order(5) != order(6)
    assert sorted(order(5)) == sorted(order(6)) == sorted(order(None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tags": ["O", "B-Q"]}, r"others: 'B-P' \(1 time\)"),
        ({"stride": 6}, "less than the 6 tokens"),
        ({"max_length": 2}, "at least 3"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_bad_arguments_are_refused(tokenizer, options, message):
    arguments = {"tags": TAGS, "batch_size": 2, "max_length": 8, **options}
    with pytest.raises(ValueError, match=message):
        tagging_batches([(["good", "a"], ["B-P", "O"])], tokenizer, **arguments)
