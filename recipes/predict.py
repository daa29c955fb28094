"""A file in, answers out, by a trained model of any task: any number of texts, in their order.

    python recipes/predict.py --model classifier --input reviews.tsv --output answers.jsonl
    python recipes/predict.py --model similarity --input pairs.csv --text-columns left right --output scores.csv
    python recipes/predict.py --model tagger --input words.conll --output tagged.conll         a column more
    python recipes/predict.py --model answerer --input dev-v1.1.json --output predictions.json   as SQuAD has them
    python recipes/predict.py --model embedder --input passages.txt --output vectors.npy
    cat texts.txt | python recipes/predict.py --model classifier > answers.jsonl

Where the library is installed, `keras-bert predict` is the same as `python recipes/predict.py`.

The file is read twice: once whole, so that a broken line is an error before anything is computed, then a chunk at a
time, whose texts run in batches of near-equal length. Memory doesn't grow with the file. The output appears at once and
whole, or not at all.
"""

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Literal

import keras_bert
from keras_bert.recipes import command_line, inputs, trained
from keras_bert.utils.answer_files import FORMATS, format_of, writer
from keras_bert.utils.batches import progress_bar
from keras_bert.utils.checks import check_positive_integer
from keras_bert.utils.files import check_writable_file, file_beside

BATCHES_A_CHUNK = 64
CHARACTERS_A_CHUNK = 2_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(trained.Answering):
    """Answers each text of a file by a trained model.

    Args:
        model: What a recipe's --output or save_pretrained wrote, or a hub id; or what export_onnx, export_saved_model
            or a recipe's --export wrote, which answers texts with the options that it was exported with.
        input: The texts: a table (.tsv, .csv), objects (.json, .jsonl), plain lines (.txt), words to be tagged (.conll,
            .conllu) or questions in the format of SQuAD (.json), compressed by gzip if .gz follows. The standard input
            without it.
        output: The answers, with the input's own columns before them: objects a line (.jsonl) or in an array (.json), a
            table (.csv, .tsv), the input's lines with a column more (.conll, .conllu), SQuAD's predictions (.json, of
            questions with an id); or alone: a label, score or answer a line (.txt), vectors (.npy). To the standard
            output without it.
        input_format: How the input is written, where its name doesn't tell: the standard input is lines otherwise.
        format: How the answers are written, where the output's name doesn't tell.
        overwrite: Whether an output that is there already is replaced.
        unit: What gets a tag: each "word" or punctuation mark; each string between spaces ("space"); or each "piece" of
            a word, where the model was trained on characters.
        num_answers: How many answers to give to a question, the best ones.
        num_words: How many words to give for each [MASK], the likeliest.
    """

    input: str = "-"
    output: str = "-"
    input_format: Literal["table", "json", "lines", "conll", "squad"] | None = None
    format: Literal[FORMATS] | None = None
    overwrite: bool = False
    unit: Literal["word", "space", "piece"] | None = None
    num_answers: int | None = None
    num_words: int = 5

    def __post_init__(self):
        super().__post_init__()
        check_positive_integer("num_words", self.num_words)


def main(config):
    """Reads, answers and writes: Config -> dict of counts; None where the answers go to the standard output."""
    began, answering, to_stdout = time.perf_counter(), 0.0, config.output == "-"
    format = format_of(config.output, config.format)
    if not to_stdout:
        check_writable_file(config.output, config.overwrite)
    with contextlib.ExitStack() as opened:
        path = opened.enter_context(inputs.spooled(config)) if config.input == "-" else Path(config.input).expanduser()
        served = served_by(config)
        task = served.task if served else trained.task_of(config)
        texts = inputs.Texts(path, config, task, format, served)
        answer = answerer(config, task, texts, served)
        beside = None if to_stdout else opened.enter_context(file_beside(config.output, config.overwrite))
        file = writer(texts.format, beside, texts.names, texts.count)
        bar = opened.enter_context(progress_bar(texts.count, None))
        for chunk in chunks(texts, config.batch_size):
            rows, columns = zip(*chunk, strict=True)
            since = time.perf_counter()
            answers = answer(columns)
            answering += time.perf_counter() - since
            file.write(rows, answers)
            bar.update(len(chunk))
        file.close()
    if to_stdout:
        return None
    counts = {"texts": texts.count, "texts_per_s": round(texts.count / max(answering, 1e-9), 1)}
    return {**counts, "seconds": round(time.perf_counter() - began, 1), "output": config.output}


def served_by(config):
    """Config -> a `Served` of the model, if it is a SavedModel; else None."""
    if not (Path(config.model).expanduser() / "saved_model.pb").is_file():
        return None
    served = keras_bert.prediction.Served(config.model)
    if config.task not in (None, served.task):
        raise ValueError(f"{config.model} was exported of a {served.task}. Received: task={config.task}. Leave it out.")
    return served


def answerer(config, task, texts, served=None):
    """Config, the model's task, `Texts`, a `Served` or None -> a function of a chunk's texts, tuples of strings, that
    gives its answers."""
    batch_size, options = config.batch_size, trained.options_of(config, task, texts.kind == "conll")
    is_onnx = (Path(config.model).expanduser() / "model.onnx").is_file()
    if served or is_onnx:
        options |= {name: getattr(config, name) for name in ("max_length", "adapters") if getattr(config, name)}
        if options or texts.kind == "conll":
            what = ", ".join(f"`{name}`" for name in options) or "words that are parted"
            raise ValueError(
                f"{config.model} was exported for texts, with its options. Received: {what}. Give the checkpoint that "
                "it was exported from for others."
            )
        quiet = {"progress": False} if served else {}
        predict = served or keras_bert.runtime.load(config.model)
        return lambda rows: predict(*zip(*rows, strict=True), batch_size=batch_size, **quiet)
    model, tokenizer, max_length = trained.load(config, task)
    if task in ("masked_language_model", "pretrainer"):
        for number, (_, (text,)) in enumerate(texts, 1):
            if "[MASK]" not in text:
                raise ValueError(f"Each text must have a [MASK]. Text {number} has none: {text!r:.200}")
        sizes = {"count": config.num_words, "max_length": max_length, "batch_size": batch_size}
        return lambda rows: [
            {"masks": [[{"token": token, "probability": share} for token, share in words] for words in masks]}
            for masks in keras_bert.fill_masks([text for (text,) in rows], model, tokenizer, **sizes, progress=False)
        ]
    if texts.kind == "conll":
        tag = keras_bert.prediction.unit_tagger(model, tokenizer, max_length, batch_size=batch_size, **options)
        return lambda rows: [{"tags": tags} for tags in tag([sentence for (sentence,) in rows], progress=False)]
    if task in ("text_classifier", "text_regressor"):
        options["pairs"] = len(next(iter(texts))[1]) == 2
    predict = keras_bert.predictor(model, tokenizer, max_length, **options)
    return lambda rows: predict(*zip(*rows, strict=True), batch_size=batch_size, progress=False)


def chunks(texts, batch_size):
    """`Texts`, rows of a batch -> lists of what they yield, each of so many batches that sorting by length pays."""
    chunk, characters = [], 0
    for row, columns in texts:
        chunk.append((row, columns))
        characters += sum(len(getattr(text, "text", text)) for text in columns)
        if len(chunk) == BATCHES_A_CHUNK * batch_size or characters > CHARACTERS_A_CHUNK:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


if __name__ == "__main__":
    command_line.run(Config, main)
