"""Schemes told from tags: what marks entities is put into BIO, parts of speech stay, contradictions are named."""

import random

import pytest

from keras_bert.utils.tag_recognition import bio_labels, find_scheme, remark
from keras_bert.utils.tag_schemes import is_bio, to_bio

# Two persons side by side, then a place, each of two units, and a person alone, in every scheme.
EXPECTED = tuple(["B-PER", "I-PER", "B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "B-PER"])
SAME = {
    "BIO": "B-PER I-PER B-PER I-PER O B-LOC I-LOC O B-PER",
    "IOB1": "I-PER I-PER B-PER I-PER O I-LOC I-LOC O I-PER",
    "BIOES": "B-PER E-PER B-PER E-PER O B-LOC E-LOC O S-PER",
    "BILOU": "B-PER L-PER B-PER L-PER O B-LOC L-LOC O U-PER",
    "BMES": "B-PER M-PER B-PER M-PER O B-LOC E-LOC O S-PER",
    "IOE": "I-PER E-PER I-PER E-PER O I-LOC E-LOC O E-PER",
}
WRITTEN = {
    "B_PER": lambda tag: tag.replace("-", "_"),
    "PER-B": lambda tag: "-".join(reversed(tag.split("-"))),
    "PER_B and -": lambda tag: "-" if tag == "O" else "_".join(reversed(tag.split("-"))),
    "b-per": str.lower,
    "per-b": lambda tag: "-".join(reversed(tag.lower().split("-"))),
    "B:PER": lambda tag: tag.replace("-", ":"),
    "0": lambda tag: tag.replace("O", "0") if tag == "O" else tag,
    "o": lambda tag: tag.replace("O", "o") if tag == "O" else tag,
    "_": lambda tag: tag.replace("O", "_") if tag == "O" else tag,
}


def read(tags, **options):
    """a string of tags -> the name of their scheme, and the same tags in BIO as one string."""
    scheme = find_scheme([tags.split()], "some.tsv", **options)
    return scheme.name, " ".join(to_bio(tags.split(), scheme))


def said(tags, **options):
    """a string of tags -> what is said of them, or None."""
    return remark([tags.split()], find_scheme([tags.split()], "some.tsv", **options), "some.tsv")


@pytest.mark.parametrize("name", SAME)
def test_every_scheme_is_read_as_bio(name):
    assert read(SAME[name]) == (name, " ".join(EXPECTED))


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("name", SAME)
def test_every_scheme_is_read_however_it_is_written(name, written):
    tags = " ".join(map(WRITTEN[written], SAME[name].split()))
    assert read(tags) == (name, " ".join(EXPECTED))
    assert said(tags).startswith(f"some.tsv marks entities in {name} as ")
    assert "They are read as B-LOC where one begins, I-LOC where it goes on, and O." in said(tags)


@pytest.mark.parametrize(
    ("tags", "name", "bio"),
    [
        ("B I O B B", "BIO", "B-ENTITY I-ENTITY O B-ENTITY B-ENTITY"),
        ("b i o", "BIO", "B-ENTITY I-ENTITY O"),
        ("B- I- O", "BIO", "B-ENTITY I-ENTITY O"),
        ("I I O I", "IOB1", "B-ENTITY I-ENTITY O B-ENTITY"),
        ("B O B", "BIO", "B-ENTITY O B-ENTITY"),
        ("B I 0", "BIO", "B-ENTITY I-ENTITY O"),
        ("B M E S", "BMES", "B-ENTITY I-ENTITY I-ENTITY B-ENTITY"),
        ("B I B B", "BIO", "B-ENTITY I-ENTITY B-ENTITY B-ENTITY"),
    ],
)
def test_positions_alone_have_a_type_of_their_own(tags, name, bio):
    assert read(tags) == (name, bio)


@pytest.mark.parametrize(
    ("tags", "bio"),
    [
        ("PER PER O LOC PER", "B-PER I-PER O B-LOC B-PER"),
        ("per per o", "B-PER I-PER O"),
        ("Disease O cell_line", "B-Disease O B-cell_line"),
        ("PER NUM DAT O", "B-PER B-NUM B-DAT O"),  # NUM is a part of speech too, but PER and DAT aren't
        ("E-MAIL PER O", "B-E-MAIL B-PER O"),  # E- is no end, as nothing begins
        ("인물 O 장소", "B-인물 O B-장소"),
    ],
)
def test_types_alone_are_entities_beside_o(tags, bio):
    assert read(tags) == ("IO", bio)
    assert "Pass is_entities=False if each tag says something of its word alone." in said(tags)


@pytest.mark.parametrize(
    "tags",
    [
        "NOUN VERB X PUNCT",
        "NN -LRB- PRP$ . , `` '' : $ # VBD",
        "NNG JKS SL MM NNG+JX SF",
        "n v o b i nr",  # PKU's, in which o, b and i are words of three kinds
        "I-X PRON E-X",
        "n-x v-x",
        "ADJ ADP _ X",
    ],
)
def test_parts_of_speech_are_left_alone_and_nothing_is_said(tags):
    assert read(tags) == ("words", tags)
    assert tags.startswith("I-X") or said(tags) is None


@pytest.mark.parametrize(
    "tags",
    [
        "N O ^ S V",  # of tweets, in which O is a pronoun
        "NOUN VERB O",
        "O COMMA PERIOD",
        "P O L",
        "PER - - -",
        "PER OTHER OTHER",
        "B-side X",
        "PER|LOC PER O",
        "NER=B-PER NER=O",
        "(PERSON* *) (NORP) *",
        '"B-PER" "O"',
    ],
)
def test_what_might_be_entities_is_never_read_as_words_in_silence(tags):
    assert read(tags) == ("words", tags)
    assert "Each tag of some.tsv is read as one of its word alone" in said(tags)


def test_the_user_has_the_last_word():
    assert read("PER PER - LOC", is_entities=True) == ("IO", "B-PER I-PER O B-LOC")
    assert read("NOUN OTHER", is_entities=True) == ("IO", "B-NOUN O")
    assert read("O O", is_entities=True) == ("BIO", "O O")
    assert read("PER PER O", is_entities=False) == ("words", "PER PER O")
    assert read("B-PER I-PER O X", is_entities=False) == ("words", "B-PER I-PER O X")
    with pytest.raises(ValueError, match=r"as B-side, but there are others too: 'X' \(1 time\)"):
        read("B-side X", is_entities=True)


@pytest.mark.parametrize(
    ("tags", "stray"),
    [
        ("B-P I-P PERSON", "PERSON"),
        ("B-P O Q", "Q"),
        ("B-P O I-P I-", "I-"),
        ("I-P I-P O o", "o"),
        ("B-PER I-PER O b-loc", "b-loc"),
        ("B-PER I-PER B_LOC O", "B_LOC"),
        ("PER_B PER_I - XX", "XX"),
        ("B I O X", "X"),
    ],
)
def test_tags_that_contradict_each_other_are_named(tags, stray):
    with pytest.raises(
        ValueError, match=rf"Those of some\.tsv mark them as .* others too: '{stray}' \(1 time\)\. Corr"
    ):
        read(tags)


def test_twenty_strays_are_named_with_their_lines_and_the_rest_counted():
    strays = [f"X{number}" for number in range(23)]
    tags = ["B-P", "I-P", "O", *strays, "X0"]
    with pytest.raises(ValueError) as error:
        find_scheme([tags], "some.tsv", first_lines={tag: i for i, tag in enumerate(tags[:-1], 1)})
    assert "'X0' (2 times, line 4), 'X1' (1 time, line 5)" in str(error.value)
    assert "'X19' (1 time, line 23) and 3 more" in str(error.value) and "'X20'" not in str(error.value)


def test_types_may_have_any_separator_in_them():
    assert read("B-GENE-PROTEIN I-GENE-PROTEIN O B-WORK_OF_ART") == (
        "BIO",
        "B-GENE-PROTEIN I-GENE-PROTEIN O B-WORK_OF_ART",
    )
    assert read("GENE-PROTEIN-B GENE-PROTEIN-I O")[1] == "B-GENE-PROTEIN I-GENE-PROTEIN O"
    assert read("B-PER.NAM I-PER.NAM O")[1] == "B-PER.NAM I-PER.NAM O"
    assert read("BPER IPER O BLOC")[1] == "B-PER I-PER O B-LOC"


def test_plain_bio_needs_no_word():
    assert said("B-PER I-PER O B-geo") is None
    assert said("O O") is None
    assert said("O I-PER O B-PER I-LOC") == "In some.tsv, I- begins an entity 2 times, and is read as B-."


def test_bio_agrees_with_seqeval_on_random_tags():
    scheme = pytest.importorskip("seqeval.scheme")
    generator = random.Random(5)
    for name, letters in {"IOB1": "BI", "IOB2": "BI", "IOBES": "BIES", "BILOU": "BILU"}.items():
        for _ in range(200):
            # Entities at random, written in the scheme.
            tags, gold = [], []
            while len(tags) < 9:
                length, kind = generator.randint(1, 3), generator.choice(["P", "L", None])
                if kind is None:
                    tags.append("O")
                    continue
                gold.append((len(tags), len(tags) + length, kind))
                follows = bool(tags) and tags[-1].endswith(kind)
                begin = "I" if name == "IOB1" and not follows else "B"
                written = [begin] + ["I"] * (length - 1)
                if len(letters) == 4:
                    written = [letters[3] if name == "BILOU" else "S"] if length == 1 else written[:-1] + [letters[2]]
                tags += [f"{letter}-{kind}" for letter in written]
            bio = scheme.Entities([list(to_bio(tags))], scheme.IOB2).entities[0]
            assert [(e.start, e.end, e.tag) for e in bio] == gold


@pytest.mark.parametrize(
    ("labels", "bio"),
    [
        ("O B-P I-P", "O B-P I-P"),
        ("- PER_B PER_I", "O B-PER I-PER"),
        ("O S-P E-P B-P I-P", "O B-P I-P B-P I-P"),
        ("B I O", "B-ENTITY I-ENTITY O"),
        ("O LOC PER", "O I-LOC I-PER"),
        ("NOUN VERB O", "NOUN VERB O"),
        ("0 1 2", "0 1 2"),
    ],
)
def test_labels_of_models_are_put_into_bio(labels, bio):
    assert bio_labels(labels.split()) == (tuple(bio.split()), [])
    assert bio_labels(labels.split(), is_entities=False) == (tuple(labels.split()), [])


def test_labels_beside_those_of_entities_are_outside():
    assert bio_labels(["O", "B-P", "I-P", "X", "[CLS]"]) == (("O", "B-P", "I-P", "O", "O"), ["X", "[CLS]"])


def test_tags_in_bio_are_told_from_others():
    assert is_bio(["O", "B-P", "I-P"]) and is_bio(["B-P"])
    assert not is_bio(["O"]) and not is_bio(["O", "B-P", "NOUN"]) and not is_bio(["O", "S-P"])
