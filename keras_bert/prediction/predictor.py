"""Strings in, answers out: tokenizer, model and decoding as one, for code, evaluation and the exported model."""

import inspect

import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.long_texts import length_of_rows
from keras_bert.models import check_built
from keras_bert.prediction.answers import SpanPredictor
from keras_bert.prediction.backend import check_backend
from keras_bert.prediction.decoding import plain_rows
from keras_bert.prediction.tags import Tagger
from keras_bert.prediction.texts import TextClassifier, TextRegressor
from keras_bert.prediction.vectors import TextEmbedder
from keras_bert.utils.batches import in_batches_by_length
from keras_bert.utils.checks import check_positive_integer
from keras_bert.utils.columns import rows_of

_TASKS = {
    "text_classifier": TextClassifier,
    "text_regressor": TextRegressor,
    "text_embedder": TextEmbedder,
    "span_predictor": SpanPredictor,
    "token_classifier": Tagger,
}
_GIVEN = ("model", "tokenizer", "max_length")


def predictor(model, tokenizer, max_length=None, **options):
    """Makes one thing of tokenizer, model and decoding, which takes strings and gives answers.

    Args:
        model: A model from `text_classifier`, `text_regressor`, `text_embedder`, `token_classifier` or
            `span_predictor`. If it is trained on, or gets other thresholds, the answers follow.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        max_length: The most tokens of a row, [CLS] and [SEP] included. None: the model's `max_sequence_length`; of
            text embedders, and of models in windows, their own.
        **options: Of text classifiers, `labels`: the classes' names in the order of the logits; by default the model's
            own, or else their numbers. Of text regressors, `score_range`: a pair of numbers that no score, the model's
            `score_activation` applied, is to be outside of. Of both, `stride`: longer texts run in windows that share
            so many tokens, and their logits are averaged; by default they lose their end, or what `cut` says: "end" or
            "middle", as in `classification_batches`. And `pairs`: if True, the
            model is for pairs of texts, of which the longer text loses its end first; by default if the model's own
            `pairs` says so.
            Of text embedders, `prompt`: the name of one of the model's prompts, which is put before each text; by
            default the model's own default, if it has one.
            Of span predictors, `stride` and `max_question_length`, as in `answering_batches`; `max_answer_length`, the
            most tokens of an answer (30); `num_answers`, how many answers to give (5); `null_threshold`, a number: the
            answer is none where `null_difference` is greater (by default there is one always).
            Of token classifiers, `labels`: the tags in the order of the logits, as above; `stride`: longer texts run in
            windows that share so many tokens, by default a quarter of `max_length`, and each word is answered where it
            has most context; `unit`: what has a tag, a "word" (words and punctuation marks, as BERT parts them), what
            white space parts ("space": for texts in which, as in the training files, a space stands between words and
            punctuation marks; each has the tag that `unit_tagger` gives it) or, for models trained on characters,
            whose entities end within words, a "piece" of a word. With "word", punctuation marks within the words of
            training files (U.S., n't, @user) are units of their own, whose tags training didn't see. `fallback`: with
            "space", the tag of words that vanish in normalization, as in `unit_tagger`. `is_entities`: whether the
            labels mark entities, by default found out; labels that do so in another way than BIO, as PER-B or S-PER,
            answer in BIO.

    Returns:
        A `Predictor`: call it with strings.

    Raises:
        ValueError: If the model has no such task, the tokenizer has another vocabulary size, an option doesn't fit, or
            the backend isn't TensorFlow.

    Example:
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["no", "yes"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> predict = predictor(model, tokenizer, max_length=16, stride=4)
    >>> predict("Good!")
    {'label': '...', 'probabilities': {'no': ..., 'yes': ...}}
    >>> len(predict(["Good!", "good " * 100]))
    2
    """
    check_backend()
    task = check_built(model, *_TASKS)
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    accepted = [name for name in inspect.signature(_TASKS[task]).parameters if name not in _GIVEN]
    if unknown := sorted(options.keys() - {*accepted}):
        raise ValueError(f"The options of a {task} are {', '.join(accepted)}. Received: {', '.join(unknown)}.")
    return Predictor(model, _TASKS[task](model, tokenizer, length_of_rows(model, max_length), **options))


class Predictor:
    """Takes strings and gives answers, as plain Python values that `json.dumps` takes. `predictor` makes it.

    Call it with one string for one answer, a dict; or with many, in a list or any iterable, for a list of dicts in
    the same order. Pairs of texts, and questions with their contexts, are two strings or two lists; one string goes
    with each of a list, as one question to many contexts. Columns may be given by name: `text` and `second_text`,
    `question` and `context`.

    The answers:

    - text classifiers: `{"label": "pos", "probabilities": {"neg": 0.1, "pos": 0.9}}`;
    - those with `multi_label`: `{"labels": ["food", "price"], "probabilities": {"food": 0.9, "staff": 0.1, "price":
      0.7}}`, the labels whose probability is at least their threshold;
    - text regressors: `{"score": 3.2}`;
    - text embedders: `{"embedding": [0.03, -0.12, ...]}`; for arrays of many texts take `embed`;
    - token classifiers: `tags`, a list with a dict of `word`, `start`, `end`, `tag` and `probability` for each word;
      and, where tags mark entities (O, B-PERSON, I-PERSON ...), `entities`, a list of dicts of `text`, `type`, `start`,
      `end` and `probability`: an entity's is the mean of its words' probabilities;
    - span predictors: `answer`, with `start` and `end`, its place in the context ("", -1 and -1: no answer); its
      `score`, the sum of its two logits, and its `probability` among those given; `null_difference`, no answer's score
      less the best answer's, or None where there is none; and `answers`, the best ones, a list of dicts of `answer`,
      `start`, `end` and `probability`.

    Places are in characters, as in Python: `text[start:end]`.

    Attributes:
        function: The same in the TensorFlow graph, for `tf.data`, and as a SavedModel has it: a `tf.function` of
            strings [B], by name or by position, that gives a dict of tensors.

            - text classifiers: `label`, string [B]; `probabilities`, float32 [B, C], in the order of `labels`;
            - those with `multi_label`: `labels`, string [B, L]; `probabilities`, likewise;
            - text regressors: `score`, float32 [B];
            - text embedders: `embedding`, float32 [B, D];
            - token classifiers: `word` and `tag`, string [B, U]; `start` and `end`, int32 [B, U]; `probability`,
              float32 [B, U]; and, where tags mark entities, `entity` and `entity_type`, string [B, E]; `entity_start`
              and `entity_end`, int32 [B, E]; `entity_probability`, float32 [B, E];
            - span predictors: `answer`, string [B]; `start` and `end`, int32 [B]; `score`, `probability` and
              `null_difference`, float32 [B], the last infinite where there is no answer; and of the N best, `answers`,
              string [B, N], `starts` and `ends`, int32 [B, N], and `probabilities`, float32 [B, N].

            Texts with fewer labels, words, entities or answers than others are filled up with "", -1 and 0.
        labels: Of classifiers of texts and tokens, the names of the classes in the order of the logits: a tuple; else
            None.

    Example:
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_regressor(keras_bert.backbone(config))
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> predict = predictor(model, tokenizer, pairs=True)
    >>> predict("Good!", "Good?")
    {'score': ...}
    >>> len(predict(text="Good!", second_text=["Good?", "good"]))
    2
    >>> predict.function(text=["Good!"], second_text=["Good?"])["score"].shape
    TensorShape([1])
    """

    def __init__(self, model, task):
        self._model, self._task = model, task
        self.labels = task.labels
        self._function, self._made_from, self._weights = None, None, None

    @property
    def function(self):
        weights = self._model.weights
        made_from = self._model.thresholds, tuple(map(id, weights))
        if self._made_from != made_from:  # `lora` and `quantize` put others in their place
            signature = [tf.TensorSpec([None], tf.string, name=name) for name in self._task.input_names]
            self._function = tf.function(self._task.answer, input_signature=signature, autograph=False)
            self._made_from, self._weights = made_from, weights  # kept, so that nothing else gets their ids
        return self._function

    def __call__(self, *columns, batch_size=32, progress=None, **named_columns):
        """Answers one string or many, in batches of near-equal length.

        Args:
            *columns: A string, or N strings, for each of the model's inputs: one, or for pairs two.
            batch_size: The most texts, or pairs, that run at a time.
            progress: None: a bar on stderr if that is a terminal, once it has taken more than three seconds. True: a
                bar from the beginning. False: none.
            **named_columns: The same by name.

        Returns:
            A dict, if all columns are single strings; else a list of N dicts.

        Raises:
            ValueError: If a column is missing, they aren't of the same length, a text isn't a string or has half of a
                surrogate pair, or the call stands in a TensorFlow graph.
        """
        if not tf.executing_eagerly():
            raise ValueError(
                "A predictor gives Python values, which a TensorFlow graph can't hold. In a tf.function, or in "
                "tf.data's `map`, call its `function`."
            )
        check_positive_integer("batch_size", batch_size)
        rows, is_one = rows_of(self._task.input_names, columns, named_columns)
        lengths = [sum(map(len, row)) for row in rows]
        answers = in_batches_by_length(self._answer_batch, rows, lengths, batch_size, progress)
        return answers[0] if is_one else answers

    def _answer_batch(self, rows):
        """list of B tuples of strings -> list of B dicts."""
        arrays = self.function(*(tf.constant(column, tf.string) for column in zip(*rows, strict=True)))
        return self._task.as_python(plain_rows({key: value.numpy() for key, value in arrays.items()}))
