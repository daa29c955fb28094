"""What a text that is too long loses: its end, or its middle."""

CUTS = ("end", "middle")


def tokens_before_the_middle(room):
    """Tokens that there is room for -> how many of them are for the beginning of a text that loses its middle.

    A quarter: of 510 the first 128, which leaves 382 for the end. Reference: Sun et al., 2019
    (https://arxiv.org/abs/1905.05583).

    Example:
    >>> tokens_before_the_middle(510)
    128
    """
    return room * 128 // 510
