"""Writes tiny_bert/: a random BERT of odd sizes with each head, as transformers saves it, and what it computes.

    python make_tiny_bert.py

with torch and transformers installed (5.23 made the files that are kept). Each directory holds config.json and
model.safetensors; expected.npz holds a padded batch and the outputs. The tokenizer's directory holds what transformers
saves of a tokenizer.
"""

import shutil
from pathlib import Path

import numpy as np
import torch
import transformers

SPECIAL = "[PAD] [UNK] [CLS] [SEP] [MASK]"
WORDS = f"{SPECIAL} the cat sat on mat ##s dog ran to a big red house of wood and it was very old . , ! ?"
HEADS = {
    "backbone": ("BertModel", {}),
    "pretrainer": ("BertForPreTraining", {}),
    "masked_language_model": ("BertForMaskedLM", {"hidden_act": "gelu_new"}),
    "text_classifier": (
        "BertForSequenceClassification",
        {"id2label": {0: "bad", 1: "fair", 2: "good"}, "classifier_dropout": 0.25},
    ),
    "text_regressor": ("BertForSequenceClassification", {"num_labels": 1, "problem_type": "regression"}),
    "token_classifier": ("BertForTokenClassification", {"num_labels": 5, "layer_norm_eps": 1e-5}),
    "span_predictor": ("BertForQuestionAnswering", {}),
}

root = Path(__file__).with_name("tiny_bert")
shutil.rmtree(root, ignore_errors=True)
random = np.random.default_rng(7)
padding_mask = np.array([[1] * 7, [1] * 5 + [0] * 2, [1] * 3 + [0] * 4], "int32")
token_ids = random.integers(5, 29, padding_mask.shape).astype("int32") * padding_mask
segment_ids = random.integers(0, 2, padding_mask.shape).astype("int32") * padding_mask
expected = {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}

for task, (name, settings) in HEADS.items():
    config = transformers.BertConfig(
        vocab_size=29,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=37,
        max_position_embeddings=11,
        type_vocab_size=2,
        hidden_dropout_prob=0.2,
        attention_probs_dropout_prob=0.05,
        **settings,
    )
    model = getattr(transformers, name)(config).eval()
    torch.manual_seed(len(task))
    with torch.no_grad():
        # transformers starts biases at 0, gains at 1 and kernels near 0; a swapped weight must show in the output.
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
        outputs = model(
            input_ids=torch.tensor(token_ids, dtype=torch.long),
            token_type_ids=torch.tensor(segment_ids, dtype=torch.long),
            attention_mask=torch.tensor(padding_mask, dtype=torch.long),
        )
    model.save_pretrained(root / task)
    expected |= {f"{task}/{key}": value.numpy() for key, value in outputs.items()}
np.savez_compressed(root / "expected.npz", **expected)

tokenizer = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS.split())}, do_lower_case=True)
tokenizer.save_pretrained(root / "tokenizer")
