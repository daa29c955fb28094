"""Models trained on JAX, data-parallel on two devices under keras.distribution: the weights are those of one device."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parents[1]
PROJECT = TESTS.parent
DEVICES = TESTS / "processes" / "training_on_jax_devices.py"
ROWS, STEPS = 8, 10


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{number of devices: what a process with as many wrote}."""
    folder = tmp_path_factory.mktemp("jax_distribution")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    found = {}
    for devices in (1, 2):
        output = folder / f"{devices}.npz"
        command = [sys.executable, str(DEVICES), str(devices), str(output)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        assert run.returncode == 0, run.stderr[-4000:]
        with np.load(output) as arrays:
            found[devices] = dict(arrays)
    return found


@pytest.mark.parametrize("task", ["classification", "pretraining"])
def test_two_devices_share_each_batch(results, task):
    for devices, arrays in results.items():
        assert arrays["devices"] == devices
        assert arrays[f"{task}/steps"] == STEPS
        assert set(arrays[f"{task}/devices_of_variables"]) == {devices}
        assert set(arrays[f"{task}/rows_of_a_device"]) == {ROWS // devices}


@pytest.mark.parametrize("task", ["classification", "pretraining"])
def test_weights_are_those_of_one_device(results, task):
    one, two = results[1], results[2]
    assert set(one) == set(two)
    trained = [name for name in one if name.startswith(f"{task}/trained_")]
    assert len(trained) > 20
    for name in trained:
        initial = name.replace("trained", "initial")
        np.testing.assert_array_equal(two[initial], one[initial], err_msg=initial)
        assert np.abs(one[name] - one[initial]).max() > 1e-3, name  # far more than the tolerance
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=1e-5, err_msg=name)
