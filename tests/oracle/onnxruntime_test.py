"""Engines built and run by the program give what ONNX Runtime gives on the same inputs."""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).parents[2]
TENDON = os.environ["TENDON_PROGRAM"]
LIMIT = 2e-5


def run_tendon(model, inputs, folder):
    engine, source, result = folder / "model.engine", folder / "inputs.npz", folder / "outputs.npz"
    np.savez(source, **inputs)
    subprocess.run([TENDON, "build", "-q", "-q", "-q", str(model), "-o", str(engine)], check=True, stdout=subprocess.DEVNULL)
    command = [TENDON, "run", "-q", "-q", "-q", str(engine), "--inputs", str(source), "--save-outputs", str(result)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with np.load(result) as arrays:
        return {name: array for name, array in arrays.items() if name.endswith("action")}


def check(model, inputs):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    expected = session.run(["action"], inputs)[0]
    with tempfile.TemporaryDirectory() as folder:
        found = run_tendon(model, inputs, pathlib.Path(folder))
    assert len(found) == 1, f"{model.name}: outputs {sorted(found)}, expected one named action"
    difference = float(np.abs(next(iter(found.values())).reshape(expected.shape) - expected).max())
    print(f"{model.name}: max abs difference {difference:.2e}")
    return difference <= LIMIT


def main():
    cases = []
    for model in sorted((ROOT / "tests/models").glob("*.onnx")):
        with np.load(model.with_suffix(".npz")) as arrays:
            cases.append((model, {name: array for name, array in arrays.items() if name != "action"}))
    with np.load(ROOT / "examples/transfer_cube/reference.npz") as arrays:
        image = arrays["image"][:1].astype(np.float32) / 255
        cases.append((ROOT / "examples/transfer_cube/policy.onnx", {"qpos": arrays["qpos"][:1], "image": image}))
    results = [check(model, inputs) for model, inputs in cases]
    return 0 if results and all(results) else f"a difference above {LIMIT}"


if __name__ == "__main__":
    sys.exit(main())
