"""What each tab of the page answers: a `Shown` and strings in, HTML out; a `ValueError` says what is wrong with them.

Every number comes from the library's own tokenizer, `predictor`, `fill_masks`, `embed` or `inspection`.
"""

import numpy as np

from keras_bert.demo import drawing

MOST_CHARACTERS = 20_000
MOST_SENTENCES = 200
MOST_LINES = 50  # tokens between which lines can still be told apart


def check_text(name, text):
    """What a text is, the text -> None; a `ValueError` if it is blank or too long."""
    if not text.strip():
        raise ValueError(f"{name} is empty. Write something into it.")
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"{name} has {len(text):,} characters. This page reads up to {MOST_CHARACTERS:,}. Shorten it.")


def tokens(shown, text):
    """The tokens of a text with their ids and places, [CLS] and [SEP] included."""
    check_text("The text", text)
    tokenizer = shown.tokenizer
    ids, starts, ends = (part.numpy().tolist() for part in tokenizer.tokenize_with_offsets(text))
    names = [tokenizer.id_to_token(number) for number in ids]
    middle = zip(names, ids, starts, ends, strict=True)
    first, last = ((token, tokenizer.token_to_id(token), None, None) for token in ("[CLS]", "[SEP]"))
    remark = f"{counted(len(text), 'character')}, {counted(len(ids), 'token')}; with [CLS] and [SEP] {len(ids) + 2}"
    remark += f" of at most {shown.room}." if shown.room else "."
    if unknown := names.count("[UNK]"):
        remark += f" {unknown} of them [UNK]: the vocabulary has no pieces for that."
    return drawing.sentence(remark) + drawing.chips([first, *middle, last])


def masked_words(shown, text):
    """The likeliest words for each [MASK] of a text, with their probabilities."""
    from keras_bert.prediction import fill_masks

    check_text("The text", text)
    if "[MASK]" not in text:
        raise ValueError("There is no [MASK] in the text. Put one in the place of a word, in capitals and brackets.")
    filled = fill_masks(text, shown.model, shown.tokenizer, count=8, max_length=shown.max_length)
    parts = [drawing.bars(words) for words in filled]
    if len(parts) == 1:
        return parts[0]
    return "".join(drawing.titled(f"[MASK] {place}", part) for place, part in enumerate(parts, 1))


def classes(shown, text):
    """The classes of a text with their probabilities, or its score."""
    check_text("The text", text)
    return _classes(shown.predict(text)) + _remark_on_length(shown, text)


def pair(shown, text, second_text):
    """The classes of two texts with their probabilities, or their score."""
    check_text("The first text", text)
    check_text("The second text", second_text)
    return _classes(shown.predict(text, second_text)) + _remark_on_length(shown, text, second_text)


def entities(shown, text):
    """A text with its entities marked; or, of a model whose tags mark none, each word with its tag."""
    check_text("The text", text)
    answer = shown.predict(text)
    if "entities" not in answer:
        marks = [{**tag, "type": tag["tag"]} for tag in answer["tags"]]
        return drawing.marked(text, marks, drawing.hues_of(shown.predict.labels))
    found = answer["entities"]
    types = dict.fromkeys(label.partition("-")[2] for label in shown.predict.labels if "-" in label)
    hues = drawing.hues_of(sorted({*types} | {entity["type"] for entity in found}))
    rows = [(f"{entity['text']}  ({entity['type']})", entity["probability"]) for entity in found]
    remark = drawing.sentence("" if found else "No entity found.")
    return drawing.marked(text, found, hues) + (drawing.titled("How sure", drawing.bars(rows)) if rows else remark)


def answer(shown, question, context):
    """A paragraph with the answer to a question marked in it, and the next best answers."""
    check_text("The question", question)
    check_text("The paragraph", context)
    best = shown.predict(question, context)
    if not best["answer"]:
        return drawing.sentence("No answer found in the paragraph.") + drawing.marked(context, [])
    rows = [(one["answer"], one["probability"]) for one in best["answers"] if one["answer"]]
    mark = {"start": best["start"], "end": best["end"], "type": ""}
    shares = drawing.bars(rows, {best["answer"]})
    return drawing.marked(context, [mark]) + drawing.titled("Best answers", shares)


def nearest(shown, text, sentences):
    """Sentences, a line each, sorted by the cosine between their vectors and that of a text."""
    from keras_bert.prediction import embed

    check_text("The text", text)
    check_text("The list of sentences", sentences)
    lines = [*dict.fromkeys(line.strip() for line in sentences.splitlines() if line.strip())]
    if len(lines) > MOST_SENTENCES:
        raise ValueError(f"There are {len(lines)} sentences. This page compares up to {MOST_SENTENCES}.")
    vectors = embed([text, *lines], shown.model, shown.tokenizer, max_length=shown.max_length, progress=False)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)  # not all models do it
    cosines = vectors[1:] @ vectors[0]
    order = np.argsort(-cosines, kind="stable")
    rows = [(lines[place], float(cosines[place]), f"{cosines[place]:.3f}") for place in order]
    return drawing.bars(rows, {lines[order[0]]}, wide=True)


def attention(shown, text, layer, head, view="Lines"):
    """How much each token of a text takes of every token: lines of one head of a layer, or maps of all its heads."""
    from keras_bert.inspection import attention, show_attention

    check_text("The text", text)
    layer, head = int(layer), int(head)
    for name, number, count in (
        ("layers", layer, shown.model.config.num_layers),
        ("heads", head, shown.model.config.num_heads),
    ):
        if not 0 <= number < count:
            raise ValueError(f"{shown.name} has {count} {name}, 0 to {count - 1}. Choose one of these, not {number}.")
    ends = shown.tokenizer.tokenize_with_offsets(text)[2].numpy()
    read = text[: ends[MOST_LINES - 3]] if len(ends) > MOST_LINES - 2 else text
    result = attention(shown.model, shown.tokenizer, read)
    maps = view == "Maps of all heads"
    page = show_attention(result, layer).html if maps else drawing.lines(result.tokens, result.weights[layer, head])
    if read == text:
        return page
    return drawing.sentence(f"These are the first {len(result.tokens)} tokens; more can't be told apart.") + page


def counted(number, thing):
    """number, noun -> "1 token", "2 tokens"."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def _classes(answer):
    """An answer of a classifier or a regressor -> HTML."""
    if "score" in answer:
        return f'<p class="kb-score">{answer["score"]:.3f}</p>'
    chosen = answer.get("labels", [answer.get("label")])
    rows = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    said = ", ".join(chosen) or "none of the labels"
    return drawing.titled(said, drawing.bars(rows, chosen))


def _remark_on_length(shown, *texts):
    """A `Shown`, its texts -> HTML that says how much of them the model read, if that isn't all."""
    from keras_bert.long_texts import windows_of

    count = sum(len(shown.tokenizer(text)) for text in texts)
    room = shown.room - len(texts) - 1
    if count <= room or windows_of(shown.model) is not None:
        return ""
    return drawing.sentence(f"The model reads {room:,} tokens at most. Of these {count:,} the rest was cut off.")
