"""Masked words: how many, which, what stands in their place."""

import numpy as np
import pytest

import keras_bert
from keras_bert.data.pretraining.masking import MASKED_SHARE, Masking, most_masked

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
UNUSED = ["[unused0]", "[unused1]", "[unused99]"]


@pytest.fixture(scope="module")
def tokenizer():
    """Specials, three unused tokens in between, 61 words, 29 pieces that go on a word; some of them Korean."""
    words = [f"w{i}" for i in range(59)] + ["학교", "[a]"]
    pieces = [f"##p{i}" for i in range(27)] + ["##에서", "##는"]
    return keras_bert.WordPieceTokenizer([*SPECIAL[:2], *UNUSED, *SPECIAL[2:], *words, *pieces], strip_accents=False)


def random_rows(tokenizer, num_rows, max_length, seed=0, share_of_pieces=0.3):
    """Rows of pairs of random tokens -> ids and padding mask [B, T]; the last fifth of some rows is padding."""
    generator = np.random.default_rng(seed)
    first = tokenizer.token_to_id("w0")
    first_piece = tokenizer.token_to_id("##p0")
    words = generator.integers(first, first_piece, (num_rows, max_length))
    pieces = generator.integers(first_piece, tokenizer.vocabulary_size, (num_rows, max_length))
    ids = np.where(generator.random((num_rows, max_length)) < share_of_pieces, pieces, words)
    length = np.where(generator.random(num_rows) < 0.3, max_length - max_length // 5, max_length)
    cells = np.arange(max_length)
    ids[:, 0] = tokenizer.cls_id
    ids[:, max_length // 2] = tokenizer.sep_id
    ids[cells == length[:, None] - 1] = tokenizer.sep_id
    mask = cells < length[:, None]
    return np.where(mask, ids, tokenizer.padding_id).astype("int32"), mask.astype("int32")


def masked(tokenizer, ids, mask, seed=(0, 0), whole_word=False):
    """The four results as arrays."""
    masking = Masking(tokenizer, ids.shape[1], whole_word)
    return [np.asarray(part) for part in masking(ids, mask, seed)]


def restored(token_ids, positions, labels, weights):
    """Masked rows -> the rows as they were, and bool [B, T]: where they were masked."""
    token_ids, chosen = token_ids.copy(), np.zeros(token_ids.shape, bool)
    row, cell = np.nonzero(weights)
    token_ids[row, positions[row, cell]] = labels[row, cell]
    chosen[row, positions[row, cell]] = True
    return token_ids, chosen


@pytest.mark.parametrize(("max_length", "plain", "whole"), [(5, 1, 2), (8, 1, 5), (128, 19, 27), (512, 77, 85)])
def test_the_number_of_positions(max_length, plain, whole):
    assert most_masked(max_length) == plain
    assert most_masked(max_length, whole_word=True) == whole
    assert most_masked(max_length - 1, num_special=2) == plain


@pytest.mark.parametrize("max_length", [5, 8, 23])
@pytest.mark.parametrize("whole_word", [False, True])
def test_shapes_and_what_stood_there(tokenizer, max_length, whole_word):
    ids, mask = random_rows(tokenizer, 7, max_length)
    token_ids, positions, labels, weights = masked(tokenizer, ids, mask, whole_word=whole_word)
    shape = (7, most_masked(max_length, whole_word))
    assert positions.shape == labels.shape == weights.shape == shape
    assert (token_ids.dtype, positions.dtype, labels.dtype, weights.dtype) == ("int32", "int32", "int32", "float32")
    assert set(np.unique(weights)) <= {0.0, 1.0}
    assert not positions[weights == 0].any() and not labels[weights == 0].any()
    before, chosen = restored(token_ids, positions, labels, weights)
    assert (before == ids).all()
    assert chosen.sum() == weights.sum()  # no position twice


@pytest.mark.parametrize("whole_word", [False, True])
def test_shares_over_a_million_tokens(tokenizer, whole_word):
    num_masked = num_maskable = 0
    became = np.zeros(3)  # [MASK], another word, the same
    random_words = []
    for seed in range(8):
        ids, mask = random_rows(tokenizer, 1000, 128, seed)
        token_ids, *where = masked(tokenizer, ids, mask, seed=(seed, 5), whole_word=whole_word)
        before, chosen = restored(token_ids, *where)
        assert (before == ids).all()
        special = (mask == 0) | (ids == tokenizer.cls_id) | (ids == tokenizer.sep_id)
        assert not (chosen & special).any()
        num_masked += chosen.sum()
        num_maskable += (~special).sum()
        hidden, different = token_ids == tokenizer.mask_id, token_ids != ids
        assert not (different & ~chosen).any()
        became += [np.sum(chosen & part) for part in (hidden, different & ~hidden, ~different)]
        random_words.append(token_ids[different & ~hidden])
    assert num_maskable > 900_000
    assert num_masked / num_maskable == pytest.approx(MASKED_SHARE, abs=0.003)
    # A random word of 90 is the right one once in 90 times.
    again = 0.1 / 90
    assert became / num_masked == pytest.approx([0.8, 0.1 - again, 0.1 + again], abs=0.003)
    counts = np.bincount(np.concatenate(random_words), minlength=tokenizer.vocabulary_size)
    forbidden = [tokenizer.token_to_id(token) for token in SPECIAL + UNUSED]
    assert not counts[forbidden].any()
    allowed = np.delete(counts, forbidden)
    assert allowed.min() > 0.65 * allowed.mean() and allowed.max() < 1.35 * allowed.mean()


def test_every_place_is_as_likely(tokenizer):
    ids, mask = np.full((20_000, 23), tokenizer.token_to_id("w7"), "int32"), np.ones((20_000, 23), "int32")
    ids[:, [0, 11, 22]] = [tokenizer.cls_id, tokenizer.sep_id, tokenizer.sep_id]
    _, chosen = restored(*masked(tokenizer, ids, mask))
    share = np.delete(chosen.mean(axis=0), [0, 11, 22])
    assert share == pytest.approx([MASKED_SHARE] * 20, abs=0.012)


@pytest.mark.parametrize("whole_word", [False, True])
def test_a_row_with_one_word_is_masked_as_often_as_others(tokenizer, whole_word):
    ids = np.full((20_000, 9), tokenizer.padding_id, "int32")
    ids[:, :4] = [tokenizer.cls_id, tokenizer.token_to_id("w3"), tokenizer.sep_id, tokenizer.sep_id]
    _, positions, labels, weights = masked(tokenizer, ids, (ids != 0).astype("int32"), whole_word=whole_word)
    assert weights.sum(axis=1).max() == 1
    assert weights.mean(axis=0).sum() == pytest.approx(MASKED_SHARE, abs=0.01)
    assert set(positions[weights > 0]) == {1}
    assert set(labels[weights > 0]) == {tokenizer.token_to_id("w3")}


def words_of(ids, tokenizer):
    """A row's ids -> its words as lists of places, in plain Python; [CLS], [SEP] and padding apart."""
    words, open_word = [], False
    apart = {tokenizer.cls_id, tokenizer.sep_id, tokenizer.padding_id}
    for place, token_id in enumerate(ids.tolist()):
        if token_id in apart:
            open_word = False
        elif open_word and tokenizer.id_to_token(token_id).startswith("##"):
            words[-1].append(place)
        else:
            words.append([place])
            open_word = True
    return words


@pytest.mark.parametrize(("share_of_pieces", "max_length"), [(0.3, 67), (0.9, 61), (0.99, 128)])
def test_whole_words_have_all_their_pieces_masked_or_none(tokenizer, share_of_pieces, max_length):
    ids, mask = random_rows(tokenizer, 300, max_length, share_of_pieces=share_of_pieces)
    _, chosen = restored(*masked(tokenizer, ids, mask, whole_word=True))
    sizes = []
    for row, hidden in zip(ids, chosen, strict=True):
        for word in words_of(row, tokenizer):
            assert len(set(hidden[word].tolist())) == 1, f"half a word: {word}"
            sizes.append(len(word))
    assert max(sizes) >= 5


def test_pieces_of_korean_words_go_together(tokenizer):
    ids = [tokenizer.token_to_id(token) for token in ("[CLS]", "학교", "##에서", "##는", "[SEP]", "##는", "[SEP]")]
    assert ids == [tokenizer.cls_id, *tokenizer("학교에서는").numpy().tolist(), *ids[4:]]
    ids = np.repeat(np.array([ids], "int32"), 20_000, axis=0)
    _, chosen = restored(*masked(tokenizer, ids, np.ones_like(ids), whole_word=True))
    assert (chosen[:, 1:4].sum(axis=1) % 3 == 0).all()
    # What begins behind [SEP] doesn't belong to the word before it; two words of 3 and 1 tokens, 0.6 on average.
    assert chosen.sum(axis=1).mean() == pytest.approx(0.6, abs=0.03)
    assert set(chosen.sum(axis=1).tolist()) == {0, 1, 3}


@pytest.mark.parametrize("whole_word", [False, True])
def test_masks_are_those_of_the_seed(tokenizer, whole_word):
    ids, mask = random_rows(tokenizer, 5, 37)
    first = masked(tokenizer, ids, mask, (3, 4), whole_word)
    again = masked(tokenizer, ids, mask, (3, 4), whole_word)
    assert all((old == new).all() for old, new in zip(first, again, strict=True))
    assert (masked(tokenizer, ids, mask, (3, 5), whole_word)[1] != first[1]).any()


def test_a_vocabulary_without_words_is_refused():
    tokenizer = keras_bert.WordPieceTokenizer([*SPECIAL, *UNUSED])
    with pytest.raises(ValueError, match="must have words beside the special tokens"):
        Masking(tokenizer, 128)
