"""Checks exported models: onnx.checker accepts them, ONNX Runtime computes the same as before.

check_with_onnx.py ORIGINAL EXPORTED, both a model or both a folder of models with the same names.
Exit status 1 when any exported model is refused or differs.
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort

TOLERANCE = 1e-5
OPEN_SIZE = 2


def session(path):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def recorded_inputs(model_path, names):
    """Inputs that the ONNX project recorded beside a node case, else None."""
    folder = model_path.parent / "test_data_set_0"
    files = [folder / f"input_{i}.pb" for i in range(len(names))]
    if not files or not all(f.exists() for f in files):
        return None
    tensors = [onnx.load_tensor(str(f)) for f in files]
    return {name: onnx.numpy_helper.to_array(t) for name, t in zip(names, tensors)}


def random_inputs(inputs):
    rng = np.random.default_rng(1)
    feed = {}
    for value in inputs:
        shape = [d if isinstance(d, int) else OPEN_SIZE for d in value.shape]
        kind = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
        if value.type in kind:
            feed[value.name] = rng.standard_normal(shape).astype(kind[value.type])
        else:
            dtype = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": bool,
                     "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}[value.type]
            feed[value.name] = rng.integers(0, 2, shape).astype(dtype)
    return feed


def equal(a, b):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind == "f":
        scale = max(1.0, float(np.nanmax(np.abs(a[np.isfinite(a)]), initial=0.0)))
        return np.allclose(a, b, rtol=0, atol=TOLERANCE * scale, equal_nan=True)
    return np.array_equal(a, b)


def check(original, exported):
    """What is wrong, "" when outputs were compared and agree, None when only onnx.checker could judge."""
    try:
        onnx.checker.check_model(str(exported), full_check=True)
    except Exception as error:  # pylint: disable=broad-except
        return f"onnx.checker: {error}"
    try:
        before = session(original)
    except Exception:  # pylint: disable=broad-except
        return None  # ONNX Runtime does not know the original either.
    try:
        after = session(exported)
    except Exception as error:  # pylint: disable=broad-except
        return f"ONNX Runtime: {error}"
    names = [i.name for i in before.get_inputs()]
    if names != [i.name for i in after.get_inputs()]:
        return f"inputs {[i.name for i in after.get_inputs()]}, expected {names}"
    feed = recorded_inputs(original, names) or random_inputs(before.get_inputs())
    try:
        expected = before.run(None, feed)
    except Exception:  # pylint: disable=broad-except
        return None
    for output, a, b in zip(before.get_outputs(), expected, after.run(None, feed)):
        if not equal(a, b):
            return f"output '{output.name}' differs"
    return ""


def main():
    original, exported = (pathlib.Path(argument) for argument in sys.argv[1:3])
    if original.is_file():
        pairs = [(original, exported)]
    else:
        pairs = [(original / p.relative_to(exported), p) for p in sorted(exported.rglob("*.onnx"))]
    failures = compared = 0
    for before, after in pairs:
        problem = check(before, after)
        compared += problem is not None
        if problem:
            failures += 1
            print(f"{before}: {problem}")
    print(f"{len(pairs)} exported models: {failures} refused or different, "
          f"{compared - failures} with equal outputs, {len(pairs) - compared} accepted by onnx.checker "
          "but unknown to ONNX Runtime")
    return 1 if failures or not pairs else 0


if __name__ == "__main__":
    sys.exit(main())
