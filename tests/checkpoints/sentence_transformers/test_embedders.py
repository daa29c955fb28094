"""Vectors as sentence-transformers makes them, from its folders and back to them; and what is refused by name."""

import json
import shutil
import warnings

import numpy as np
import pytest

import keras_bert
from keras_bert.config import EmbedderConfig

TEXTS = [
    "The cat sat on the mat.",
    "",
    "a big dog ran to a red house of wood, and it was very old!",
    "dogs ran",
    "고양이 cats",
]
PROMPTS = {"query": "the house of ", "passage": "a cat: "}
QUIET = ("ignore:Vectors of texts are made:UserWarning", "ignore:.*weights start random:UserWarning")
pytestmark = pytest.mark.filterwarnings(*QUIET)


@pytest.mark.parametrize("name", ["projected", "plain"])
def test_vectors_equal_sentence_transformers(folder, expected, name, tmp_path):
    model, tokenizer = keras_bert.load_pretrained(folder(name), task="text_embedder")
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "again")
    again, _ = keras_bert.load_pretrained(tmp_path / "again", task="text_embedder")
    assert again.embedder == model.embedder
    assert model.embedder.prompts == {**PROMPTS, "document": ""}
    for one in (model, again):
        np.testing.assert_allclose(keras_bert.embed(TEXTS, one, tokenizer), expected[name], atol=1e-5)
        np.testing.assert_allclose(
            keras_bert.embed(TEXTS, one, tokenizer, prompt="query"), expected[f"{name}/query"], atol=1e-5
        )


def test_settings_of_the_folder(folder):
    with pytest.warns(
        UserWarning,
        match=r"as .*projected says: pooling='cls', normalize=True, projections to 7, 5 dimensions, max_length=9, prom",
    ) as caught:
        model, _ = keras_bert.load_pretrained(folder("projected"), task="text_embedder")
    assert [warning.filename for warning in caught] == [__file__]
    projections = ((7, "tanh", True), (5, "linear", False))
    assert model.embedder == EmbedderConfig(
        pooling="cls", projections=projections, max_length=9, prompts={**PROMPTS, "document": ""}
    )
    assert keras_bert.load_pretrained(folder("plain"), task="text_embedder")[0].embedder.default_prompt == "passage"


def test_older_folders(folder, expected, configure):
    """sentence-transformers 2 has a key for each pooling, and the length in another file."""
    directory = folder("plain")
    modes = {"word_embedding_dimension": 12, "pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": False}
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    (directory / "sentence_bert_config.json").write_text('{"max_seq_length": 9, "do_lower_case": false}')
    configure(directory / "tokenizer_config.json", model_max_length=11)
    kind = "sentence_transformers.models."
    modules = [{"path": "", "type": f"{kind}Transformer"}, {"path": "1_Pooling", "type": f"{kind}Pooling"}]
    (directory / "modules.json").write_text(json.dumps(modules))
    model, tokenizer = keras_bert.load_pretrained(directory, task="text_embedder")
    np.testing.assert_allclose(keras_bert.embed(TEXTS, model, tokenizer), expected["plain"], atol=1e-5)


def test_backbones_go_by_the_folder_too(folder, expected, tmp_path):
    model, tokenizer = keras_bert.load_pretrained(folder("plain"))
    assert (model.embedder.pooling, model.embedder.normalize, model.embedder.max_length) == ("max", False, 9)
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "again")
    for source in (tmp_path / "plain", tmp_path / "again"):
        model, tokenizer = keras_bert.load_pretrained(source)
        vectors = keras_bert.embed(TEXTS, model, tokenizer, prompt="query")
        np.testing.assert_allclose(vectors, expected["plain/query"], atol=1e-5)


def test_a_backbone_has_no_projections(folder, tmp_path):
    model, tokenizer = keras_bert.load_pretrained(folder("projected"))
    with pytest.raises(ValueError, match=r"its vectors to 5 dimensions.*task=\"text_embedder\".*pooling='cls'"):
        keras_bert.embed(TEXTS, model, tokenizer)
    assert keras_bert.embed(TEXTS, model, tokenizer, pooling="cls").shape == (5, 12)
    with pytest.warns(UserWarning, match="a backbone doesn't have the weights of its projections"):
        keras_bert.save_pretrained(model, tokenizer, tmp_path / "again")
    assert not (tmp_path / "again" / "modules.json").exists()


def test_the_users_settings_count_more(folder):
    given = {"pooling": "mean", "normalize": True, "max_length": 5, "prompts": {"q": "the "}, "similarity": "dot"}
    with pytest.warns(UserWarning, match=r"pooling='mean', normalize=True, max_length=5, prompts 'q'\."):
        model, tokenizer = keras_bert.load_pretrained(folder("plain"), task="text_embedder", **given)
    assert model.embedder == EmbedderConfig(**given)
    body, _ = keras_bert.load_pretrained(folder_of(model, tokenizer, folder))
    np.testing.assert_allclose(
        keras_bert.embed("cat", model, tokenizer), keras_bert.embed("cat", body, tokenizer), atol=1e-6
    )
    with pytest.raises(ValueError, match=r"takes default_prompt, .*, similarity\. Received: num_classes"):
        keras_bert.load_pretrained(folder("projected"), task="text_embedder", num_classes=3)


def folder_of(model, tokenizer, folder):
    directory = folder("reranker").with_name("saved")
    keras_bert.save_pretrained(model, tokenizer, directory)
    return directory


def test_other_projections_start_random(folder):
    with pytest.warns(UserWarning, match=r"start random.*projection_0\.linear\.weight.*left over: projection_"):
        model, _ = keras_bert.load_pretrained(
            folder("projected"), task="text_embedder", projections=[(3, "tanh", True)]
        )
    assert model.output.shape == (None, 3)


def test_a_checkpoint_that_says_nothing_of_vectors(folder):
    directory = folder("plain")
    (directory / "modules.json").unlink()
    with pytest.warns(UserWarning, match=r"plain doesn't say how.* made by pooling='mean', normalize=True\. Pass oth"):
        model, _ = keras_bert.load_pretrained(directory, task="text_embedder")
    assert model.embedder == EmbedderConfig()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras_bert.load_pretrained(directory, task="text_embedder", pooling="cls", normalize=False)


def test_texts_are_cut_where_positions_end(folder, configure):
    directory = folder("plain")
    configure(directory / "sentence_bert_config.json", max_seq_length=64)
    with pytest.warns(UserWarning, match=r"wants 64 tokens of a text, and the encoder has 11 positions.*cut at 11"):
        model, _ = keras_bert.load_pretrained(directory, task="text_embedder")
    assert model.embedder.max_length == 11
    with pytest.raises(ValueError, match=r"max_sequence_length=11.*Received: max_length=12"):
        keras_bert.load_pretrained(directory, task="text_embedder", max_length=12)


@pytest.mark.parametrize(
    "name, file, settings, message",
    [
        ("plain", "1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "pools by lasttoken.* one of mean, cls, max"),
        ("plain", "1_Pooling/config.json", {"pooling_mode": ["cls", "mean"]}, "pools by cls and mean"),
        (
            "plain",
            "1_Pooling/config.json",
            {"pooling_mode": "absent", "pooling_mode_weightedmean_tokens": True},
            "pools by weightedmean",
        ),
        ("plain", "1_Pooling/config.json", {"include_prompt": False}, "include_prompt=False: a prompt's tokens don't"),
        ("plain", "1_Pooling/config.json", {"embedding_dimension": 13}, "=13, .* before it have 12 dimensions"),
        ("projected", "2_Dense/config.json", {"in_features": 20}, "in_features=20, .* before it have 12 dimensions"),
        ("projected", "3_Dense/config.json", {"out_features": 6}, r"config\.json beside it.*\(6, 7\).*\(5, 7\)"),
        ("projected", "2_Dense/config.json", {"use_residual": True}, "use_residual=true"),
        ("projected", "2_Dense/config.json", {"module_input_name": "token_embeddings"}, "_input_name='token_embeddi"),
        (
            "projected",
            "2_Dense/config.json",
            {"activation_function": "torch.nn.modules.activation.Hardswish"},
            r"activation 'torch.*Hardswish'; this library knows torch\.nn\.Identity",
        ),
        ("projected", "4_Normalize/config.json", {"module_input_name": "x"}, "module_input_name='x'"),
        ("plain", "config_sentence_transformers.json", {"truncate_dim": 8}, r"truncate_dim=8\..*vectors\[:, :8\]"),
        ("plain", "config_sentence_transformers.json", {"similarity_fn_name": "maxsim"}, "Received: similarity='maxs"),
        ("plain", "config_sentence_transformers.json", {"prompts": ["a"]}, "can't be used"),
        ("plain", "config_sentence_transformers.json", {"default_prompt_name": "x"}, "Received: default_prompt='x'"),
        ("plain", "sentence_bert_config.json", {"query_length": 5}, "query_length=5; this library reads query_length="),
        ("plain", "sentence_bert_config.json", {"max_seq_length": "9"}, "`max_length` must be an integer"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(folder, configure, name, file, settings, message):
    directory = folder(name)
    configure(directory / file, **settings)
    with pytest.raises(ValueError, match=rf"(?s){message}"):
        keras_bert.load_pretrained(directory, task="text_embedder")
    with pytest.warns(UserWarning, match=r"backbone doesn't know how") as caught:
        assert keras_bert.load_pretrained(directory)[0].embedder is None
    assert caught[0].filename == __file__


def test_other_kinds_of_models_make_no_such_vectors(folder, configure):
    directory = folder("plain")
    configure(directory / "config_sentence_transformers.json", model_type="SparseEncoder")
    with pytest.raises(ValueError, match="model_type='SparseEncoder'"):
        keras_bert.load_pretrained(directory, task="text_embedder")
    assert keras_bert.load_pretrained(directory)[0].embedder is None


def test_a_pooling_that_says_nothing_is_the_mean_as_there(folder):
    directory = folder("plain")
    path = directory / "1_Pooling" / "config.json"
    for modes in ({}, {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False}):
        path.write_text(json.dumps({"word_embedding_dimension": 12, **modes}))
        assert keras_bert.load_pretrained(directory, task="text_embedder")[0].embedder.pooling == "mean"


def test_prompts_that_put_nothing_before_texts_are_not_named(folder, configure):
    directory = folder("plain")
    settings = {"prompts": {"query": "", "document": ""}, "default_prompt_name": None}
    configure(directory / "config_sentence_transformers.json", **settings)
    with pytest.warns(UserWarning, match=r"normalize=False, max_length=9\.$"):
        keras_bert.load_pretrained(directory, task="text_embedder")
    configure(directory / "config_sentence_transformers.json", prompts={"query": "the ", "document": ""})
    with pytest.warns(UserWarning, match=r"max_length=9, prompts 'query'\.$"):
        keras_bert.load_pretrained(directory, task="text_embedder")


@pytest.mark.parametrize(
    "kinds, message",
    [
        (["Pooling", "LayerNorm"], "has LayerNorm among its modules"),
        (["WeightedLayerPooling", "Pooling"], "has WeightedLayerPooling among"),
        (["Dense", "Pooling"], "in the order Transformer, Dense, Pooling"),
        (["Pooling", "Normalize", "Dense"], "in the order Transformer, Pooling, Normalize, Dense"),
        ([], "in the order Transformer, and nothing more"),
        (["Pooling", "Pooling"], "in the order Transformer, Pooling, Pooling"),
    ],
)
def test_other_modules_are_refused_by_name(folder, kinds, message):
    directory = folder("plain")
    modules = [{"path": "1_Pooling", "type": f"sentence_transformers.models.{kind}"} for kind in kinds]
    modules.insert(0, {"path": "", "type": "sentence_transformers.models.Transformer"})
    (directory / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ValueError, match=message):
        keras_bert.load_pretrained(directory, task="text_embedder")


def test_files_that_are_missing_or_broken(folder):
    directory = folder("projected")
    (directory / "2_Dense" / "model.safetensors").rename(directory / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"2_Dense holds its weights as pytorch_model\.bin only"):
        keras_bert.load_pretrained(directory, task="text_embedder")
    (directory / "2_Dense" / "pytorch_model.bin").unlink()
    with pytest.raises(ValueError, match=r"2_Dense must hold model\.safetensors.*Copy or download it again"):
        keras_bert.load_pretrained(directory, task="text_embedder")
    (directory / "2_Dense" / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"2_Dense/config\.json isn't valid JSON"):
        keras_bert.load_pretrained(directory, task="text_embedder")
    shutil.rmtree(directory / "2_Dense")
    with pytest.raises(ValueError, match=r"modules\.json names the folder '2_Dense' for a dense layer, which isn't"):
        keras_bert.load_pretrained(directory, task="text_embedder")


def test_what_is_written_may_be_overwritten(folder, tmp_path):
    model, tokenizer = keras_bert.load_pretrained(folder("projected"), task="text_embedder")
    body = keras_bert.backbone(model.config)
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "saved")
    with pytest.raises(ValueError, match="pass overwrite=True"):
        keras_bert.save_pretrained(body, tokenizer, tmp_path / "saved")
    keras_bert.save_pretrained(body, tokenizer, tmp_path / "saved", overwrite=True)
    assert not (tmp_path / "saved" / "2_Dense").exists()
