"""BERT as ONNX operators, written for ONNX Runtime on a CPU.

Tokens of all rows lie one after the other, [B T, D], so that every dense layer is one product with its bias. Whoever
asks for the vectors of a few tokens only, as classifiers of texts do, has the last layer computed for these alone.

Legend of the shapes: B batch, T tokens, D hidden, H heads, V vocabulary, M positions asked for, C classes.
"""

import numpy as np

from keras_bert.checkpoints.weights import arrays_of
from keras_bert.export.onnx_nodes import Nodes

# Name of an activation -> the operators that make it, of x, the first, or of x and what came before.
_ACTIVATIONS = {
    "gelu": ("Gelu",),
    "gelu_tanh": ("FastGelu",),
    "elu": ("Elu",),
    "linear": (),
    "mish": ("Softplus", "Tanh", "Mul x"),
    "relu": ("Relu",),
    "selu": ("Selu",),
    "sigmoid": ("Sigmoid",),
    "silu": ("Sigmoid", "Mul x"),
    "softplus": ("Softplus",),
    "softsign": ("Softsign",),
    "swish": ("Sigmoid", "Mul x"),
    "tanh": ("Tanh",),
}


def check_activation(name):
    """Name of an activation -> None; a `ValueError` unless ONNX has it."""
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"In ONNX the activation may be {', '.join(_ACTIVATIONS)}. Received: a model with activation={name!r}. "
            "Export it with export_saved_model."
        )


class BertNodes(Nodes):
    """The nodes of a model of this library.

    Args:
        model: A model of one of the builders.
        is_int8: Function: name of a dense layer -> whether it multiplies in int8.

    Example:
    >>> nodes = BertNodes(keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=29)))
    >>> nodes.tokens()
    'Reshape_...'
    """

    def __init__(self, model, is_int8=lambda name: False):
        super().__init__()
        self._config, self._is_int8 = model.config, is_int8
        self._weights = arrays_of(model)
        self._head_dim = self._config.hidden_dim // self._config.num_heads
        self._batch = self("Shape", "token_ids", start=0, end=1)
        self._length = self("Shape", "token_ids", start=1, end=2)
        axes = (self.integers(2), self.integers(1))
        self._same = self("Equal", *(self("Unsqueeze", "padding_mask", axis) for axis in axes))  # [B, T, T]
        never = [self.constant(name, np.float32(value)) for name, value in (("zero", 0), ("never", -1e30))]
        self._bias = self("Where", self._same, *never)  # of attention's scores [B, T, T]

    def tokens(self):
        """-> the sequence output [B, T, D]."""
        x = self._encoded(self._config.num_layers)
        return self("Reshape", x, self._shape(self._batch, self._length, self._config.hidden_dim))

    def tokens_at(self, positions):
        """int32 [B, M] -> those tokens' vectors [B, M, D]; NaN for what is in no row."""
        x = self._in_rows(self._encoded(self._config.num_layers - 1))  # [B, T, D]
        inside = self(
            "And", self("Less", self.constant("minus_one", np.int32(-1)), positions), self._before_end(positions)
        )
        index = self("Where", inside, positions, self.constant("first", np.int32(0)))
        index = self("Unsqueeze", self("Cast", index, to=7), self.integers(2))  # int64 [B, M, 1]
        asked = self("GatherND", x, index, batch_dims=1)  # [B, M, D]
        bias = self("GatherND", self._bias, index, batch_dims=1)  # [B, M, T]
        count = self("Shape", positions, start=1, end=2)
        layer = f"encoder_{self._config.num_layers - 1}"
        gathered = self._attention(layer, self._flat(asked), count, self._flat(x), bias)
        x = self._rest_of_layer(layer, self._flat(asked), gathered)
        x = self("Reshape", x, self._shape(self._batch, count, self._config.hidden_dim))
        nan = self.constant("nan", np.float32(np.nan))
        return self("Where", self("Unsqueeze", inside, self.integers(2)), x, nan)

    def first_tokens(self):
        """-> the vectors of the rows' first tokens [B, D]."""
        x = self._in_rows(self._encoded(self._config.num_layers - 1))  # [B, T, D]
        first = self.first_of(x)
        layer = f"encoder_{self._config.num_layers - 1}"
        return self._rest_of_layer(layer, first, self._attention_of_first(layer, first, x))

    def first_of(self, x):
        """[B, T, D] -> [B, D]."""
        return self("Gather", x, self.constant("first", np.int32(0)), axis=1)

    def pooled(self, x):
        """Vectors [..., D] -> [..., D]."""
        return self("Tanh", self.dense("pooler/dense", x))

    def texts(self, embedder):
        """An `EmbedderConfig` -> the vectors of texts, of each row its first sequence's, [B, D]."""
        vector = self.first_tokens() if embedder.pooling == "cls" else self._over_tokens(embedder.pooling)
        for i, (_, activation, _) in enumerate(embedder.projections):
            check_activation(activation)
            vector = self._activated(activation, self.dense(f"projection_{i}", vector))
        if not embedder.normalize:
            return vector
        length = self("ReduceL2", vector, self.integers(1))  # [B, 1]
        return self("Div", vector, self("Max", length, self.constant("tiny", np.float32(1e-12))))

    def _over_tokens(self, pooling):
        """Pooling, "mean" or "max" -> that of the tokens of each row's first sequence [B, D]."""
        x, one = self.tokens(), self.constant("one", np.int32(1))
        counts = self("Unsqueeze", self("Equal", "padding_mask", one), self.integers(2))  # [B, T, 1]
        filling = self.constant(f"filling_of_{pooling}", np.float32({"mean": 0, "max": -1e9}[pooling]))
        x, tokens = self("Where", counts, x, filling), self.integers(1)
        if pooling == "max":
            return self("ReduceMax", x, tokens, keepdims=0)
        number = self("ReduceSum", self("Cast", counts, to=1), tokens, keepdims=0)  # [B, 1]
        number = self("Max", number, self.constant("at_least", np.float32(1)))
        return self("Div", self("ReduceSum", x, tokens, keepdims=0), number)

    def masked_words(self, x, head):
        """Vectors [B, M, D], an `MLMHead` -> logits [B, M, V]."""
        check_activation(head.activation)
        rows = self._activated(head.activation, self._dense("mlm/dense", self._flat(x)))
        rows = self._layer_norm("mlm/layer_norm", rows, head.layer_norm_epsilon)
        table = self._weight("embedding/token_embedding/embeddings")  # [V, D]
        logits = self("Gemm", rows, table, self._weight("mlm/bias"), transB=1)
        return self("Reshape", logits, self._shape(self._batch, -1, self._config.vocabulary_size))

    def dense(self, name, x):
        """Name of a head's layer, [..., D] -> [..., C]; in float32."""
        product = self("MatMul", x, self._weight(f"{name}/kernel"))
        return self("Add", product, self._weight(f"{name}/bias")) if f"{name}/bias" in self._weights else product

    def _encoded(self, num_layers):
        """Number of layers -> what they make of the embeddings, [B T, D]."""
        x = self._flat(self._embedded())
        for i in range(num_layers):
            layer = f"encoder_{i}"
            x = self._rest_of_layer(layer, x, self._attention(layer, x, self._length, x, self._bias))
        return x

    def _embedded(self):
        """-> embeddings [B, T, D]."""
        earlier = self("Trilu", self("Cast", self._same, to=1), self.constant("below", np.int64(-1)), upper=0)
        positions = self("ReduceSum", earlier, self.integers(2), keepdims=0)  # of tokens in their sequences [B, T]
        is_token = self("Cast", self("Cast", "padding_mask", to=9), to=1)
        positions = self("Cast", self("Mul", positions, is_token), to=6)  # int32
        tables = [self._weight(f"embedding/{kind}_embedding/embeddings") for kind in ("token", "position", "segment")]
        norm = [self._weight(f"embedding/layer_norm/{part}") for part in ("gamma", "beta")]
        inputs = ("token_ids", "segment_ids", *tables, *norm, "", positions)
        return self("EmbedLayerNormalization", *inputs, outputs=2, epsilon=self._config.layer_norm_epsilon)[0]

    def _attention(self, layer, queries, count, x, bias):
        """A layer's name, [B M, D] that ask, M, [B T, D] that answer, bias [B, M, T] -> what is gathered [B M, D].

        The bias of the keys adds the same to all scores of a token, and that of the values passes through: the one is
        left out, the other is in `_rest_of_layer`.
        """
        (query, key, value), (query_bias, _, _) = self._projections(layer)
        scale = np.float32(self._head_dim**-0.5)
        query = self._product(f"{layer}/query", queries, query * scale, query_bias * scale)
        query = self._by_head(query, count, (0, 2, 1, 3))  # [B, H, M, D / H]
        key = self._by_head(self._product(f"{layer}/key", x, key), self._length, (0, 2, 3, 1))
        value = self._by_head(self._product(f"{layer}/value", x, value), self._length, (0, 2, 1, 3))
        scores = self("Add", self("MatMul", query, key), self("Unsqueeze", bias, self.integers(1)))  # [B, H, M, T]
        gathered = self("MatMul", self("Softmax", scores, axis=-1), value)
        return self._flat(self("Transpose", gathered, perm=(0, 2, 1, 3)))

    def _attention_of_first(self, layer, first, x):
        """A layer's name, first tokens [B, D], all [B, T, D] -> what the first ones gather [B, D].

        One token asks: it is cheaper to take its query through the kernel of the keys, and what it gathers through that
        of the values, than all tokens.
        """
        width, heads = self._config.hidden_dim, self._config.num_heads
        (query, key, value), (query_bias, _, _) = self._projections(layer)
        scale = np.float32(self._head_dim**-0.5)
        query = self._product(f"{layer}/query", first, query * scale, query_bias * scale)
        query = self("Reshape", query, self.integers(-1, heads, self._head_dim))
        query = self("Transpose", query, perm=(1, 0, 2))  # [H, B, D / H]
        key = key.reshape(width, heads, -1).transpose(1, 2, 0)  # [H, D / H, D]
        query = self("MatMul", query, self.constant(f"{layer}/key_by_head", key))
        query = self("Transpose", query, perm=(1, 0, 2))  # [B, H, D]
        scores = self("MatMul", query, self("Transpose", x, perm=(0, 2, 1)))  # [B, H, T]
        begin, end = self.integers(0), self.integers(1)
        bias = self("Slice", self._bias, begin, end, self.integers(1))  # [B, 1, T]
        gathered = self("MatMul", self("Softmax", self("Add", scores, bias), axis=-1), x)  # [B, H, D]
        value = value.reshape(width, heads, -1).transpose(1, 0, 2)  # [H, D, D / H]
        value = self.constant(f"{layer}/value_by_head", value)
        gathered = self("MatMul", self("Transpose", gathered, perm=(1, 0, 2)), value)  # [H, B, D / H]
        return self._flat(self("Transpose", gathered, perm=(1, 0, 2)))

    def _rest_of_layer(self, layer, x, gathered):
        """A layer's name, its input [N, D], what attention gathers without the values' bias [N, D] -> its output."""
        _, (_, _, value_bias) = self._projections(layer)
        kernel = self._weights[f"{layer}/attention_output/kernel"]
        bias = self._weights[f"{layer}/attention_output/bias"] + value_bias.astype("float64") @ kernel
        attended = self._product(f"{layer}/attention_output", gathered, kernel, bias.astype("float32"))
        epsilon = self._config.layer_norm_epsilon
        x = self._layer_norm(f"{layer}/attention_layer_norm", self("Add", x, attended), epsilon)
        inner = self._activated(self._config.activation, self._dense(f"{layer}/feedforward_intermediate", x))
        transformed = self._dense(f"{layer}/feedforward_output", inner)
        return self._layer_norm(f"{layer}/feedforward_layer_norm", self("Add", x, transformed), epsilon)

    def _projections(self, layer):
        """A layer's name -> its kernels [D, D] and its biases [D] of query, key and value."""
        parts = (self._weights[f"{layer}/query_key_value/{part}"] for part in ("kernel", "bias"))
        return [np.split(part, 3, axis=-1) for part in parts]

    def _dense(self, name, x):
        """Name of a layer, [N, I] -> [N, O]."""
        return self._product(name, x, self._weights[f"{name}/kernel"], self._weights[f"{name}/bias"])

    def _product(self, name, x, kernel, bias=None):
        """Name, [N, I], kernel [I, O], bias [O] or None -> [N, O]; in int8 where that is wanted."""
        bias = [] if bias is None else [self.constant(f"{name}/bias", bias)]
        if not self._is_int8(name):
            return self("Gemm", x, self.constant(f"{name}/kernel", kernel), *bias)
        whole, scale = _quantized(kernel)
        constants = self.constant(f"{name}/int8", whole), self.constant(f"{name}/scale", scale)
        return self("DynamicQuantizeMatMul", x, *constants, "", *bias)

    def _layer_norm(self, name, x, epsilon):
        """Name of a normalization, [N, D], its epsilon -> [N, D]."""
        parts = (self._weight(f"{name}/{part}") for part in ("gamma", "beta"))
        return self("LayerNormalization", x, *parts, axis=-1, epsilon=epsilon)

    def _activated(self, activation, x):
        """Name of an activation, x -> its value."""
        value = x
        for operator in _ACTIVATIONS[activation]:
            value = self("Mul", value, x) if operator == "Mul x" else self(operator, value)
        return value

    def _by_head(self, x, count, order):
        """[B M, D], M, order of the axes -> [B, M, H, D / H], its axes in that order."""
        shape = self._shape(self._batch, count, self._config.num_heads, self._head_dim)
        return self("Transpose", self("Reshape", x, shape), perm=order)

    def _in_rows(self, x):
        """[B T, D] -> [B, T, D]."""
        return self("Reshape", x, self._shape(self._batch, self._length, self._config.hidden_dim))

    def _flat(self, x):
        """[..., D], or [..., H, D / H] -> [N, D]."""
        return self("Reshape", x, self.integers(-1, self._config.hidden_dim))

    def _shape(self, *lengths):
        """Lengths of axes, integers or names of int64 [1] -> the name of a shape."""
        parts = [length if isinstance(length, str) else self.integers(length) for length in lengths]
        return self("Concat", *parts, axis=0)

    def _before_end(self, positions):
        """int32 [B, M] -> whether each is less than T."""
        return self("Less", positions, self("Cast", self._length, to=6))

    def _weight(self, name):
        """Name of a weight -> the same, a constant of the graph."""
        return self.constant(name, self._weights[name])


def _quantized(kernel):
    """kernel [I, O] -> int8 [I, O], and the scale of each column, float32 [O]."""
    scale = np.maximum(np.abs(kernel).max(axis=0), np.finfo("float32").tiny) / np.float32(127)
    return np.round(kernel / scale).astype("int8"), scale.astype("float32")
