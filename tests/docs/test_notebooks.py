"""The notebooks say what their pages say, and run from the first cell to the last."""

import importlib.util
import json

import pytest

import keras_bert
import pages

pytest.importorskip("jupytext", reason="jupytext isn't installed: pip install 'bert-for-keras[docs]'")
FOLDER = pages.ROOT / "docs" / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
SMALLER = [("epochs = 3", "epochs = 1"), ("epochs = 5", "epochs = 1")]


@pytest.fixture(scope="module")
def make():
    """docs/notebooks/make.py, as a module."""
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_folder_has_the_three(make):
    assert sorted(make.PAGES) == NOTEBOOKS and len(NOTEBOOKS) == 3


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_made_of_its_page(name, make):
    held = (FOLDER / f"{name}.ipynb").read_text(encoding="utf8")
    assert held == make.notebook_of(name), "python docs/notebooks/make.py writes it anew"
    cells = [cell for cell in json.loads(held)["cells"] if cell["cell_type"] == "code"]
    code = ["".join(cell["source"]) for cell in cells]
    assert code[1:] == pages.blocks(pages.read(f"docs/guide/{name}.md"))
    assert all(cell["outputs"] == [] for cell in cells)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name, checkpoint, folder):
    nbformat = pytest.importorskip("nbformat", reason="nbformat isn't installed: pip install 'bert-for-keras[docs]'")
    nbclient = pytest.importorskip("nbclient", reason="nbclient isn't installed: pip install 'bert-for-keras[docs]'")
    pytest.importorskip("ipykernel", reason="ipykernel isn't installed: pip install 'bert-for-keras[docs]'")
    if name == "inspecting":
        pytest.importorskip("matplotlib", reason="Matplotlib isn't installed: pip install 'bert-for-keras[show]'")
    train = keras_bert.data.read_labelled_texts("recipes/samples/classify/en_train.tsv")
    texts = [text for text, _ in train]
    checkpoint("google-bert/bert-base-uncased", texts)
    checkpoint("google-bert/bert-base-cased", texts, lowercase=False)
    checkpoint(
        "sentence-transformers/all-MiniLM-L6-v2", texts, num_heads=12, more_tokens=5000
    )  # as many as the page asks for
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        for old, new in SMALLER:
            cell.source = cell.source.replace(old, new)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs and not any(output.output_type == "error" for output in outputs)
    shown = [output for output in outputs if "data:image/svg+xml" in output.get("data", {}).get("text/html", "")]
    assert bool(shown) == (name == "inspecting")
    printed = "".join(output.get("text", "") for output in outputs)
    for _, text in pages.printed(pages.read(f"docs/guide/{name}.md")):
        assert text in printed
