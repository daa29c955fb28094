"""What pip installs where, and what works of it there."""

import itertools
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
DEPENDENCIES = {requirement.name: requirement for requirement in map(Requirement, PROJECT["dependencies"])}
WITH_TENSORFLOW = {"keras-nlp", "tensorflow", "tensorflow-text"}
PLATFORMS = {
    "Linux x86-64": ("linux", "x86_64"),
    "Linux ARM": ("linux", "aarch64"),
    "Mac ARM": ("darwin", "arm64"),
    "Mac x86-64": ("darwin", "x86_64"),
    "Windows": ("win32", "AMD64"),
}
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def installed(platform, version):
    """Name of a platform, version of Python -> names of the dependencies that pip installs there."""
    system, machine = PLATFORMS[platform]
    place = {"sys_platform": system, "platform_machine": machine, "python_version": version}
    return {name for name, one in DEPENDENCIES.items() if one.marker is None or one.marker.evaluate(place)}


@pytest.mark.parametrize(("platform", "version"), [*itertools.product(PLATFORMS, VERSIONS)])
def test_tensorflow_is_installed_where_tensorflow_text_has_wheels(platform, version):
    assert SpecifierSet(PROJECT["requires-python"]).contains(version)
    has_wheels = version != "3.14" and platform in ("Linux x86-64", "Linux ARM", "Mac ARM")
    assert installed(platform, version) == (set(DEPENDENCIES) if has_wheels else set(DEPENDENCIES) - WITH_TENSORFLOW)


def test_versions_of_tensorflow_text():
    versions = ["2.20.0", "2.20.1", "2.21.0", "2.21.1", "2.22.0"]
    assert list(DEPENDENCIES["tensorflow-text"].specifier.filter(versions)) == ["2.20.1", "2.21.1"]


def test_the_runtime_has_all_it_needs_everywhere():
    extra = {Requirement(text).name for text in PROJECT["optional-dependencies"]["runtime"]}
    for platform, version in itertools.product(PLATFORMS, VERSIONS):
        assert {"numpy", "onnxruntime", "tokenizers", "wrapt"} <= installed(platform, version) | extra


def test_each_version_of_python_is_a_classifier():
    found = {text.rpartition(" ")[2] for text in PROJECT["classifiers"] if "Python :: 3." in text}
    assert found == set(VERSIONS)


def run(script):
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_runtime_imports_what_a_slim_image_has_alone():
    others = "keras", "tensorflow", "tensorflow_text", "keras_nlp", "huggingface_hub", "safetensors", "tqdm", "h5py"
    done = run(f"import sys; sys.modules |= dict.fromkeys({others}); import keras_bert.runtime")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("absent", ["tensorflow", "tensorflow_text"])
def test_text_says_where_it_can_be_installed(absent):
    done = run(f"import sys; sys.modules[{absent!r}] = None; import keras_bert.text")
    assert f"ImportError: keras_bert.text needs tensorflow and tensorflow-text, and {absent} isn't" in done.stderr
    assert "3.11 to 3.13 on Linux" in done.stderr and "keras_bert.runtime" in done.stderr
