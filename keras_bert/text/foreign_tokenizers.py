"""What isn't BERT's way to tokenize, and is said in the files of a checkpoint: refused by name, for the ids differ."""

import json
import warnings

from keras_bert.text.normalization import MAX_WORD_LENGTH

# Tokenizers of transformers that take text apart as BertTokenizer does.
_SAME = ("Bert", "ConvBert", "DistilBert", "Electra", "LayoutLM", "Lxmert", "MobileBert", "RetriBert", "SqueezeBert")
_SAME_CLASSES = {
    "PreTrainedTokenizerFast",
    "TokenizersBackend",
    *(f"{name}Tokenizer{fast}" for name in _SAME for fast in ("", "Fast")),
    *(f"DPR{name}Tokenizer{fast}" for name in ("ContextEncoder", "QuestionEncoder", "Reader") for fast in ("", "Fast")),
}
# Key of tokenizer_config.json -> the value that is BERT's, what another one means.
_CONFIG = {
    "word_tokenizer_type": ("basic", "words are found by a program of their own"),
    "subword_tokenizer_type": ("wordpiece", "words are taken apart in another way"),
    "tokenize_chinese_chars": (True, "Chinese characters stay in words; BERT isolates them"),
    "do_basic_tokenize": (True, "text isn't normalized and punctuation stays in words"),
    "clean_text": (True, "control characters stay in the text"),
    "wordpieces_prefix": ("##", "pieces that continue a word begin with it"),
}
# The same of the parts of tokenizer.json.
_MODEL = {
    "continuing_subword_prefix": ("##", "pieces that continue a word begin with it"),
    "unk_token": ("[UNK]", "words that can't be taken apart become it"),
    "max_input_chars_per_word": (MAX_WORD_LENGTH, "longer words are unknown"),
}
_NORMALIZER = {
    "clean_text": (True, "control characters stay in the text"),
    "handle_chinese_chars": (True, "Chinese characters stay in words; BERT isolates them"),
}
_SINGLE = [("[CLS]", 0), ("A", 0), ("[SEP]", 0)]
_PAIR = [*_SINGLE, ("B", 1), ("[SEP]", 1)]
_INSTEAD = (
    "WordPieceTokenizer tokenizes as BERT does and would give other ids. Use the checkpoint's own tokenizer, such as "
    "transformers' AutoTokenizer, and give its ids to the model: load_pretrained loads it, with None for the "
    "tokenizer, from a copy of the directory without vocab.txt and tokenizer.json. If the file is wrong, correct it."
)


def check_config(file, config, special_tokens):
    """Checks what a tokenizer_config.json or config.json says of a tokenizer.

    Args:
        file: Its path, for messages.
        config: Its contents, a dict.
        special_tokens: Tokens that stay whole anyway.

    Raises:
        ValueError: If that isn't BERT's tokenizer.
    """
    name = config.get("tokenizer_class")
    if name is not None and name not in _SAME_CLASSES:
        raise _refusal(file, "tokenizer_class", name, "another tokenizer than BertTokenizer")
    custom = config.get("auto_map")
    if isinstance(custom, dict) and custom.get("AutoTokenizer"):
        raise _refusal(file, "auto_map.AutoTokenizer", custom["AutoTokenizer"], "a tokenizer with code of its own")
    _check_values(file, config, _CONFIG)
    never_split = config.get("never_split") or []
    if others := [token for token in never_split if token not in special_tokens]:
        raise _refusal(file, "never_split", others, "words that BertTokenizer would split")
    for key in ("padding_side", "truncation_side"):
        _warn_of_left(file, key, config.get(key))


def check_model(file, content):
    """Path and contents of a tokenizer.json -> None; a `ValueError` if its model isn't BERT's WordPiece."""
    model = part(file, content, "model")
    if model.get("type") not in (None, "WordPiece"):
        raise _refusal(file, "model.type", model["type"], "another way to take words apart than WordPiece")
    _check_values(file, model, _MODEL, "model.")


def check_steps(file, content):
    """Path and contents of a tokenizer.json -> None; a `ValueError` if a step around its model isn't BERT's."""
    normalizer = _only_step(part(file, content, "normalizer"), "normalizers")
    if normalizer.get("type") != "BertNormalizer":
        raise _refusal(file, "normalizer", content.get("normalizer"), "BERT's is BertNormalizer")
    _check_values(file, normalizer, _NORMALIZER, "normalizer.")
    if _only_step(part(file, content, "pre_tokenizer"), "pretokenizers").get("type") != "BertPreTokenizer":
        raise _refusal(file, "pre_tokenizer", content.get("pre_tokenizer"), "BERT's is BertPreTokenizer")
    processor = _only_step(part(file, content, "post_processor"), "processors")
    if not _joins_as_bert(processor):
        meaning = "BERT puts [CLS] before and [SEP] after a text, and segment 1 and [SEP] after a second one"
        raise _refusal(file, "post_processor", content.get("post_processor"), meaning)
    for key in ("truncation", "padding"):
        direction = part(file, content, key).get("direction")
        _warn_of_left(file, f"{key}.direction", direction)


def normalizer_of(file, content):
    """Path and contents of a tokenizer.json -> its BertNormalizer, a dict."""
    return _only_step(part(file, content, "normalizer"), "normalizers")


def part(file, content, key):
    """Path, a JSON object, a key -> the object under it, {} for null; else a `ValueError`."""
    value = content.get(key)
    if not isinstance(value, (dict, type(None))):
        raise ValueError(f"'{file}' has {key}={_json(value)}; an object was expected. Copy or download it again.")
    return value or {}


def _only_step(step, name):
    """A step, the name under which a sequence has its steps -> the only step of a sequence of one, else the step."""
    steps = step.get(name)
    return steps[0] if step.get("type") == "Sequence" and isinstance(steps, list) and len(steps) == 1 else step


def _joins_as_bert(processor):
    """post-processor, a dict -> whether it makes of texts what `data.packing.pack` makes."""
    if processor.get("type") == "BertProcessing":
        return [processor.get(key, [None])[0] for key in ("cls", "sep")] == ["[CLS]", "[SEP]"]
    if processor.get("type") != "TemplateProcessing":
        return False
    return _template(processor.get("single")) == _SINGLE and _template(processor.get("pair")) == _PAIR


def _template(pieces):
    """Half of a TemplateProcessing -> list of pairs: a special token, or A or B, and its segment."""
    return [(piece.get("id"), piece.get("type_id")) for one in pieces or [] for piece in one.values()]


def _check_values(file, content, expected, prefix=""):
    """Path, a JSON object, {key: BERT's value, what another means}, a prefix for messages -> None or a `ValueError`."""
    for key, (value, meaning) in expected.items():
        if content.get(key) not in (None, value):
            raise _refusal(file, prefix + key, content[key], f"{meaning}; BERT's is {_json(value)}")


def _refusal(file, key, value, meaning):
    """Where something stands, what it means -> the `ValueError` to raise."""
    return ValueError(f"'{file}' has {key}={_json(value)}: {meaning}. {_INSTEAD}")


def _warn_of_left(file, key, value):
    """Path, key, value -> None; a warning if a side is the left one, which packing never is."""
    if str(value).lower() == "left":
        warnings.warn(
            f"'{file}' has {key}={_json(value)}: here texts are padded, and cut where they are too long, at their end.",
            stacklevel=6,
        )


def _json(value):
    """value -> the same as it stands in a file, not too long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."
