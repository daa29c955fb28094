"""What long texts give, cut at the end, cut in the middle, or read whole in windows: test accuracy and seconds.

    python tests/benchmarks/long_texts.py --train train-v1.1.json --test dev-v1.1.json --checkpoint DIR

The texts are made of SQuAD's paragraphs, always the same ones: by default eight of articles on history, law, religion
and the like, but for one, on a place, on arts and entertainment, or on nature and science. It is the class, and stands
at a random place in the second half: where half the text fills a row, the beginning tells nothing, and a classifier
that reads it alone is right in a third of the texts. (The article's title would be too easy: each paragraph tells it.)
The articles of the test file are others than those to train on. Each way trains alike, in a process of its own.
"""

import dataclasses
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import common
import tyro

CLASSES = {
    "place": "New_York_City Montana Tajikistan Portugal Saint_Barth%C3%A9lemy Republic_of_the_Congo Plymouth "
    "Southern_Europe Warsaw Victoria_(Australia) Newcastle_upon_Tyne Jacksonville,_Florida Southern_California Kenya "
    "Fresno,_California Rhine Amazon_rainforest",
    "arts": "Beyoncé Frédéric_Chopin The_Legend_of_Zelda:_Twilight_Princess Spectre_(2015_film) To_Kill_a_Mockingbird "
    "Kanye_West American_Idol BBC_Television Arnold_Schwarzenegger Doctor_Who American_Broadcasting_Company "
    "Sky_(United_Kingdom) Victoria_and_Albert_Museum",
    "science": "Antibiotics Genome Symbiosis Dog Solar_energy Lighting Oxygen Immune_system Chloroplast Ctenophora "
    "Geology Force Prime_number Computational_complexity_theory Steam_engine Packet_switching",
}
OTHERS = (
    "Genocide Sino-Tibetan_relations_during_the_Ming_dynasty Anthropology Buddhism Comprehensive_school "
    "Financial_crisis_of_2007%E2%80%9308 Prime_minister Institute_of_technology Dutch_Republic Canadian_Armed_Forces "
    "Cardinal_(Catholicism) Separation_of_powers_under_the_United_States_Constitution Human_Development_Index Teacher "
    "1973_oil_crisis European_Union_law Black_Death Genghis_Khan Civil_disobedience Islamism Imperialism "
    "French_and_Indian_War Normans Economic_inequality Scottish_Parliament Martin_Luther Huguenot "
    "United_Methodist_Church Yuan_dynasty Private_school"
)
WAYS = {
    "cut at the end": [],
    "cut in the middle": ["--cut", "middle"],
    "in windows, mean": ["--windows", "mean"],
    "in windows, first and last": ["--windows", "first_and_last"],
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Measures ways to read long texts.

    Args:
        train: Articles to train on, in SQuAD's format.
        test: Articles to test on.
        checkpoint: A directory in Hugging Face's layout.
        train_texts: Number of texts to train on.
        test_texts: Number of texts to test on; as many others choose the epoch.
        paragraphs: Number of paragraphs of a text, some 150 tokens each.
        max_length: The most tokens of a row, or of a window.
        batch_size: Texts in a batch.
        epochs: Passes over them.
        learning_rate: The highest rate.
        precision: Arithmetic of the layers.
        ways: Numbers of the ways to measure: 0 and 1 cut at the end and in the middle, 2 and 3 are windows.
    """

    train: Path
    test: Path
    checkpoint: Path
    train_texts: int = 600
    test_texts: int = 300
    paragraphs: int = 8
    max_length: int = 512
    batch_size: int = 8
    epochs: int = 1
    learning_rate: float = 1e-4
    precision: str = "mixed_bfloat16"
    ways: tuple[int, ...] = (0, 1, 2, 3)


def long_texts(path, count, num_paragraphs, seed):
    """a file in SQuAD's format, how many texts, of how many paragraphs, a seed -> pairs of a text and its class."""
    articles = {article["title"]: article for article in json.loads(path.read_text(encoding="utf-8"))["data"]}

    def paragraphs(titles):
        return [
            paragraph["context"]
            for title in titles.split()
            for paragraph in articles.get(title, {}).get("paragraphs", ())
        ]

    others, rng, examples = paragraphs(OTHERS), random.Random(seed), []
    telling = {name: paragraphs(titles) for name, titles in CLASSES.items()}
    for number in range(count):
        label = [*CLASSES][number % len(CLASSES)]
        parts = rng.sample(others, num_paragraphs)
        parts[rng.randrange(num_paragraphs // 2, num_paragraphs)] = rng.choice(telling[label])
        examples.append((" ".join(parts), label))
    return examples


def main(config):
    machine, found = common.machine(), {}
    with tempfile.TemporaryDirectory() as directory:
        files = {
            "train": long_texts(config.train, config.train_texts, config.paragraphs, seed=0),
            "valid": long_texts(config.test, config.test_texts, config.paragraphs, seed=1),
            "test": long_texts(config.test, config.test_texts, config.paragraphs, seed=2),
        }
        options = []
        for name, examples in files.items():
            path = Path(directory, f"{name}.jsonl")
            path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in examples))
            options += [f"--{name}", path]
        for name in ("max_length", "batch_size", "epochs", "learning_rate", "precision"):
            options += [f"--{name.replace('_', '-')}", getattr(config, name)]
        for way in (list(WAYS)[number] for number in config.ways):
            command = [
                sys.executable,
                "-m",
                "keras_bert.recipes.command",
                "classify",
                "--pretrained",
                config.checkpoint,
            ]
            done = subprocess.run(
                [*map(str, [*command, *options, *WAYS[way]])], stdout=subprocess.PIPE, text=True, check=True
            )
            metrics = json.loads(done.stdout.splitlines()[-1])
            found[way] = {key: metrics[key] for key in ("test_accuracy", "valid_accuracy", "train_loss", "seconds")}
            print(way, found[way], file=sys.stderr)
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(config).items()}
    print(json.dumps({"benchmark": "long_texts", "machine": machine, "settings": settings, "ways": found}))


if __name__ == "__main__":
    main(tyro.cli(Config))
