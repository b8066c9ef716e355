"""Writes tests/models/networks/: small networks of the families that policies use, with random weights, as torch exports them.

`make_network_models.py FOLDER`; needs torch, onnx and, for its newer exporter, onnxscript. The files in the repository were
written once; tests/oracle/networks_test.py compares Tendon with ONNX Runtime on them."""
import math
import pathlib
import sys

import onnx
import torch
from torch import nn

OPSETS = (13, 17, 20)
NEWER_EXPORTER_OPSET = 20


class MobileNet(nn.Module):
    """Inverted residuals with squeeze-and-excitation and hard activations."""

    class Block(nn.Module):
        def __init__(self, channels, inner, kernel):
            super().__init__()
            self.expand = nn.Sequential(nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.Hardswish())
            self.depth = nn.Sequential(nn.Conv2d(inner, inner, kernel, padding=kernel // 2, groups=inner, bias=False), nn.BatchNorm2d(inner), nn.Hardswish())
            self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inner, 8, 1), nn.ReLU(), nn.Conv2d(8, inner, 1), nn.Hardsigmoid())
            self.project = nn.Sequential(nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels))

        def forward(self, x):
            y = self.depth(self.expand(x))
            return x + self.project(y * self.squeeze(y))

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6(), self.Block(8, 16, 3), self.Block(8, 24, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(8, 5))

    def forward(self, image):
        return self.body(image)


class ResNet(nn.Module):
    class Bottleneck(nn.Module):
        def __init__(self, channels, inner, out, stride):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
                                      nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
                                      nn.Conv2d(inner, out, 1, bias=False), nn.BatchNorm2d(out))
            self.short = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x):
            return torch.relu(self.body(x) + self.short(x))

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
                                  self.Bottleneck(8, 4, 12, 1), self.Bottleneck(12, 6, 16, 2), nn.AdaptiveAvgPool2d((1, 1)))
        self.head = nn.Linear(16, 5)

    def forward(self, image):
        return torch.log_softmax(self.head(torch.flatten(self.body(image), 1)), -1)


class ConvNeXt(nn.Module):
    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.depth = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
            self.norm = nn.LayerNorm(channels, eps=1e-6)
            self.up, self.down = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
            self.scale = nn.Parameter(torch.full((channels, 1, 1), 0.5))

        def forward(self, x):
            y = self.norm(self.depth(x).permute(0, 2, 3, 1))
            y = self.down(nn.functional.gelu(self.up(y)))
            return x + self.scale * y.permute(0, 3, 1, 2)

    def __init__(self):
        super().__init__()
        self.stem, self.block, self.norm = nn.Conv2d(3, 12, 4, 4), self.Block(12), nn.LayerNorm(12)
        self.head = nn.Linear(12, 5)

    def forward(self, image):
        x = self.block(self.stem(image))
        return self.head(self.norm(x.mean((-2, -1))))


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.positions = nn.Parameter(torch.randn(1, 17, 16))
        self.norms = nn.ModuleList(nn.LayerNorm(16, eps=1e-6) for _ in range(3))
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.up, self.down, self.head = nn.Linear(16, 32), nn.Linear(32, 16), nn.Linear(16, 5)

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        b, n, c = x.shape
        q, k, v = self.qkv(self.norms[0](x)).reshape(b, n, 3, 4, c // 4).permute(2, 0, 3, 1, 4).unbind(0)
        attention = (q @ k.transpose(-2, -1) * (c // 4) ** -0.5).softmax(-1)
        x = x + self.out((attention @ v).transpose(1, 2).reshape(b, n, c))
        x = x + self.down(nn.functional.gelu(self.up(self.norms[1](x)), approximate="tanh"))
        return self.head(self.norms[2](x)[:, 0])


class DiffusionUNet(nn.Module):
    """One level of the 1-D U-Net of diffusion policies: noisy actions, a step and a condition."""

    class Block(nn.Module):
        def __init__(self, into, out, condition):
            super().__init__()
            self.first = nn.Sequential(nn.Conv1d(into, out, 5, padding=2), nn.GroupNorm(4, out), nn.Mish())
            self.second = nn.Sequential(nn.Conv1d(out, out, 5, padding=2), nn.GroupNorm(4, out), nn.Mish())
            self.film = nn.Sequential(nn.Mish(), nn.Linear(condition, 2 * out), nn.Unflatten(-1, (-1, 1)))
            self.short = nn.Conv1d(into, out, 1) if into != out else nn.Identity()

        def forward(self, x, condition):
            scale, shift = self.film(condition).chunk(2, 1)
            return self.second(scale * self.first(x) + shift) + self.short(x)

    def __init__(self):
        super().__init__()
        self.step = nn.Sequential(nn.Linear(8, 16), nn.Mish(), nn.Linear(16, 8))
        self.enter, self.middle, self.leave = self.Block(4, 8, 14), self.Block(8, 8, 14), self.Block(16, 8, 14)
        self.down, self.up = nn.Conv1d(8, 8, 3, 2, 1), nn.ConvTranspose1d(8, 8, 4, 2, 1)
        self.last = nn.Sequential(nn.Conv1d(8, 8, 5, padding=2), nn.GroupNorm(4, 8), nn.Mish(), nn.Conv1d(8, 4, 1))

    def forward(self, noisy, step, condition):
        angles = step[:, None].float() * torch.exp(torch.arange(4) * -(math.log(10000) / 3))[None]
        condition = torch.cat([self.step(torch.cat([angles.sin(), angles.cos()], -1)), condition], -1)
        x = self.enter(noisy.transpose(1, 2), condition)
        y = self.up(self.middle(self.down(x), condition))
        return self.last(self.leave(torch.cat([x, y], 1), condition)).transpose(1, 2)


class RecurrentCloning(nn.Module):
    """Behaviour cloning: an MLP encoder, two LSTM layers whose state goes in and out, Gaussian-mixture heads."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(9, 16), nn.ELU(), nn.Linear(16, 16), nn.LayerNorm(16), nn.LeakyReLU(0.2))
        self.lstm = nn.LSTM(16, 12, 2, batch_first=True)
        self.mean, self.deviation, self.logits = nn.Linear(12, 8), nn.Linear(12, 8), nn.Linear(12, 2)

    def forward(self, observation, h, c):
        x, (h, c) = self.lstm(self.encode(observation), (h, c))
        means = torch.tanh(self.mean(x)).unflatten(-1, (2, 4))
        best = self.logits(x).argmax(-1, keepdim=True)
        action = torch.gather(means, 2, best.unsqueeze(-1).expand(-1, -1, 1, 4)).squeeze(2)
        return action, nn.functional.softplus(self.deviation(x)) + 1e-4, h, c


class RecurrentGated(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 10, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(20, 12), nn.SiLU(), nn.Linear(12, 3), nn.Softsign())

    def forward(self, observation):
        y, h = self.gru(observation)
        values, places = y.abs().topk(3, -1)
        return self.head(y), h, values, torch.cumsum(places, 0)


class UpsamplingDecoder(nn.Module):
    """What image decoders and keypoint heads add: resizing, transposed convolutions, padding, instance normalization."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3), nn.InstanceNorm2d(8, affine=True)
        self.up, self.slope = nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1, groups=2), nn.PReLU(6)
        self.last = nn.Conv2d(6, 4, 1)

    def forward(self, image):
        x = self.norm(self.first(nn.functional.pad(image, (1, 1, 1, 1), mode="reflect")))
        x = self.slope(self.up(nn.functional.max_pool2d(x, 2)))
        x = nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        heat = self.last(nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        weights = heat.flatten(2).softmax(-1)
        grid = torch.linspace(-1, 1, weights.shape[-1])
        return (weights * grid).sum(-1), torch.maximum(heat.amax((2, 3)), heat.mean((2, 3)))


def networks():
    image = torch.rand(1, 3, 32, 32)
    return {
        "mobilenet": (MobileNet(), {"image": image}),
        "resnet": (ResNet(), {"image": image}),
        "convnext": (ConvNeXt(), {"image": image}),
        "vit": (VisionTransformer(), {"image": image}),
        "diffusion_unet": (DiffusionUNet(), {"noisy": torch.randn(1, 8, 4), "step": torch.tensor([37]), "condition": torch.randn(1, 6)}),
        "bc_lstm": (RecurrentCloning(), {"observation": torch.randn(2, 5, 9), "h": torch.randn(2, 2, 12), "c": torch.randn(2, 2, 12)}),
        "gru": (RecurrentGated(), {"observation": torch.randn(7, 2, 6)}),
        "decoder": (UpsamplingDecoder(), {"image": image}),
    }


def shake(network):
    """Statistics and scales as training would leave them, not as they start."""
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d,)):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)):
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, std=0.2)


def strip(path):
    """Without the exporter's notes, which name files of this machine."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for values in (model.graph.input, model.graph.output, model.graph.value_info):
        for value in values:
            del value.metadata_props[:]
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.save(model, path)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    for name, (network, inputs) in networks().items():
        shake(network)
        network.eval()
        arguments = tuple(inputs.values())
        for opset in OPSETS:
            path = folder / f"{name}_opset{opset}.onnx"
            torch.onnx.export(network, arguments, str(path), input_names=list(inputs), opset_version=opset, dynamo=False)
            strip(path)
        path = folder / f"{name}_exported.onnx"
        torch.onnx.export(network, arguments, str(path), input_names=list(inputs), opset_version=NEWER_EXPORTER_OPSET, dynamo=True, external_data=False)
        strip(path)
        print(name, sum(p.numel() for p in network.parameters()))


main()
