"""Writes adapters/: LoRA adapters of tiny_bert/ as PEFT saves them, and the logits that it gives with them.

    python make_adapters_golden.py                        writes them
    python make_adapters_golden.py TASK DIRECTORY FILE    loads DIRECTORY onto tiny_bert/TASK, logits go into FILE.npy

with torch, transformers and peft installed (2.13, 5.23 and 0.21 made the files that are kept).
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import peft
import torch
import transformers

HERE = Path(__file__).parent
ALL = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
# Name -> model of tiny_bert/, arguments of PEFT's configuration.
ADAPTERS = {
    "text_classifier": ("SEQ_CLS", {"r": 2, "lora_alpha": 6, "target_modules": ["query", "value"]}),
    "token_classifier": ("TOKEN_CLS", {"r": 3, "lora_alpha": 3, "target_modules": ALL}),
    "span_predictor": ("QUESTION_ANS", {"r": 2, "lora_alpha": 4, "target_modules": r".*\.layer\.\d+\.output\.dense"}),
    "backbone": ("FEATURE_EXTRACTION", {"r": 4, "lora_alpha": 4, "target_modules": ["key"], "use_rslora": True}),
}
CLASSES = {
    "text_classifier": transformers.BertForSequenceClassification,
    "token_classifier": transformers.BertForTokenClassification,
    "span_predictor": transformers.BertForQuestionAnswering,
    "backbone": transformers.BertModel,
}


def logits(model):
    """model -> its outputs for the batch of tiny_bert/, side by side."""
    batch = np.load(HERE / "tiny_bert" / "expected.npz")
    model = model.base_model if isinstance(model, peft.PeftModel) else model  # PEFT's of questions drop token_type_ids
    names = {"input_ids": "token_ids", "token_type_ids": "segment_ids", "attention_mask": "padding_mask"}
    with torch.no_grad():
        output = model(**{name: torch.tensor(batch[ours]).long() for name, ours in names.items()})
    found = [output[key] for key in ("logits", "start_logits", "end_logits", "last_hidden_state") if key in output]
    return torch.stack(found, -1).squeeze(-1).numpy()


def base(task):
    """Task -> transformers' model of it."""
    return CLASSES[task].from_pretrained(HERE / "tiny_bert" / task).eval()


def write():
    root = HERE / "adapters"
    shutil.rmtree(root, ignore_errors=True)
    expected = {}
    for task, (kind, arguments) in ADAPTERS.items():
        torch.manual_seed(len(task))
        model = peft.get_peft_model(base(task), peft.LoraConfig(task_type=kind, **arguments)).eval()
        with torch.no_grad():  # b would be 0
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(0.3 * torch.randn(parameter.shape))
        expected[task] = logits(model)
        model.save_pretrained(root / task)
        (root / task / "README.md").unlink(missing_ok=True)
        path = root / task / "adapter_config.json"
        config = {**json.loads(path.read_text()), "base_model_name_or_path": f"tiny_bert/{task}"}
        path.write_text(json.dumps(config, indent=2))
    np.savez_compressed(root / "expected.npz", **expected)


if len(sys.argv) == 1:
    write()
else:
    task, directory, file = sys.argv[1:]
    np.save(file, logits(peft.PeftModel.from_pretrained(base(task), directory).eval()))
