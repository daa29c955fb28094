"""A recipe whose process keeps what it once had, as TensorFlow keeps the memory of trained models."""

_KEPT = []


def main(config, fold):
    """Config, number of the fold -> how many folds its process has seen before."""
    _KEPT.append(fold)
    return {"valid_before": len(_KEPT) - 1, "seconds": 0.0}
