"""A process of tests/models/test_wrong_inputs.py: the same inputs on JAX; prints CASE, WAY and what came, by tabs."""

import re

import jax
import numpy as np

from builders import batch, loss_of, shared, shared_outputs, targets_of
from wrong_inputs import BY_VALUE, RIGHT, WRONG

NAME = "text_classifier"


def main():
    model, targets = shared(NAME), targets_of(NAME)
    expected = shared_outputs(NAME)["output"]
    compiled = jax.jit(lambda inputs: model(inputs))

    def trained(inputs):
        model.compile("sgd", loss_of(NAME))
        return model.fit(inputs, targets, verbose=0)

    ways = {"call": model, "predict": lambda inputs: model.predict(inputs, verbose=0), "fit": trained}
    for case, inputs in RIGHT.items():
        for way in ("call", "predict"):
            same = np.allclose(ways[way](inputs), expected, atol=1e-5)
            print(case, way, "as expected" if same else "another answer", sep="\t")
    for case, (inputs, message) in WRONG.items():
        for way, compute in ways.items():
            try:
                came = f"an answer: {compute(inputs)}"
            except ValueError as error:
                came = "as expected" if re.search(message, str(error)) else str(error)
            print(case, way, came, sep="\t")
    for case, (inputs, _) in BY_VALUE.items():
        came = np.isnan(compiled({name: np.asarray(inputs[name], "int32") for name in batch()})).any()
        print(case, "jit", "as expected" if came else "an answer", sep="\t")


if __name__ == "__main__":
    main()
