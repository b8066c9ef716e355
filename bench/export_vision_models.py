#!/usr/bin/env python3
"""Writes ResNet-50, MobileNet-v3, ViT-B/16 and ConvNeXt-T with random weights, for bench_models.py and tests/oracle/networks_test.py.

  bench/export_vision_models.py FOLDER [OPSET]

Needs the Python packages torch, torchvision and onnx."""
import pathlib
import sys

import torch
import torchvision

MODELS = ("resnet50", "mobilenet_v3_large", "vit_b_16", "convnext_tiny")


def main():
    folder = pathlib.Path(sys.argv[1])
    opset = int(sys.argv[2]) if len(sys.argv) > 2 else 17
    folder.mkdir(parents=True, exist_ok=True)
    image = torch.rand(1, 3, 224, 224)
    for name in MODELS:
        torch.manual_seed(1)
        network = getattr(torchvision.models, name)(weights=None).eval()
        for weight in network.parameters():
            if weight.ndim > 1 and not weight.any():
                # A head that starts at 0 would hide everything before it.
                torch.nn.init.normal_(weight, std=0.02)
        torch.onnx.export(network, (image,), str(folder / f"{name}.onnx"), input_names=["image"], opset_version=opset, dynamo=False)
        print(folder / f"{name}.onnx")


main()
