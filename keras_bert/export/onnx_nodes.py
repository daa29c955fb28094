"""A graph of ONNX operators, written down node by node."""

import itertools

import numpy as np

OPSET = 18
_CONTRIB = "com.microsoft"  # operators of ONNX Runtime's own
_OF_CONTRIB = ("DynamicQuantizeMatMul", "EmbedLayerNormalization", "FastGelu", "Gelu")
_EXTERNAL_ABOVE = 2**31 - 2**24  # bytes of weights: a file of protobuf's holds 2 GB, nodes and names included


def import_onnx():
    """-> the module onnx; an `ImportError` that names the extra where it isn't installed."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "Exports to ONNX need the package onnx. Install it: pip install bert-for-keras[onnx]."
        ) from error
    return onnx


class Nodes:
    """Nodes and constants of a graph. Call it with an operator and the names of its inputs for its output's name.

    Constants are kept once, by their name; integers [N] are named by their values.

    Example:
    >>> nodes = Nodes()
    >>> nodes("Gather", nodes.constant("table", np.ones((3, 2), "float32")), "token_ids", axis=0)
    'Gather_1'
    """

    def __init__(self):
        self._onnx = import_onnx()
        self._nodes, self._constants, self._numbers = [], {}, itertools.count(1)

    def __call__(self, operator, *inputs, outputs=1, **attributes):
        """Name of an operator, names of its inputs ("": none) -> its output's name; a list of them, if it has more."""
        name = f"{operator}_{next(self._numbers)}"
        names = [name, *(f"{name}_{i}" for i in range(1, outputs))]
        domain = _CONTRIB if operator in _OF_CONTRIB else ""
        node = self._onnx.helper.make_node(operator, list(inputs), names, name=name, domain=domain, **attributes)
        self._nodes.append(node)
        return name if outputs == 1 else names

    def constant(self, name, array):
        """Name, array -> the name; a name stands for one array."""
        self._constants.setdefault(name, array)
        return name

    def integers(self, *values):
        """Integers -> the name of an int64 [N]."""
        return self.constant(f"integers_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def write(self, path, inputs, outputs):
        """Writes the graph as a file; weights beyond 2 GB go into a second one beside it, `NAME.data`.

        Args:
            path: Where to write.
            inputs: Name -> the names of its axes; all are int32.
            outputs: Name -> the node that gives it, and the names or lengths of its axes; all are float32.
        """
        helper, types = self._onnx.helper, self._onnx.TensorProto
        for name, (node, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [node], [name], name=name))
        tensors = [
            self._onnx.numpy_helper.from_array(np.asarray(array, order="C"), name)
            for name, array in self._constants.items()
        ]
        graph = helper.make_graph(
            self._nodes,
            "bert",
            [helper.make_tensor_value_info(name, types.INT32, axes) for name, axes in inputs.items()],
            [helper.make_tensor_value_info(name, types.FLOAT, axes) for name, (_, axes) in outputs.items()],
            tensors,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="keras_bert")
        model.ir_version = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
        external = sum(array.nbytes for array in self._constants.values()) > _EXTERNAL_ABOVE
        where = {"save_as_external_data": True, "location": f"{path.name}.data"} if external else {}
        self._onnx.save_model(model, path, **where)
