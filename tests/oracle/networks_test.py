"""Networks of the families that policies use, as torch exported them, give what ONNX Runtime gives to 1e-4.

TENDON_PROGRAM names the program; tools/make_network_models.py wrote the models. `networks_test.py MODEL…` takes other ones."""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime

TENDON = os.environ["TENDON_PROGRAM"]
FOLDER = pathlib.Path("tests/models/networks")
RELATIVE = 1e-4


def peer(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def random_feeds(session):
    random = np.random.default_rng(5)
    feeds = {}
    for item in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in item.shape]
        feeds[item.name] = random.integers(0, 50, shape) if "int64" in item.type else random.standard_normal(shape).astype(np.float32)
    return feeds


def gap(found, expected):
    """The largest difference, relative to the largest element that is expected."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return np.inf
    scale = float(np.abs(expected).max()) or 1.0
    return float(np.abs(found.astype(np.float64) - expected).max()) / scale


def check(model, folder):
    session = peer(model)
    feeds = random_feeds(session)
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(names, feeds)))
    np.savez(folder / "inputs.npz", **feeds)
    command = [TENDON, "run", "-q", "-q", "-q", model, "--inputs", folder / "inputs.npz", "--save-outputs", folder / "outputs.npz"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return f"exit status {done.returncode}: {done.stderr.strip()}"
    with np.load(folder / "outputs.npz") as arrays:
        found = {name.split("/", 2)[-1]: array for name, array in arrays.items()}
    worst = {name: gap(found[name], expected[name]) if name in found else np.inf for name in names}
    bad = {name: value for name, value in worst.items() if not value <= RELATIVE}
    print(f"{model.stem:<28}{max(worst.values()):>10.1e}")
    return f"beyond {RELATIVE}: {bad}" if bad else ""


def main():
    models = [pathlib.Path(name) for name in sys.argv[1:]] or sorted(FOLDER.glob("*.onnx"))
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            if failure := check(model, pathlib.Path(folder)):
                failures.append(f"{model.name}: {failure}")
    print("\n".join(failures) or f"all {len(models)} agree to {RELATIVE}")
    return 1 if failures or not models else 0


sys.exit(main())
