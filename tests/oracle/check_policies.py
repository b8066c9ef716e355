"""The figures that the repository's own tests are too small for: check_policies.py FOLDER

FOLDER/full holds the full-size graphs with fill_weights.py, FOLDER/transfer_cube a trained policy with six episodes, the statistics
of these episodes and recorded outputs of PyTorch. Times are only worth something on an idle machine.
"""
import argparse
import json
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime

from used_parameters import count_parameters

ROOT = pathlib.Path(__file__).parents[2]
TENDON = os.environ.get("TENDON_PROGRAM", ROOT / "build/release/tendon")
THREADS = 2

# A child starts with its parent's peak memory, so a small process of its own measures it.
MEASURE = """
import resource, subprocess, sys, time
start = time.perf_counter()
status = subprocess.run(sys.argv[1:]).returncode
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""

failures = []


def report(what, found, limit, unit=""):
    passed = found <= limit
    print(f"  {'ok  ' if passed else 'FAIL'} {what}: {found:.4g}{unit} (limit {limit:.4g}{unit})", flush=True)
    if not passed:
        failures.append(what)


def tendon(*arguments):
    """Result of a verb with --json, its seconds and its peak memory in bytes."""
    command = [sys.executable, "-c", MEASURE, TENDON, *map(str, arguments), "--json", "-q", "-q", "-q"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"tendon {' '.join(map(str, arguments))} ended with {done.returncode}")
    output, _, measured = done.stdout.rstrip().rpartition("\n")
    seconds, peak = measured.split()
    return json.loads(output), float(seconds), int(peak) * 1024


def onnx_runtime(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def saved(path, prefix="0/"):
    """{iteration: {name: array}} of what `tendon run` saved."""
    iterations = {}
    with np.load(path) as arrays:
        for key, array in arrays.items():
            if key.startswith(prefix):
                number, _, name = key[len(prefix):].partition("/")
                if name:
                    iterations.setdefault(int(number), {})[name] = array
    return iterations


def check_unused(model):
    shown, _, _ = tendon("inspect", model)
    everything, unused = count_parameters(model)
    print(f"  {unused} of {everything} parameters never reach the output")
    report("difference to tendon's count of parameters", abs(shown["parameters"] - everything), 0)
    report("difference to tendon's count of unused parameters", abs(shown["unused_parameters"] - unused), 0)


def check_full_size(folder, scratch, name):
    print(f"{name}, random weights")
    model, engine = scratch / f"{name}.onnx", scratch / f"{name}.engine"
    subprocess.run([sys.executable, folder / "fill_weights.py", folder / f"{name}.graph.onnx", model], check=True)
    check_unused(model)

    _, seconds, _ = tendon("build", model, "-o", engine, "--threads", THREADS)
    report("load the model, build and save the engine", seconds, 15, " s")
    shown, seconds, _ = tendon("inspect", engine)
    report("load the engine", seconds, 0.5, " s")

    session = onnx_runtime(model)
    generator = np.random.default_rng(1)
    inputs = {}
    for item in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in item.shape]
        inputs[item.name] = generator.random(shape, dtype=np.float32)
    np.savez(scratch / "inputs.npz", **inputs)
    _, _, peak = tendon("run", engine, "--inputs", scratch / "inputs.npz", "--save-outputs", scratch / "outputs.npz")
    report("peak memory of a run", peak, 1.5 * (shown["weight_bytes"] + shown["activation_bytes"]), " bytes")
    expected = session.run(None, inputs)[0]
    found = next(iter(saved(scratch / "outputs.npz")[0].values()))
    report("max abs difference to ONNX Runtime", float(np.abs(found - expected).max()), 5e-5)
    model.unlink()
    engine.unlink()


def check_trained(folder, scratch):
    print("transfer_cube, trained")
    model, engine = folder / "policy.onnx", scratch / "policy.engine"
    check_unused(model)
    tendon("build", model, "-o", engine, "--threads", THREADS)

    with np.load(folder / "reference.npz") as reference:
        tendon("run", engine, "--inputs", folder / "reference.npz", "--save-outputs", scratch / "outputs.npz")
        found = np.concatenate([outputs["action"] for _, outputs in sorted(saved(scratch / "outputs.npz").items())])
        report("max abs difference to PyTorch over the recorded inputs", float(np.abs(found - reference["action"]).max()), 2e-5)

    shown, _, _ = tendon("inspect", folder / "episodes")
    with open(folder / "stats_of_these_episodes.pkl", "rb") as file:
        expected = pickle.load(file)
    for key, values in shown["statistics"].items():
        difference = np.abs(np.asarray(values) - np.asarray(expected[key]).reshape(-1)).max()
        report(f"max abs difference of {key} over {len(shown['episodes'])} episodes", float(difference), 1e-6)

    tendon("run", engine, "--episodes", folder / "episodes", "--stats", folder / "dataset_stats.pkl", "--cameras",
           "top,left_wrist,right_wrist", "--color", "rgb", "--stride", 40, "--save-inputs", scratch / "inputs.npz", "--save-outputs",
           scratch / "outputs.npz")
    session = onnx_runtime(model)
    outputs = saved(scratch / "outputs.npz")
    worst = max(float(np.abs(session.run(None, inputs)[0] - outputs[number]["action"]).max())
                for number, inputs in saved(scratch / "inputs.npz", "").items())
    report(f"max abs difference to ONNX Runtime over {len(outputs)} frames of all episodes", worst, 2e-5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch:
        for graph in sorted((folder / "full").glob("*.graph.onnx")):
            check_full_size(folder / "full", pathlib.Path(scratch), graph.name.removesuffix(".graph.onnx"))
        check_trained(folder / "transfer_cube", pathlib.Path(scratch))
    print(f"FAILED: {', '.join(failures)}" if failures else "PASSED")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
