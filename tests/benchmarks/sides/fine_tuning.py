"""A side of fine_tune.py: ours or transformers -> one line of JSON."""

import argparse
import csv
import json
import random
import resource
import time


def read(options):
    """-> (text, label) of `examples` rows in random order, the labels; the same for both sides."""
    with open(options.train, encoding="utf8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = [(row[options.text_column], row[options.label_column]) for row in rows]
    random.Random(0).shuffle(rows)
    return rows[: options.examples], sorted({label for _, label in rows})


def ours(options):
    import keras

    import keras_bert

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_bfloat16" if options.precision == "bfloat16" else "float32")
    rows, labels = read(options)
    model, tokenizer = keras_bert.load_pretrained(options.checkpoint, "text_classifier", labels=labels)
    if options.lora_rank is not None:
        model = keras_bert.lora(model, options.lora_rank)
    batches = keras_bert.data.classification_batches(
        rows, tokenizer, labels, options.batch_size, options.max_length, seed=0
    )
    schedule = keras_bert.WarmupPolynomialDecay(1e-4, len(batches), warmup_steps=len(batches) // 10)
    model.compile(keras_bert.AdamW(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    throughput = keras_bert.callbacks.Throughput()
    history = model.fit(throughput.count(batches), shuffle=False, verbose=0, callbacks=[throughput])
    found = throughput.results()
    return {**found, "train_loss": round(history.history["loss"][0], 4), "version": keras_bert.__version__}


def transformers(options):
    import torch
    import transformers

    torch.manual_seed(0)
    rows, labels = read(options)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.checkpoint)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        options.checkpoint, num_labels=len(labels), ignore_mismatched_sizes=True
    )
    if options.lora_rank is not None:
        import peft

        config = peft.LoraConfig(
            task_type="SEQ_CLS", r=options.lora_rank, lora_alpha=options.lora_rank, target_modules=["query", "value"]
        )
        model = peft.get_peft_model(model, config)
    groups = [{"params": [], "weight_decay": 0.01}, {"params": [], "weight_decay": 0.0}]
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            groups["bias" in name or "LayerNorm" in name]["params"].append(weight)
    optimizer = torch.optim.AdamW(groups, lr=1e-4)
    steps = len(rows) // options.batch_size
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    model.train()
    losses, done = [], []  # of each step: when it ended, examples, real tokens, cells
    for step in range(steps):
        batch = rows[step * options.batch_size :][: options.batch_size]
        inputs = tokenizer(
            [text for text, _ in batch],
            padding=True,
            truncation=True,
            max_length=options.max_length,
            return_tensors="pt",
        )
        targets = torch.tensor([labels.index(label) for _, label in batch])
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bfloat16"):
            loss = model(**inputs, labels=targets).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        mask = inputs["attention_mask"]
        done.append((time.perf_counter(), len(batch), int(mask.sum()), mask.numel()))
    seconds = done[-1][0] - done[2][0]
    return {
        "train_examples_per_s": round(sum(one[1] for one in done[3:]) / seconds, 1),
        "real_tokens_per_s": round(sum(one[2] for one in done[3:]) / seconds),
        "padding": round(1 - sum(one[2] for one in done) / sum(one[3] for one in done), 4),
        "train_loss": round(sum(losses) / steps, 4),
        "steps": steps,
        "version": transformers.__version__,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=["ours", "transformers"])
    for name in ("train", "text-column", "label-column", "checkpoint", "precision"):
        parser.add_argument(f"--{name}")
    for name in ("examples", "batch-size", "max-length", "lora-rank"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    found = {"ours": ours, "transformers": transformers}[options.side](options)
    # On Linux in KiB.
    print(json.dumps({**found, "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
