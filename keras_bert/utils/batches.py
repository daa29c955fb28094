"""Any number of texts, a batch at a time: grouped by length, in their own order again, with a progress bar."""

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
        progress: None: a bar on stderr if that is a terminal, once it has taken more than three seconds. True: a bar
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
    order = np.argsort([-length for length in lengths], kind="stable").tolist()
    results = [None] * len(items)
    with _progress_bar(len(items), progress) as bar:
        for begin in range(0, len(order), batch_size):
            chosen = order[begin : begin + batch_size]
            for place, result in zip(chosen, function([items[place] for place in chosen]), strict=True):
                results[place] = result
            bar.update(len(chosen))
    return results


def _progress_bar(total, progress):
    """Number of items, True, False or None -> a tqdm bar."""
    if progress is None:
        return tqdm(total=total, disable=None, delay=_QUIET_SECONDS)  # disable=None: unless stderr is a terminal
    return tqdm(total=total, disable=not progress)
