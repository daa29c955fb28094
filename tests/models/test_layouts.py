"""save_pretrained and load_pretrained: every builder in every layout that has a place for it."""

import dataclasses
import warnings

import pytest

from builders import BUILDERS, assert_equal_outputs, build, shared, task_of
from keras_bert import load_pretrained, save_pretrained

# Layout -> what the configuration must have to be saved in it.
LAYOUTS = {"hugging_face": {}, "google": {}, "keras_hub": {"activation": "gelu_tanh"}}


@pytest.mark.filterwarnings("error:.*(random|left over).*:UserWarning", "ignore:.*no vocabulary:UserWarning")
@pytest.mark.parametrize("name, layout", [(n, k) for n, b in BUILDERS.items() for k in b.layouts])
def test_saved_and_loaded_again(tmp_path, name, layout):
    model = build(name, **LAYOUTS[layout])
    labels = BUILDERS[name].labels
    with warnings.catch_warnings(record=True) as caught:
        save_pretrained(model, None, tmp_path / "saved", layout=layout)
    warned = " ".join(str(warning.message) for warning in caught)
    dropped = "no place for the model's labels" in warned
    assert dropped == (labels is not None and layout != "hugging_face")
    assert ("can't say that a text may have several labels" in warned) == (model.multi_label and dropped)
    beside = {"labels": labels, **BUILDERS[name].beside} if dropped else {}
    loaded, _ = load_pretrained(tmp_path / "saved", task_of(name), **beside)
    assert_equal_outputs(name, loaded, model)
    config = dataclasses.replace(loaded.config, initializer_range=0.3)  # which KerasHub doesn't save
    assert {**loaded.identity, "config": config} == {**model.identity, "embedder": loaded.embedder}


@pytest.mark.filterwarnings("ignore:.*no place for the model's labels:UserWarning")
@pytest.mark.parametrize("name, layout", [(n, k) for n, b in BUILDERS.items() for k in LAYOUTS if k not in b.layouts])
def test_layouts_without_a_place_for_it_refuse(tmp_path, name, layout):
    with pytest.raises(ValueError, match=r'has no .* Save with layout="hugging_face"'):
        save_pretrained(shared(name), None, tmp_path / "saved", layout=layout)
    assert not any(tmp_path.iterdir())
