"""Items in batches by length: what runs together, the order, the bar."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from keras_bert.utils.batches import in_batches_by_length

WORDS = ["six", "a", "seven", "be", "eleven", "to", "five"]


def test_the_longest_run_first_and_results_keep_the_order():
    seen = []

    def shout(batch):
        seen.append(batch)
        return [word.upper() for word in batch]

    results = in_batches_by_length(shout, WORDS, map(len, WORDS), batch_size=3)
    assert seen == [["eleven", "seven", "five"], ["six", "be", "to"], ["a"]]  # of equal ones, the first first
    assert results == [word.upper() for word in WORDS]


def test_lengths_may_be_an_array_and_items_of_any_kind():
    seen = []
    results = in_batches_by_length(
        lambda batch: seen.append(batch) or batch, [(1,), (2, 3), (4,)], np.array([1, 2, 1]), 2
    )
    assert seen == [[(2, 3), (1,)], [(4,)]] and results == [(1,), (2, 3), (4,)]


def test_nothing_gives_nothing():
    assert in_batches_by_length(pytest.fail, [], [], batch_size=3) == []


def test_a_function_that_loses_an_item_is_told():
    with pytest.raises(ValueError, match="shorter"):
        in_batches_by_length(lambda batch: batch[1:], WORDS, map(len, WORDS), batch_size=3)


@pytest.mark.parametrize(("progress", "is_shown"), [(True, True), (False, False), (None, False)])
def test_a_bar_on_stderr_where_it_is_wanted(progress, is_shown, capsys):
    in_batches_by_length(list, WORDS, map(len, WORDS), batch_size=3, progress=progress)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert ("7/7" in shown.err) == is_shown and bool(shown.err) == is_shown


class Terminal:
    """What a terminal shows."""

    def __init__(self):
        self.shown = ""

    def write(self, text):
        self.shown += text

    def flush(self):
        pass

    def isatty(self):
        return True


@pytest.mark.parametrize(("seconds", "is_shown"), [(2.9, False), (3.1, True)])
def test_on_a_terminal_a_bar_is_shown_once_it_takes_long(seconds, is_shown, monkeypatch):
    terminal, clock = Terminal(), iter(range(100))
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock) * seconds)
    in_batches_by_length(list, WORDS, map(len, WORDS), batch_size=7)
    assert bool(terminal.shown) == is_shown


@pytest.mark.parametrize(("config", "is_shown"), [({"IPKernelApp": {}}, True), ({}, False)])
def test_a_notebook_shows_a_bar_and_a_shell_without_a_terminal_does_not(config, is_shown, monkeypatch, capsys):
    clock = iter(range(100))
    shell = SimpleNamespace(config=config)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock) * 4)
    in_batches_by_length(list, WORDS, map(len, WORDS), batch_size=7)
    assert bool(capsys.readouterr().err) == is_shown
