"""Names to download by, without network."""

import shutil

import pytest
from huggingface_hub import constants

from keras_bert.checkpoints import load_pretrained
from tiny_bert import REPORTS, TINY, assert_as_transformers, copied

pytestmark = pytest.mark.filterwarnings(*REPORTS)


@pytest.fixture
def offline_hub(tmp_path, monkeypatch):
    """The Hugging Face hub without network, and its cache in a directory of the test."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_hub_id_without_network(offline_hub):
    for name in ("some-one/tiny-bert", "hf://some-one/tiny-bert"):
        with pytest.raises(ValueError, match=rf"no directory '{name}'.*(?s:.*)hf download some-one/tiny-bert --local"):
            load_pretrained(name)


def test_hub_id_with_pickled_weights_only(tmp_path, monkeypatch):
    directory = copied("backbone", tmp_path / "snapshot")
    (directory / "model.safetensors").unlink()
    files = {"some-one/old-bert": ["config.json", "pytorch_model.bin"], "some-one/no-bert": ["config.json"]}
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, allow_patterns: str(directory))
    monkeypatch.setattr("huggingface_hub.list_repo_files", lambda name: files[name])
    lines = r"hf download some-one/old-bert --local-dir old-bert\n.*'old-bert/pytorch_model\*\.bin'"
    with pytest.raises(ValueError, match=rf"(?s)^some-one/old-bert holds .* pickle, which can run any code.*{lines}"):
        load_pretrained("some-one/old-bert")
    for name in ("some-one/no-bert", "some-one/unlisted"):  # The stub has no list for the last one.
        with pytest.raises(ValueError, match="no weights: expected model"):
            load_pretrained(name)


def test_hub_id_that_was_downloaded_before(offline_hub):
    repository = offline_hub / "models--some-one--tiny-bert"
    shutil.copytree(TINY / "backbone", repository / "snapshots" / "c0ffee")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c0ffee")
    assert_as_transformers(load_pretrained("some-one/tiny-bert")[0], "backbone")
