"""Where a checkpoint may lie: folders of sentence-transformers, one of several TensorFlow checkpoints; and segments."""

import json
import shutil

import numpy as np
import pytest

import keras_bert
from keras_bert.checkpoints import _HUB_FILES

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "river"]
TYPE = "sentence_transformers.models.Transformer"


def config(**fields):
    return keras_bert.BertConfig.named("tiny", **{"vocabulary_size": len(TOKENS), **fields})


def written(directory, layout="hugging_face", **fields):
    """A checkpoint with random weights -> its token embedding."""
    model = keras_bert.backbone(config(**fields))
    keras_bert.save_pretrained(model, keras_bert.WordPieceTokenizer(TOKENS), directory, layout=layout)
    return np.array(model.weights[0])


def table_of(source):
    model, tokenizer = keras_bert.load_pretrained(source)
    assert tokenizer.tokens("The river") == ["the", "river"]
    return np.array(model.weights[0])


def modules(directory, *entries):
    keys = ("idx", "name", "path", "type")
    content = [dict(zip(keys, (i, str(i), path, kind), strict=True)) for i, (path, kind) in enumerate(entries)]
    (directory / "modules.json").write_text(json.dumps(content))


@pytest.mark.parametrize("folder", ["0_Transformer", "0_BERT", "encoder/inner"])
def test_a_folder_of_sentence_transformers(tmp_path, folder):
    (tmp_path / folder).parent.mkdir(exist_ok=True)
    table = written(tmp_path / folder)
    (tmp_path / "config.json").write_text('{"__version__": "0.3.8"}')
    (tmp_path / "1_Pooling").mkdir()
    modules(tmp_path, (folder, TYPE), ("1_Pooling", "sentence_transformers.models.Pooling"))
    np.testing.assert_array_equal(table_of(tmp_path), table)


def test_modules_beside_the_model(tmp_path):
    table = written(tmp_path / "st")
    modules(tmp_path / "st", ("", TYPE), ("1_Pooling", "sentence_transformers.models.Pooling"))
    np.testing.assert_array_equal(table_of(tmp_path / "st"), table)


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", r"modules\.json must hold a list of modules.*JSONDecodeError"),
        ("[]", "must hold a list of modules"),
        ('{"path": ""}', "must hold a list of modules"),
        ('[{"path": "0_Transformer"}]', "must hold a list of modules.*KeyError: 'type'"),
        ('[{"path": "", "type": "sentence_transformers.models.WordEmbeddings"}]', "type '.*WordEmbeddings'; this"),
        (f'[{{"path": "0_Transformer", "type": "{TYPE}"}}]', "the folder '0_Transformer' for the model, which isn't"),
    ],
)
def test_modules_that_cannot_be_read(tmp_path, content, message):
    written(tmp_path / "st")
    (tmp_path / "st" / "modules.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        keras_bert.load_pretrained(tmp_path / "st")


def test_folders_of_sentence_transformers_are_downloaded(tmp_path, monkeypatch):
    written(tmp_path / "snapshot" / "0_Transformer")
    modules(tmp_path / "snapshot", ("0_Transformer", TYPE))
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, allow_patterns: str(tmp_path / "snapshot"))
    assert keras_bert.load_pretrained("some-one/st")[1].vocabulary_size == len(TOKENS)
    names = {
        "modules.json",
        "0_*/config.json",
        "0_*/vocab.txt",
        "added_tokens.json",
        "config_sentence_transformers.json",
    }
    assert names | {"sentence_bert_config.json", "[1-9]*_*/config.json", "[1-9]*_*/model.safetensors"} <= {*_HUB_FILES}
    folder = tmp_path / "snapshot" / "0_Transformer"
    (folder / "model.safetensors").unlink()
    monkeypatch.setattr("huggingface_hub.list_repo_files", lambda name: ["0_Transformer/pytorch_model.bin"])
    with pytest.raises(ValueError, match=r"some-one/st holds its weights as pytorch_model\.bin only"):
        keras_bert.load_pretrained("some-one/st")


@pytest.fixture
def several(tmp_path):
    """A directory with two TensorFlow checkpoints -> it, and the token embedding of each."""
    tables = {}
    for number in (1, 2):
        tables[f"model.ckpt-{number}"] = written(tmp_path / f"part{number}", layout="google")
    shutil.copytree(tmp_path / "part1", tmp_path / "release")
    for file in list((tmp_path / "release").glob("bert_model.ckpt*")):
        file.unlink()
    for number in (1, 2):
        for file in (tmp_path / f"part{number}").glob("bert_model.ckpt*"):
            shutil.copy(file, tmp_path / "release" / file.name.replace("bert_model.ckpt", f"model.ckpt-{number}"))
    return tmp_path / "release", tables


@pytest.mark.parametrize("place", ["", "/home/someone/bert/", "C:\\\\bert\\\\"])
def test_the_one_that_the_file_checkpoint_names(several, place):
    directory, tables = several
    for name, table in tables.items():
        lines = f'model_checkpoint_path: "{place}{name}"\nall_model_checkpoint_paths: "{place}model.ckpt-1"\n'
        (directory / "checkpoint").write_text(lines)
        np.testing.assert_array_equal(table_of(directory), table)


def test_the_file_checkpoint_counts_more_than_the_usual_name(several, tmp_path):
    directory, tables = several
    for file in (tmp_path / "part2").glob("bert_model.ckpt*"):
        shutil.copy(file, directory)
    with pytest.raises(ValueError, match=r"It holds: bert_model\.ckpt, model\.ckpt-1, model\.ckpt-2; choose one by"):
        keras_bert.load_pretrained(directory)
    (directory / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/model.ckpt-1"\n')
    np.testing.assert_array_equal(table_of(directory), tables["model.ckpt-1"])


def test_one_is_chosen_by_its_path(several):
    directory, tables = several
    with pytest.raises(ValueError, match=r"choose one by its path, such as load_pretrained\('.*/model\.ckpt-1'\)"):
        keras_bert.load_pretrained(directory)
    for name, table in tables.items():
        for end in ("", ".index", ".data-00000-of-00001"):
            np.testing.assert_array_equal(table_of(f"{directory}/{name}{end}"), table)
            np.testing.assert_array_equal(table_of(directory / f"{name}{end}"), table)


def test_a_checkpoint_that_was_not_copied(several):
    directory, tables = several
    (directory / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/model.ckpt-3"\n')
    with pytest.raises(ValueError, match=r"model\.ckpt-2, and `checkpoint` names model\.ckpt-3, which isn't there; ch"):
        keras_bert.load_pretrained(directory)
    for file in directory.glob("model.ckpt-1*"):
        file.unlink()
    with pytest.warns(UserWarning, match=r"names model\.ckpt-3, which isn't there; model\.ckpt-2 is read"):
        np.testing.assert_array_equal(table_of(directory), tables["model.ckpt-2"])
    (directory / "checkpoint").write_text("not TensorFlow's\n")
    np.testing.assert_array_equal(table_of(directory), tables["model.ckpt-2"])


@pytest.mark.parametrize("layout", ["hugging_face", "google"])
def test_one_segment_has_no_place_for_pairs(tmp_path, layout):
    written(tmp_path / "one", layout, num_segments=1)
    assert keras_bert.load_pretrained(tmp_path / "one")[0].config.num_segments == 1
    for task in ("span_predictor", "pretrainer"):
        with pytest.raises(ValueError, match=rf"A {task} reads pairs of texts.*one has num_segments=1"):
            keras_bert.load_pretrained(tmp_path / "one", task)
