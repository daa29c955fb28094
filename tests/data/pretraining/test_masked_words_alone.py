"""Batches without next sentences: whole sentences of one document in a row; and who is told that they would do better.

What holds for both kinds of batches, test_batches.py has.
"""

import collections
import json

import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.data import PretrainingBatches, masked_word_counts
from keras_bert.data.pretraining import documents

NUM_WORDS = 3001


@pytest.fixture(scope="module")
def tokenizer():
    """The special tokens, a full stop, and the numbers from 0."""
    return keras_bert.WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *map(str, range(NUM_WORDS))]
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two files, where each number stands once, in order; and for each number its document."""
    generator = np.random.default_rng(0)
    directory = tmp_path_factory.mktemp("corpus")
    texts, document_of = [[], []], []
    for number, num_sentences in enumerate([61, *generator.integers(1, 13, 40)]):
        sentences = []
        for size in generator.integers(1, 14, num_sentences).tolist():
            sentences.append(" ".join(map(str, range(len(document_of), len(document_of) + size))) + ".")
            document_of += [number] * size
        texts[number % 2].append("\n".join(" ".join(sentences[i : i + 3]) for i in range(0, len(sentences), 3)))
    assert len(document_of) < NUM_WORDS
    for number, text in enumerate(texts):
        (directory / f"{number}.txt").write_text("\n\n".join(text))
    return sorted(directory.iterdir()), np.array(document_of)


@pytest.fixture(scope="module")
def two_epochs(corpus, tokenizer):
    """The object that gives batches, their dataset, and the batches of each of two epochs."""
    batches = make(corpus[0], tokenizer, batch_size=1)
    dataset = batches.dataset(epochs=2)
    rows = read(dataset)
    half = sum(count for (epoch, _), count in batches._rows_in.items() if epoch == 0)
    return batches, dataset, (rows[:half], rows[half:])


def make(files, tokenizer, **options):
    return PretrainingBatches(
        files, tokenizer, **{"batch_size": 3, "max_length": 61, "seed": 5, "next_sentence": False} | options
    )


def read(dataset):
    """Batches as dicts of arrays: the inputs, `labels` and `weights`."""
    return [
        {**inputs, "labels": labels["mlm"], "weights": weights["mlm"]}
        for inputs, labels, weights in dataset.as_numpy_iterator()
    ]


def same(first, second):
    """Whether two lists of batches are equal."""
    return len(first) == len(second) and all(
        np.array_equal(old[name], new[name]) for old, new in zip(first, second, strict=True) for name in old
    )


def unmasked(batch):
    """A batch -> its tokens, the masks taken off."""
    ids = batch["token_ids"].copy()
    row, cell = np.nonzero(batch["weights"])
    ids[row, batch["mask_positions"][row, cell]] = batch["labels"][row, cell]
    return ids


def sequences_of(batches):
    """Batches -> the sequences in them, lists of ids with [CLS] and [SEP]."""
    return [
        ids[mask == number].tolist()
        for batch in batches
        for ids, mask in zip(unmasked(batch), batch["padding_mask"], strict=True)
        for number in range(1, mask.max() + 1)
    ]


def words_of(batches, tokenizer):
    """Batches -> how often each number is in them."""
    first = tokenizer.token_to_id("0")
    return collections.Counter(i - first for sequence in sequences_of(batches) for i in sequence if i >= first)


def test_shapes_are_known_beforehand(two_epochs):
    _, dataset, _ = two_epochs
    inputs, labels, weights = [
        {name: (tuple(spec.shape), spec.dtype.name) for name, spec in part.items()} for part in dataset.element_spec
    ]
    assert inputs == {
        "token_ids": ((None, 61), "int32"),
        "segment_ids": ((None, 61), "int32"),
        "padding_mask": ((None, 61), "int32"),
        "mask_positions": ((None, 9), "int32"),
    }
    assert labels == {"mlm": ((None, 9), "int32")} and weights == {"mlm": ((None, 9), "float32")}


def test_rows_by_hand(tmp_path, tokenizer):
    """11 tokens of room: two sentences of the first document, one, one, and the two pieces of a long one."""
    path = tmp_path / "text.txt"
    path.write_text("1 2. 3 4 5 6.\n7 8 9.\n\n10.\n\n11 12 13 14 15 16 17 18 19 20 21 22.\n")
    batches = make(path, tokenizer, batch_size=1, max_length=13)
    batch = read(batches.dataset(epochs=1).unbatch().batch(9))[0]
    pad, cls, sep = "[PAD]", "[CLS]", "[SEP]"
    rows = [
        [cls, "1", "2", ".", "3", "4", "5", "6", ".", sep, pad, pad, pad],
        [cls, "17", "18", "19", "20", "21", "22", ".", sep, cls, "10", ".", sep],
        [cls, "11", "12", "13", "14", "15", "16", sep, *[pad] * 5],
        [cls, "7", "8", "9", ".", sep, *[pad] * 7],
    ]
    masks = [[1] * 10 + [0] * 3, [1] * 9 + [2] * 4, [1] * 8 + [0] * 5, [1] * 6 + [0] * 7]
    found = [[tokenizer.id_to_token(int(i)) for i in row] for row in unmasked(batch)]
    pairs = list(zip(found, batch["padding_mask"].tolist(), strict=True))
    assert sorted(pairs) == sorted(zip(rows, masks, strict=True))
    assert not batch["segment_ids"].any()
    assert dict(batches.counts) == {
        "windows": 1, "documents": 3, "documents_without_sentences": 0, "sequences": 5, "real_tokens": 37,
    }  # fmt: skip


@pytest.mark.parametrize("packed", [True, False])
def test_an_epoch_has_every_word_once_and_keeps_the_rules(corpus, tokenizer, two_epochs, packed):
    document_of = corpus[1]
    if packed:
        batches, _, epochs = two_epochs
    else:
        batches = make(corpus[0], tokenizer, packed=False)
        epochs = [read(batches.dataset(epochs=1))]
    first, full_stop = tokenizer.token_to_id("0"), tokenizer.token_to_id(".")
    for rows in epochs:
        assert words_of(rows, tokenizer) == dict.fromkeys(range(len(document_of)), 1)
        most = max(batch["padding_mask"].max() for batch in rows)
        assert most > 1 if packed else most == 1
    sequences = [sequence for rows in epochs for sequence in sequences_of(rows)]
    for sequence in sequences:
        assert sequence[0] == tokenizer.cls_id and sequence[-1] == tokenizer.sep_id and len(sequence) <= 61
        assert sequence[-2] == full_stop  # the end of a sentence
        words = np.array([i - first for i in sequence if i >= first])
        assert (np.diff(words) == 1).all() and len(set(document_of[words])) == 1
    assert batches.counts["sequences"] == len(sequences)
    assert batches.counts["real_tokens"] == sum(map(len, sequences))
    num_masked = sum(batch["weights"].sum() for rows in epochs for batch in rows)
    num_maskable = batches.counts["real_tokens"] - 2 * len(sequences)
    assert num_masked / num_maskable == pytest.approx(0.15, abs=0.01)


def test_short_documents_fill_the_rows(tmp_path, tokenizer):
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{i} {i + 1}.\n\n" for i in range(300)))  # 5 tokens each, 12 of them in a row
    batches = read(make(path, tokenizer).dataset(epochs=1))
    assert [batch["padding_mask"].max(axis=1).tolist() for batch in batches] == [[12, 12, 12]] * 8 + [[12]]


def test_each_epoch_has_an_order_and_masks_of_its_own(two_epochs):
    first, second = two_epochs[2]
    assert sequences_of(first)[:9] != sequences_of(second)[:9]
    first, second = (batch["mask_positions"] for batch in first[:2])
    assert np.mean(np.isin(first, second)) < 0.5


def test_training_is_taken_up_with_the_same_batches(corpus, tokenizer, monkeypatch):
    monkeypatch.setattr(documents, "_BLOCK_BYTES", 301)
    monkeypatch.setattr(documents, "_WINDOW_BYTES", 2003)
    monkeypatch.setattr(documents, "_LINES_AT_A_TIME", 7)
    first = make(corpus[0], tokenizer)
    states, uninterrupted = {}, []
    for step, batch in enumerate(first.dataset(epochs=2)):
        states[step + 1] = json.loads(json.dumps(first.state(step + 1)))
        uninterrupted += read(tf.data.Dataset.from_tensors(batch))
    assert first.counts["windows"] > 6
    step = len(uninterrupted) - 4
    fresh = make(corpus[0], tokenizer)
    fresh.restore(states[step])
    assert same(read(fresh.dataset(step, epochs=2)), uninterrupted[step:])
    assert fresh.counts["windows"] < first.counts["windows"] / 2  # the others weren't read again


def test_shards_and_what_is_held_out_share_the_words(corpus, tokenizer):
    shares = {"hold_out": 2, "shard": (0, 2)}, {"hold_out": 2, "shard": (0, 2), "held_out": True}, {"shard": (1, 2)}
    words = [words_of(read(make(corpus[0], tokenizer, **share).dataset(epochs=1)), tokenizer) for share in shares]
    assert all(words) and sum(words, collections.Counter()) == dict.fromkeys(range(len(corpus[1])), 1)


def test_the_first_batches_are_kept_and_their_masked_words_counted(corpus, tokenizer, two_epochs):
    tf.random.set_seed(7)
    first = make(corpus[0], tokenizer, batch_size=1).first(5)
    assert first.cardinality() == 5 and same(read(first), two_epochs[2][0][:5])
    counts = masked_word_counts(first, tokenizer)
    for batch in read(first):
        np.subtract.at(counts, batch["labels"][batch["weights"] > 0], 1)
    assert not counts.any()


def test_one_document_is_enough(tmp_path, tokenizer):
    path = tmp_path / "text.txt"
    path.write_text("1 2.\n")
    batch = read(make(path, tokenizer, batch_size=1, max_length=5).dataset().take(1))[0]
    assert [tokenizer.id_to_token(int(i)) for i in unmasked(batch)[0]] == ["[CLS]", "1", "2", ".", "[SEP]"]
    assert make(path, tokenizer, max_length=3).counts == {}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "At least 1 document is needed. Received: 0 in 1 files"),
        ("1.\n\n2.\n", {"hold_out": 3}, "At least 3 documents are needed, with every 3-th held out.*at most 2, or"),
        ("1.\n", {"hold_out": 2}, "held out. Received: 1 in 1 files. Put a blank"),  # 1 isn't possible
        ("1.\n", {"shard": (1, 2)}, "At least 1 document must be among those.*which choose 0"),
        ("1.\n", {"max_length": 2}, "`max_length` must be at least 3.*a token and .SEP.. Received: max_length=2"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, tokenizer, text, options, message):
    path = tmp_path / "text.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        make(path, tokenizer, **options)


def test_a_corpus_without_words_ends_with_an_error(tmp_path, tokenizer):
    path = tmp_path / "text.txt"
    path.write_text("\u200b\n\n\u200b\n")
    batches = make(path, tokenizer)
    with pytest.raises(tf.errors.OpError, match=r"No document of this corpus has sentences\. Is there text"):
        read(batches.dataset().take(1))
    with pytest.raises(ValueError, match=r"There must be masked words.*Received: 0 and 0, in the batches"):
        masked_word_counts([], tokenizer)


# Of a word that is followed by a full stop, nothing is cut; 40 words are two pieces, of which one follows the other.
SINGLE, SEVERAL, LONG = "1.\n\n", "1.\n2.\n\n", " ".join(map(str, range(40))) + "\n\n"


@pytest.mark.parametrize(
    ("text", "options", "share"),
    [
        (SINGLE * 4, {}, "100% of the first 4 documents"),
        (SINGLE * 3 + SEVERAL, {}, "75% of the first 4 documents"),
        (SINGLE * 2 + SEVERAL * 2, {}, None),  # as many pairs that follow
        (LONG * 4, {}, None),
        (SINGLE * 4, {"next_sentence": False}, None),
        (SINGLE * 4, {"hold_out": 2, "held_out": True}, None),  # said of the others
        (SINGLE * 8, {"shard": (1, 2)}, None),
    ],
)
def test_documents_of_one_sentence_are_told(tmp_path, tokenizer, recwarn, text, options, share):
    for number in range(2):
        (tmp_path / f"{number}.txt").write_text(text)
    files = tmp_path / "*.txt" if "shard" in options else tmp_path / "0.txt"
    make(files, tokenizer, **{"next_sentence": True, **options})
    told = [warning for warning in recwarn if "one sentence" in str(warning.message)]
    assert len(told) == (share is not None)
    for warning in told:
        assert share in str(warning.message) and "next_sentence=False (--no-next-sentence)" in str(warning.message)
        assert warning.filename == __file__
