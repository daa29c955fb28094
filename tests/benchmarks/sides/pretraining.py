"""A side of pretrain.py: ours or transformers -> one line of JSON."""

import argparse
import json
import random
import re
import time
from pathlib import Path


def ours(options):
    import keras

    import keras_bert

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_bfloat16" if options.precision == "bfloat16" else "float32")
    tokenizer = keras_bert.WordPieceTokenizer.load(options.vocabulary, lowercase=True)
    data = keras_bert.data.PretrainingBatches(options.corpus, tokenizer, options.batch_size, options.max_length)
    config = keras_bert.BertConfig(
        vocabulary_size=tokenizer.vocabulary_size,
        num_layers=options.num_layers,
        num_heads=options.num_heads,
        hidden_dim=options.hidden_dim,
        intermediate_dim=4 * options.hidden_dim,
    )
    model = keras_bert.pretrainer(keras_bert.backbone(config))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    model.compile(keras_bert.AdamW(1e-3), loss=dict.fromkeys(model.output, loss))
    throughput = keras_bert.callbacks.Throughput()
    history = model.fit(
        throughput.count(data.dataset()),
        steps_per_epoch=options.steps + 3,
        shuffle=False,
        verbose=0,
        callbacks=[throughput],
    )
    found = throughput.results()
    return {**found, "train_loss": round(history.history["loss"][0], 4), "version": keras_bert.__version__}


class Pairs:
    """Files of text -> token ids of two segments, and whether the second is from elsewhere, without an end."""

    def __init__(self, files, tokenizer, room, seed=0):
        self.room, self.random = room, random.Random(seed)
        text = "\n\n".join(Path(path).read_text(encoding="utf8") for path in files)
        documents = [re.split(r"(?<=[.!?])\s+|\n", block.strip()) for block in text.split("\n\n")]
        documents = [[sentence for sentence in document if sentence.strip()] for document in documents]
        encode = tokenizer.encode_batch
        self.documents = [
            [one.ids for one in encode(document, add_special_tokens=False)] for document in documents if document
        ]

    def _segment(self, document, begin, room):
        """document, number of a sentence, most tokens -> tokens from there on, number of the sentence after them."""
        tokens = []
        while begin < len(document) and len(tokens) < room:
            tokens += document[begin]
            begin += 1
        return tokens[:room], begin

    def __iter__(self):
        while True:
            for document in self.random.sample(self.documents, len(self.documents)):
                begin = 0
                while begin < len(document):
                    # As in BERT: one pair in ten is shorter than its row.
                    room = self.room if self.random.random() > 0.1 else self.random.randint(2, self.room)
                    share = self.random.randint(1, room - 1)
                    first, begin = self._segment(document, begin, share)
                    is_random = begin == len(document) or self.random.random() < 0.5
                    if is_random:
                        other = self.random.choice(self.documents)
                        second, _ = self._segment(other, self.random.randrange(len(other)), room - len(first))
                    else:
                        second, begin = self._segment(document, begin, room - len(first))
                    if first and second:
                        yield first, second, int(is_random)


def transformers(options):
    import torch
    import transformers
    from tokenizers import BertWordPieceTokenizer

    torch.manual_seed(0)
    tokenizer = BertWordPieceTokenizer(options.vocabulary, lowercase=True)
    ids = {name: tokenizer.token_to_id(f"[{name}]") for name in ("PAD", "CLS", "SEP", "MASK")}
    model = transformers.BertForPreTraining(
        transformers.BertConfig(
            vocab_size=tokenizer.get_vocab_size(),
            num_hidden_layers=options.num_layers,
            hidden_size=options.hidden_dim,
            num_attention_heads=options.num_heads,
            intermediate_size=4 * options.hidden_dim,
        )
    )
    pairs = iter(Pairs(options.corpus, tokenizer, options.max_length - 3))

    def batch():
        """-> what the model takes, rows padded to the longest; a word in 7 hidden, 80/10/10."""
        rows = [next(pairs) for _ in range(options.batch_size)]
        tokens = [[ids["CLS"], *first, ids["SEP"], *second, ids["SEP"]] for first, second, _ in rows]
        segments = [[0] * (len(first) + 2) + [1] * (len(second) + 1) for first, second, _ in rows]
        length = max(map(len, tokens))
        padded = torch.tensor([row + [ids["PAD"]] * (length - len(row)) for row in tokens])
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in tokens])
        is_word = (padded != ids["CLS"]) & (padded != ids["SEP"]) & (mask == 1)
        hidden = is_word & (torch.rand(padded.shape) < 0.15)
        labels, chance = padded.masked_fill(~hidden, -100), torch.rand(padded.shape)
        anything = torch.randint(tokenizer.get_vocab_size(), padded.shape)
        seen = torch.where(hidden & (chance < 0.8), ids["MASK"], padded)
        return {
            "input_ids": torch.where(hidden & (chance >= 0.9), anything, seen),
            "token_type_ids": torch.tensor([row + [0] * (length - len(row)) for row in segments]),
            "attention_mask": mask,
            "labels": labels,
            "next_sentence_label": torch.tensor([is_random for _, _, is_random in rows]),
        }

    groups = [{"params": [], "weight_decay": 0.01}, {"params": [], "weight_decay": 0.0}]
    for name, weight in model.named_parameters():
        groups["bias" in name or "LayerNorm" in name]["params"].append(weight)
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    model.train()
    losses, done = [], []  # of each step: when it ended, real tokens, cells of full rows
    for _ in range(options.steps + 3):
        inputs = batch()
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bfloat16"):
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        mask = inputs["attention_mask"]
        done.append((time.perf_counter(), int(mask.sum()), mask.numel()))
    return {
        "real_tokens_per_s": round(sum(one[1] for one in done[3:]) / (done[-1][0] - done[2][0])),
        "padding": round(1 - sum(one[1] for one in done) / sum(one[2] for one in done), 4),
        "train_loss": round(sum(losses) / len(losses), 4),
        "steps": len(done),
        "version": transformers.__version__,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=["ours", "transformers"])
    parser.add_argument("--corpus", nargs="+")
    for name in ("vocabulary", "precision"):
        parser.add_argument(f"--{name}")
    for name in ("num-layers", "num-heads", "hidden-dim", "steps", "max-length", "batch-size"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    print(json.dumps({"ours": ours, "transformers": transformers}[options.side](options)))


if __name__ == "__main__":
    main()
