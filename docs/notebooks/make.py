"""Writes the notebooks of the guide anew: python docs/notebooks/make.py (it needs jupytext)."""

import re
from pathlib import Path

import jupytext

GUIDE, NOTEBOOKS = Path(__file__).parents[1] / "guide", Path(__file__).parent
PAGES = ("own-texts", "entities", "inspecting")
SETUP = """```python
# Once: %pip install 'bert-for-keras[recipes,show]'
import shutil

from keras_bert.recipes import common

shutil.copytree(common.SAMPLES, "recipes/samples", dirs_exist_ok=True)  # where the cells below read them
```"""


def source_of(page):
    """Name of a page -> its markdown as a notebook's: without what the cells will print, after a cell that sets up."""
    text = (GUIDE / f"{page}.md").read_text(encoding="utf8")
    text = re.sub(r"(^```python\n(?:(?!```).)*?\n```)\n\n```text\n.*?\n```", r"\1", text, flags=re.S | re.M)
    text = re.sub(r"(\]\()(?!\w+:|#|\.\./)", r"\1../guide/", text)
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{SETUP}\n{rest}"


def notebook_of(page):
    """Name of a page -> its notebook's text: JSON."""
    notebook = jupytext.reads(source_of(page), fmt="md")
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", {}  # the same each time
    return jupytext.writes(notebook, fmt="ipynb") + "\n"


if __name__ == "__main__":
    for page in PAGES:
        (NOTEBOOKS / f"{page}.ipynb").write_text(notebook_of(page), encoding="utf8")
