"""PyTorch's side of examples/training/parity and of `npm run bench -- train`.

Takes orders as lines of JSON, and answers each by one. A job is a folder with job.json and tensors.bin: see job.ts.
"""

import json
import os
import sys
import time

try:
    import numpy
    import torch
except ImportError as error:
    print(json.dumps({"absent": str(error)}), flush=True)
    sys.exit(0)

from torch_models import makers

OPTIMIZERS = {
    "sgd": lambda parameters, lr, momentum=0, nesterov=False, weightDecay=0: torch.optim.SGD(
        parameters, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weightDecay
    ),
    "adam": lambda parameters, lr: torch.optim.Adam(parameters, lr=lr),
    "adamw": lambda parameters, lr, weightDecay=0.01: torch.optim.AdamW(parameters, lr=lr, weight_decay=weightDecay),
}


class Job:
    def __init__(self, folder, threads, dtype):
        torch.set_num_threads(threads)
        with open(os.path.join(folder, "job.json")) as file:
            job = json.load(file)
        floats = getattr(torch, dtype)
        self.folder, self.step, self.dtype = folder, 0, floats

        def tensor(entry):
            kind = numpy.float32 if entry["dtype"] == "float32" else numpy.int64
            count = int(numpy.prod(entry["shape"], dtype=numpy.int64))
            data = numpy.fromfile(os.path.join(folder, "tensors.bin"), kind, count, offset=entry["offset"])
            made = torch.from_numpy(data).reshape(entry["shape"])
            return made.to(floats) if entry["dtype"] == "float32" else made

        self.model = makers[job["model"]](**job["options"]).to(floats)
        self.model.load_state_dict({name: tensor(entry) for name, entry in job["weights"].items()}, strict=False)
        missing = {name for name, _ in self.model.named_parameters()} - set(job["weights"])
        if missing:
            raise KeyError(f"the job has no weights {sorted(missing)}")
        self.model.train()
        self.batches = [{name: tensor(entry) for name, entry in batch.items()} for batch in job["batches"]]
        options = dict(job["optimizer"])
        self.optimizer = OPTIMIZERS[options.pop("kind")](self.model.parameters(), job["rate"], **options)

    def forward(self, number):
        batch = dict(self.batches[number % len(self.batches)])
        labels = batch.pop("labels")
        return torch.nn.functional.cross_entropy(self.model(**batch), labels)

    def gradients(self):
        """Those of the first batch, to a file in the order of the model's parameters."""
        loss = self.forward(0)
        loss.backward()
        entries = {}
        with open(os.path.join(self.folder, "gradients.bin"), "wb") as file:
            for name, parameter in self.model.named_parameters():
                entries[name] = {"offset": file.tell(), "shape": list(parameter.shape)}
                file.write(parameter.grad.to(torch.float64).numpy().tobytes())
        return {"loss": float(loss), "gradients": entries}

    def steps(self, count):
        losses, ms = [], []
        for _ in range(count):
            began = time.perf_counter()
            self.optimizer.zero_grad()
            loss = self.forward(self.step)
            loss.backward()
            self.optimizer.step()
            losses.append(float(loss))
            ms.append((time.perf_counter() - began) * 1000)
            self.step += 1
        return {"losses": losses, "ms": ms}


print(json.dumps({"torch": torch.__version__}), flush=True)
job = None
for line in sys.stdin:
    order = json.loads(line)
    if order["op"] == "open":
        job = Job(order["folder"], order["threads"], order.get("dtype", "float32"))
        print("{}", flush=True)
    elif order["op"] == "gradients":
        print(json.dumps(job.gradients()), flush=True)
    elif order["op"] == "steps":
        print(json.dumps(job.steps(order["count"])), flush=True)
    else:
        raise ValueError(order["op"])
