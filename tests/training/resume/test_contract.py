"""What a checkpoint holds, what is kept of them, and what is refused."""

import json
from pathlib import Path

import keras
import pytest
from safetensors.numpy import load_file

import keras_bert
from keras_bert.training.resume import Resume
from resuming import CONFIG, SETTINGS, Batches, arrays_of, at_start, build, fit_tiny, names, tiny, train


def test_what_is_saved_and_what_is_kept(tmp_path):
    model = train(tmp_path / "run", 7, every=2)
    assert names(tmp_path / "run") == ["step-00000006", "step-00000007"]
    assert names(tmp_path / "run" / "step-00000007") == ["state.json", "variables.safetensors"]
    state = json.loads((tmp_path / "run" / "step-00000007" / "state.json").read_text())["state"]
    assert (state["format"], state["step"], state["data"]) == (2, 7, [{"next": 7}])
    assert state["settings"] == {"batch_size": 3, "files": ["a"]}
    assert state["written_by"] == {"keras": keras.__version__, "backend": keras.backend.backend()}
    arrays = load_file(tmp_path / "run" / "step-00000007" / "variables.safetensors")
    assert [arrays[name].tobytes() for name in sorted(arrays)] == [array.tobytes() for array in arrays_of(model)]
    assert sum("seed_generator_state" in name for name in arrays) == 4  # Of each dropout.


def test_the_data_gets_its_place_back(tmp_path):
    train(tmp_path, 3)
    data = Batches()
    assert Resume(tmp_path, data=data, settings={"batch_size": 3, "files": ("a",)}).restore(at_start()) == 3
    assert data.restored == {"next": 3}
    with pytest.raises(ValueError, match="saved with a state of the data"):
        Resume(tmp_path, settings=SETTINGS).restore(at_start())


@pytest.mark.parametrize("foreign", ["thesis.docx", "step-00000001/thesis.docx", "step-1/state.json", ".step-1"])
def test_a_directory_with_other_things_is_refused(tmp_path, foreign):
    (tmp_path / foreign).parent.mkdir(exist_ok=True)
    (tmp_path / foreign).write_text("years of work")
    with pytest.raises(ValueError, match="must hold nothing else"):
        Resume(tmp_path)
    assert (tmp_path / foreign).read_text() == "years of work"


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ValueError, match="can't be written"):
        Resume(tmp_path / "file" / "run")
    with pytest.raises(ValueError, match="can't be written"):
        Resume("/proc/run")


@pytest.mark.parametrize(
    "arguments",
    [{"every": 0}, {"keep": 0}, {"every": 2.5}, {"settings": {"path": Path()}}, {"settings": [1]}],
)
def test_arguments_out_of_range(tmp_path, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Resume(tmp_path, **arguments)


def test_other_settings_are_refused_by_name(tmp_path):
    train(tmp_path, 1)
    with pytest.raises(ValueError, match="`batch_size` was 3 and is 4") as error:
        Resume(tmp_path, data=Batches(), settings={"batch_size": 4, "seed": "1"}).restore(at_start())
    assert "`files` was ['a'] and is missing" in str(error.value)
    assert "`seed` was missing and is '1'" in str(error.value)


def test_files_that_changed_are_named_without_their_digests(tmp_path):
    fit_tiny(tiny(), Resume(tmp_path, settings={"train": "SHA-256 aa11", "valid": "SHA-256 bb22"}), 1)
    with pytest.raises(ValueError) as error:
        Resume(tmp_path, settings={"train": "SHA-256 cc33", "valid": 0.1}).restore(tiny())
    assert "`train` has other contents; `valid` was 'a file' and is 0.1." in str(error.value)


def test_slow_steps_are_saved_by_the_clock(tmp_path, monkeypatch):
    """A step takes 30 seconds: after three of them 1.5 minutes are over, and again after six."""
    now = [0.0]
    monkeypatch.setattr("keras_bert.training.resume.time.monotonic", lambda: now[0])
    resume = Resume(tmp_path, every=1000, keep=9, minutes=1.5)
    fit_tiny(tiny(), resume, 7, on_train_batch_begin=lambda batch, logs: now.append(now.pop() + 30))
    assert names(tmp_path) == ["step-00000003", "step-00000006", "step-00000007"]
    with pytest.raises(ValueError, match="minutes"):
        Resume(tmp_path, minutes=0)


def test_another_model_is_refused(tmp_path):
    resume = Resume(tmp_path)
    resume.restore(build())
    assert resume.save() == resume.save() == tmp_path / "step-00000000"
    with pytest.raises(ValueError, match=r"\[29, 12\] was saved, .*\[31, 12\] is here.* and 1 more"):
        Resume(tmp_path).restore(build(vocabulary_size=31))
    with pytest.raises(ValueError, match="another model"):
        Resume(tmp_path).restore(build(num_layers=2))
    with pytest.raises(ValueError, match=r"adam_w.*/.* was saved, .*/adam(_\d+)?/"):
        Resume(tmp_path).restore(build(keras.optimizers.Adam()))
    with pytest.raises(ValueError, match="compiled"):
        Resume(tmp_path).restore(keras_bert.backbone(keras_bert.BertConfig(**CONFIG)))


def test_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_bert.training.resume._FORMAT", 3)
    train(tmp_path, 1)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has format 3"):
        train(tmp_path, 2)


def test_training_without_restoring_is_refused(tmp_path):
    fit_tiny(tiny(), Resume(tmp_path), 2)
    model = tiny()
    with pytest.raises(ValueError, match="Call `restore"):
        fit_tiny(model, Resume(tmp_path), 1)
    resume = Resume(tmp_path)
    assert resume.restore(model) == 2
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="is at step 0, before the last checkpoint"):
        fit_tiny(model, resume, 1)
    assert names(tmp_path) == ["step-00000002"]
