"""CoNLL and CoNLL-U files: every layout read, every scheme turned into BIO, every broken line named."""

from pathlib import Path

import pytest

from keras_bert.data import TaggedSentences, check_tags, read_tagged
from keras_bert.data.conll import to_bio

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def written(tmp_path):
    def write(text, name="file.conll"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / name

    return write


def units(sentence):
    return [sentence.text[start:end] for start, end in zip(sentence.starts, sentence.ends, strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "Ann\tB-P\nleft\tO\n\nBob\tB-P\n",
        "Ann\tB-P\r\nleft\tO\r\n\r\nBob\tB-P",
        "\ufeffAnn\tB-P\nleft\tO\n\t\n \nBob\tB-P\n\n\n",
        "# id 1\nAnn\tB-P\nleft\tO\n\n# id 2\nBob\tB-P\n",
        "-DOCSTART-\tO\n\nAnn\tB-P\nleft\tO\n\nBob\tB-P\n",
        "-DOCSTART-\n\nAnn NNP I-NP B-P\nleft VBD I-VP O\n\nBob NNP I-NP B-P\n",
        "# a comment of many words\nAnn  B-P\nleft O\n\nBob B-P\n",
        "## dev 1\tAnn left\nAnn\tB-P\nleft\tO\n\n## dev 2\tB-P\nBob\tB-P\n",
    ],
)
def test_the_same_sentences_in_every_layout(written, text):
    sentences = read_tagged(written(text))
    assert [(units(s), s.tags) for s in sentences] == [(["Ann", "left"], ("B-P", "O")), (["Bob"], ("B-P",))]
    assert [s.text for s in sentences] == ["Ann left", "Bob"]
    assert len(sentences) == 2 and [*sentences] == [*sentences]
    assert sentences.tags == ("B-P", "O") and sentences.counts == {"B-P": 2, "O": 1}
    assert sentences.is_entities and not sentences.by_character


def test_hashtags_are_words_and_odd_line_breaks_are_part_of_them(written):
    sentences = read_tagged(written("#fail\tO\n#\tO\na\u2028b\x85c\x0bd\tO\n \u00a0x\tB-P\n"))
    assert [units(s) for s in sentences] == [["#fail", "#", "a\u2028b\x85c\x0bd", " \u00a0x"]]
    (sentence,) = read_tagged(written("Ann O\n# B-P\n"))
    assert units(sentence) == ["Ann", "#"]


def test_columns_are_numbers(written):
    path = written("Ann\tB-P\tNNP\nleft\tO\tVBD\n")
    assert [s.tags for s in read_tagged(path)] == [("NNP", "VBD")]
    assert [s.tags for s in read_tagged(path, tag_column=1)] == [("B-P", "O")]
    (sentence,) = read_tagged(path, word_column=-1, tag_column=-2)
    assert (sentence.text, sentence.tags) == ("NNP VBD", ("B-P", "O"))


def test_conllu_has_its_own_columns_and_rows(written):
    rows = [
        "# text = Don't go far", "1-2\tDon't" + "\t_" * 8,
        "1\tDo\tdo\tAUX" + "\t_" * 6, "2\tn't\tnot\tPART" + "\t_" * 6,
        "2.1\tyou\tyou\tPRON" + "\t_" * 6, "3\tgo far\tgo\tVERB" + "\t_" * 6, "", "1\t#\t#\tSYM" + "\t_" * 6,
    ]  # fmt: skip
    sentences = read_tagged(written("\n".join(rows) + "\n", "file.conllu"))
    assert [(units(s), s.tags) for s in sentences] == [
        (["Do", "n't", "go far"], ("AUX", "PART", "VERB")),
        (["#"], ("SYM",)),
    ]
    assert not sentences.is_entities
    lemmas = read_tagged(written("\n".join(rows) + "\n", "file.conllu"), tag_column=2)
    assert lemmas.tags == ("#", "do", "go", "not")


def test_characters_are_put_together(written):
    sentences = read_tagged(written("서\tB-L\n울\tI-L\n \tO\n길\tO\n\n네\tO\n"))
    assert sentences.by_character
    first, second = sentences
    assert (first.text, first.starts, first.ends, first.tags) == (
        "서울 길",
        (0, 1, 2, 3),
        (1, 2, 3, 4),
        ("B-L", "I-L", "O", "O"),
    )
    assert second.text == "네"
    # Without a space among them they are words of one character.
    assert [s.text for s in read_tagged(written("서\tB-L\n울\tI-L\n"))] == ["서 울"]
    # A letter and its accent are one character.
    (accented,) = read_tagged(written("e\u0301\tB-L\na\tI-L\n \tO\nb\tO\n"))
    assert (accented.text, units(accented)) == ("e\u0301a b", ["e\u0301", "a", " ", "b"])
    assert (accented.starts, accented.ends) == ((0, 2, 3, 4), (2, 3, 4, 5))
    assert not read_tagged(written("go\tB-L\n \tO\n")).by_character
    # What the file is, a sample of it is too.
    assert {s.text for seed in range(9) for s in sentences.sample(1, seed)} == {"서울 길", "네"}


def test_a_file_is_of_characters_if_told_so(written):
    path = written("서\tB-L\n울\tI-L\n")
    assert [s.text for s in read_tagged(path, by_character=True)] == ["서울"]
    path = written("서\tB-L\n \tO\n")
    assert [s.text for s in read_tagged(path, by_character=False)] == ["서  "]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("BIO", "O B-P I-P B-P O B-L I-L B-P O"),
        ("IOB1", "O I-P I-P B-P O I-L I-L I-P O"),
        ("BIOES", "O B-P E-P S-P O B-L E-L S-P O"),
        ("BILOU", "O B-P L-P U-P O B-L L-L U-P O"),
    ],
)
def test_every_scheme_is_read_as_bio(scheme, tags):
    tags = tags.split()
    expected = ("O", "B-P", "I-P", "B-P", "O", "B-L", "I-L", "B-P", "O")
    assert to_bio(tags) == expected
    assert [s.tags for s in TaggedSentences([(["w"] * 9, tags)])] == [expected]


def test_bio_agrees_with_seqeval_on_random_tags():
    import random

    scheme = pytest.importorskip("seqeval.scheme")
    generator = random.Random(5)
    for name in ("IOB1", "IOB2", "IOBES", "BILOU"):
        letters = {"IOB1": "BI", "IOB2": "BI", "IOBES": "BIES", "BILOU": "BILU"}[name]
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


def test_parts_of_speech_are_left_alone():
    sentences = TaggedSentences([(["I", "B-side"], ["PRON", "I-X"])])
    assert sentences.tags == ("I-X", "PRON") and not sentences.is_entities
    assert not TaggedSentences([(["so"], ["O"])]).is_entities
    for tags in ("-LRB- WP$ PRP$ $ `` '' . , NN-X O", "B-side X", "E-X I-X PRON", "ADJ ADP _ X"):
        assert not TaggedSentences([(["w"] * len(tags.split()), tags.split())]).is_entities


@pytest.mark.parametrize("tags", ["B-P I-P PERSON", "B-P O Q", "B-P M-P E-P O", "B-P L-P o", "B-P O I-", "I-P I-P O o"])
def test_a_stray_tag_among_entities_is_named(written, tags):
    tags = tags.split()
    stray = next(tag for tag in tags if tag in ("PERSON", "Q", "M-P", "o", "I-"))
    with pytest.raises(ValueError, match=rf"In .*file.conll there are others too: '{stray}' \(1 times\)"):
        read_tagged(written("".join(f"w\t{tag}\n" for tag in tags)))


def test_entities_and_parts_of_speech_do_not_go_together():
    entities = TaggedSentences([(["a", "b"], ["B-P", "O"])], "valid.conll")
    speech = TaggedSentences([(["a", "b"], ["NOUN", "O"])], "valid.conll")
    with pytest.raises(ValueError, match=r"valid.conll, B-P, O, do mark entities; those of the model, NOUN, O, don't"):
        check_tags(entities, speech.tags)
    with pytest.raises(ValueError, match=r"valid.conll, NOUN, O, don't mark entities; those of the model, B-P, O, do"):
        check_tags(speech, entities.tags)
    check_tags(TaggedSentences([(["a"], ["O"])]), entities.tags)  # no entity in it, which is neither
    check_tags(TaggedSentences([(["a"], ["O"])]), speech.tags)


def test_a_sample_has_the_kind_of_the_whole():
    speech = TaggedSentences([(["a"], ["I-X"]), (["b"], ["NOUN"])])
    for seed in range(9):
        sample = speech.sample(1, seed)
        assert sample.tags in (("I-X",), ("NOUN",)) and not sample.is_entities
    assert TaggedSentences([(["a"], ["B-P"]), (["b"], ["O"])]).sample(1, 0).is_entities
    with pytest.raises(ValueError, match="others too: 'NOUN'"):
        TaggedSentences([(["a"], ["NOUN"])], is_entities=True)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a\tO\nb\tX\tO\n", {}, r"Line 2 of .*file.conll has 3 cells, but line 1 has 2: 'b\\tX\\tO'"),
        ("a O\n\nb\n", {}, "Line 3 of .*has 1 cells, but line 1 has 2"),
        ("a\tO\n\tO\n", {}, "Line 2 of .* has no word"),
        ("a\tO\nb\t \n", {}, "Line 2 of .* has no tag"),
        ("a\tO\n", {"tag_column": 2}, "`tag_column` must be .* from 0 to 1.*Received: tag_column=2"),
        ("a\tO\n", {"word_column": -3}, "`word_column` must be"),
        ("a\n", {}, "different columns"),
        ("# nothing\n\n", {}, "There is no sentence in .*file.conll"),
        ("", {}, "There is no sentence"),
        (b"a\tO\n\xff\tO\n", {}, "isn't UTF-8.*iconv"),
    ],
)
def test_broken_files_are_refused(written, text, options, message):
    with pytest.raises(ValueError, match=message):
        read_tagged(written(text), **options)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"There is no file .*no\.conll"):
        read_tagged(tmp_path / "no.conll")


@pytest.mark.parametrize("row", [(["a"], ["O", "O"]), ([], []), (["a"],), "ab", (["a", ""], ["O", "O"]), ([1], ["O"])])
def test_rows_that_are_no_sentence_are_refused(row):
    with pytest.raises(ValueError, match="umber 2"):
        TaggedSentences([(["a"], ["O"]), row])


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(ValueError, match="Number 1 of the sentences has half of a surrogate pair"):
        TaggedSentences([(["a\ud83d"], ["O"])])


def test_tags_unseen_in_training_are_named_and_counted():
    valid = TaggedSentences([(["a", "b", "c"], ["B-P", "B-Q", "B-Q"])], "valid.conll")
    with pytest.raises(ValueError, match=r"In valid.conll there are others: 'B-Q' \(2 times\)"):
        check_tags(valid, ["B-P", "O"])
    with pytest.raises(ValueError, match=r"at least 2 tags.*\['O'\]"):
        check_tags(valid, ["O"])


@pytest.mark.parametrize(
    ("file", "sentences", "units", "by_character"),
    [
        ("wnut17/test.conll", 1287, 23394, False),
        ("ud_english_ewt/test.conllu", 2077, 25094, False),
        ("klue_ner/dev.tsv", 1000, 55827, True),
    ],
)
def test_real_files_are_read_whole(file, sentences, units, by_character):
    if not (SHARED / file).exists():
        pytest.skip(f"needs {file} in a folder shared/data beside the repository")
    read = read_tagged(SHARED / file)
    assert (len(read), read.counts.total(), read.by_character) == (sentences, units, by_character)
    assert all(len(s.text) == s.ends[-1] for s in read)
