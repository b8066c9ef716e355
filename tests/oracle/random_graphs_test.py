"""Random graphs give what ONNX Runtime gives, bit for bit where that can be asked and to rounding elsewhere.

`random_graphs_test.py [GRAPHS [SEED]]`; TENDON_PROGRAM names the program. A difference is shrunk to the first node that makes
it from inputs that agree, and that node's model is written beside the report."""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from random_graph import random_graph

TENDON = os.environ["TENDON_PROGRAM"]
# Graphs of one model, which one run of the program takes together; all of one opset.
BATCH = 64
RELATIVE = 2e-3
ABSOLUTE = 1e-4


def model_of(graphs, outputs):
    kinds = {"float32": onnx.TensorProto.FLOAT, "int64": onnx.TensorProto.INT64, "bool": onnx.TensorProto.BOOL}
    nodes = [node for g in graphs for node in g.nodes]
    inputs = [value for g in graphs for value in g.inputs]
    weights = [weight for g in graphs for weight in g.weights]
    infos = [helper.make_tensor_value_info(v.name, kinds[v.dtype], v.shape) for v in outputs]
    graph = helper.make_graph(nodes, "random", inputs, infos, weights)
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", graphs[0].opset)])


def run_peer(model, feeds):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds)))


def run_tendon(model, feeds, folder):
    onnx.save(model, folder / "model.onnx")
    np.savez(folder / "inputs.npz", **feeds)
    command = [TENDON, "run", "-q", "-q", "-q", folder / "model.onnx", "--inputs", folder / "inputs.npz", "--save-outputs", folder / "outputs.npz"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"exit status {done.returncode}: {done.stderr.strip()}")
    with np.load(folder / "outputs.npz") as arrays:
        return {name.split("/")[-1]: array for name, array in arrays.items()}


def differs(found, expected):
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return f"is {found.dtype}{found.shape}, expected {expected.dtype}{expected.shape}"
    if expected.dtype != np.float32:
        return "" if np.array_equal(found, expected) else "differs"
    usable = np.isfinite(expected)
    if not np.array_equal(found[~usable], expected[~usable], equal_nan=True):
        return "has NaN or infinity elsewhere"
    if not usable.any():
        return ""
    scale = max(1.0, float(np.abs(expected[usable]).max()))
    gap = float(np.abs(found[usable].astype(np.float64) - expected[usable]).max())
    return f"is {gap:.3g} off at a scale of {scale:.3g}" if gap > ABSOLUTE + RELATIVE * scale else ""


def shrink(graph, folder):
    """The first node that makes a difference out of inputs that agree, as a model of its own."""
    made = [v for v in graph.values if v.name not in graph.feeds]
    expected = run_peer(model_of([graph], made), graph.feeds)
    known = {**graph.feeds, **expected, **{w.name: numpy_helper.to_array(w) for w in graph.weights}}
    for node in graph.nodes:
        value = next(v for v in made if v.name == node.output[0])
        weights = {w.name: w for w in graph.weights}
        inputs = [name for name in dict.fromkeys(node.input) if name and name not in weights]
        infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(known[n].dtype), known[n].shape) for n in inputs]
        output = helper.make_tensor_value_info(value.name, helper.np_dtype_to_tensor_dtype(known[value.name].dtype), known[value.name].shape)
        body = helper.make_graph([node], "shrunk", infos, [output], [weights[n] for n in node.input if n in weights])
        model = helper.make_model(body, ir_version=9, opset_imports=[helper.make_opsetid("", graph.opset)])
        feeds = {name: known[name] for name in inputs}
        try:
            wrong = differs(run_tendon(model, feeds, folder)[value.name], known[value.name])
        except RuntimeError as error:
            wrong = str(error)
        if wrong:
            return node, wrong, model, feeds
    return None


def report(graph, seed, what, folder):
    print(f"graph of seed {seed} (opset {graph.opset}): {what}")
    found = shrink(graph, folder)
    if found is None:
        print("  no node alone does it:", " ".join(node.op_type for node in graph.nodes))
        onnx.save(model_of([graph], graph.outputs()), f"random_{seed}.onnx")
        return
    node, wrong, model, feeds = found
    onnx.save(model, f"random_{seed}.onnx")
    np.savez(f"random_{seed}.npz", **feeds)
    print(f"  {helper.printable_node(node)}\n  {wrong}; written to random_{seed}.onnx and .npz")


def check_batch(first, count, folder):
    seeds = range(first, first + count)
    graphs = {}
    for seed in seeds:
        graph = random_graph(seed, f"g{seed}_")
        if graph.nodes:
            graphs[seed] = graph
    outputs = [v for g in graphs.values() for v in g.outputs()]
    feeds = {name: array for g in graphs.values() for name, array in g.feeds.items()}
    model = model_of(list(graphs.values()), outputs)
    expected = run_peer(model, feeds)
    try:
        found = run_tendon(model, feeds, folder)
    except RuntimeError as error:
        print(f"seeds {first} to {first + count - 1}: {error}")
        found = None
    failed = 0
    for seed, graph in graphs.items():
        own = found
        if own is None:
            try:
                own = run_tendon(model_of([graph], graph.outputs()), graph.feeds, folder)
            except RuntimeError as error:
                report(graph, seed, str(error), folder)
                failed += 1
                continue
        wrong = [f"output {v.name} {text}" for v in graph.outputs() if (text := differs(own[v.name], expected[v.name]))]
        if wrong:
            report(graph, seed, wrong[0], folder)
            failed += 1
    return len(graphs), sum(len(g.nodes) for g in graphs.values()), failed


def main():
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    graphs = nodes = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        # Batches start at multiples of their size, since the opset follows from the seed.
        for first in range(seed // BATCH * BATCH, seed // BATCH * BATCH + wanted, BATCH):
            a, b, c = check_batch(first, BATCH, pathlib.Path(folder))
            graphs, nodes, failed = graphs + a, nodes + b, failed + c
    print(f"{graphs} graphs of {nodes} nodes from seed {seed}: {failed} differ")
    return 1 if failed or not graphs else 0


if __name__ == "__main__":
    sys.exit(main())
