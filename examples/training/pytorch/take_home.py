"""Puts the weights of a trained ONNX file into the PyTorch network, and compares what both give: take_home.py FOLDER"""

import sys
from pathlib import Path

import numpy
import onnx
import torch
from net import Net
from onnx import numpy_helper

folder = Path(sys.argv[1])
trained = onnx.load(str(folder / "trained.onnx")).graph.initializer
weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in trained}

model = Net()
state = model.state_dict()
# BatchNorm's counter is not in ONNX, and only matters for `momentum=None`.
missing = [name for name in state if name not in weights and not name.endswith("num_batches_tracked")]
if missing:
    raise SystemExit(f"the trained file has no weights named {', '.join(missing)}")
state.update({name: weights[name] for name in state if name in weights})
model.load_state_dict(state)

first = torch.load(folder / "first.pt")
moved = [name for name in state if name in weights and not torch.equal(first[name], state[name])]
images = torch.from_numpy(numpy.fromfile(folder / "images.f32", numpy.float32).reshape(-1, 3, 32, 32))
expected = torch.from_numpy(numpy.fromfile(folder / "logits.f32", numpy.float32).reshape(-1, 10))
with torch.no_grad():
    logits = model.eval()(images)
apart = (logits - expected).abs().max().item()
right = (logits.argmax(1) == torch.arange(len(images)) % 10).float().mean().item()
print(f"{len(moved)} of {len(weights)} tensors were trained; outputs are {apart:.1e} apart at the most, of {expected.abs().max().item():.1f}")
print(f"the trained network classifies {right:.1%} of the images right, with PyTorch {torch.__version__}")
if apart > 1e-5 or len(moved) != sum(1 for name in state if not name.endswith("num_batches_tracked")):
    raise SystemExit("PyTorch does not give what onnxruntime does")
