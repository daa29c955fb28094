"""Compares this library with transformers, both ways and with every head, through files.

transformers and this library may live in two environments, so each half runs where its library is:

    python compare_transformers.py ours-write DIRECTORY [--minilm MINILM]   # keras_bert: models, tokenizers, logits
    python compare_transformers.py theirs DIRECTORY                        # transformers: loads these, writes its own
    python compare_transformers.py ours-read DIRECTORY                     # keras_bert: loads those

The last two print the largest difference of the logits on real tokens for each head, and fail above 1e-4, or on a
weight that is missing or left over, other labels or other ids. With --minilm, the encoder and the tokenizer are those
of that checkpoint; without, they are random and tiny.
"""

import argparse
import json
import logging
import pathlib
import sys

import numpy as np

TOLERANCE = 1e-4
TASKS = {
    "backbone": "AutoModel",
    "pretrainer": "AutoModelForPreTraining",
    "masked_language_model": "AutoModelForMaskedLM",
    "text_classifier": "AutoModelForSequenceClassification",
    "multi_label_classifier": "AutoModelForSequenceClassification",
    "text_regressor": "AutoModelForSequenceClassification",
    "token_classifier": "AutoModelForTokenClassification",
    "span_predictor": "AutoModelForQuestionAnswering",
}
LABELS = {
    "text_classifier": ["bad", "fair", "good"],
    "multi_label_classifier": ["food", "price", "staff", "room"],
    "token_classifier": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
}
# Where that isn't the name of the task: the task, and what its builder takes beside labels.
SEVERAL = {"multi_label_classifier": ("text_classifier", {"multi_label": True})}
THRESHOLDS = [0.1, 0.5, 0.25, 0.75]
NAMES = {  # of outputs: this library's -> transformers'
    "backbone": {"sequence_output": "last_hidden_state", "pooled_output": "pooler_output"},
    "pretrainer": {"mlm": "prediction_logits", "nsp": "seq_relationship_logits"},
    "masked_language_model": {"mlm": "logits"},
}
TEXTS = ["The cat sat on mats.", "A big, old house of wood was very red!", "Café? It ran and ran to the dog; 中文."]


def ours_write(root, minilm):
    import keras

    import keras_bert

    keras.utils.set_random_seed(3)
    random = np.random.default_rng(3)
    for task in TASKS:
        builder, arguments = SEVERAL.get(task, (task, {}))
        arguments = {**arguments, "labels": LABELS[task]} if task in LABELS else {}
        if minilm:
            model, tokenizer = keras_bert.load_pretrained(minilm, builder, **arguments, **_classes(task))
        else:
            tokenizer = keras_bert.WordPieceTokenizer(
                _words(), lowercase=True, strip_accents=[None, False][len(task) % 2]
            )
            config = keras_bert.BertConfig(tokenizer.vocabulary_size, 2, 4, 12, 37, 40, activation="gelu_tanh")
            model = keras_bert.backbone(config)
            if task != "backbone":
                model = getattr(keras_bert, builder)(model, **arguments, **_classes(task))
            for weight in model.weights:
                weight.assign(weight + 0.3 * random.normal(size=weight.shape))
        if model.multi_label:
            model.keep_thresholds(THRESHOLDS)
        keras_bert.save_pretrained(model, tokenizer, root / "ours" / task)
        inputs = _padded([[tokenizer.cls_id, *row, tokenizer.sep_id] for row in tokenizer(TEXTS).to_list()])
        np.savez(root / "ours" / f"{task}.npz", **inputs, **_outputs(model, task, inputs))


def theirs(root):
    import torch
    import transformers

    complaints = _Complaints()
    transformers.utils.logging.get_logger("transformers").addHandler(complaints)
    worst = {}
    for task, auto in TASKS.items():
        directory, arrays = root / "ours" / task, np.load(root / "ours" / f"{task}.npz")
        model, info = getattr(transformers, auto).from_pretrained(directory, output_loading_info=True)
        model.eval()
        assert not any(info.values()), (task, info)
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
        ids = tokenizer(TEXTS, padding=True)["input_ids"]
        assert ids == arrays["token_ids"].tolist(), (task, "the tokenizers' ids differ")
        if task in LABELS:
            assert [model.config.id2label[i] for i in range(model.config.num_labels)] == LABELS[task]
            assert [model.config.label2id[label] for label in LABELS[task]] == [*range(model.config.num_labels)]
        if task in SEVERAL:
            assert model.config.problem_type == "multi_label_classification"
            assert model.config.keras_bert == {"thresholds": THRESHOLDS}
        worst[task] = _difference(_run(model, arrays), arrays, task)

        torch.manual_seed(5)
        with torch.no_grad():
            for parameter in model.parameters():  # other weights, so that reading them back proves something
                parameter.mul_(1 + 0.05 * torch.randn(parameter.shape))
        model.save_pretrained(root / "theirs" / task)
        tokenizer.save_pretrained(root / "theirs" / task)
        inputs = {key: arrays[key] for key in ("token_ids", "segment_ids", "padding_mask")}
        np.savez(root / "theirs" / f"{task}.npz", **inputs, **_run(model, arrays))
    assert not complaints.records, complaints.records
    _report("written by keras_bert, loaded by transformers", worst)


def ours_read(root):
    import warnings

    import keras_bert

    warnings.simplefilter("error", UserWarning)
    worst = {}
    for task in TASKS:
        arrays = np.load(root / "theirs" / f"{task}.npz")
        builder, _ = SEVERAL.get(task, (task, {}))
        model, tokenizer = keras_bert.load_pretrained(root / "theirs" / task, builder)
        assert model.thresholds == (tuple(THRESHOLDS) if task in SEVERAL else None)
        rows = [[tokenizer.cls_id, *row, tokenizer.sep_id] for row in tokenizer(TEXTS).to_list()]
        assert _padded(rows)["token_ids"].tolist() == arrays["token_ids"].tolist(), (task, "the tokenizers' ids differ")
        assert model.labels == (tuple(LABELS[task]) if task in LABELS else None)
        worst[task] = _difference(_outputs(model, task, arrays), arrays, task)
    _report("written by transformers, loaded by keras_bert", worst)


class _Complaints(logging.Handler):
    """Collects what transformers warns of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.records = []

    def emit(self, record):
        self.records.append(record.getMessage())


def _words():
    words = "the cat sat on mat ##s dog ran to a big red house of wood and it was very old . , ! ? cafe 中"
    return f"[PAD] [UNK] [CLS] [SEP] [MASK] {words}".split()


def _classes(task):
    return {"num_classes": len(LABELS[task])} if task in LABELS else {}


def _padded(rows):
    """Lists of ids -> the three inputs [B, T], with every second row's later half in segment 1."""
    length = max(map(len, rows))
    token_ids = np.array([row + [0] * (length - len(row)) for row in rows], "int32")
    padding_mask = np.array([[1] * len(row) + [0] * (length - len(row)) for row in rows], "int32")
    segment_ids = padding_mask * (np.arange(length) > 4) * (np.arange(len(rows))[:, None] % 2)
    return {"token_ids": token_ids, "segment_ids": segment_ids.astype("int32"), "padding_mask": padding_mask}


def _outputs(model, task, inputs):
    """This library's outputs under transformers' names, at every token."""
    import keras

    batch, length = inputs["token_ids"].shape
    inputs = {key: inputs[key] for key in ("token_ids", "segment_ids", "padding_mask")}
    if "mask_positions" in model.input:
        inputs["mask_positions"] = np.tile(np.arange(length, dtype="int32"), (batch, 1))
    if "cls_positions" in model.input:
        inputs["cls_positions"] = np.zeros((batch, 1), "int32")
    outputs = keras.tree.map_structure(keras.ops.convert_to_numpy, model(inputs))
    outputs = outputs if isinstance(outputs, dict) else {"logits": outputs}
    outputs = {NAMES.get(task, {}).get(key, key): value for key, value in outputs.items()}
    if "seq_relationship_logits" in outputs:
        outputs["seq_relationship_logits"] = outputs["seq_relationship_logits"][:, 0]
    return outputs


def _run(model, arrays):
    """transformers' outputs."""
    import torch

    names = {"token_ids": "input_ids", "segment_ids": "token_type_ids", "padding_mask": "attention_mask"}
    with torch.no_grad():
        outputs = model(**{theirs: torch.tensor(arrays[ours], dtype=torch.long) for ours, theirs in names.items()})
    return {key: value.numpy() for key, value in outputs.items()}


def _difference(found, expected, task):
    """The largest difference of the outputs, on real tokens."""
    real = expected["padding_mask"].astype(bool)
    assert {*found} == {*expected} - {"token_ids", "segment_ids", "padding_mask"}, (task, [*found], [*expected])
    pairs = [(value, expected[key]) for key, value in found.items()]
    return max(
        float(np.abs(a[real] - b[real]).max() if a.shape[:2] == real.shape else np.abs(a - b).max()) for a, b in pairs
    )


def _report(title, worst):
    print(json.dumps({title: {task: float(f"{value:.2g}") for task, value in worst.items()}}, indent=2))
    sys.exit(max(worst.values()) > TOLERANCE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=["ours-write", "theirs", "ours-read"])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--minilm", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.half == "ours-write":
        ours_write(arguments.directory, arguments.minilm)
    else:
        {"theirs": theirs, "ours-read": ours_read}[arguments.half](arguments.directory)
