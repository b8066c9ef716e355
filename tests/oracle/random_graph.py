"""Random ONNX graphs of operators that Tendon reads, for random_graphs_test.py."""
import dataclasses

import numpy as np
from onnx import TensorProto, helper, numpy_helper

OPSETS = (13, 17, 20, 21)


@dataclasses.dataclass(frozen=True)
class Value:
    name: str
    shape: tuple
    dtype: str = "float32"
    # Every runtime gives the same bits, so that a step may follow it (rounding, comparing, choosing).
    exact: bool = True
    # Small enough for an exponential.
    small: bool = True

    @property
    def rank(self):
        return len(self.shape)


class Graph:
    """Grows node by node; every value but the inputs is made by one node."""

    def __init__(self, rng, opset, prefix):
        self.rng, self.opset, self.prefix = rng, opset, prefix
        self.nodes, self.weights, self.inputs, self.values = [], [], [], []
        self.feeds, self.count = {}, 0

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def choose(self, options):
        return options[self.integer(0, len(options) - 1)]

    def name(self):
        self.count += 1
        return f"{self.prefix}{self.count}"

    def constant(self, array):
        name = self.name()
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, values):
        return self.constant(np.array(values, np.int64))

    def weight(self, *shape):
        return self.constant(self.rng.normal(size=shape).astype(np.float32) * 0.5)

    def input(self, shape, dtype="float32"):
        value = Value(self.name(), tuple(shape), dtype)
        kind = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}[dtype]
        self.inputs.append(helper.make_tensor_value_info(value.name, kind, shape))
        numbers = self.rng.normal(size=shape) * (1 if dtype == "float32" else 4)
        self.feeds[value.name] = (numbers > 0) if dtype == "bool" else numbers.astype(dtype)
        self.values.append(value)
        return value

    def node(self, type, inputs, shape, dtype="float32", exact=False, small=False, outputs=1, **attributes):
        names = [self.name() for _ in range(outputs)]
        inputs = [i.name if isinstance(i, Value) else i for i in inputs]
        self.nodes.append(helper.make_node(type, inputs, names, name=names[0], **attributes))
        value = Value(names[0], tuple(int(d) for d in shape), dtype, exact, small)
        self.values.append(value)
        return value

    def pick(self, accepts=lambda v: True, dtype="float32"):
        found = [v for v in self.values if v.dtype == dtype and accepts(v) and 0 < np.prod(v.shape) <= 4096]
        return self.choose(found) if found else None

    def outputs(self):
        """Values that nothing reads."""
        read = {name for node in self.nodes for name in node.input}
        return [v for v in self.values if v.name not in read and v.name not in self.feeds]


def unary(g):
    x = g.pick()
    plain = ["Relu", "Neg", "Abs", "Identity"]
    curves = ["Sigmoid", "Tanh", "Erf", "Softplus", "Softsign", "HardSigmoid", "HardSwish", "LeakyRelu", "Elu", "Selu", "Sin", "Cos", "Atan"]
    newer = [("Mish", 18), ("Gelu", 20)]
    steps = ["Floor", "Ceil", "Round", "Sign"] if x.exact else []
    types = plain + curves + steps + [name for name, since in newer if g.opset >= since]
    type = g.choose([t for t in types if t != "HardSwish" or g.opset >= 14])
    bounded = type in ("Sigmoid", "Tanh", "Erf", "Softsign", "Sin", "Cos", "Atan", "HardSigmoid")
    g.node(type, [x], x.shape, exact=x.exact and type in plain + steps, small=bounded or x.small)


def exponential(g):
    x = g.pick(lambda v: v.small)
    if x:
        g.node("Exp", [x], x.shape)


def binary(g):
    a = g.pick()
    shape = [d if g.integer(0, 2) else 1 for d in a.shape][g.integer(0, a.rank):]
    b = g.choose([g.weight(*shape), g.pick(lambda v: v.shape == a.shape)])
    type = g.choose(["Add", "Sub", "Mul", "Max", "Min"])
    g.node(type, [a, b], a.shape)


def divide(g):
    a = g.pick()
    b = g.node("Abs", [g.pick(lambda v: v.shape == a.shape)], a.shape)
    g.node("Div", [a, g.node("Add", [b, g.constant(np.float32(1))], a.shape)], a.shape)


def compare(g):
    a = g.pick(lambda v: v.exact)
    b = g.constant(np.float32(g.rng.normal()))
    condition = g.node(g.choose(["Less", "Greater", "GreaterOrEqual", "LessOrEqual"]), [a, b], a.shape, "bool", True)
    if g.integer(0, 1):
        condition = g.node("Not", [condition], a.shape, "bool", True)
    g.node("Where", [condition, a, g.pick(lambda v: v.shape == a.shape)], a.shape)


def matmul(g):
    a = g.pick(lambda v: v.rank >= 1)
    if not a:
        return
    n = g.integer(1, 7)
    if a.rank == 2 and g.integer(0, 1):
        g.node("Gemm", [a, g.weight(n, a.shape[1]), g.weight(n)], (a.shape[0], n), transB=1)
    else:
        g.node("MatMul", [a, g.weight(a.shape[-1], n)], a.shape[:-1] + (n,))


def product_of_two(g):
    a = g.pick(lambda v: v.rank >= 2)
    if not a:
        return
    perm = list(range(a.rank - 2)) + [a.rank - 1, a.rank - 2]
    swapped = a.shape[:-2] + (a.shape[-1], a.shape[-2])
    b = g.node("Transpose", [a], swapped, exact=a.exact, perm=perm)
    shape = a.shape[:-1] + (a.shape[-2],)
    if g.integer(0, 1):
        g.node("MatMul", [a, b], shape)
    else:
        g.node("Einsum", [a, a], shape, equation="...ij,...kj->...ik")


def softmax(g):
    x = g.pick(lambda v: v.rank >= 1)
    if x:
        g.node(g.choose(["Softmax", "LogSoftmax"]), [x], x.shape, small=True, axis=g.integer(-x.rank, x.rank - 1))


def layer_norm(g):
    x = g.pick(lambda v: v.rank >= 1 and v.shape[-1] > 1)
    if x and g.opset >= 17:
        g.node("LayerNormalization", [x, g.weight(x.shape[-1]), g.weight(x.shape[-1])], x.shape, epsilon=1e-2)


def reduce(g):
    x = g.pick(lambda v: v.rank >= 1)
    if not x:
        return
    type = g.choose(["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd", "ReduceSumSquare"])
    axes = sorted(g.rng.choice(x.rank, g.integer(1, x.rank), replace=False).tolist())
    keep = g.integer(0, 1)
    shape = [1 if i in axes else d for i, d in enumerate(x.shape) if keep or i not in axes]
    if type == "ReduceSum" or g.opset >= 18:
        g.node(type, [x, g.ints(axes)], shape, keepdims=keep)
    else:
        g.node(type, [x], shape, axes=axes, keepdims=keep)


def views(g):
    x = g.pick(lambda v: v.rank >= 1)
    if not x:
        return
    kind = g.integer(0, 4)
    same = dict(exact=x.exact, small=x.small)
    if kind == 0:
        perm = g.rng.permutation(x.rank).tolist()
        g.node("Transpose", [x], [x.shape[i] for i in perm], perm=perm, **same)
    elif kind == 1:
        size = int(np.prod(x.shape))
        first = g.choose([d for d in range(1, size + 1) if size % d == 0])
        g.node("Reshape", [x, g.ints([first, -1])], (first, size // first), **same)
    elif kind == 2 and x.rank < 5:
        axis = g.integer(0, x.rank)
        g.node("Unsqueeze", [x, g.ints([axis])], x.shape[:axis] + (1,) + x.shape[axis:], **same)
    elif kind == 3:
        axis = g.integer(0, x.rank)
        g.node("Flatten", [x], (int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:]))), axis=axis, **same)
    elif x.rank < 4:
        g.node("Expand", [x, g.ints((2,) + x.shape)], (2,) + x.shape, **same)


def choose_elements(g):
    x = g.pick(lambda v: v.rank >= 1)
    if not x:
        return
    axis = g.integer(0, x.rank - 1)
    size = x.shape[axis]
    same = dict(exact=x.exact, small=x.small)

    def resized(count):
        return x.shape[:axis] + (count,) + x.shape[axis + 1:]

    kind = g.integer(0, 6)
    if kind == 0:
        start = g.integer(0, size - 1)
        step = g.choose([1, 2, -1])
        end = size if step > 0 else -size - 1
        count = len(range(size)[start:size:step]) if step > 0 else start + 1
        g.node("Slice", [x, g.ints([start]), g.ints([end]), g.ints([axis]), g.ints([step])], resized(count), **same)
    elif kind == 1:
        indices = g.rng.integers(-size, size, g.integer(1, 5))
        g.node("Gather", [x, g.ints(indices)], resized(len(indices)), axis=axis, **same)
    elif kind == 2:
        other = g.pick(lambda v: v.rank == x.rank and all(a == b or i == axis for i, (a, b) in enumerate(zip(v.shape, x.shape))))
        g.node("Concat", [x, other], resized(size + other.shape[axis]), exact=x.exact and other.exact, small=x.small and other.small, axis=axis)
    elif kind == 3:
        indices = g.rng.integers(-size, size, x.shape)
        g.node("GatherElements", [x, g.ints(indices)], x.shape, axis=axis, **same)
    elif kind == 4:
        pads = g.rng.integers(0, 3, 2 * x.rank)
        shape = [d + a + b for d, a, b in zip(x.shape, pads[:x.rank], pads[x.rank:])]
        g.node("Pad", [x, g.ints(pads)], shape, mode=g.choose(["constant", "edge"]), **same)
    elif kind == 5:
        repeats = g.rng.integers(1, 3, x.rank)
        g.node("Tile", [x, g.ints(repeats)], [d * r for d, r in zip(x.shape, repeats)], **same)
    else:
        count = g.integer(1, size)
        rows = g.rng.choice(x.shape[0], g.integer(1, x.shape[0]), replace=False)
        updates = g.weight(len(rows), *x.shape[1:])
        g.node("ScatterND", [x, g.ints(rows.reshape(-1, 1)), updates], x.shape, **same)


def rank_elements(g):
    x = g.pick(lambda v: v.exact and v.rank >= 1)
    if not x:
        return
    axis = g.integer(0, x.rank - 1)
    size = x.shape[axis]
    if g.integer(0, 1):
        k = g.integer(1, size)
        shape = x.shape[:axis] + (k,) + x.shape[axis + 1:]
        g.node("TopK", [x, g.ints([k])], shape, outputs=2, exact=True, small=x.small, axis=axis, largest=g.integer(0, 1))
    else:
        shape = x.shape[:axis] + (1,) + x.shape[axis + 1:]
        place = g.node(g.choose(["ArgMax", "ArgMin"]), [x], shape, "int64", True, axis=axis)
        g.node("Cast", [place], shape, exact=True, to=TensorProto.FLOAT)


def other_elements(g):
    x = g.pick(lambda v: v.rank >= 2)
    if not x:
        return
    kind = g.integer(0, 2)
    if kind == 0:
        g.node("CumSum", [x, g.constant(np.int64(g.integer(-x.rank, x.rank - 1)))], x.shape, exclusive=g.integer(0, 1), reverse=g.integer(0, 1))
    elif kind == 1 and g.opset >= 14:
        g.node("Trilu", [x, g.constant(np.int64(g.integer(-2, 2)))], x.shape, exact=x.exact, small=x.small, upper=g.integer(0, 1))
    else:
        g.node("Clip", [x, g.constant(np.float32(-0.5)), g.constant(np.float32(0.75))], x.shape, exact=x.exact, small=True)


def image(g):
    """An image batch: one of the graph, or one made of any value."""
    spatial = g.integer(1, 2)
    x = g.pick(lambda v: v.rank == spatial + 2 and min(v.shape[2:]) >= 2)
    return x or g.input([g.integer(1, 2), 4] + [g.integer(3, 8) for _ in range(spatial)])


def convolution(g):
    x = image(g)
    channels, spatial = x.shape[1], x.shape[2:]
    group = g.choose([d for d in range(1, channels + 1) if channels % d == 0])
    kernel = [g.integer(1, min(3, d)) for d in spatial]
    strides = [g.integer(1, 2) for _ in spatial]
    dilations = [1 if k > 1 and (k - 1) * 2 + 1 > d else g.integer(1, 2) for k, d in zip(kernel, spatial)]
    pads = [g.integer(0, 1) for _ in range(2 * len(spatial))]
    rank = len(spatial)
    if g.integer(0, 2):
        out = group * g.integer(1, 3)
        sizes = [(d + pads[i] + pads[i + rank] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i, d in enumerate(spatial)]
        y = g.node("Conv", [x, g.weight(out, channels // group, *kernel), g.weight(out)], (x.shape[0], out, *sizes), group=group, strides=strides, dilations=dilations, pads=pads)
        if g.integer(0, 1):
            scales = [g.weight(out), g.weight(out), g.weight(out), g.constant(np.abs(g.rng.normal(size=out)).astype(np.float32) + 0.5)]
            g.node("BatchNormalization", [y] + scales, y.shape)
        return
    each = g.integer(1, 3)
    sizes = [(d - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - pads[i] - pads[i + rank] for i, d in enumerate(spatial)]
    if min(sizes) >= 1:
        g.node("ConvTranspose", [x, g.weight(channels, each, *kernel), g.weight(each * group)], (x.shape[0], each * group, *sizes), group=group, strides=strides, dilations=dilations, pads=pads)


def pool(g):
    x = image(g)
    spatial = x.shape[2:]
    kind = g.choose(["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "InstanceNormalization", "Resize"])
    if kind.startswith("Global"):
        g.node(kind, [x], x.shape[:2] + (1,) * len(spatial))
    elif kind == "InstanceNormalization":
        g.node(kind, [x, g.weight(x.shape[1]), g.weight(x.shape[1])], x.shape, epsilon=1e-2)
    elif kind == "Resize":
        sizes = [g.integer(1, 9) for _ in spatial]
        mode = g.choose(["nearest", "linear"])
        how = g.choose(["asymmetric", "half_pixel", "align_corners"]) if mode == "linear" else "asymmetric"
        extra = dict(nearest_mode="floor") if mode == "nearest" else {}
        # Whole factors: the runtimes round coordinates differently where a step is near.
        if mode == "nearest":
            sizes = [d * g.integer(1, 2) for d in spatial]
        g.node(kind, [x, "", "", g.ints(x.shape[:2] + tuple(sizes))], x.shape[:2] + tuple(sizes), mode=mode, coordinate_transformation_mode=how, **extra)
    else:
        kernel = [g.integer(1, min(3, d)) for d in spatial]
        strides = [g.integer(1, 2) for _ in spatial]
        sizes = [(d - k) // s + 1 for d, k, s in zip(spatial, kernel, strides)]
        g.node(kind, [x], x.shape[:2] + tuple(sizes), exact=x.exact and kind == "MaxPool", small=x.small, kernel_shape=kernel, strides=strides)


def recurrent(g):
    x = g.pick(lambda v: v.rank == 3 and v.small and v.shape[2] <= 16)
    if not x:
        return
    hidden = g.integer(1, 5)
    type, gates = g.choose([("LSTM", 4), ("GRU", 3), ("RNN", 1)])
    direction = g.choose(["forward", "reverse", "bidirectional"])
    count = 2 if direction == "bidirectional" else 1
    weights = [g.weight(count, gates * hidden, x.shape[2]), g.weight(count, gates * hidden, hidden), g.weight(count, 2 * gates * hidden)]
    extra = dict(linear_before_reset=g.integer(0, 1)) if type == "GRU" else {}
    g.node(type, [x] + weights, (x.shape[0], count, x.shape[1], hidden), small=True, hidden_size=hidden, direction=direction, **extra)


def integers(g):
    x = g.pick(dtype="int64") or g.input([g.integer(1, 4), g.integer(1, 4)], "int64")
    type = g.choose(["Add", "Sub", "Mul", "Mod"])
    y = g.node(type, [x, g.constant(np.int64(g.integer(1, 3)))], x.shape, "int64", True)
    if g.integer(0, 1):
        g.node("Cast", [y], y.shape, exact=True, to=TensorProto.FLOAT)


STEPS = [unary, unary, exponential, binary, binary, divide, compare, matmul, product_of_two, softmax, layer_norm, reduce, views,
         views, choose_elements, choose_elements, rank_elements, other_elements, convolution, pool, recurrent, integers]


def random_graph(seed, prefix):
    rng = np.random.default_rng(seed)
    g = Graph(rng, OPSETS[seed // 64 % len(OPSETS)], prefix)
    for _ in range(g.integer(1, 2)):
        g.input([g.integer(1, 6) for _ in range(g.integer(1, 4))])
    for _ in range(g.integer(2, 9)):
        g.choose(STEPS)(g)
    return g
