"""A side of embed.py: ours or sentence_transformers -> one line of JSON."""

import argparse
import csv
import json
import sys
import time
from pathlib import Path


def ours(options):
    import keras_bert
    from keras_bert.recipes import embed

    config = embed.Config(
        train=options.train,
        valid=options.valid,
        pretrained=options.checkpoint,
        limit=options.examples,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        max_length=options.max_length,
        precision="mixed_bfloat16" if options.precision == "bfloat16" else "float32",
    )
    return {**embed.main(config), "version": keras_bert.__version__}


def read(path):
    """path -> (first text, second text, score or None): pairs with scores, or SQuAD's questions and paragraphs."""
    if path.suffix == ".json":
        articles = json.loads(path.read_text(encoding="utf8"))["data"]
        paragraphs = (paragraph for article in articles for paragraph in article["paragraphs"])
        return [(asked["question"], one["context"], None) for one in paragraphs for asked in one["qas"]]
    with open(path, encoding="utf8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["sentence1"], row["sentence2"], float(row["score"])) for row in rows]


def sentence_transformers(options):
    import numpy as np
    import sentence_transformers
    import torch
    from scipy.stats import spearmanr
    from sentence_transformers import InputExample, SentenceTransformer, models
    from sentence_transformers.sentence_transformer import losses
    from sentence_transformers.sentence_transformer.datasets import NoDuplicatesDataLoader

    torch.manual_seed(0)
    encoder = models.Transformer(str(options.checkpoint), max_seq_length=options.max_length)
    layers = [encoder, models.Pooling(encoder.get_word_embedding_dimension(), "mean"), models.Normalize()]
    model = SentenceTransformer(modules=layers, device="cpu")

    def scores(rows):
        """rows -> Spearman's correlation, or the scores of a search, as ours defines them."""
        if rows[0][2] is not None:
            first, second = (model.encode([row[i] for row in rows], batch_size=32) for i in range(2))
            return {"spearman": float(spearmanr((first * second).sum(axis=1), [row[2] for row in rows]).statistic)}
        passages = {text: number for number, text in enumerate(dict.fromkeys(row[1] for row in rows))}
        right = {}
        for question, passage, _ in rows:
            right.setdefault(question, set()).add(passages[passage])
        found = model.encode([*right], batch_size=32) @ model.encode([*passages], batch_size=32).T
        ranks = []
        for row, own in zip(found, map(list, right.values()), strict=True):
            best = row[own].max()
            row[own] = -np.inf
            ranks.append(1 + int((row >= best).sum()))
        ranks = np.array(ranks)
        of_ranks = {"recall_at_1": ranks <= 1, "recall_at_10": ranks <= 10, "mrr_at_10": (ranks <= 10) / ranks}
        return {name: float(np.mean(values)) for name, values in of_ranks.items()}

    train, valid = read(options.train), read(options.valid)
    if options.examples and options.examples < len(train):
        kept = np.random.default_rng(0).choice(len(train), options.examples, replace=False)
        train = [train[number] for number in sorted(kept)]
    has_scores = train[0][2] is not None
    examples = [InputExample(texts=list(texts), label=score or 0.0) for *texts, score in train]
    loss = losses.CoSENTLoss(model) if has_scores else losses.MultipleNegativesRankingLoss(model)
    before = scores(valid)
    if has_scores:
        loader = torch.utils.data.DataLoader(examples, options.batch_size, shuffle=True)
    else:
        loader = NoDuplicatesDataLoader(examples, options.batch_size)
    loader.collate_fn = model.smart_batching_collate
    groups = [{"params": [], "weight_decay": 0.01}, {"params": [], "weight_decay": 0.0}]
    for name, weight in model.named_parameters():
        groups["bias" in name or "LayerNorm" in name]["params"].append(weight)
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate)
    steps = len(loader) * options.epochs

    def rate(step):
        """number of a step -> the share of the highest rate, as ours."""
        return min((step + 1) / max(1, steps // 10), (steps - step) / max(1, steps - steps // 10))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    values, done = [], []  # of each step: when it ended, examples
    model.train()
    for _ in range(options.epochs):
        for features, labels in loader:
            with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bfloat16"):
                value = loss(features, labels)
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            values.append(value.item())
            done.append((time.perf_counter(), len(features[0]["input_ids"])))
    model.eval()
    seconds = done[-1][0] - done[2][0]
    return {
        "train_examples_per_s": round(sum(count for _, count in done[3:]) / seconds, 1),
        "train_loss": round(sum(values) / len(values), 4),
        "steps": len(values),
        **{f"before_{name}": value for name, value in before.items()},
        **{f"valid_{name}": value for name, value in scores(valid).items()},
        "version": sentence_transformers.__version__,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=["ours", "sentence_transformers"])
    for name in ("train", "valid", "checkpoint"):
        parser.add_argument(f"--{name}", type=Path)
    for name in ("examples", "epochs", "batch-size", "max-length"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--precision")
    options = parser.parse_args()
    side = {"ours": ours, "sentence_transformers": sentence_transformers}[options.side]
    result = side(options)
    sys.stderr.flush()
    print(json.dumps(result, default=str))


if __name__ == "__main__":
    main()
