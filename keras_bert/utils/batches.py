"""Any number of texts, a batch at a time: grouped by length, in their own order again, with a progress bar."""

import sys

import numpy as np
from tqdm.auto import tqdm

_QUIET_SECONDS = 3  # what is done by then needs no bar


def in_batches_by_length(function, items, lengths, batch_size, progress=None):
    """Runs a function on items of near-equal length at a time, and gives the results in the items' order.

    Little of a batch is padding then. The longest come first: what is too much for the memory fails at once.

    Args:
        function: A list of up to `batch_size` items -> a list of as many results.
        items: A list of N things.
        lengths: How long each is, N numbers in a unit of your choice, such as characters.
        batch_size: The most items of a batch.
        progress: None: a bar on a terminal, or in a notebook, once it has taken more than three seconds. True: a bar
            from the beginning, wherever stderr goes. False: none.

    Returns:
        A list of N results.

    Example:
    >>> def shout(texts):
    ...     print("a batch:", texts)
    ...     return [text.upper() for text in texts]
    >>> texts = ["to be", "or", "not to be"]
    >>> in_batches_by_length(shout, texts, [len(text) for text in texts], batch_size=2)
    a batch: ['not to be', 'to be']
    a batch: ['or']
    ['TO BE', 'OR', 'NOT TO BE']
    """
    results = [None] * len(items)
    for places in places_by_length(lengths, batch_size, progress):
        for place, result in zip(places, function([items[place] for place in places]), strict=True):
            results[place] = result
    return results


def places_by_length(lengths, batch_size, progress=None):
    """Groups items of near-equal length, the longest first.

    Args:
        lengths: As in `in_batches_by_length`.
        batch_size: As in `in_batches_by_length`.
        progress: As in `in_batches_by_length`; the bar moves on when the next group is asked for.

    Yields:
        Lists of up to `batch_size` places in `lengths`.

    Example:
    >>> list(places_by_length([5, 2, 9], batch_size=2))
    [[2, 0], [1]]
    """
    order = np.argsort([-length for length in lengths], kind="stable").tolist()
    with progress_bar(len(order), progress) as bar:
        for begin in range(0, len(order), batch_size):
            places = order[begin : begin + batch_size]
            yield places
            bar.update(len(places))


def progress_bar(total, progress):
    """Number of items or None, and True, False or None as in `in_batches_by_length` -> a tqdm bar."""
    if progress is None:
        disable = False if _in_notebook() else None  # None: unless stderr is a terminal, which a notebook's isn't
        return tqdm(total=total, disable=disable, delay=_QUIET_SECONDS)
    return tqdm(total=total, disable=not progress)


def _in_notebook():
    """-> whether this process is a notebook's kernel: bool."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config
