"""Exact match and F1 of answers, as the official scripts of SQuAD v1.1 and v2.0, KorQuAD v1.0 and CMRC 2018 have them.

Over many questions both are in percent, as in those scripts. SQuAD's F1 is of words, which white space parts: of
answers in Chinese or Japanese it is little more than exact match. KorQuAD's is of characters, and says something in any
language; CMRC's is of Chinese characters that stand together.

Reference: Rajpurkar et al. 2016, arXiv:1606.05250; Rajpurkar et al. 2018, arXiv:1806.03822; Lim et al. 2019,
arXiv:1909.07005; Cui et al. 2019, arXiv:1810.07366.
"""

import collections
import difflib
import re
import string

RULES = ("squad", "squad2", "korquad", "cmrc")

_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
# KorQuAD puts a space for these, where SQuAD closes the gap.
_KORQUAD_SPACES = str.maketrans(dict.fromkeys("'\"《》<>〈〉()‘’", " "))
_WITHOUT_CMRC_PUNCTUATION = str.maketrans("", "", "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_CHINESE = "[㐀-䶵一-鿿]"
_OTHERS_WITHOUT_SPACES = "[ぁ-ヿ\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff]"
# A Chinese character, a word or number of other letters, or a mark.
_CMRC_UNITS = re.compile(r"[一-龥]|[^\W一-龥]+(?:[.,'][^\W一-龥]+)*|[^\w\s]")


def normalize_answer(text, rules="squad"):
    """Strips from an answer what doesn't count.

    Args:
        text: The answer.
        rules: `"squad"`, `"squad2"`: capitals, punctuation (ASCII's), English articles and white space; `"korquad"`:
            capitals, punctuation, Korean quotation marks and brackets and white space; `"cmrc"`: capitals, Chinese
            punctuation and some of ASCII's.

    Returns:
        A string.

    Example:
    >>> normalize_answer("The  well-known Mr. X"), normalize_answer("《토지》 (The Land)", "korquad")
    ('wellknown mr x', '토지 the land')
    """
    if rules == "korquad":
        text = text.translate(_KORQUAD_SPACES).lower().translate(_WITHOUT_PUNCTUATION)
    elif rules == "cmrc":
        return text.lower().strip().translate(_WITHOUT_CMRC_PUNCTUATION)
    else:
        text = _ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION))
    return " ".join(text.split())


def rules_by_script(answers):
    """Chooses the rules whose F1 tells something of answers in their script.

    Args:
        answers: Strings.

    Returns:
        "cmrc" if most letters are Chinese characters; "korquad", whose F1 is of characters, if most are of other
        scripts without spaces between words: Japanese, Thai, Lao, Khmer or Burmese; else "squad", in Korean too.

    Example:
    >>> rules_by_script(["北京市", "3 PM"]), rules_by_script(["東京タワー"]), rules_by_script(["부산에서"])
    ('cmrc', 'korquad', 'squad')
    """
    text = "".join(answers)
    chinese, others = (len(re.findall(letters, text)) for letters in (_CHINESE, _OTHERS_WITHOUT_SPACES))
    if 2 * (chinese + others) <= sum(map(str.isalpha, text)):
        return "squad"
    return "cmrc" if chinese > 20 * others else "korquad"


def score_answer(prediction, answers, rules="squad"):
    """Compares one predicted answer with the right ones.

    Args:
        prediction: A string; "" for no answer.
        answers: The right answers: a list of strings, empty for a question that can't be answered.
        rules: `"squad"` (v1.1), `"squad2"` (v2.0), `"korquad"` or `"cmrc"`. F1 is of words in the first two, of
            characters in `"korquad"`. In `"cmrc"` it is of the longest run of Chinese characters and other words that
            both have; that script cuts other words by NLTK, here they end at spaces and marks.

    Returns:
        Exact match (0.0 or 1.0) and F1 (0.0 to 1.0), each the best over the right answers.

    Raises:
        ValueError: If there are no such rules, no right answer where they want one, or an answer isn't a string.

    Example:
    >>> score_answer("the big dog", ["a dog", "cats"]), score_answer("부산에", ["부산"], "korquad")
    ((0.0, 0.6666666666666666), (0.0, 0.8))
    >>> score_answer("在北京市", ["北京"], "cmrc")
    (0.0, 0.6666666666666666)
    """
    if rules not in RULES:
        raise ValueError(f"`rules` must be one of {', '.join(RULES)}. Received: rules={rules!r}.")
    # A string is a sequence too, of characters.
    if isinstance(answers, str) or not all(isinstance(answer, str) for answer in (prediction, *answers)):
        raise ValueError(
            "`prediction` must be a string, and `answers` a list of strings. Received: "
            f"prediction={prediction!r:.80}, answers={answers!r:.80}."
        )
    golds = [normalize_answer(answer, rules) for answer in answers]
    if rules == "squad2":
        golds = list(filter(None, golds)) or [""]
    if not golds:
        raise ValueError(
            f'A question has no right answer, which {rules!r} can\'t score. Use rules="squad2" for files with '
            "questions that can't be answered."
        )
    predicted = normalize_answer(prediction, rules)
    return float(predicted in golds), max(_f1(predicted, gold, rules) for gold in golds)


def score_answers(predictions, answers, rules="squad"):
    """Scores answers to many questions.

    Args:
        predictions: Question's id -> predicted answer, "" for none: a dict of strings.
        answers: Question's id -> right answers: a dict of lists of strings.
        rules: As in `score_answer`.

    Returns:
        A dict: `exact_match` and `f1`, in percent (0.0 to 100.0), as the official scripts have them.

    Raises:
        ValueError: If a question wasn't answered; otherwise as in `score_answer`.

    Example:
    >>> score_answers({"a": "big dog", "b": "Ann"}, {"a": ["dog"], "b": ["Ann", "Anne"]})
    {'exact_match': 50.0, 'f1': 83.33333333333333}
    """
    missing = [name for name in answers if name not in predictions]
    if missing or not answers:
        raise ValueError(
            f"Every question must be answered, by '' if need be. Received: {len(answers)} questions, of which "
            f"{len(missing)} have no prediction: {', '.join(map(repr, missing[:5]))}."
        )
    scores = [score_answer(predictions[name], right, rules) for name, right in answers.items()]
    exact, f1 = (100.0 * sum(column) / len(scores) for column in zip(*scores, strict=True))
    return {"exact_match": exact, "f1": f1}


def best_null_threshold(predictions, null_differences, answers):
    """Finds from which difference on it is best to give no answer, by F1 with SQuAD v2.0's rules.

    The official script does the same search. The two differ in three corners: where nothing is better than to answer
    nothing, that script says 0.0, and here the threshold is below all differences; equal differences are never parted
    here; and a prediction without a word, such as "the", counts here as the score counts it, as no answer.

    Args:
        predictions: Question's id -> the best answer there is: a dict of strings.
        null_differences: Question's id -> score of no answer less the best answer's: a dict of floats.
        answers: As in `score_answers`.

    Returns:
        A float: give no answer where the difference is greater.

    Example:
    >>> best_null_threshold({"a": "Ann", "b": "Ben", "c": "Cid"}, {"a": -2.5, "b": 3.0, "c": 1.5},
    ...                     {"a": ["Ann"], "b": [], "c": ["Cid"]})
    1.5
    """
    order = sorted(answers, key=null_differences.get)
    threshold = null_differences[order[0]] - 1.0
    gain = best = 0.0  # of answering all up to here, over answering nothing
    for name, following in zip(order, [*order[1:], None], strict=True):
        golds = answers[name]
        gain += score_answer(predictions[name], golds, "squad2")[1]
        gain -= score_answer("", golds, "squad2")[1]
        is_cut = following is None or null_differences[following] > null_differences[name]
        if is_cut and gain > best:
            best, threshold = gain, null_differences[name]
    return threshold


def _f1(prediction, gold, rules):
    """two normalized answers -> F1 of their words, characters or, of CMRC, units that stand together."""
    cut = {"korquad": lambda text: text.replace(" ", ""), "cmrc": _CMRC_UNITS.findall}.get(rules, str.split)
    parts = [cut(prediction), cut(gold)]
    if rules == "cmrc":
        common = difflib.SequenceMatcher(None, *parts, autojunk=False).find_longest_match().size
    else:
        common = (collections.Counter(parts[0]) & collections.Counter(parts[1])).total()
    if rules == "squad2" and not (parts[0] and parts[1]):
        return float(parts[0] == parts[1])  # no answer is right or wrong
    if not common:
        return 0.0
    precision, recall = common / len(parts[0]), common / len(parts[1])
    return 2 * precision * recall / (precision + recall)
