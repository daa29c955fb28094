"""Writes minilm_golden.npz: what transformers computes with a real MiniLM on a padded batch, in float32.

    python make_minilm_golden.py DIRECTORY

with torch and transformers installed (5.23 made the file that is kept), where DIRECTORY holds config.json and
model.safetensors of sentence-transformers/all-MiniLM-L6-v2 or of another BertModel; the test needs the same weights.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, BertModel

FIRST = [
    "Here is the sentence I want embeddings for.",
    "Short.",
    "An unbelievably long-winded reviewer called it charming",
]
SECOND = ["And here is another one!", "No, shorter still.", "but nobody at the cinema agreed, did they?"]

directory = sys.argv[1]
batch = AutoTokenizer.from_pretrained(directory)(FIRST, SECOND, padding=True, return_tensors="pt")
model = BertModel.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
with torch.no_grad():
    output = model(**batch)
np.savez_compressed(
    Path(__file__).with_name("minilm_golden.npz"),
    token_ids=batch["input_ids"].numpy().astype("int32"),
    segment_ids=batch["token_type_ids"].numpy().astype("int32"),
    padding_mask=batch["attention_mask"].numpy().astype("int32"),
    sequence_output=output.last_hidden_state.numpy(),
    pooled_output=output.pooler_output.numpy(),
)
print("tokens a row:", batch["attention_mask"].sum(axis=1).tolist())
