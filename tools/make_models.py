#!/usr/bin/env python3
"""Write the small ACT models of tests/models: make_models.py FOLDER

Two layouts of the same architecture, traced by torch.onnx at opsets 13 and 17, each with inputs and PyTorch's outputs:
  act_*      the original: one image tensor, a backbone shared by the cameras, feature maps joined along the width,
             three decoder layers of which the first one is read
  lerobot_*  LeRobot: one input a camera, feature maps taken apart into a list of pixels and stacked again
Needs torch and onnx (Debian: python3-torch, python3-onnx). The files are committed; nobody needs to run this to build or test.
"""
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HIDDEN, HEADS, FEED_FORWARD, CHUNK, JOINTS, LATENT = 32, 4, 64, 8, 14, 8
WIDTHS = (8, 8, 16, 16)
CAMERAS, HEIGHT, WIDTH = 2, 64, 96


class FrozenBatchNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.register_buffer("weight", torch.rand(channels) + 0.5)
        self.register_buffer("bias", torch.randn(channels) * 0.1)
        self.register_buffer("running_mean", torch.randn(channels) * 0.1)
        self.register_buffer("running_var", torch.rand(channels) + 0.5)

    def forward(self, x):
        scale = self.weight.reshape(1, -1, 1, 1) * (self.running_var.reshape(1, -1, 1, 1) + 1e-5).rsqrt()
        return x * scale + (self.bias.reshape(1, -1, 1, 1) - self.running_mean.reshape(1, -1, 1, 1) * scale)


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = FrozenBatchNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = FrozenBatchNorm(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), FrozenBatchNorm(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, 2, 3, bias=False)
        self.bn1 = FrozenBatchNorm(WIDTHS[0])
        blocks, previous = [], WIDTHS[0]
        for stage, channels in enumerate(WIDTHS):
            for block in range(2):
                blocks.append(BasicBlock(previous, channels, 2 if stage > 0 and block == 0 else 1))
                previous = channels
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.blocks(F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1))


def sine_positions(features):
    """Sine position table of a feature map (1, HIDDEN, H, W), computed in the graph from the shape as ACT does."""
    ones = torch.ones_like(features[0:1, 0])
    rows, columns = ones.cumsum(1, dtype=torch.float32), ones.cumsum(2, dtype=torch.float32)
    rows = rows / (rows[:, -1:, :] + 1e-6) * 2 * math.pi
    columns = columns / (columns[:, :, -1:] + 1e-6) * 2 * math.pi
    half = HIDDEN // 2
    period = 10000 ** (2 * torch.div(torch.arange(half, dtype=torch.float32), 2, rounding_mode="floor") / half)

    def waves(positions):
        angles = positions[:, :, :, None] / period
        return torch.stack((angles[..., 0::2].sin(), angles[..., 1::2].cos()), dim=4).flatten(3)

    return torch.cat((waves(rows), waves(columns)), dim=3).permute(0, 3, 1, 2)


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(HIDDEN, FEED_FORWARD), nn.Linear(FEED_FORWARD, HIDDEN)

    def forward(self, x):
        return self.linear2(F.relu(self.linear1(x)))


class EncoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.feed_forward = nn.MultiheadAttention(HIDDEN, HEADS), FeedForward()
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, x, positions):
        q = k = x + positions
        x = self.norm1(x + self.attention(q, k, value=x)[0])
        return self.norm2(x + self.feed_forward(x))


class DecoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attention, self.cross_attention = nn.MultiheadAttention(HIDDEN, HEADS), nn.MultiheadAttention(HIDDEN, HEADS)
        self.feed_forward = FeedForward()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, x, memory, positions, queries):
        q = k = x + queries
        x = self.norm1(x + self.self_attention(q, k, value=x)[0])
        x = self.norm2(x + self.cross_attention(query=x + queries, key=memory + positions, value=memory)[0])
        return self.norm3(x + self.feed_forward(x))


class Transformer(nn.Module):
    """Everything after the backbone; the two layouts differ in how tokens are put together."""

    def __init__(self, decoder_layers):
        super().__init__()
        self.backbone = Backbone()
        self.input_proj = nn.Conv2d(WIDTHS[-1], HIDDEN, 1)
        self.state_proj, self.latent_proj = nn.Linear(JOINTS, HIDDEN), nn.Linear(LATENT, HIDDEN)
        self.token_positions, self.queries = nn.Embedding(2, HIDDEN), nn.Embedding(CHUNK, HIDDEN)
        self.encoder = nn.ModuleList(EncoderLayer() for _ in range(2))
        self.decoder = nn.ModuleList(DecoderLayer() for _ in range(decoder_layers))
        self.decoder_norm, self.action_head = nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, JOINTS)

    def decode(self, tokens, positions):
        for layer in self.encoder:
            tokens = layer(tokens, positions)
        queries = self.queries.weight.unsqueeze(1).repeat(1, tokens.shape[1], 1)
        x, outputs = torch.zeros_like(queries), []
        for layer in self.decoder:
            x = layer(x, tokens, positions, queries)
            outputs.append(self.decoder_norm(x))
        return outputs


class OriginalAct(Transformer):
    def __init__(self):
        super().__init__(decoder_layers=3)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1))

    def forward(self, qpos, image):
        image = (image - self.mean) / self.std
        features, positions = [], []
        for camera in range(CAMERAS):
            maps = self.backbone(image[:, camera])
            positions.append(sine_positions(maps))
            features.append(self.input_proj(maps))
        source, table = torch.cat(features, dim=3), torch.cat(positions, dim=3)
        batch = source.shape[0]
        source = source.flatten(2).permute(2, 0, 1)
        table = table.flatten(2).permute(2, 0, 1).repeat(1, batch, 1)
        latent = self.latent_proj(torch.zeros([batch, LATENT], dtype=torch.float32))
        source = torch.cat((torch.stack((latent, self.state_proj(qpos)), dim=0), source), dim=0)
        extra = self.token_positions.weight.unsqueeze(1).repeat(1, batch, 1)
        outputs = torch.stack(self.decode(source, torch.cat((extra, table), dim=0))).transpose(1, 2)
        return self.action_head(outputs[0])


class LeRobotAct(Transformer):
    def __init__(self):
        super().__init__(decoder_layers=1)

    def forward(self, state, *images):
        latent = self.latent_proj(torch.zeros([state.shape[0], LATENT], dtype=torch.float32))
        tokens, positions = [latent, self.state_proj(state)], list(self.token_positions.weight.unsqueeze(1))
        for image in images:
            maps = self.backbone(image)
            tokens.extend(list(self.input_proj(maps).flatten(2).permute(2, 0, 1)))
            positions.extend(list(sine_positions(maps).flatten(2).permute(2, 0, 1)))
        return self.action_head(self.decode(torch.stack(tokens, 0), torch.stack(positions, 0))[0].transpose(0, 1))


def export(model, inputs, path, opset, dynamic):
    names = list(inputs)
    arguments = tuple(torch.from_numpy(array) for array in inputs.values())
    axes = {name: {0: "batch"} for name in [*names, "action"]} if dynamic else None
    torch.onnx.export(model, arguments, str(path), opset_version=opset, input_names=names, output_names=["action"], dynamic_axes=axes)
    with torch.no_grad():
        action = model(*arguments).numpy()
    np.savez_compressed(path.with_suffix(".npz"), **inputs, action=action)


def main(folder):
    rng = np.random.default_rng(0)
    qpos = rng.standard_normal((1, JOINTS), dtype=np.float32)
    # Pixels in steps of 1/255 compress well and are what a camera gives.
    image = (rng.integers(0, 8, (1, CAMERAS, 3, HEIGHT // 8, WIDTH // 8)) / 7).astype(np.float32)
    image = image.repeat(8, axis=3).repeat(8, axis=4)
    for opset in (13, 17):
        torch.manual_seed(1)
        export(OriginalAct().eval(), {"qpos": qpos, "image": image}, folder / f"act_opset{opset}.onnx", opset, True)
        torch.manual_seed(2)
        inputs = {"observation.state": qpos}
        inputs |= {f"observation.images.cam{i}": image[:, i] for i in range(CAMERAS)}
        export(LeRobotAct().eval(), inputs, folder / f"lerobot_opset{opset}.onnx", opset, False)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
