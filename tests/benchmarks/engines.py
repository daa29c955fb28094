"""A classifier of texts under TensorFlow, ONNX Runtime, OpenVINO and LiteRT: sizes, accuracy, speed of the model alone.

pip install 'bert-for-keras[onnx,openvino]', then
python tests/benchmarks/engines.py DIRECTORY TEST.tsv TRAIN.tsv [TEXT-COLUMN [ROUNDS]]
DIRECTORY is what recipes/classify.py wrote; nncf takes 300 texts of TRAIN.tsv to learn its ranges.
"""

import sys
import tempfile
import time
from pathlib import Path

import keras
import nncf
import numpy as np
import onnxruntime
import openvino
import tensorflow as tf

import keras_bert

F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def of_keras(model):
    """model -> function: inputs -> logits, as a graph of TensorFlow."""
    spec = {name: tf.TensorSpec((None, None), "int32") for name in model.input}
    graph = tf.function(lambda inputs: model(inputs, training=False), input_signature=[spec])
    return lambda inputs: graph({name: tf.constant(value) for name, value in inputs.items()}).numpy()


def of_onnx(path):
    """path -> function: inputs -> logits."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(["logits"], inputs)[0]


def of_openvino(model, options):
    """OpenVINO's model, options of its compiler -> function: inputs -> logits."""
    compiled = openvino.compile_model(model, "CPU", options)
    return lambda inputs: compiled(inputs)["logits"]


def of_litert(path):
    """path -> function: inputs -> logits."""
    run = tf.lite.Interpreter(str(path), num_threads=2).get_signature_runner()
    return lambda inputs: run(**inputs)["logits"]


def quantized(model, mode):
    """model, "int8" or "int4" -> a clone that Keras quantized."""
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    clone.quantize(mode)
    return clone


def engines_of(model, tokenizer, calibration, directory):
    """A classifier, its tokenizer, rows to learn ranges from, where to write -> name: function; sizes are printed."""
    for precision in ("float32", "int8"):
        keras_bert.export_onnx(model, tokenizer, directory / f"onnx-{precision}", precision=precision)
        keras_bert.export_litert(model, tokenizer, directory / f"litert-{precision}", precision=precision)
    graph = openvino.Core().read_model(directory / "onnx-float32" / "model.onnx")
    int8 = nncf.quantize(graph, nncf.Dataset(calibration), model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(int8, directory / "openvino-int8.xml")
    keras_models = {"keras float32": model, **{f"keras {mode}": quantized(model, mode) for mode in ("int8", "int4")}}
    for name, one in keras_models.items():
        one.save(directory / f"{name}.keras")
    for path in sorted(directory.rglob("*")):
        if path.stat().st_size > 1e6:
            print(f"{path.relative_to(directory)}: {path.stat().st_size / 1e6:.1f} MB")
    return {
        **{name: of_keras(one) for name, one in keras_models.items()},
        **{f"onnx {name}": of_onnx(directory / f"onnx-{name}" / "model.onnx") for name in ("float32", "int8")},
        "openvino float32": of_openvino(graph, F32),
        "openvino as it comes": of_openvino(graph, {}),
        "openvino int8": of_openvino(int8, {}),
        **{f"litert {name}": of_litert(directory / f"litert-{name}" / "model.tflite") for name in ("float32", "int8")},
    }


def main(source, test, train, text_column="text", rounds=3):
    model, tokenizer = keras_bert.load_pretrained(source, task="text_classifier")
    examples = list(keras_bert.data.read_labelled_texts(test, text_column))
    calibration = list(keras_bert.data.read_labelled_texts(train, text_column))[:300]
    examples.sort(key=lambda example: len(tokenizer.tokens(example[0])))

    def rows(some):
        """Labelled texts -> the model's inputs."""
        inputs = keras_bert.data.model_inputs([text for text, _ in some], tokenizer, model.config.max_sequence_length)
        return {name: value.numpy() for name, value in inputs.items()}

    batches = [rows(examples[i : i + 32]) for i in range(0, len(examples), 32)]
    one, many = rows(examples[len(examples) // 2 :][:1]), batches[len(batches) // 2]
    with tempfile.TemporaryDirectory() as directory:
        engines = engines_of(model, tokenizer, [rows([example]) for example in calibration], Path(directory))
        classes = np.array([model.labels.index(label) for _, label in examples])
        expected = None
        for name, run in engines.items():
            logits = np.concatenate([run(batch) for batch in batches])
            expected = logits if expected is None else expected
            accuracy, difference = (logits.argmax(-1) == classes).mean(), np.abs(logits - expected).max()
            print(f"{name}: accuracy {accuracy:.4f}, greatest difference of a logit {difference:.1e}", flush=True)
        for _ in range(int(rounds)):
            for name, run in engines.items():
                times = []
                for inputs, count in ((one, 20), (many, 5)):
                    run(inputs)
                    start = time.perf_counter()
                    for _ in range(count):
                        run(inputs)
                    times.append((time.perf_counter() - start) / count * 1e3)
                shapes = " / ".join("x".join(map(str, inputs["token_ids"].shape)) for inputs in (one, many))
                print(f"{name}: {times[0]:.1f} / {times[1]:.1f} ms for {shapes} tokens", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
