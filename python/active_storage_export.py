"""Exports PyTorch models to ONNX in a form that Active Storage can train.

Needs torch 2.1 or later and onnx; the default exporter of PyTorch needs onnxscript too. Example:

    import torch
    from active_storage_export import export

    export(model, (torch.zeros(2, 3, 32, 32),), "model.onnx", input_names=["image"], output_names=["logits"])

The file keeps every parameter under its name in the `state_dict`, BatchNormalization and Dropout as nodes of their own
(in evaluation form: a trainer switches them), and one tensor where the model ties weights. It says in `metadata_props`,
under the key `active_storage.tensors`, which tensors are parameters and which are buffers.

    annotate("model.onnx", model)                      adds that to a file that was exported by other means
    python active_storage_export.py --check model.onnx prints the tensors of a file and what they are
"""

import argparse
import contextlib
import inspect
import json
import sys
import warnings
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

KEY = "active_storage.tensors"
VERSION = 1
# Above this size a file needs external data (a limit of protobuf).
MOST_BYTES = 2**31 - 2**20
# Operators of newer opsets are not read by Active Storage.
NEWEST_OPSET = 22

__all__ = ["ExportError", "ExportWarning", "annotate", "export", "table_of"]


class ExportError(ValueError):
    """The model cannot be exported so that a training of the file equals a training of the model."""


class ExportWarning(UserWarning):
    """The file differs from the model in a way that matters to training. The message names the module or tensor."""


# ---- export


def export(
    model,
    args,
    path,
    *,
    kwargs: Optional[Mapping[str, Any]] = None,
    input_names: Optional[Sequence[str]] = None,
    output_names: Optional[Sequence[str]] = None,
    dynamic_axes=None,
    dynamic_shapes=None,
    exporter: str = "default",
    opset: Optional[int] = None,
) -> Dict[str, Any]:
    """Writes `model` to `path` as an ONNX file for training, and returns the metadata that the file holds.

    The model keeps its training flags, buffers and device, also where an error is thrown.

    Args:
        model: a `torch.nn.Module` with float32 parameters.
        args: example inputs: a tensor, or a tuple of the positional arguments of `forward`.
        path: the file to write. One file, below 2 GiB.
        kwargs: example inputs that `forward` takes by name.
        input_names: default: the names of the parameters of `forward`.
        output_names: default: `output`, or `output_0`, `output_1`, ...
        dynamic_axes: open sides by input name: `{"image": {0: "N"}}` or `{"image": [0]}`. Default: side 0 of every input
            is `N`, the batch. `{}`: all sides are fixed. An example that has 1 on an open side is doubled there.
        dynamic_shapes: the same in the form of `torch.export`: a tuple or a dict. Give one of both.
        exporter: `default` (the one of PyTorch with `dynamo=True`, from 2.6 on) or `legacy` (`dynamo=False`).
        opset: version of ONNX's operators, at most 22. Default: 17 with `legacy`, else what PyTorch chooses.

    Raises:
        ExportError: names what cannot be trained as PyTorch would: a parameter that is missing in the file, a folded
            BatchNorm, a normalization with or without running statistics where the file cannot say so.

    Warns:
        ExportWarning: names what the file cannot say: dropout between the layers of an LSTM, random numbers, ...

    Example:
        >>> export(net, (torch.zeros(2, 3, 32, 32),), "net.onnx", input_names=["image"], output_names=["logits"])
    """
    import torch

    if exporter not in ("default", "legacy"):
        raise ValueError(f"exporter is {exporter!r}; it is 'default' or 'legacy'")
    if dynamic_axes is not None and dynamic_shapes is not None:
        raise ValueError("dynamic_axes and dynamic_shapes are both given: give one of them")
    if opset is not None and opset > NEWEST_OPSET:
        raise ValueError(f"opset is {opset}; Active Storage reads opsets up to {NEWEST_OPSET}")
    args = tuple(args) if isinstance(args, (tuple, list)) else (args,)
    names = _argument_names(model, args, dict(kwargs or {}))
    values = [*args, *dict(kwargs or {}).values()]
    tensors = [name for name, value in zip(names, values) if isinstance(value, torch.Tensor)]
    inputs = list(input_names) if input_names is not None else tensors
    if len(inputs) != len(tensors):
        raise ValueError(f"input_names has {len(inputs)} names; the example has {len(tensors)} tensors: {', '.join(tensors)}")
    called = dict(zip(tensors, inputs))
    axes = _axes_of(dynamic_axes, dynamic_shapes, names, called, dict(zip(names, values)))
    values = [_doubled(value, axes.get(called.get(name, ""), {})) for name, value in zip(names, values)]
    args, kwargs = tuple(values[: len(args)]), dict(zip(names[len(args) :], values[len(args) :]))

    _refuse_modules(model)
    with _restored(model):
        facts = _facts_of(model, args, kwargs)
        outputs = list(output_names) if output_names is not None else _output_names(facts.outputs)
        model.eval()
        for module in facts.keep:
            module.training = True
        with _feature_dropouts(model), _slow_attention(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            # What they tell of is meant, or said by this module in other words.
            for text in ("Exporting a model while it is in training", "The tensor attributes? .* assigned during export", r"# The axis name", ".*padding_idx >= 0 for training", ".*ONNX export mode is set to"):
                warnings.filterwarnings("ignore", message=text)
            if exporter == "default" and "optimize" in inspect.signature(torch.onnx.export).parameters:
                proto = _export_default(model, args, kwargs, names, called, inputs, outputs, axes, opset)
            else:
                proto = _export_legacy(model, args, kwargs, path, inputs, outputs, axes, opset, facts.outputs)
    proto = _finished(proto, model)
    document = _document(model, proto, {}, facts.without_gradient)
    document["dropouts"] = [{"module": name, "p": p} for name, p in facts.dropouts]
    document["batchNorms"] = list(facts.norms)
    said = [*facts.doubts, *_check_export(model, proto, document, facts, axes), *_doubts_of(model)]
    _write(proto, path, document, said)
    return document


def _argument_names(model, args, kwargs) -> List[str]:
    parameters = list(inspect.signature(model.forward).parameters.values())
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(args) > len(plain):
        plain += [f"input_{i}" for i in range(len(plain), len(args))]
    return [*plain[: len(args)], *kwargs]


def _axes_of(dynamic_axes, dynamic_shapes, names, called, values) -> Dict[str, Dict[int, str]]:
    """Open sides as `{input or output: {axis: name}}`."""
    import torch

    def named(axes, name):
        if isinstance(axes, Mapping):
            return {int(axis): _side(side, name, axis) for axis, side in axes.items() if side is not None}
        return {int(axis): f"{name}_{axis}" for axis in axes}

    if dynamic_axes is not None:
        return {name: named(axes, name) for name, axes in dynamic_axes.items()}
    if dynamic_shapes is not None:
        shapes = dynamic_shapes if isinstance(dynamic_shapes, Mapping) else dict(zip(names, dynamic_shapes))
        found = {}
        for name, axes in shapes.items():
            if isinstance(axes, (tuple, list)):
                axes = dict(enumerate(axes))
            if axes:
                found[called.get(name, name)] = named(axes, name)
        return found
    return {called[name]: {0: "N"} for name in called if isinstance(values[name], torch.Tensor) and values[name].dim() > 0}


def _side(side, name, axis) -> str:
    text = side if isinstance(side, str) else getattr(side, "__name__", "")
    return text if text.isidentifier() else f"{name}_{axis}"


def _doubled(value, axes):
    """An example whose open sides are 2 or more: exporters take a side of 1 for fixed."""
    import torch

    if isinstance(value, torch.Tensor):
        for axis in axes:
            if axis < value.dim() and value.shape[axis] == 1:
                value = torch.cat([value, value], axis)
    return value


def _output_names(outputs) -> List[str]:
    return ["output"] if len(outputs) == 1 else [f"output_{i}" for i in range(len(outputs))]


def _export_default(model, args, kwargs, names, called, inputs, outputs, axes, opset):
    import torch

    known = inspect.signature(torch.onnx.export).parameters
    new = _version() >= (2, 7)
    sides = {}
    if not new:
        sides = {side: torch.export.Dim(side) for each in axes.values() for side in each.values()}
    shapes = [{axis: sides.get(side, side) for axis, side in axes.get(called.get(name, ""), {}).items()} or None for name in names]
    options: Dict[str, Any] = {"dynamo": True, "optimize": False, "input_names": inputs, "output_names": outputs}
    if any(shape is not None for shape in shapes):
        options["dynamic_shapes"] = dict(zip(names, shapes)) if kwargs else tuple(shapes)
    if opset is not None:
        options["opset_version"] = opset
    if "external_data" in known:
        options["external_data"] = False
    if "verbose" in known:
        options["verbose"] = False
    _check_size(model)
    program = torch.onnx.export(model, args, None, kwargs=kwargs or None, **options)
    _tell_apart(program.model.graph)
    return _simplified(program, {name for name, _ in _state(model).items()})


def _simplified(program, held: Set[str]):
    """The file with constants folded and functions inlined, but for what is made of the tensors in `held`.

    The optimizer of PyTorch would merge equal weights and fold BatchNormalization. Here it takes weights for inputs.
    """
    plain = onnx.ModelProto()
    plain.CopyFrom(program.model_proto)
    graph = program.model.graph
    try:
        values = [value for name, value in graph.initializers.items() if name in held]
        tensors = [value.const_value for value in values]
        for value in values:
            del graph.initializers[value.name]
            value.const_value = None
            graph.inputs.append(value)
        # Nor does it know these: it would take out a Dropout that is in evaluation form.
        dropouts = [node for node in graph if node.op_type == "Dropout"]
        for node in dropouts:
            node.domain = "active_storage"
        program.optimize()
        for node in dropouts:
            node.domain = ""
        for value, tensor in zip(values, tensors):
            graph.inputs.remove(value)
            value.const_value = tensor
            graph.register_initializer(value)
        _tell_apart(graph)
        proto = program.model_proto
        onnx.checker.check_model(proto)
        return proto
    except Exception as error:  # the file is right without, only larger
        warnings.warn(f"the graph was not simplified ({type(error).__name__}: {error})", ExportWarning, stacklevel=4)
        return plain


def _tell_apart(graph) -> None:
    """Results of nodes get names that no weight has: this exporter calls the result of a mean `mean`, as a buffer may be."""
    taken = {*graph.initializers, *(value.name for value in graph.inputs)}
    for node in graph:
        for value in node.outputs:
            name, count = value.name, 0
            while value.name in taken:
                count += 1
                value.name = f"{name}_{count}"
            taken.add(value.name)


_INNER = "active_storage_inner"


def _export_legacy(model, args, kwargs, path, inputs, outputs, axes, opset, examples):
    import torch

    # The exporter merges equal tensors unless the outer module is in training mode. So the model gets an outer module,
    # whose name is taken out of the names in the file afterwards.
    class Outer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module(_INNER, model)

        def forward(self, *given):
            return getattr(self, _INNER)(*given[: len(args)], **dict(zip(kwargs, given[len(args) :])))

    outer = Outer()  # its flag is True; those of the model stay as they are
    open_axes = {name: dict(each) for name, each in axes.items()}
    batch = {side: size for name, value in zip(inputs, [v for v in (*args, *kwargs.values()) if isinstance(v, torch.Tensor)]) for axis, side in axes.get(name, {}).items() if axis == 0 for size in [value.shape[0]]}
    for name, value in zip(outputs, examples):
        for side, size in batch.items():
            if name not in open_axes and value.dim() > 0 and value.shape[0] == size:
                open_axes[name] = {0: side}
    options: Dict[str, Any] = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    _check_size(model)
    torch.onnx.export(
        outer,
        (*args, *kwargs.values()),
        str(path),
        opset_version=opset or 17,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=open_axes,
        **options,
    )
    proto = onnx.load(str(path))
    _rename(proto.graph, lambda name: name.replace(f"/{_INNER}/", "/", 1) if name.startswith(f"/{_INNER}/") else name[len(_INNER) + 1 :] if name.startswith(f"{_INNER}.") else name)
    return proto


def _version() -> Tuple[int, int]:
    import torch

    major, minor = torch.__version__.split(".")[:2]
    return int(major), int(minor)


def _check_size(model) -> None:
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    if size > MOST_BYTES:
        raise ExportError(f"the model has {size} bytes of tensors; a single ONNX file holds {MOST_BYTES}")


# ---- what a model does in training


class _Facts:
    def __init__(self):
        self.outputs: List[Any] = []  # of the evaluation form, tensors only
        self.dropouts: List[Tuple[str, float]] = []  # by call: module, probability
        self.norms: "OrderedDict[str, Any]" = OrderedDict()  # BatchNorm modules that are called
        self.keep: List[Any] = []  # modules whose training flag is needed to keep their dropouts
        self.without_gradient: Set[str] = set()
        self.doubts: List[str] = []


_RANDOM = {"rand", "randn", "rand_like", "randn_like", "randint", "bernoulli", "bernoulli_", "normal", "normal_", "uniform_", "multinomial"}
_SPATIAL = {"dropout1d", "dropout2d", "dropout3d", "feature_dropout", "feature_dropout_"}
_PLAIN = {"dropout", "dropout_"}
_ALPHA = {"alpha_dropout", "alpha_dropout_", "feature_alpha_dropout", "feature_alpha_dropout_"}


def _argument(args, kwargs, place, name, default):
    return kwargs[name] if name in kwargs else args[place] if len(args) > place else default


def _probability(name, args, kwargs) -> Optional[float]:
    """With which probability a call drops in training; None where it is no dropout."""
    if name == "scaled_dot_product_attention":
        return float(_argument(args, kwargs, 4, "dropout_p", 0.0))
    if name == "multi_head_attention_forward":
        return float(_argument(args, kwargs, 10, "dropout_p", 0.0)) if _argument(args, kwargs, 13, "training", True) else 0.0
    if name in _PLAIN | _SPATIAL | _ALPHA:
        p = float(_argument(args, kwargs, 1, "p", 0.5))
        on = kwargs.get("train", kwargs.get("training", args[2] if len(args) > 2 else name not in _SPATIAL or True))
        return p if on else 0.0
    return None


def _watch(see, without_dropout):
    """A mode that tells `see(name, probability)` of the functions that a model calls."""
    from torch.overrides import TorchFunctionMode

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            kwargs = dict(kwargs or {})
            name = getattr(func, "__name__", "")
            p = _probability(name, args, kwargs)
            see(name, p)
            if p and without_dropout:
                if name in _PLAIN | _SPATIAL | _ALPHA:
                    return args[0] if args else kwargs["input"]
                place = 4 if name == "scaled_dot_product_attention" else 10
                if len(args) > place:
                    args = (*args[:place], 0.0, *args[place + 1 :])
                else:
                    kwargs["dropout_p"] = 0.0
            return func(*args, **kwargs)

    return Watch()


def _flat(value) -> List[Any]:
    import torch

    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [tensor for each in value for tensor in _flat(each)]
    return [tensor for each in value for tensor in _flat(each)] if hasattr(value, "__iter__") and not isinstance(value, str) else []


def _batch_norm(module) -> bool:
    import torch

    return isinstance(module, torch.nn.modules.batchnorm._BatchNorm)


def _facts_of(model, args, kwargs) -> _Facts:
    import torch

    facts = _Facts()
    names = {module: name or type(model).__name__ for name, module in model.named_modules()}
    stack: List[Any] = [model]
    hooks = []
    for module in names:
        hooks.append(module.register_forward_pre_hook(lambda each, _: stack.append(each)))
        hooks.append(module.register_forward_hook(lambda each, _, __: stack.pop() and None))
    dropping: "OrderedDict[Any, None]" = OrderedDict()
    random: "OrderedDict[str, str]" = OrderedDict()

    def see(name, p):
        inner = stack[-1]
        if name in _ALPHA and p:
            random[names[inner]] = f"{name} (p={p:g}), which ONNX has no operator for"
        elif p:
            dropping[inner] = None
            facts.dropouts.append((names[inner], p))
        elif p is None and name in _RANDOM:
            random[names[inner]] = f"random numbers ({name})"
        elif name in ("detach", "detach_") and not isinstance(inner, torch.nn.MultiheadAttention):
            facts.doubts.append(f"{names[inner]}: detach() stops the gradient there; the file cannot say so, and a training of the file does not stop it")

    def run(watch):
        del stack[1:]
        with torch.random.fork_rng(devices=[]), watch, _slow_attention():
            return _flat(model(*args, **kwargs))

    model.eval()
    try:
        with torch.enable_grad():
            facts.outputs = run(contextlib.nullcontext())
        found = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        sums = [output.sum() for output in facts.outputs if output.is_floating_point() and output.requires_grad]
        if sums and found:
            gradients = torch.autograd.grad(sum(sums[1:], sums[0]), list(found.values()), allow_unused=True)
            facts.without_gradient = {name for name, gradient in zip(found, gradients) if gradient is None}
        elif found:
            facts.without_gradient = set(found)
        facts.outputs = [output.detach() for output in facts.outputs]
        # In training mode, but for BatchNorm, which could refuse a batch of one and would move its statistics.
        for module in names:
            module.training = not _batch_norm(module)
        try:
            with torch.no_grad():
                run(_watch(see, False))
        except Exception as error:  # a model that only runs in evaluation mode
            facts.doubts.append(f"the model does not run in training mode with this example ({error}): dropouts of functions were not looked for")
        facts.keep = list(dropping)
        model.eval()
        for module in facts.keep:
            module.training = True
        with torch.no_grad():
            same = _close(run(_watch(lambda name, p: None, True)), facts.outputs)
        if not same:
            # A module that does more in training than to drop: only PyTorch's own are switched.
            others = [module for module in facts.keep if not type(module).__module__.startswith("torch.nn.modules")]
            facts.keep = [module for module in facts.keep if module not in others]
            lost = {names[module] for module in others}
            facts.dropouts = [each for each in facts.dropouts if each[0] not in lost]
            facts.doubts += [f"{name}: its dropout is not in the file: the module computes something else in training; call an nn.Dropout there" for name in sorted(lost)]
        for name, module in model.named_modules(remove_duplicate=True):
            if _batch_norm(module):
                facts.norms[name] = module
        facts.doubts += [f"{name}: {what} are left out or fixed in the file" if "random" in what else f"{name}: {what}, is left out" for name, what in random.items()]
        if random:
            facts.keep = [module for module in facts.keep if not (names[module] in random and "alpha" in random[names[module]])]
    finally:
        for hook in hooks:
            hook.remove()
    return facts


def _close(some, others) -> bool:
    import torch

    return len(some) == len(others) and all(
        a.shape == b.shape and (torch.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True) if a.is_floating_point() else torch.equal(a, b))
        for a, b in zip(some, others)
    )


@contextlib.contextmanager
def _restored(model) -> Iterator[None]:
    """Gives the model its training flags and buffers back."""
    import torch

    flags = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for module, training in flags:
            module.training = training
        with torch.no_grad():
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


@contextlib.contextmanager
def _slow_attention() -> Iterator[None]:
    """Attention and encoder layers compute with plain operators: their fused kernels are for inference alone."""
    import torch

    mha = getattr(torch.backends, "mha", None)
    if mha is None or not hasattr(mha, "set_fastpath_enabled"):
        yield
        return
    before = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        mha.set_fastpath_enabled(before)


@contextlib.contextmanager
def _feature_dropouts(model) -> Iterator[None]:
    """Dropout1d, 2d and 3d drop whole channels: a Dropout of ones [N, C, 1, ...] that the input is multiplied by."""
    import torch

    def forward_of(module):
        def forward(x):
            ones = torch.ones_like(x[(slice(None), slice(None), *[slice(0, 1)] * (x.dim() - 2))])
            return x * torch.nn.functional.dropout(ones, module.p, module.training)

        return forward

    kinds = tuple(getattr(torch.nn, kind) for kind in ("Dropout1d", "Dropout2d", "Dropout3d") if hasattr(torch.nn, kind))
    changed = [module for module in model.modules() if isinstance(module, kinds) and module.training and module.p > 0]
    for module in changed:
        module.forward = forward_of(module)
    try:
        yield
    finally:
        for module in changed:
            del module.forward


def _refuse_modules(model) -> None:
    import torch

    for name, module in model.named_modules():
        if _batch_norm(module) and not module.track_running_stats:
            raise ExportError(f"{name}: BatchNorm without running statistics has no evaluation form: set track_running_stats=True")
        if _batch_norm(module) and module.weight is None:
            raise ExportError(f"{name}: BatchNorm without weights would be trained by its running statistics, not by those of the batch: set affine=True")
        if isinstance(module, torch.nn.modules.instancenorm._InstanceNorm) and module.track_running_stats:
            raise ExportError(f"{name}: InstanceNorm with running statistics is exported as BatchNormalization, which trains otherwise: set track_running_stats=False")


def _doubts_of(model) -> List[str]:
    """What no exporter writes into a file, by module."""
    import torch

    doubts = []
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.RNNBase) and module.dropout > 0 and module.num_layers > 1:
            doubts.append(f"{name}: dropout={module.dropout:g} between its layers is not in the file: use one {type(module).__name__} a layer and nn.Dropout between them")
        if isinstance(module, (torch.nn.Embedding, torch.nn.EmbeddingBag)) and module.max_norm is not None:
            doubts.append(f"{name}: max_norm={module.max_norm:g} is not in the file: rows are not shortened in training")
        if isinstance(module, (torch.nn.Embedding, torch.nn.EmbeddingBag)) and module.scale_grad_by_freq:
            doubts.append(f"{name}: scale_grad_by_freq is not in the file")
        if _batch_norm(module) and module.weight is not None and not module.weight.requires_grad and not module.bias.requires_grad:
            doubts.append(f"{name}: its weights are frozen, so it is trained by its running statistics, which stay as they are: in PyTorch that takes {name}.eval()")
        if _batch_norm(module) and module.momentum is None:
            doubts.append(f"{name}: momentum=None (a mean over all batches) is not in the file: it is trained with 0.1")
        if any(type(hook).__name__ == "SpectralNorm" for hook in module._forward_pre_hooks.values()) or any(
            type(each).__name__ == "_SpectralNorm" for each in module.modules() if each is not module and name
        ):
            doubts.append(f"{name}: spectral_norm estimates a norm anew in each step of training; the file keeps the present estimate")
    return doubts


# ---- the file


def _rename(graph, rename) -> None:
    for node in graph.node:
        node.name = rename(node.name)
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = rename(name)
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs:
                _rename(inner, rename)
    for each in (*graph.initializer, *graph.input, *graph.output, *graph.value_info):
        each.name = rename(each.name)


def _state(model) -> "OrderedDict[str, Tuple[str, Any]]":
    """Parameters and buffers by name, with their kind; a tied tensor has several names."""
    found: "OrderedDict[str, Tuple[str, Any]]" = OrderedDict()
    for name, tensor in model.named_parameters(remove_duplicate=False):
        found[name] = ("parameter", tensor)
    for name, tensor in model.named_buffers(remove_duplicate=False):
        found[name] = ("buffer", tensor)
    return found


def _tied(model) -> Dict[str, List[str]]:
    """The first name of each tensor, and all of its names."""
    names: "OrderedDict[int, List[str]]" = OrderedDict()
    for name, (_, tensor) in _state(model).items():
        names.setdefault(id(tensor), []).append(name)
    return {all_names[0]: all_names for all_names in names.values()}


def _finished(proto, model):
    """The evaluation form: Dropout that passes on, tied weights as one tensor, momenta as in the model."""
    graph = proto.graph
    held = {tensor.name for tensor in graph.initializer}
    first = {}
    for names in _tied(model).values():
        there = [name for name in names if name in held]
        for name in there[1:]:
            first[name] = there[0]
    kept = [tensor for tensor in graph.initializer if tensor.name not in first]
    if len(kept) < len(graph.initializer):
        del graph.initializer[:]
        graph.initializer.extend(kept)
    outputs = {output.name for output in graph.output}
    modules = {f"{name}.running_mean": module for name, module in model.named_modules() if _batch_norm(module)}
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = first.get(name, name)
    used = {name for node in graph.node for name in node.input}
    for node in graph.node:
        if node.op_type == "Dropout":
            del node.input[2:]
            if len(node.output) > 1 and node.output[1] not in used | outputs:
                del node.output[1:]
        if node.op_type == "BatchNormalization" and node.input[3] in modules:
            module = modules[node.input[3]]
            momentum = 0.1 if module.momentum is None else module.momentum
            others = [attribute for attribute in node.attribute if attribute.name not in ("momentum", "training_mode")]
            del node.attribute[:]
            node.attribute.extend([*others, onnx.helper.make_attribute("momentum", 1.0 - momentum)])
            if len(node.output) > 1:
                del node.output[1:]
    used = {name for node in _all_nodes(graph) for name in node.input} | outputs
    nodes = [node for node in graph.node if node.op_type != "Constant" or node.output[0] in used]
    if len(nodes) < len(graph.node):
        del graph.node[:]
        graph.node.extend(nodes)
    used = {name for node in _all_nodes(graph) for name in node.input} | outputs
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    if len(kept) < len(graph.initializer):
        del graph.initializer[:]
        graph.initializer.extend(kept)
    _drop_source_places(graph)
    return proto


def _all_nodes(graph) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs:
                yield from _all_nodes(inner)


def _drop_source_places(graph) -> None:
    """Takes out the exporter's notes of source files and lines of code."""
    for node in graph.node:
        node.doc_string = ""
        kept = [entry for entry in node.metadata_props if "stack_trace" not in entry.key]
        if len(kept) < len(node.metadata_props):
            del node.metadata_props[:]
            node.metadata_props.extend(kept)


def _document(model, proto, found: Mapping[str, Tuple[str, bool]], without_gradient=frozenset()) -> Dict[str, Any]:
    """The metadata. `found`: names of the model by initializer where they differ, and whether it is transposed."""
    import torch

    state, tied = _state(model), _tied(model)
    names_of = {name: names for names in tied.values() for name in names}
    padding = {}
    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Embedding, torch.nn.EmbeddingBag)) and module.padding_idx is not None:
            padding[f"{name}.weight" if name else "weight"] = int(module.padding_idx)
    tensors = {}
    for tensor in proto.graph.initializer:
        name, transposed = found.get(tensor.name, (tensor.name, False))
        if name not in state:
            continue
        kind, value = state[name]
        names = names_of[name]
        stopped = all(each in without_gradient for each in names if each in names_of) if without_gradient & set(names) else False
        entry: Dict[str, Any] = {"kind": kind, "name": name, "trained": bool(kind == "parameter" and value.requires_grad and not stopped)}
        if transposed:
            entry["transposed"] = True
        rows = {padding[each] for each in names if each in padding}
        if len(rows) == 1:
            entry["paddingIdx"] = rows.pop()
        if len(names) > 1:
            entry["shared"] = [each for each in names if each != name]
        tensors[tensor.name] = entry
    return {"version": VERSION, "framework": f"pytorch {torch.__version__.split('+')[0]}", "tensors": tensors, "dropouts": [], "batchNorms": []}


def _check_export(model, proto, document, facts: _Facts, axes) -> List[str]:
    graph = proto.graph
    written = {name for entry in document["tensors"].values() for name in [entry["name"], *entry.get("shared", [])]}
    state = _state(model)
    said = []
    for name, (kind, tensor) in state.items():
        if kind != "parameter" or not tensor.requires_grad:
            continue
        if name in facts.without_gradient and not any(name in names and names[0] not in facts.without_gradient for names in _tied(model).values()):
            said.append(f"{name}: no gradient reaches it in PyTorch (it is unused, or used below no_grad or detach), so it is not trained" if name in written else f"{name}: the outputs do not depend on it, so the file does not hold it")
        elif name not in written:
            raise ExportError(f"the parameter {name} {list(tensor.shape)} is not a tensor of the file: the exporter has computed another one of it; try the other exporter")
        elif str(tensor.dtype) != "torch.float32":
            said.append(f"{name}: it is {str(tensor.dtype)[6:]}, and only float32 is trained: export model.float()")
    nodes = list(graph.node)
    statistics = {node.input[3] for node in nodes if node.op_type == "BatchNormalization" and len(node.input) > 3}
    for name in facts.norms:
        if f"{name}.running_mean" not in statistics:
            if any(f"{name}.{each}" in written for each in ("weight", "bias", "running_mean")):
                raise ExportError(f"{name}: its BatchNormalization is not in the file: the exporter has folded or replaced it; try the other exporter")
            said.append(f"{name}: the example does not call this BatchNorm, or the exporter has folded it: it is not in the file")
    kept = sum(1 for node in nodes if node.op_type == "Dropout")
    if kept != len(facts.dropouts):
        listed = ", ".join(f"{name} (p={p:g})" for name, p in facts.dropouts) or "none"
        said.append(f"the file has {kept} Dropout nodes; in training the model drops at {len(facts.dropouts)} places: {listed}. What is missing is not dropped in training")
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        for axis, side in axes.get(value.name, {}).items():
            if axis < len(dims) and dims[axis].HasField("dim_value"):
                raise ExportError(f"the exporter has fixed side {axis} ({side}) of the input {value.name} to {dims[axis].dim_value}: the model computes with that size, or uses it as a number; try the other exporter, or give dynamic_axes={{}}")
    return said


def _write(proto, path, document, said: Sequence[str]) -> None:
    kept = [entry for entry in proto.metadata_props if entry.key != KEY]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    proto.metadata_props.append(onnx.StringStringEntryProto(key=KEY, value=json.dumps(document, separators=(",", ":"))))
    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))
    for each in said:
        warnings.warn(each, ExportWarning, stacklevel=3)


# ---- files that were exported by other means


def annotate(path, model, *, output=None) -> Dict[str, Any]:
    """Writes into an exported file which of its tensors are parameters and buffers of `model`, and returns the metadata.

    Tensors are found by their names in the `state_dict`, else by their values, also transposed or with the gates of an LSTM
    or GRU in ONNX's order. The model has to have the
    values that it was exported with. Nothing else of the file is changed.

    Args:
        path: the ONNX file; files of external data beside it stay as they are.
        model: the `torch.nn.Module` that was exported.
        output: the file to write. Default: `path`.

    Warns:
        ExportWarning: names parameters that the file does not hold (folded, merged with an equal one, or unused),
            BatchNorms that are no nodes of it, and dropouts that vanished.

    Example:
        >>> torch.onnx.export(model, example, "model.onnx")
        >>> annotate("model.onnx", model)
    """
    proto = onnx.load(str(path), load_external_data=True)
    external = any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in onnx.load(str(path), load_external_data=False).graph.initializer)
    found, said, covered = _matched(proto, model)
    document = _document(model, proto, found)
    said += _check_annotated(proto, model, document, covered)
    document["batchNorms"] = [name for name, module in model.named_modules() if _batch_norm(module)]
    document["dropouts"] = [{"module": name, "p": p} for name, p in _module_dropouts(model)]
    if external:
        proto = onnx.load(str(path), load_external_data=False)
    kept = [entry for entry in proto.metadata_props if entry.key != KEY]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    proto.metadata_props.append(onnx.StringStringEntryProto(key=KEY, value=json.dumps(document, separators=(",", ":"))))
    onnx.save(proto, str(path if output is None else output))
    for each in [*said, *_doubts_of(model)]:
        warnings.warn(each, ExportWarning, stacklevel=2)
    return document


def _recurrent(model) -> Iterator[Tuple[Any, List[str]]]:
    """Weights of LSTM and GRU as ONNX has them: gates in its order, both directions and both biases in one tensor."""
    import numpy
    import torch

    orders = {torch.nn.LSTM: [0, 3, 1, 2], torch.nn.GRU: [1, 0, 2]}
    for path, module in model.named_modules():
        order = orders.get(type(module))
        if order is None or getattr(module, "proj_size", 0):
            continue
        for layer in range(module.num_layers):
            ends = [f"l{layer}{end}" for end in (["", "_reverse"] if module.bidirectional else [""])]
            kinds = [["weight_ih"], ["weight_hh"], *([["bias_ih", "bias_hh"]] if module.bias else [])]
            for kind in kinds:
                rows, names = [], []
                for end in ends:
                    for each in kind:
                        names.append(f"{path}.{each}_{end}" if path else f"{each}_{end}")
                        parts = numpy.split(getattr(module, f"{each}_{end}").detach().cpu().numpy(), len(order))
                        rows += [parts[place] for place in order]
                whole = numpy.concatenate(rows)
                yield whole.reshape(len(ends), whole.shape[0] // len(ends), *whole.shape[1:]), names


def _matched(proto, model) -> Tuple[Dict[str, Tuple[str, bool]], List[str], Set[str]]:
    state, tied = _state(model), _tied(model)
    said: List[str] = []
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    values = {names[0]: state[names[0]][1].detach().cpu().numpy() for names in tied.values()}
    by_name = {name for name in arrays if name in state}
    first = {name: names[0] for names in tied.values() for name in names}
    done = {first[name] for name in by_name}
    for name in sorted(by_name):
        if arrays[name].shape != values[first[name]].shape:
            said.append(f"{name}: it is {list(arrays[name].shape)} in the file and {list(values[first[name]].shape)} in the model: is this the model that was exported?")
    wanted: Dict[Any, List[str]] = {}
    for name, value in values.items():
        if name not in done and value.size > 0:
            wanted.setdefault((value.shape, value.tobytes()), []).append(name)
    found: Dict[str, Tuple[str, bool]] = {}
    for name, array in arrays.items():
        if name in by_name:
            continue
        for transposed in (False, True) if array.ndim == 2 else (False,):
            turned = array.T if transposed else array
            names = wanted.get((turned.shape, turned.tobytes()), [])
            if len(names) > 1:
                said.append(f"{', '.join(names)}: they have equal values, and the file has the tensor {name} for one or all of them: export with distinct values, or with export() of this file")
                break
            if names and names[0] not in {each for each, _ in found.values()}:
                found[name] = (names[0], transposed)
                break
    covered: Set[str] = set()
    for value, names in _recurrent(model):
        for name, array in arrays.items():
            if name not in found and name not in by_name and array.shape == value.shape and array.tobytes() == value.tobytes():
                found[name] = (names[0], False)
                covered.update(names)
                break
    for several in tied.values():
        there = [name for name in several if name in arrays]
        also = [name for name, (each, _) in found.items() if each == several[0]]
        if len(there) + len(also) > 1:
            said.append(f"{', '.join(several)}: they are one tensor in the model and {len(there) + len(also)} in the file ({', '.join([*there, *also])}): they are trained apart")
    return found, said, covered


def _module_dropouts(model) -> List[Tuple[str, float]]:
    import torch

    kinds = (torch.nn.modules.dropout._DropoutNd,)
    dropouts = [(name, float(module.p)) for name, module in model.named_modules() if isinstance(module, kinds) and module.p > 0]
    attention = [(name, float(module.dropout)) for name, module in model.named_modules() if isinstance(module, torch.nn.MultiheadAttention) and module.dropout > 0]
    return [*dropouts, *attention]


def _check_annotated(proto, model, document, covered: Set[str]) -> List[str]:
    written = covered | {name for entry in document["tensors"].values() for name in [entry["name"], *entry.get("shared", [])]}
    said = []
    for name, (kind, _) in _state(model).items():
        if kind == "parameter" and name not in written:
            said.append(f"{name}: the file has no such tensor; it was folded, merged or left out, and is not trained")
    nodes = list(proto.graph.node)
    norms = [name for name, module in model.named_modules() if _batch_norm(module)]
    there = sum(1 for node in nodes if node.op_type == "BatchNormalization")
    if there < len(norms):
        said.append(f"{', '.join(norms)}: the file has {there} BatchNormalization nodes; the exporter has folded the others into convolutions, where they are not trained")
    dropouts = _module_dropouts(model)
    drops = sum(1 for node in nodes if node.op_type == "Dropout")
    if drops < len(dropouts):
        said.append(f"{', '.join(name for name, _ in dropouts)}: the file has {drops} Dropout nodes; what is missing is not dropped in training")
    return said


# ---- the table


def table_of(path) -> str:
    """The tensors of a file and what they are, as a text. Example: `print(table_of("model.onnx"))`."""
    proto = onnx.load(str(path), load_external_data=False)
    entries = [entry.value for entry in proto.metadata_props if entry.key == KEY]
    document = json.loads(entries[0]) if entries else {"tensors": {}}
    rows = [("tensor", "shape", "type", "kind", "trained", "notes")]
    for tensor in proto.graph.initializer:
        entry = document["tensors"].get(tensor.name, {})
        notes = [] if entry.get("name", tensor.name) == tensor.name else [f"is {entry['name']}"]
        notes += ["transposed"] if entry.get("transposed") else []
        notes += [f"padding_idx {entry['paddingIdx']}"] if "paddingIdx" in entry else []
        notes += [f"also {', '.join(entry['shared'])}"] if entry.get("shared") else []
        kind = entry.get("kind", "constant" if entries else "unknown")
        trained = {True: "yes", False: "no"}[entry["trained"]] if "trained" in entry else "no" if entries else "unknown"
        rows.append((tensor.name, str(list(tensor.dims)), onnx.TensorProto.DataType.Name(tensor.data_type).lower(), kind, trained, "; ".join(notes)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    count = {op: sum(1 for node in proto.graph.node if node.op_type == op) for op in ("Dropout", "BatchNormalization")}
    lines.append("")
    lines.append(f"Dropout nodes: {count['Dropout']}; BatchNormalization nodes: {count['BatchNormalization']}; opset {max([each.version for each in proto.opset_import if each.domain in ('', 'ai.onnx')], default=0)}")
    if not entries:
        lines.append(f"The file has no {KEY}: write it with export() or annotate() of active_storage_export.py.")
    return "\n".join(lines)


def _main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="Shows which tensors of an ONNX file are parameters, buffers and constants.")
    parser.add_argument("--check", metavar="FILE", required=True, help="an ONNX file; ends with status 1 where it has no metadata")
    path = parser.parse_args(arguments).check
    try:
        print(table_of(path))
    except FileNotFoundError:
        parser.error(f"{path}: there is no such file")
    except IsADirectoryError:
        parser.error(f"{path} is a folder: name an ONNX file")
    except DecodeError:
        parser.error(f"{path} is no ONNX file, or only a part of one: export or copy it again")
    return 0 if any(entry.key == KEY for entry in onnx.load(str(path), load_external_data=False).metadata_props) else 1


if __name__ == "__main__":
    sys.exit(_main())
