"""Sentences whose units are known in, a tag for each unit out."""

import numpy as np
import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.models import check_built, check_length_of
from keras_bert.prediction.backend import check_backend
from keras_bert.prediction.tags import Tagger
from keras_bert.utils.batches import in_batches_by_length
from keras_bert.utils.checks import check_positive_integer


def unit_tagger(
    model, tokenizer, max_length=None, stride=None, fallback=None, labels=None, batch_size=32, is_entities=None
):
    """Makes a function that tags sentences whose units are known: a tag for each, none dropped.

    A unit has the tag of the first token that begins in it. If none does, it goes on with the tag of the token that
    covers it, as in words of which one character each is tagged but which are one token. Of what no token covers,
    white space within an entity belongs to it, and the rest, characters that vanish in normalization among them, has
    the tag `fallback`. An I- tag that continues nothing of its type becomes B-. Labels that mark entities in another
    scheme, as PER-B or S-PER, answer in BIO, as the tags of `TaggedSentences` are.

    Args:
        model: A model from `token_classifier`, which may be trained on afterwards.
        tokenizer: The `WordPieceTokenizer` that it is trained with.
        max_length: The most tokens of a row, [CLS] and [SEP] included; longer sentences run in windows, each unit
            answered where it has most context. None: the model's `max_sequence_length`.
        stride: The tokens that two windows share. None: a quarter of `max_length`.
        fallback: A tag. None: O if the model has that tag, or else its first.
        labels: The tags in the order of the logits. None: the model's own.
        batch_size: Number of sentences that run at a time.
        is_entities: Whether the labels mark entities: the `is_entities` of the sentences to train on. None: found out.

    Returns:
        A function: sentences, as a `TaggedSentences` gives them (their tags aren't looked at), and `progress`, as in
        `predictor` -> for each, the list of its tags, strings.

    Raises:
        ValueError: If an argument is out of its range or doesn't fit the model, or the backend isn't TensorFlow.

    Example:
    >>> from keras_bert.data import TaggedSentences
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.token_classifier(keras_bert.backbone(config), 3, labels=["O", "B-PER", "I-PER"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ann"])
    >>> tags = unit_tagger(model, tokenizer, max_length=16)(TaggedSentences([(["Ann", "\u200b", "left"], ["O"] * 3)]))
    >>> len(tags[0]), tags[0][1]
    (3, 'O')
    """
    check_backend()
    check_built(model, "token_classifier")
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    check_positive_integer("batch_size", batch_size)
    options = {"fallback": fallback, "is_entities": is_entities}
    tagger = Tagger(model, tokenizer, check_length_of(model, max_length), labels, stride, **options)
    spans = tf.RaggedTensorSpec([None, None], tf.int32)
    tags_of_units = tf.function(
        tagger.tags_of_units, input_signature=[tf.TensorSpec([None], tf.string), spans, spans], autograph=False
    )

    def tag_batch(sentences):
        """list of B sentences -> list of their lists of tags."""
        starts, ends = _spans(sentences)
        tags, _ = tags_of_units(tf.constant([sentence.text for sentence in sentences]), starts, ends)
        return [[tag.decode() for tag in row] for row in starts.with_values(tags).to_list()]

    def tag_sentences(sentences, progress=None):
        sentences = list(sentences)
        lengths = [len(sentence.text) for sentence in sentences]
        return in_batches_by_length(tag_batch, sentences, lengths, batch_size, progress)

    return tag_sentences


def _spans(sentences):
    """B sentences -> their units' first codepoints and ends, two ragged int32 [B, (U)]."""
    lengths = [len(sentence.starts) for sentence in sentences]
    places = ([place for sentence in sentences for place in getattr(sentence, key)] for key in ("starts", "ends"))
    return [tf.RaggedTensor.from_row_lengths(np.array(values, "int32"), lengths) for values in places]
