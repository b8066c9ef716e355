#!/usr/bin/env python3
"""How an ACT's time grows with cameras, image size, batch and threads, on CPU or GPU.

  bench/bench_growth.py policy.ckpt --tendon build/release/tendon
  bench/bench_growth.py policy.ckpt --device cuda --precisions fp32,fp16

CHECKPOINT may have any number of cameras: ACT's weights don't depend on it. Each table changes one thing and takes its rows in
turns: milliseconds (minimum / median of the rounds' medians), and the time over what it would be, were it proportional to the
first row. On a GPU times are those of the kernels. Ranges for INT8 are those of two frames of random values."""
import argparse
import pathlib
import tempfile

import engines

FLAGS = {"fp32": [], "tf32": ["--tf32"], "fp16": ["--fp16"], "bf16": ["--bf16"], "int8": ["--int8", "--fp16"], "int8+bf16": ["--int8", "--bf16"]}
NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"]


def numbers(text):
    return [int(item) for item in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--tendon", default="tendon")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precisions", default="fp32", help=f"of {','.join(FLAGS)}")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--cameras", type=numbers, default=[1, 2, 3, 4])
    parser.add_argument("--heights", type=numbers, default=[120, 240, 360, 480], help="of images 4:3")
    parser.add_argument("--batches", type=numbers, default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=5)
    options = parser.parse_args()
    threads = options.threads[-1]
    gpu = options.device.startswith("cuda")
    for precision in options.precisions.split(","):
        cases = {
            "cameras": [(k, dict(cameras=k), k / options.cameras[0]) for k in options.cameras],
            "image height": [(h, dict(height=h), (h / options.heights[0]) ** 2) for h in options.heights],
            "batch": [(b, dict(batch=b), b / options.batches[0]) for b in options.batches],
        }
        if not gpu:
            cases["threads"] = [(t, dict(threads=t), options.threads[0] / t) for t in options.threads]
        for title, rows in cases.items():
            table(options, precision, title, [(label, {"threads": threads, **changes}, factor) for label, changes, factor in rows], gpu)


def table(options, precision, title, rows, gpu):
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for i, (_, changes, _) in enumerate(rows):
            case = dict(dict(cameras=1, height=480, batch=1), **changes)
            width, engine = case["height"] * 4 // 3, f"{folder}/{i}.engine"
            shapes = ["--shapes", f"image:{case['batch']}x{case['cameras']}x3x{case['height']}x{width}"]
            model = ["--cameras", ",".join(NAMES[:case["cameras"]]), "--height", case["height"], "--width", width]
            flags = FLAGS[precision]
            if "--int8" in flags:
                cache = f"{folder}/{case['cameras']}_{case['height']}.cache"
                if not pathlib.Path(cache).exists():
                    engines.calibrate(options.tendon, options.checkpoint, cache, *model)
                flags = [*flags, "--cache", cache]
            engines.build(options.tendon, options.checkpoint, engine, "--device", options.device, "--threads", case["threads"], *model, *shapes,
                          *flags)
            runs.append(engines.Tendon(options.tendon, engine, case["threads"], gpu=gpu))
        times = engines.in_turns(runs, options.rounds, options.iterations)
    print(f"{precision}, {options.device}: {title}")
    for (label, _, factor), (low, middle) in zip(rows, times):
        print(f"  {label:>5} {low:9.2f} / {middle:9.2f}   x {middle / times[0][1] / factor:.2f}", flush=True)


if __name__ == "__main__":
    main()
