"""Added tokens: found where `tokenizers` finds them, with its ids and offsets, in the graph, in files and in copies."""

import copy
import importlib.util
import json
import pathlib
import pickle
import random
import subprocess
import sys

import pytest
import tensorflow as tf
import tokenizers
from tokenizers import AddedToken

from keras_bert.text import WordPieceTokenizer, write_vocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "ann lee bo sang e ##1 / [ ] . cafe 中 covid ##id new york"
TOKENS = [*SPECIAL, "[unused1]", *WORDS.split()]
MARKS = ["[E1]", "[/E1]"]

_spec = importlib.util.spec_from_file_location(
    "compare_tokenizer", pathlib.Path(__file__).parents[1] / "references" / "compare_tokenizer.py"
)
compare_tokenizer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(compare_tokenizer)


def raw(*contents):
    return [AddedToken(content, normalized=False, special=True) for content in contents]


def single(content, normalized=True):
    return AddedToken(content, single_word=True, normalized=normalized)


ADDED = {
    "marks": raw("[E1]", "[/E1]", "[E2]", "[/E2]", "<e>"),
    "words": [AddedToken(c) for c in ("[E1]", "covid", "한국", "中国", "é", "Café", "New York", "a中", "…", "S-x")],
    "overlapping": [
        *raw("ab", "abc", "bcd", "cde", "[E", "[E1]", "1]", "K]", "aa", "aaa", "\u0301x"),
        *(AddedToken(content) for content in ("Ab", "abx", "xx", "xyx", "yx")),
    ],
    "single words": [
        *(single(content) for content in ("covid", "한", "[E1]", "é", "中", "x_")),
        *(single(content, normalized=False) for content in ("ab", "<x>", "_y")),
    ],
}
AROUND = ["", "", " ", "  ", "\u200b", ".", ",", "_", "중", "中", "é", "e\u0301", "\u0301", "A", "x", "1", "\t", "\xa0"]


def texts_with(added, count, seed):
    """Added tokens -> random strings with them at their begin, within and at their end, whole, cut, in other case."""
    generator = random.Random(seed)
    texts = []
    for text in compare_tokenizer.random_strings(count, seed):
        at = generator.randint(0, len(text))
        parts = [text[:at]]
        for _ in range(generator.randint(0, 5)):
            content = generator.choice(added).content
            cut = content[: generator.randint(0, len(content))]
            content = generator.choice([content, content, content, content.lower(), content.upper(), cut])
            parts += [generator.choice(AROUND), content, generator.choice(AROUND)]
        texts.append("".join([*parts, text[at:]]))
    return texts


def reference(tokens, lowercase, strip_accents, added, keep_special_tokens):
    """The tokenizer to agree with. It keeps all special tokens or none; so none of the added ones is special there."""
    theirs = compare_tokenizer.reference(tokens, lowercase, strip_accents, keep_special_tokens)
    theirs.add_tokens(
        [AddedToken(token.content, single_word=token.single_word, normalized=token.normalized) for token in added]
    )
    return theirs


@pytest.mark.parametrize("name", ADDED)
@pytest.mark.parametrize(
    "lowercase, strip_accents, keep_special_tokens",
    [(True, None, False), (False, False, True)],
)
def test_parity_on_random_strings(name, lowercase, strip_accents, keep_special_tokens):
    added = ADDED[name]
    texts = texts_with(added, 400, seed=3)
    characters = sorted({c for text in texts for c in text if not c.isspace()} - {"\0"})
    pieces = ["covid", "##id", "new", "york", "ab", "##ab", "cafe", "café", "xx", "##x"]
    tokens = list(dict.fromkeys([*SPECIAL, *characters, *("##" + c for c in characters), *pieces]))
    ours = WordPieceTokenizer(tokens, lowercase, strip_accents, added)
    theirs = reference(tokens, lowercase, strip_accents, added, keep_special_tokens)
    assert ours.vocabulary == theirs.get_vocab(with_added_tokens=True)
    assert compare_tokenizer.differing(texts, ours, theirs, keep_special_tokens) == ([], [])
    numbers = {ours.vocabulary[token.content] for token in added}
    assert len(numbers - {i for row in ours(texts).to_list() for i in row}) < 3  # others hide a few


def test_by_hand():
    tokenizer = WordPieceTokenizer(TOKENS).add_tokens(MARKS, special_tokens=True)
    text = "[E1]Ann Lee[/E1]sang.[E1] [e1] [MASK]"
    ids, starts, ends = tokenizer.tokenize_with_offsets(text)
    cut = [text[start:end] for start, end in zip(starts.numpy(), ends.numpy(), strict=True)]
    assert cut == ["[E1]", "Ann", "Lee", "[/E1]", "sang", ".", "[E1]", "[", "e", "1", "]", "[", "MASK", "]"]
    assert tokenizer.tokens(text)[:4] == ["[E1]", "ann", "lee", "[/E1]"]
    assert (ids[0].numpy(), ids[3].numpy()) == (len(TOKENS), len(TOKENS) + 1)
    assert tokenizer.tokens(text, keep_special_tokens=True)[-1] == "[MASK]"
    assert tokenizer.vocabulary_size == len(TOKENS) + 2 and tokenizer.token_to_id("[/E1]") == len(TOKENS) + 1
    assert tokenizer.detokenize(ids[:5]) == "[E1] ann lee [/E1] sang"


def test_strings_are_normalized_as_the_text_is():
    tokenizer = WordPieceTokenizer(TOKENS).add_tokens(["[E1]", "Café", "New York"])
    assert tokenizer.tokens("[e1]CAFE[E1] new\tYork") == ["[E1]", "Café", "[E1]", "New York"]
    assert tokenizer.tokens("[ANN") == ["[", "ann"]
    cased = WordPieceTokenizer(TOKENS, lowercase=False).add_tokens(["[E1]"])
    assert cased.tokens("[E1]ann[e1]") == ["[E1]", "ann", "[", "e", "##1", "]"]


def test_those_of_the_vocabulary_keep_their_ids():
    tokenizer = WordPieceTokenizer(TOKENS).add_tokens(["[unused1]", single("covid")])
    assert tokenizer.vocabulary_size == len(TOKENS)
    assert tokenizer("[unused1]covid").numpy().tolist() == [TOKENS.index("[unused1]"), TOKENS.index("covid")]
    assert tokenizer.tokens("covidid") == ["covid", "##id"]  # not a single word: a piece, with the same id


def test_added_twice_or_in_turn():
    tokenizer = WordPieceTokenizer(TOKENS).add_tokens(["[E1]"])
    assert tokenizer.add_tokens(["[E2]", "[E1]"]) is tokenizer
    assert [token.content for token in tokenizer.added_tokens] == ["[E1]", "[E2]"]
    assert [tokenizer.token_to_id(token) for token in ("[E1]", "[E2]")] == [len(TOKENS), len(TOKENS) + 1]


def test_thousands_of_tokens():
    words = [f"name{i}of{i * i}" for i in range(3000)]
    tokenizer = WordPieceTokenizer(TOKENS).add_tokens(words)
    texts = [f"ann{word}." for word in words[::100]] + ["ann lee", "name", ""]
    theirs = reference(TOKENS, True, None, tokenizer.added_tokens, False)
    assert compare_tokenizer.differing(texts, tokenizer, theirs, False) == ([], [])


@pytest.mark.parametrize(
    "tokens, message",
    [
        ("[E1]", r"must be a list.* Received: '\[E1\]'"),
        ([7], "Received: 7 of type int"),
        ([""], "must have characters.* Received: ''"),
        ([" x"], "no white space around"),
        (["[MASK]"], r"\[MASK\] is a special token already"),
        (["\u0301"], r"Normalization leaves nothing .*normalized=False"),
    ],
)
def test_bad_tokens(tokens, message):
    tokenizer = WordPieceTokenizer(TOKENS)
    with pytest.raises(ValueError, match=message):
        tokenizer.add_tokens(tokens)
    assert tokenizer.vocabulary_size == len(TOKENS) and tokenizer.tokens("ann") == ["ann"]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copies_and_pickles(duplicate):
    original = WordPieceTokenizer(TOKENS, added_tokens=[*raw("[E1]"), single("bo")])
    same = duplicate(original)
    assert same.added_tokens == original.added_tokens
    assert same.tokens("[E1]bo[e1]") == original.tokens("[E1]bo[e1]") == ["[E1]", "bo", "[", "e", "##1", "]"]


def test_in_tf_data_and_in_a_saved_model(tmp_path):
    tokenizer = WordPieceTokenizer(TOKENS).add_tokens([*MARKS, "covid"])
    texts = ["[E1]Ann[/E1] covidsang", "", "ann", "Cafe\u0301[e1]"]
    expected = tokenizer(texts).to_list()
    batched = tf.data.Dataset.from_tensor_slices(texts).batch(3).map(tokenizer)
    assert [row for batch in batched for row in batch.to_list()] == expected

    class Served(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, texts):
            ids, starts, ends = tokenizer.tokenize_with_offsets(texts)
            return {"ids": ids.to_tensor(-1), "starts": starts.to_tensor(-1), "ends": ends.to_tensor(-1)}

    served = Served()
    tf.saved_model.save(served, str(tmp_path / "saved"), signatures=served.__call__)
    expected = {name: value.numpy().tolist() for name, value in served(tf.constant(texts)).items()}
    program = (
        "import json, tensorflow as tf, tensorflow_text\n"
        f"serve = tf.saved_model.load({str(tmp_path / 'saved')!r}).signatures['serving_default']\n"
        f"answer = serve(texts=tf.constant({texts!r}))\n"
        "print(json.dumps({name: value.numpy().tolist() for name, value in answer.items()}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == expected


@pytest.mark.parametrize("lowercase", [True, False])
def test_saved_and_loaded_again(tmp_path, lowercase):
    (tmp_path / "added_tokens.json").write_text('{"stale": 99}')
    (tmp_path / "special_tokens_map.json").write_text('{"additional_special_tokens": ["stale"]}')
    added = [*raw("[E1]", "[unused1]"), AddedToken("Bo-Lee"), single("covid")]
    tokenizer = WordPieceTokenizer(TOKENS, lowercase, added_tokens=added)
    tokenizer.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokenizer.json", "tokenizer_config.json", "vocab.txt"]
    assert (tmp_path / "vocab.txt").read_text().split("\n")[:-1] == TOKENS
    texts = ["[E1]bo-lee Bo-LEE.covid covidid[unused1]", "[e1]"]
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.get_vocab() == tokenizer.vocabulary
    expected = [encoding.ids for encoding in theirs.encode_batch(texts, add_special_tokens=False)]
    assert tokenizer(texts).to_list() == expected
    whole, config = (json.loads((tmp_path / name).read_text()) for name in ("tokenizer.json", "tokenizer_config.json"))
    listed = {str(entry.pop("id")): entry for entry in whole["added_tokens"]}
    assert config["added_tokens_decoder"] == listed
    for removed in ((), ("tokenizer.json",), ("vocab.txt",)):
        tokenizer.save(tmp_path)
        for name in removed:
            (tmp_path / name).unlink()
        loaded = WordPieceTokenizer.load(tmp_path)
        assert loaded.vocabulary == tokenizer.vocabulary and loaded(texts).to_list() == expected
        assert {*map(repr, loaded.added_tokens)} == {*map(repr, tokenizer.added_tokens)}


def decoder(*tokens, **flags):
    """(id, content) ... -> added_tokens_decoder."""
    return {"added_tokens_decoder": {str(i): {"content": content, **flags} for i, content in tokens}}


SIZE = len(TOKENS)


@pytest.mark.parametrize(
    "files, expected",
    [
        ({"added_tokens.json": {"[E1]": SIZE}}, [("[E1]", True)]),
        ({"added_tokens.json": {"[E2]": SIZE + 1, "[E1]": SIZE}}, [("[E1]", True), ("[E2]", True)]),
        (
            {
                "added_tokens.json": {"[E1]": SIZE},
                "special_tokens_map.json": {"additional_special_tokens": ["[E1]", {"content": "[unused1]"}]},
            },
            [("[unused1]", False), ("[E1]", False)],
        ),
        ({"tokenizer_config.json": decoder((0, "[PAD]"), (SIZE, "[E1]"), special=True)}, [("[E1]", False)]),
        ({"tokenizer_config.json": decoder((SIZE, "[E1]"), normalized=False)}, [("[E1]", False)]),
        (
            {"tokenizer_config.json": {"additional_special_tokens": ["[E1]", "[E2]"]}},
            [("[E1]", False), ("[E2]", False)],
        ),
        ({"tokenizer_config.json": {"extra_special_tokens": {"begin": "[E1]"}}}, [("[E1]", False)]),
        (
            {"tokenizer_config.json": decoder((SIZE, "[E1]"), special=True), "added_tokens.json": {"stale": SIZE}},
            [("[E1]", False)],
        ),
    ],
)
def test_every_file_that_names_added_tokens(tmp_path, files, expected):
    write_vocabulary(TOKENS, tmp_path / "vocab.txt")
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert [(token.content, token.normalized) for token in tokenizer.added_tokens] == expected
    assert tokenizer.tokens("ann[E1]") == ["ann", "[E1]"]
    new = [content for content, _ in expected if content not in TOKENS]
    assert [tokenizer.token_to_id(content) for content in new] == [*range(SIZE, SIZE + len(new))]


@pytest.mark.parametrize(
    "files, message",
    [
        ({"added_tokens.json": {"[E1]": SIZE + 3}}, rf"'\[E1\]' the id {SIZE + 3} where {SIZE} was expected"),
        ({"added_tokens.json": {"[E1]": 3}}, rf"'\[E1\]' the id 3 where {SIZE} was expected"),
        ({"added_tokens.json": {"ann": SIZE}}, rf"'ann' the id {SIZE}; in the vocabulary its id is 6"),
        ({"added_tokens.json": {"[E1]": "x"}}, "can't be read: .* A content and an id were expected"),
        ({"tokenizer_config.json": {"added_tokens_decoder": {"30": "[E1]"}}}, "can't be read: '.E1.'"),
        ({"tokenizer_config.json": {"added_tokens_decoder": [1]}}, r"added_tokens_decoder that can't be read: \[1\]"),
        ({"added_tokens.json": {" ": SIZE}}, "added tokens of .* can't be found in texts.* no white space around"),
        ({"tokenizer_config.json": decoder((3, "[PAD]"))}, r"'\[PAD\]' the id 3; in the vocabulary its id is 0"),
    ],
)
def test_files_that_contradict_each_other(tmp_path, files, message):
    write_vocabulary(TOKENS, tmp_path / "vocab.txt")
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer.load(tmp_path)


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("special", [True, False])
def test_tokenizer_json_alone(tmp_path, lowercase, special):
    theirs = tokenizers.BertWordPieceTokenizer({token: i for i, token in enumerate(TOKENS)}, lowercase=lowercase)
    (theirs.add_special_tokens if special else theirs.add_tokens)(["[E1]", "Bo", "ab"])
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = WordPieceTokenizer.load(tmp_path, lowercase)
    texts = ["[E1]ann [e1] Bo bo Bolee abbo", "Bo", "sang[E1]"]
    assert ours(texts).to_list() == [e.ids for e in theirs.encode_batch(texts, add_special_tokens=False)]
