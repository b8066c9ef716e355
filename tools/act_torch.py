"""ACT in PyTorch under the tensor names of its two code bases, for make_checkpoints.py: inference only, and dead parts as ballast."""
import math

import torch
import torch.nn.functional as F
from torch import nn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FrozenBatchNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        for name, values in (("weight", 1 + 0.2 * torch.randn(channels)), ("bias", 0.1 * torch.randn(channels)),
                             ("running_mean", 0.1 * torch.randn(channels)), ("running_var", 0.5 + torch.rand(channels))):
            self.register_buffer(name, values)

    def forward(self, x):
        weight, bias, mean, var = (t.reshape(1, -1, 1, 1) for t in (self.weight, self.bias, self.running_mean, self.running_var))
        scale = weight * (var + 1e-5).rsqrt()
        return x * scale + (bias - mean * scale)


class Block(nn.Module):
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times the width."""

    def __init__(self, inputs, width, stride, dilation, bottleneck):
        super().__init__()
        outputs = width * 4 if bottleneck else width
        conv = lambda i, o, kernel, step=1, spread=1: nn.Conv2d(i, o, kernel, step, spread * (kernel // 2), spread, bias=False)
        if bottleneck:
            self.conv1, self.conv2, self.conv3 = conv(inputs, width, 1), conv(width, width, 3, stride, dilation), conv(width, outputs, 1)
            self.bn1, self.bn2, self.bn3 = FrozenBatchNorm(width), FrozenBatchNorm(width), FrozenBatchNorm(outputs)
        else:
            self.conv1, self.conv2 = conv(inputs, width, 3, stride), conv(width, width, 3)
            self.bn1, self.bn2 = FrozenBatchNorm(width), FrozenBatchNorm(width)
        self.bottleneck, self.downsample = bottleneck, None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), FrozenBatchNorm(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.bottleneck:
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, widths, blocks, bottleneck=False, dilate_last=False):
        super().__init__()
        channels = widths[0]
        self.conv1, self.bn1 = nn.Conv2d(3, channels, 7, 2, 3, bias=False), FrozenBatchNorm(channels)
        for stage, (width, count) in enumerate(zip(widths, blocks)):
            dilated = dilate_last and stage == 3
            layer = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 and not dilated else 1
                layer.append(Block(channels, width, stride, 2 if dilated and index > 0 else 1, bottleneck))
                channels = width * 4 if bottleneck else width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        self.channels = channels

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def sine_positions(features, hidden):
    """(1, hidden, H, W) for a feature map, as DETR computes it with normalised positions."""
    ones = torch.ones_like(features[:1, 0])
    rows, columns = ones.cumsum(1), ones.cumsum(2)
    rows = rows / (rows[:, -1:, :] + 1e-6) * (2 * math.pi)
    columns = columns / (columns[:, :, -1:] + 1e-6) * (2 * math.pi)
    half = hidden // 2
    period = 10000 ** (2 * torch.div(torch.arange(half, dtype=torch.float32), 2, rounding_mode="floor") / half)

    def waves(places):
        angles = places[..., None] / period
        return torch.stack((angles[..., 0::2].sin(), angles[..., 1::2].cos()), dim=4).flatten(3)

    return torch.cat((waves(rows), waves(columns)), dim=3).permute(0, 3, 1, 2)


class Layer(nn.Module):
    def __init__(self, sizes, cross):
        super().__init__()
        hidden = sizes["hidden"]
        self.self_attn = nn.MultiheadAttention(hidden, sizes["heads"])
        if cross:
            self.multihead_attn, self.norm3 = nn.MultiheadAttention(hidden, sizes["heads"]), nn.LayerNorm(hidden)
        self.linear1, self.linear2 = nn.Linear(hidden, sizes["feed_forward"]), nn.Linear(sizes["feed_forward"], hidden)
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.cross, self.pre_norm, self.activation = cross, sizes["pre_norm"], getattr(F, sizes["activation"])

    def forward(self, x, own_places, memory=None, memory_places=None):
        attend = lambda y: self.self_attn(y + own_places, y + own_places, value=y)[0]
        look = lambda y: self.multihead_attn(y + own_places, memory + memory_places, value=memory)[0]
        feed = lambda y: self.linear2(self.activation(self.linear1(y)))
        parts = [(attend, self.norm1), (look, self.norm2), (feed, self.norm3)] if self.cross else [(attend, self.norm1), (feed, self.norm2)]
        for part, norm in parts:
            x = x + part(norm(x)) if self.pre_norm else norm(x + part(x))
        return x


class Stack(nn.Module):
    def __init__(self, sizes, count, cross, norm):
        super().__init__()
        self.layers = nn.ModuleList(Layer(sizes, cross) for _ in range(count))
        if norm:
            self.norm = nn.LayerNorm(sizes["hidden"])


def encode(stack, x, places):
    for layer in stack.layers:
        x = layer(x, places)
    return stack.norm(x) if hasattr(stack, "norm") else x


def decode(stack, queries, memory, places):
    """The normalised output of every layer, each (chunk, batch, hidden)."""
    x, outputs = memory.new_zeros(queries.shape[0], memory.shape[1], queries.shape[-1]), []
    for layer in stack.layers:
        x = layer(x, queries[:, None], memory, places)
        outputs.append(stack.norm(x))
    return outputs


class OriginalAct(nn.Module):
    """qpos (B, J) normalised, image (B, k, 3, H, W) in 0..1 -> one (B, chunk, A) for each decoder layer."""

    def __init__(self, sizes):
        super().__init__()
        hidden, latent = sizes["hidden"], sizes["latent"]
        self.transformer = nn.Module()
        self.transformer.encoder = Stack(sizes, sizes["encoder_layers"], False, sizes["pre_norm"])
        self.transformer.decoder = Stack(sizes, sizes["decoder_layers"], True, True)
        if sizes["cvae"]:
            self.encoder = Stack(sizes, 1, False, sizes["pre_norm"])
        self.action_head, self.is_pad_head = nn.Linear(hidden, sizes["actions"]), nn.Linear(hidden, 1)
        self.query_embed = nn.Embedding(sizes["chunk"], hidden)
        self.backbones = nn.ModuleList()
        for _ in range(sizes["backbones"]):
            joiner = nn.Sequential(nn.Module())
            joiner[0].body = ResNet(*sizes["resnet"])
            self.backbones.append(joiner)
        self.input_proj = nn.Conv2d(self.backbones[0][0].body.channels, hidden, 1)
        self.input_proj_robot_state = nn.Linear(sizes["joints"], hidden)
        self.cls_embed = nn.Embedding(1, hidden)
        self.encoder_action_proj, self.encoder_joint_proj = nn.Linear(sizes["actions"], hidden), nn.Linear(sizes["joints"], hidden)
        self.latent_proj, self.latent_out_proj = nn.Linear(hidden, 2 * latent), nn.Linear(latent, hidden)
        self.register_buffer("pos_table", torch.randn(1, sizes["chunk"] + 2, hidden))
        self.additional_pos_embed = nn.Embedding(2, hidden)
        self.latent, self.hidden = latent, hidden

    def forward(self, qpos, image):
        mean, std = (torch.tensor(v).reshape(1, 1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
        image = (image - mean) / std
        features, places = [], []
        for camera in range(image.shape[1]):
            maps = self.backbones[camera % len(self.backbones)][0].body(image[:, camera])
            features.append(self.input_proj(maps))
            places.append(sine_positions(maps, self.hidden))
        flat = lambda parts: torch.cat(parts, dim=3).flatten(2).permute(2, 0, 1)
        latent = self.latent_out_proj(torch.zeros(len(qpos), self.latent))
        tokens = torch.cat((torch.stack((latent, self.input_proj_robot_state(qpos))), flat(features)))
        table = torch.cat((self.additional_pos_embed.weight[:, None], flat(places)))
        memory = encode(self.transformer.encoder, tokens, table)
        outputs = decode(self.transformer.decoder, self.query_embed.weight, memory, table)
        return [self.action_head(output.transpose(0, 1)) for output in outputs]


class LeRobotAct(nn.Module):
    """Everything normalised: state (B, J), environment (B, E), a list of images (B, 3, H, W) -> (B, chunk, A)."""

    def __init__(self, sizes):
        super().__init__()
        hidden, latent = sizes["hidden"], sizes["latent"]
        if sizes["cvae"]:
            self.vae_encoder = Stack(sizes, 1, False, sizes["pre_norm"])
            self.vae_encoder_cls_embed = nn.Embedding(1, hidden)
            self.vae_encoder_latent_output_proj = nn.Linear(hidden, 2 * latent)
            self.register_buffer("vae_encoder_pos_enc", torch.randn(1, sizes["chunk"] + 2, hidden))
        if sizes["cameras"]:
            self.backbone = ResNet(*sizes["resnet"])
            self.encoder_img_feat_input_proj = nn.Conv2d(self.backbone.channels, hidden, 1)
        self.encoder = Stack(sizes, sizes["encoder_layers"], False, sizes["pre_norm"])
        self.decoder = Stack(sizes, sizes["decoder_layers"], True, True)
        if sizes["joints"]:
            self.encoder_robot_state_input_proj = nn.Linear(sizes["joints"], hidden)
        if sizes["environment"]:
            self.encoder_env_state_input_proj = nn.Linear(sizes["environment"], hidden)
        self.encoder_latent_input_proj = nn.Linear(latent, hidden)
        self.encoder_1d_feature_pos_embed = nn.Embedding(1 + bool(sizes["joints"]) + bool(sizes["environment"]), hidden)
        self.decoder_pos_embed = nn.Embedding(sizes["chunk"], hidden)
        self.action_head = nn.Linear(hidden, sizes["actions"])
        self.latent, self.hidden = latent, hidden

    def forward(self, state, environment, images):
        batch = len(next(x for x in (state, environment, *images) if x is not None))
        tokens = [self.encoder_latent_input_proj(torch.zeros(batch, self.latent))]
        if state is not None:
            tokens.append(self.encoder_robot_state_input_proj(state))
        if environment is not None:
            tokens.append(self.encoder_env_state_input_proj(environment))
        tokens, places = torch.stack(tokens), [self.encoder_1d_feature_pos_embed.weight[:, None]]
        for image in images:
            maps = self.backbone(image)
            tokens = torch.cat((tokens, self.encoder_img_feat_input_proj(maps).flatten(2).permute(2, 0, 1)))
            places.append(sine_positions(maps, self.hidden).flatten(2).permute(2, 0, 1))
        memory = encode(self.encoder, tokens, torch.cat(places))
        return self.action_head(decode(self.decoder, self.decoder_pos_embed.weight, memory, torch.cat(places))[-1].transpose(0, 1))


def randomize(module):
    """PyTorch starts many vectors at 0 or 1, where mistakes would not show."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.dim() == 1:
                parameter.copy_((1.0 if "norm" in name and name.endswith("weight") else 0.0) + 0.2 * torch.randn_like(parameter))
    return module.eval()
