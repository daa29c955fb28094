"""What comes back of a model: from .keras files, weights files, configurations and clones."""

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_bert
from builders import BUILDERS, assert_equal_outputs, backbone, build, inputs_of, loss_of, shared, targets_of


@pytest.mark.parametrize("name", BUILDERS)
def test_save_and_load(tmp_path, name):
    model = build(name, activation="gelu_tanh")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal_outputs(name, loaded, model)
    assert loaded.identity == model.identity
    assert [v.path for v in loaded.trainable_variables] == [v.path for v in model.trainable_variables]


@pytest.mark.parametrize("name", BUILDERS)
def test_weights_file(tmp_path, name):
    model = shared(name)
    model.save_weights(tmp_path / "model.weights.h5")
    other = BUILDERS[name].build(keras_bert.backbone(model.config))
    other.set_weights([0 * array for array in other.get_weights()])
    other.load_weights(tmp_path / "model.weights.h5")
    assert_equal_outputs(name, other)


@pytest.mark.parametrize("name", BUILDERS)
def test_hdf5_files_are_refused(tmp_path, name):
    """Keras would write them, but couldn't load them."""
    for file in ("model.h5", "model.hdf5", "model.weights.h5"):
        with pytest.raises(ValueError, match=r"HDF5 file.*\.keras.*save_weights"):
            shared(name).save(tmp_path / file)
        assert not (tmp_path / file).exists()
        with pytest.raises(ValueError, match=r"HDF5 file.*\.keras.*save_weights"):
            keras.saving.save_model(shared(name), tmp_path / file)


def test_weights_files_go_from_one_head_to_another(tmp_path):
    """What the file lacks is an error, or stays as it is where `skip_mismatch` says so; the encoder is the same."""
    shared("text_classifier").save_weights(tmp_path / "model.weights.h5")
    of_encoder = [v for v in shared("text_classifier").weights if v.path.startswith(("embedding", "encoder"))]
    assert len(of_encoder) == 29
    for name in BUILDERS:
        other = BUILDERS[name].build(keras_bert.backbone(shared(name).config))
        if name not in ("backbone", "text_classifier"):
            with pytest.raises(ValueError, match="could not be loaded"):
                other.load_weights(tmp_path / "model.weights.h5")
        other.load_weights(tmp_path / "model.weights.h5", skip_mismatch=name != "backbone")
        loaded = {variable.path: keras.ops.convert_to_numpy(variable) for variable in other.weights}
        for variable in of_encoder:
            np.testing.assert_array_equal(loaded[variable.path], keras.ops.convert_to_numpy(variable))


def test_a_new_process_loads_keras_files_once_keras_bert_is_imported(tmp_path):
    shared("text_classifier").save(tmp_path / "model.keras")
    load = f"print(keras.models.load_model({str(tmp_path / 'model.keras')!r}).task)"
    without, with_it = (
        subprocess.run([sys.executable, "-c", f"{imports}; {load}"], capture_output=True, text=True, timeout=120)
        for imports in ("import keras", "import keras, keras_bert")
    )
    assert "Could not locate class 'BertModel'" in without.stderr
    assert with_it.stdout == "text_classifier\n", with_it.stderr[-2000:]


def moved_by_a_step(name, model):
    """Name of a builder, its model -> paths of the weights that a training step changes."""
    before = {v.path: keras.ops.convert_to_numpy(v) for v in model.weights}
    model.compile(keras.optimizers.Adam(1e-2), loss_of(name), run_eagerly=True)
    model.train_on_batch(inputs_of(name), targets_of(name))
    return {v.path for v in model.weights if (keras.ops.convert_to_numpy(v) != before[v.path]).any()}


@pytest.mark.parametrize("name", BUILDERS)
def test_what_is_frozen_stays_frozen_when_it_is_loaded(tmp_path, name):
    body = backbone()
    model = BUILDERS[name].build(body)
    body.trainable = False
    of_head = [variable.path for variable in model.trainable_variables]
    assert not any(path.startswith(("embedding", "encoder", "pooler")) for path in of_head)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [variable.path for variable in loaded.trainable_variables] == of_head
    for layer in loaded.layers:
        layer.trainable = True
    for layer in loaded.layers:
        layer.trainable = False
    assert loaded.trainable_variables == []
    loaded.save(tmp_path / "frozen.keras")
    assert keras.models.load_model(tmp_path / "frozen.keras").trainable_variables == []
    if of_head:
        moved = moved_by_a_step(name, model)
        assert moved and moved <= {*of_head}


@pytest.mark.parametrize("name", BUILDERS)
def test_config_round_trip(name):
    model = shared(name)
    copy = model.__class__.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    assert_equal_outputs(name, copy)
    assert copy.identity == model.identity


@functools.cache
def clone_of(name):
    """Name of a builder -> a clone of its shared model."""
    clone = keras.models.clone_model(shared(name))
    clone.set_weights(shared(name).get_weights())
    return clone


@pytest.mark.parametrize("name", BUILDERS)
def test_clones_compute_the_same_with_weights_of_their_own(name):
    assert_equal_outputs(name, clone_of(name))
    assert not {id(v) for v in clone_of(name).variables} & {id(v) for v in shared(name).variables}


@pytest.mark.parametrize("name", BUILDERS)
def test_clones_know_what_they_are(name):
    assert clone_of(name).identity == shared(name).identity
