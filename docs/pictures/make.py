"""Makes the pictures of a real model that the documents show.

    python docs/pictures/make.py MINILM

where MINILM is a directory with sentence-transformers/all-MiniLM-L6-v2, or that name. For attributions.svg it trains a
classifier on recipes/samples/classify, two epochs: half a minute on a quiet CPU.
"""

import sys
from pathlib import Path

import keras

import keras_bert
from keras_bert import inspection

HERE = Path(__file__).parent
CAT = "The cat sat on the mat because it was tired."
BANKS = [
    "He sat on the bank of the river and fished.",
    "The bank of the stream was muddy.",
    "She paid the money into the bank.",
    "The bank raised its interest rates.",
]
WORDS = ["bank", "river", "fished", "stream", "muddy", "paid", "money", "interest", "rates"]
REVIEW = "The food was wonderful, but the waiter was rude and slow."


def classifier(minilm):
    """MiniLM -> a classifier of reviews and its tokenizer."""
    keras.utils.set_random_seed(0)
    train = keras_bert.data.read_labelled_texts(HERE.parents[1] / "recipes" / "samples" / "classify" / "en_train.tsv")
    model, tokenizer = keras_bert.load_pretrained(minilm, "text_classifier", labels=train.labels)
    batches = keras_bert.data.classification_batches(
        train, tokenizer, train.labels, batch_size=16, max_length=64, seed=0
    )
    model.compile(keras_bert.AdamW(1e-4), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(batches, epochs=2, shuffle=False, verbose=2)
    return model, tokenizer


def main(minilm):
    model, tokenizer = keras_bert.load_pretrained(minilm)
    cat = inspection.attention(model, tokenizer, CAT)
    inspection.show_attention(cat, layer=-1, head=11, word="it").save(HERE / "attention.svg")
    inspection.show_attention(cat, layer=-1, head=[4, 11]).save(HERE / "heads.svg")
    banks = [inspection.hidden_states(model, tokenizer, text) for text in BANKS]
    inspection.show_embeddings(banks, words=WORDS).save(HERE / "embeddings.svg")
    found = inspection.attributions(*classifier(minilm), REVIEW)
    inspection.show_attributions(found).save(HERE / "attributions.svg")
    places = (-1, 11, cat.places_of("it")[0], cat.places_of("cat")[0])
    print(f"it looks at cat: {cat.weights[places]:.4f}; {found.target}, off by {found.error:.2%}")


if __name__ == "__main__":
    main(sys.argv[1])
