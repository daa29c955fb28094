"""A question and a paragraph in, the answer out: its text, where it stands, how sure the model is.

Legend of the shapes: T tokens of a window, L the most tokens of an answer, N answers; of one question.
"""

import itertools
from typing import NamedTuple

import numpy as np

from keras_bert.runtime.answering import Answering, plain, softmax
from keras_bert.runtime.windows import window_spans


class _Asked(NamedTuple):
    """A question: number of its tokens, the `Tokens` of its context, and where windows begin and end in them."""

    length: int
    tokens: tuple
    spans: list


class SpanPredictor(Answering):
    """Answers to questions. Arguments: an `Engine`, None, and what `export_onnx` wrote of options.

    The same steps as in keras_bert.prediction.answers, one question after the other.
    """

    def __init__(
        self, engine, labels, max_length, stride, max_question_length, max_answer_length, num_answers, null_threshold
    ):
        super().__init__(engine, labels, ("question", "context"))
        self._max_length, self._stride, self._max_question_length = max_length, stride, max_question_length
        self._max_answer_length, self._num_answers = max_answer_length, num_answers
        self._null_threshold = null_threshold

    def _answers(self, rows, batch_size):
        questions, contexts = zip(*rows, strict=True)
        asked, windows = [], []
        for ids, tokens in zip(self._engine.ids(questions), self._engine.tokens(contexts), strict=True):
            ids = ids[: self._max_question_length]
            spans = window_spans(len(tokens.ids), self._max_length - 3 - len(ids), self._stride)
            asked.append(_Asked(len(ids), tokens, spans))
            windows += [self._engine.row(ids, tokens.ids[begin:end].tolist()) for begin, end in spans]
        logits = zip(*self._engine.run(windows, ("start_logits", "end_logits"), batch_size), strict=True)
        return [
            self._answer(context, one, list(itertools.islice(logits, len(one.spans))))
            for context, one in zip(contexts, asked, strict=True)
        ]

    def _answer(self, context, asked, logits):
        """A context, its `_Asked`, the two logits [T] of each of its windows -> its answer, a dict."""
        best = self._best_spans(asked, logits)
        scores = np.array([score for score, _, _ in best], "float32")
        null_score = min(starts[0] + ends[0] for starts, ends in logits)
        threshold = self._null_threshold
        has_null = threshold is not None or not best
        is_null = not best or (threshold is not None and null_score - scores[0] > threshold)
        probabilities = softmax(np.append(scores, null_score)) if has_null else softmax(scores)
        answers = [
            {"answer": context[start:end], "start": start, "end": end, "probability": plain(probability)}
            for (_, start, end), probability in zip(best, probabilities, strict=False)
        ]
        chosen = {"answer": "", "start": -1, "end": -1, "probability": plain(probabilities[-1])}
        if not is_null:
            chosen = answers[0]
        return {
            **{key: chosen[key] for key in ("answer", "start", "end")},
            "score": plain(null_score if is_null else scores[0]),
            "probability": chosen["probability"],
            "null_difference": plain(null_score - scores[0]) if best else None,
            "answers": answers,
        }

    def _best_spans(self, asked, logits):
        """An `_Asked`, the two logits [T] of each window -> its N best spans, the best first: (score, start, end)."""
        may_begin, may_end = _edges(asked.tokens)
        found = []
        for (begin, end), (starts, ends) in zip(asked.spans, logits, strict=True):
            columns = slice(2 + asked.length, 2 + asked.length + end - begin)  # behind [CLS] question [SEP]
            starts = np.where(may_begin[begin:end], starts[columns], -np.inf)
            ends = np.where(may_end[begin:end], ends[columns], -np.inf)
            found += [(score, begin + first, begin + last) for score, first, last in self._best_of_window(starts, ends)]
        best = {}
        for score, first, last in sorted(found, key=lambda span: -span[0]):
            best.setdefault((first, last), score)  # of a span in several windows, the best score
        places = asked.tokens.starts, asked.tokens.ends
        spans = itertools.islice(best.items(), self._num_answers)
        return [(score, int(places[0][first]), int(places[1][last])) for (first, last), score in spans]

    def _best_of_window(self, starts, ends):
        """scores of spans that begin, and that end, at each token [T] -> the N best: (score, first, last)."""
        if not len(starts):
            return []
        ends = np.pad(ends, (0, self._max_answer_length - 1), constant_values=-np.inf)
        band = starts[:, None] + np.lib.stride_tricks.sliding_window_view(ends, self._max_answer_length)  # [T, L]
        scores = band.ravel()
        count = min(self._num_answers, np.count_nonzero(scores > -np.inf))
        if not count:
            return []
        least = np.partition(scores, -count)[-count]
        places = np.flatnonzero(scores >= least)
        places = places[np.argsort(-scores[places], kind="stable")][:count]
        firsts, lengths = np.divmod(places, self._max_answer_length)
        return zip(scores[places], firsts.tolist(), (firsts + lengths).tolist(), strict=True)


def _edges(tokens):
    """`Tokens` of a context -> whether an answer may begin with each, and end with it: bools, twice.

    Where a character has several tokens, an answer begins with its first and ends with its last.
    """
    starts, ends = np.diff(tokens.starts) != 0, np.diff(tokens.ends) != 0
    edge = np.ones(min(1, len(tokens.ids)), bool)
    return np.concatenate([edge, starts]), np.concatenate([ends, edge])
