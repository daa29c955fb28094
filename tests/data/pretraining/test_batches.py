"""From text files to batches of pretraining: what is in them, how full they are, that they can be taken up again."""

import collections
import gzip
import itertools
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.data import PretrainingBatches, masked_word_counts
from keras_bert.data.pretraining import documents

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]"]
NUM_WORDS = 6007
DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="module")
def tokenizer():
    """The special tokens, a full stop, and the numbers from 0."""
    return keras_bert.WordPieceTokenizer([*SPECIAL, ".", *map(str, range(NUM_WORDS))])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three files, where each number stands once, in order; and for each number its document."""
    generator = np.random.default_rng(0)
    directory = tmp_path_factory.mktemp("corpus")
    files, texts, document_of, word = [], [], [], 0
    for number_of_sentences in itertools.chain([3, 131], generator.integers(1, 23, 57)):
        sentences = []
        for size in generator.integers(1, 14, number_of_sentences).tolist():
            sentences.append(" ".join(map(str, range(word, word + size))) + ".")
            word += size
            document_of += [len(texts)] * size
        lines = [" ".join(sentences[i : i + 3]) for i in range(0, len(sentences), 3)]
        texts.append("\n".join(lines))
    assert word < NUM_WORDS
    for i in range(3):
        path = directory / f"{i}.txt"
        path.write_text("\n\n".join(texts[i * 20 : (i + 1) * 20]))
        files.append(path)
    return files, np.array(document_of)


@pytest.fixture(scope="module")
def one_epoch(corpus, tokenizer):
    """The batches of an epoch, and the object that has given them."""
    batches = make(corpus, tokenizer)
    return read(batches.dataset(epochs=1)), batches


@pytest.fixture
def small_windows(monkeypatch):
    """Several windows an epoch."""
    monkeypatch.setattr(documents, "_BLOCK_BYTES", 501)
    monkeypatch.setattr(documents, "_WINDOW_BYTES", 4001)
    monkeypatch.setattr(documents, "_BLOCKS_SHUFFLED", 5)
    monkeypatch.setattr(documents, "_LINES_AT_A_TIME", 7)


def make(corpus, tokenizer, **options):
    return PretrainingBatches(corpus[0], tokenizer, **{"batch_size": 3, "max_length": 61, "seed": 5} | options)


def read(dataset):
    """Batches as dicts of arrays, one after the other: inputs, labels and weights under one name each."""
    return [
        {**inputs, **{f"{name}_labels": labels[name] for name in labels}, **{f"{k}_weights": w[k] for k in w}}
        for inputs, labels, w in dataset.as_numpy_iterator()
    ]


def same(first, second):
    """Whether two lists of batches are equal."""
    return len(first) == len(second) and all(
        old.keys() == new.keys() and all(np.array_equal(old[name], new[name]) for name in old)
        for old, new in zip(first, second, strict=True)
    )


def pairs_of(batches, tokenizer):
    """Batches -> the pairs in them as (A, B, label), the masks taken off."""
    pairs = []
    for batch in batches:
        ids = batch["token_ids"].copy()
        row, cell = np.nonzero(batch["mlm_weights"])
        ids[row, batch["mask_positions"][row, cell]] = batch["mlm_labels"][row, cell]
        for row, mask in enumerate(batch["padding_mask"]):
            for k in range(mask.max()):
                pair, segments = ids[row, mask == k + 1], batch["segment_ids"][row, mask == k + 1]
                a, b = pair[segments == 0], pair[segments == 1]
                assert a[0] == tokenizer.cls_id and a[-1] == b[-1] == tokenizer.sep_id
                label = batch["nsp_labels"][row, k] if batch["nsp_weights"][row, k] else -1
                pairs.append((a[1:-1], b[:-1], int(label)))
    return pairs


def documents_in(pairs, document_of, tokenizer):
    """Pairs -> numbers of all documents of which a word is in them."""
    first = tokenizer.token_to_id("0")
    words = np.concatenate([side for a, b, _ in pairs for side in (a, b)])
    return set(document_of[words[words >= first] - first].tolist())


def test_shapes_are_known_beforehand(corpus, tokenizer):
    inputs, labels, weights = make(corpus, tokenizer).dataset().element_spec
    assert {name: (tuple(spec.shape), spec.dtype.name) for name, spec in inputs.items()} == {
        "token_ids": ((3, 61), "int32"),
        "segment_ids": ((3, 61), "int32"),
        "padding_mask": ((3, 61), "int32"),
        "mask_positions": ((3, 9), "int32"),
        "cls_positions": ((3, 8), "int32"),
    }
    for specs, dtype in ((labels, "int32"), (weights, "float32")):
        assert {name: (tuple(spec.shape), spec.dtype.name) for name, spec in specs.items()} == {
            "mlm": ((3, 9), dtype),
            "nsp": ((3, 8), dtype),
        }


@pytest.mark.parametrize("packed", [True, False])
def test_an_epoch_has_every_document_and_keeps_the_rules(corpus, tokenizer, one_epoch, packed):
    rows, batches = one_epoch
    if not packed:
        batches = make(corpus, tokenizer, packed=False)
        rows = read(batches.dataset(epochs=1))
        assert rows[0]["cls_positions"].shape == rows[0]["nsp_labels"].shape == (3, 1)
    pairs = pairs_of(rows, tokenizer)
    document_of, first = corpus[1], tokenizer.token_to_id("0")
    assert documents_in(pairs, document_of, tokenizer) == set(range(59))
    labels = []
    for a, b, label in pairs:
        words = [side[side >= first] - first for side in (a, b)]
        assert 2 <= len(a) + len(b) <= 58 and len(a) and len(b)
        for side in words:
            assert (np.diff(side) == 1).all()  # a run of the text
            assert len(set(document_of[side])) <= 1
        labels.append(label)
        if all(map(len, words)):
            own, other = (document_of[side[0]] for side in words)
            assert (own != other) if label else (own == other and words[0][-1] < words[1][0])
    assert np.mean(labels) == pytest.approx(0.5, abs=0.05) and set(labels) == {0, 1}
    assert dict(batches.counts) == {
        "windows": 1,
        "documents": 59,
        "documents_without_sentences": 0,
        "pairs": len(pairs),
        "real_tokens": sum(len(a) + len(b) + 3 for a, b, _ in pairs),
    }


def test_packed_rows_are_full(one_epoch):
    batches = one_epoch[0][:-1]
    assert np.mean([batch["padding_mask"] > 0 for batch in batches]) >= 0.97
    assert max(batch["padding_mask"].max() for batch in batches) > 1


def test_packed_rows_give_the_loss_of_rows_of_their_own(tokenizer, one_epoch):
    batch = max(one_epoch[0], key=lambda batch: batch["nsp_weights"].sum())
    apart = collections.defaultdict(list)
    for row, mask in enumerate(batch["padding_mask"]):
        for k in range(mask.max()):
            (places,) = np.nonzero(mask == k + 1)
            rest = (0, 61 - len(places))
            apart["token_ids"].append(np.pad(batch["token_ids"][row, places], rest))
            apart["segment_ids"].append(np.pad(batch["segment_ids"][row, places], rest))
            apart["padding_mask"].append(np.pad(np.ones_like(places), rest))
            apart["cls_positions"].append([0])
            apart["nsp_labels"].append([batch["nsp_labels"][row, k]])
            apart["nsp_weights"].append([1.0])
            own = np.isin(batch["mask_positions"][row], places) & (batch["mlm_weights"][row] > 0)
            apart["mask_positions"].append(np.where(own, batch["mask_positions"][row] - places[0], 0))
            apart["mlm_labels"].append(np.where(own, batch["mlm_labels"][row], 0))
            apart["mlm_weights"].append(own.astype("float32"))
    apart = {name: np.array(rows) for name, rows in apart.items()}
    assert len(apart["token_ids"]) > 3 and apart["mlm_weights"].sum() == batch["mlm_weights"].sum()

    config = keras_bert.BertConfig(
        vocabulary_size=tokenizer.vocabulary_size,
        num_layers=2,
        num_heads=4,
        hidden_dim=12,
        intermediate_dim=37,
        max_sequence_length=61,
        initializer_range=0.5,
    )
    model = keras_bert.pretrainer(keras_bert.backbone(config))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")

    def losses(rows):
        logits = model({key: rows[key] for key in model.input}, training=False)
        return [float(loss(rows[f"{key}_labels"], logits[key], rows[f"{key}_weights"])) for key in ("mlm", "nsp")]

    assert losses(batch) == pytest.approx(losses(apart), rel=1e-5)


def test_batches_are_those_of_the_seed_and_the_epoch(corpus, tokenizer, one_epoch):
    one_epoch, _ = one_epoch
    tf.random.set_seed(7)
    two_epochs = read(make(corpus, tokenizer).dataset(epochs=2))
    assert same(two_epochs[: len(one_epoch) - 1], one_epoch[:-1])  # the last one may be short
    assert not same(read(make(corpus, tokenizer, seed=6).dataset().take(1)), one_epoch[:1])

    first, second = (batch["mask_positions"] for batch in two_epochs[:2])
    assert np.mean([np.isin(a, b) for a, b in zip(first, second, strict=True)]) < 0.5  # new masks in each batch

    def shown(batches):
        return {tuple(a) + (-1,) + tuple(b) for a, b, _ in pairs_of(batches, tokenizer)}

    second = two_epochs[len(one_epoch) :]
    assert documents_in(pairs_of(second, tokenizer), corpus[1], tokenizer) == set(range(59))
    assert len(shown(second) & shown(one_epoch)) < 0.2 * len(shown(one_epoch))


def test_training_is_taken_up_with_the_same_batches(corpus, tokenizer, small_windows):
    first = make(corpus, tokenizer, whole_word=True)
    states, uninterrupted = {}, []
    # A state may be asked for while reading, with prefetched batches ahead of it.
    for step, batch in enumerate(first.dataset(epochs=3)):
        states[step + 1] = json.loads(json.dumps(first.state(step + 1)))
        uninterrupted += read(tf.data.Dataset.from_tensors(batch))
    windows = collections.Counter(epoch for epoch, _ in first._rows_in)
    assert min(windows.values()) > 3 and len(windows) == 3
    num_windows, num_steps = sum(windows.values()), len(uninterrupted)
    early, middle, late = 1, num_steps // 2, num_steps - 5
    for step, state in ((early, states[early]), (middle, states[middle]), (late, first.state(late))):
        fresh = make(corpus, tokenizer, whole_word=True)
        fresh.restore(state)
        assert same(read(fresh.dataset(step, epochs=3)), uninterrupted[step:])
        before = sum(windows[epoch] for epoch in range(state["epoch"])) + state["window"]
        assert fresh.counts["windows"] == num_windows - before
    assert before > 10
    # Without a state it takes longer. To go back, what was read further on mustn't lead astray.
    fresh = make(corpus, tokenizer, whole_word=True)
    assert same(read(fresh.dataset(middle).take(3)), uninterrupted[middle : middle + 3])
    fresh.restore(states[late])
    assert same(read(fresh.dataset(middle).take(3)), uninterrupted[middle : middle + 3])


def test_windows_that_are_ready_early_do_not_end_an_epoch(corpus, tokenizer):
    batches = make(corpus, tokenizer)
    batches._note(0, 0, 6, 2, 2, 9, 99, True)
    batches._note(1, 0, 6, 2, 2, 9, 99, True)
    assert batches.state(2) == {"epoch": 0, "window": 1, "rows_before_window": 6}
    batches._note(0, 1, 3, 2, 2, 9, 99, True)
    batches._note(0, 2, 0, 0, 0, 0, 0, True)
    assert batches.state(2) == {"epoch": 0, "window": 1, "rows_before_window": 6}
    assert batches.state(3) == {"epoch": 1, "window": 0, "rows_before_window": 9}


def test_shards_mask_other_cells(corpus, tokenizer):
    masks = [
        next(iter(make(corpus, tokenizer, shard=(index, 2)).dataset()))[0]["mask_positions"].numpy() for index in (0, 1)
    ]
    assert np.mean(masks[0] == masks[1]) < 0.5


def test_shards_share_the_documents(corpus, tokenizer):
    shares = []
    for index in range(2):
        batches = make(corpus, tokenizer, shard=(index, 2))
        pairs = pairs_of(read(batches.dataset(epochs=1)), tokenizer)
        shares.append(documents_in(pairs, corpus[1], tokenizer))
        assert batches.counts["documents"] == len(shares[-1])
    assert not shares[0] & shares[1] and shares[0] | shares[1] == set(range(59))


def test_what_is_held_out_is_in_no_other_batch(corpus, tokenizer):
    shares = [
        documents_in(
            pairs_of(read(make(corpus, tokenizer, hold_out=7, held_out=held_out).dataset(epochs=1)), tokenizer),
            corpus[1],
            tokenizer,
        )
        for held_out in (False, True)
    ]
    assert not shares[0] & shares[1] and shares[0] | shares[1] == set(range(59))
    assert 7 <= len(shares[1]) <= 10


def test_the_first_batches_are_kept(corpus, tokenizer, one_epoch):
    whole, _ = one_epoch
    batches = make(corpus, tokenizer)
    first, all_of_them = batches.first(2), batches.first(1000)
    counts = dict(batches.counts)
    assert first.cardinality() == 2 and all_of_them.cardinality() == len(whole)
    assert same(read(first), whole[:2]) and same(read(all_of_them), whole)
    assert dict(batches.counts) == counts  # nothing was read again
    with pytest.raises(ValueError, match="`count` must be an integer of at least 1"):
        batches.first(0)


def test_documents_without_sentences_are_counted(tmp_path, tokenizer):
    path = tmp_path / "text.txt"
    path.write_text("1 2. 3 4.\n\n\u200b\n\n5 6.\n7 8.\n")
    batches = PretrainingBatches(path, tokenizer, batch_size=2, max_length=13)
    pairs = pairs_of(read(batches.dataset(epochs=1)), tokenizer)
    assert len(pairs) == batches.counts["pairs"] >= 2
    assert (batches.counts["documents"], batches.counts["documents_without_sentences"]) == (3, 1)


def test_a_corpus_without_words_ends_with_an_error(tmp_path, tokenizer):
    path = tmp_path / "text.txt"
    path.write_text("\u200b\n\n\u200b\n\n\u200b\n")
    batches = PretrainingBatches(path, tokenizer, batch_size=2, max_length=13)
    assert read(batches.dataset(epochs=1)) == []
    with pytest.raises(tf.errors.OpError, match="No document of this corpus has sentences"):
        read(batches.dataset().take(1))


@pytest.mark.parametrize(
    ("name", "message"), [("torn.gz", "can't be read: .*end-of-stream"), ("late.txt", "isn't UTF-8")]
)
def test_files_are_read_to_their_end_before_training(tmp_path, tokenizer, name, message):
    path = tmp_path / name
    text = b"".join(b"%d %d.\n\n" % (i, i * i) for i in range(100_000))
    path.write_bytes(gzip.compress(text, mtime=0)[:-9] if name == "torn.gz" else text + b"caf\xe9\n")
    with pytest.raises(ValueError, match=message):
        PretrainingBatches(path, tokenizer, batch_size=2, max_length=13)
    good = tmp_path / f"good{path.suffix}"  # of two files of about one size, each share has one, the first the larger
    good.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text + b"1 1.\n\n")
    with pytest.raises(ValueError, match=message):
        PretrainingBatches([good, path], tokenizer, 2, 13, shard=(1, 2))
    PretrainingBatches([good, path], tokenizer, 2, 13, shard=(0, 2))


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("1 2. 3.\n4.\n", {}, "At least 2 documents are needed.*Received: 1 in 1 files.*--no-next-sentence"),
        ("", {}, "Received: 0 in 1 files"),
        ("1.\n\n2.\n\n3.\n", {"hold_out": 2}, "At least 4 documents are needed.*every 2-th held out. Received: 3"),
        ("1.\n\n2.\n", {"max_length": 4}, "`max_length` must be at least 5.*Received: max_length=4"),
        ("1.\n\n2.\n", {"batch_size": 0}, "batch_size"),
        ("1.\n\n2.\n", {"hold_out": 1}, "`hold_out` must be at least 2"),
        ("1.\n\n2.\n", {"held_out": True}, "`held_out` needs `hold_out`"),
        ("1.\n\n2.\n", {"shard": (2, 2)}, r"Received: shard=\(2, 2\)"),
        ("1.\n\n2.\n", {"shard": (-1, 2)}, r"Received: shard=\(-1, 2\)"),
        ("1.\n\n2.\n\n3.\n", {"hold_out": 2}, "held out. Received: 3 in 1 files. Put a blank"),  # 1 isn't possible
        ("1.\n\n2.\n\n3.\n\n4.\n", {"hold_out": 9}, "Choose a smaller `hold_out`, at most 2, or"),
        # A share without documents would be read for ever.
        ("1.\n\n2.\n", {"shard": (1, 2)}, "that `hold_out`, `held_out` and `shard` choose.*which choose 0"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, tokenizer, text, options, message):
    path = tmp_path / "text.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        PretrainingBatches(path, tokenizer, **{"batch_size": 2, "max_length": 13} | options)


@pytest.fixture(scope="module")
def standard():
    """Two files of Wikipedia and the standard vocabulary."""
    files, vocabulary = [DATA / "wiki_en" / f"0{i}.txt" for i in range(2)], DATA / "vocab" / "bert-base-uncased.txt"
    if not all(path.exists() for path in [*files, vocabulary]):
        pytest.skip(f"needs {DATA}/wiki_en and {vocabulary}")
    return files, keras_bert.WordPieceTokenizer.load(vocabulary)


def test_a_million_tokens_of_wikipedia(standard):
    files, tokenizer = standard
    batches = PretrainingBatches(files, tokenizer, batch_size=32, max_length=128)
    cells = maskable = chosen = 0
    became, labels, pairs = np.zeros(3), [], []
    counts = masked_word_counts(batches.dataset().take(256), tokenizer)
    for batch in read(batches.dataset().take(256)):
        cells += batch["token_ids"].size
        row, place = np.nonzero(batch["mlm_weights"])
        new = batch["token_ids"][row, batch["mask_positions"][row, place]]
        old = batch["mlm_labels"][row, place]
        np.subtract.at(counts, old, 1)
        kept = (batch["padding_mask"] > 0) & ~np.isin(batch["token_ids"], [tokenizer.cls_id, tokenizer.sep_id])
        maskable, chosen = maskable + kept.sum(), chosen + len(old)
        hidden = new == tokenizer.mask_id
        became += [hidden.sum(), (~hidden & (new != old)).sum(), (new == old).sum()]
        assert not np.isin(old, [tokenizer.cls_id, tokenizer.sep_id, tokenizer.padding_id]).any()
        found = pairs_of([batch], tokenizer)
        labels += [label for *_, label in found]
        pairs += found if len(pairs) < 3000 else []
    assert not counts.any()
    specials = 3 * len(labels)
    assert cells > 1_000_000
    assert (maskable + specials) / cells >= 0.97
    assert chosen / maskable == pytest.approx(0.15, abs=0.003)
    assert became / chosen == pytest.approx([0.8, 0.1, 0.1], abs=0.003)
    assert np.mean(labels) == pytest.approx(0.5, abs=0.01)

    # Where a run of tokens stands in one document only, that is where it is from.
    texts = [text for path in files for text in path.read_text(encoding="utf-8").split("\n\n")]
    where = {}
    for number, ids in enumerate(tokenizer(texts).to_list()):
        for run in zip(*(ids[i:] for i in range(8)), strict=False):
            where[run] = number if where.get(run, number) == number else None
    checked = collections.Counter()
    for a, b, label in pairs:
        own, other = where.get(tuple(a[:8])), where.get(tuple(b[:8]))
        if own is not None and other is not None:
            assert (own != other) == label
            checked[label] += 1
    assert min(checked.values()) > 500


def test_long_rows_of_wikipedia_are_full(standard):
    files, tokenizer = standard
    batches = PretrainingBatches(files, tokenizer, batch_size=8, max_length=512)
    rows = [batch["padding_mask"] > 0 for batch in read(batches.dataset(epochs=1))]
    assert np.mean(np.concatenate(rows)) >= 0.97
