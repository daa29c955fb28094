"""CoNLL and CoNLL-U files: every layout read, every scheme turned into BIO, every broken line named."""

import gzip
from pathlib import Path

import pytest

from keras_bert.data import read_tagged

SHARED = Path(__file__).parents[4] / "shared" / "data"


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


def test_other_schemes_are_read_as_bio_and_one_line_says_so(written):
    path = written("Ann\tPER_B\nLee\tPER_I\nleft\t-\n")
    with pytest.warns(UserWarning, match=r"file.conll marks entities in BIO as -, PER_B, PER_I\. ") as caught:
        train = read_tagged(path)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert train.tags == ("B-PER", "I-PER", "O") and train.is_entities
    valid = read_tagged(written("Bob\tPER_B\n", "valid.conll"), scheme=train.scheme)
    assert valid.tags == ("B-PER",)
    assert read_tagged(path, is_entities=False).tags == ("-", "PER_B", "PER_I")


def test_a_stray_tag_among_entities_is_named_with_its_line(written):
    path = written("a\tB-P\nb\tO\n\nc\tQ\nd\tQ\n")
    with pytest.raises(ValueError, match=r"file.conll mark them as B-P, O, but .* others too: 'Q' \(2 times, line 4\)"):
        read_tagged(path)
    scheme = read_tagged(written("a\tB-P\nb\tO\n")).scheme
    with pytest.raises(ValueError, match=r"as those that go with it, but .* 'NOUN' \(1 time, line 1\)"):
        read_tagged(written("a\tNOUN\n"), scheme=scheme)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a\tO\nb\tX\tO\nc\tO\n", {}, r"line 2 of .*file.conll has 3 cells.*'b\\tX\\tO'.*have 2 cells"),
        ("a O\n\nb\nc O\n", {}, "line 3 .*has 1 cell.*have 2 cells"),
        ("a\tO\n\tO\n", {}, "line 2 .*has no word"),
        ("a\tO\nb\t \n", {}, "line 2 .*has no tag"),
        ("a x O\nb x B-Part Number\nc x O\n", {}, "line 2 .*has 4 cells.*spaces between them and none in them"),
        ("a x B-Part Number\nb x O\n\nc x O\n", {}, "line 1 .*has 4 cells.*have 3 cells"),  # the odd one, if first
        ("#fail\tO\n#win\nx\tO\n", {}, "line 2 .*has 1 cell"),  # a hashtag among hashtags
        ("1\ta\tDET\n2\tb\tNOUN\nx\tc\tVERB\n" + "1\td\tDET\n2\te\tNOUN\n" * 9, {}, "line 3 .*has no number"),
        ("a\tO\n", {"tag_column": 2}, "`tag_column` must be .* from 0 to 1.*Received: tag_column=2"),
        ("a\tO\n", {"word_column": -3}, "`word_column` must be"),
        ("a\tO\n", {"word_column": 1}, "different columns.*word_column=1 and tag_column=-1"),
        ("a,O\nb,O\n", {}, r"line 1 of .*, 'a,O', has one cell"),
        ("_\tNOUN\n_\tVERB\n", {}, "All words in .* are '_'"),
        ("B-P Ann\nO left\n", {}, "All words in .* are tags: B-P, O.*word_column=0, tag_column=1"),
        ('{"tokens": ["a"]}\n', {}, r"file.conll is JSON: '\{.*a word and its tag"),
        ("# nothing\n\n", {}, "There is no sentence in .*file.conll"),
        ("token\tlabel\n", {}, "There is no sentence in .*file.conll"),
        ("", {}, "There is no sentence"),
        (b"a\tO\n\xff\tO\n", {}, "isn't UTF-8: line 2 .*iconv"),
    ],
)
def test_broken_files_are_refused(written, text, options, message):
    with pytest.raises(ValueError, match=f"(?si){message}"):
        read_tagged(written(text), **options)


def test_all_faults_are_told_at_once(written):
    lines = [f"{i}\tO" for i in range(90)]
    lines[10:33] = ["one"] * 23
    lines[40], lines[50], lines[60] = "\tO", "x\tQ", "y\tB-P"
    with pytest.raises(ValueError) as error:
        read_tagged(written("\n".join(lines)))
    message = str(error.value)
    assert all(f"line {number} has 1 cell" in message for number in range(11, 31)) and "line 31 " not in message
    assert "and 4 more" in message
    assert "others too: 'Q' (1 time, line 51)" in message


def test_what_goes_before_a_sentence_is_no_word(written):
    for text in (
        "#\thttp://example.org/a [2009]\n1\tIn\tO\tO\n2\tUlm\tB-L\tO\n\n#\tb\n1\tBonn\tB-L\tO\n",
        "#\thttp://example.org/a [2009]\nIn\tO\nUlm\tB-L\n\n#\tb\nBonn\tB-L\n",
        "# newpar\nIn O\nUlm B-L\n\n# newpar\nBonn B-L\n",
        "#begin document (a); part 000\nIn O\nUlm B-L\n\n#\nBonn B-L\n#end document (a)\n",
        "token\tner\nIn\tO\nUlm\tB-L\n\nBonn\tB-L\n",
        "In O\nUlm B-L\n-DOCSTART- O\nBonn B-L\n",
    ):
        columns = {"word_column": 1, "tag_column": 2} if "1\tIn" in text else {}
        sentences = read_tagged(written(text), **columns)
        assert [(units(s), s.tags) for s in sentences] == [(["In", "Ulm"], ("O", "B-L")), (["Bonn"], ("B-L",))], text


def test_named_columns_are_found(written):
    path = written("Sentence\tToken\tPOS\tTag\n1\tAnn\tNNP\tB-P\n1\tleft\tVBD\tO\n")
    (sentence,) = read_tagged(path)
    assert (units(sentence), sentence.tags) == (["Ann", "left"], ("B-P", "O"))
    assert read_tagged(path, tag_column=2).tags == ("NNP", "VBD")


def test_only_spaces_and_tabs_part_cells(written):
    (sentence,) = read_tagged(written("Mr.\u00a0X B-P\nleft  \t O \n"))
    assert (units(sentence), sentence.tags) == (["Mr.\u00a0X", "left"], ("B-P", "O"))
    (sentence,) = read_tagged(written("Mr. X\tB-P\t\nleft\tO\t\n"))  # a tab at the end of every line
    assert (units(sentence), sentence.tags) == (["Mr. X", "left"], ("B-P", "O"))


def test_lines_end_as_on_every_system(written):
    for end in ("\n", "\r\n", "\r", "\r\r\n"):
        sentences = read_tagged(written(end.join(["Ann\tB-P", "left\tO", "", "Bob\tB-P", ""])))
        assert [units(s) for s in sentences] == [["Ann", "left"], ["Bob"]]


def test_compressed_files_and_utf_16_are_read(written):
    assert read_tagged(written("좋\tNOUN\n은\tADP\n".encode("utf-16"))).tags == ("ADP", "NOUN")
    assert read_tagged(written(gzip.compress(b"a\tNOUN\nb\tVERB\n"), "file.conll.gz")).tags == ("NOUN", "VERB")


@pytest.mark.parametrize("columns", [{}, {"word_column": 1, "tag_column": 3}])
def test_conllu_is_recognised_under_any_name(written, columns):
    rows = ["# text", "1-2\tdel", "1\tde\tde\tADP", "2\tel\tel\tDET", "2.1\tva\tir\tVERB", "", "1\tmar\tmar\tNOUN"]
    text = "\n".join(row + "\t_" * (9 - row.count("\t")) if row[:1].isdigit() else row for row in rows)
    sentences = read_tagged(written(text, "file.txt"), **columns)
    assert [(units(s), s.tags) for s in sentences] == [(["de", "el"], ("ADP", "DET")), (["mar"], ("NOUN",))]


def test_where_the_first_column_counts_words_are_in_the_second(written):
    text = "1-2\tvon dem\t_\t_\n1\tvon\t_\tO\n2\tdem\t_\tO\n3\tUlm\t_\tB-L\n\n1\tBonn\t_\tB-L\n"
    assert [units(s) for s in read_tagged(written(text))] == [["von", "dem", "Ulm"], ["Bonn"]]
    assert [units(s) for s in read_tagged(written("1\tCD\n2\tCD\n"))] == [["1", "2"]]  # words
    text = "1.1\tvon\tO\n1.2\tdem\tO\n2.1\tUlm\tB-L\n"  # of the sentence, and of the word
    assert [units(s) for s in read_tagged(written(text), word_column=1)] == [["von", "dem", "Ulm"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tNOUN\n\nb\tVERB\n\nc\tNOUN\n", "Each of the 3 sentences in .*file.conll has one word"),
        ("".join(f"{i}\tlemma{i % 25}\n" for i in range(40)), "has 25 different tags, lemma0, .* for 40 words"),
        ("a\tNOUN\nb\tVERB\n" * 501, "All 1002 words in .*file.conll are one sentence"),
    ],
)
def test_what_can_hardly_be_meant_is_warned_of(written, text, message):
    with pytest.warns(UserWarning, match=message):
        read_tagged(written(text))


def test_what_is_no_text_is_named(written, tmp_path):
    with pytest.raises(ValueError, match=r"There is no file .*no\.conll"):
        read_tagged(tmp_path / "no.conll")
    with pytest.raises(ValueError, match="is a folder"):
        read_tagged(tmp_path)
    with pytest.raises(ValueError, match=r"ner.parquet.*Convert it"):
        read_tagged(written(b"PAR1", "ner.parquet"))
    with pytest.raises(ValueError, match="a zip archive"):
        read_tagged(written(b"PK\x03\x04", "ner.conll"))


@pytest.mark.parametrize(
    ("file", "sentences", "units", "by_character"),
    [
        ("wnut17/test.conll", 1287, 23394, False),
        ("ud_english_ewt/test.conllu", 2077, 25094, False),
        ("klue_ner/dev.tsv", 1000, 55827, True),
    ],
)
@pytest.mark.filterwarnings("error")
def test_real_files_are_read_whole(file, sentences, units, by_character):
    if not (SHARED / file).exists():
        pytest.skip(f"needs {file} in a folder shared/data beside the repository")
    read = read_tagged(SHARED / file)
    assert (len(read), read.counts.total(), read.by_character) == (sentences, units, by_character)
    assert all(len(s.text) == s.ends[-1] for s in read)
