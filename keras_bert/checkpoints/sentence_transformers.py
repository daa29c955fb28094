"""sentence-transformers' folders: modules.json, and the model in a folder of its own, such as 0_Transformer."""

import json


def model_folder(directory):
    """Finds the folder of the model.

    Args:
        directory: `Path` of a directory, of sentence-transformers or not.

    Returns:
        The `Path` of the folder that modules.json names for the transformer; `directory` if there is no modules.json.

    Raises:
        ValueError: If modules.json is broken, begins with something else than a transformer, or names a folder that
            isn't there.
    """
    path = directory / "modules.json"
    if not path.is_file():
        return directory
    try:
        first = json.loads(path.read_text(encoding="utf-8"))[0]
        kind, name = str(first["type"]), str(first["path"])
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{path} must hold a list of modules, each with a type and a path; the first is the model's. Copy or "
            f"download it again. ({type(error).__name__}: {error})"
        ) from error
    if kind.rpartition(".")[2] not in ("Transformer", "BERT"):
        raise ValueError(
            f"{path} begins with a module of the type {kind!r}; this library loads sentence_transformers.models."
            "Transformer, with a BERT in it."
        )
    if not (directory / name).is_dir():
        raise ValueError(f"{path} names the folder {name!r} for the model, which isn't there. Copy it beside the file.")
    return directory / name
