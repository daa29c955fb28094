"""A process of tests/training/test_losses.py: the losses of the golden vectors, and of training, on KERAS_BACKEND.

python tests/processes/losses_on_a_backend.py
"""

import json
from pathlib import Path

import keras
import numpy as np

import keras_bert
from keras_bert.training.losses import CoSENT, CosineRegression, InBatchNegatives
from small_task import config, ranking

LOSSES = {
    "pairs": InBatchNegatives(),
    "triplets": InBatchNegatives(temperature=0.1),
    "both_directions": InBatchNegatives(both_directions=True),
    "matryoshka": InBatchNegatives(dimensions=(3, 7, 12)),
    "cosent": CoSENT(),
    "cosine": CosineRegression(),
}


def main():
    found = {}
    with np.load(Path(__file__).parents[1] / "references" / "embedding_losses_golden.npz") as golden:
        for case, loss in LOSSES.items():
            columns, batch, width = golden[f"{case}/vectors"].shape
            groups = np.tile(np.arange(batch), columns)
            if isinstance(loss, InBatchNegatives):
                targets = [groups, np.repeat(np.arange(columns), batch), np.arange(columns * batch)]
            else:
                targets = [groups, np.tile(golden["scores"], columns)]
            value = loss(np.stack(targets, axis=1), golden[f"{case}/vectors"].reshape(-1, width))
            found[case] = float(keras.ops.convert_to_numpy(value))
    keras.utils.set_random_seed(0)
    model = keras_bert.text_embedder(keras_bert.backbone(config()))
    model.compile(keras_bert.AdamW(3e-3), InBatchNegatives(both_directions=True))
    x, y = ranking(np.random.default_rng(0), 7)
    found["fit"] = [float(model.train_on_batch(x, y)) for _ in range(8)]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
