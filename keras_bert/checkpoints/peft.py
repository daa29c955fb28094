"""Adapters in PEFT's layout: adapter_config.json and adapter_model.safetensors, without the model that they adapt."""

import math
from pathlib import Path

import numpy as np
import safetensors
from keras.ops import convert_to_numpy
from safetensors.numpy import load_file, save_file

from keras_bert.checkpoints.hugging_face import foreign_names, orient
from keras_bert.checkpoints.weights import read_json, variables_of, write_json
from keras_bert.layers.adapting import lora
from keras_bert.layers.lora import TARGETS
from keras_bert.models import check_built
from keras_bert.utils.checks import some_of
from keras_bert.utils.files import written_beside

_FILES = ("adapter_config.json", "adapter_model.safetensors", "README.md")
_PREFIX = "base_model.model."
# Task -> PEFT's name of it. Those without a head have the encoder alone, whose names have no `bert.` before them.
_TASKS = {
    "backbone": "FEATURE_EXTRACTION",
    "text_embedder": "FEATURE_EXTRACTION",
    "text_classifier": "SEQ_CLS",
    "text_regressor": "SEQ_CLS",
    "token_classifier": "TOKEN_CLS",
    "span_predictor": "QUESTION_ANS",
}
# Target -> the end of its modules' names in transformers, such as attention.self.query.
_MODULES = {
    target: foreign_names(f"encoder_0/{dense}/kernel")[part].removeprefix("encoder.layer.0.").removesuffix(".weight")
    for target, (dense, part) in TARGETS.items()
}
# Setting of adapter_config.json -> the values with which it means what `lora` computes.
_PLAIN = {
    "peft_type": ("LORA",),
    "bias": ("none",),
    "use_dora": (False,),
    "rank_pattern": ({},),
    "alpha_pattern": ({},),
    "layers_to_transform": ([],),
    "lora_bias": (False,),
    "megatron_config": (),
    # The others, such as pissa and olora, change the checkpoint's own weights too.
    "init_lora_weights": (True, False, "gaussian", "eva", "orthogonal"),
    "alora_invocation_tokens": (),
    "arrow_config": (),
    "kasa_config": (),
    "monteclora_config": (),
    "use_bdlora": (),
    "use_qalora": (False,),
}


def save_adapters(model, directory, base_model="", overwrite=False):
    """Saves what low-rank adaptation trains, in PEFT's layout: the adapters, and the head where there is one.

    `PeftModel.from_pretrained(transformers_model, directory)` gives the same logits on the same checkpoint, and
    `load_adapters` here. The directory appears at once and whole, or not at all.

    Args:
        model: A model that `lora` adapted: a backbone, a text embedder without projections, or one with a head for
            texts, tokens or spans.
        directory: Where to write: a directory that doesn't exist yet or is empty.
        base_model: Directory or hub id of the checkpoint that is adapted, which PEFT's `AutoPeftModel` loads by itself.
        overwrite: If True, a directory that holds nothing but adapters is replaced.

    Raises:
        ValueError: If the model isn't adapted, its task has no name in PEFT, something else of it trains than adapters,
            head and pooler, or the directory holds something.

    Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> directory = Path(tempfile.mkdtemp(), "adapters")
    >>> model = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny")), num_classes=2)
    >>> save_adapters(keras_bert.lora(model, rank=4), directory)
    >>> sorted(path.name for path in directory.iterdir())
    ['adapter_config.json', 'adapter_model.safetensors']
    """
    task = _check_task(model)
    layers = _adapted_layers(model)
    if not layers:
        raise ValueError("The model isn't adapted: it has no adapters to save. Adapt it by keras_bert.lora(model).")
    settings = layers[0].lora.settings()
    arrays = {}
    for layer in layers:
        for target in settings["targets"]:
            names = _adapter_names(task, layer.name, target)
            pair = (convert_to_numpy(variable) for variable in layer.lora.pair(target))
            arrays |= {name: array.T for name, array in zip(names, pair, strict=True)}
    head = _trained_beside(model)
    arrays |= {_name_of(task, name): orient(name, convert_to_numpy(variable)) for name, variable in head.items()}
    arrays = {name: np.ascontiguousarray(array, "float32") for name, array in arrays.items()}
    config = {
        "peft_type": "LORA",
        "task_type": _TASKS[task],
        "base_model_name_or_path": str(base_model),
        "r": settings["rank"],
        "lora_alpha": settings["alpha"],
        "lora_dropout": settings["dropout"],
        "target_modules": _target_modules(settings["targets"]),
        "modules_to_save": sorted({_module_of(name) for name in head}) or None,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
    with written_beside(directory, [_FILES], overwrite) as beside:
        try:
            save_file(arrays, beside / "adapter_model.safetensors", metadata={"format": "pt"})
        except safetensors.SafetensorError as error:
            raise OSError(f"The adapters can't be written to {directory}: {error}. Is the disk full?") from error
        write_json(beside / "adapter_config.json", config)


def load_adapters(model, directory):
    """Loads adapters in PEFT's layout into a model of the checkpoint that they were trained on, and its head.

    Args:
        model: A model of this library with the weights of that checkpoint; it is changed. If it isn't adapted yet,
            it becomes so, with the adapters' settings: it trains on as `lora` says.
        directory: What `save_adapters` or PEFT wrote.

    Returns:
        The model.

    Raises:
        ValueError: If there are no such files, they are of another method than LoRA or a variant of it, their rank,
            targets or sizes aren't the model's, or they lack weights of an adapter.

    Example:
    >>> import tempfile
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=29)
    >>> trained, fresh = (keras_bert.text_classifier(keras_bert.backbone(config), num_classes=2) for _ in range(2))
    >>> fresh.set_weights(trained.get_weights())  # the same checkpoint
    >>> save_adapters(keras_bert.lora(trained, rank=4), directory := tempfile.mkdtemp())
    >>> load_adapters(fresh, directory).get_layer("encoder_0").lora.rank
    4
    """
    task = _check_task(model)
    directory = Path(directory).expanduser()
    config = read_json(directory / "adapter_config.json")
    _check_config(config, directory)
    try:
        arrays = load_file(directory / "adapter_model.safetensors")
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(
            f"{directory / 'adapter_model.safetensors'} can't be read: {error}. Adapters that torch pickled, "
            "adapter_model.bin, aren't opened; save them by PEFT's save_pretrained."
        ) from error
    settings = _settings_of(config, arrays, directory)
    own = next((layer.lora.settings() for layer in _adapted_layers(model)), None)
    if own is not None and any(own[name] != settings[name] for name in ("rank", "targets", "alpha")):
        raise ValueError(f"The model is adapted otherwise than {directory}. It has {own}, there are {settings}.")
    found = _places_of(model, task, settings, arrays, directory)
    if own is None:
        lora(model, **settings)
    for layer in _adapted_layers(model):
        for target in settings["targets"]:
            for name, variable in zip(_adapter_names(task, layer.name, target), layer.lora.pair(target), strict=True):
                variable.assign(arrays[name].T)
    for name, variable in found.items():
        variable.assign(orient(name, arrays[_name_of(task, name)]))
        model.get_layer(name.split("/")[0]).trainable = True
    return model


def task_of_adapters(directory):
    """Finds out for what adapters were trained, where the checkpoint that they adapt has no head of its own.

    Args:
        directory: What `save_adapters` or PEFT wrote.

    Returns:
        A pair: the name of a builder, None for an encoder alone; and the number of its classes, None if they have no
        head.

    Example:
    >>> import tempfile
    >>> model = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny")), num_classes=3)
    >>> save_adapters(keras_bert.lora(model, rank=4), directory := tempfile.mkdtemp())
    >>> task_of_adapters(directory)
    ('text_classifier', 3)
    """
    directory = Path(directory).expanduser()
    kind = read_json(directory / "adapter_config.json").get("task_type")
    count = None
    if (path := directory / "adapter_model.safetensors").is_file():
        with safetensors.safe_open(path, framework="numpy") as file:
            heads = [name for name in file.keys() if name.endswith(("classifier.bias", "qa_outputs.bias"))]  # noqa: SIM118
            count = next((file.get_slice(name).get_shape()[0] for name in heads), None)
    tasks = {"SEQ_CLS": "text_regressor" if count == 1 else "text_classifier"}
    tasks |= {"TOKEN_CLS": "token_classifier", "QUESTION_ANS": "span_predictor"}
    return tasks.get(kind), count


def _check_task(model):
    """model -> the name of its builder; a `ValueError` if PEFT has no place for what it is."""
    task = check_built(model, *_TASKS)
    if any(layer.name.startswith("projection_") for layer in model.layers):
        raise ValueError("PEFT's layout has no place for a text embedder's projections. Use save_pretrained.")
    return task


def _adapted_layers(model):
    """model -> its encoder layers with adapters."""
    return [layer for layer in model.layers if getattr(layer, "lora", None) is not None]


def _trained_beside(model):
    """model -> {name: variable} of what trains beside the adapters; a `ValueError` if PEFT has no place for it."""
    trained = {id(variable) for variable in model.trainable_variables}
    names = {name: v for name, v in variables_of(model).items() if id(v) in trained and "/lora/" not in name}
    if wrong := [name for name in names if name.startswith(("embedding/", "encoder_"))]:
        raise ValueError(
            f"Of the encoder's own weights some train: {some_of(wrong)}. Adapters are what is added to frozen ones. "
            "Save the whole model by save_pretrained, or freeze them."
        )
    return names


def _name_of(task, name):
    """Task, name of this library -> that in an adapter's file."""
    (foreign,) = foreign_names(name)
    before = "bert." if foreign.startswith(("encoder.", "pooler.")) and _TASKS[task] != "FEATURE_EXTRACTION" else ""
    return f"{_PREFIX}{before}{foreign}"


def _module_of(name):
    """Name of this library of a head's weight -> the name of the module that PEFT saves: classifier, pooler ..."""
    return foreign_names(name)[0].split(".")[0]


def _adapter_names(task, layer, target):
    """Task, name of an encoder layer, target -> names of its two matrices in an adapter's file."""
    dense, part = TARGETS[target]
    before = "" if _TASKS[task] == "FEATURE_EXTRACTION" else "bert."
    module = foreign_names(f"{layer}/{dense}/kernel")[part].removesuffix(".weight")
    return tuple(f"{_PREFIX}{before}{module}.lora_{letter}.weight" for letter in "AB")


def _target_modules(targets):
    """Targets -> how PEFT finds them: by the ends of modules' names, or by a regular expression."""
    if "feedforward_output" in targets and "attention_output" not in targets:
        # Whatever ends in attention.output.dense ends in output.dense too.
        ends = "|".join(_MODULES[target].replace(".", r"\.") for target in targets)
        return rf".*\.layer\.\d+\.({ends})"
    return [_MODULES[target] for target in targets]


def _check_config(config, directory):
    """Contents of an adapter_config.json -> None; a `ValueError` for what isn't plain LoRA."""
    for name, values in _PLAIN.items():
        if config.get(name) not in (*values, None):
            raise ValueError(
                f"The adapter_config.json of {directory} has {name}={config[name]!r}. This library has LoRA in its "
                f"plain form: {name}={', '.join(map(repr, values)) or None}. Merge the adapters with PEFT's "
                "merge_and_unload, and load that model."
            )
    if absent := [name for name in ("r", "lora_alpha") if name not in config]:
        raise ValueError(f"The adapter_config.json of {directory} lacks {', '.join(absent)}.")


def _settings_of(config, arrays, directory):
    """Contents of an adapter_config.json, {name: array}, directory -> arguments of `lora`."""
    targets = [
        target
        for target, module in _MODULES.items()
        if any(name.endswith(f".layer.0.{module}.lora_A.weight") for name in arrays)
    ]
    if not targets:
        raise ValueError(f"{directory} has no adapters of BERT's layers. It holds: {some_of(sorted(arrays))}.")
    rank, alpha = config["r"], config["lora_alpha"]
    alpha = alpha * math.sqrt(rank) if config.get("use_rslora") else alpha
    return {"rank": rank, "targets": targets, "alpha": float(alpha), "dropout": config.get("lora_dropout") or 0.0}


def _places_of(model, task, settings, arrays, directory):
    """Checks the arrays of a file -> {name: variable} of the model's weights among them, but for the adapters."""
    config, expected = model.config, {}
    for i in range(config.num_layers):
        for target in settings["targets"]:
            width = config.intermediate_dim if target == "feedforward_output" else config.hidden_dim
            units = config.intermediate_dim if target == "feedforward_intermediate" else config.hidden_dim
            shapes = ((settings["rank"], width), (units, settings["rank"]))
            expected |= dict(zip(_adapter_names(task, f"encoder_{i}", target), shapes, strict=True))
    beside = {}
    for name, variable in variables_of(model).items():
        if not name.startswith(("embedding/", "encoder_")) and _name_of(task, name) in arrays:
            beside[name] = variable
            expected[_name_of(task, name)] = orient(name, np.broadcast_to(np.float32(0), variable.shape)).shape
    wrong = [
        f"{name}: expected {shape}, found {arrays[name].shape if name in arrays else 'none'}"
        for name, shape in expected.items()
        if name not in arrays or arrays[name].shape != shape
    ]
    wrong += [f"{name}: expected none" for name in arrays if name not in expected]
    if wrong:
        raise ValueError(
            f"The adapters of {directory} don't fit the model, a {task} of {config.num_layers} layers, "
            f"{config.hidden_dim} wide: {some_of(wrong)}. Load them into a model of the checkpoint that they were "
            "trained on, with the same head."
        )
    return beside
