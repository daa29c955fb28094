"""Files of tokenizers that aren't BERT's: each is refused by name, and those that only look so are read."""

import json
import shutil
import warnings

import pytest
import tokenizers
from tokenizers import normalizers, pre_tokenizers

from keras_bert.text import WordPieceTokenizer, write_vocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENS = [*SPECIAL, *["the", "river", "##s", "bank", "."]]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A tokenizer.json, as `tokenizers` writes it: its contents."""
    path = tmp_path_factory.mktemp("whole") / "tokenizer.json"
    tokenizers.BertWordPieceTokenizer({token: i for i, token in enumerate(TOKENS)}).save(str(path))
    return json.loads(path.read_text())


def changed(content, path, value):
    """A JSON object, keys parted by points, a value -> a copy with that value there."""
    *parents, key = path.split(".")
    content = json.loads(json.dumps(content))
    inner = content
    for parent in parents:
        inner = inner[parent]
    inner[key] = value
    return content


REFUSED = {
    "tokenizer_class": "BertJapaneseTokenizer",
    "word_tokenizer_type": "mecab",
    "subword_tokenizer_type": "character",
    "tokenize_chinese_chars": False,
    "do_basic_tokenize": False,
    "never_split": ["river"],
    "wordpieces_prefix": "@@",
    "clean_text": False,
    "unk_token": "<unk>",
    "cls_token": {"content": "<s>", "lstrip": False},
    "auto_map": {"AutoTokenizer": ["tokenization_kobert.KoBertTokenizer", None]},
}


@pytest.mark.parametrize("key", REFUSED)
def test_settings_that_are_refused(tmp_path, key):
    write_vocabulary(TOKENS, tmp_path / "vocab.txt")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({key: REFUSED[key]}))
    with pytest.raises(ValueError, match=rf"tokenizer_config\.json' has {key}\b.*(AutoTokenizer|BERT's is \[)"):
        WordPieceTokenizer.load(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        {"tokenizer_class": name}
        for name in ("BertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast", "DistilBertTokenizer", None)
    ]
    + [
        {"do_basic_tokenize": True, "never_split": None, "tokenize_chinese_chars": None, "model_max_length": 512},
        {"never_split": ["[SEP]"], "unk_token": {"content": "[UNK]"}, "bos_token": "[CLS]", "mask_token": None},
        {"word_tokenizer_type": "basic", "subword_tokenizer_type": "wordpiece"},
    ],
)
def test_settings_that_are_berts(tmp_path, config):
    write_vocabulary(TOKENS, tmp_path / "vocab.txt")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert WordPieceTokenizer.load(tmp_path).tokens("The rivers.") == ["the", "river", "##s", "."]


def test_classes_and_names_in_other_files(tmp_path):
    write_vocabulary(TOKENS, tmp_path / "vocab.txt")
    (tmp_path / "config.json").write_text('{"model_type": "bert", "tokenizer_class": "BertJapaneseTokenizer"}')
    with pytest.raises(ValueError, match=r"config\.json' has tokenizer_class=\"BertJapaneseTokenizer\""):
        WordPieceTokenizer.load(tmp_path)
    (tmp_path / "config.json").unlink()
    (tmp_path / "special_tokens_map.json").write_text('{"sep_token": "</s>"}')
    with pytest.raises(ValueError, match=r"special_tokens_map\.json' has sep_token='</s>'; BERT's is \[SEP\]"):
        WordPieceTokenizer.load(tmp_path)


STEPS = {
    "normalizer": [
        None,
        json.loads(normalizers.Lowercase().__getstate__()),
        json.loads(normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]).__getstate__()),
    ],
    "normalizer.clean_text": [False],
    "normalizer.handle_chinese_chars": [False],
    "pre_tokenizer": [None, json.loads(pre_tokenizers.WhitespaceSplit().__getstate__())],
    "post_processor": [
        None,
        {"type": "BertProcessing", "sep": ["</s>", 3], "cls": ["<s>", 2]},
        {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}], "pair": []},
    ],
    "model.type": ["BPE", "Unigram"],
    "model.continuing_subword_prefix": ["@@"],
    "model.unk_token": ["[PAD]"],
    "model.max_input_chars_per_word": [50],
}


@pytest.mark.parametrize("key, value", [(key, value) for key, values in STEPS.items() for value in values])
@pytest.mark.parametrize("with_vocabulary", [True, False])
def test_steps_that_are_refused(tmp_path, bert, key, value, with_vocabulary):
    if with_vocabulary:
        write_vocabulary(TOKENS, tmp_path / "vocab.txt")
    (tmp_path / "tokenizer.json").write_text(json.dumps(changed(bert, key, value)))
    with pytest.raises(ValueError, match=rf"tokenizer\.json' has {key}=.*AutoTokenizer"):
        WordPieceTokenizer.load(tmp_path)


def test_steps_that_are_berts(tmp_path, bert):
    template = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ],
    }
    second = [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    template["pair"] = template["single"] + second
    for key, value in (
        ("version", "1.0"),
        ("post_processor", template),
        ("normalizer", {"type": "Sequence", "normalizers": [bert["normalizer"]]}),
        ("padding", None),
    ):
        (tmp_path / "tokenizer.json").write_text(json.dumps(changed(bert, key, value)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert WordPieceTokenizer.load(tmp_path).tokens("The rivers.") == ["the", "river", "##s", "."]
    second[0]["Sequence"]["type_id"] = 0
    (tmp_path / "tokenizer.json").write_text(json.dumps(changed(bert, "post_processor", template)))
    with pytest.raises(ValueError, match=r"post_processor=.*segment 1 and \[SEP\] after a second one"):
        WordPieceTokenizer.load(tmp_path)


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("model", [], r"has model=\[\]; an object was expected"),
        ("normalizer", "BertNormalizer", 'has normalizer="BertNormalizer"; an object'),
        ("added_tokens", {"[E1]": 9}, "has added_tokens that can't be read"),
        ("added_tokens", [{"content": "[E1]"}], "an added token that can't be read"),
        ("model.vocab", {}, r"lacks \[PAD\], \[UNK\]"),
        ("model.vocab", {token: 2 * i for i, token in enumerate(TOKENS)}, r"must be 0, 1, 2 and so on"),
    ],
)
def test_broken_files(tmp_path, bert, key, value, message):
    (tmp_path / "tokenizer.json").write_text(json.dumps(changed(bert, key, value)))
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer.load(tmp_path)


@pytest.mark.parametrize("mark, kind", [("▁", "SentencePiece"), ("Ġ", "byte-level BPE")])
def test_pieces_of_another_kind(tmp_path, mark, kind):
    tokens = [*SPECIAL, f"{mark}the", f"{mark}river", "s"]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens))
    with pytest.raises(ValueError, match=rf"vocab\.txt' has 2 tokens that begin with '{mark}'.*is of {kind}, not of"):
        WordPieceTokenizer.load(tmp_path)
    with pytest.raises(ValueError, match=kind):
        WordPieceTokenizer(tokens)
    assert WordPieceTokenizer([*TOKENS, mark], lowercase=False).vocabulary_size == len(TOKENS) + 1


def test_files_of_another_kind_alone(tmp_path):
    (tmp_path / "spiece.model").write_text("")
    (tmp_path / "merges.txt").write_text("")
    with pytest.raises(ValueError, match=r"neither vocab\.txt nor .* It holds merges\.txt, spiece\.model, of another"):
        WordPieceTokenizer.load(tmp_path)


def test_two_vocabularies(tmp_path, bert):
    (tmp_path / "tokenizer.json").write_text(json.dumps(bert))
    write_vocabulary([*TOKENS, "new"], tmp_path / "vocab.txt")
    assert WordPieceTokenizer.load(tmp_path).vocabulary_size == len(TOKENS) + 1
    write_vocabulary(TOKENS[:-1], tmp_path / "vocab.txt")
    assert WordPieceTokenizer.load(tmp_path).vocabulary_size == len(TOKENS)
    write_vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "river", "the"], tmp_path / "vocab.txt")
    with pytest.raises(ValueError, match=r"contradict each other: 'river' and 'the' have the id 5.*goes by tokenizer"):
        WordPieceTokenizer.load(tmp_path)
    assert WordPieceTokenizer.load(tmp_path / "vocab.txt").vocabulary_size == 7


def test_gaps_that_added_tokens_fill(tmp_path, bert):
    vocabulary = {token: i for token, i in bert["model"]["vocab"].items() if token != "[MASK]"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(changed(bert, "model.vocab", vocabulary)))
    assert list(WordPieceTokenizer.load(tmp_path).vocabulary) == TOKENS


def test_sides_of_packing_are_named(tmp_path, bert):
    write_vocabulary(TOKENS, tmp_path / "vocab.txt")
    (tmp_path / "tokenizer_config.json").write_text('{"truncation_side": "left"}')
    with pytest.warns(UserWarning, match=r"has truncation_side=\"left\": here texts are padded, and cut") as caught:
        WordPieceTokenizer.load(tmp_path)
    assert caught[0].filename == __file__
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    truncation = {"direction": "Left", "max_length": 128, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "tokenizer.json").write_text(json.dumps(changed(bert, "truncation", truncation)))
    with pytest.warns(UserWarning, match=r"has truncation\.direction=\"Left\""):
        WordPieceTokenizer.load(tmp_path)
