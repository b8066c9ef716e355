"""Q/DQ files of the bundled policy in the runtimes they are written for: accepted, in 8 bits, and with our INT8 engine's actions."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).parents[2]
POLICY = ROOT / "examples/transfer_cube"
TENDON = os.environ["TENDON_PROGRAM"]
FRAMES = 2
LEAST_SHARE = 0.9
# A quantisation step of the actions is what it would be if they were int8 themselves: max |action| / 127.
MOST_STEPS = 2.0
INTEGER_KERNELS = {"QLinearConv", "QLinearMatMul", "MatMulIntegerToFloat", "QGemm", "DynamicQuantizeMatMul"}


def has_vnni():
    flags = pathlib.Path("/proc/cpuinfo").read_text() if pathlib.Path("/proc/cpuinfo").exists() else ""
    return "avx512_vnni" in flags or "avx_vnni" in flags


def tendon(*arguments):
    command = [TENDON, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return done.stdout


def convert(folder, cache, target):
    path = folder / f"{target}.onnx"
    # Kernels without VNNI add pairs of products in 16 bits: the weights leave room for it, as the engine's do.
    reduced = [] if has_vnni() else ["--reduce-range"]
    said = tendon("convert", POLICY / "policy.onnx", "--cache", cache, "-o", path, "--target", target, "--json", *reduced)
    onnx.checker.check_model(str(path), full_check=True)
    return path, json.loads(said)["int8_layers"]


def engine_actions(folder, cache, inputs):
    engine, source, result = folder / "int8.engine", folder / "inputs.npz", folder / "outputs.npz"
    np.savez(source, **inputs)
    tendon("build", POLICY / "policy.onnx", "-o", engine, "--int8", "--cache", cache)
    frames = []
    for i in range(FRAMES):
        np.savez(source, **{name: array[i : i + 1] for name, array in inputs.items()})
        tendon("run", engine, "--inputs", source, "--save-outputs", result)
        with np.load(result) as arrays:
            action = next(array for name, array in arrays.items() if name.endswith("action"))
        frames.append(action.reshape(1, *action.shape[-2:]))
    return np.concatenate(frames)


def run_onnxruntime(path, inputs, layers, folder):
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "ort")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = [{name: array[i : i + 1] for name, array in inputs.items()} for i in range(FRAMES)]
    actions = np.concatenate([session.run(["action"], feed)[0] for feed in feeds])
    events = json.loads(pathlib.Path(session.end_profiling()).read_text())
    kernels = {event["name"]: event["args"]["op_name"] for event in events if event.get("cat") == "Node" and "op_name" in event.get("args", {})}
    fast = sum(kind in INTEGER_KERNELS for kind in kernels.values())
    return actions, fast / len(layers)


def run_openvino(path, inputs, layers, folder):
    import openvino

    compiled = openvino.Core().compile_model(str(path), "CPU", {"PERF_COUNT": "YES", "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    feeds = [{name: array[i : i + 1] for name, array in inputs.items()} for i in range(FRAMES)]
    actions = np.concatenate([request.infer(feed)["action"] for feed in feeds])
    products = [info for info in request.get_profiling_info() if info.node_type.startswith(("Convolution", "FullyConnected", "MatMul"))]
    fast = sum(info.exec_type.lower().endswith(("_i8", "_u8")) for info in products)
    return actions, fast / len(layers)


def check(name, actions, share, expected):
    step = np.abs(expected).max() / 127
    steps = np.abs(actions - expected).max() / step
    print(f"{name}: {steps:.2f} steps of {step:.4f} from the engine, {100 * share:.0f} % of the INT8 layers in integer kernels")
    return steps <= MOST_STEPS and share >= LEAST_SHARE


def build_tensorrt(path):
    import tensorrt_rtx as trt

    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, trt.Logger(trt.Logger.ERROR))
    parsed = parser.parse_from_file(str(path))
    errors = [parser.get_error(i).desc() for i in range(parser.num_errors)]
    print(f"TensorRT-RTX {trt.__version__}: parsed {parsed}, {network.num_layers} layers {errors}")
    if not parsed:
        return False
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM89, 0)
    engine = builder.build_serialized_network(network, config)
    print(f"TensorRT-RTX {trt.__version__}: engine of {0 if engine is None else engine.nbytes} bytes")
    return engine is not None


def main():
    with np.load(POLICY / "reference.npz") as arrays:
        inputs = {"qpos": arrays["qpos"][:FRAMES], "image": arrays["image"][:FRAMES].astype(np.float32) / 255}
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        cache = folder / "policy.cache"
        tendon("calibrate", POLICY / "policy.onnx", "-o", cache, "--episodes", POLICY / "episodes", "--stats", POLICY / "dataset_stats.pkl",
               "--cameras", "top,left_wrist,right_wrist", "--frames", 6, "--algorithm", "minmax")
        expected = engine_actions(folder, cache, inputs)
        path, layers = convert(folder, cache, "ort")
        results.append(check("ONNX Runtime", *run_onnxruntime(path, inputs, layers, folder), expected))
        path, layers = convert(folder, cache, "openvino")
        try:
            results.append(check("OpenVINO", *run_openvino(path, inputs, layers, folder), expected))
        except ModuleNotFoundError:
            print("OpenVINO: skipped, pip install openvino runs it")
        path, layers = convert(folder, cache, "trt")
        try:
            results.append(build_tensorrt(path))
        except ModuleNotFoundError:
            print("TensorRT: skipped, pip install tensorrt-rtx runs it")
    return 0 if results and all(results) else f"more than {MOST_STEPS} steps, below {LEAST_SHARE} in integer kernels, or refused"


if __name__ == "__main__":
    sys.exit(main())
