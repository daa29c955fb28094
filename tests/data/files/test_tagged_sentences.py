"""Sentences with their tags: what they are read as, what a sample keeps, and which models can tag them."""

import warnings

import pytest

from keras_bert.data import TaggedSentences, check_tags
from keras_bert.data.files.tagged_sentences import check_learnable


def of(tags, name="valid.conll", **options):
    """a string of tags -> `TaggedSentences` of one sentence that has them."""
    return TaggedSentences([(["w"] * len(tags.split()), tags.split())], name, **options)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("tags", ["B-P I-P O B-P", "NOUN VERB X", "O O"])
def test_plain_tags_are_read_in_silence(tags):
    assert next(iter(of(tags))).tags == tuple(tags.split())
    assert of(tags).is_entities == tags.startswith("B")


def test_one_line_says_how_other_tags_are_read():
    with pytest.warns(UserWarning, match=r"^valid.conll marks entities in BIO as -, PER_B, PER_I\. They") as caught:
        sentences = of("PER_B PER_I -")
    assert len(caught) == 1 and caught[0].filename == __file__
    assert next(iter(sentences)).tags == ("B-PER", "I-PER", "O") and sentences.is_entities
    with pytest.warns(UserWarning, match="is read as one of its word alone: NOUN, O"):
        assert not of("NOUN O").is_entities


@pytest.mark.filterwarnings("ignore:train marks entities")
def test_what_goes_with_sentences_is_read_in_their_scheme():
    train = of("PER PER O LOC", "train")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        valid = of("NOUN NOUN", scheme=train.scheme)  # alone it would be parts of speech
        assert valid.tags == ("B-NOUN", "I-NOUN") and valid.is_entities
        assert of("O", scheme=train.scheme).is_entities
    with pytest.raises(ValueError, match=r"Those of valid.conll mark them as O, but .*: 'B-PER' \(1 time\)"):
        of("B-PER O", scheme=train.scheme)
    with pytest.raises(ValueError, match="as those that go with it, but there are others too: 'NOUN'"):
        of("NOUN", scheme=of("B-P O").scheme)
    speech = of("NOUN VERB", "train")
    assert of("B-PER O", scheme=speech.scheme).tags == ("B-PER", "O")


def test_a_model_has_a_tag_for_the_rest_of_each_entity():
    assert of("B-P O B-L I-L").tags == ("B-L", "B-P", "I-L", "O")
    assert of("B-P O B-L I-L").labels == ("B-L", "B-P", "I-L", "I-P", "O")
    assert of("NOUN VERB").labels == ("NOUN", "VERB")


@pytest.mark.filterwarnings("ignore:whole marks entities")
def test_a_sample_is_read_as_the_whole():
    whole = TaggedSentences([(["a"], ["PER_B"]), (["b"], ["-"]), (["c", "d"], ["PER_B", "PER_I"])], "whole")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples = [whole.sample(1, seed) for seed in range(9)]
    assert {sample.tags for sample in samples} == {("B-PER",), ("O",), ("B-PER", "I-PER")}
    assert all(sample.is_entities and sample.scheme == whole.scheme and len(sample) == 1 for sample in samples)
    assert samples[0].name == "1 of whole" and whole.sample(3, 0) is whole
    speech = TaggedSentences([(["a"], ["X"]), (["b"], ["NOUN"])])
    assert not any(speech.sample(1, seed).is_entities for seed in range(9))


def test_entities_and_parts_of_speech_do_not_go_together():
    entities, speech = of("B-P O"), of("NOUN VERB")
    with pytest.raises(ValueError, match=r"valid.conll, B-P, O, do mark entities in BIO; those of the model, NOUN, V"):
        check_tags(entities, speech.tags)
    with pytest.raises(ValueError, match=r"valid.conll, NOUN, VERB, don't mark entities in BIO; .*B-P, O, do"):
        check_tags(speech, entities.tags)
    check_tags(of("O"), entities.tags)  # no entity in it, which is neither


@pytest.mark.filterwarnings("error")
def test_tags_unseen_in_training_count_as_errors_and_are_named():
    train, valid = of("B-P O", "train.conll"), of("B-P I-P O")
    check_tags(valid, train.labels)
    check_learnable(valid, train.labels)
    valid = of("B-P B-Q I-Q I-Q O")
    with pytest.warns(
        UserWarning, match=r"In valid.conll .* 'B-Q' \(1 time\), 'I-Q' \(2 times\). Each counts as an er"
    ):
        check_tags(valid, train.labels)
    with pytest.raises(ValueError, match=r"In valid.conll there are others: 'B-Q' \(1 time\), 'I-Q' \(2 times\)"):
        check_learnable(valid, train.labels)


def test_tags_that_no_model_can_give_are_refused():
    with pytest.raises(ValueError, match=r"at least 2 tags.*\['O'\]"):
        check_tags(of("B-P"), ["O"])
    with pytest.raises(ValueError, match=r"None of the tags of valid.conll, walk, is one of the model's, NOUN, VERB"):
        check_tags(of("walk"), ["NOUN", "VERB"])


@pytest.mark.parametrize("row", [(["a"], ["O", "O"]), ([], []), (["a"],), "ab", (["a", ""], ["O", "O"]), ([1], ["O"])])
def test_rows_that_are_no_sentence_are_refused(row):
    with pytest.raises(ValueError, match="umber 2"):
        TaggedSentences([(["a"], ["O"]), row])


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(ValueError, match="Number 1 of the sentences has half of a surrogate pair"):
        TaggedSentences([(["a\ud83d"], ["O"])])
