#!/usr/bin/env python3
"""Whole models: Tendon against ONNX Runtime on the same file, threads and inputs, interleaved.

  bench/bench_models.py --tendon build/release/tendon policy.onnx act_1cam.onnx

Needs the Python packages numpy and onnxruntime. Prints the minimum and median of all rounds in
milliseconds and their ratio (below 1: Tendon is faster)."""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy
import onnxruntime


def open_session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def random_inputs(session):
    """One array an input, float32 or the steps of a diffusion as int64; symbolic dimensions become 1."""
    generator = numpy.random.default_rng(0)
    inputs = {}
    for item in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in item.shape]
        if item.type == "tensor(int64)":
            inputs[item.name] = generator.integers(0, 50, shape)
        elif item.type == "tensor(float)":
            inputs[item.name] = generator.random(shape, dtype=numpy.float32)
        else:
            raise SystemExit(f"input '{item.name}' is {item.type}, expected tensor(float) or tensor(int64)")
    return inputs


def run_onnxruntime(session, inputs, iterations):
    times = []
    for i in range(iterations + 2):
        start = time.perf_counter()
        session.run(None, inputs)
        if i >= 2:
            times.append((time.perf_counter() - start) * 1e3)
    return min(times), statistics.median(times)


def run_tendon(program, engine, arrays, threads, iterations):
    command = [program, "bench", engine, "--inputs", arrays, "--threads", str(threads),
               "--iterations", str(iterations), "--warm-up", "2", "--json"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    latency = json.loads(output)["latency_ms"]
    return latency["min"], latency["p50"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--tendon", default="tendon", help="the program to measure")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=10, help="runs of each in one round")
    options = parser.parse_args()
    print(f"{'model':<24}{'':>5}{'Tendon':>10}{'ORT ' + onnxruntime.__version__:>14}{'ratio':>8}")
    for model in options.models:
        session = open_session(model, options.threads)
        inputs = random_inputs(session)
        with tempfile.TemporaryDirectory() as folder:
            engine = f"{folder}/model.engine"
            arrays = f"{folder}/inputs.npz"
            numpy.savez(arrays, **inputs)
            subprocess.run([options.tendon, "build", str(model), "-o", engine, "--threads",
                            str(options.threads)], check=True, stdout=subprocess.DEVNULL)
            ours, theirs = [], []
            for _ in range(options.rounds):
                ours.append(run_tendon(options.tendon, engine, arrays, options.threads,
                                       options.iterations))
                theirs.append(run_onnxruntime(session, inputs, options.iterations))
        for place, (name, combine) in enumerate([("min", min), ("p50", statistics.median)]):
            a = combine(result[place] for result in ours)
            b = combine(result[place] for result in theirs)
            print(f"{model.stem:<24}{name:>5}{a:>10.2f}{b:>14.2f}{a / b:>8.2f}")


if __name__ == "__main__":
    main()
