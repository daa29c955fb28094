"""What serve.py serves: ENGINE CHECKPOINT DIRECTORY [--max-length N]; the directory is written whole."""

import argparse
import json
import shutil
from pathlib import Path


def ours(options, directory):
    import keras

    import keras_bert

    name, _, precision = options.engine.partition("-")
    if precision == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    model, tokenizer = keras_bert.load_pretrained(options.checkpoint, "text_classifier")
    if name == "savedmodel":
        keras_bert.export_saved_model(model, tokenizer, directory, options.max_length)
    else:
        keras_bert.export_onnx(model, tokenizer, directory, precision or "float32", options.max_length)


def peers(options, directory):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(options.checkpoint, attn_implementation="eager")
    tokenizer.save_pretrained(directory)
    if options.engine == "torch":
        model.save_pretrained(directory)
        return
    model.config.save_pretrained(directory)

    class Logits(torch.nn.Module):
        """The model with inputs by position and one output, as ONNX wants it."""

        def __init__(self):
            super().__init__()
            self.classifier = model.eval()

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.classifier(input_ids, attention_mask, token_type_ids).logits

    example = tokenizer(["one", "two texts of unequal length"], padding=True, return_tensors="pt")
    names, graph = ["input_ids", "attention_mask", "token_type_ids"], directory / "model.onnx"
    torch.onnx.export(
        Logits(),
        tuple(example[name] for name in names),
        graph,
        input_names=names,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in names} | {"logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    if options.engine == "ort-int8":
        from onnxruntime.quantization import QuantType, quantize_dynamic

        whole = graph.rename(directory / "float32.onnx")
        quantize_dynamic(whole, graph, weight_type=QuantType.QInt8)
        whole.unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("checkpoint")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--max-length", type=int, default=128)
    options = parser.parse_args()
    beside = options.directory.with_name(options.directory.name + "-unfinished")
    shutil.rmtree(beside, ignore_errors=True)
    if options.engine.startswith(("savedmodel", "onnx")):
        ours(options, beside)
    else:
        beside.mkdir()
        peers(options, beside)
    beside.rename(options.directory)
    print(json.dumps({"exported": options.engine}))


if __name__ == "__main__":
    main()
