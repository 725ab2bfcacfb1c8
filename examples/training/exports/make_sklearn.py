"""Exports networks of scikit-learn by skl2onnx, and trains the same ones in PyTorch: make_sklearn.py FOLDER

The files end in probabilities, so cross entropy of them is not what scikit-learn minimizes: the right answer is a refusal
or a warning. For a regression it is a training that equals PyTorch's.
"""

import json
import sys
from pathlib import Path

try:
    import numpy
    import torch
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier, MLPRegressor
except ImportError as error:
    raise SystemExit(f"absent: {error}")

from make import OPTIMIZERS, Tensors, trained_in_torch, without_dropout


def network(fitted):
    layers = []
    for weight, bias in zip(fitted.coefs_, fitted.intercepts_):
        linear = torch.nn.Linear(*weight.shape)
        linear.weight.data, linear.bias.data = (torch.from_numpy(numpy.ascontiguousarray(each)).float() for each in (weight.T, bias))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def main(folder):
    random = numpy.random.default_rng(0)
    inputs = random.normal(size=(60, 8)).astype(numpy.float32)
    classes = random.integers(0, 3, 60)
    values = random.normal(size=60).astype(numpy.float32)
    kinds = {
        "sklearn-classifier": (MLPClassifier(hidden_layer_sizes=(12,), max_iter=3).fit(inputs, classes), {"zipmap": True}, "cross-entropy", "scikit-learn's classifier, with ZipMap"),
        "sklearn-no-zipmap": (MLPClassifier(hidden_layer_sizes=(12,), max_iter=3).fit(inputs, classes), {"zipmap": False}, "cross-entropy", "the same without ZipMap: it ends in probabilities"),
        "sklearn-regressor": (MLPRegressor(hidden_layer_sizes=(12,), max_iter=3).fit(inputs, values), None, "mse", "scikit-learn's regression"),
    }
    for name, (fitted, options, loss, about) in kinds.items():
        to = folder / name
        to.mkdir(parents=True, exist_ok=True)
        proto = to_onnx(fitted, inputs[:1], options=None if options is None else {id(fitted): options}, target_opset=17)
        proto.graph.input[0].name = "x"
        for node in proto.graph.node:
            node.input[:] = ["x" if each == "X" else each for each in node.input]
        path = to / "skl2onnx.onnx"
        path.write_bytes(proto.SerializeToString())
        target = (lambda part: torch.from_numpy(classes[part])) if loss == "cross-entropy" else (lambda part: torch.from_numpy(values[part])[:, None])
        batches = [(torch.from_numpy(inputs[i : i + 6]), target(slice(i, i + 6))) for i in (0, 6, 12)]
        net = network(fitted)
        references = {
            optimizer: [trained_in_torch(net, batches, loss, optimizer, dtype, threads)[0] for dtype, threads in ((torch.float32, 1), (torch.float32, 2), (torch.float64, 2))]
            for optimizer in OPTIMIZERS
        }
        put = Tensors(to / "tensors.bin")
        case = {
            "name": name,
            "about": about,
            "framework": "skl2onnx",
            "loss": loss,
            "batches": [{"x": put(a), "target": put(b)} for a, b in batches],
            "references": references,
            # The names of the file's tensors: scikit-learn's own have none.
            "trained": [f"{kind}{i}" for i in range(len(fitted.coefs_)) for kind in ("weight", "bias")],
            "dropouts": 0,
            "files": {"skl2onnx": {"file": path.name, "warnings": [], "places": places(proto, net), "dropouts": without_dropout(str(path), str(to / "none.onnx"))}},
        }
        if loss == "cross-entropy":
            case["output"] = "probabilities" if options == {"zipmap": False} else "output_probability"
        (to / "case.json").write_text(json.dumps(case))
        print(json.dumps({"made": name}), flush=True)


def places(proto, net):
    from onnx import numpy_helper

    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    found = {}
    for i, linear in enumerate(each for each in net if isinstance(each, torch.nn.Linear)):
        for kind, tensor in (("weight", linear.weight.T), ("bias", linear.bias)):
            value = tensor.detach().numpy()
            there = next((name for name, array in arrays.items() if array.size == value.size and numpy.allclose(array.reshape(value.shape), value)), None)
            if there is not None:
                found[f"{kind}{i}"] = there
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
