#!/usr/bin/env python3
"""Write small ACT checkpoints with what PyTorch computes for them: make_checkpoints.py FOLDER [SEED]

One folder a case, as training leaves it behind (policy.ckpt and dataset_stats.pkl, or LeRobot's pretrained_model), with
case.json (what to export, with which options, and which arrays go in and come out) and reference.npz (these arrays).
tests/oracle/checkpoint_test.py exports every case and compares. tests/models/checkpoints holds seed 1; any other seed makes
another set to compare with. Needs torch, numpy and safetensors; nobody needs to run this to build or test.
"""
import json
import pathlib
import pickle
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

from act_torch import IMAGENET_MEAN, IMAGENET_STD, LeRobotAct, OriginalAct, randomize

COMMON = dict(hidden=16, heads=8, feed_forward=32, encoder_layers=2, decoder_layers=3, chunk=6, latent=4, joints=5, actions=5, environment=0,
              cvae=True, pre_norm=False, activation="relu", backbones=1, resnet=((4, 4, 8, 8), (2, 2, 2, 2)))


def save_arrays(folder, arrays):
    np.savez_compressed(folder / "reference.npz", **{name: np.ascontiguousarray(array) for name, array in arrays.items()})


def frames(rng, batch, height, width):
    """uint8 (batch, height, width, 3): coarse patches compress, and differ at every border."""
    patches = rng.integers(0, 256, (batch, -(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return patches.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]


def planes(raw):
    return np.moveaxis(raw.astype(np.float32) / 255, -1, -3)


def original(folder, seed, cameras, height, width, **changes):
    """A checkpoint of the original layout, exported in every way that its references allow."""
    sizes, rng = {**COMMON, **changes}, np.random.default_rng(seed)
    torch.manual_seed(seed)
    policy = torch.nn.Module()
    policy.model = randomize(OriginalAct(sizes))
    folder.mkdir(parents=True)
    torch.save(policy.state_dict(), folder / "policy.ckpt")
    joints, actions, batch = sizes["joints"], sizes["actions"], 2
    stats = {"qpos_mean": rng.normal(0, 1, joints), "qpos_std": rng.uniform(0.01, 1, joints),
             "action_mean": rng.normal(0, 1, actions), "action_std": rng.uniform(0.01, 1, actions),
             "example_qpos": rng.normal(0, 1, (3, joints))}
    stats = {name: values.astype(np.float32) for name, values in stats.items()}
    (folder / "dataset_stats.pkl").write_bytes(pickle.dumps(stats, protocol=4))

    qpos = rng.standard_normal((batch, joints), dtype=np.float32)
    raw = np.stack([frames(rng, batch, height, width) for _ in cameras], axis=1)
    qpos_raw = qpos * stats["qpos_std"] + stats["qpos_mean"]
    with torch.no_grad():
        outputs = [x.numpy() for x in policy.model(torch.from_numpy(qpos), torch.from_numpy(planes(raw)))]
    save_arrays(folder, {"qpos": qpos, "qpos_raw": qpos_raw, "image_raw": raw, "action_first": outputs[0], "action_last": outputs[-1],
                         "action_raw": outputs[0] * stats["action_std"] + stats["action_mean"]})
    always = ["--cameras", ",".join(cameras), "--height", str(height), "--width", str(width)]
    if sizes["heads"] != 8:
        always += ["--heads", str(sizes["heads"])]
    normal = {"qpos": "qpos", "image": "image_raw:planes"}
    return [
        dict(args=always, inputs=normal, action="action_first"),
        dict(args=always + ["--opset", "13"], inputs=normal, action="action_first"),
        dict(args=always + ["--opset", "21", "--decoder-output", "last"], inputs=normal, action="action_last"),
        dict(args=always + ["--stats", "dataset_stats.pkl", "--raw-units", "--raw-images"], inputs={"qpos": "qpos_raw", "image": "image_raw"},
             action="action_raw"),
    ], "policy.ckpt"


def normalize(mode, stats, x, inverse=False, legacy=False):
    eps = np.float32(1e-8)
    if mode == "IDENTITY":
        return x
    if mode == "MEAN_STD":
        return x * stats["std"] + stats["mean"] if inverse else (x - stats["mean"]) / (stats["std"] + eps)
    low, high = {"MIN_MAX": ("min", "max"), "QUANTILES": ("q01", "q99"), "QUANTILE10": ("q10", "q90")}[mode]
    spread = stats[high] - stats[low]
    if legacy:
        return (x + 1) / 2 * spread + stats[low] if inverse else (x - stats[low]) / (spread + eps) * 2 - 1
    spread = np.where(spread == 0, eps, spread)
    return (x + 1) / 2 * spread + stats[low] if inverse else 2 * (x - stats[low]) / spread - 1


def statistics(rng, shape):
    """All statistics that any mode reads; the first joint never moved."""
    center = rng.normal(0, 1, shape)
    spread = rng.uniform(0.1, 1, shape)
    if len(shape) == 1:
        spread[0] = 0
    steps = {"min": -1.0, "q01": -0.9, "q10": -0.6, "mean": 0.1, "q90": 0.7, "q99": 0.8, "max": 1.0}
    stats = {name: (center + step * spread).astype(np.float32) for name, step in steps.items()}
    return {**stats, "std": np.maximum(spread / 2, 0.01).astype(np.float32)}


def processors(folder, features, modes, stats, eps=1e-8):
    """The files of LeRobot's pre- and postprocessor."""
    flat = {f"{feature}.{name}": values for feature, table in stats.items() for name, values in table.items()}
    norm = {"eps": eps, "features": features, "norm_map": modes}

    def write(name, steps):
        (folder / f"{name}.json").write_text(json.dumps({"name": name, "steps": steps}, indent=2))

    state = "policy_{}processor_step_{}_{}_processor.safetensors"
    before, after = state.format("pre", 3, "normalizer"), state.format("post", 0, "unnormalizer")
    save_file(flat, folder / before)
    save_file(flat, folder / after)
    write("policy_preprocessor", [
        {"registry_name": "rename_observations_processor", "config": {"rename_map": {}}},
        {"registry_name": "to_batch_processor", "config": {}},
        {"registry_name": "device_processor", "config": {"device": "cpu", "float_dtype": None}},
        {"registry_name": "normalizer_processor", "config": norm, "state_file": before}])
    write("policy_postprocessor", [
        {"registry_name": "unnormalizer_processor", "config": norm, "state_file": after},
        {"registry_name": "device_processor", "config": {"device": "cpu", "float_dtype": None}}])


def lerobot(folder, seed, cameras, modes, legacy=False, **changes):
    """A pretrained_model folder; cameras are (name, height, width)."""
    sizes, rng = {**COMMON, "decoder_layers": 1, **changes, "cameras": len(cameras)}, np.random.default_rng(seed)
    torch.manual_seed(seed)
    policy = torch.nn.Module()
    policy.model = randomize(LeRobotAct(sizes))
    model = folder / "pretrained_model"
    model.mkdir(parents=True)
    inputs = {f"observation.images.{name}": {"type": "VISUAL", "shape": [3, height, width]} for name, height, width in cameras}
    if sizes["joints"]:
        inputs["observation.state"] = {"type": "STATE", "shape": [sizes["joints"]]}
    if sizes["environment"]:
        inputs["observation.environment_state"] = {"type": "ENV", "shape": [sizes["environment"]]}
    outputs = {"action": {"type": "ACTION", "shape": [sizes["actions"]]}}
    stats = {name: statistics(rng, feature["shape"][:1] + [1, 1] * (feature["type"] == "VISUAL")) for name, feature in (inputs | outputs).items()}
    for name in inputs:
        if "images" in name:
            stats[name] |= {"mean": np.float32(IMAGENET_MEAN).reshape(3, 1, 1), "std": np.float32(IMAGENET_STD).reshape(3, 1, 1)}
    (model / "config.json").write_text(json.dumps({
        "type": "act", "n_obs_steps": 1, "input_features": inputs, "output_features": outputs, "normalization_mapping": modes, "device": "cpu",
        "chunk_size": sizes["chunk"], "n_action_steps": sizes["chunk"], "vision_backbone": "resnet18",
        "replace_final_stride_with_dilation": sizes["resnet"][3] if len(sizes["resnet"]) > 3 else 0, "pre_norm": sizes["pre_norm"],
        "dim_model": sizes["hidden"], "n_heads": sizes["heads"], "dim_feedforward": sizes["feed_forward"],
        "feedforward_activation": sizes["activation"], "n_encoder_layers": sizes["encoder_layers"],
        "n_decoder_layers": sizes["decoder_layers"], "use_vae": sizes["cvae"], "latent_dim": sizes["latent"],
        "temporal_ensemble_coeff": None, "dropout": 0.1, "kl_weight": 10.0}, indent=2))
    tensors = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in policy.state_dict().items()}
    if legacy:
        wanted = {"MEAN_STD": ("mean", "std"), "MIN_MAX": ("min", "max")}
        for feature, entry in (inputs | outputs).items():
            places = ["normalize_targets", "unnormalize_outputs"] if feature == "action" else ["normalize_inputs"]
            for place in places:
                for name in wanted.get(modes[entry["type"]], ()):
                    tensors[f"{place}.buffer_{feature.replace('.', '_')}.{name}"] = stats[feature][name]
    else:
        processors(model, inputs | outputs, modes, stats)
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})

    arrays, batch, feed, feed_raw, feed_images = {}, 2, {}, {}, []
    vectors = {"STATE": None, "ENV": None}
    for name, feature in inputs.items():
        mode = modes[feature["type"]]
        if feature["type"] == "VISUAL":
            arrays[name] = frames(rng, batch, *feature["shape"][1:])
            feed[name] = name + ":planes"
            feed_raw[name] = name
            feed_images.append(torch.from_numpy(normalize(mode, stats[name], planes(arrays[name]), legacy=legacy)))
            continue
        raw = (stats[name]["mean"] + 0.3 * rng.standard_normal((batch, *feature["shape"]))).astype(np.float32)
        raw[:, 0] = stats[name]["min"][0]
        arrays[name + ":raw"], arrays[name] = raw, normalize(mode, stats[name], raw, legacy=legacy).astype(np.float32)
        feed[name], feed_raw[name] = name, name + ":raw"
        vectors[feature["type"]] = torch.from_numpy(arrays[name])
    with torch.no_grad():
        action = policy.model(vectors["STATE"], vectors["ENV"], feed_images).numpy()
    arrays |= {"action": action, "action:raw": normalize(modes["ACTION"], stats["action"], action, inverse=True, legacy=legacy)}
    save_arrays(folder, arrays)
    return [
        dict(args=[], inputs=feed, action="action"),
        dict(args=["--opset", "14"], inputs=feed, action="action"),
        dict(args=["--raw-units", "--raw-images"], inputs=feed_raw, action="action:raw"),
    ], "pretrained_model"


def main(folder, seed):
    usual = {"VISUAL": "MEAN_STD", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"}
    cases = {
        "original": lambda path: original(path, seed, ["top", "left", "right"], 34, 70),
        "original_forks": lambda path: original(path, seed + 1, ["high", "low"], 40, 66, pre_norm=True, backbones=2, cvae=False, actions=7, heads=4,
                                                decoder_layers=2, resnet=((2, 2, 4, 4), (3, 4, 6, 3))),
        "original_bottleneck": lambda path: original(path, seed + 2, ["top"], 33, 65, chunk=3, hidden=32, encoder_layers=1, decoder_layers=1,
                                                     resnet=((2, 2, 2, 4), (3, 4, 6, 3), True)),
        "lerobot": lambda path: lerobot(path, seed + 3, [("top", 40, 70), ("wrist", 40, 70)], usual),
        "lerobot_variant": lambda path: lerobot(
            path, seed + 4, [("front", 33, 64), ("wrist", 48, 40)],
            {"VISUAL": "IDENTITY", "STATE": "MIN_MAX", "ENV": "QUANTILE10", "ACTION": "QUANTILES"}, pre_norm=True, activation="gelu",
            decoder_layers=2, environment=3, heads=4, resnet=((2, 2, 2, 2), (1, 2, 1, 2), True, True)),
        "lerobot_buffers": lambda path: lerobot(path, seed + 5, [("top", 32, 40)], {**usual, "VISUAL": "MIN_MAX", "ACTION": "MIN_MAX"}, legacy=True),
        "lerobot_blind": lambda path: lerobot(path, seed + 6, [], {"ENV": "MEAN_STD", "ACTION": "IDENTITY"}, joints=0, environment=4, cvae=False),
    }
    for name, make in cases.items():
        exports, checkpoint = make(folder / name)
        (folder / name / "case.json").write_text(json.dumps({"checkpoint": checkpoint, "exports": exports}, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 1)
