"""Scores of predictions: of classes, numbers, tags, entities, answers and searches.

Those that seqeval, scikit-learn and scipy compute need the extra `recipes`: `pip install 'bert-for-keras[recipes]'`.
"""

from keras_bert.metrics.classification import best_thresholds, class_scores, correlations, multi_label_scores
from keras_bert.metrics.question_answering import best_null_threshold, normalize_answer, score_answer, score_answers
from keras_bert.metrics.reports import class_report, entity_report
from keras_bert.metrics.retrieval import ranks_of_relevant, retrieval_scores
from keras_bert.metrics.tagging import character_f1, entity_scores, tag_accuracy

__all__ = [
    "best_null_threshold",
    "best_thresholds",
    "character_f1",
    "class_report",
    "class_scores",
    "correlations",
    "entity_report",
    "entity_scores",
    "multi_label_scores",
    "normalize_answer",
    "ranks_of_relevant",
    "retrieval_scores",
    "score_answer",
    "score_answers",
    "tag_accuracy",
]
