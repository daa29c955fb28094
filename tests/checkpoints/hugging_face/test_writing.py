"""save_pretrained writes a directory whole or not at all, in float32, and refuses what it can't say."""

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

from keras_bert import BertConfig, models
from keras_bert.checkpoints import load_pretrained, save_pretrained, trained_length
from keras_bert.distribution.model import BertModel
from tiny_bert import REPORTS, TINY

pytestmark = pytest.mark.filterwarnings(*REPORTS)


def test_a_directory_in_use_is_not_touched(tmp_path):
    model, _ = load_pretrained(TINY / "backbone")
    (tmp_path / "empty").mkdir()
    save_pretrained(model, None, tmp_path / "empty")
    save_pretrained(model, None, tmp_path / "deep" / "new")
    with pytest.raises(ValueError, match=r"holds config\.json, model\.safetensors; pass overwrite=True"):
        save_pretrained(model, None, tmp_path / "empty")
    save_pretrained(model, None, tmp_path / "empty", overwrite=True)
    (tmp_path / "empty" / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"notes\.txt; .*choose another directory"):
            save_pretrained(model, None, tmp_path / "empty", overwrite=overwrite)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "empty"]


def test_a_trained_length_is_kept_or_refused_before_anything_is_written(tmp_path, tokenizer):
    config = BertConfig.named("tiny", vocabulary_size=tokenizer.vocabulary_size, max_sequence_length=16)
    model = models.backbone(config)
    for layout in ("hugging_face", "google"):
        save_pretrained(model, tokenizer, tmp_path / layout, layout=layout, max_length=9)
    assert [trained_length(tmp_path / layout) for layout in ("hugging_face", "google")] == [9, 9]
    for layout, length, message in (
        ("hugging_face", 17, "max_sequence_length=16"),
        ("keras_hub", 9, "A preset has no place for `max_length`"),
    ):
        with pytest.raises(ValueError, match=message):
            save_pretrained(model, tokenizer, tmp_path / "other", layout=layout, max_length=length)
    assert not (tmp_path / "other").exists()


def test_nothing_is_left_of_a_write_that_fails(tmp_path):
    class Broken:
        vocabulary_size, vocabulary = 29, {"[PAD]": 0}

        def save(self, directory):
            raise OSError("disk full")

    model, _ = load_pretrained(TINY / "backbone")
    with pytest.raises(OSError, match="disk full"):
        save_pretrained(model, Broken(), tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path):
    """Files may have 10,000 bytes: as on a full disk, the system refuses more."""
    resource = pytest.importorskip("resource")
    model = models.backbone(BertConfig.named("tiny"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"(?s)The weights can't be written.*Is the disk full\?"):
            save_pretrained(model, None, tmp_path / "bert")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [*tmp_path.iterdir()] == []


def test_save_arguments_that_do_not_fit(tmp_path):
    model, _ = load_pretrained(TINY / "text_classifier", "text_classifier")
    with pytest.raises(ValueError, match="`labels` must be 3 different names"):
        save_pretrained(model, None, tmp_path / "out", labels=["a", "b"])
    with pytest.raises(ValueError, match="`labels` are for classifiers"):
        save_pretrained(load_pretrained(TINY / "backbone")[0], None, tmp_path / "out", labels=["a", "b"])
    body, _ = load_pretrained(TINY / "backbone")
    outputs = keras.layers.Dense(2, name="mine")(body.output["pooled_output"])
    with pytest.raises(ValueError, match=r"must come from one of keras_bert's builders.* Received: <Functional"):
        save_pretrained(keras.Model(body.input, outputs), None, tmp_path / "out")
    changed = BertModel(body.input, outputs, task="backbone", config=body.config)
    with pytest.raises(ValueError, match="a weight 'mine/kernel', which BERT and its heads don't have"):
        save_pretrained(changed, None, tmp_path / "out")
    with pytest.raises(ValueError, match="`layout` must be one of hugging_face, google, keras_hub"):
        save_pretrained(model, None, tmp_path / "out", layout="onnx")
    odd = models.backbone(BertConfig.named("tiny", vocabulary_size=29, activation="celu"))
    with pytest.raises(ValueError, match="'celu' has no name in transformers"):
        save_pretrained(odd, None, tmp_path / "out")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_weights_are_written_in_float32(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model, _ = load_pretrained(TINY / "pretrainer", "pretrainer")
    save_pretrained(model, None, tmp_path / "out")
    ours, theirs = (load_file(path / "model.safetensors") for path in (tmp_path / "out", TINY / "pretrainer"))
    for name, array in ours.items():
        assert array.dtype == "float32"
        np.testing.assert_allclose(array, theirs[name], rtol=0 if policy == "mixed_bfloat16" else 2**-8)
