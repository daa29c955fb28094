"""Writes minilm_attention_golden.npz: attention weights and hidden states of a real MiniLM, as transformers has them.

    python make_minilm_attention_golden.py DIRECTORY

with torch and transformers installed (5.23 made the file that is kept), where DIRECTORY holds
sentence-transformers/all-MiniLM-L6-v2; the test needs the same weights. The two texts are one batch, so that the second
is padded; what is kept of each is that of its own tokens. So that the file is small, heads and dimensions are kept in
part: all layers, every third head, every 24th dimension.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, BertModel

TEXTS = ["The cat sat on the mat because it was tired.", "Unbelievably short."]
HEADS, DIMENSIONS = slice(2, None, 3), slice(0, None, 24)

directory = sys.argv[1]
batch = AutoTokenizer.from_pretrained(directory)(TEXTS, padding=True, return_tensors="pt")
model = BertModel.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
with torch.no_grad():
    output = model(**batch, output_attentions=True, output_hidden_states=True)
attentions = torch.stack(output.attentions, dim=1).numpy()  # [B, L, H, T, T]
states = torch.stack(output.hidden_states, dim=1).numpy()  # [B, L + 1, T, D]
kept = {}
for row, count in enumerate(batch["attention_mask"].sum(dim=1).tolist()):
    kept[f"attentions_{row}"] = attentions[row, :, HEADS, :count, :count]
    kept[f"hidden_states_{row}"] = states[row, :, :count, DIMENSIONS]
path = Path(__file__).with_name("minilm_attention_golden.npz")
np.savez_compressed(
    path,
    token_ids=batch["input_ids"].numpy().astype("int32"),
    segment_ids=batch["token_type_ids"].numpy().astype("int32"),
    padding_mask=batch["attention_mask"].numpy().astype("int32"),
    **kept,
)
tokens = AutoTokenizer.from_pretrained(directory).convert_ids_to_tokens(batch["input_ids"][0])
print("it looks at cat:", attentions[0, -1, 11, tokens.index("it"), tokens.index("cat")], path.stat().st_size, "bytes")
