"""Files that more than one of these tests trains on."""

import pytest


@pytest.fixture
def assert_evaluated_alike(load_recipe):
    """Function: what a recipe reported of `test`, the directory that it wrote, the file, options -> None.

    An `AssertionError` unless `keras-bert evaluate` gives the same scores.
    """
    evaluate = load_recipe("evaluate")

    def check(reported, model, test, **options):
        scores = evaluate.main(evaluate.Config(model=str(model), test=test, **options))
        expected = {name: value for name, value in reported.items() if name.startswith("test_") and name != "test_loss"}
        assert expected and {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-6)

    return check


@pytest.fixture
def reviews(tmp_path):
    """Files that are learned in seconds."""
    for name, count in (("train", 40), ("valid", 10), ("test", 10)):
        lines = [f"a {'good' if i % 2 else 'dull'} {'book' if i % 3 else 'film'} {i}\t{i % 2}" for i in range(count)]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    return tmp_path
