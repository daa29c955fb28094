"""What a model knows of itself: its task, its classes, what it is for."""

from keras_bert.distribution.keras_internals import KnownByClones, digest_of_weights
from keras_bert.utils.checks import check_boolean, check_thresholds


class KnowsItself(KnownByClones):
    """The properties of a `BertModel` that say what it is, and the methods that change them; it is mixed in."""

    @property
    def task(self):
        return self._task

    @property
    def config(self):
        return self._bert_config

    @property
    def labels(self):
        return self._labels

    @property
    def score_activation(self):
        return self._score_activation

    @property
    def embedder(self):
        return self._embedder

    @property
    def thresholds(self):
        return self._thresholds

    @property
    def multi_label(self):
        return self.thresholds is not None

    @property
    def pairs(self):
        return self._pairs

    @property
    def identity(self):
        names = ("task", "config", "labels", "score_activation", "embedder", "thresholds", "pairs")
        return {name: getattr(self, name) for name in names}

    @property
    def random_weights(self):
        paths = {variable.path: variable for variable in self.weights}
        return tuple(
            name
            for name, digest in self._random_weights.items()
            if any(path.endswith(name) and digest_of_weights([variable]) == digest for path, variable in paths.items())
        )

    def keep_embedder(self, embedder):
        """`EmbedderConfig` or None -> None; a backbone goes by its checkpoint's where vectors of texts are made."""
        self._embedder = embedder

    def keep_thresholds(self, thresholds):
        """Sets the least probability by which a text has a class, of a `text_classifier` with `multi_label`.

        Args:
            thresholds: A number from 0 to 1, or one for each class in the order of the logits, such as
                `keras_bert.metrics.best_thresholds` finds. They are saved and exported with the model.

        Raises:
            ValueError: If they are others, or a text has one class only.

        Example:
        >>> backbone = keras_bert.backbone(keras_bert.BertConfig.named("tiny"))
        >>> model = keras_bert.text_classifier(backbone, 2, labels=["food", "price"], multi_label=True)
        >>> model.keep_thresholds([0.5, 0.3])
        >>> model.thresholds
        (0.5, 0.3)
        """
        if not self.multi_label:
            raise ValueError(
                "Thresholds are for a text_classifier with multi_label=True, whose texts may have several classes. "
                f"Received: thresholds for a {self.task}."
            )
        self._thresholds = check_thresholds("thresholds", thresholds, self.output.shape[-1])

    def keep_pairs(self, pairs=True):
        """Notes whether a text classifier or regressor is for pairs of texts; saved directories and exports know it.

        Args:
            pairs: If True, `predictor`, the exports and `keras-bert predict` take two texts and refuse a single one.

        Raises:
            ValueError: If it isn't a boolean, or True for a model of another task.

        Example:
        >>> model = keras_bert.text_regressor(keras_bert.backbone(keras_bert.BertConfig.named("tiny")))
        >>> model.keep_pairs()
        >>> model.pairs
        True
        """
        if check_boolean("pairs", pairs) and self.task not in ("text_classifier", "text_regressor"):
            raise ValueError(f"Pairs of texts are for a text_classifier or a text_regressor. Received: a {self.task}.")
        self._pairs = pairs

    def mark_as_random(self, variables):
        """{name: variable} that no checkpoint has set -> None; matrices are noted, for vectors start at 0 or 1."""
        self._random_weights = {name: digest_of_weights([one]) for name, one in variables.items() if len(one.shape) > 1}
