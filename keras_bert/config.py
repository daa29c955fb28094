"""The one description of a BERT's shape that builders, checkpoints and recipes share."""

import dataclasses
import numbers

from keras_bert.layers.activations import activation_named
from keras_bert.layers.pooling import POOLINGS
from keras_bert.layers.windows import WINDOW_POOLINGS
from keras_bert.utils.checks import (
    check_boolean,
    check_divides,
    check_one_of,
    check_positive_integer,
    check_positive_number,
    check_rate,
)

# (num_layers, hidden_dim, num_heads) of the sizes published with the paper; intermediate_dim is 4 x hidden_dim.
_SIZES = {
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (4, 512, 8),
    "medium": (8, 512, 8),
    "base": (12, 768, 12),
    "large": (24, 1024, 16),
}


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """Shape and arithmetic of a BERT encoder.

    The defaults are those of BERT Base, uncased (Devlin et al., 2018, https://arxiv.org/abs/1810.04805).

    Args:
        vocabulary_size: Number of tokens; the ids run from 0 to `vocabulary_size - 1`.
        num_layers: Number of transformer encoder layers.
        num_heads: Attention heads in each layer; divides `hidden_dim`.
        hidden_dim: Width of a token's vector.
        intermediate_dim: Width of the feed-forward layer between two `hidden_dim`.
        max_sequence_length: Number of learned positions, so the most tokens a sequence can have.
        num_segments: Number of learned segment embeddings.
        dropout: Dropped share after the embeddings, the attention output and the feed-forward, in [0, 1).
        attention_dropout: Dropped share of the attention weights, in [0, 1).
        activation: `"gelu"` (exact, by the error function), `"gelu_tanh"` (its tanh approximation) or the name
            of another Keras activation.
        layer_norm_epsilon: Epsilon in every layer normalization.
        initializer_range: Standard deviation of the truncated normal that kernels and embeddings start from.

    Raises:
        ValueError: If a field is out of its range, or `num_heads` doesn't divide `hidden_dim`.

    Example:
    >>> config = BertConfig.named("mini", vocabulary_size=8000)
    >>> config.num_layers, config.hidden_dim, config.intermediate_dim
    (4, 256, 1024)
    """

    vocabulary_size: int = 30522
    num_layers: int = 12
    num_heads: int = 12
    hidden_dim: int = 768
    intermediate_dim: int = 3072
    max_sequence_length: int = 512
    num_segments: int = 2
    dropout: float = 0.1
    attention_dropout: float = 0.1
    activation: str = "gelu"
    layer_norm_epsilon: float = 1e-12
    initializer_range: float = 0.02

    def __post_init__(self):
        checks = {int: check_positive_integer, float: check_positive_number, str: _check_activation}
        for field in dataclasses.fields(self):
            check = check_rate if field.name.endswith("dropout") else checks[field.type]
            object.__setattr__(self, field.name, check(field.name, getattr(self, field.name)))  # frozen
        check_divides("num_heads", self.num_heads, "hidden_dim", self.hidden_dim)

    @classmethod
    def named(cls, size, **overrides):
        """Returns the config of a published size.

        Args:
            size: `"tiny"`, `"mini"`, `"small"`, `"medium"`, `"base"` or `"large"`.
            **overrides: Fields that differ from that size, e.g. `vocabulary_size=8000`; the others, and those that are
                None, stay as they are named, `intermediate_dim` too.

        Returns:
            A `BertConfig`.

        Raises:
            ValueError: If there is no such size.

        Example:
        >>> BertConfig.named("large").num_heads
        16
        """
        if not isinstance(size, str) or size not in _SIZES:
            raise ValueError(f"`size` must be one of {', '.join(_SIZES)}. Received: size={size!r}.")
        num_layers, hidden_dim, num_heads = _SIZES[size]
        fields = {
            "num_layers": num_layers,
            "hidden_dim": hidden_dim,
            "num_heads": num_heads,
            "intermediate_dim": 4 * hidden_dim,
        }
        return cls(**{**fields, **{field: value for field, value in overrides.items() if value is not None}})


def _check_activation(name, value):
    """Field's name, an activation's name -> the latter; else a `ValueError`."""
    activation_named(value)
    return value


_SIMILARITIES = ("cosine", "dot", "euclidean", "manhattan")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbedderConfig:
    """How a text embedder makes one vector of a text: what stands above the encoder, and how texts are read.

    Args:
        pooling: `"mean"`, `"cls"` or `"max"`, as in `text_embedder`.
        normalize: Whether vectors have length 1.
        projections: Dense layers between pooling and normalization, each (units, activation, whether it has a bias).
        max_length: The most tokens of a text, [CLS] and [SEP] included; None: as many as the encoder has positions.
        prompts: Name of a kind of text, such as "query" -> what is put before texts of that kind.
        default_prompt: Name of the prompt that texts of no named kind have; None: none.
        similarity: How vectors are to be compared: `"cosine"`, `"dot"`, `"euclidean"` or `"manhattan"`.

    Raises:
        ValueError: If a field is out of its range, or there is no prompt of the default's name.

    Example:
    >>> EmbedderConfig(pooling="cls", prompts={"query": "query: "}).prompts["query"]
    'query: '
    """

    pooling: str = "mean"
    normalize: bool = True
    projections: tuple = ()
    max_length: int | None = None
    prompts: dict = dataclasses.field(default_factory=dict)
    default_prompt: str | None = None
    similarity: str = "cosine"

    def __post_init__(self):
        check_one_of("pooling", self.pooling, POOLINGS)
        check_boolean("normalize", self.normalize)
        check_one_of("similarity", self.similarity, _SIMILARITIES)
        if self.max_length is not None and check_positive_integer("max_length", self.max_length) < 3:
            raise ValueError(
                f"`max_length` must be at least 3: [CLS], a token and [SEP]. Received: max_length={self.max_length}."
            )
        projections = _checked_projections(self.projections)
        prompts = {} if self.prompts is None else self.prompts
        if not isinstance(prompts, dict) or not all(isinstance(text, str) for pair in prompts.items() for text in pair):
            raise ValueError(
                f"`prompts` must be a dict of strings, such as {{'query': 'query: '}}. Received: {self.prompts!r}."
            )
        default = self.default_prompt
        if default is not None and not (isinstance(default, str) and default in prompts):
            raise ValueError(
                f"`default_prompt` must be one of the prompts' names, {', '.join(prompts) or 'none given'}. "
                f"Received: default_prompt={default!r}."
            )
        # Frozen; and JSON, from which a saved model's comes, has lists for tuples.
        object.__setattr__(self, "projections", projections)
        object.__setattr__(self, "prompts", dict(prompts))

    def changed(self, **settings):
        """Returns the same with other settings.

        Args:
            **settings: Fields that differ. Those that are None stay as they are.

        Returns:
            An `EmbedderConfig`.

        Raises:
            ValueError: If there is no such field, or one is out of its range.

        Example:
        >>> EmbedderConfig(pooling="cls").changed(pooling=None, normalize=False).pooling
        'cls'
        """
        fields = [field.name for field in dataclasses.fields(self)]
        if unknown := sorted(settings.keys() - {*fields}):
            raise ValueError(
                f"The settings of a text embedder are {', '.join(fields)}. Received: {', '.join(unknown)}."
            )
        return dataclasses.replace(self, **{name: value for name, value in settings.items() if value is not None})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Windows:
    """How a classifier or regressor reads texts that are longer than a row: whole, in overlapping windows.

    Args:
        length: Tokens of a window, [CLS] and [SEP] included.
        stride: The tokens that two windows share. None: a quarter of `length`.
        pooling: What the windows' vectors of [CLS] become: their `"mean"`, or that of the `"first_and_last"`.
        most: The most windows of a text, which bound the memory; what is beyond isn't read. None: all.

    Raises:
        ValueError: If a field is out of its range, or windows couldn't advance.

    Example:
    >>> Windows(length=128).stride
    32
    """

    length: int
    stride: int | None = None
    pooling: str = "mean"
    most: int | None = None

    def __post_init__(self):
        length = check_positive_integer("length", self.length)
        if length < 3:
            raise ValueError(f"`length` must be at least 3: [CLS], a token and [SEP]. Received: length={self.length}.")
        stride = self.length // 4 if self.stride is None else self.stride
        check_one_of("pooling", self.pooling, WINDOW_POOLINGS)
        most = None if self.most is None else check_positive_integer("most", self.most)
        if isinstance(stride, bool) or not isinstance(stride, numbers.Integral) or not 0 <= stride < self.length - 2:
            raise ValueError(
                f"`stride` must be at least 0 and less than the {self.length - 2} tokens of text in a window. "
                f"Received: stride={stride!r}."
            )
        for name, value in {"length": length, "stride": int(stride), "most": most}.items():
            object.__setattr__(self, name, value)  # frozen


def _checked_projections(projections):
    """What came as projections -> tuple of triples; else a `ValueError`."""
    are_listed = isinstance(projections, (list, tuple))
    if not are_listed or not all(isinstance(one, (list, tuple)) and len(one) == 3 for one in projections):
        raise ValueError(
            "`projections` must be a list of triples (units, activation, whether it has a bias), such as "
            f'[(64, "tanh", True)]. Received: projections={projections!r}.'
        )
    for units, activation, use_bias in projections:
        check_positive_integer("units of a projection", units)
        activation_named(activation)
        check_boolean("bias of a projection", use_bias)
    return tuple(map(tuple, projections))
