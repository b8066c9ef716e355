#!/usr/bin/env python3
"""Whole models: Tendon against ONNX Runtime and OpenVINO on the same file, threads and inputs, in turns.

  bench/bench_models.py --tendon build/release/tendon policy.onnx act_1cam.onnx
  bench/bench_models.py --tendon build/release/tendon --precisions fp32,bf16,int8 --peers onnxruntime,openvino act_3cam.onnx

Needs the Python packages numpy and onnxruntime; for OpenVINO also openvino, and nncf for its INT8. Prints the minimum of all runs
and the median of the rounds' medians in milliseconds; a ratio below 1: Tendon is faster than the best peer. BF16 and INT8 have
only OpenVINO as a peer; INT8 is measured with the rest in float32 and in bfloat16, the peer's better one counts. Ranges come
from random inputs: they say nothing about accuracy."""
import argparse
import pathlib
import subprocess
import tempfile

import numpy
import onnxruntime

import engines

# Flags of `tendon build` and, for OpenVINO, whether the model is quantised and the type of the rest.
PRECISIONS = {
    "fp32": ([], False, "f32"),
    "bf16": (["--bf16"], False, "bf16"),
    "int8": (["--int8"], True, "f32"),
    "int8+bf16": (["--int8", "--bf16"], True, "bf16"),
}
CALIBRATION_FRAMES = 4


def shape_of(item):
    return [size if isinstance(size, int) else 1 for size in item.shape]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--tendon", default="tendon", help="the program to measure")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=10, help="runs of each in one round")
    parser.add_argument("--precisions", default="fp32", help=f"of {','.join(PRECISIONS)}")
    parser.add_argument("--peers", default="onnxruntime", help="onnxruntime, openvino or both")
    options = parser.parse_args()
    precisions, peers = options.precisions.split(","), options.peers.split(",")
    for model in options.models:
        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        inputs = [(item.name, shape_of(item), item.type) for item in session.get_inputs()]
        del session
        frames = [engines.random_arrays(inputs, seed) for seed in range(CALIBRATION_FRAMES)]
        with tempfile.TemporaryDirectory() as folder:
            measure(options, model, precisions, peers, frames, pathlib.Path(folder))


def measure(options, model, precisions, peers, frames, folder):
    numpy.savez(folder / "inputs.npz", **frames[0])
    quantized = None
    if any(PRECISIONS[name][1] for name in precisions):
        numpy.savez(folder / "frames.npz", **{name: numpy.concatenate([frame[name] for frame in frames]) for name in frames[0]})
        subprocess.run([options.tendon, "calibrate", str(model), "--inputs", folder / "frames.npz", "--algorithm", "minmax", "--force",
                        "-o", folder / "cache", "--silent"], check=True, stdout=subprocess.DEVNULL)
        if "openvino" in peers:
            quantized = engines.nncf_int8(model, frames)
    ours, theirs = {}, {}
    for name in precisions:
        flags, int8, rest = PRECISIONS[name]
        engine = str(folder / f"{name}.engine")
        engines.build(options.tendon, model, engine, "--threads", options.threads, *flags, *(["--cache", folder / "cache"] if int8 else []))
        ours[name] = engines.Tendon(options.tendon, engine, options.threads, str(folder / "inputs.npz"))
        theirs[name] = []
        if "onnxruntime" in peers and name == "fp32":
            theirs[name].append(engines.OnnxRuntime(model, frames[0], options.threads))
        if "openvino" in peers and not (int8 and quantized is None):
            theirs[name].append(engines.OpenVino(quantized if int8 else model, frames[0], options.threads, rest))

    every = [engine for name in precisions for engine in [ours[name], *theirs[name]]]
    times = dict(zip(map(id, every), engines.in_turns(every, options.rounds, options.iterations)))
    print(f"{model.stem}: {options.threads} threads, {options.rounds} rounds of {options.iterations} runs, ms min / p50")
    for name in precisions:
        rivals = theirs[name]
        if PRECISIONS[name][1]:
            rivals = [peer for other in precisions if PRECISIONS[other][1] for peer in theirs[other]]
        cells = [("Tendon", times[id(ours[name])])] + [(peer.name, times[id(peer)]) for peer in theirs[name]]
        text = "".join(f"  {label} {low:.2f} / {middle:.2f}" for label, (low, middle) in cells)
        ratio = ""
        if rivals:
            best = [min(times[id(peer)][place] for peer in rivals) for place in (0, 1)]
            ratio = "  ratio {:.2f} / {:.2f}".format(*(times[id(ours[name])][place] / best[place] for place in (0, 1)))
        print(f"  {name:<10}{text}{ratio}", flush=True)


if __name__ == "__main__":
    main()
