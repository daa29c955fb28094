"""What `embed` does around its story: files read as what they hold, the loss that fits, scores of vectors."""

import warnings

import keras_bert


def read(path, config):
    """file, Config -> TextGroups; LabelledTexts where pairs have scores."""
    is_number = keras_bert.data.files.table_layouts.is_number
    names = keras_bert.data.column_names(path)
    has_scores = config.score_column in names or is_number(config.score_column)  # by name, or by place
    kind = config.kind or ("squad" if "paragraphs" in names else "scored" if has_scores else "groups")
    if kind == "squad":
        return keras_bert.data.question_groups(keras_bert.data.read_squad(path))
    if not config.text_columns:
        check_names(names, path)
    columns = config.text_columns or [name for name in names if name != config.score_column]
    if kind == "groups":
        groups = keras_bert.data.read_text_groups(path, columns)
        if not config.text_columns and all(is_number(last.strip()) for *_, last in groups):
            raise ValueError(
                f"Every text in the last column of {path}, {columns[-1]!r}, is a number. If these are scores of pairs, "
                "name it by `score_column`; else choose the columns of texts by `text_columns`."
            )
        return groups
    if len(columns) != 2:
        raise ValueError(
            f"Scores are of pairs, in two columns of texts. Received: {', '.join(columns)}, of {path}. Choose two by "
            "`text_columns`."
        )
    return keras_bert.data.read_labelled_texts(path, columns, config.score_column)


def check_names(names, path):
    """names of a file's columns, the file -> None; a `ValueError`, or a warning, if they look like texts."""
    mend = (
        f"If that is no header, choose columns by number, 0 to {len(names) - 1}: texts by `text_columns`, scores by "
        "`score_column`."
    )
    for name in names:
        if keras_bert.data.files.table_layouts.is_number(name):
            raise ValueError(f"Names of columns are expected in the first line of {path}. Received: {name!r}. {mend}")
        if name.endswith((".", "?", "!", "。")):
            remark = f"The first line of {path} is taken as names of columns, such as {name!r}. {mend}"
            warnings.warn(remark, stacklevel=2)


def loss_for(train, config):
    """TextGroups or LabelledTexts, Config -> the loss to train with, and its name."""
    scored = isinstance(train, keras_bert.data.LabelledTexts)
    name = config.loss or ("cosent" if scored else "in_batch_negatives")
    if (name != "in_batch_negatives") != scored:
        needed = "groups without scores" if scored else "pairs with scores"
        raise ValueError(f"`loss` {name} needs {needed} to train on. Received: {train.name}. Choose another loss.")
    dimensions = config.matryoshka or None
    if name == "in_batch_negatives":
        return keras_bert.losses.InBatchNegatives(config.temperature, config.both_directions, dimensions), name
    losses = {"cosent": keras_bert.losses.CoSENT, "cosine": keras_bert.losses.CosineRegression}
    return losses[name](dimensions=dimensions), name


def kinds_of_prompts(embedder, asks):
    """EmbedderConfig, whether anchors ask for other texts -> names of the prompts before both, or None.

    Of a pair with scores neither text asks for the other.
    """
    stored = embedder.prompts if asks else ()
    return [
        next((name for name in names if name in stored), embedder.default_prompt)
        for names in (("query",), ("document", "passage", "corpus"))  # as sentence-transformers looks for them
    ]


def scores(examples, encode, kinds):
    """What `read` gave, (strings, name of a prompt) -> vectors, what `kinds_of_prompts` gave -> metrics.

    Of pairs they say how cosines go with their scores; of groups, what a search finds.
    """
    import numpy as np

    def vectors(texts, kind):
        found = encode(texts, kind)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    if isinstance(examples, keras_bert.data.LabelledTexts):
        *columns, gold = map(list, zip(*examples, strict=True))
        first, second = (vectors(texts, kind) for texts, kind in zip(columns, kinds, strict=True))
        return keras_bert.metrics.correlations([float(score) for score in gold], (first * second).sum(axis=1))
    questions, passages, *wanted = examples.search()
    return keras_bert.metrics.retrieval_scores(vectors(questions, kinds[0]), vectors(passages, kinds[1]), *wanted)
