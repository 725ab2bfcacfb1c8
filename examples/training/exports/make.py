"""Exports the networks of nets.py in every way, and trains them in PyTorch: make.py FOLDER [NET...]

Writes FOLDER/NET/case.json, one ONNX file for each way, and the batches and weights as bytes in tensors.bin.
"""

import copy
import io
import json
import sys
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

try:
    import numpy
    import onnx
    import torch
    from onnx import numpy_helper
except ImportError as error:
    raise SystemExit(f"absent: {error}")

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "python"))
from active_storage_export import ExportError, ExportWarning, annotate, export  # noqa: E402
from nets import NETS  # noqa: E402

STEPS, BATCHES = 20, 3
OPTIMIZERS = {"sgd": lambda p: torch.optim.SGD(p, lr=0.05), "adam": lambda p: torch.optim.Adam(p, lr=0.003)}
LOSSES = {
    "cross-entropy": torch.nn.functional.cross_entropy,
    "mse": torch.nn.functional.mse_loss,
    "binary-cross-entropy": torch.nn.functional.binary_cross_entropy_with_logits,
}


def plain_legacy(net, x, path, opset):
    torch.onnx.export(net.eval(), (x,), path, dynamo=False, opset_version=min(opset or 17, 20), input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "N"}, "y": {0: "N"}})


def plain_default(net, x, path, opset):
    options = {} if opset is None else {"opset_version": opset}
    torch.onnx.export(net.eval(), (x,), path, dynamo=True, input_names=["x"], output_names=["y"], dynamic_shapes=({0: "N"},), external_data=False, **options)


def recipe(net, x, path, opset):
    net.eval()
    net.training = True
    torch.onnx.export(net, (x,), path, dynamo=False, opset_version=min(opset or 17, 20), training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "N"}, "y": {0: "N"}})


def annotated(net, x, path, opset):
    plain_default(net, x, path, opset)
    annotate(path, net)


def helper_legacy(net, x, path, opset):
    export(net, (x,), path, input_names=["x"], output_names=["y"], exporter="legacy", opset=opset and min(opset, 20))


def helper_default(net, x, path, opset):
    export(net, (x,), path, input_names=["x"], output_names=["y"], opset=opset)


WAYS = {
    "legacy": plain_legacy,
    "default": plain_default,
    "recipe": recipe,
    "annotated": annotated,
    "helper-legacy": helper_legacy,
    "helper-default": helper_default,
}


class Tensors:
    def __init__(self, path):
        self.file = open(path, "wb", buffering=0)

    def __call__(self, tensor):
        array = numpy.ascontiguousarray(tensor.detach().cpu().numpy())
        offset = self.file.tell()
        self.file.write(array.tobytes())
        return {"dtype": str(array.dtype), "shape": list(array.shape), "offset": offset}


def trained_in_torch(net, batches, loss, optimizer, dtype, threads):
    torch.set_num_threads(threads)
    net = copy.deepcopy(net).to(dtype).train()
    for module in net.modules():
        if isinstance(module, torch.nn.modules.dropout._DropoutNd):
            module.p = 0.0
        if isinstance(module, torch.nn.MultiheadAttention):
            module.dropout = 0.0
    undropped, torch.nn.functional.dropout = torch.nn.functional.dropout, lambda x, *_, **__: x
    steps = OPTIMIZERS[optimizer]([parameter for parameter in net.parameters() if parameter.requires_grad])
    losses = []
    try:
        for step in range(STEPS):
            x, target = (each.to(dtype) if each.is_floating_point() else each for each in batches[step % len(batches)])
            steps.zero_grad()
            value = LOSSES[loss](net(x), target)
            value.backward()
            steps.step()
            losses.append(float(value))
    finally:
        torch.nn.functional.dropout = undropped
    return losses, net


def places(path, net):
    """Where each parameter is in the file: by its name, else by its values, else nowhere."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    names = {}
    for name, tensor in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(tensor), []).append(name)
    found, by_value = {}, {}
    for name, tensor in net.named_parameters():
        value = tensor.detach().numpy()
        there = next((each for each in names[id(tensor)] if each in arrays and arrays[each].shape == value.shape), None)
        if there is None and value.size > 1 and value.std() > 0:
            there = next((each for each, array in arrays.items() if each not in found.values() and any(a.shape == value.shape and numpy.array_equal(a, value) for a in (array, array.T))), None)
            if there is not None:
                by_value[name] = there
        if there is not None:
            found[name] = there
    return found


def without_dropout(path, to):
    """The same file with Identity for Dropout: what a comparison of losses needs."""
    proto = onnx.load(path)
    count = 0
    for node in proto.graph.node:
        if node.op_type == "Dropout":
            count += 1
            node.op_type = "Identity"
            del node.input[1:]
            del node.output[1:]
            del node.attribute[:]
    if count > 0:
        onnx.save(proto, to)
    return count


def dropouts_of(net, x):
    """How many places of a network drop in training."""
    count = 0
    real = torch.nn.functional.dropout

    def counted(input, p=0.5, training=True, inplace=False):
        nonlocal count
        count += 1 if training and p > 0 else 0
        return input

    torch.nn.functional.dropout = counted
    try:
        net = copy.deepcopy(net).train()
        count += sum(1 for module in net.modules() if isinstance(module, torch.nn.MultiheadAttention) and module.dropout > 0)
        count += sum(1 for module in net.modules() if isinstance(module, (torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Dropout3d)))
        net(x)
    finally:
        torch.nn.functional.dropout = real
    return count


def exported(make, net, x, folder, way, opset):
    path = folder / f"{way}.onnx"
    # Notes of exporters go to no terminal here; warnings of the package's own exporter are kept.
    noise = io.StringIO()
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(noise), redirect_stderr(noise):
        warnings.simplefilter("always")
        try:
            make(net, x, str(path), opset)
        except ExportError as error:
            return {"refused": str(error)}
        except Exception as error:
            return {"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}", "trace": traceback.format_exc()[-2000:]}
    file = {"file": path.name, "warnings": [str(each.message) for each in caught if issubclass(each.category, ExportWarning)]}
    file["places"] = places(str(path), net)
    undropped = folder / f"{way}.undropped.onnx"
    file["dropouts"] = without_dropout(str(path), str(undropped))
    if file["dropouts"] > 0:
        file["compared"] = undropped.name
    return file


def case_of(name, folder):
    given = NETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(3)
    torch.manual_seed(1)
    net = given["net"]()
    loss, opset, classes = given.get("loss", "cross-entropy"), given.get("opset"), given.get("classes", 3)
    batches = []
    for _ in range(BATCHES):
        x = given["x"](generator)
        if loss == "cross-entropy":
            target = torch.randint(0, classes, (6,), generator=generator)
        else:
            target = torch.randn(6, 1, generator=generator)
            target = (target > 0).float() if loss == "binary-cross-entropy" else target
        batches.append((x, target))
    put = Tensors(folder / "tensors.bin")
    x = batches[0][0][:2]
    references = {}
    for optimizer in OPTIMIZERS:
        runs = [trained_in_torch(net, batches, loss, optimizer, dtype, threads) for dtype, threads in ((torch.float32, 1), (torch.float32, 2), (torch.float64, 2))]
        references[optimizer] = [losses for losses, _ in runs]
    moved = dict(runs[0][1].named_parameters())
    wanted = [key for key, parameter in net.named_parameters() if parameter.requires_grad and parameter.grad is None and not torch.equal(parameter, moved[key])]
    files = {way: exported(make, copy.deepcopy(net), x, folder, way, opset) for way, make in WAYS.items()}
    case = {
        "name": name,
        "about": given["about"],
        "framework": f"PyTorch {torch.__version__.split('+')[0]}",
        "loss": loss,
        "batches": [{"x": put(a), "target": put(b)} for a, b in batches],
        "references": references,
        "trained": wanted,
        "dropouts": dropouts_of(net, x),
        "batchNorms": sum(1 for module in net.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)),
        "files": files,
    }
    (folder / "case.json").write_text(json.dumps(case))


if __name__ == "__main__":
    for each in sys.argv[2:] or list(NETS):
        case_of(each, Path(sys.argv[1]) / each)
        print(json.dumps({"made": each}), flush=True)
