"""The items of a JSON array one after the other, so that a file of any length fits in the memory."""

import json
import re

from keras_bert.data.files.source_files import opened

_BLOCK = 1 << 20  # characters that are read at a time
_SPACE = re.compile(r"[ \t\r\n]*")


def json_items(path):
    """Reads the array that a JSON file holds, or that stands as `data` in its object; an item at a time.

    Args:
        path: A `Path`.

    Yields:
        Pairs: where the item stands, such as "data[3]" or "[3]", and its value. Of another value than an array and
        than an object with `data`, "the whole" and the value.

    Raises:
        ValueError: If it isn't JSON.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "texts.json")
    >>> _ = path.write_text('{"version": 2, "data": [{"text": "to be"}, {"text": "or not"}]}')
    >>> list(json_items(path))
    [('data[0]', {'text': 'to be'}), ('data[1]', {'text': 'or not'})]
    """
    with opened(path) as file:
        text = _Text(file, path)
        begins = text.peek()
        if begins == "[":
            yield from text.array("")
        elif begins == "{":
            yield from _of_object(text)
        else:
            yield "the whole", text.value()
        if text.peek():
            raise text.error("Nothing more is expected")


def _of_object(text):
    """`_Text` before an object -> what `json_items` yields of it."""
    others = {}
    has_array = False
    text.skip("{")
    while text.peek() != "}":
        key = text.value()
        text.skip(":")
        if key == "data" and text.peek() == "[":
            has_array = True
            yield from text.array("data")
        else:
            others[key] = text.value()
        if text.peek() != "}":
            text.skip(",")
    text.skip("}")
    if not has_array:
        yield "the whole", others


class _Text:
    """A file of JSON as far as it is read: `peek` and `skip` characters, take a `value` or an `array` item by item."""

    def __init__(self, file, path):
        self._file, self._path = file, path
        self._text, self._place, self._before = "", 0, 0  # characters, where we are, how many were dropped before

    def peek(self):
        """-> the next character that isn't white space, which stays; "" at the end."""
        while True:
            self._place = _SPACE.match(self._text, self._place).end()
            if self._place < len(self._text) or not self._read_on():
                return self._text[self._place : self._place + 1]

    def skip(self, mark):
        """a mark -> None; it is the next character, and passed."""
        if self.peek() != mark:
            raise self.error(f"{mark!r} is expected")
        self._place += 1

    def value(self):
        """-> the next value."""
        self.peek()
        while True:
            try:
                value, end = json.JSONDecoder().raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                # What a block's end cuts in two looks broken there; a string does so where it begins.
                is_cut = error.pos > len(self._text) - 16 or error.msg.startswith("Unterminated string")
                if is_cut and self._read_on():
                    continue
                self._place = error.pos
                raise self.error(error.msg) from error
            if end == len(self._text) and self._read_on():
                continue  # a number may go on in the next block
            self._place = end
            return value

    def array(self, name):
        """name of an array -> yields where each of its items stands, and the item."""
        self.skip("[")
        number = 0
        while self.peek() != "]":
            yield f"{name}[{number}]", self.value()
            number += 1
            if self.peek() != "]":
                self.skip(",")
        self.skip("]")

    def error(self, what):
        """what is wrong here -> a `ValueError`."""
        what = what.removesuffix(" at")  # some of Python's errors end so
        around = self._text[max(0, self._place - 20) : self._place + 20]
        return ValueError(
            f"{self._path} isn't JSON: {what} at character {self._before + self._place}, near {around!r}. Correct it "
            "there."
        )

    def _read_on(self):
        """-> whether there was more to read: at least as much as is waiting, so that long values take few attempts."""
        waiting = self._text[self._place :]
        more = self._file.read(max(_BLOCK, len(waiting)))
        if more:
            self._before += self._place
            self._text, self._place = waiting + more, 0
        return bool(more)
