"""Docstrings as the site's parser wants them: examples as code, and what is returned as text."""

import re
import textwrap

import griffe

_EXAMPLE = re.compile(r"^Example:\n(.*)\Z", re.S | re.M)
_RETURNS = re.compile(r"^(Returns|Yields):\n((?:    .*\n?|\n)+)", re.M)


class Docstrings(griffe.Extension):
    """Rewrites each docstring before it is parsed.

    Ours name no types, which the parser would take from what stands before a colon, and an example isn't indented.
    """

    def on_instance(self, *, obj, **_):
        if obj.docstring is not None:
            text = _EXAMPLE.sub(_fenced, obj.docstring.value)
            obj.docstring.value = _RETURNS.sub(_as_text, text)


def _fenced(match):
    return f"**Example:**\n\n```pycon\n{match[1].strip()}\n```"


def _as_text(match):
    return f"**{match[1]}:**\n\n{textwrap.dedent(match[2]).strip()}\n\n"
