"""Writes the network and its first weights as an ONNX file that can be trained: export_model.py FOLDER [default|legacy]"""

import sys
from pathlib import Path

import torch
from net import Net

# In a project of your own, copy python/active_storage_export.py of the package beside your code.
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "python"))
from active_storage_export import export  # noqa: E402

folder = Path(sys.argv[1])
torch.manual_seed(1)
model = Net()
torch.save(model.state_dict(), folder / "first.pt")
export(
    model,
    (torch.zeros(2, 3, 32, 32),),
    folder / "model.onnx",
    input_names=["image"],
    output_names=["logits"],
    exporter=sys.argv[2] if len(sys.argv) > 2 else "default",
)
