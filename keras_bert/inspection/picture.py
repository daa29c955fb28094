"""What a picture is: a figure of Matplotlib, and HTML that notebooks and pages show."""

import base64
import html
import importlib.util
import io
import threading
from pathlib import Path

from keras_bert.inspection.fonts import families_for, without_remarks

_ENDINGS = (".png", ".svg", ".html")
_SETTINGS = threading.Lock()  # Matplotlib has one set of them for all threads


class Picture:
    """A picture, for a notebook, a page or a file.

    Attributes:
        figure: The `matplotlib.figure.Figure`.
        html: HTML of it that needs nothing from elsewhere and has no scripts, a string.
    """

    def __init__(self, figure, description, html=None):
        lay_out(figure)
        self.figure = figure
        self._description = description
        self._html = html
        self._has_shades = html is not None

    @property
    def html(self):
        if self._html is None:
            encoded = base64.b64encode(self._written("svg")).decode()
            description = html.escape(self._description)
            self._html = f'<img src="data:image/svg+xml;base64,{encoded}" alt="{description}" style="max-width: 100%">'
        return self._html

    def _repr_html_(self):
        """-> what notebooks show."""
        return self.html

    def save(self, path):
        """Writes the picture to a file.

        Args:
            path: The file, which ends in .png, .svg or .html.

        Raises:
            ValueError: If it ends otherwise.
        """
        path = Path(path)
        if path.suffix not in _ENDINGS:
            raise ValueError(f"`path` must end in {', '.join(_ENDINGS)}. Received: path={str(path)!r}.")
        if path.suffix == ".html":
            title = html.escape(self._description)
            head = f'<!doctype html>\n<html><head><meta charset="utf-8"><title>{title}</title></head>'
            path.write_text(f"{head}\n<body>{self.html}</body></html>\n", encoding="utf8")
        else:
            path.write_bytes(self._written(path.suffix[1:]))

    def _written(self, kind):
        """ "png" or "svg" -> bytes."""
        import matplotlib

        file = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else None
        # The same picture is the same file. Text stays text, so that a browser finds a font for it; not so where shades
        # lie behind its words, which must be as wide as they are.
        settings = {"svg.hashsalt": "keras_bert", "svg.fonttype": "path" if self._has_shades else "none"}
        with _SETTINGS, matplotlib.rc_context(settings), without_remarks():
            self.figure.savefig(file, format=kind, dpi=150, metadata=metadata)
        return file.getvalue()


def lay_out(figure):
    """A figure -> None; its texts get fonts that have their characters, and its axes the places that they keep."""
    from matplotlib.text import Text

    texts = [text for text in figure.findobj(Text) if text.get_text()]
    families = families_for([text.get_text() for text in texts])
    for text in texts:
        text.set_fontfamily(families)
        text.set_parse_math(False)  # "$" is a token like others
    with without_remarks():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")


def new_figure(width, height):
    """Inches -> an empty figure of Matplotlib, which no window shows; a `ValueError` where that isn't installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ValueError("Pictures are drawn by matplotlib, which isn't installed: pip install 'bert-for-keras[show]'")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained")
    FigureCanvasAgg(figure)  # which can tell how wide texts are
    return figure
