"""A page to play with trained models in a browser, on your own machine: a tab for each thing that they can do.

    python recipes/demo.py                                            how texts become tokens; no model needed
    python recipes/demo.py --model reviews                            what `keras-bert classify --output reviews` wrote
    python recipes/demo.py --model bert tagger answerer embedder      several models, a tab for each of their tasks
    python recipes/demo.py --pairs cross-encoder                      a model for two texts that doesn't know it

Where the library is installed, `keras-bert demo` is the same as `python recipes/demo.py`. It needs the extra `demo`:
pip install 'bert-for-keras[recipes,demo]'.

Only this machine reaches the page, it asks no other machine for anything, and it can't read or write files.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import keras_bert
from keras_bert.recipes import command_line, trained

SAMPLES = Path(__file__).parent / "samples" / "classify"
VOCABULARY_SIZE = 2000
NOTE = (
    "No model was given, so this page has a tokenizer alone. Its small vocabulary was trained just now from English "
    "and Korean sample texts. For more, give a model:\nkeras-bert classify --output reviews\n"
    "keras-bert demo --model reviews"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Shows trained models on a page in the browser.

    Args:
        model: What recipes' --output or save_pretrained wrote, or hub ids: any number of models. Without any, the page
            shows a tokenizer with a small vocabulary, which is trained at the start from the sample texts.
        pairs: The same of models for two texts whose directory doesn't say so; what `keras-bert pair` wrote says it.
        host: Address to listen on. 0.0.0.0 lets other machines use the page; it asks for no password.
        port: Port to listen on; 0 for any that is free.
        precision: Arithmetic of the layers; mixed_bfloat16 is faster where the processor multiplies bfloat16.
    """

    model: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 7860
    precision: Literal["float32", "mixed_bfloat16"] = "float32"


def main(config):
    """Loads the models and serves the page until it is interrupted: Config -> None."""
    if not config.model and not config.pairs:
        models, note = [samples_tokenizer()], NOTE
    else:
        models, note = loaded(config), None
    keras_bert.demo.serve(models, config.host, config.port, note)


def loaded(config):
    """Config -> list of `Shown`s, named by their directories."""
    sources = [*((source, False) for source in config.model), *((source, True) for source in config.pairs)]
    names = [Path(source).name for source, _ in sources]
    models = []
    for (source, pairs), name in zip(sources, names, strict=True):
        options = trained.Trained(model=source, precision=config.precision)
        model, tokenizer, max_length = trained.load(options, task_of(options))
        name = name if names.count(name) == 1 else source
        models.append(keras_bert.demo.Shown(name, tokenizer, model, max_length, pairs))
    return models


def task_of(options):
    """A `Trained` -> its task; "backbone" where its config.json names no head, as of encoders for vectors."""
    try:
        return trained.task_of(options)
    except ValueError:  # what else is wrong, loading says
        return "backbone"


def samples_tokenizer():
    """-> a `Shown` without a model, whose vocabulary is trained from the sample texts."""
    files = [SAMPLES / f"{language}_train.tsv" for language in ("en", "ko")]
    texts = (text for file in files for text, _ in keras_bert.data.read_labelled_texts(file))
    settings = {"lowercase": True, "strip_accents": False}  # Korean syllables stay whole
    vocabulary = keras_bert.train_vocabulary(texts, size=VOCABULARY_SIZE, **settings)
    return keras_bert.demo.Shown("sample texts", keras_bert.WordPieceTokenizer(vocabulary, **settings))


if __name__ == "__main__":
    command_line.run(Config, main)
