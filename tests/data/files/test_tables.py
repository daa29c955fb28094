"""Tables of labelled texts as programs and people write them: what is read, and what is refused with a way out."""

import gzip
import json
import shutil
import subprocess

import pytest

from keras_bert.data import read_labelled_texts

ROWS = [("good", "yes"), ("bad", "no")]


def written(folder, content, name):
    """What a file holds, its name -> its path."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def check_refused(path, message, **columns):
    """A path, a pattern -> the error that it is refused with."""
    with pytest.raises(ValueError, match=message) as caught:
        read_labelled_texts(path, **columns)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolons.csv", "text;label\ngood;yes\nbad;no\n"),
        ("bars.txt", "id|text|label\n1|good|yes\n2|bad|no\n"),
        ("tabs.txt", "id\ttext\tlabel\n1\tgood\tyes\n2\tbad\tno\n"),
        ("tabs.csv", 'text\tlabel\n"good"\tyes\nbad\tno\n'),
        ("quoted.tsv", '"text"\t"label"\n"good"\t"yes"\n"bad"\t"no"\n'),
        ("commas.tsv", "text,label\ngood,yes\nbad,no\n"),
        ("told.csv", "sep=;\ntext;label\ngood;yes\nbad;no\n"),
        ("spaces.csv", 'id, text , label\n1, "good", yes\n2, "bad", no\n'),
        ("commas in the header.csv", '"a, b; c",text,label\n1,good,yes\n2,bad,no\n'),
        ("lines in the header.csv", '"a\nb",text,label\n1,good,yes\n2,bad,no\n'),
        ("empty lines.csv", "\n \ntext,label\ngood,yes\n,\nbad,no\n\n , \n"),
        ("empty cells behind.csv", "text,label\ngood,yes,,\nbad,no\n"),
        ("old mac.csv", "text,label\rgood,yes\rbad,no\r"),
        ("marked.csv", "\ufefftext,label\ngood,yes\nbad,no\n"),
        ("utf16.csv", "text,label\ngood,yes\nbad,no\n".encode("utf-16")),
        ("big ends.csv", "\ufefftext,label\ngood,yes\nbad,no\n".encode("utf-16-be")),
        ("spreadsheet.txt", '\ufefftext\tlabel\r\n"good"\tyes\r\nbad\tno\r\n'.encode("utf-16-le")),
        ("utf32.tsv", "text\tlabel\ngood\tyes\nbad\tno\n".encode("utf-32")),
        ("packed.csv.gz", gzip.compress(b"text,label\ngood,yes\nbad,no\n", mtime=0)),
        (
            "packed.jsonl.gz",
            gzip.compress(b'{"text": "good", "label": "yes"}\n{"text": "bad", "label": "no"}\n', mtime=0),
        ),
        ("array.json", '[{"text": "good", "label": "yes"},\n {"text": "bad", "label": " no"}]'),
        ("array.jsonl", '\n[{"text": "good", "label": "yes"}, {"text": "bad", "label": "no"}]'),
        ("data.json", '{"version": 1, "data": [{"text": "good", "label": "yes"}, {"text": "bad", "label": "no"}]}'),
        ("lines.json", '{"text": "good", "label": "yes"}\n{"text": "bad", "label": "no"}\n'),
        ("lines.ndjson", '{"text": "good", "label": "yes"}\n{"text": "bad", "label": "no"}\n'),
    ],
)
def test_each_form_gives_the_same(tmp_path, name, content):
    examples = read_labelled_texts(written(tmp_path, content, name))
    assert list(examples) == list(examples) == ROWS
    assert examples.remarks == ()


def test_quotation_marks_between_tabs_are_part_of_the_text(tmp_path):
    path = written(tmp_path, 'text\tlabel\n"good"\tyes\nthe "bad\tno\n', "train.tsv")
    assert list(read_labelled_texts(path)) == [('"good"', "yes"), ('the "bad', "no")]


def test_columns_are_chosen_by_number(tmp_path):
    path = written(tmp_path, "text,text,label\na,good,yes\nb,bad,no\n", "twice.csv")
    check_refused(path, "has 2 columns 'text'.*Choose one by number, counted from 0")
    assert list(read_labelled_texts(path, text_column=1, label_column="label")) == ROWS
    assert list(read_labelled_texts(path, text_column="1", label_column="-1")) == ROWS
    check_refused(path, "no column '3'", text_column="3")
    path = written(tmp_path, "0,text,label\ngood,b,yes\nbad,d,no\n", "named.csv")
    assert list(read_labelled_texts(path, text_column="0")) == ROWS  # a name comes before a number


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text,label\ngood,yes\nbad,no\n", ROWS),
        ("good,yes\nbad,no\nfine,yes\n", [*ROWS, ("fine", "yes")]),
        ("good,3\nbad,1\n", [("good", "3"), ("bad", "1")]),
        ("text,label\n", None),
    ],
)
def test_by_number_a_table_needs_no_header(tmp_path, content, expected):
    path = written(tmp_path, content, "train.csv")
    if expected is None:
        check_refused(path, "no example", text_column=0, label_column=1)
    else:
        assert list(read_labelled_texts(path, text_column=0, label_column=1)) == expected


def test_two_columns_must_not_be_one(tmp_path):
    path = written(tmp_path, "text,label\ngood,yes\n", "train.csv")
    check_refused(path, "must be different ones. Received: 'label', 'label'", text_column="label")
    check_refused(path, "must be different ones. Received: '1', 'label'", text_column="1")


def test_all_faults_are_told_at_once(tmp_path):
    lines = [f"text {i}\tyes" if i % 2 else f"text {i}" for i in range(60)]
    message = check_refused(
        written(tmp_path, "\n".join(["text\tlabel", *lines]), "train.tsv"), "train.tsv has 30 faults:\n"
    )
    told = message.split("\n")[1:]
    assert told[0] == "  line 2 has 1 cells, but the header has 2: ['text 0']"
    assert told[19].startswith("  line 40 has 1 cells")
    assert told[20:] == ["  and 10 more", "Correct or remove what is wrong."]
    rows = [{"text": 3, "label": "a"}, {"text": "b"}, {"text": "c", "label": None}, {"text": "d", "label": [1]}, 5]
    path = written(tmp_path, json.dumps([*rows, {"text": "e", "label": float("nan")}]), "train.json")
    told = check_refused(path, "has 6 faults").split("\n")[1:-1]
    assert [line.partition(":")[0] for line in told] == [
        "  item 1 has no text",
        "  item 2 must be an object with the key 'label'. It has",
        "  item 3 has no label",
        "  item 4 has no label that can be used",
        "  item 5 must be an object with the keys 'text', 'label', not 5",
        "  item 6 has no label",
    ]
    path = written(tmp_path, '{"text": "a"\n{"text": "b", "label": "x"}\n[]\n{]\n', "train.jsonl")
    assert check_refused(path, "has 3 faults").count("isn't JSON") == 2
    path = written(tmp_path, 'text,label\n"a" b,yes\nc,d,e\n"f\n', "train.csv")
    assert check_refused(path, "has 3 faults").count("isn't CSV") == 2


def test_a_header_in_the_middle_is_no_example(tmp_path):
    path = written(tmp_path, "text,label\ngood,yes\ntext,label\nbad,no\n", "joined.csv")
    check_refused(path, "Line 3 of .* is the header once more")


def test_lines_that_lack_other_cells_are_read_with_a_warning(tmp_path):
    path = written(tmp_path, "text,label,note\ngood,yes\nbad,no,x\n", "train.csv")
    with pytest.warns(UserWarning, match=r"1 lines of .* have fewer cells than the first \(line 2\)"):
        assert list(read_labelled_texts(path)) == ROWS


def test_an_unclosed_quotation_mark_that_swallows_examples_is_told(tmp_path):
    path = written(tmp_path, 'text,label\na,yes\n"good,yes\nbad,no\nfine",yes\n"two\nlines, no",yes\n', "train.csv")
    with pytest.warns(UserWarning, match=r"1 quoted texts .* \(up to line 5\)"):
        assert len(read_labelled_texts(path)) == 3


def test_hints_where_separators_and_line_breaks_are_in_texts(tmp_path):
    check_refused(
        written(tmp_path, "text,label\ngood, very,yes\n", "a.csv"), "has 3 cells.*Quote a text that has separators"
    )
    check_refused(written(tmp_path, 'label\ttext\nyes\t"a\nno\n', "a.tsv"), "Line 3 .*has 1 cells")
    check_refused(written(tmp_path, 'text\tlabel\n"a\nb"\tno\n', "b.tsv"), "let the file's name end in .csv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"PK\x03\x04", "Save it from the spreadsheet as CSV UTF-8"),
        ("a.xls", b"", "Save it from the spreadsheet as CSV UTF-8"),
        ("a.csv", b"PK\x03\x04", "isn't text, whatever its name says, but a spreadsheet"),
        ("a.tsv", b"\xd0\xcf\x11\xe0", "isn't text, whatever its name says, but a spreadsheet as .xls"),
        ("a.parquet", b"PAR1", r"pandas.read_parquet\('.*a.parquet'\).to_json\('.*a.jsonl', orient='records'"),
        ("a.jsonl", b"PAR1", "isn't text, whatever its name says, but Parquet. .*read_parquet"),
        ("a.jsonl.zst", b"", "zstd -d .*a.jsonl.zst"),
        ("a.dat", b"", "end in .tsv, .csv, .txt, .tab, .json, .jsonl or .ndjson"),
        ("a.csv", gzip.compress(b"text,label", mtime=0), "compressed by gzip. Let its name end in .gz"),
        ("a.csv.gz", b"text,label", "can't be read through gzip"),
        ("b.csv.gz", gzip.compress(bytes(range(256)) * 9, mtime=0)[:-20], "can't be read through gzip"),
        ("a.csv", "text,label\n".encode("utf-16-le"), "UTF-16LE without its mark. Convert it: iconv -f UTF-16LE"),
        ("a.json", '{"text": {"0": "a"}, "label": {"0": "b"}}', "must hold an array of objects.*orient='records'"),
        ("a.json", '[{"text": "a"', "isn't JSON"),
        ("a.json", "", "is empty"),
        ("a.csv", " \n\n", "it is empty"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_way_out(tmp_path, name, content, message):
    check_refused(written(tmp_path, content, name), message)


def test_a_folder_is_refused_with_what_it_holds(tmp_path):
    (tmp_path / "a.csv").mkdir()
    written(tmp_path / "a.csv", "", "b.jsonl.gz")
    check_refused(tmp_path / "a.csv", "is a folder. Give a file of it. It holds b.jsonl.gz")


@pytest.mark.skipif(shutil.which("iconv") is None, reason="iconv isn't installed")
@pytest.mark.parametrize(
    ("encoding", "named", "text"),
    [
        ("cp949", "CP949", "좋아요"),
        ("cp949", "CP949", "똠방각하 진짜 꿀잼"),
        ("euc_jp", "EUC-JP", "この映画は面白い"),
        ("cp932", "CP932", "この映画は面白い"),
        ("gb18030", "GB18030", "这部电影很好看"),
        ("big5", "CP950", "這部電影很好看"),
        ("cp1252", "CP1252", "c’est un très bon café"),
        ("cp1251", "CP1251", "хороший фильм"),
        ("utf-16-le", "UTF-16LE", "좋아요"),
    ],
)
def test_another_encoding_is_recognised_and_the_command_converts_it(tmp_path, encoding, named, text):
    path = written(tmp_path, f"text,label\n{text},yes\nbad,no\n".encode(encoding), "train.csv")
    message = check_refused(path, f"iconv -f {named} -t UTF-8")
    assert text in message or named == "UTF-16LE"
    subprocess.run(message.split("Convert it: ")[1].split(" (if")[0], shell=True, check=True)
    assert list(read_labelled_texts(tmp_path / "utf8-train.csv")) == [(text, "yes"), ("bad", "no")]


@pytest.mark.skipif(shutil.which("iconv") is None, reason="iconv isn't installed")
def test_a_few_bytes_that_are_not_utf8_are_told_and_can_be_left_out(tmp_path):
    lines = ["text,label", *["좋다,yes"] * 5, "café,no", "좋다,yes", "naïve,no"]
    path = written(
        tmp_path, b"\n".join(line.encode("utf-8" if "yes" in line else "latin-1") for line in lines), "a.csv"
    )
    message = check_refused(path, "line 7 has the byte 0xe9 .* but not line 7, 9. Correct that")
    subprocess.run(message.split("bytes out: ")[1].split(" (iconv")[0], shell=True, check=False)
    assert [row for row in read_labelled_texts(tmp_path / "utf8-a.csv") if row[1] == "no"] == [
        ("caf", "no"),
        ("nave", "no"),
    ]
