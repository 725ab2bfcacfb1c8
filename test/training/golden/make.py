"""What PyTorch computes of losses, optimizers and schedules, in float64, for test/training to compare with:

    /usr/bin/python3 test/training/golden/make.py > test/training/golden/pytorch.json && npx oxfmt test/training/golden

Made with PyTorch 1.13. Options are written as src/training takes them.
"""

import json

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(4)


def rounded(*shape, scale=1.0):
    """Numbers that float32 and JSON hold exactly."""
    return (torch.randn(*shape) * scale * 64).round() / 64


def plain(tensor):
    return {"shape": list(tensor.shape), "data": [float(x) for x in tensor.detach().reshape(-1)]}


def loss_case(name, options, logits, target, compute):
    logits.requires_grad_(True)
    loss = compute(logits, target)
    loss.backward()
    return {
        "name": name,
        "options": options,
        "logits": plain(logits),
        "target": plain(target),
        "loss": float(loss),
        "gradient": plain(logits.grad),
    }


def losses():
    labels = torch.tensor([2, 0, 1, 3, 3, 0])
    holes = torch.tensor([2, -100, 1, 3, -100, 0])
    weights = [0.5, 2.0, 1.0, 0.25]
    wide = torch.tensor([120, -100, 20])
    seq = torch.tensor([[0, 1, 2, 1, 0], [2, 2, -1, -1, 1]])
    ce, w = "cross-entropy", torch.tensor(weights)
    some = {"classWeights": weights, "labelSmoothing": 0.25}
    yield loss_case("cross entropy", {"kind": ce}, rounded(6, 4), labels, F.cross_entropy)
    yield loss_case("of large logits", {"kind": ce}, rounded(6, 4, scale=200), labels, F.cross_entropy)
    yield loss_case("some ignored", {"kind": ce}, rounded(6, 4), holes, F.cross_entropy)
    # -100 is a class when it is counted from the end of 128.
    yield loss_case("some ignored of 128 classes", {"kind": ce}, rounded(3, 128), wide, F.cross_entropy)
    yield loss_case(
        "a class ignored", {"kind": ce, "ignore": 3}, rounded(6, 4), labels, lambda x, y: F.cross_entropy(x, y, ignore_index=3)
    )
    yield loss_case(
        "class weights", {"kind": ce, "classWeights": weights}, rounded(6, 4), labels, lambda x, y: F.cross_entropy(x, y, weight=w)
    )
    yield loss_case(
        "label smoothing",
        {"kind": ce, "labelSmoothing": 0.125},
        rounded(6, 4),
        labels,
        lambda x, y: F.cross_entropy(x, y, label_smoothing=0.125),
    )
    yield loss_case(
        "weights, smoothing, some ignored",
        {"kind": ce, **some},
        rounded(6, 4),
        holes,
        lambda x, y: F.cross_entropy(x, y, weight=w, label_smoothing=0.25),
    )
    yield loss_case(
        "sequences with smoothing",
        {"kind": ce, "labelSmoothing": 0.25, "ignore": -1},
        rounded(2, 3, 5),
        seq,
        lambda x, y: F.cross_entropy(x, y, label_smoothing=0.25, ignore_index=-1),
    )
    share = (torch.rand(4, 3) * 8).round() / 8
    zeros = rounded(4, 3)
    zeros[1] = 0
    bce, bcel = "binary-cross-entropy", F.binary_cross_entropy_with_logits
    yield loss_case("binary", {"kind": bce}, zeros, share, bcel)
    yield loss_case("binary of large logits", {"kind": bce}, rounded(4, 3, scale=50), share, bcel)
    yield loss_case(
        "binary with a weight",
        {"kind": bce, "positiveWeight": 2.5},
        rounded(4, 3),
        share,
        lambda x, y: bcel(x, y, pos_weight=torch.tensor(2.5)),
    )
    yield loss_case("mse", {"kind": "mse"}, rounded(4, 3), rounded(4, 3), F.mse_loss)
    same = rounded(4, 3)
    near = same.clone()
    near[0] += 0.5
    near[2] -= 3
    yield loss_case("mae", {"kind": "mae"}, same.clone(), near, F.l1_loss)
    yield loss_case("huber", {"kind": "huber"}, same.clone(), near, F.huber_loss)
    yield loss_case(
        "huber with delta", {"kind": "huber", "delta": 0.25}, rounded(4, 3), near, lambda x, y: F.huber_loss(x, y, delta=0.25)
    )


STEPS, RATE = 5, 0.0625
START = {"w": rounded(2, 3), "b": rounded(2)}
XS, YS = rounded(STEPS, 8, 3), rounded(STEPS, 8, 2)


def optimizer_case(name, optimizer, make, clip=None, groups=None, torch_groups=None):
    w, b = (START[k].clone().requires_grad_(True) for k in ("w", "b"))
    made = make(torch_groups(w, b) if torch_groups else [w, b])
    told, norms = [], []
    for x, y in zip(XS, YS):
        made.zero_grad()
        loss = F.mse_loss(x @ w.T + b, y)
        loss.backward()
        if clip is not None:
            norms.append(float(torch.nn.utils.clip_grad_norm_([w, b], clip)))
        made.step()
        told.append(float(loss))
    case = {"name": name, "optimizer": optimizer, "losses": told, "w": plain(w), "b": plain(b)}
    return {**case, **({"clipNorm": clip, "norms": norms} if clip else {}), **({"groups": groups} if groups else {})}


def optimizers():
    o = torch.optim
    sgd = lambda **k: lambda p: o.SGD(p, lr=RATE, **k)
    yield optimizer_case("sgd", {"kind": "sgd"}, sgd())
    yield optimizer_case("sgd with decay", {"kind": "sgd", "weightDecay": 0.5}, sgd(weight_decay=0.5))
    yield optimizer_case("momentum", {"kind": "sgd", "momentum": 0.9}, sgd(momentum=0.9))
    yield optimizer_case(
        "nesterov with decay",
        {"kind": "sgd", "momentum": 0.9, "nesterov": True, "weightDecay": 0.125},
        sgd(momentum=0.9, nesterov=True, weight_decay=0.125),
    )
    yield optimizer_case("adam", {"kind": "adam"}, lambda p: o.Adam(p, lr=RATE))
    yield optimizer_case(
        "adam with its settings",
        {"kind": "adam", "betas": [0.8, 0.95], "epsilon": 0.01, "weightDecay": 0.25},
        lambda p: o.Adam(p, lr=RATE, betas=(0.8, 0.95), eps=0.01, weight_decay=0.25),
    )
    yield optimizer_case("adamw", {"kind": "adamw"}, lambda p: o.AdamW(p, lr=RATE))
    yield optimizer_case(
        "adamw with decay", {"kind": "adamw", "weightDecay": 0.5}, lambda p: o.AdamW(p, lr=RATE, weight_decay=0.5)
    )
    yield optimizer_case("rmsprop", {"kind": "rmsprop"}, lambda p: o.RMSprop(p, lr=RATE))
    yield optimizer_case(
        "rmsprop with its settings",
        {"kind": "rmsprop", "alpha": 0.9, "epsilon": 0.01, "momentum": 0.5, "weightDecay": 0.25},
        lambda p: o.RMSprop(p, lr=RATE, alpha=0.9, eps=0.01, momentum=0.5, weight_decay=0.25),
    )
    yield optimizer_case("sgd clipped", {"kind": "sgd", "momentum": 0.9}, sgd(momentum=0.9), clip=0.75)
    yield optimizer_case("adamw clipped", {"kind": "adamw"}, lambda p: o.AdamW(p, lr=RATE), clip=0.75)
    yield optimizer_case(
        "adamw in groups",
        {"kind": "adamw", "weightDecay": 0.5},
        lambda p: o.AdamW(p, lr=RATE, weight_decay=0.5),
        groups=[{"match": ["b"], "weightDecay": 0}, {"match": ["*"], "rate": 0.5}],
        torch_groups=lambda w, b: [{"params": [w], "lr": RATE / 2}, {"params": [b], "weight_decay": 0}],
    )


def schedule_case(name, options, make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return {"name": name, "options": options, "rates": rates}


def schedules():
    s = torch.optim.lr_scheduler
    after = lambda o, n, then: s.SequentialLR(o, [s.LambdaLR(o, lambda i: min(1, (i + 1) / n)), then], milestones=[n])
    yield schedule_case("constant", {"kind": "constant"}, lambda o: s.ConstantLR(o, factor=1), 5)
    yield schedule_case("step", {"kind": "step", "every": 3}, lambda o: s.StepLR(o, 3), 10)
    yield schedule_case(
        "steps", {"kind": "step", "every": [2, 5, 6], "factor": 0.5}, lambda o: s.MultiStepLR(o, [2, 5, 6], gamma=0.5), 10
    )
    yield schedule_case("cosine", {"kind": "cosine", "steps": 10}, lambda o: s.CosineAnnealingLR(o, 10), 11)
    yield schedule_case(
        "cosine with a floor",
        {"kind": "cosine", "steps": 10, "floor": 0.125},
        lambda o: s.CosineAnnealingLR(o, 10, eta_min=0.125),
        11,
    )
    yield schedule_case("one cycle", {"kind": "one-cycle", "steps": 20}, lambda o: s.OneCycleLR(o, 1.0, total_steps=20), 20)
    yield schedule_case(
        "one cycle that rises for long",
        {"kind": "one-cycle", "steps": 12, "rise": 0.5},
        lambda o: s.OneCycleLR(o, 1.0, total_steps=12, pct_start=0.5),
        12,
    )
    yield schedule_case(
        "warm-up before steps", {"kind": "step", "every": 3, "warmUp": 4}, lambda o: after(o, 4, s.StepLR(o, 3)), 12
    )


problem = {"rate": RATE, "w": plain(START["w"]), "b": plain(START["b"]), "x": plain(XS), "y": plain(YS)}
print(
    json.dumps(
        {"losses": list(losses()), "problem": problem, "optimizers": list(optimizers()), "schedules": list(schedules())}
    )
)
