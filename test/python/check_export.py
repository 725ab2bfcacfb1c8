"""What python/active_storage_export.py promises, with both exporters: check_export.py FOLDER. Run by export.test.ts."""

import subprocess
import sys
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

HELPER = Path(__file__).resolve().parents[2] / "python" / "active_storage_export.py"
sys.path.insert(0, str(HELPER.parent))
from active_storage_export import ExportError, ExportWarning, annotate, export  # noqa: E402

folder = Path(sys.argv[1])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        # Named as the default exporter names the result of a mean.
        self.register_buffer("mean", torch.full((3, 1, 1), 0.4))
        self.conv, self.bn = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, momentum=0.3)
        self.one, self.two = nn.LayerNorm(4), nn.LayerNorm(4)
        self.channels, self.drop = nn.Dropout2d(0.1), nn.Dropout(0.2)
        self.embedding, self.out = nn.Embedding(5, 4, padding_idx=1), nn.Linear(4, 5, bias=False)
        self.out.weight = self.embedding.weight
        self.out_of_use = nn.Linear(2, 2)
        self.one.bias.requires_grad = False

    def forward(self, image, tokens):
        x = self.channels(self.bn(self.conv(image - self.mean)).relu()).mean((2, 3))
        x = self.two(self.one(x) + self.embedding(tokens).mean(1))
        return self.out(self.drop(nn.functional.dropout(x, 0.3, self.training)))


def caught(act):
    with warnings.catch_warnings(record=True) as all_of_them:
        warnings.simplefilter("always")
        result = act()
    return result, [str(each.message) for each in all_of_them if issubclass(each.category, ExportWarning)]


def state_of(model):
    return [module.training for module in model.modules()], {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(model, before):
    flags, tensors = state_of(model)
    assert flags == before[0]
    assert all(torch.equal(tensor, before[1][name]) for name, tensor in tensors.items())


def exports(exporter):
    torch.manual_seed(1)
    model, path = Net(), folder / f"{exporter}.onnx"
    model.bn.eval()
    before = state_of(model)
    example = (torch.randn(1, 3, 8, 8), torch.zeros(1, 3, dtype=torch.long))
    document, said = caught(lambda: export(model, example, path, output_names=["scores"], exporter=exporter))
    same(model, before)
    tensors = document["tensors"]
    tied = next(entry for entry in tensors.values() if "shared" in entry)
    assert {tied["name"], *tied["shared"]} == {"embedding.weight", "out.weight"} and tied["paddingIdx"] == 1, tied
    wanted = {name for name, _ in model.named_parameters() if not name.startswith("out_of_use")}
    written = {name for entry in tensors.values() if entry["kind"] == "parameter" for name in [entry["name"], *entry.get("shared", [])]}
    assert written == wanted | {"out.weight"}, written ^ wanted
    assert [name for name, entry in tensors.items() if entry["kind"] == "parameter" and not entry["trained"]] == ["one.bias"]
    assert {name for name, entry in tensors.items() if entry["kind"] == "buffer"} == {"mean", "bn.running_mean", "bn.running_var"}
    assert sorted((each["module"], each["p"]) for each in document["dropouts"]) == [("Net", 0.3), ("channels", 0.1), ("drop", 0.2)], document["dropouts"]
    assert document["batchNorms"] == ["bn"]
    assert len(said) == 2 and all(each.startswith("out_of_use") for each in said), said
    graph = onnx.load(str(path)).graph
    drops = [node for node in graph.node if node.op_type == "Dropout"]
    assert len(drops) == 3 and all(len(node.input) == 2 and len(node.output) == 1 for node in drops)
    (norm,) = [node for node in graph.node if node.op_type == "BatchNormalization"]
    momentum = next(each.f for each in norm.attribute if each.name == "momentum")
    assert abs(momentum - 0.7) < 1e-6 and not any(each.name == "training_mode" and each.i for each in norm.attribute)
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param, "the batch is open"
    checked = subprocess.run([sys.executable, str(HELPER), "--check", str(path)], capture_output=True, text=True)
    assert checked.returncode == 0 and "padding_idx 1" in checked.stdout, checked
    absent = subprocess.run([sys.executable, str(HELPER), "--check", str(folder / "absent.onnx")], capture_output=True, text=True)
    assert absent.returncode == 2 and "there is no such file" in absent.stderr and "Traceback" not in absent.stderr, absent


def refusals():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4, affine=False))
    before = state_of(model)
    try:
        export(model, torch.zeros(2, 4), folder / "refused.onnx")
    except ExportError as error:
        assert str(error).startswith("2: BatchNorm without weights"), error
    else:
        raise AssertionError("a BatchNorm without weights is refused")

    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.fc = nn.Dropout(0.5), nn.Linear(4, 4)

        def forward(self, x):
            return torch.linalg.eigvals(self.fc(self.drop(x)).T @ x).real

    broken = Broken()
    flags = state_of(broken)
    try:
        export(broken, torch.randn(3, 4), folder / "broken.onnx", exporter="legacy")
    except Exception as error:
        assert not isinstance(error, AssertionError)
    else:
        raise AssertionError("no exporter knows eigvals")
    same(model, before)
    same(broken, flags)


def warns():
    model = nn.LSTM(4, 4, 2, dropout=0.5)
    _, said = caught(lambda: export(model, torch.zeros(3, 2, 4), folder / "lstm.onnx", exporter="legacy", dynamic_axes={}))
    assert any("dropout=0.5 between its layers" in each for each in said), said


def annotates():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(1, 2), nn.Linear(6, 5), nn.Dropout(0.5))
    path = folder / "plain.onnx"
    plain = {"dynamo": False} if torch.__version__ >= "2.5" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(2, 3, 8, 8),), str(path), **plain)
    document, said = caught(lambda: annotate(path, model))
    (weight,) = [entry for entry in document["tensors"].values() if entry["name"] == "3.weight"]
    assert weight == {"kind": "parameter", "name": "3.weight", "trained": True, "transposed": True}, weight
    for words in ("0.weight: the file has no such tensor", "1.weight: the file has no such tensor", "1: the file has 0 BatchNormalization nodes", "4: the file has 0 Dropout nodes"):
        assert any(words in each for each in said), (words, said)


def annotates_gates():
    torch.manual_seed(1)
    model, path = nn.GRU(4, 3, bidirectional=True), folder / "gru.onnx"
    plain = {"dynamo": False} if torch.__version__ >= "2.5" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(5, 2, 4),), str(path), **plain)
    document, said = caught(lambda: annotate(path, model))
    assert {entry["name"] for entry in document["tensors"].values()} == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0"}, document
    assert said == [], said


exports("legacy")
exports("default")
refusals()
warns()
annotates()
annotates_gates()
print("all hold")
