"""What is odd about labelled texts, though all of them can be read: said, and the run goes on."""

import unicodedata

import pytest

from keras_bert.data import LabelledTexts, check_labels, check_scores, labelling_remarks, read_labelled_texts


def read(folder, content, name="train.tsv"):
    """A file's content -> its examples, and what was warned of."""
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.warns(UserWarning) as warned:
        examples = read_labelled_texts(folder / name)
    assert [str(warning.message) for warning in warned] == [*examples.remarks]
    return examples, examples.remarks


def test_labels_that_only_look_different_are_listed(tmp_path):
    decomposed = unicodedata.normalize("NFD", "긍정")
    labels = ["Positive", "positive ", "긍정", decomposed, "1", "1.0", "not sure", "not_sure", "x\u200b", "x", "-1"]
    lines = "".join(f"text {number}\t{label}\n" for number, label in enumerate(labels))
    examples, (remark,) = read(tmp_path, f"text\tlabel\n{lines}")
    assert len(examples.labels) == 11  # as they came: nothing is merged
    assert "'Positive' (1 examples, from line 2 on), 'positive' (1 examples, from line 3 on)" in remark
    assert f"'{decomposed}' (1 examples, from line 5 on), '긍정' (1 examples, from line 4 on)" in remark
    assert "'1' (1 examples, from line 6 on), '1.0'" in remark and "'-1'" not in remark
    assert "'not sure'" in remark and "'x'" in remark


def test_numbers_as_scores_may_be_written_in_several_ways():
    assert LabelledTexts([("a", "5"), ("b", "5.0"), ("c", "4.25"), ("d", "4.250")]).remarks == ()


def test_labels_that_say_there_is_none_are_listed(tmp_path):
    _, (remark,) = read(tmp_path, "text\tlabel\na\tyes\nb\tnan\nc\tN/A\nd\tnan\n")
    assert "'N/A' (1 examples, from line 4 on), 'nan' (2 examples, from line 3 on)" in remark


def test_blank_texts_and_lost_characters_are_listed(tmp_path):
    content = "text\tlabel\n\tyes\ngood\tyes\n \u200b\u00a0\tno\n좋\ufffd다\tno\n"
    examples, (blank, lost) = read(tmp_path, content)
    assert len(examples) == 4
    assert blank.startswith("2 examples of ") and "have a blank text (line 2, 4)" in blank
    assert lost.startswith("1 examples of ") and "U+FFFD (line 5)" in lost


def test_what_is_many_is_counted_and_the_first_twenty_told(tmp_path):
    _, (blank,) = read(tmp_path, "text\tlabel\n" + "\tyes\n" * 23)
    assert blank.startswith("23 examples") and f"({'line ' + ', '.join(map(str, range(2, 22)))} and 3 more)" in blank


def test_classes_with_one_example_are_listed():
    train = LabelledTexts([("a", "yes"), ("b", "no"), ("c", "yes"), ("d", "on")], "train")
    (remark,) = labelling_remarks(train)
    assert remark.startswith("2 classes of train have one example: 'no' (number 2), 'on' (number 4).")
    assert labelling_remarks(LabelledTexts([("a", "1"), ("b", "2")]), classes=False) == []


def test_texts_with_several_labels_are_listed():
    rows = [("good", "yes"), ("dull", "no"), (" good", "no"), ("good ", "yes"), ("dull", "no"), ("", "yes"), ("", "no")]
    (remark,) = labelling_remarks(LabelledTexts(rows, "train"))
    assert remark.startswith(
        "1 texts of train have several labels: 'yes' in number 1, 'no' in number 3, 'yes' in number 4"
    )
    pairs = [("a", "b", "5.0"), ("b", "a", "3"), ("a", "b", "5"), ("b", "a", "3.5")]
    (remark,) = labelling_remarks(LabelledTexts(pairs, "train"), classes=False)
    assert remark.startswith("1 texts of train have several labels: '3' in number 2, '3.5' in number 4.")


def test_texts_to_measure_on_that_are_trained_on_are_listed(tmp_path):
    train = LabelledTexts([("good", "yes"), ("dull", "no"), ("fine", "yes"), ("bad", "no"), (" ", "no")], "train")
    path = tmp_path / "valid.tsv"
    path.write_text("text\tlabel\nnew\tyes\nfine\tyes\n\tno\nbad\tyes\n")
    with pytest.warns(UserWarning, match="blank"):
        valid = read_labelled_texts(path)
    (remark,) = labelling_remarks(train, valid, None)
    assert remark.startswith(f"2 of 4 texts of {path} are among those of train too: line 3, 5.")


def test_labels_of_another_spelling_are_refused_with_their_lines(tmp_path):
    path = tmp_path / "valid.tsv"
    path.write_text("text\tlabel\na\tpositive\nb\tPositive\nc\tnone\nd\tPositive\n")
    message = r"'Positive' \(2 examples\) in line 3, 5; 'none' \(1 examples\) in line 4. These only look different: 'po"
    with pytest.raises(ValueError, match=message):
        check_labels(read_labelled_texts(path), ["negative", "positive"])


def test_decimal_commas_are_explained(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("text;label\na;3,5\nb;2\n")
    with pytest.raises(ValueError, match=r"'3,5' \(1 examples\) in line 2. Write decimals with a point"):
        check_scores(read_labelled_texts(path))
    with pytest.raises(ValueError, match="'1_0'"):
        check_scores(LabelledTexts([("a", "1_0"), ("b", "2")]))


def test_a_sample_keeps_its_lines(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text("text\tlabel\n\n" + "".join(f"text {i}\t{i % 2}\n" for i in range(50)))
    sample = read_labelled_texts(path).sample(5, seed=1)
    assert [row for _, row in sample.numbered()] == [*sample]
    assert all(text == f"text {number - 3}" for number, (text, _) in sample.numbered())
