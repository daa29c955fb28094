"""Checkpoints that lack weights, aren't BERT's, are broken or aren't there."""

import ast

import pytest

from keras_bert.checkpoints import load_pretrained
from tiny_bert import REPORTS, TINY, configure, copied, rewrite

pytestmark = pytest.mark.filterwarnings(*REPORTS)


def test_missing_encoder_weights_are_an_error(tmp_path):
    directory = copied("backbone", tmp_path / "lacking")
    lost = ["encoder.layer.1.attention.self.key.weight", "embeddings.LayerNorm.bias"]
    rewrite(directory, lambda weights: {name: array for name, array in weights.items() if name not in lost})
    with pytest.raises(ValueError, match=rf"lacks weights of the encoder: {lost[1]}, {lost[0]}\."):
        load_pretrained(directory)


def test_wrong_shapes_are_an_error(tmp_path):
    directory = copied("backbone", tmp_path / "wrong")
    configure(directory, intermediate_size=38, vocab_size=30)
    with pytest.raises(ValueError) as caught:
        load_pretrained(directory)
    message = str(caught.value)
    assert "encoder.layer.0.intermediate.dense.weight: expected (38, 12), found (37, 12)" in message
    assert "embeddings.word_embeddings.weight: expected (30, 12), found (29, 12)" in message


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"model_type": "roberta"}, "model_type='roberta'; this library's BERT supports model_type='bert'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type='relative_key'"),
        ({"is_decoder": True}, "is_decoder=True"),
        ({"add_cross_attention": True}, "add_cross_attention=True"),
        ({"hidden_act": "quick_gelu"}, "hidden_act='quick_gelu'; .*hidden_act='gelu', "),
        ({"hidden_size": "absent"}, "lacks hidden_size"),
        ({"num_attention_heads": 5}, "`num_heads` must divide `hidden_dim`"),
    ],
)
def test_configurations_that_are_not_bert(settings, message, tmp_path):
    directory = copied("backbone", tmp_path / "other")
    configure(directory, **settings)
    with pytest.raises(ValueError, match=message):
        load_pretrained(directory)


def test_pickled_weights_are_refused_with_the_way_out(tmp_path):
    directory = copied("backbone", tmp_path / "pickled")
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"(?s)pickle, which can run any code.*weights_only=True.*save_file") as caught:
        load_pretrained(directory)
    code = [line.strip() for line in str(caught.value).split("\n") if line.startswith("    ")]
    ast.parse("\n".join(line if "torch.load" not in line else f"    {line}" for line in code))
    assert f"glob.glob('{directory}/pytorch_model*.bin')" in code[3] and "torch.load" in code[4]
    (directory / "pytorch_model.bin").unlink()
    with pytest.raises(ValueError, match=r"no weights: expected model\.safetensors.* It holds: config\.json"):
        load_pretrained(directory)


def test_broken_files_are_an_error(tmp_path):
    directory = copied("backbone", tmp_path / "broken")
    (directory / "model.safetensors").write_bytes((TINY / "backbone" / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model\.safetensors can't be read.*Copy or download it again"):
        load_pretrained(directory)
    (directory / "model.safetensors").unlink()
    (directory / "model.safetensors.index.json").write_text('{"weight_map": ')
    with pytest.raises(ValueError, match=r"index\.json isn't valid JSON"):
        load_pretrained(directory)
    (directory / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ValueError, match=r"index\.json must have a weight_map"):
        load_pretrained(directory)
    (directory / "config.json").write_text("[]")
    with pytest.raises(ValueError, match=r"config\.json must hold a JSON object. It holds a list"):
        load_pretrained(directory)
    (directory / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json isn't valid JSON"):
        load_pretrained(directory)


def test_sources_that_are_not_there(tmp_path):
    (tmp_path / "file.txt").write_text("no checkpoint")
    with pytest.raises(
        ValueError, match=r"no layout that this library knows\. It holds: file\.txt\. Expected: Hugging"
    ):
        load_pretrained(tmp_path)
    with pytest.raises(ValueError, match="which is a file; pass its directory"):
        load_pretrained(tmp_path / "file.txt")
    (tmp_path / "model.keras").write_text("no checkpoint")
    with pytest.raises(ValueError, match=r"load it with keras\.models\.load_model"):
        load_pretrained(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"There is no directory .*absent.*isn't a name to download by either"):
        load_pretrained(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"`source` must be a directory or a name .* Received: source=None"):
        load_pretrained(None)
