"""What INT8 costs and gains, on a trained policy and on full-size graphs: check_int8.py FOLDER [--device cuda]

FOLDER as for check_policies.py. Calibrates on episodes 0-3, judges every 5th step of episodes 4-5 against float32. Times are only
worth something on an idle machine; their limits hold on CPUs with VNNI, whose 8-bit instructions do four times the work of float32's.
With --device cuda engines are a GPU's, their times those of its kernels, and float32 is the CPU's; calibrating stays on the CPU and what it
costs is left to the run without.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import numpy as np

from check_policies import TENDON, THREADS, failures, report, tendon

ROUNDS = 3
INT8 = ["--int8", "--fp16"]
WHAT = ("mean, normalised", "p99, rad", "max, rad")
# With their limits: mean in standard deviations of the actions, p99 and max in rad over the 12 arm joints.
RECIPES = {
    "default": ([], (0.001, 0.0025, 0.008)),
    "backbone": (["--precision", "*transformer*=fp32,*input_proj*=fp32"], (0.0006, 0.0015, 0.005)),
    # Convolutions and all of the encoder's weight products; what the peers' tools reach.
    "simple": (["--precision", "*encoder*self_attn/Gemm=int8"], (0.0014, 0.0035, 0.0109)),
}
# INT8's time by float32's, and by FP16's where the device has FP16.
MOST_TIME = {"cpu": 0.5, "cuda": 0.25}
MOST_TIME_BY_FP16 = 1.0
# INT8's file by float32's. A GPU's engine adds positions behind the projections of q and k, so it holds them multiplied, for each layer.
MOST_SIZE = {"cpu": 0.30, "cuda": 0.35}
MOST_ERROR = 0.002
# p99 on real data by p99 on random data. The default recipe leaves out the layers that random ranges hurt most.
GAPS = {("default", "r1"): 0.2, ("default", "r2"): 0.5, ("simple", "r1"): 0.1, ("simple", "r2"): 0.2}


class Policy:
    def __init__(self, folder, scratch, device):
        self.model, self.scratch, self.device = folder / "policy.onnx", scratch, device
        self.data = ["--stats", folder / "dataset_stats.pkl", "--cameras", "top,left_wrist,right_wrist", "--color", "rgb"]
        for name, numbers in {"seen": range(4), "unseen": range(4, 6)}.items():
            (scratch / name).mkdir()
            for number in numbers:
                (scratch / name / f"episode_{number}.hdf5").symlink_to((folder / f"episodes/episode_{number}.hdf5").resolve())

    def calibrate(self, name, *options):
        """The cache, and what the verb cost."""
        cache = self.scratch / f"{name}.cache"
        _, seconds, peak = tendon("calibrate", self.model, "-o", cache, *options)
        return cache, seconds, peak

    def build(self, name, *options, device=None):
        engine = self.scratch / f"{name}.engine"
        tendon("build", self.model, "-o", engine, "--device", device or self.device, "--threads", THREADS, *options)
        return engine

    def errors(self, tested, expected):
        result, _, _ = tendon("compare", expected, tested, "--episodes", self.scratch / "unseen", *self.data, "--stride", 5, "--atol", 100)
        actions = result["actions"][0]
        arms = next(unit for unit in actions["units"] if unit["unit"] == "rad")["robot"]
        return actions["overall"]["mean"], arms["p99"], arms["max"]


def bytes_of(cache):
    return cache.read_bytes() + pathlib.Path(f"{cache}.json").read_bytes()


def check_accuracy(policy, cache, expected):
    found = {}
    for name, (options, limits) in RECIPES.items():
        found[name] = policy.errors(policy.build(name, *INT8, "--cache", cache, *options), expected)
        for what, value, limit in zip(WHAT, found[name], limits):
            report(f"INT8 {name}, {what}", value, limit)
    searched = policy.build("searched", *INT8, "--cache", cache, "--max-error", MOST_ERROR, "--episodes", policy.scratch / "seen", *policy.data)
    report(f"INT8 --max-error {MOST_ERROR}, p99, rad", policy.errors(searched, expected)[1], MOST_ERROR)
    for baseline in ("r1", "r2"):
        ranges, _, _ = policy.calibrate(baseline, "--random", baseline, "--frames", 100)
        for recipe in ("default", "simple"):
            mean, p99, most = policy.errors(policy.build(baseline, *INT8, "--cache", ranges, *RECIPES[recipe][0]), expected)
            print(f"  INT8 {recipe} on {baseline}: mean {mean:.4g}, p99 {p99:.4g} rad, max {most:.4g} rad")
            report(f"INT8 {recipe}, p99 on real data / on {baseline}", found[recipe][1] / p99, GAPS[recipe, baseline])


def check_round_trips(policy, cache):
    """An engine of the file that convert writes acts as the one of the cache, and the written cache is the cache."""
    written, scales = policy.scratch / "written.onnx", policy.scratch / "scales.cache"
    tendon("convert", policy.model, "--cache", cache, "-o", written, "--target", "openvino")
    tendon("convert", policy.model, "--cache", cache, "-o", scales, "--target", "trt-cache")
    # The first line names the version of TensorRT.
    changed = scales.read_text().splitlines()[1:] != cache.read_text().splitlines()[1:]
    report("scales that writing the cache changes", int(changed), 0)
    actions = {}
    for name, model, options in (("read", written, INT8), ("built", policy.model, [*INT8, "--cache", cache])):
        engine, saved = policy.scratch / f"{name}.engine", policy.scratch / f"{name}.npz"
        tendon("build", model, "-o", engine, "--device", policy.device, "--threads", THREADS, *options)
        tendon("run", engine, "--episodes", policy.scratch / "unseen", *policy.data, "--frames", 8, "--threads", THREADS, "--save-outputs", saved)
        with np.load(saved) as arrays:
            actions[name] = np.stack([arrays[key] for key in sorted(arrays) if key.endswith("/action")])
    report("largest difference of actions that writing Q/DQ makes", float(np.abs(actions["read"] - actions["built"]).max()), 0)


def shuffled_frames(policy, data):
    """What the policy is given on these frames, as arrays in their order and in another."""
    saved = policy.scratch / "frames.npz"
    tendon("run", policy.model, *data, "--save-inputs", saved)
    with np.load(saved) as arrays:
        numbers = sorted({int(key.split("/")[0]) for key in arrays})
        moved = random.Random(1).sample(numbers, len(numbers))
        shuffled = {f"{to}/{key.split('/', 1)[1]}": arrays[key] for to, number in enumerate(moved) for key in arrays if key.startswith(f"{number}/")}
    np.savez(policy.scratch / "shuffled.npz", **shuffled)
    return saved, policy.scratch / "shuffled.npz"


def killed_twice(policy, data):
    """A run that ends behind the first and the second journal, which comes every 32 frames, and goes on each time."""
    cache = policy.scratch / "killed.cache"
    journal = pathlib.Path(f"{cache}.journal")
    command = [TENDON, "calibrate", policy.model, "-o", cache, *data, "--silent"]
    for frames in (32, 64):
        run = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        while run.poll() is None and (not journal.exists() or len(json.loads(journal.read_text())["frames"]) < frames):
            time.sleep(0.01)
        report(f"killed run has ended by itself at frame {frames}", int(run.poll() is not None), 0)
        run.kill()
        run.wait()
    tendon("calibrate", policy.model, "-o", cache, *data)
    return cache


def check_bytes(policy):
    """Shards, batches, the order of frames and being killed change no byte."""
    data = ["--episodes", policy.scratch / "seen", *policy.data, "--frames", 80]
    whole, _, _ = policy.calibrate("whole", *data)
    expected = bytes_of(whole)
    made = {"batch 8": policy.calibrate("batch", *data, "--batch-size", 8)[0], "two kills": killed_twice(policy, data)}
    saved, shuffled = shuffled_frames(policy, data)
    ordered = bytes_of(policy.calibrate("arrays", "--inputs", saved)[0])
    report("bytes that another order changes", int(bytes_of(policy.calibrate("shuffled", "--inputs", shuffled)[0]) != ordered), 0)
    for count in (2, 3):
        parts = [policy.calibrate(f"part{count}_{i}", *data, "--shard", f"{i}/{count}")[0] for i in range(1, count + 1)]
        merged = policy.scratch / f"merged{count}.cache"
        tendon("calibrate", "merge", *reversed(parts), "-o", merged, "--model", policy.model)
        made[f"{count} shards"] = merged
    for name, cache in made.items():
        report(f"bytes that {name} change", int(bytes_of(cache) != expected), 0)


def check_cost(policy):
    """Against runs of the same model over the same frames, each the best of two in turns."""
    data = ["--episodes", policy.scratch / "seen", *policy.data, "--threads", THREADS, "--frames"]
    _, _, peak = tendon("run", policy.model, *data, 1)
    plain, calibrating, calibrating_peak = [], [], 0
    for name in ("cost", "cost again"):
        plain.append(tendon("run", policy.model, *data, 512)[1])
        _, seconds, calibrating_peak = policy.calibrate(name, *data, 512)
        calibrating.append(seconds)
    report("512 frames calibrated / inferred", min(calibrating) / min(plain), 1.15)
    report("peak memory of calibrating / of one inference", calibrating_peak / peak, 1.5)


def check_speed(folder, scratch, name, device):
    print(f"{name}, random weights")
    model, cache = scratch / f"{name}.onnx", scratch / f"{name}.cache"
    subprocess.run([sys.executable, folder / "fill_weights.py", folder / f"{name}.graph.onnx", model], check=True)
    tendon("calibrate", model, "-o", cache, "--random", "r2", "--frames", 2, "--algorithm", "minmax")
    engines = {"float32": [], "int8": [*INT8, "--cache", cache]}
    # A CPU without VNNI multiplies reduced codes faster; a GPU has 16-bit floats to compare with.
    engines |= {"int8 reduced": [*INT8, "--cache", cache, "--reduce-range"]} if device == "cpu" else {"float16": ["--fp16"]}
    time_of = "latency_ms" if device == "cpu" else "gpu_ms"
    times, sizes = {}, {}
    for kind, options in engines.items():
        engine = scratch / f"{kind.replace(' ', '_')}.engine"
        tendon("build", model, "-o", engine, "--device", device, "--threads", THREADS, *options)
        sizes[kind] = engine.stat().st_size
        engines[kind] = engine
    for _ in range(ROUNDS):
        for kind, engine in engines.items():
            times.setdefault(kind, []).append(tendon("bench", engine, "--iterations", 10 if device == "cpu" else 200)[0][time_of])
    for kind in times:
        lowest, middle = min(t["min"] for t in times[kind]), sorted(t["p50"] for t in times[kind])[ROUNDS // 2]
        print(f"  {kind}: min {lowest:.3f} ms, p50 {middle:.3f} ms, {sizes[kind] / 2**20:.1f} MiB")
    best = {kind: min(t["min"] for t in runs) for kind, runs in times.items()}
    report("time of INT8 / of float32", best["int8"] / best["float32"], MOST_TIME[device])
    if "float16" in best:
        report("time of INT8 / of FP16", best["int8"] / best["float16"], MOST_TIME_BY_FP16)
    report("size of INT8's engine / of float32's", sizes["int8"] / sizes["float32"], MOST_SIZE[device])
    for path in (model, *engines.values()):
        path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--device", choices=MOST_TIME, default="cpu")
    args = parser.parse_args()
    folder = args.folder.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        policy = Policy(folder / "transfer_cube", scratch, args.device)
        print("transfer_cube, trained")
        cache, _, _ = policy.calibrate("real", "--episodes", scratch / "seen", *policy.data, "--frames", 100)
        expected = policy.build("float32", device="cpu")
        check_accuracy(policy, cache, expected)
        check_round_trips(policy, cache)
        if args.device == "cpu":
            check_bytes(policy)
            check_cost(policy)
        for graph in sorted((folder / "full").glob("*.graph.onnx")):
            check_speed(folder / "full", scratch, graph.name.removesuffix(".graph.onnx"), args.device)
    print(f"FAILED: {', '.join(failures)}" if failures else "PASSED")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
