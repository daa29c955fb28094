"""Writes embedding_losses_golden.npz: what the losses of sentence-transformers give for random vectors, in float32.

    python make_embedding_losses_golden.py

with torch and sentence-transformers installed (6.2 made the file that is kept). The file has, for each case, the
vectors [columns, B, D], the scores [B], the loss and its gradient to the vectors.
"""

from pathlib import Path

import numpy as np
import torch
from sentence_transformers.sentence_transformer.losses import (
    CoSENTLoss,
    CosineSimilarityLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.sentence_transformer.losses.matryoshka import shrink

BATCH, WIDTH = 5, 12
SYMMETRIC = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
# Name of a case -> the loss, the number of columns, and the numbers of dimensions whose losses are summed.
CASES = {
    "pairs": (MultipleNegativesRankingLoss(None), 2, (WIDTH,)),
    "triplets": (MultipleNegativesRankingLoss(None, scale=10.0), 3, (WIDTH,)),
    "both_directions": (MultipleNegativesRankingLoss(None, **SYMMETRIC), 2, (WIDTH,)),
    "matryoshka": (MultipleNegativesRankingLoss(None), 2, (3, 7, WIDTH)),
    "cosent": (CoSENTLoss(None), 2, (WIDTH,)),
    "cosine": (CosineSimilarityLoss(None), 2, (WIDTH,)),
}

rng = np.random.default_rng(0)
scores = np.array([0.2, 0.9, 0.4, 0.4, 0.0], "float32")  # two are equal
golden = {"scores": scores}
for name, (loss, columns, widths) in CASES.items():
    vectors = rng.normal(size=(columns, BATCH, WIDTH)).astype("float32")
    tensor = torch.tensor(vectors, requires_grad=True)
    labels = torch.tensor(scores)
    value = sum(loss.compute_loss_from_embeddings([shrink(one, width) for one in tensor], labels) for width in widths)
    value.backward()
    golden |= {f"{name}/vectors": vectors, f"{name}/loss": value.item(), f"{name}/gradient": tensor.grad.numpy()}
    print(name, round(value.item(), 4))
np.savez_compressed(Path(__file__).with_name("embedding_losses_golden.npz"), **golden)
