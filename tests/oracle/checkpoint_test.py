"""Policies that the program exports from checkpoints are valid ONNX and compute what PyTorch computed.

checkpoint_test.py [FOLDER]: folders as tools/make_checkpoints.py writes them, by default tests/models/checkpoints.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).parents[2]
TENDON = os.environ["TENDON_PROGRAM"]
LIMIT = 2e-5


def fed(arrays, name):
    """The array called `name`; with ":planes" after it, frames as float images."""
    if not name.endswith(":planes"):
        return arrays[name]
    return np.moveaxis(arrays[name.removesuffix(":planes")].astype(np.float32) / 255, -1, -3)


def check_export(case, spec, export, arrays, model):
    command = [TENDON, "export", "-q", "-q", "-q", spec["checkpoint"], "-o", str(model), *export["args"]]
    subprocess.run(command, check=True, cwd=case, stdout=subprocess.DEVNULL)
    onnx.checker.check_model(str(model), full_check=True)
    inferred = onnx.shape_inference.infer_shapes(onnx.load(model), check_type=True, strict_mode=True, data_prop=True)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    assert [i.name for i in inferred.graph.input] == [i.name for i in session.get_inputs()]
    expected = arrays[export["action"]]
    found = session.run(None, {name: fed(arrays, source) for name, source in export["inputs"].items()})[0]
    assert found.shape == expected.shape, f"{found.shape} instead of {expected.shape}"
    difference = float(np.abs(found - expected).max())
    print(f"{case.name} {' '.join(export['args'])}: max abs difference {difference:.2e}")
    return difference <= LIMIT


def main(folder):
    results = []
    for case in sorted(path.parent for path in folder.glob("*/case.json")):
        spec = json.loads((case / "case.json").read_text())
        with np.load(case / "reference.npz") as archive, tempfile.TemporaryDirectory() as scratch:
            arrays = dict(archive)
            for export in spec["exports"]:
                results.append(check_export(case, spec, export, arrays, pathlib.Path(scratch) / "policy.onnx"))
    return 0 if results and all(results) else f"a difference above {LIMIT}"


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/models/checkpoints"))
