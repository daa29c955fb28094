"""Whole processes: killed at random moments, and under JAX."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from safetensors.numpy import load_file

from resuming import arrays_of, names, train

PROCESSES = Path(__file__).parents[2] / "processes"
TRAINING = [sys.executable, PROCESSES / "resuming.py"]


def environment(backend):
    """Name of a backend -> the environment of a process."""
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }


def test_killed_at_random_moments(tmp_path):
    steps, rng, kills = 60, random.Random(0), 0
    while kills < 3:
        before = names(tmp_path / "killed") if kills else []
        process = subprocess.Popen([*TRAINING, tmp_path / "killed", str(steps)], env=environment("tensorflow"))
        try:
            deadline = time.monotonic() + 60
            while not (tmp_path / "killed").exists() or not set(names(tmp_path / "killed")) - set(before):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.3))
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
        kills += 1
    train(tmp_path / "killed", steps, every=1)
    straight = arrays_of(train(tmp_path / "straight", steps))
    arrays = load_file(tmp_path / "killed" / f"step-{steps:08d}" / "variables.safetensors")
    for name, expected in zip(sorted(arrays), straight, strict=True):
        assert arrays[name].tobytes() == expected.tobytes(), name


def test_under_jax(tmp_path):
    parts = (tmp_path / "straight", 7, tmp_path / "parts", 3, tmp_path / "parts", 7)
    program = [sys.executable, PROCESSES / "without_tensorflow.py", *TRAINING[1:]]
    subprocess.run([*program, *map(str, parts)], env=environment("jax"), check=True, timeout=90)
    straight, continued = (
        load_file(tmp_path / name / "step-00000007" / "variables.safetensors") for name in ("straight", "parts")
    )
    assert names(tmp_path / "parts") == ["step-00000006", "step-00000007"]
    for name, other in zip(sorted(straight), sorted(continued), strict=True):
        assert straight[name].tobytes() == continued[other].tobytes(), name
