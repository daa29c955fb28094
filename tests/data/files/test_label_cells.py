"""Several labels a text, out of every form that files have them in."""

import json

import pytest

from keras_bert.data import LabelledTexts, check_labels, check_scores, labelling_remarks, read_labelled_texts
from keras_bert.data.files.label_cells import SeveralLabels


def read(path, text, **options):
    """path, contents of a file, options -> the labels of its examples."""
    path.write_text(text, encoding="utf-8")
    return [labels for *_, labels in read_labelled_texts(path, multi_label=True, **options)]


def test_labels_parted_in_a_cell(tmp_path):
    table = "text\tlabel\na\tfood|price\nb\t food | staff |\nc\t\nd\tprice\n\t\n"
    path = tmp_path / "a.tsv"
    assert read(path, table) == [("food", "price"), ("food", "staff"), (), ("price",)]
    examples = read_labelled_texts(path, multi_label=True)
    assert (examples.labels, len(examples), examples.multi_label) == (("food", "price", "staff"), 4, True)
    assert dict(examples.counts) == {"food": 2, "price": 2, "staff": 1} and examples.first("staff") == 3
    assert read(tmp_path / "b.csv", 'text;label\na;"x, y"\n', label_separator=",") == [("x", "y")]
    assert read(tmp_path / "c.tsv", "a\tx\nb\tx|y\n", text_column=0, label_column=1) == [("x",), ("x", "y")]


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ('["food", "price"]', ("food", "price")),
        ("['food', 'price']", ("food", "price")),  # as pandas writes a list
        ("[]", ()),
        ("[1, 2]", ("1", "2")),
        ("['food' 'price'\n \"it's\"]", ("food", "price", "it's")),  # as pandas writes an array of numpy
        ("[1 2]", ("1", "2")),
        ("[E1]|[E2]", ("[E1]", "[E2]")),
        ("[1|2]", ("[1", "2]")),
        ("food|food", ("food",)),
        ("|", ()),
    ],
)
def test_a_cell(cell, labels):
    assert SeveralLabels(("label",), "|").read([cell]) == (labels, None)


def test_columns_of_0_and_1(tmp_path):
    table = "id,text,toxic,rude,threat\n1,a,0,1,0\n2,b,0.0,1.0,0\n3,c,False,TRUE,0\n4,d,0,0,0\n"
    names = ("toxic", "rude", "threat")
    assert read(tmp_path / "a.csv", table, label_column=names) == [("rude",), ("rude",), ("rude",), ()]
    by_number = read_labelled_texts(tmp_path / "a.csv", 1, (2, 3, -1), multi_label=True)
    assert by_number.labels == names  # all of them, in their order
    assert by_number.described("threat") == "'threat' (no example)"
    assert by_number.sample(1, seed=0).labels == by_number.chosen([0]).labels == names  # in some too
    lines = [{"text": "a", "x": 1, "y": False}, {"text": "b", "x": "0", "y": 1.0}]
    path = tmp_path / "a.jsonl"
    assert read(path, "\n".join(map(json.dumps, lines)), label_column=["x", "y"]) == [("x",), ("y",)]


def test_lists_of_json(tmp_path):
    lines = [{"text": "a", "label": ["x", " y"]}, {"text": "b", "label": []}, {"text": "c", "label": "x|z"}]
    assert read(tmp_path / "a.json", json.dumps(lines)) == [("x", "y"), (), ("x", "z")]
    assert read(tmp_path / "b.jsonl", '{"text": "a", "label": [1, 2.5]}') == [("1", "2.5")]
    with pytest.raises(ValueError, match=r"must be a string or a number, not \[\"x\"\]\. Lists are read with multi_l"):
        (tmp_path / "c.jsonl").write_text('{"text": "a", "label": ["x"]}')
        read_labelled_texts(tmp_path / "c.jsonl")


@pytest.mark.parametrize(
    ("name", "text", "options", "message"),
    [
        (
            "a.csv",
            "text,x,y\na,1,2\nb,,0\n",
            {"label_column": ("x", "y")},
            r"(?s)line 2.*0 or 1 in 'y', not \"2\".*line 3",
        ),
        ("a.csv", "text,x,y\na,1,1\ntext,x,y\n", {"label_column": ("x", "y")}, "is the header once more"),
        ("a.csv", "text,x\na,1\n", {"label_column": ("x", "z")}, "no column 'z'"),
        ("a.csv", "text,x\na,1\n", {"label_column": ("x", "x")}, "must be different ones"),
        ("a.jsonl", '{"text": "a", "label": null}', {}, r"must have labels in 'label', .* not null"),
        ("a.jsonl", '{"text": "a", "label": {"x": 1}}', {}, "a string or a list"),
        ("a.jsonl", '{"text": "a", "label": ["x", null]}', {}, "strings or numbers as labels in 'label', not null"),
        ("a.jsonl", '{"text": "a", "label": ["x", " "]}', {}, 'not " "'),
        ("a.jsonl", '{"text": "a", "label": [true]}', {}, "not true"),
        ("a.jsonl", '{"text": "a", "label": ["\\ud83d"]}', {}, "surrogate"),
        ("a.jsonl", '{"text": 1, "label": []}', {}, "has no text"),
        ("a.csv", "text,label\na,x\n", {"label_separator": ""}, "`label_separator`"),
        ("a.csv", "text,label\na,x\n", {"label_column": ()}, "must name a column"),
    ],
)
def test_bad_cells_are_named(name, text, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read(tmp_path / name, text, **options)
    if options.get("label_column"):
        with pytest.raises(ValueError, match=r"read with multi_label=True\. Received: label_column="):
            read_labelled_texts(tmp_path / name, label_column=options["label_column"])


def test_labels_that_were_not_parted_are_remarked(tmp_path):
    with pytest.warns(UserWarning, match=r"No text of .* has more than one label, but .*'food, price' \(1 examples"):
        read(tmp_path / "a.tsv", "text\tlabel\na\tfood, price\nb\tfood\n")


def test_in_memory():
    examples = LabelledTexts([("a", ["y", "x"]), ("b", ()), ("c", ["x"])], "these")
    assert (examples.labels, len(examples), examples.counts["x"]) == (("x", "y"), 3, 2)
    assert len(examples.sample(2, seed=0)) == 2 and examples.sample(2, seed=0).multi_label
    check_labels(examples, ["x", "y", "z"])
    with pytest.raises(ValueError, match=r"In these there are others: 'x' \(2 examples\) in number 1, 3"):
        check_labels(examples, ["y"])
    with pytest.raises(ValueError, match="at least 1 classes"):
        check_labels(LabelledTexts([("a", [])]), [])
    with pytest.raises(ValueError, match="one number a text"):
        check_scores(LabelledTexts([("a", ["1"]), ("b", ["2"])]))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("b", "x"), "must have a list of labels, as the first has"),
        (("b", ["x", "x"]), "different labels that aren't empty"),
        (("b", [""]), "different labels that aren't empty"),
        (("b", [1]), "must be a tuple of strings"),
        (("b", None), "must be a tuple of strings"),
        ((), "must be a tuple of strings"),
    ],
)
def test_rows_that_are_none(row, message):
    with pytest.raises(ValueError, match=message):
        LabelledTexts([("a", ["x"]), row])
    with pytest.raises(ValueError, match=r"must (have one label, as the first has|be a tuple of strings)"):
        LabelledTexts([("a", "x"), (*row[:1], ["x"])])


def test_what_is_odd_about_several_sets():
    train = LabelledTexts([("a", ["x"]), ("b", ["x", "y"]), ("c", ["z", "y"]), ("b", ["y", "x"])], "train")
    valid = LabelledTexts([("d", ["x"]), ("e", []), ("e", ["x", "y"])], "valid")
    assert labelling_remarks(train, None, valid) == [
        "1 classes of train have one example: 'z' (number 3). A model hardly learns a class from one.",
        "1 of 3 labels never occur in valid: 'z'. Scores say nothing of them.",
        "1 texts of valid stand there several times, with different labels: none in number 2, 'x', 'y' in number 3. "
        "Keep the right one.",
    ]


def test_a_column_without_a_text_in_training_is_remarked(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,x,y\na,1,0\nb,1,0\n")
    train = read_labelled_texts(path, label_column=("x", "y"), multi_label=True)
    assert labelling_remarks(train) == [f"1 of 2 labels never occur in {path}: 'y'. A model learns to say no to them."]
