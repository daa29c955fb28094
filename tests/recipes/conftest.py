"""Files that more than one of these tests trains on."""

import pytest


@pytest.fixture
def reviews(tmp_path):
    """Files that are learned in seconds."""
    for name, count in (("train", 40), ("valid", 10), ("test", 10)):
        lines = [f"a {'good' if i % 2 else 'dull'} {'book' if i % 3 else 'film'} {i}\t{i % 2}" for i in range(count)]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    return tmp_path
