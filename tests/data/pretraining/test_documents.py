"""A corpus as a stream: which files, whole documents once an epoch, shares of them, sentences."""

import collections
import gzip
import itertools
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert.data import corpus_files
from keras_bert.data.pretraining import documents
from keras_bert.data.pretraining.documents import (
    check_texts,
    choose_hold_out,
    count_documents,
    document_windows,
    files_of_share,
    sentences_of,
    write_python_documentation,
)


@pytest.fixture
def small_windows(monkeypatch):
    """Windows and blocks so small that a test has many of them."""
    monkeypatch.setattr(documents, "_BLOCK_BYTES", 37)
    monkeypatch.setattr(documents, "_WINDOW_BYTES", 211)
    monkeypatch.setattr(documents, "_BLOCKS_SHUFFLED", 5)
    monkeypatch.setattr(documents, "_LINES_AT_A_TIME", 3)


@pytest.fixture
def corpus(tmp_path):
    """Five files of 7, 8, ... 11 documents, and the documents as tuples of lines."""
    files, expected = [], []
    for number in range(5):
        texts = [
            [f"file {number} document {i} line {j}" for j in range(1 + (number + i) % 4)] for i in range(7 + number)
        ]
        path = tmp_path / f"{number}.txt"
        path.write_text("\n\n".join("\n".join(lines) for lines in texts) + "\n")
        files.append(str(path))
        expected += [tuple(lines) for lines in texts]
    return files, expected


def read(files, seed=0, epoch=0, **options):
    """Files -> for each window a list of pairs (line, number of its document)."""
    return [
        list(zip((line.decode() for line in lines), numbers.tolist(), strict=True))
        for lines, numbers in document_windows(files, seed, epoch, **options).as_numpy_iterator()
    ]


def documents_of(windows):
    """What `read` gave -> the documents as tuples of lines, in the order of their first lines."""
    found = collections.defaultdict(list)
    for line, number in itertools.chain(*windows):
        found[number].append(line)
    return [tuple(lines) for lines in found.values()]


def read_text(directory, content):
    """Bytes -> the documents of a file that holds them."""
    path = directory / "text.txt"
    path.write_bytes(content)
    return documents_of(read([str(path)]))


def test_files_are_found_sorted_and_once(tmp_path, monkeypatch):
    for name in ("b.txt", "a.txt", "deep/c.txt", "[1].txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("A line.\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = corpus_files([tmp_path / "b.txt", str(tmp_path / "?.txt"), "~/a.txt"])
    assert found == [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    assert len(corpus_files(str(tmp_path / "**" / "*.txt"))) == 4
    assert corpus_files("[1].txt") == ["[1].txt"]
    assert len(corpus_files(["a.txt", "./a.txt", tmp_path / "a.txt"])) == 1


def test_a_link_is_the_file_that_it_leads_to(tmp_path):
    """Else what is held out of the one would be trained on in the other."""
    (tmp_path / "b.txt").write_text("A line.\n")
    os.symlink(tmp_path / "b.txt", tmp_path / "a.txt")
    assert corpus_files([tmp_path / "*.txt", tmp_path / "b.txt"]) == [str(tmp_path / "a.txt")]


@pytest.mark.parametrize("pattern", ["nothing.txt", "*.text", "", "~/nothing.txt"])
def test_a_pattern_without_a_file_is_refused(tmp_path, monkeypatch, pattern):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"There is no file .*put a pattern in quotes"):
        corpus_files([pattern if pattern.startswith("~") else str(tmp_path / pattern)])


@pytest.mark.parametrize(
    ("num_files", "each", "expected"),
    [(1, 1203, 100), (13, 91, 100), (1, 500, 50), (1, 91, 10), (91, 1, 10), (7, 13, 10), (1, 12, 6), (1, 4, 2)],
)
def test_what_is_held_out_of_few_documents(tmp_path, num_files, each, expected):
    """Two documents at least on each side, or no sentence that isn't next could come from another one."""
    files = []
    for number in range(num_files):
        files.append(str(tmp_path / f"{number:04d}.txt"))
        (tmp_path / f"{number:04d}.txt").write_text("A document.\n\n" * each)
    assert choose_hold_out(files) == expected
    held_out, others = (
        sum(len(set(numbers)) for _, numbers in document_windows(files, 0, 0, expected, side).as_numpy_iterator())
        for side in (True, False)
    )
    assert held_out + others == num_files * each
    assert held_out >= 2 and held_out == pytest.approx(num_files * each / expected, abs=1 + num_files / 20)


@pytest.mark.parametrize("num_files", range(4, 40))
def test_of_few_short_files_both_sides_have_documents(tmp_path, num_files):
    files = [str(tmp_path / f"{number:02d}.txt") for number in range(num_files)]
    for path in files:
        with open(path, "w") as file:
            file.write("A document.\n")
    hold_out = choose_hold_out(files)
    held_out = [number for number in range(num_files) if documents._is_held_out((number << 40) + 1, hold_out)]
    assert 2 <= len(held_out) <= num_files // 2 + 1 and num_files - len(held_out) >= 2
    assert 2 * hold_out <= num_files


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.txt", gzip.compress(b"A line.\n", mtime=0), r"compressed by gzip. Let its name end in .gz"),
        ("text.gz", b"A line.\n", "can't be read: Not a gzipped file"),
        ("text.gz", gzip.compress(b"A line.\n" * 99, mtime=0)[:30], "can't be read: .*end-of-stream"),
        ("text.gz", b"\x1f\x8b\x08\x00 this goes wrong", "can't be read"),
        ("text.txt", "un café\n".encode("latin-1"), "isn't UTF-8: line 1 has the byte 0xe9 after b'un caf'. Convert"),
        ("text.gz", gzip.compress("un café\n".encode("latin-1"), mtime=0), "isn't UTF-8: line 1 .*: zcat .* [|] iconv"),
        ("text.txt", "A line.\n".encode("utf-16"), "isn't UTF-8: line 1 has .*: iconv -f UTF-16"),
        ("text.txt", b"A line.\r\nAnother.\rA third.\r\n", "carriage return that ends no line, at character 17"),
    ],
)
def test_a_file_that_is_something_else_is_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        corpus_files(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("between", [gzip.compress(b"", mtime=0), bytes(512)])
def test_a_gzip_file_of_which_tensorflow_reads_a_part_is_refused(tmp_path, between):
    parts = [gzip.compress(b"A line.\n\nAnother.\n", mtime=0), gzip.compress(b"Lost.\n\nNot UTF-8? It is.", mtime=0)]
    path = tmp_path / "text.gz"
    path.write_bytes(between.join(parts))
    with pytest.raises(ValueError, match=r"text\.gz' has an empty part.*would find (3|an error), not 6 lines"):
        check_texts([path])
    path.write_bytes(b"".join(parts))
    check_texts([path])
    assert len(documents_of(read([str(path)]))) == 3


@pytest.mark.parametrize("length", [2**20 - 1, 2**20, 2**20 + 1])
@pytest.mark.parametrize(
    ("end", "message"),
    [
        (b"\rAnother.\n", "carriage return that ends no line, at character {length}"),
        (b"\xe9 another.\n", "isn't UTF-8: line 1 has the byte 0xe9 after b'x{{20}}'"),
    ],
)
def test_what_is_wrong_is_found_between_two_reads(tmp_path, length, end, message):
    path = tmp_path / "text.txt"
    path.write_bytes(b"x" * length + end)
    with pytest.raises(ValueError, match=message.format(length=length)):
        check_texts([path])


@pytest.mark.parametrize("length", [0, 2**20 - 1, 2**20, 2**20 + 1, 2**21])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nAnother", b"\r\nAnother.\r\n", b"\n\n"])
def test_what_is_right_is_not_refused(tmp_path, length, end):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"x" * length + end, compresslevel=1, mtime=0))
    check_texts([path])


def test_documents_are_counted_up_to_a_number(corpus):
    files, expected = corpus
    assert count_documents(files, 1000) == len(expected) == 45
    assert [count_documents(files, at_most) for at_most in (1, 9, 45)] == [1, 9, 45]


@pytest.mark.parametrize(
    "content",
    [
        b"a b\nc\n\nd\n",
        b"a b\nc\n\nd",  # no line break at the end
        b"\n\n\na b\nc\n\n\n\nd\n\n\n",
        b"a b\nc\n \t \nd\n",
        "a b\nc\n\u00a0\u3000\nd\n".encode(),
        "a b\nc\n\x85 \x0b\x0c\x1c\x1d\x1e\x1f\u2028\u2029\nd\n".encode(),
        b"a b\r\nc\r\n\r\nd\r\n",
        b"a b\r\nc\r\n \r\nd",
    ],
)
def test_blank_lines_part_documents(tmp_path, content):
    assert read_text(tmp_path, content) == [("a b", "c"), ("d",)]
    assert count_documents([tmp_path / "text.txt"], 99) == 2


@pytest.mark.parametrize("content", [b"", b"\n", b"\n \n\n"])
def test_an_empty_file_has_no_document(tmp_path, content):
    assert read_text(tmp_path, content) == []
    assert count_documents([tmp_path / "text.txt"], 99) == 0


def test_an_empty_file_among_others_does_no_harm(tmp_path, corpus):
    files, expected = corpus
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert sorted(documents_of(read([str(empty), *files]))) == sorted(expected)


def test_lines_over_several_reads_stay_in_order(tmp_path):
    lines = [f"line {i}" for i in range(3 * documents._LINES_AT_A_TIME + 5)]
    cuts = [0, 255, 256, 511, 600, len(lines)]
    expected = [tuple(lines[begin:end]) for begin, end in itertools.pairwise(cuts)]
    content = "\n\n".join("\n".join(part) for part in expected).encode()
    assert sorted(read_text(tmp_path, content)) == sorted(expected)


def test_every_document_comes_once_an_epoch(corpus, small_windows):
    files, expected = corpus
    orders = set()
    for epoch in range(2):
        windows = read(files, epoch=epoch)
        found = documents_of(windows)
        assert sorted(found) == sorted(expected)
        numbers = [number for window in windows for _, number in window]
        assert len(windows) > 5
        assert sum(1 for _ in itertools.groupby(numbers)) == len(expected)  # each in one piece
        assert all(sum(len(line) for line, _ in window) >= 211 for window in windows[:-1])
        orders.add(tuple(found))
    assert len(orders) == 2 and tuple(expected) not in orders


def test_the_order_depends_on_seed_and_epoch_alone(corpus, small_windows):
    files, _ = corpus
    first = read(files, seed=3, epoch=5)
    tf.random.set_seed(17)
    assert read(files, seed=3, epoch=5) == first
    keras.utils.set_random_seed(19)
    assert read(files, seed=3, epoch=tf.constant(5, tf.int64)) == first
    assert read(files, seed=4, epoch=5) != first != read(files, seed=3, epoch=6)
    assert read(files, seed=3, epoch=5) == first


def test_compressed_files_give_the_same(tmp_path, corpus, small_windows):
    files, _ = corpus
    compressed = []
    for number, name in enumerate(files):
        path = tmp_path / f"{number}.gz"
        with open(name, "rb") as file:
            path.write_bytes(gzip.compress(file.read()))
        compressed.append(str(path))
    assert read(compressed) == read(files)
    assert count_documents(compressed, 99) == 45


def test_a_long_document_is_cut_and_keeps_its_number(tmp_path, small_windows):
    long = tuple(f"a long document, line {i}" for i in range(3000))
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join(["first", "\n".join(long), "last"]))
    windows = read([str(path)])
    found = collections.defaultdict(list)
    for line, number in itertools.chain(*windows):
        found[number].append(line)
    assert len(windows) > 3 and len(found) == 3
    # Its parts are shuffled, the lines of a part aren't.
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, [["first"], long, ["last"]]))


def test_what_is_held_out_and_the_rest_are_everything(corpus, small_windows):
    files, expected = corpus
    rest = documents_of(read(files, hold_out=4))
    held_out = documents_of(read(files, hold_out=4, held_out=True))
    assert sorted(rest + held_out) == sorted(expected)
    assert 9 <= len(held_out) <= 13
    assert sorted(documents_of(read(files, epoch=1, hold_out=4, held_out=True))) == sorted(held_out)


@pytest.mark.parametrize(("num_files", "count", "epoch"), [(5, 2, 0), (5, 5, 1), (1, 3, 1), (2, 3, 0)])
def test_shares_are_everything(corpus, small_windows, num_files, count, epoch):
    files, expected = corpus
    expected = [lines for lines in expected if int(lines[0].split()[1]) < num_files]
    shares = [documents_of(read(files[:num_files], epoch=epoch, shard=(i, count))) for i in range(count)]
    assert sorted(itertools.chain(*shares)) == sorted(expected)
    assert all(shares)


def test_small_files_are_not_a_share_beside_a_large_one(tmp_path, small_windows):
    """Each would be read again and again, while another worker reads the large one once."""
    sizes = {"a.txt": 90, "b.txt": 3, "c.txt": 3, "d.txt": 4}
    for name, size in sizes.items():
        (tmp_path / name).write_text("\n\n".join(f"Document {i} of {name}." for i in range(size)))
    files = corpus_files(tmp_path / "*.txt")
    shares = [documents_of(read(files, shard=(i, 2))) for i in range(2)]
    assert sum(map(len, shares)) == 100 and min(map(len, shares)) > 30
    assert files_of_share(files, (1, 2)) == ([*enumerate(files)], False)
    assert files_of_share(files[1:], (0, 2)) == ([(2, files[3])], True)  # the largest
    assert files_of_share(files[1:], (1, 2)) == ([(0, files[1]), (1, files[2])], True)
    assert files_of_share(files[1:], (0, 4)) == ([*enumerate(files[1:])], False)


def test_shares_of_what_is_held_out_are_all_of_it(corpus, small_windows):
    files, _ = corpus
    shares = [documents_of(read(files, hold_out=3, held_out=True, shard=(i, 2))) for i in range(2)]
    assert sorted(itertools.chain(*shares)) == sorted(documents_of(read(files, hold_out=3, held_out=True)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One is here. Two is there! Three? Four.", ["One is here.", "Two is there!", "Three?", "Four."]),
        ("Dr. Kim met J. R. Smith. They ate.", ["Dr. Kim met J. R. Smith.", "They ate."]),
        ("Acme Inc. Sells books. No. 5 is out.", ["Acme Inc. Sells books.", "No. 5 is out."]),
        ("Birds, e.g. Owls vs. Jays. So.", ["Birds, e.g. Owls vs. Jays.", "So."]),
        ("It weighs 3.5 kg. 12 men came.", ["It weighs 3.5 kg.", "12 men came."]),
        ('He said "Go." "Why?" (They left.) Then', ['He said "Go."', '"Why?"', "(They left.)", "Then"]),
        ("“Yes!” The end. ‘No.’ So what?", ["“Yes!”", "The end.", "‘No.’", "So what?"]),
        ("It went on... and on. version 2. the small letter.", ["It went on... and on. version 2. the small letter."]),
        ("It stopped?! Then…  It went on.", ["It stopped?!", "Then…", "It went on."]),
        ("그는 갔다. 그녀는 왔다! 왜? 3.5점이다. 끝", ["그는 갔다.", "그녀는 왔다!", "왜?", "3.5점이다.", "끝"]),
        ("我来了。他走了！「真的吗？」是的。", ["我来了。", "他走了！", "「真的吗？」", "是的。", ""]),
        ("今日は。明日？", ["今日は。", "明日？", ""]),
        ("No full stop", ["No full stop"]),
        ("", [""]),
    ],
)
def test_sentences(text, expected):
    (sentences,) = sentences_of([text]).to_list()
    assert [sentence.decode().replace("\u00a0", " ") for sentence in sentences] == expected


def test_python_documentation_is_a_corpus(tmp_path):
    train, valid = write_python_documentation(tmp_path)
    texts = [path.read_text(encoding="utf-8").split("\n\n") for path in (train, valid)]
    assert len(texts[0]) > 5 * len(texts[1]) > 20
    assert not set(texts[0]) & set(texts[1])
    with pytest.raises(ValueError, match=r"which holds train.txt, valid.txt"):
        write_python_documentation(tmp_path)


def test_sentences_lose_no_character():
    generator = np.random.default_rng(0)
    pieces = np.array(["A", "b", "가", "。", ". ", "! ", '"', ")", " ", "Dr. ", "3.5", "…", "é"])
    texts = ["".join(generator.choice(pieces, 23)) for _ in range(211)]
    for text, sentences in zip(texts, sentences_of(texts).to_list(), strict=True):
        assert "".join("".join(part.decode().split()) for part in sentences) == "".join(text.split())
