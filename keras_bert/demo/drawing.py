"""Answers as HTML: chips of tokens, bars, texts with marks. What comes from users and models is escaped here."""

import html

HUES = (210, 25, 140, 280, 50, 330, 175, 95, 0, 245)  # of degrees on the colour wheel, neighbours far apart


def escaped(text):
    """string -> HTML that shows it as it is, characters that can't be drawn as U+FFFD."""
    shown = "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)
    return html.escape(shown)


def sentence(text, kind="remark"):
    """string, "remark" or "problem" -> HTML of a sentence."""
    return f'<p class="kb-{kind}">{escaped(text)}</p>'


def chips(tokens):
    """tuples of a token, its id, where it begins and ends in the text, or None and None -> HTML, a chip for each."""
    parts, word = [], 0
    for token, number, start, end in tokens:
        special = start is None
        word += not special and not token.startswith("##")
        kind = "special" if special else "unknown" if token == "[UNK]" else f"word-{word % 2}"
        place = "&nbsp;" if special else f"{start}–{end}"
        parts.append(
            f'<span class="kb-chip kb-{kind}"><b>{escaped(token)}</b><span>{number}</span><small>{place}</small></span>'
        )
    return f'<div class="kb-chips">{"".join(parts)}</div>'


def bars(rows, chosen=(), wide=False):
    """pairs of a name and a share from 0 to 1, names to stress, whether names are long -> HTML, a bar for each.

    A third in a row is what is written beside the bar, by default the share in percent.
    """
    parts = []
    for name, share, *written in rows:
        width = 100 * min(max(share, 0.0), 1.0)
        kind = " kb-chosen" if name in chosen else ""
        value = written[0] if written else f"{width:.1f} %"
        parts.append(
            f'<div class="kb-bar{kind}"><span class="kb-name">{escaped(name)}</span><span class="kb-track">'
            f'<span class="kb-fill" style="width:{width:.2f}%"></span></span>'
            f'<span class="kb-value">{value}</span></div>'
        )
    return f'<div class="kb-bars{" kb-wide" if wide else ""}">{"".join(parts)}</div>'


def marked(text, marks, hues=None):
    """string, dicts of `start`, `end` and `type`, each after the last; types -> hues -> HTML of the text with marks.

    A mark has its type written behind it, unless that is "".
    """
    parts, at = [], 0
    for mark in marks:
        start, end, kind = mark["start"], mark["end"], mark["type"]
        hue = (hues or {}).get(kind, HUES[0])
        note = f"<small>{escaped(kind)}</small>" if kind else ""
        parts.append(escaped(text[at:start]))
        parts.append(f'<mark class="kb-mark" style="--hue:{hue}">{escaped(text[start:end])}{note}</mark>')
        at = end
    return f'<div class="kb-text">{"".join(parts)}{escaped(text[at:])}</div>'


def hues_of(types):
    """names, in an order that stays -> dict of each one's hue."""
    return {kind: HUES[place % len(HUES)] for place, kind in enumerate(types)}


def titled(title, body):
    """string, HTML -> HTML under a small title."""
    return f'<h4 class="kb-title">{escaped(title)}</h4>{body}'


def lines(tokens, weights):
    """T strings, floats [T, T] -> SVG of two columns of them, with a line from each on the left to all on the right.

    The more a token on the left takes of one on the right, the stronger the line. Under the pointer, or in focus, a
    token on the left has its own lines alone, with their weights.
    """
    row, left, right = 24, 170, 400
    middle = [row * place + row / 2 for place in range(len(tokens))]
    parts = [
        f'<text class="kb-to" x="{right + 8}" y="{y}">{escaped(token)}</text>'
        for token, y in zip(tokens, middle, strict=True)
    ]
    for token, shares, y in zip(tokens, weights, middle, strict=True):
        shown = [(float(share), to) for share, to in zip(shares, middle, strict=True) if share >= 0.01]
        drawn = [
            f'<line x1="{left}" y1="{y}" x2="{right}" y2="{to}" style="--share:{share:.3f}"/>' for share, to in shown
        ]
        written = [f'<text class="kb-weight" x="{right + 170}" y="{to}">{share:.2f}</text>' for share, to in shown]
        parts.append(
            f'<g class="kb-from" tabindex="0"><rect x="0" y="{y - row / 2}" width="{left}" height="{row}"/>'
            f'<text class="kb-token" x="{left - 8}" y="{y}">{escaped(token)}</text>{"".join(drawn + written)}</g>'
        )
    size = f'viewBox="0 0 {right + 220} {row * len(tokens)}" style="max-width:{right + 220}px"'
    return f'<svg class="kb-lines" {size} role="img">{"".join(parts)}</svg>'
