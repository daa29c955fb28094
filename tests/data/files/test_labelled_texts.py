"""Labelled texts, and pairs of texts, from files: what is read and what is refused."""

import pytest

from keras_bert.data import LabelledTexts, check_scores, read_labelled_texts

PAIRS = [("a good book", "yes"), ('the "film", dull', "no"), ("very good", "yes")]
CONTENTS = {
    ".tsv": 'text\tlabel\na good book\tyes\nthe "film", dull\tno\nvery good\tyes\n',
    ".csv": 'label,text\nyes,a good book\nno,"the ""film"", dull"\nyes,very good\n',
    ".jsonl": '{"text": "a good book", "label": "yes"}\n'
    '{"text": "the \\"film\\", dull", "label": "no", "more": 1}\n\n{"text": "very good", "label": "yes"}\n',
}


@pytest.fixture
def write(tmp_path):
    """A function: text, suffix -> the file that holds it."""

    def write(content, suffix=".tsv"):
        path = tmp_path / f"examples{suffix}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize("suffix", CONTENTS)
def test_three_formats_give_the_same(write, suffix):
    examples = read_labelled_texts(write(CONTENTS[suffix], suffix))
    assert list(examples) == PAIRS
    assert list(examples) == PAIRS  # once more: each iteration reads anew
    assert (len(examples), examples.labels, dict(examples.counts)) == (3, ("no", "yes"), {"yes": 2, "no": 1})


def test_lines_may_end_as_on_windows_and_begin_with_a_mark(write):
    assert list(read_labelled_texts(write(b"\xef\xbb\xbftext\tlabel\r\ngood\tyes\r\n"))) == [("good", "yes")]


def test_a_csv_cell_may_be_long(write):
    ((text, _),) = read_labelled_texts(write(f"text,label\n{'good ' * 40_000},yes\n", ".csv"))
    assert len(text) == 200_000


def test_what_can_be_read_only_once_is_refused():
    with pytest.raises(ValueError, match="Pass a list"):
        LabelledTexts(pair for pair in PAIRS)


def test_an_ending_in_capitals_is_known(write):
    assert len(read_labelled_texts(write(CONTENTS[".tsv"], ".TSV"))) == 3


def test_labels_that_are_no_finite_numbers_are_words():
    assert LabelledTexts([("a", label) for label in ("nan", "10", "inf", "9")]).labels == ("9", "10", "inf", "nan")


def test_a_quoted_csv_cell_may_hold_a_line_break(write):
    assert list(read_labelled_texts(write('text,label\n"good\nbook",yes\n', ".csv"))) == [("good\nbook", "yes")]


def test_columns_are_chosen_by_name(write):
    path = write("id\tsentence\tgold\n1\tgood\t0\n2\tdull\t10\n3\tbook\t9\n")
    examples = read_labelled_texts(path, text_column="sentence", label_column="gold")
    assert examples.labels == ("0", "9", "10")  # numbers by value


def test_numbers_are_labels_too(write):
    path = write('{"text": "good", "label": 1}\n{"text": "dull", "label": 0}\n', ".jsonl")
    assert read_labelled_texts(path).labels == ("0", "1")


@pytest.mark.parametrize(
    ("content", "suffix", "message"),
    [
        ("text\tlabel\n", ".tsv", "no example"),
        ("", ".tsv", "no example in .*: it is empty"),
        ("sentence\tlabel\ngood\tyes\n", ".tsv", "no column 'text'.*'sentence', 'label'"),
        ("text\tlabel\ngood\tyes\ndull\n", ".tsv", "Line 3 .*has 1 cells, but the header has 2"),
        ("text\tlabel\ngood\t\n", ".tsv", "Line 2 .*has no label"),
        ('text,label\n"good,yes\n', ".csv", "Line 2 .*isn't CSV"),
        ('{"text": "good"}\n', ".jsonl", "Line 1 .*the key 'label'"),
        ('{"text": 3, "label": "a"}\n', ".jsonl", "Line 1 .*must be a string, not 3"),
        ('{"text": "good", "label": null}\n', ".jsonl", "Line 1 .*has no label"),
        ("good yes\n", ".jsonl", "Line 1 .*isn't JSON"),
        ('{"text": "a\\ud83d", "label": "yes"}\n', ".jsonl", "Line 1 .*half of a surrogate"),
        (b"text\tlabel\ncaf\xe9\tyes\n", ".tsv", "isn't UTF-8: line 2 has the byte 0xe9"),
    ],
)
def test_a_broken_file_is_refused_by_name_and_line(write, content, suffix, message):
    path = write(content, suffix)
    with pytest.raises(ValueError, match=message) as caught:
        read_labelled_texts(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused_with_what_is_there(tmp_path, write):
    write("text\tlabel\n")
    with pytest.raises(ValueError, match=r"There is no file .*holds examples.tsv"):
        read_labelled_texts(tmp_path / "example.tsv")
    with pytest.raises(ValueError, match="doesn't exist either"):
        read_labelled_texts(tmp_path / "nowhere" / "example.tsv")


def test_another_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"end in .tsv, .csv, .*Received: .*xlsx. Save it .* as CSV UTF-8"):
        read_labelled_texts(tmp_path / "table.xlsx")


def test_pairs_in_memory_are_checked():
    with pytest.raises(ValueError, match=r"Number 2 of the examples must be .*, not \('dull', 0\)"):
        LabelledTexts([("good", "yes"), ("dull", 0)])


def test_a_sample_is_random_and_repeatable():
    examples = LabelledTexts([(str(i), str(i % 2)) for i in range(100)])
    sample = examples.sample(10, seed=3)
    assert len(sample) == 10
    assert list(sample) == list(examples.sample(10, seed=3)) != list(examples.sample(10, seed=4))
    assert [text for text, _ in sample] != [str(i) for i in range(10)]
    assert examples.sample(500, seed=3) is examples


PAIR_CONTENTS = {
    ".tsv": "a\tb\tscore\none\ttwo\t3.5\none\tsix\t-1\n",
    ".csv": "score,b,a\n3.5,two,one\n-1,six,one\n",
    ".jsonl": '{"a": "one", "b": "two", "score": 3.5}\n{"a": "one", "b": "six", "score": -1}\n',
}


@pytest.mark.parametrize("suffix", PAIR_CONTENTS)
def test_pairs_are_read_from_two_columns(write, suffix):
    examples = read_labelled_texts(write(PAIR_CONTENTS[suffix], suffix), ("a", "b"), "score")
    assert list(examples) == [("one", "two", "3.5"), ("one", "six", "-1")]
    assert (examples.num_texts, examples.labels) == (2, ("-1", "3.5"))
    assert check_scores(examples) == (-1.0, 3.5)


def test_a_second_text_that_is_no_string_is_refused(write):
    with pytest.raises(ValueError, match=r"Line 1 .*'b' must be a string"):
        read_labelled_texts(write('{"a": "one", "b": 2, "score": 3}\n', ".jsonl"), ("a", "b"), "score")


def test_texts_and_pairs_do_not_mix():
    with pytest.raises(ValueError, match=r"Number 2 .* \(text, label\), not \('b', 'c', '1'\)"):
        LabelledTexts([("a", "1"), ("b", "c", "1")])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["1", "high", "nan"], r"others: 'high' \(1 examples\) in number 2; 'nan'"),
        (["2", "2"], "every label in .* is 2"),
    ],
)
def test_labels_that_cannot_be_scores_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        check_scores(LabelledTexts([("a", label) for label in labels]))
