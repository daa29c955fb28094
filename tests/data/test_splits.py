"""Examples held out and folds: of what, by what, the same by seed, and what is refused."""

import json

import pytest

from keras_bert.data import (
    LabelledTexts,
    Question,
    Questions,
    TaggedSentences,
    TextGroups,
    fold,
    hold_out,
    read_labelled_texts,
    read_squad,
)
from keras_bert.data.splits import described_parts

TEXTS = LabelledTexts([(f"text {i}", "rare" if i % 5 == 0 else "often") for i in range(35)], "texts.tsv")


def test_each_class_gives_its_share_and_the_seed_decides():
    train, valid = hold_out(TEXTS, 0.2, seed=0)
    assert (train.counts, valid.counts) == ({"rare": 6, "often": 22}, {"rare": 1, "often": 6})
    assert sorted([*train, *valid]) == sorted(TEXTS) and [*valid] == [row for row in TEXTS if row in [*valid]]
    assert [*hold_out(TEXTS, 0.2, seed=0)[1]] == [*valid] != [*hold_out(TEXTS, 0.2, seed=1)[1]]
    assert described_parts(train, valid) == "Held out: 7 of texts.tsv, 28 to train on; each class gives its share."


def test_folds_are_disjoint_and_hold_all():
    held_out = [[*fold(TEXTS, number, 7, seed=3)[1]] for number in range(7)]
    assert [sum(label == "rare" for _, label in rows) for rows in held_out] == [1] * 7
    assert sorted(row for rows in held_out for row in rows) == sorted(TEXTS)
    train, valid = fold(TEXTS, 2, 7, seed=3)
    assert not {*train} & {*valid} and len(train) == 30
    for number in (7, -1, 1.0):
        with pytest.raises(ValueError, match=f"one of the 7 folds, from 0. Received: number={number}"):
            fold(TEXTS, number, 7, seed=3)


LABELS = {"rare": lambda i: i % 6 == 0, "often": lambda i: i % 2 == 0, "odd": lambda i: i % 4 == 1}
SEVERAL = LabelledTexts(  # rare 4 times of 24, often 12 times, odd 6 times
    [(f"text {i}", [label for label, has in LABELS.items() if has(i)]) for i in range(24)], "topics.tsv"
)


def test_each_of_several_labels_gives_its_share():
    train, valid = hold_out(SEVERAL, 0.25, seed=0)
    assert (valid.counts["rare"], valid.counts["often"], len(valid), len(train)) == (1, 3, 6, 18)
    assert valid.counts["odd"] in (1, 2)  # a quarter of 6
    assert [*valid] == [row for row in SEVERAL if row not in [*train]]
    assert [*hold_out(SEVERAL, 0.25, seed=0)[1]] == [*valid] != [*hold_out(SEVERAL, 0.25, seed=1)[1]]
    assert described_parts(train, valid).endswith("each label gives its share.")


def test_folds_of_several_labels_are_alike_disjoint_and_hold_all():
    held_out = [fold(SEVERAL, number, 4, seed=5)[1] for number in range(4)]
    assert [(part.counts["rare"], part.counts["often"], len(part)) for part in held_out] == [(1, 3, 6)] * 4
    assert sorted(row for part in held_out for row in part) == sorted(SEVERAL)


def test_parts_of_a_file_are_read_from_it_with_their_lines(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_text("text\tlabel\n" + "".join(f"review {i}\t{i % 2}\n" for i in range(10)))
    train, valid = hold_out(read_labelled_texts(path), 0.2, seed=0)
    numbers = {number: row for number, row in valid.numbered()}
    assert all(row[0] == f"review {number - 2}" for number, row in numbers.items())
    assert len(train) == 8 and valid.place == "line" and "2 of" in valid.name


def test_questions_stay_with_their_article(tmp_path):
    data = [
        {"title": f"t{a}", "paragraphs": [{"context": f"Ann {a} {p}.", "qas": [
            {"id": f"{a}-{p}-{q}", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 0}]}
            for q in range(2)]} for p in range(2)]}
        for a in range(5)
    ]  # fmt: skip
    (tmp_path / "q.json").write_text(json.dumps({"version": "1.1", "data": data}))
    train, valid = hold_out(read_squad(tmp_path / "q.json"), 0.2, seed=0)
    assert (len(train), len(valid)) == (16, 4) and len({question.id[0] for question in valid}) == 1
    assert "divided by article" in described_parts(train, valid)
    flat = Questions([Question(str(i), "Who?", f"Ann {i // 2}.", (("Ann", 0),)) for i in range(6)])
    train, valid = fold(flat, 0, 3, seed=0)
    assert len(valid) == 2 and not {row.context for row in train} & {row.context for row in valid}
    assert "divided by paragraph" in described_parts(train, valid)


def test_groups_stay_with_their_positive_and_sentences_are_alone():
    groups = TextGroups([(f"question {i}", f"answer {i // 2}") for i in range(8)])
    train, valid = hold_out(groups, 0.25, seed=0)
    assert len(valid) == 2 and len({positive for _, positive in valid}) == 1
    sentences = TaggedSentences([([f"word{i}"], ["B-X" if i % 2 else "O"]) for i in range(9)])
    train, valid = fold(sentences, 1, 3, seed=0)
    assert (len(train), len(valid), valid.scheme) == (6, 3, sentences.scheme)
    assert described_parts(train, valid).endswith("divided by sentence.")


def test_scores_are_not_classes():
    pairs = LabelledTexts([("a", f"b{i}", str(i)) for i in range(9)])
    assert len(hold_out(pairs, 0.3, seed=0, classes=False)[1]) == 3
    with pytest.raises(ValueError, match=r"classes with one: '0' \(number 1\), '1' \(number 2\)"):
        hold_out(pairs, 0.3, seed=0)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_is_between_0_and_1(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        hold_out(TEXTS, share, seed=0)


def test_too_few_of_something_is_refused():
    with pytest.raises(ValueError, match=r"at least 2 texts, one of each class. Received: a share of 0.01 of 35"):
        hold_out(TEXTS, 0.01, seed=0)
    one = Questions([Question(str(i), "Who?", "Ann.", (("Ann", 0),)) for i in range(6)])
    with pytest.raises(ValueError, match="at least 1 paragraphs"):
        hold_out(one, 0.5, seed=0)
    with pytest.raises(ValueError, match=r"30 folds need as many examples of the most frequent class. Received: 28"):
        fold(TEXTS, 0, 30, seed=0)
    with pytest.raises(ValueError, match="at least 2 folds"):
        fold(TEXTS, 0, 1, seed=0)


def test_a_class_with_one_example_is_refused_with_advice_that_fits():
    texts = LabelledTexts([("a", "yes"), ("b", "yes"), ("c", "no")])
    with pytest.raises(ValueError, match=r"'no' \(number 3\).*or give a file of examples to choose the best epoch by"):
        hold_out(texts, 0.5, seed=0)
    with pytest.raises(ValueError, match=r"'no' \(number 3\).* or give more examples of them: what is") as error:
        fold(texts, 0, 2, seed=0)
    assert "file" not in str(error.value)
