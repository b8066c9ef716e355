#!/usr/bin/env python3
"""A full-size ACT on an NVIDIA GPU: Tendon against eager PyTorch, interleaved.

  bench/torch_gpu.py --tendon build/release/tendon --cameras 3 act_3cam.onnx

Needs torch with CUDA. The model file must be an ACT of the same sizes (480x640, hidden 512, 4 encoder and 7 decoder layers, chunk 100):
PyTorch runs the same network with random weights. Prints the minimum and median of all rounds in milliseconds; PyTorch's inputs lie on the
GPU already, so compare it with the time of Tendon's kernels."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
import act_torch  # noqa: E402

SIZES = dict(hidden=512, heads=8, feed_forward=3200, encoder_layers=4, decoder_layers=7, chunk=100, latent=32, joints=14, actions=14,
             environment=0, cvae=False, pre_norm=False, activation="relu", backbones=1, resnet=((64, 128, 256, 512), (2, 2, 2, 2)))
TENDON_FLAGS = {torch.float32: [], torch.float16: ["--fp16"]}


def make_policy(dtype):
    torch.set_default_dtype(dtype)
    positions = act_torch.sine_positions
    act_torch.sine_positions = lambda maps, hidden: positions(maps.float(), hidden).to(maps.dtype)
    policy = act_torch.OriginalAct(SIZES).eval()
    run = policy.forward
    policy.forward = lambda qpos, image: run(qpos, image)[0]
    return policy


def time_torch(policy, inputs, iterations):
    times = []
    with torch.inference_mode():
        for i in range(iterations + 3):
            torch.cuda.synchronize()
            start = time.perf_counter()
            policy(*inputs)
            torch.cuda.synchronize()
            if i >= 3:
                times.append((time.perf_counter() - start) * 1e3)
    return {"wall": times}


def time_tendon(program, engine, iterations):
    command = [program, "bench", str(engine), "--iterations", str(iterations), "--warm-up", "10", "--json", "--silent"]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {"kernels": [result["gpu_ms"]["min"], result["gpu_ms"]["p50"]], "wall": [result["latency_ms"]["min"], result["latency_ms"]["p50"]]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--tendon", default="tendon", help="the program to measure")
    parser.add_argument("--cameras", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=50, help="runs in each round")
    args = parser.parse_args()

    torch.set_default_device("cuda")
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for dtype, flags in TENDON_FLAGS.items():
            name = str(dtype).split(".")[-1]
            engine = pathlib.Path(folder) / f"{name}.engine"
            subprocess.run([args.tendon, "build", str(args.model), "--device", "cuda", *flags, "-o", str(engine), "--silent"], check=True,
                           stdout=subprocess.DEVNULL)
            runs.append((f"tendon {name}", dtype, lambda n, engine=engine: time_tendon(args.tendon, engine, n)))
            policy = make_policy(dtype)
            inputs = (torch.rand(1, SIZES["joints"]), torch.rand(1, args.cameras, 3, 480, 640))
            runs.append((f"torch {name}, eager", dtype, lambda n, policy=policy, inputs=inputs: time_torch(policy, inputs, n)))
        found = {}
        for _ in range(args.rounds):
            for name, dtype, run in runs:
                torch.set_default_dtype(dtype)
                for what, times in run(args.iterations).items():
                    found.setdefault((name, what), []).extend(times)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {args.cameras} cameras, {args.rounds} rounds of {args.iterations}")
    for (name, what), times in found.items():
        print(f"{name:28} {what:8} min {min(times):8.3f}   p50 {statistics.median(times):8.3f} ms")


if __name__ == "__main__":
    main()
