"""Case and accents: what the files say, what the vocabulary can be right with, and what is taken where they differ."""

import json
import warnings

import pytest
import tokenizers

from keras_bert.text import WordPieceTokenizer, write_vocabulary
from keras_bert.text.settings import fitting_accents, fitting_case

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CASED = [*SPECIAL, *["The", "the", "Ann", "ann", "river", "##s", "S"]]
LOWER = [*SPECIAL, *["the", "ann", "river", "##s", "cafe"]]
KOREAN = [*SPECIAL, *["나무", "##는", "강", "##이", "the", "km"]]
MARKS = ["[unused1]", "<S>", "<T>", "[E1]", "<PAD>"]


def written(directory, tokens, **config):
    write_vocabulary(tokens, directory / "vocab.txt")
    if config:
        (directory / "tokenizer_config.json").write_text(json.dumps(config))
    return directory


@pytest.mark.parametrize(
    "tokens, config, lowercase, strip_accents, warning",
    [
        (CASED, {}, False, None, None),
        (LOWER, {}, True, None, None),
        (LOWER + MARKS, {}, True, None, None),
        (KOREAN, {}, True, False, None),
        (CASED, {"do_lower_case": False}, False, None, None),
        (LOWER + MARKS, {"do_lower_case": True}, True, None, None),
        (
            CASED,
            {"do_lower_case": True},
            False,
            None,
            r"config\.json' has do_lower_case=true.*: 3 of 7 tokens .*: 'The', 'Ann', 'S'\. .*lowercase=False",
        ),
        (CASED, {"do_lower_case": True, "strip_accents": None}, False, None, "lowercase=False"),
        (CASED, {"do_lower_case": True, "strip_accents": True}, False, True, "lowercase=False"),
        (
            LOWER,
            {"do_lower_case": False},
            True,
            None,
            r"has do_lower_case=false, .*: none of 5 tokens .* has one\. .* lowercase=True",
        ),
        (KOREAN[:-2], {"do_lower_case": False}, False, None, None),
        (KOREAN, {"do_lower_case": True}, True, False, r"has strip_accents=null.*: 4 of 6 tokens.*: '나무'"),
        (KOREAN, {"do_lower_case": True, "strip_accents": False}, True, False, None),
        (KOREAN, {"do_lower_case": True, "strip_accents": True}, True, False, "has strip_accents=true"),
        (LOWER + ["café"], {"do_lower_case": True}, True, False, "1 of 6 tokens with accents"),
    ],
)
def test_what_is_taken(tmp_path, tokens, config, lowercase, strip_accents, warning):
    written(tmp_path, tokens, **config)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tokenizer = WordPieceTokenizer.load(tmp_path)
    assert (tokenizer.lowercase, tokenizer.strip_accents) == (lowercase, strip_accents)
    assert len(caught) == (warning is not None)
    if warning:
        with pytest.warns(UserWarning, match=warning):
            WordPieceTokenizer.load(tmp_path)
        assert caught[0].filename == __file__


def test_the_users_choice_is_taken_without_a_word(tmp_path):
    written(tmp_path, CASED, do_lower_case=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert WordPieceTokenizer.load(tmp_path, lowercase=True).lowercase
        assert not WordPieceTokenizer.load(tmp_path, lowercase=False).lowercase


def test_what_was_chosen_is_saved(tmp_path):
    for tokens, lowercase, strip_accents in ((CASED, True, None), (LOWER, False, None), (KOREAN, True, True)):
        WordPieceTokenizer(tokens, lowercase, strip_accents).save(tmp_path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loaded = WordPieceTokenizer.load(tmp_path)
        assert (loaded.lowercase, loaded.strip_accents) == (lowercase, strip_accents)


def test_a_few_words_put_in_by_hand_show_nothing():
    many = [*SPECIAL, *(f"word{'abcdefghij'[i % 10]}{i}" for i in range(1000))]
    by_hand = [*many, "COVID", "SARS-CoV", "Naïve"]
    assert fitting_case(by_hand, True) == (True, None) and fitting_case(by_hand) == (True, None)
    assert fitting_accents(by_hand, True) == (None, None)
    assert fitting_case([*many, *(f"Word{i}" for i in range(20))], True)[0] is False


def test_a_few_units_among_another_script_show_nothing():
    tokens = [*SPECIAL, *(chr(0xAC00 + i) for i in range(100)), "km", "kg"]
    assert fitting_case(tokens, False) == (False, None)


def test_tokenizer_json_beside_a_cased_vocabulary(tmp_path):
    theirs = tokenizers.BertWordPieceTokenizer({token: i for i, token in enumerate(CASED)}, lowercase=True)
    theirs.save(str(tmp_path / "tokenizer.json"))
    with pytest.warns(UserWarning, match=r"tokenizer\.json' has do_lower_case=true.*lowercase=False"):
        tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.tokens("The rivers Ann") == ["The", "river", "##s", "Ann"]


def test_sentence_transformers_lower_case_before_the_tokenizer(tmp_path):
    written(tmp_path, [*LOWER, "café"], do_lower_case=False)
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 128, "do_lower_case": true}')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenizer = WordPieceTokenizer.load(tmp_path)
    assert tokenizer.tokens("The CAFÉ") == ["the", "café"]
