#!/usr/bin/env python3
"""A full-size ACT with random weights for bench_growth.py, and what PyTorch computes with it: make_full_act.py FOLDER

Writes policy.ckpt, dataset_stats.pkl and reference.npz; needs torch, numpy and safetensors."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tools"))
from make_checkpoints import original  # noqa: E402

SIZES = dict(hidden=512, heads=8, feed_forward=3200, encoder_layers=4, decoder_layers=7, chunk=100, latent=32, joints=14, actions=14,
             resnet=((64, 128, 256, 512), (2, 2, 2, 2)))

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    original(pathlib.Path(sys.argv[1]), 1, ["top"], 480, 640, **SIZES)
