#!/usr/bin/env python3
"""A full-size ACT on an NVIDIA GPU: Tendon against PyTorch, eager and compiled, interleaved.

  bench/torch_gpu.py --tendon build/release/tendon --cameras 3 act_3cam.onnx

Needs torch with CUDA; torch.compile also needs Triton and a C compiler. The model file must be an ACT of the same sizes (480x640, hidden
512, 4 encoder and 7 decoder layers, chunk 100): PyTorch runs the same network with random weights, all cameras as one batch through the
backbone, and what depends on no input computed beforehand; making max-autotune takes more than four minutes for each precision. PyTorch's
inputs lie on the GPU already, so compare its GPU time with that of Tendon's kernels: each row of PyTorch ends with how many times as long
it takes, by minima and by medians of all rounds."""
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
# Name, PyTorch's type, whether products may round their factors to TF32, Tendon's flags.
PRECISIONS = (("float32", torch.float32, False, []), ("tf32", torch.float32, True, ["--tf32"]), ("float16", torch.float16, False, ["--fp16"]),
              ("bfloat16", torch.bfloat16, False, ["--bf16"]))
KINDS = ("eager", "cuda graph", "reduce-overhead", "max-autotune")
HEIGHT, WIDTH = 480, 640
WARM_UPS = 3


def allow(dtype, tf32):
    torch.set_default_dtype(dtype)
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32


class Policy(torch.nn.Module):
    """OriginalAct without constants from the host, which recorded graphs cannot hold."""

    def __init__(self, cameras, dtype):
        super().__init__()
        self.act = act_torch.OriginalAct(SIZES)
        for name, values in (("mean", act_torch.IMAGENET_MEAN), ("std", act_torch.IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1))
        self.register_buffer("zeros", torch.zeros(1, SIZES["latent"]))
        places = act_torch.sine_positions(torch.zeros(1, 1, HEIGHT // 32, WIDTH // 32, dtype=torch.float32), SIZES["hidden"])
        self.register_buffer("places", self.flat([places] * cameras).to(dtype))

    @staticmethod
    def flat(parts):
        return torch.cat(tuple(parts), dim=3).flatten(2).permute(2, 0, 1)

    def forward(self, qpos, image):
        act = self.act
        maps = act.input_proj(act.backbones[0][0].body((image[0] - self.mean) / self.std))
        tokens = torch.cat((torch.stack((act.latent_out_proj(self.zeros), act.input_proj_robot_state(qpos))), self.flat(maps.split(1))))
        table = torch.cat((act.additional_pos_embed.weight[:, None], self.places))
        memory = act_torch.encode(act.transformer.encoder, tokens, table)
        outputs = act_torch.decode(act.transformer.decoder, act.query_embed.weight, memory, table)
        return act.action_head(outputs[0].transpose(0, 1))


def make_policy(cameras, dtype):
    with torch.device("cuda"):
        return Policy(cameras, dtype).eval().to(memory_format=torch.channels_last)


def in_a_graph(policy, inputs):
    """The eager network recorded as one CUDA graph, which no other library's compiler is needed for."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UPS):
            policy(*inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        policy(*inputs)
    return lambda *_: graph.replay()


def make_runner(kind, inputs):
    policy = make_policy(inputs[1].shape[1], inputs[1].dtype)
    if kind == "eager":
        return policy
    if kind == "cuda graph":
        return in_a_graph(policy, inputs)
    torch._dynamo.reset()
    return torch.compile(policy, mode=kind, fullgraph=False, dynamic=False)


def time_torch(run, inputs, iterations):
    wall, gpu = [], []
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    for i in range(iterations + WARM_UPS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        marks[0].record()
        run(*inputs)
        marks[1].record()
        torch.cuda.synchronize()
        if i >= WARM_UPS:
            wall.append((time.perf_counter() - start) * 1e3)
            gpu.append(marks[0].elapsed_time(marks[1]))
    return {"GPU": gpu, "wall": wall}


def time_tendon(program, engine, iterations):
    command = [program, "bench", str(engine), "--iterations", str(iterations), "--warm-up", "10", "--json", "--silent"]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {what: [result[key]["min"], result[key]["p50"]] for what, key in (("GPU", "gpu_ms"), ("wall", "latency_ms"))}


def prepare(args, folder):
    """Rows (name, precision, run(iterations)); what cannot be made here says why."""
    rows = []
    for name, dtype, tf32, flags in PRECISIONS:
        if name not in args.precisions:
            continue
        engine = pathlib.Path(folder) / f"{name}.engine"
        subprocess.run([args.tendon, "build", str(args.model), "--device", "cuda", *flags, "-o", str(engine), "--silent"], check=True,
                       stdout=subprocess.DEVNULL)
        rows.append(("tendon", (name, dtype, tf32), lambda n, engine=engine: time_tendon(args.tendon, engine, n)))
        allow(dtype, tf32)
        inputs = (torch.rand(1, SIZES["joints"], device="cuda"), torch.rand(1, args.cameras, 3, HEIGHT, WIDTH, device="cuda"))
        for kind in args.kinds:
            start = time.perf_counter()
            try:
                run = make_runner(kind, inputs)
                time_torch(run, inputs, 1)
            except Exception as error:  # a missing compiler is a finding, not the end of the others
                print(f"torch {name}, {kind}: does not work here: {type(error).__name__}: {' | '.join(str(error).splitlines()[:4])}")
                continue
            print(f"torch {name}, {kind}: made in {time.perf_counter() - start:.0f} s", flush=True)
            rows.append((f"torch, {kind}", (name, dtype, tf32), lambda n, run=run, inputs=inputs: time_torch(run, inputs, n)))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--tendon", default="tendon", help="the program to measure")
    parser.add_argument("--cameras", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=50, help="runs in each round")
    parser.add_argument("--precisions", type=lambda text: text.split(","), default=[row[0] for row in PRECISIONS])
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS), help=f"of PyTorch, from {', '.join(KINDS)}")
    args = parser.parse_args()

    found = {}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        rows = prepare(args, folder)
        for _ in range(args.rounds):
            for name, precision, run in rows:
                allow(*precision[1:])
                for what, times in run(args.iterations).items():
                    found.setdefault((precision[0], name, what), []).extend(times)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {args.cameras} cameras, {args.rounds} rounds of {args.iterations}")
    for (precision, name, what), times in found.items():
        least, middle = min(times), statistics.median(times)
        tendon = found[precision, "tendon", "GPU"]
        ratio = f"   {least / min(tendon):6.2f}, {middle / statistics.median(tendon):6.2f} times Tendon's kernels" if name != "tendon" else ""
        print(f"{precision:8} {name:24} {what:5} min {least:8.3f}   p50 {middle:8.3f} ms{ratio}")


if __name__ == "__main__":
    main()
