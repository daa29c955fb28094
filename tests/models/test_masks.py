"""The one mask: padding changes nothing, and the sequences packed into a row are separate rows."""

import numpy as np
import pytest

from builders import BATCH, BUILDERS, ENCODER_INPUTS, MASK, SEGMENTS, VOCABULARY, arrays, batch, inputs_of, shared


@pytest.mark.parametrize("name", BUILDERS)
def test_padding_changes_nothing(name):
    model, inputs = shared(name), inputs_of(name)
    before = arrays(model(inputs))
    for key, high in (("token_ids", VOCABULARY), ("segment_ids", SEGMENTS)):
        other = (inputs[key] + np.random.default_rng(7).integers(1, high, MASK.shape)) % high
        inputs[key] = np.where(MASK == 0, other, inputs[key]).astype("int32")
    after = arrays(model(inputs))
    for key, axes in BUILDERS[name].outputs.items():
        if not axes.startswith("BT"):
            np.testing.assert_allclose(after[key], before[key], atol=1e-6, err_msg=key)
            continue
        np.testing.assert_allclose(after[key][MASK > 0], before[key][MASK > 0], atol=1e-6, err_msg=key)
        assert np.abs(after[key] - before[key])[MASK == 0].max() > 1e-2  # the test can fail


@pytest.mark.parametrize("side", ["right", "left"])
def test_more_padding_changes_nothing(side):
    model = shared("backbone")
    short = batch(np.ones((BATCH, 4), "int32"))
    width = (0, 3) if side == "right" else (3, 0)
    long = {key: np.pad(value, ((0, 0), width)) for key, value in short.items()}
    expected = arrays(model(short))["sequence_output"]
    got = arrays(model(long))["sequence_output"]
    np.testing.assert_allclose(got[:, :4] if side == "right" else got[:, 3:], expected, atol=1e-5)


# Sequences that are packed into a row: their lengths, and the position of a masked word in each.
LENGTHS, WORDS = (5, 2, 3), (4, 1, 2)


def alone(name):
    """Name of a builder -> the inputs of each sequence in a row of its own."""
    rows = []
    for length, position in zip(LENGTHS, WORDS, strict=True):
        row = batch(np.ones((1, length), "int32"), seed=length)
        row |= {"mask_positions": np.array([[position]], "int32"), "cls_positions": np.array([[0]], "int32")}
        rows.append({key: row[key] for key in (*ENCODER_INPUTS, *BUILDERS[name].inputs)})
    return rows


def packed(name, width):
    """Name of a builder, tokens of a row -> the inputs of one row that holds all sequences."""
    rows, starts = alone(name), np.cumsum([0, *LENGTHS[:-1]])
    inputs = {key: np.concatenate([row[key] for row in rows], axis=1) for key in rows[0]}
    inputs["padding_mask"] = np.repeat(np.arange(1, 4), LENGTHS)[None].astype("int32")
    for key in ENCODER_INPUTS:
        inputs[key] = np.pad(inputs[key], ((0, 0), (0, width - sum(LENGTHS))))
    for key in BUILDERS[name].inputs:
        inputs[key] += starts[None].astype("int32")
    return inputs


@pytest.mark.parametrize("width", [10, 13])  # 13: longer than max_sequence_length, which holds for each sequence
@pytest.mark.parametrize("name", BUILDERS)
def test_a_packed_row_is_separate_rows(name, width):
    """What reads a row's first token only, answers for the first sequence."""
    model = shared(name)
    got = arrays(model(packed(name, width)))
    start = 0
    for n, (length, row) in enumerate(zip(LENGTHS, alone(name), strict=True)):
        for key, expected in arrays(model(row)).items():
            axis = BUILDERS[name].outputs[key][1]
            if axis == "T":
                np.testing.assert_allclose(got[key][0, start : start + length], expected[0], atol=1e-5, err_msg=key)
            elif axis in "MN":
                np.testing.assert_allclose(got[key][0, n], expected[0, 0], atol=1e-5, err_msg=key)
            elif n == 0:
                np.testing.assert_allclose(got[key], expected, atol=1e-5, err_msg=key)
        start += length
