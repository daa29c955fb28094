"""Output directories: whole or not there, and nothing lost; text files that aren't UTF-8."""

import gzip
import shutil
import subprocess

import pytest

from keras_bert.utils.files import check_apart, check_writable, fingerprint_of, not_utf8, written_beside

OWN = [("answer.txt", "notes.txt")]


def test_a_new_directory_appears_with_its_parents(tmp_path):
    with written_beside(tmp_path / "a" / "b", OWN) as beside:
        (beside / "answer.txt").write_text("42")
        assert not (tmp_path / "a" / "b").exists()
    assert (tmp_path / "a" / "b" / "answer.txt").read_text() == "42"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_an_error_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), written_beside(tmp_path / "output", OWN) as beside:
        (beside / "answer.txt").write_text("4")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_error_keeps_what_was_there(tmp_path):
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "answer.txt").write_text("old")
    with pytest.raises(RuntimeError), written_beside(tmp_path / "output", OWN, overwrite=True):
        raise RuntimeError
    assert (tmp_path / "output" / "answer.txt").read_text() == "old"


@pytest.mark.parametrize("overwrite", [False, True])
def test_something_else_is_never_overwritten(tmp_path, overwrite):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(ValueError, match=r"thesis\.docx"), written_beside(tmp_path, OWN, overwrite):
        pass
    assert (tmp_path / "thesis.docx").exists()


def test_its_own_is_overwritten_only_when_told(tmp_path):
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "answer.txt").write_text("old")
    with pytest.raises(ValueError, match="overwrite=True"):
        check_writable(tmp_path / "output", OWN)
    with written_beside(tmp_path / "output", OWN, overwrite=True) as beside:
        (beside / "answer.txt").write_text("new")
    assert (tmp_path / "output" / "answer.txt").read_text() == "new"


def test_what_cannot_be_made_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ValueError, match="is a file"):
        check_writable(tmp_path / "file" / "output")
    with pytest.raises(ValueError, match="mount point"):
        check_writable("/proc")


def test_files_are_readable_as_new_files_are(tmp_path):
    with written_beside(tmp_path / "output") as beside:
        (beside / "answer.txt").write_text("42")
        (beside / "answer.txt").chmod(0o600)
    (tmp_path / "new.txt").write_text("")
    assert (tmp_path / "output" / "answer.txt").stat().st_mode == (tmp_path / "new.txt").stat().st_mode


def test_a_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "output").write_text("a file")
    with pytest.raises(ValueError, match="it is a file"):
        check_writable(tmp_path / "output", OWN, overwrite=True)


@pytest.mark.parametrize(("size", "places"), [(5, [0, 2, 4]), (3 << 20, [0, 3 << 19, -1]), (9 << 20, [0, -1])])
def test_a_fingerprint_tells_files_apart(tmp_path, size, places):
    """Up to 4 MiB by each byte, from there by evenly spread ones, and by size."""
    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    seen = {fingerprint_of(path), fingerprint_of(str(path))}
    assert len(seen) == 1
    for place in places:
        content = bytearray(size)
        content[place] = 1
        path.write_bytes(content)
        seen.add(fingerprint_of(path))
    path.write_bytes(bytes(size + 1))
    seen.add(fingerprint_of(path))
    path.write_bytes(b"")
    seen.add(fingerprint_of(path))
    assert len(seen) == len(places) + 3


def test_a_fingerprint_of_a_directory_is_of_its_names_and_contents(tmp_path):
    (tmp_path / "1_Dense").mkdir()
    for name in ("config.json", "1_Dense/model.safetensors"):
        (tmp_path / name).write_text(name)
    seen = {fingerprint_of(tmp_path)}
    (tmp_path / ".cache").write_text("hidden")
    assert fingerprint_of(tmp_path) in seen
    (tmp_path / "1_Dense" / "model.safetensors").write_text("other")
    seen.add(fingerprint_of(tmp_path))
    (tmp_path / "config.json").rename(tmp_path / "modules.json")
    seen.add(fingerprint_of(tmp_path))
    assert len(seen) == 3


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "c/../a/b")])
def test_directories_in_each_other_are_refused(tmp_path, first, second):
    with pytest.raises(ValueError, match=r"must be outside of each other. Received: .*a"):
        check_apart(output=tmp_path / first, tensorboard=tmp_path / second)
    check_apart(output=tmp_path / first, tensorboard=None, logs=tmp_path / f"{first}-logs")


@pytest.mark.skipif(shutil.which("iconv") is None, reason="iconv isn't installed")
@pytest.mark.parametrize(
    ("name", "encoding"), [("a café.txt", "latin-1"), ("text.gz", "latin-1"), ("text.tsv", "utf-16")]
)
def test_the_command_that_converts_a_file_works(tmp_path, name, encoding):
    text = "One line.\nUn café, ça va.\n"
    path = tmp_path / name
    opened, converted = (gzip.compress, gzip.decompress) if name.endswith(".gz") else (bytes, bytes)
    path.write_bytes(opened(text.encode(encoding)))
    message = str(not_utf8(path, "The corpus file"))
    assert message.startswith(f"The corpus file {str(path)!r} isn't UTF-8: line ")
    subprocess.run(message.split("Convert it: ")[1].split(" (if")[0], shell=True, check=True)
    assert converted((tmp_path / f"utf8-{name}").read_bytes()).decode() == text


def test_the_place_of_what_is_not_utf8_is_found_between_two_reads(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"line\n" + b"x" * ((1 << 20) - 6) + "é".encode() + b"\nhere: \xe9")
    assert "line 3 has the byte 0xe9 after b'here: '." in str(not_utf8(path))
    path.write_bytes(b"cut off: \xc3")
    assert "line 1 has the byte 0xc3 after b'cut off: '." in str(not_utf8(path))
