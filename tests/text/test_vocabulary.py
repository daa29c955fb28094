"""Reading, writing and training vocabularies."""

import pathlib

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from keras_bert.text import WordPieceTokenizer, read_vocabulary, train_vocabulary, write_vocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ENGLISH = ["The lower, the newer: Café lowest!", "new newer newest low lower lowest"] * 3
KOREAN = ["한국어 형태소 분석은 한국어에서 어렵다.", "한국의 수도는 서울이다. 서울에서 한국어를"] * 3


def test_write_and_read(tmp_path):
    tokens = [*SPECIAL, "word", "##s", "é", "한", "\u00a0", "\u2028", "\x85", " ", "\u3000"]
    write_vocabulary(tokens, tmp_path / "vocab.txt")
    assert read_vocabulary(tmp_path / "vocab.txt") == tokens
    assert (tmp_path / "vocab.txt").read_bytes().endswith("\u3000\n".encode())
    assert [p.name for p in tmp_path.iterdir()] == ["vocab.txt"]


@pytest.mark.parametrize("end, last", [("\n", ""), ("\n", "\n"), ("\r\n", ""), ("\r\n", "\r\n")])
def test_line_ends(tmp_path, end, last):
    (tmp_path / "vocab.txt").write_bytes((end.join([*SPECIAL, "word"]) + last).encode())
    assert read_vocabulary(tmp_path / "vocab.txt") == [*SPECIAL, "word"]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", r"0 tokens\) lacks \[PAD\], \[UNK\]"),
        (b"[PAD]\n[UNK]\n[CLS]\nword\n", r"lacks \[SEP\], \[MASK\]"),
        ("\n".join([*SPECIAL, "a", "b", "a", "c", "b"]).encode(), r"'a' \(lines 6, 8\), 'b' \(lines 7, 10\)"),
        ("\n".join([*SPECIAL, "", "a", ""]).encode() + b"\n", "no token on line 6, 8"),
        ("\n".join([*SPECIAL, "é"]).encode("latin-1"), "isn't UTF-8"),
        ("\n".join([*SPECIAL, "é"]).encode("utf-16"), "isn't UTF-8"),
        ("\n".join(SPECIAL).encode("utf-8-sig"), "byte order mark"),
    ],
)
def test_broken_files(tmp_path, content, message):
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_vocabulary(tmp_path / "vocab.txt")


def test_missing_file(tmp_path):
    for path in (tmp_path / "nowhere.txt", tmp_path):
        with pytest.raises(ValueError, match="can't be read"):
            read_vocabulary(path)


def test_write_refuses_what_read_would(tmp_path):
    with pytest.raises(ValueError, match="lacks"):
        write_vocabulary(["word"], tmp_path / "vocab.txt")
    with pytest.raises(ValueError, match="line's end"):
        write_vocabulary([*SPECIAL, "a\nb"], tmp_path / "vocab.txt")
    assert list(tmp_path.iterdir()) == []


def test_train_english():
    tokens = train_vocabulary(ENGLISH, size=60)
    assert tokens[:5] == SPECIAL and len(tokens) == len(set(tokens)) <= 60
    assert tokens[5:9] == ["!", ",", ":", "a"], "characters come sorted"
    assert not any(t.lower() != t or "é" in t for t in tokens[5:])
    tokenizer = WordPieceTokenizer(tokens)
    assert tokenizer.unknown_id not in tokenizer(" ".join(ENGLISH)).numpy()
    assert len(tokenizer.tokens("lowest")) < len("lowest")


def test_train_korean():
    tokens = train_vocabulary(KOREAN, size=120, lowercase=False, strip_accents=False)
    assert "한국" in tokens and "한" in tokens
    tokenizer = WordPieceTokenizer(tokens, lowercase=False)
    assert tokenizer.unknown_id not in tokenizer(" ".join(KOREAN)).numpy()
    assert tokenizer.detokenize(tokenizer("한국어")) == "한국어"
    stripped = train_vocabulary(KOREAN, size=120, lowercase=True)
    assert not any("가" <= c <= "힣" for t in stripped for c in t), "decomposed, as the tokenizer will"


def test_settings_are_the_tokenizers_own():
    cased = train_vocabulary(ENGLISH, size=80, lowercase=False)
    assert "T" in cased and "é" in "".join(cased)
    assert "é" not in "".join(train_vocabulary(ENGLISH, size=80, lowercase=False, strip_accents=True))
    assert "é" in "".join(train_vocabulary(ENGLISH, size=80, lowercase=True, strip_accents=False))


def test_files_are_as_texts(tmp_path):
    (tmp_path / "a.txt").write_text(ENGLISH[0] + "\n" + KOREAN[0], encoding="utf-8")
    (tmp_path / "b.txt").write_text(ENGLISH[1], encoding="utf-8")
    texts = [ENGLISH[0], KOREAN[0], ENGLISH[1]]
    expected = train_vocabulary(texts, size=150, min_frequency=1)
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for given in (paths, [str(p) for p in paths], (p for p in paths), (text for text in texts)):
        assert train_vocabulary(given, size=150, min_frequency=1) == expected
    one = train_vocabulary([ENGLISH[1]], size=150, min_frequency=1)
    for given in (paths[1], str(paths[1])):
        assert train_vocabulary(given, size=150, min_frequency=1) == one


def test_same_input_same_vocabulary():
    hangul, letters = [chr(0xAC00 + i) for i in range(199)], [chr(0x61 + i) for i in range(23)]
    texts = [hangul[i * j % 199] + letters[i * j % 23] + letters[i % 19] for i in range(99) for j in range(99)]
    vocabularies = {tuple(train_vocabulary(texts, 900, strip_accents=False, alphabet_size=150)) for _ in range(4)}
    assert len(vocabularies) == 1

    def with_the_trainer_alone():
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=900, show_progress=False))
        return tuple(sorted(tokenizer.get_vocab().items()))

    assert len({with_the_trainer_alone() for _ in range(4)}) > 1, "the trainer is deterministic now: drop our alphabet"


def test_alphabet_size_keeps_the_most_frequent():
    tokens = train_vocabulary(["aaa bbb cc d", "aaa bb"], size=12, alphabet_size=2, min_frequency=1)
    assert tokens[5:9] == ["a", "b", "##a", "##b"]
    assert not any("c" in t or "d" in t for t in tokens[5:])


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((["one text", 7],), TypeError, "holds int 7"),
        ((b"bytes",), TypeError, "is bytes"),
        ((pathlib.Path("nowhere.txt"),), ValueError, "'nowhere.txt' doesn't exist"),
        (("nowhere.txt",), ValueError, "'nowhere.txt' doesn't exist"),
        (([],), ValueError, "no words"),
        ((["", "  \t\u200b"],), ValueError, "no words"),
        ((["some words"], 10), ValueError, "size=10 is too small: 5 special tokens and 7 characters"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        train_vocabulary(*arguments)


def test_bad_files(tmp_path):
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(ValueError, match="isn't UTF-8"):
        train_vocabulary([tmp_path / "latin.txt"])
    (tmp_path / "good.txt").write_text("words")
    with pytest.raises(ValueError, match=r"gone\.txt' doesn't exist"):
        train_vocabulary([str(tmp_path / "good.txt"), str(tmp_path / "gone.txt")])
