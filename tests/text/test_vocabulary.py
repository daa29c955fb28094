"""Reading, writing and training vocabularies."""

import pathlib

import pytest

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
        ("\n".join([*SPECIAL, "é"]).encode("latin-1"), "isn't UTF-8: line 6 has the byte 0xe9 after b''"),
        ("\n".join([*SPECIAL, "é"]).encode("utf-16"), "isn't UTF-8: .*iconv -f UTF-16"),
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


def test_home_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert write_vocabulary([*SPECIAL, "word"], "~/vocab.txt") == "~/vocab.txt"
    assert (tmp_path / "vocab.txt").is_file()
    assert read_vocabulary("~/vocab.txt") == [*SPECIAL, "word"]
    assert "word" in train_vocabulary("~/vocab.txt", size=60, min_frequency=1)


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


def test_alphabet_size_keeps_the_most_frequent():
    tokens = train_vocabulary(["aaa bbb cc d", "aaa bb"], size=12, alphabet_size=2, min_frequency=1)
    assert tokens[5:9] == ["a", "b", "##a", "##b"]
    assert not any("c" in t or "d" in t for t in tokens[5:])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((["one text", 7],), "Received: 7 of type int"),
        ((b"bytes",), "Received: b'bytes' of type bytes"),
        ((7,), "Received: 7 of type int"),
        (([b"bytes"],), "of type bytes"),
        ((pathlib.Path("nowhere.txt"),), "'nowhere.txt' doesn't exist"),
        (("nowhere.txt",), "'nowhere.txt' doesn't exist"),
        (([],), "no words"),
        ((["", "  \t\u200b"],), "no words"),
        ((["some words"], 10), "greater than 18, which 5 special tokens and 7 characters, .* size=10"),
        ((["words"], 30.0), "`size` must be an integer"),
        ((["words"], 30, True, None, 0), "`min_frequency` must be an integer"),
        ((["words"], 30, True, None, 2, -1), "`alphabet_size` must be an integer"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        train_vocabulary(*arguments)


def test_bad_files(tmp_path):
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(ValueError, match=r"corpus file .*latin\.txt' isn't UTF-8: line 1"):
        train_vocabulary([tmp_path / "latin.txt"])
    (tmp_path / "good.txt").write_text("words")
    with pytest.raises(ValueError, match=r"gone\.txt' doesn't exist"):
        train_vocabulary([tmp_path / "good.txt", tmp_path / "gone.txt"])


def test_strings_are_all_paths_or_all_texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words").write_text("other content")
    expected = train_vocabulary(["words ", "more words"], size=30)
    assert "o" in expected and "c" not in expected
    for corpus in (["words", "more words"], ["more words", "words"], [pathlib.Path("words"), "more words"]):
        with pytest.raises(ValueError, match="'words', which names a file, and 'more words', which doesn't"):
            train_vocabulary(corpus)
    assert "c" in train_vocabulary(["words", pathlib.Path("words")], size=30)


def test_corpus_that_can_be_iterated_again_is_not_copied():
    class Corpus:
        passes = 0

        def __iter__(self):
            self.passes += 1
            return iter(ENGLISH)

    corpus, generator = Corpus(), (text for text in ENGLISH)
    assert train_vocabulary(corpus, size=80) == train_vocabulary(generator, size=80) == train_vocabulary(ENGLISH, 80)
    assert corpus.passes >= 3, "checked, counted and trained on"
