"""What the benchmarks time: Tendon's engines and its peers, each with time(iterations) -> (minimum, median) in milliseconds."""
import json
import pathlib
import statistics
import subprocess
import time

import numpy

WARM_UP = 2


def time_calls(call, iterations):
    times = []
    for i in range(iterations + WARM_UP):
        start = time.perf_counter()
        call()
        if i >= WARM_UP:
            times.append((time.perf_counter() - start) * 1e3)
    return min(times), statistics.median(times)


class Tendon:
    """An engine file that `tendon bench` runs; `gpu` takes the time of the kernels on the GPU."""

    def __init__(self, program, engine, threads, arrays=None, gpu=False):
        self.name = "Tendon"
        self.command = [program, "bench", engine, "--threads", str(threads), "--warm-up", str(WARM_UP), "--json", "--silent"]
        self.gpu = gpu
        if arrays is not None:
            self.command += ["--inputs", arrays]

    def time(self, iterations):
        output = subprocess.run([*self.command, "--iterations", str(iterations)], check=True, stdout=subprocess.PIPE).stdout
        result = json.loads(output)
        latency = result["gpu_ms"] if self.gpu else result["latency_ms"]
        return latency["min"], latency["p50"]


def build(program, model, engine, *flags):
    """Builds `engine` of `model`; a failure shows the program's message."""
    subprocess.run([program, "build", str(model), "-o", engine, "--verbosity", "ERROR", *map(str, flags)], check=True, stdout=subprocess.DEVNULL)


def calibrate(program, checkpoint, cache, *flags):
    """Writes ranges from two frames of random values for the policy that export makes with these flags."""
    model = f"{cache}.onnx"
    for command in (["export", str(checkpoint), *map(str, flags), "-o", model], ["calibrate", model, "--random", "r2", "--frames", "2", "-o", cache]):
        subprocess.run([program, *command, "--verbosity", "ERROR"], check=True, stdout=subprocess.DEVNULL)
    pathlib.Path(model).unlink()


class OnnxRuntime:
    def __init__(self, model, inputs, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.name = "ORT " + onnxruntime.__version__
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.inputs = inputs

    def time(self, iterations):
        return time_calls(lambda: self.session.run(None, self.inputs), iterations)


class OpenVino:
    """`model` is a path or a model of openvino's; `rest` is the type of what is not quantised: f32 or bf16."""

    def __init__(self, model, inputs, threads, rest="f32"):
        import openvino

        self.name = "OpenVINO " + openvino.__version__.split("-")[0]
        hints = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": rest}
        core = openvino.Core()
        if not isinstance(model, openvino.Model):
            model = core.read_model(str(model))
        self.request = core.compile_model(model, "CPU", hints).create_infer_request()
        self.inputs = inputs

    def time(self, iterations):
        return time_calls(lambda: self.request.infer(self.inputs), iterations)


def nncf_int8(model, frames):
    """The model in INT8 as OpenVINO recommends for transformers, calibrated on `frames`."""
    import nncf
    import openvino

    return nncf.quantize(openvino.Core().read_model(str(model)), nncf.Dataset(frames), model_type=nncf.ModelType.TRANSFORMER,
                         subset_size=len(frames), preset=nncf.QuantizationPreset.MIXED)


def in_turns(engines, rounds, iterations):
    """(minimum of all rounds, median of the rounds' medians) for each engine."""
    results = [[] for _ in engines]
    for _ in range(rounds):
        for engine, times in zip(engines, results):
            times.append(engine.time(iterations))
    return [(min(t[0] for t in times), statistics.median(t[1] for t in times)) for times in results]


def random_arrays(items, seed=0):
    """One array for each (name, shape, type); float32 in [0, 1), where there are images as bytes over 255; int64 in [0, 50)."""
    generator = numpy.random.default_rng(seed)
    arrays = {}
    for name, shape, kind in items:
        if kind == "tensor(int64)":
            arrays[name] = generator.integers(0, 50, shape)
        elif kind == "tensor(float)" and len(shape) >= 4:
            arrays[name] = generator.integers(0, 256, shape).astype(numpy.float32) / numpy.float32(255)
        elif kind == "tensor(float)":
            arrays[name] = generator.random(shape, dtype=numpy.float32)
        else:
            raise SystemExit(f"input '{name}' is {kind}, expected tensor(float) or tensor(int64)")
    return arrays
