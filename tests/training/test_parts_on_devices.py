"""Adapted models, frozen layers and rates that decay from layer to layer: the same on one device and on several."""

import numpy as np
import pytest

from starting import PROJECT, finish, start

PROGRAM = PROJECT / "tests" / "processes" / "parts_on_devices.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{mode/way/path: weights} of the one process."""
    folder = tmp_path_factory.mktemp("parts")
    codes, logs = finish([start([PROGRAM, folder / "results.npz"], folder / "log")], [folder / "log"], seconds=500)
    assert codes == [0], logs[0][-4000:]
    return dict(np.load(folder / "results.npz"))


@pytest.mark.parametrize("mode", ["mirrored", "parts"])
@pytest.mark.parametrize(("way", "count"), [("lora", 14), ("frozen", 16)])
def test_the_weights_are_those_of_one_device(results, mode, way, count):
    paths = [name.split("/", 2)[2] for name in results if name.startswith(f"one/{way}/")]
    assert len(paths) == count
    for path in paths:
        mine, one = results[f"{mode}/{way}/{path}"], results[f"one/{way}/{path}"]
        if path.endswith("query_key_value/bias"):  # the keys' has a gradient of rounding alone
            mine, one = (np.delete(array, slice(12, 24)) for array in (mine, one))
        np.testing.assert_allclose(mine, one, atol=2e-5, err_msg=path)
