"""Exports networks of Keras (3.9 or later, on PyTorch), and trains the same ones in PyTorch: make_keras.py FOLDER"""

import contextlib
import io
import json
import os
import sys
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
try:
    import keras
    import numpy
    import onnx
    import torch
except ImportError as error:
    raise SystemExit(f"absent: {error}")

from make import BATCHES, OPTIMIZERS, LOSSES, STEPS, Tensors, without_dropout
from onnx import numpy_helper


def mlp():
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)])


def layer_norm():
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.LayerNormalization(), keras.layers.Dense(3)])


def cnn():
    layers = keras.layers
    return keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(6, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(), layers.Dropout(0.2), layers.Dense(3)])


KERAS = {"keras-mlp": (mlp, (8,), "Keras: Dense"), "keras-layer-norm": (layer_norm, (8,), "Keras: LayerNormalization"), "keras-cnn": (cnn, (8, 8, 3), "Keras: BatchNormalization and Dropout")}


def trained(make, weights, batches, optimizer, dtype, threads):
    torch.set_num_threads(threads)
    keras.config.set_floatx("float64" if dtype == torch.float64 else "float32")
    try:
        net = make()
        net.set_weights(weights)
        for layer in net.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        steps = OPTIMIZERS[optimizer]([each.value for each in net.trainable_variables])
        losses = []
        for step in range(STEPS):
            x, target = batches[step % BATCHES]
            steps.zero_grad()
            loss = LOSSES["cross-entropy"](net(x.to(dtype), training=True), target)
            loss.backward()
            steps.step()
            losses.append(float(loss.detach()))
        return losses
    finally:
        keras.config.set_floatx("float32")


def main(folder):
    generator = torch.Generator().manual_seed(3)
    for name, (make, shape, about) in KERAS.items():
        to = folder / name
        to.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(1)
        net = make()
        weights = [numpy.array(each) for each in net.get_weights()]
        batches = [(torch.randn(6, *shape, generator=generator), torch.randint(0, 3, (6,), generator=generator)) for _ in range(BATCHES)]
        path = to / "keras.onnx"
        put = Tensors(to / "tensors.bin")
        file = {"file": path.name, "warnings": []}
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            try:
                net.export(str(path), format="onnx", input_signature=[keras.InputSpec(shape=(None, *shape), dtype="float32", name="x")], verbose=False)
            except Exception as error:
                file = {"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"}
        names = []
        for each in net.trainable_variables:
            names.append(each.path)
        if "file" in file:
            proto = onnx.load(str(path))
            given = proto.graph.input[0].name
            for node in proto.graph.node:
                node.input[:] = ["x" if each == given else each for each in node.input]
            proto.graph.input[0].name = "x"
            onnx.save(proto, str(path))
            arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
            file["places"] = {}
            for each in net.trainable_variables:
                value = numpy.array(each)
                there = next((key for key, array in arrays.items() if array.size == value.size and value.std() > 0 and numpy.array_equal(numpy.sort(array.ravel()), numpy.sort(value.ravel()))), None)
                there = there or next((key for key in arrays if key.endswith(each.path.replace("/", ".")) or key == each.path), None)
                if there is not None:
                    file["places"][each.path] = there
            file["dropouts"] = without_dropout(str(path), str(to / "undropped.onnx"))
            if file["dropouts"] > 0:
                file["compared"] = "undropped.onnx"
        case = {
            "name": name,
            "about": about,
            "framework": f"Keras {keras.__version__}",
            "loss": "cross-entropy",
            "batches": [{"x": put(a), "target": put(b)} for a, b in batches],
            "references": {optimizer: [trained(make, weights, batches, optimizer, dtype, threads) for dtype, threads in ((torch.float32, 1), (torch.float32, 2), (torch.float64, 2))] for optimizer in OPTIMIZERS},
            "trained": names,
            "dropouts": sum(1 for layer in net.layers if isinstance(layer, keras.layers.Dropout)),
            "files": {"keras": file},
        }
        (to / "case.json").write_text(json.dumps(case))
        print(json.dumps({"made": name}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
