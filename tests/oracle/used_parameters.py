"""Which weights of an ONNX model reach its outputs, told from the file alone: the independent count behind `tendon inspect`.

A weight is used when a path of nodes leads from it to an output. Where only one slice of a value is read (Gather with a constant
index), the slice is followed through Transpose to the one operand of Concat that it is; nothing else of Concat counts as used.
"""
import math

import onnx
from onnx import numpy_helper

FLOATING = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BFLOAT16}


def attribute(node, name, default=None):
    for item in node.attribute:
        if item.name == name:
            return onnx.helper.get_attribute_value(item)
    return default


class Reader:
    def __init__(self, model):
        self.graph = model.graph
        self.weights = {tensor.name: tensor for tensor in self.graph.initializer}
        self.producers = {output: node for node in self.graph.node for output in node.output}

    def constant(self, name):
        node = self.producers.get(name)
        if node is not None and node.op_type == "Identity":
            return self.constant(node.input[0])
        if node is not None and node.op_type == "Constant":
            return numpy_helper.to_array(attribute(node, "value"))
        return numpy_helper.to_array(self.weights[name]) if name in self.weights else None

    def is_one_slice(self, name, axis):
        node = self.producers.get(name)
        if node is None or node.op_type != "Unsqueeze":
            return False
        axes = self.constant(node.input[1]) if len(node.input) > 1 else attribute(node, "axes")
        return axes is not None and axis in list(axes)

    def reads(self, node, wanted):
        """(value, slice) for each that `node` reads to give the slice `wanted` of its output; a slice is (axis, index) or None."""
        if node.op_type == "Gather":
            index = self.constant(node.input[1])
            if index is not None and index.ndim == 0:
                return [(node.input[0], (attribute(node, "axis", 0), int(index)))]
        if wanted is not None and node.op_type == "Identity":
            return [(node.input[0], wanted)]
        if wanted is not None and node.op_type == "Transpose":
            return [(node.input[0], (attribute(node, "perm")[wanted[0]], wanted[1]))]
        if wanted is not None and node.op_type == "Concat" and attribute(node, "axis") == wanted[0]:
            if all(self.is_one_slice(name, wanted[0]) for name in node.input):
                return [(node.input[wanted[1]], None)]
        return [(name, None) for name in node.input]

    def used_weights(self):
        waiting = [(output.name, None) for output in self.graph.output]
        seen = set()
        while waiting:
            item = waiting.pop()
            if item in seen or not item[0]:
                continue
            seen.add(item)
            node = self.producers.get(item[0])
            if node is not None:
                waiting += self.reads(node, item[1])
        return {name for name, _ in seen}

    def sizes(self):
        """Elements of each floating-point weight: initializers, and Constants of more than one element."""
        tensors = dict(self.weights)
        for name, node in self.producers.items():
            if node.op_type == "Constant" and (value := attribute(node, "value")) is not None and math.prod(value.dims) > 1:
                tensors[name] = value
        return {name: math.prod(tensor.dims) for name, tensor in tensors.items() if tensor.data_type in FLOATING}


def count_parameters(path):
    """(all, unused): how many floating-point weights the model holds, and how many of them never reach an output."""
    model = onnx.load(path)
    reader = Reader(model)
    used = reader.used_weights()
    sizes = reader.sizes()
    return sum(sizes.values()), sum(size for name, size in sizes.items() if name not in used)
