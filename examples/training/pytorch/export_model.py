"""Writes the network and its first weights as an ONNX file that can be trained: export_model.py FOLDER"""

import sys
from pathlib import Path

import torch
from net import Net

folder = Path(sys.argv[1])
torch.manual_seed(1)
model = Net().eval()  # in use: the trainer turns BatchNormalization and Dropout into training mode itself
# The outer flag alone: without it weights that are equal now, as all of BatchNorm are at first, become one.
model.training = True
torch.save(model.state_dict(), folder / "first.pt")
torch.onnx.export(
    model,
    torch.zeros(2, 3, 32, 32),
    str(folder / "model.onnx"),
    opset_version=16,
    # Not EVAL, the default, which folds each BatchNorm into the convolution before it.
    training=torch.onnx.TrainingMode.PRESERVE,
    # Folding would put transposed copies, under names of their own, in the place of weights.
    do_constant_folding=False,
    input_names=["image"],
    output_names=["logits"],
    # The batch stays open.
    dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
)
