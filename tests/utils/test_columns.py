"""What holds strings, and what doesn't."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.utils.columns import strings_of


class Series:
    """As far as a pandas Series goes: one axis, values in turn."""

    ndim = 1

    def __init__(self, *values):
        self._values = values

    def __iter__(self):
        return iter(self._values)


class Frame(Series):
    """As far as a pandas DataFrame goes: two axes, and the columns' names in turn."""

    ndim = 2


class Missing:
    """pandas' NA, which is neither equal nor unequal to anything."""

    def __repr__(self):
        return "<NA>"

    def __eq__(self, other):
        return self

    def __ne__(self, other):
        return self

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None


@pytest.mark.parametrize(
    "values",
    [
        ["ja", "nein"],
        ("ja", "nein"),
        np.array(["ja", "nein"]),
        np.array(["ja", "nein"], object),
        Series("ja", "nein"),
        (text for text in ("ja", "nein")),
        {"ja": 1, "nein": 2}.keys(),
    ],
)
def test_many_strings(values):
    assert strings_of("text", values) == (["ja", "nein"], False)


def test_bytes_and_tensors_are_strings_too():
    assert strings_of("text", [b"\xff", "ja"]) == ([b"\xff", "ja"], False)
    assert strings_of("text", tf.constant(["ja", "좋음"])) == ([b"ja", "좋음".encode()], False)
    assert strings_of("text", []) == strings_of("text", tf.constant([], tf.string)) == ([], False)


@pytest.mark.parametrize("value", ["ja", b"ja", np.str_("ja"), np.array("ja"), tf.constant("ja")])
def test_one_string(value):
    texts, is_one = strings_of("text", value)
    assert is_one and [text if isinstance(text, str) else text.decode() for text in texts] == ["ja"]
    assert strings_of("text", "") == ([""], True)


MISSING = r'It is missing: leave it out, or give "" in its place\.'


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (float("nan"), f"Received: nan. {MISSING}"),
        (np.float64("nan"), f"Received: np.float64.nan.. {MISSING}"),
        (None, f"Received: None. {MISSING}"),
        (Missing(), f"Received: <NA>. {MISSING}"),
        (7, r"Received: 7\. Make a string of it\."),
        (["a", "b"], r"Received: \['a', 'b'\]\. Give one flat list"),
        (("a", "b"), r"Received: \('a', 'b'\)\. Give one flat list .* of pairs, two lists"),
    ],
)
def test_the_wrong_one_is_named(wrong, message):
    with pytest.raises(ValueError, match=f"In `context`, text 3 from 0 must be a string. {message}"):
        strings_of("context", ["a", "b", "", wrong, None])


def test_half_a_surrogate_pair_is_named():
    with pytest.raises(ValueError, match=r"In `text`, text 1 from 0 has half of a surrogate pair"):
        strings_of("text", ["good", "bad \ud83d"])
    with pytest.raises(ValueError, match=r"^`text` has half of a surrogate pair"):
        strings_of("text", "bad \ud83d")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "Received: NoneType None. Make a string of it."),
        (3, "Received: int 3. Make a string of it."),
        (float("nan"), "Received: float nan. Make"),
        (np.array(3.0), "Received: float 3.0. Make"),
        ({"text": ["a"]}, "Received: dict .*Give the column that has the texts."),
        (Frame("text", "label"), "Received: Frame .*Give the column that has the texts."),
        (np.array([["a", "b"]]), "Received: ndarray .*Give the column that has the texts."),
    ],
)
def test_what_holds_no_strings_is_refused(values, message):
    with pytest.raises(ValueError, match=f"`text` must be one string, or a list of strings. {message}"):
        strings_of("text", values)
