"""The tokenizer: the textbook's cases, parity with `tokenizers`, files, and the places it must work in."""

import copy
import importlib.util
import itertools
import json
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tokenizers

from keras_bert.text import WordPieceTokenizer, write_vocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = """
here is the sentence i want em ##bed ##ding ##s for . , cafe café 한 ##국 한국어 中 ! é ##é mask [ ] un ##able A
"""
TOKENS = [*SPECIAL, *WORDS.split()]
DATA = pathlib.Path(__file__).parents[2].parent / "shared" / "data"
STANDARD = DATA / "vocab" / "bert-base-uncased.txt"
SETTINGS = list(itertools.product((True, False), (None, True, False)))

_spec = importlib.util.spec_from_file_location(
    "compare_tokenizer", pathlib.Path(__file__).parents[1] / "references" / "compare_tokenizer.py"
)
compare_tokenizer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(compare_tokenizer)

needs_standard = pytest.mark.skipif(not STANDARD.exists(), reason=f"the standard vocabulary isn't at {STANDARD}")


@pytest.fixture(scope="module")
def tokenizer():
    return WordPieceTokenizer(TOKENS)


@pytest.fixture(scope="module")
def standard():
    return WordPieceTokenizer.load(STANDARD)


def reference(tokens, lowercase=True, strip_accents=None, keep_special_tokens=False):
    return compare_tokenizer.reference(tokens, lowercase, strip_accents, keep_special_tokens)


TEXTBOOK = ("Here is the sentence I want embeddings for.", "here is the sentence i want em ##bed ##ding ##s for .")


def test_textbook():
    text, pieces = TEXTBOOK
    tokenizer = WordPieceTokenizer([*SPECIAL, *pieces.split()])
    assert " ".join(tokenizer.tokens(text)) == pieces
    assert tokenizer([text]).to_list() == [list(range(5, 17))]
    with pytest.raises(KeyError):
        tokenizer.vocabulary["embeddings"]


@needs_standard
def test_textbook_with_the_standard_vocabulary(standard):
    text, pieces = TEXTBOOK
    assert " ".join(standard.tokens(text)) == pieces
    ids = {"here": 2182, "##bed": 8270, "##ding": 4667, "##s": 2015, "em": 7861}
    assert {token: standard.vocabulary[token] for token in ids} == ids
    assert standard([text]).to_list()[0][:2] == [2182, 2003]
    with pytest.raises(KeyError):
        standard.vocabulary["embeddings"]
    assert (standard.padding_id, standard.unknown_id, standard.cls_id, standard.sep_id, standard.mask_id) == (
        0,
        100,
        101,
        102,
        103,
    )
    assert standard.vocabulary_size == 30522
    assert (standard.lowercase, standard.id_to_token(2182), standard.token_to_id("here")) == (True, "here", 2182)


def test_by_hand(tokenizer):
    ids = tokenizer(["Embeddings!", "", "  \t", "Zebra , CAFÉ"])
    assert isinstance(ids, tf.RaggedTensor) and ids.dtype == tf.int32
    assert [[TOKENS[i] for i in row] for row in ids.to_list()] == [
        ["em", "##bed", "##ding", "##s", "!"],
        [],
        [],
        ["[UNK]", ",", "cafe"],
    ]
    cased = WordPieceTokenizer(TOKENS, lowercase=False)
    assert cased.tokens("a A café中한국") == ["[UNK]", "A", "café", "中", "한", "##국"]


def test_input_forms(tokenizer):
    expected = [[5, 6], [], [17]]
    texts = ["here is", "", ","]
    for form in (texts, tuple(texts), tf.constant(texts)):
        assert tokenizer(form).to_list() == expected
    assert tokenizer([]).to_list() == []
    assert tokenizer("here is").numpy().tolist() == [5, 6]
    assert tokenizer(tf.constant("here is")).dtype == tf.int32
    assert tokenizer("").shape == [0]
    assert tokenizer(b"here").numpy().tolist() == [5]


@pytest.mark.parametrize("texts", [[1, 2], 3.5, [["here"], ["is", "the"]], [None], {"a": 1}])
def test_other_than_strings(tokenizer, texts):
    with pytest.raises(ValueError, match="must be strings"):
        tokenizer(texts)


def test_too_many_axes(tokenizer):
    with pytest.raises(ValueError, match=r"one axis, \[B\]\. Received: shape=\(1, 2\)"):
        tokenizer([["here", "is"]])
    with pytest.raises(ValueError, match="one string"):
        tokenizer.tokens(["here"])


def test_bad_input_shifts_nothing(tokenizer):
    texts = [b"here", b"", b"\xff\xfe", b"is\0", b"\x00", b"the\xc3", b"\xed\xa0\x80", b"for"]
    ids, starts, ends = tokenizer.tokenize_with_offsets(texts)
    assert ids.to_list() == tokenizer(texts).to_list() == [[5], [], [], [6], [], [7], [], [15]]
    assert starts.to_list() == [[0], [], [], [0], [], [0], [], [0]]
    assert ends.to_list() == [[4], [], [], [2], [], [3], [], [3]]


def test_offsets_count_codepoints_of_the_raw_text(tokenizer):
    text = "\u200b Cafe\u0301 […] 😀한국어, ÉS"
    ids, starts, ends = tokenizer.tokenize_with_offsets([text, "em"])
    cut = [text[start:end] for start, end in zip(starts[0].numpy(), ends[0].numpy(), strict=True)]
    assert cut == ["Cafe", "[", "…", "]", "😀한국어", ",", "ÉS"]
    assert (starts.dtype, ends.dtype) == (tf.int32, tf.int32)
    assert (ids[1].numpy(), starts[1].numpy(), ends[1].numpy()) == ([11], [0], [2])


def test_special_tokens(tokenizer):
    text = "the [MASK][SEP] é[MASK]. [mask] [UNK"
    assert tokenizer.tokens(text)[:4] == ["the", "[", "mask", "]"]
    kept = tokenizer.tokens(text, keep_special_tokens=True)
    assert " ".join(kept) == "the [MASK] [SEP] [UNK] [MASK] . [ mask ] [ [UNK]"
    ids, starts, ends = tokenizer.tokenize_with_offsets([text], keep_special_tokens=True)
    cut = [text[start:end] for start, end in zip(starts[0].numpy(), ends[0].numpy(), strict=True)]
    assert cut == ["the", "[MASK]", "[SEP]", "é", "[MASK]", ".", "[", "mask", "]", "[", "UNK"]
    assert ids[0, 1] == tokenizer.mask_id


def test_words_over_100_characters(tokenizer):
    tokens = [*SPECIAL, "x", "##x", "한", "##한", "é", "##é"]
    korean = WordPieceTokenizer(tokens, lowercase=False)
    for letter in "x한é":
        texts = [letter * 100, letter * 101, letter * 100 + "," + letter * 100, letter * 500]
        assert [len(row) for row in korean(texts).to_list()] == [100, 1, 201, 1]
        ids, starts, ends = korean.tokenize_with_offsets(texts[1:2])
        assert (ids.to_list(), starts.to_list(), ends.to_list()) == ([[1]], [[0]], [[101]])


@pytest.mark.parametrize("lowercase, strip_accents", SETTINGS)
@pytest.mark.parametrize("keep_special_tokens", [False, True])
def test_parity_on_random_strings(lowercase, strip_accents, keep_special_tokens):
    texts = compare_tokenizer.random_strings(2500, seed=1 + keep_special_tokens)
    # All characters of the strings, so that not everything is [UNK].
    characters = sorted({c for text in texts for c in text if not c.isspace()} - {"\0"})
    pieces = sorted(
        {text[i : i + 2] for text in texts for i in range(0, len(text), 5) if len(text[i : i + 2].split()) == 1}
    )
    tokens = list(dict.fromkeys([*SPECIAL, *characters, *("##" + c for c in characters), *pieces]))
    ours, theirs = (
        WordPieceTokenizer(tokens, lowercase, strip_accents),
        reference(tokens, lowercase, strip_accents, keep_special_tokens),
    )
    assert compare_tokenizer.differing(texts, ours, theirs, keep_special_tokens) == ([], [])


def test_parity_on_every_codepoint():
    characters = compare_tokenizer.CODEPOINTS
    texts = [" ".join(f"un{c}able {c}" for c in characters[at : at + 200]) for at in range(0, len(characters), 200)]
    # Characters of every script, alone and continuing a word, so that not everything is [UNK].
    some = [c for c in characters if c < "\u3000"] + characters[0x3000:0x20000:7] + characters[0x20000:0x32000:97]
    some = [c for c in some if not c.isspace()]
    pieces = ["un", "able", "##able", "una", "##é", "##ablé", *some, *("##" + c for c in some)]
    tokens = list(dict.fromkeys([*SPECIAL, *pieces]))
    ours = WordPieceTokenizer(tokens)(tf.constant(texts)).to_list()
    theirs = reference(tokens).encode_batch(texts, add_special_tokens=False)
    assert [i for i, (row, encoding) in enumerate(zip(ours, theirs, strict=True)) if row != encoding.ids] == []
    assert len({i for row in ours for i in row}) > 5000


def test_default_special_tokens_are_those_of_tokenizers():
    theirs = tokenizers.BertWordPieceTokenizer({token: i for i, token in enumerate(TOKENS)})
    text = "here [MASK] is[SEP]"
    assert theirs.encode(text, add_special_tokens=False).ids == WordPieceTokenizer(TOKENS)(text, True).numpy().tolist()


@pytest.mark.parametrize(
    "odd",
    ["a b", " a", "\u00a0", "a.b", "##中", "中国", "\U00100010", "[unused1]", "##", "x" * 110, "###", "\x11", "a\0"],
)
def test_tokens_that_can_never_match(odd):
    tokens = [*SPECIAL, odd, "a", "b", "##b", ".", "中", "国", "#", "##x", "x", "unused", "##1"]
    texts = [odd, "a b", "a.b", "中国", "ab", f"a{odd}b", "x" * 110, "##", "[unused1]"]
    theirs = reference(tokens, lowercase=False).encode_batch(texts, add_special_tokens=False)
    assert WordPieceTokenizer(tokens, lowercase=False)(texts).to_list() == [encoding.ids for encoding in theirs]


def test_detokenize(tokenizer):
    ids = tokenizer(["Here is the sentence I want embeddings for.", ""])
    assert tokenizer.detokenize(ids) == ["here is the sentence i want embeddings for .", ""]
    assert tokenizer.detokenize(ids.to_tensor()[:, :3]) == ["here is the", "[PAD] [PAD] [PAD]"]
    assert tokenizer.detokenize([11, 12]) == "embed" and tokenizer.detokenize([]) == ""
    assert tokenizer(tokenizer.detokenize(ids)).to_list() == ids.to_list()
    with pytest.raises(ValueError, match=rf"less than vocabulary_size={len(TOKENS)}\. Received: token_id=99"):
        tokenizer.detokenize([99])


def test_vocabulary_is_read_only(tokenizer):
    assert len(tokenizer.vocabulary) == len(TOKENS) and tokenizer.vocabulary["is"] == 6
    with pytest.raises(TypeError):
        tokenizer.vocabulary["new"] = 1
    with pytest.raises(KeyError):
        tokenizer.token_to_id("embeddings")


def test_id_to_token(tokenizer):
    for integer in (6, np.int32(6), np.array(6), tf.constant(6)):
        assert tokenizer.id_to_token(integer) == "is"
    for bad in (-1, len(TOKENS)):
        with pytest.raises(ValueError, match=f"token_id={bad}"):
            tokenizer.id_to_token(bad)
    for bad in (2.9, 2.0, np.float32(2), "2", None, tf.constant(2.0)):
        with pytest.raises(ValueError, match="must be an integer"):
            tokenizer.id_to_token(bad)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copies_and_pickles(duplicate):
    original = WordPieceTokenizer(TOKENS, lowercase=False, strip_accents=True)
    same = duplicate(original)
    assert (same.lowercase, same.strip_accents, same.vocabulary) == (False, True, original.vocabulary)
    assert same(["A café 한국", ""]).to_list() == original(["A café 한국", ""]).to_list()


def test_mapping_as_vocabulary():
    assert WordPieceTokenizer({token: i for i, token in enumerate(TOKENS)}).tokens("here") == ["here"]
    with pytest.raises(ValueError, match="'the' with the id 7 where 6"):
        WordPieceTokenizer({token: 99 if token == "is" else i for i, token in enumerate(TOKENS)})


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("vocab.txt",), "WordPieceTokenizer.load"),
        ((TOKENS, None), "`lowercase` must be True or False. Received: lowercase=None"),
        ((TOKENS, True, "yes"), "`strip_accents` must be True, False, or None .* Received: strip_accents='yes'"),
        ((TOKENS[1:],), r"lacks \[PAD\]"),
        (([*TOKENS, "is"],), rf"'is' \(lines 7, {len(TOKENS) + 1}\)"),
        (([*TOKENS, ""],), f"no token on line {len(TOKENS) + 1}"),
        (([*TOKENS, 7],), "Received: 7 of type int"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer(*arguments)


@pytest.mark.parametrize("lowercase, strip_accents", SETTINGS)
def test_save_and_load(tmp_path, lowercase, strip_accents):
    WordPieceTokenizer(TOKENS, lowercase, strip_accents).save(tmp_path / "new" / "directory")
    loaded = WordPieceTokenizer.load(tmp_path / "new" / "directory")
    assert (loaded.lowercase, loaded.strip_accents, list(loaded.vocabulary)) == (lowercase, strip_accents, TOKENS)
    assert sorted(p.name for p in (tmp_path / "new" / "directory").iterdir()) == ["tokenizer_config.json", "vocab.txt"]
    other = WordPieceTokenizer.load(tmp_path / "new" / "directory", not lowercase, strip_accents=False)
    assert (other.lowercase, other.strip_accents) == (not lowercase, False)


def test_save_replaces_what_would_contradict_it(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    WordPieceTokenizer(TOKENS, lowercase=False, strip_accents=True).save(tmp_path)
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.encode("A Café", add_special_tokens=False).tokens == ["A", "[UNK]"]
    (tmp_path / "vocab.txt").unlink()
    (tmp_path / "tokenizer_config.json").unlink()
    loaded = WordPieceTokenizer.load(tmp_path, strip_accents=True)
    assert (loaded.lowercase, loaded.strip_accents, list(loaded.vocabulary)) == (False, True, TOKENS)


def test_save_and_load_in_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    WordPieceTokenizer(TOKENS).save("~/saved")
    assert (tmp_path / "saved" / "vocab.txt").is_file()
    assert WordPieceTokenizer.load("~/saved").vocabulary_size == len(TOKENS)
    assert WordPieceTokenizer.load("~/saved/vocab.txt").vocabulary_size == len(TOKENS)


def test_save_where_a_file_is(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="which is a file"):
        WordPieceTokenizer(TOKENS).save(tmp_path / "file")


def test_bare_vocabulary_shows_whether_it_is_lowercase(tmp_path):
    write_vocabulary(TOKENS, tmp_path / "cased.txt")
    write_vocabulary([t for t in TOKENS if t != "A"] + ["ℝ", "[unused]", "##ß"], tmp_path / "uncased.txt")
    assert not WordPieceTokenizer.load(tmp_path / "cased.txt").lowercase
    assert WordPieceTokenizer.load(tmp_path / "uncased.txt").lowercase
    assert WordPieceTokenizer.load(str(tmp_path / "cased.txt"), lowercase=True).lowercase


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("tokenizer_config.json", "{", "isn't JSON"),
        ("tokenizer_config.json", "[]", "a JSON object was expected"),
        ("tokenizer_config.json", '{"do_lower_case": "yes"}', "do_lower_case='yes'"),
        ("tokenizer_config.json", '{"tokenize_chinese_chars": false}', "tokenize_chinese_chars=false"),
        ("tokenizer.json", '{"model": {"type": "BPE"}, "normalizer": null}', 'model.type="BPE"'),
    ],
)
def test_load_bad_settings(tmp_path, name, content, message):
    write_vocabulary(TOKENS, tmp_path / "vocab.txt")
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer.load(tmp_path)


def test_a_bare_vocabulary_with_accents_is_not_read_without_them(tmp_path):
    small = [*SPECIAL, "the"]
    for token, accents in (("한국", True), ("café", True), ("ᄒ", False)):
        write_vocabulary([*small, token], tmp_path / "vocab.txt")
        tokenizer = WordPieceTokenizer.load(tmp_path / "vocab.txt")
        assert tokenizer.lowercase and tokenizer.strip_accents is (False if accents else None)
        assert tokenizer.tokens(token) == [token]
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true, "strip_accents": null}')
    write_vocabulary([*small, "café"], tmp_path / "vocab.txt")
    with pytest.warns(UserWarning, match=r"strip_accents=null.* 1 of 2 tokens with accents.*: 'café'"):
        assert WordPieceTokenizer.load(tmp_path).strip_accents is False


def test_load_without_vocabulary(tmp_path):
    with pytest.raises(ValueError, match=r"neither vocab\.txt nor tokenizer\.json"):
        WordPieceTokenizer.load(tmp_path)
    with pytest.raises(ValueError, match="doesn't exist"):
        WordPieceTokenizer.load(tmp_path / "nowhere")
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"type": "WordPiece"}}))
    with pytest.raises(ValueError, match=r"lacks \[PAD\]"):
        WordPieceTokenizer.load(tmp_path)


def test_in_tf_data_and_tf_function(tokenizer):
    texts = ["here is", "", "Café 한국어", "the [MASK]"]
    expected = tokenizer(texts).to_list()
    batched = tf.data.Dataset.from_tensor_slices(texts).batch(3).map(tokenizer)
    assert [row for batch in batched for row in batch.to_list()] == expected
    single = tf.data.Dataset.from_tensor_slices(texts).map(tokenizer)
    assert [row.numpy().tolist() for row in single] == expected
    assert tf.function(tokenizer)(tf.constant(texts)).to_list() == expected
    ids, starts, ends = tf.function(tokenizer.tokenize_with_offsets)(tf.constant(texts))
    assert ids.to_list() == expected and starts[0].numpy().tolist() == [0, 5] and ends[0].numpy().tolist() == [4, 7]


def test_made_inside_a_function():
    @tf.function
    def tokenize(texts):
        return WordPieceTokenizer(TOKENS)(texts).to_tensor()

    assert tokenize(tf.constant(["here is", "É"])).numpy().tolist() == [[5, 6], [1, 0]]


def test_saved_model_needs_only_tensorflow_and_tensorflow_text(tmp_path, tokenizer):
    class Served(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, texts):
            ids, starts, ends = tokenizer.tokenize_with_offsets(texts, keep_special_tokens=True)
            return {"ids": ids.to_tensor(-1), "starts": starts.to_tensor(-1), "ends": ends.to_tensor(-1)}

    served = Served()
    tf.saved_model.save(served, str(tmp_path / "saved"), signatures=served.__call__)
    texts = ["Here is Café [MASK]", "", "\u302e\U0001d165 x", "x" * 101, "\0"]
    expected = {name: value.numpy().tolist() for name, value in served(tf.constant(texts)).items()}
    program = (
        "import json, sys, tensorflow as tf, tensorflow_text\n"
        f"serve = tf.saved_model.load({str(tmp_path / 'saved')!r}).signatures['serving_default']\n"
        f"answer = serve(texts=tf.constant({texts!r}))\n"
        "assert not {'keras_bert', 'tokenizers'} & set(sys.modules)\n"
        "print(json.dumps({name: value.numpy().tolist() for name, value in answer.items()}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == expected
