"""Google's original layout, read from a checkpoint that is written here under the release's names."""

import json

import numpy as np
import pytest
import tensorflow as tf

from keras_bert import BertConfig, backbone, models
from keras_bert.checkpoints import load_pretrained, save_pretrained
from keras_bert.checkpoints.heads import HEADS
from keras_bert.checkpoints.weights import variables_of

CONFIG = {
    "attention_probs_dropout_prob": 0.05,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.2,
    "hidden_size": 12,
    "initializer_range": 0.02,
    "intermediate_size": 37,
    "max_position_embeddings": 11,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "type_vocab_size": 2,
    "vocab_size": 29,
}
ENCODER = {
    "bert/embeddings/word_embeddings": (29, 12),
    "bert/embeddings/position_embeddings": (11, 12),
    "bert/embeddings/token_type_embeddings": (2, 12),
    "bert/embeddings/LayerNorm/beta": (12,),
    "bert/embeddings/LayerNorm/gamma": (12,),
    "bert/pooler/dense/kernel": (12, 12),
    "bert/pooler/dense/bias": (12,),
}
for scope in ("bert/encoder/layer_0/", "bert/encoder/layer_1/"):
    for layer, shape in {
        "attention/self/query": (12, 12),
        "attention/self/key": (12, 12),
        "attention/self/value": (12, 12),
        "attention/output/dense": (12, 12),
        "intermediate/dense": (12, 37),
        "output/dense": (37, 12),
    }.items():
        ENCODER |= {f"{scope}{layer}/kernel": shape, f"{scope}{layer}/bias": shape[1:]}
    for layer in ("attention/output/LayerNorm", "output/LayerNorm"):
        ENCODER |= {f"{scope}{layer}/gamma": (12,), f"{scope}{layer}/beta": (12,)}
PRETRAINING = {
    "cls/predictions/output_bias": (29,),
    "cls/predictions/transform/LayerNorm/beta": (12,),
    "cls/predictions/transform/LayerNorm/gamma": (12,),
    "cls/predictions/transform/dense/kernel": (12, 12),
    "cls/predictions/transform/dense/bias": (12,),
    "cls/seq_relationship/output_weights": (2, 12),
    "cls/seq_relationship/output_bias": (2,),
}
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(24))]


def write_release(directory, shapes, prefix="bert_model.ckpt", vocabulary=VOCABULARY):
    """Writes the files of a release with random weights -> {name: array}."""
    random = np.random.default_rng(11)
    weights = {name: random.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    directory.mkdir()
    (directory / "bert_config.json").write_text(json.dumps(CONFIG))
    (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, array in weights.items():
            tf.compat.v1.get_variable(name, initializer=array)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(directory / prefix), write_meta_graph=False, write_state=False)
    return weights


@pytest.mark.filterwarnings("error:.*(random|left over).*:UserWarning")
def test_every_weight_of_the_release_is_where_it_belongs(tmp_path):
    optimizer = {"bert/pooler/dense/bias/adam_m": (12,), "bert/pooler/dense/bias/adam_v": (12,), "global_step": ()}
    weights = write_release(tmp_path / "release", ENCODER | PRETRAINING | optimizer)
    model, tokenizer = load_pretrained(tmp_path / "release", "pretrainer")
    ours = {name: np.asarray(variable) for name, variable in variables_of(model).items()}
    assert sum(array.size for array in ours.values()) == sum(map(np.prod, (ENCODER | PRETRAINING).values()))

    np.testing.assert_array_equal(
        ours["embedding/token_embedding/embeddings"], weights["bert/embeddings/word_embeddings"]
    )
    np.testing.assert_array_equal(
        ours["embedding/segment_embedding/embeddings"], weights["bert/embeddings/token_type_embeddings"]
    )
    scope = "bert/encoder/layer_1/"
    for i, part in enumerate(("query", "key", "value")):
        for kind in ("kernel", "bias"):
            mine = ours[f"encoder_1/query_key_value/{kind}"][..., 12 * i : 12 * (i + 1)]
            np.testing.assert_array_equal(mine, weights[f"{scope}attention/self/{part}/{kind}"])
    np.testing.assert_array_equal(
        ours["encoder_1/attention_layer_norm/gamma"], weights[f"{scope}attention/output/LayerNorm/gamma"]
    )
    np.testing.assert_array_equal(
        ours["encoder_1/feedforward_layer_norm/beta"], weights[f"{scope}output/LayerNorm/beta"]
    )
    np.testing.assert_array_equal(ours["encoder_1/feedforward_output/kernel"], weights[f"{scope}output/dense/kernel"])
    np.testing.assert_array_equal(ours["mlm/bias"], weights["cls/predictions/output_bias"])
    np.testing.assert_array_equal(ours["nsp/dense/kernel"], weights["cls/seq_relationship/output_weights"].T)

    config = model.config
    assert (config.dropout, config.attention_dropout, config.activation) == (0.2, 0.05, "gelu")
    assert config.layer_norm_epsilon == 1e-12
    assert tokenizer.lowercase and tokenizer.vocabulary_size == 29


@pytest.mark.filterwarnings("error:.*(random|left over).*:UserWarning")
@pytest.mark.parametrize(
    "task, scope", [("text_classifier", ""), ("text_regressor", ""), ("span_predictor", "cls/squad/")]
)
def test_heads_of_fine_tuning(task, scope, tmp_path):
    classes = {"text_classifier": 3, "text_regressor": 1, "span_predictor": 2}[task]
    head = {f"{scope}output_weights": (classes, 12), f"{scope}output_bias": (classes,)}
    encoder = {name: ENCODER[name] for name in ENCODER if "pooler" not in name or task != "span_predictor"}
    weights = write_release(tmp_path / "release", encoder | head, prefix="model.ckpt-343")
    model, _ = load_pretrained(tmp_path / "release", task)
    dense = model.get_layer(HEADS[task][0]).dense
    np.testing.assert_array_equal(dense.kernel, weights[f"{scope}output_weights"].T)
    np.testing.assert_array_equal(dense.bias, weights[f"{scope}output_bias"])


def test_a_head_beside_a_pooler_is_for_texts(tmp_path):
    write_release(tmp_path / "release", ENCODER | {"output_weights": (3, 12), "output_bias": (3,)})
    with pytest.warns(UserWarning, match=r"random.*: output_weights, output_bias; .*left over.*output_bias, output_w"):
        load_pretrained(tmp_path / "release", "token_classifier", num_classes=3)


def test_what_does_not_fit_is_named(tmp_path):
    write_release(tmp_path / "release", ENCODER | PRETRAINING)
    with pytest.warns(
        UserWarning, match=r"random, .*: output_weights, output_bias; .* left over: cls/predictions/output"
    ):
        load_pretrained(tmp_path / "release", "text_classifier", num_classes=3)
    write_release(tmp_path / "wrong", ENCODER | {"bert/pooler/dense/kernel": (12, 13)})
    with pytest.raises(ValueError, match=r"bert/pooler/dense/kernel: expected \(12, 12\), found \(12, 13\)"):
        load_pretrained(tmp_path / "wrong")
    lost = "bert/encoder/layer_0/attention/self/key/bias"
    write_release(tmp_path / "lacking", {name: ENCODER[name] for name in ENCODER if name != lost})
    with pytest.raises(ValueError, match=f"lacks weights of the encoder: {lost}"):
        load_pretrained(tmp_path / "lacking")
    write_release(tmp_path / "size", ENCODER, vocabulary=[*VOCABULARY, "w24"])
    with pytest.raises(ValueError, match="a vocabulary of 30 tokens and a token embedding of 29 rows"):
        load_pretrained(tmp_path / "size")


def test_which_checkpoint_is_meant(tmp_path):
    directory = tmp_path / "release"
    write_release(directory, ENCODER, prefix="model.ckpt-1")
    for path in list(directory.glob("model.ckpt-1.*")):
        (directory / path.name.replace("ckpt-1", "ckpt-2")).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match=r"must hold one .* It holds: model\.ckpt-1, model\.ckpt-2"):
        load_pretrained(directory)
    (directory / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-2"\n')
    load_pretrained(directory)
    for path in directory.glob("*.data-*"):
        path.unlink()
    with pytest.raises(ValueError, match=r"can't read .*data-00000-of-00001.*copied as a whole"):
        load_pretrained(directory)
    for path in directory.glob("*.index"):
        path.unlink()
    with pytest.raises(ValueError, match=r"must hold one TensorFlow checkpoint.*It holds: none"):
        load_pretrained(directory)


@pytest.mark.filterwarnings("error:.*(random|left over).*:UserWarning")
@pytest.mark.parametrize("task", [task for task in HEADS if task != "text_embedder"])
def test_saved_and_loaded_again(task, tmp_path):
    write_release(tmp_path / "release", ENCODER)
    body, tokenizer = load_pretrained(tmp_path / "release")
    classes = {"num_classes": 3} if task in ("text_classifier", "token_classifier") else {}
    model = body if task == "backbone" else getattr(models, task)(body, **classes)
    save_pretrained(model, tokenizer, tmp_path / "saved", layout="google")
    save_pretrained(model, tokenizer, tmp_path / "saved", layout="google", overwrite=True)
    again, tokenizer = load_pretrained(tmp_path / "saved", task)
    assert again.config == model.config
    assert tokenizer.vocabulary_size == 29
    ours, theirs = variables_of(again), variables_of(model)
    assert ours.keys() == theirs.keys()
    for name, variable in ours.items():
        np.testing.assert_array_equal(variable, theirs[name], err_msg=name)
    if task == "pretrainer":
        names = {name for name, _ in tf.train.list_variables(str(tmp_path / "saved" / "bert_model.ckpt"))}
        assert names == {*ENCODER, *PRETRAINING}


def test_save_arguments_that_do_not_fit(tmp_path):
    body = backbone(BertConfig.named("tiny", vocabulary_size=29, activation="gelu_tanh"))
    with pytest.raises(ValueError, match="original code has no activation 'gelu_new'"):
        save_pretrained(body, None, tmp_path / "out", layout="google")
    body = backbone(BertConfig.named("tiny", vocabulary_size=29, layer_norm_epsilon=1e-3))
    with pytest.raises(ValueError, match=r"means layer_norm_epsilon=1e-12 .* with layer_norm_epsilon=0\.001"):
        save_pretrained(body, None, tmp_path / "out", layout="google")
    classifier = models.text_classifier(backbone(BertConfig.named("tiny", vocabulary_size=29)), 2)
    with pytest.raises(ValueError, match="no place for `labels`"):
        save_pretrained(classifier, None, tmp_path / "out", labels=["a", "b"], layout="google")
    assert not any(tmp_path.iterdir())


def test_labels_that_are_dropped_are_named(tmp_path):
    body = backbone(BertConfig.named("tiny", vocabulary_size=29))
    model = models.text_classifier(body, 2, labels=["bad", "good"])
    with pytest.warns(UserWarning, match=r"Google's layout has no place for the model's labels, 'bad', 'good'"):
        save_pretrained(model, None, tmp_path / "out", layout="google")
    (tmp_path / "out" / "bert_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"bert_config\.json isn't valid JSON"):
        load_pretrained(tmp_path / "out")
