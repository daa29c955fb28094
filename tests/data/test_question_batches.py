"""Questions to batches: windows, answers' tokens, and what is refused."""

import collections
import re
from pathlib import Path

import numpy as np
import pytest

import keras_bert
from keras_bert.data import Question, answering_batches, read_squad
from keras_bert.data.question_batches import (
    answer_columns,
    check_room,
    context_places,
    context_windows,
    evaluation_remarks,
)

CONTEXT = "A very good book. The dull film, a good film. Very very dull book the book a film"
SHARED = Path(__file__).parents[3] / "shared" / "data"


def question(name, asked, context, text, occurrence=0):
    start = [found.start() for found in re.finditer(re.escape(text), context)][occurrence]
    return Question(name, asked, context, ((text, start),))


QUESTIONS = [
    question("a", "the book", CONTEXT, "dull film"),
    question("b", "a very good film", CONTEXT, "book", 2),
    question("c", "film", CONTEXT, "A very"),
    question("d", "very very very very very very dull", "the books", "ook"),
    question("e", "a", CONTEXT, CONTEXT[2:60]),
]


def peer(row, tokenizer, max_length, stride):
    """The same windows and labels from `tokenizers`, by the rule of Hugging Face's examples: list of (ids, columns)."""
    tokenizers = pytest.importorskip("tokenizers")
    reference = tokenizers.BertWordPieceTokenizer(dict(tokenizer.vocabulary))
    reference.enable_truncation(max_length, stride=stride, strategy="only_second")
    encoding = reference.encode(row.question, row.context)
    start, end = row.span
    found = []
    for part in (encoding, *encoding.overflowing):
        tokens = [
            i
            for i, (sequence, (a, z)) in enumerate(zip(part.sequence_ids, part.offsets, strict=True))
            if sequence == 1 and a < end and z > start
        ]
        whole = tokens and part.offsets[tokens[0]][0] <= start and part.offsets[tokens[-1]][1] >= end
        found.append((part.ids, (tokens[0], tokens[-1]) if whole else (0, 0)))
    return found


@pytest.mark.parametrize(("max_length", "stride"), [(32, 5), (14, 2), (13, 1), (40, 20)])
def test_windows_and_answers_are_those_of_tokenizers(max_length, stride, tokenizer):
    expected = [window for row in QUESTIONS for window in peer(row, tokenizer, max_length, stride)]
    batches = answering_batches(QUESTIONS, tokenizer, 3, max_length, stride, max_question_length=7)
    assert len(batches) == -(-len(expected) // 3) == len([*batches])
    found = []
    for inputs, answers in batches:
        assert inputs["token_ids"].shape == inputs["segment_ids"].shape == inputs["padding_mask"].shape
        lengths = inputs["padding_mask"].numpy().sum(axis=1)
        columns = zip(answers["start_logits"].numpy(), answers["end_logits"].numpy(), strict=True)
        for ids, segments, length, pair in zip(
            inputs["token_ids"].numpy(), inputs["segment_ids"].numpy(), lengths, columns, strict=True
        ):
            found.append((ids[:length].tolist(), tuple(map(int, pair))))
            first_sep = ids.tolist().index(tokenizer.sep_id)
            assert segments.tolist() == [0] * (first_sep + 1) + [1] * (length - first_sep - 1) + [0] * (
                len(ids) - length
            )
    assert sorted(found) == sorted(expected)
    assert {pair == (0, 0) for _, pair in found} == ({False} if max_length >= 32 else {True, False})


def test_an_answer_inside_a_word_has_the_tokens_that_it_touches():
    pieces = ["김도윤", "##이", "##은", "1987", "##년", "##에", "부산", "##에서", "누가"]
    tokenizer = keras_bert.WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces], strip_accents=False
    )
    context = "김도윤이 1987년에  부산에서"
    rows = [question(text, "누가", context, text) for text in ("김도윤", "1987년", "부산", "윤이 19", "87년에  부")]
    windows = context_windows([row.question for row in rows], [context] * 5, tokenizer, 16, 2, 4)
    first, last = answer_columns(windows, *zip(*[row.span for row in rows], strict=True))
    # [CLS] 누가 [SEP] 김도윤 ##이 1987 ##년 ##에 부산 ##에서 [SEP]
    assert [*zip(first.numpy().tolist(), last.numpy().tolist(), strict=True)] == [
        (3, 3),
        (5, 6),
        (8, 8),
        (3, 5),
        (5, 8),
    ]


def test_places_are_those_of_the_contexts_tokens(tokenizer):
    windows = context_windows(
        ["the", "a film"], ["good book a film", ""], tokenizer, 7, stride=1, max_question_length=2
    )
    assert windows.rows["token_ids"].to_list() == [[2, 10, 3, 5, 7, 9, 3], [2, 10, 3, 9, 8, 3], [2, 9, 8, 3, 3]]
    assert windows.questions.numpy().tolist() == [0, 0, 1]
    for places in context_places(windows, 7):
        assert places.numpy().tolist() == [[0, 0, 0, 1, 2, 3, 0], [0, 0, 0, 3, 4, 0, 0], [0] * 7]


def test_questions_without_an_answer_learn_cls(tokenizer):
    rows = [Question("x", "a", "good film"), QUESTIONS[3], Question("y", "a", "\x00\x01 \u200b")]
    ((inputs, answers),) = answering_batches(rows, tokenizer, 4, 16, max_question_length=7)
    columns = dict(
        zip(inputs["padding_mask"].numpy().sum(axis=1).tolist(), answers["start_logits"].numpy(), strict=True)
    )
    assert columns == {6: 0, 13: 10, 4: 0}


def test_every_epoch_is_shuffled_anew_by_the_seed(tokenizer):
    rows = [question(str(i), "a", f"{'good ' * i}film", "film") for i in range(1, 25)]

    def epochs(seed):
        batches = answering_batches(rows, tokenizer, 4, 32, seed=seed)
        return [[answers["start_logits"].numpy().tolist() for _, answers in batches] for _ in range(2)]

    first, second = epochs(5)
    assert first != second and [first, second] == epochs(5) != epochs(6)
    for epoch in (first, second):
        assert sorted(column for batch in epoch for column in batch) == [*range(4, 28)]


def test_the_user_is_told_what_is_left_out_and_cut(tokenizer):
    rows = [QUESTIONS[0], Question("bad", "a", "good film", (("film", 0),)), QUESTIONS[3]]
    with pytest.warns(UserWarning) as warned:
        batches = answering_batches(rows, tokenizer, 4, 32, max_question_length=5)
    left_out, cut = (str(warning.message) for warning in warned)
    assert "1 of 3 questions" in left_out and "answer_start (1: 'bad')" in left_out
    assert "1 questions" in cut and "max_question_length=5 tokens (the longest has 7)" in cut
    assert sum(len(answers["end_logits"]) for _, answers in batches) == 2


def test_answers_without_a_token_are_not_learned_as_no_answer(tokenizer):
    rows = [
        Question("zero", "a", "good\u200b film", (("\u200b", 4),)),
        Question("control", "a", "\x01 film", (("\x01", 0), ("film", 2))),
        QUESTIONS[3],
        Question("none", "a", "\u200b"),
    ]
    with pytest.warns(UserWarning, match=r"2 of 4 .* an answer has no token .2: 'zero', 'control'.* leaves them out"):
        ((_, answers),) = answering_batches(rows, tokenizer, 4, 16, max_question_length=7)
    assert sorted(answers["end_logits"].numpy().tolist()) == [0, 10]
    with pytest.warns(UserWarning), pytest.raises(ValueError, match=r"No question is left.*an answer has no token"):
        answering_batches(rows[:1], tokenizer, 4, 16)


def test_answers_that_fit_in_no_window_are_named(tokenizer):
    context = "a very good film a very dull book"
    rows = [Question("long", "a", context, ((context, 0),)), Question("short", "a", context, (("film", 12),))]
    remark = "1 questions of .* have an answer that no window of max_length=9 and stride=3 holds all of: 'long'"
    with pytest.warns(UserWarning, match=remark):
        answering_batches(rows, tokenizer, 4, 9, stride=3, max_question_length=2)
    (found,) = evaluation_remarks(rows, tokenizer, 9, stride=3, max_question_length=2)
    assert re.match(remark, found)


def test_remarks_on_questions_to_be_answered(tokenizer):
    rows = [Question("bad", "a", "good film", (("film", 0),)), Question("empty", "a", " ", (("a", 0),)), QUESTIONS[3]]
    faults, cut = evaluation_remarks(rows, tokenizer, 32, max_question_length=5)
    assert faults.startswith("2 of 3 questions") and faults.endswith("They are asked all the same.")
    assert "answer_start (1: 'bad')" in faults and "the context is empty (1: 'empty')" in faults
    assert "1 questions" in cut and "max_question_length=5 tokens (the longest has 7)" in cut
    assert evaluation_remarks(QUESTIONS, tokenizer, 32) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_length": 10, "max_question_length": 7}, "at least 11. Received: max_length=10"),
        ({"max_length": 16, "max_question_length": 7, "stride": 6}, "less than the 6 tokens.*stride=6"),
        ({"max_length": 3}, "Received: max_length=3"),
        ({"max_length": 0}, "max_length"),
        ({"max_length": 16, "max_question_length": 0}, "max_question_length"),
        ({"max_length": 16, "batch_size": 0}, "batch_size"),
    ],
)
def test_sizes_that_cannot_work_are_refused_at_once(arguments, message, tokenizer):
    with pytest.raises(ValueError, match=message):
        answering_batches(QUESTIONS[:1], tokenizer, **{"batch_size": 2} | arguments)


def test_defaults_fit_small_rows():
    for max_length in range(5, 600):
        stride, max_question_length = check_room(max_length)
        assert stride < max_length - 3 - max_question_length
    assert check_room(512) == (128, 64)


def test_every_answer_of_squad_is_found_again():
    path = SHARED / "squad" / "dev-v1.1.json"
    vocabulary = SHARED / "vocab" / "bert-base-uncased.txt"
    if not path.exists() or not vocabulary.exists():
        pytest.skip(f"{path.parents[1]} isn't there")
    tokenizer = keras_bert.WordPieceTokenizer.load(vocabulary)
    rows = [*read_squad(path)]
    counts = collections.Counter()
    for begin in range(0, len(rows), 512):
        chunk = rows[begin : begin + 512]
        columns = [[getattr(row, name) for row in chunk] for name in ("question", "context", "span")]
        windows = context_windows(*columns[:2], tokenizer, 384, 128, 64)
        first, last = answer_columns(windows, *np.transpose(columns[2]).astype(np.int32))
        places = (windows.begins - windows.columns).numpy()
        is_answered = first.numpy() > 0
        starts, ends = windows.starts.values.numpy(), windows.ends.values.numpy()
        found = collections.defaultdict(set)
        spans = np.stack([windows.questions.numpy(), places + first.numpy(), places + last.numpy()], axis=1)
        for number, a, z in spans[is_answered]:
            found[number].add((starts[a], ends[z]))
        for number, row in enumerate(chunk):
            text = row.answers[0][0]
            held = {row.context[a:z] for a, z in found[number]}
            counts["contained"] += any(text in span for span in held)
            counts["exact"] += held == {text}
    assert counts["contained"] == len(rows) == 10570
    assert counts["exact"] >= 10500
