"""The networks of examples/training/exports, as their users write them. Sizes are small; kinds are what counts."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    """A network from parts and a function of them and the inputs."""

    def __init__(self, parts, run):
        super().__init__()
        for name, part in parts.items():
            if isinstance(part, nn.Module):
                self.add_module(name, part)
            elif isinstance(part, nn.Parameter):
                self.register_parameter(name, part)
            else:
                self.register_buffer(name, part)
        self.run = run

    def forward(self, x):
        return self.run(self, x)


def floats(*shape):
    return lambda generator: torch.randn(6, *shape, generator=generator)


def tokens(below, length):
    return lambda generator: torch.randint(0, below, (6, length), generator=generator)


def frozen(module):
    for parameter in module.parameters():
        parameter.requires_grad = False
    return module


def attention(net, x, mask):
    q, k, v = net.qkv(x).chunk(3, -1)
    return (q @ k.transpose(1, 2) / math.sqrt(8) + mask).softmax(-1) @ v


def sinusoids(length, width):
    angles = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    return torch.stack([angles.sin(), angles.cos()], -1).reshape(length, width)


def masked_keys(net, x):
    scores = net.q(x) @ net.k(x).transpose(1, 2)
    return net.fc((scores.masked_fill(x[:, None, :, 0] > 1, float("-inf")).softmax(-1) @ x).mean(1))


def no_grad_front(net, x):
    with torch.no_grad():
        x = net.front(x).relu()
    return net.fc(x)


def tied():
    embedding = nn.Embedding(9, 8)
    out = nn.Linear(8, 9, bias=False)
    out.weight = embedding.weight
    return Net(dict(embedding=embedding, mix=nn.Linear(8, 8), out=out), lambda n, x: n.out(n.mix(n.embedding(x)).tanh().mean(1)))


class FunctionalDropout(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.drop, self.fc2, self.fc3 = nn.Linear(8, 16), nn.Dropout(0.25), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x):
        x = self.drop(self.fc1(x).relu())
        return self.fc3(F.dropout(self.fc2(x).relu(), 0.5, self.training))


def parametrized_weight_norm():
    try:
        from torch.nn.utils.parametrizations import weight_norm
    except ImportError:
        from torch.nn.utils import weight_norm
    return nn.Sequential(weight_norm(nn.Linear(8, 12)), nn.ReLU(), weight_norm(nn.Linear(12, 3)))


def norm_net(norm):
    return nn.Sequential(nn.Conv2d(3, 8, 3), norm, nn.ReLU(), nn.Conv2d(8, 8, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))


IMAGE = floats(3, 8, 8)
WIDE = floats(8)
SERIES = floats(5, 8)

# Each: what it shows, the network, its inputs, its loss (cross-entropy by default), the opset of the exports.
NETS = {
    "mlp": dict(net=lambda: nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3)), x=WIDE, about="two equal LayerNorms, which exporters merge"),
    "cnn-batchnorm": dict(net=lambda: nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.BatchNorm2d(8, momentum=0.3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)), x=IMAGE, about="BatchNorm after convolutions"),
    "batchnorm-plain": dict(net=lambda: nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, affine=False), nn.ReLU(), nn.Flatten(), nn.Linear(216, 3)), x=IMAGE, about="BatchNorm without weights"),
    "prelu": dict(net=lambda: nn.Sequential(nn.Linear(8, 12), nn.PReLU(), nn.Linear(12, 12), nn.PReLU(12), nn.Linear(12, 3)), x=WIDE, about="slopes of one and of 12 elements"),
    "regression": dict(net=lambda: nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1)), x=WIDE, loss="mse", about="a head of one output, whose bias has one element"),
    "binary": dict(net=lambda: nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1)), x=WIDE, loss="binary-cross-entropy", about="a head of one logit"),
    "instance-norm-affine": dict(net=lambda: norm_net(nn.InstanceNorm2d(8, affine=True)), x=IMAGE, about="InstanceNorm with weights"),
    "instance-norm-plain": dict(net=lambda: norm_net(nn.InstanceNorm2d(8)), x=IMAGE, about="InstanceNorm without weights: ones and zeros in the file"),
    "group-norm-affine": dict(net=lambda: norm_net(nn.GroupNorm(2, 8)), x=IMAGE, about="GroupNorm by smaller operators"),
    "group-norm-affine-18": dict(net=lambda: norm_net(nn.GroupNorm(2, 8)), x=IMAGE, opset=18, about="the same in opset 18"),
    "group-norm-affine-21": dict(net=lambda: norm_net(nn.GroupNorm(2, 8)), x=IMAGE, opset=21, about="the same in opset 21"),
    "group-norm-plain": dict(net=lambda: norm_net(nn.GroupNorm(2, 8, affine=False)), x=IMAGE, about="GroupNorm without weights"),
    "weight-norm": dict(net=parametrized_weight_norm, x=WIDE, about="weights as length and direction"),
    "causal-mask": dict(net=lambda: Net(dict(qkv=nn.Linear(8, 24), fc=nn.Linear(8, 3), mask=torch.full((5, 5), float("-inf")).triu(1)), lambda n, x: n.fc(attention(n, x, n.mask).mean(1))), x=SERIES, about="a buffer of 0 and -inf"),
    "masked-keys": dict(net=lambda: Net(dict(q=nn.Linear(8, 8), k=nn.Linear(8, 8), fc=nn.Linear(8, 3)), masked_keys), x=SERIES, about="masked_fill with -inf"),
    "image-statistics": dict(net=lambda: Net(dict(mean=torch.tensor([0.485, 0.456, 0.406])[:, None, None], std=torch.tensor([0.229, 0.224, 0.225])[:, None, None], conv=nn.Conv2d(3, 4, 3), fc=nn.Linear(4, 3)), lambda n, x: n.fc(n.conv((x - n.mean) / n.std).relu().mean((2, 3)))), x=IMAGE, about="mean and std of images as buffers"),
    "positions": dict(net=lambda: Net(dict(embedding=nn.Embedding(9, 8), positions=sinusoids(5, 8), fc=nn.Linear(8, 3)), lambda n, x: n.fc((n.embedding(x) + n.positions).tanh().mean(1))), x=tokens(9, 5), about="sinusoidal positions as a buffer"),
    "class-token": dict(net=lambda: Net(dict(token=nn.Parameter(torch.zeros(1, 1, 8)), places=nn.Parameter(torch.randn(1, 6, 8) * 0.02), mix=nn.Linear(8, 8), norm=nn.LayerNorm(8), fc=nn.Linear(8, 3)), lambda n, x: n.fc(n.norm(n.mix(torch.cat([n.token.expand(x.shape[0], -1, -1), x], 1) + n.places)).tanh().mean(1))), x=SERIES, about="a class token and positions that are learned"),
    "tied": dict(net=tied, x=tokens(9, 5), classes=9, about="an embedding tied to the output layer"),
    "shared-layer": dict(net=lambda: Net(dict(mix=nn.Linear(8, 8), fc=nn.Linear(8, 3)), lambda n, x: n.fc(n.mix(n.mix(x).tanh()).tanh())), x=WIDE, about="one layer called twice"),
    "dropout": dict(net=FunctionalDropout, x=WIDE, about="nn.Dropout and F.dropout"),
    "dropout-2d": dict(net=lambda: nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Dropout2d(0.2), nn.Flatten(), nn.Linear(216, 3)), x=IMAGE, about="whole channels are dropped"),
    "lstm": dict(net=lambda: Net(dict(rnn=nn.LSTM(8, 6, batch_first=True), fc=nn.Linear(6, 3)), lambda n, x: n.fc(n.rnn(x)[0][:, -1])), x=SERIES, about="gates in another order"),
    "gru": dict(net=lambda: Net(dict(rnn=nn.GRU(8, 6, batch_first=True), fc=nn.Linear(6, 3)), lambda n, x: n.fc(n.rnn(x)[0][:, -1])), x=SERIES, about="gates in another order"),
    "encoder-layer": dict(net=lambda: Net(dict(encoder=nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True), fc=nn.Linear(8, 3)), lambda n, x: n.fc(n.encoder(x).mean(1))), x=SERIES, about="attention, LayerNorms, four Dropouts"),
    "padding-idx": dict(net=lambda: Net(dict(embedding=nn.Embedding(9, 8, padding_idx=0), fc=nn.Linear(8, 3)), lambda n, x: n.fc(n.embedding(x).mean(1))), x=tokens(4, 5), about="a row of the embedding that stays"),
    "frozen": dict(net=lambda: Net(dict(front=frozen(nn.Linear(8, 12)), norm=frozen(nn.LayerNorm(12)), fc=nn.Linear(12, 3)), lambda n, x: n.fc(n.norm(n.front(x).relu()))), x=WIDE, about="parameters with requires_grad=False"),
    "no-grad-front": dict(net=lambda: Net(dict(front=nn.Linear(8, 12), fc=nn.Linear(12, 3)), no_grad_front), x=WIDE, about="a front below torch.no_grad()"),
    "log-scale": dict(net=lambda: Net(dict(fc=nn.Linear(8, 3), log_scale=nn.Parameter(torch.tensor(0.5)), temperature=nn.Parameter(torch.ones(1))), lambda n, x: n.fc(x) * n.log_scale.exp() / n.temperature), x=WIDE, about="a scale by exp, a divisor"),
    "layer-scale": dict(net=lambda: Net(dict(a=nn.Linear(8, 8), gamma=nn.Parameter(torch.full((8,), 0.1)), power=nn.Parameter(torch.tensor(1.5)), fc=nn.Linear(8, 3)), lambda n, x: n.fc(x + n.gamma * n.a(x).relu().add(0.1) ** n.power)), x=WIDE, about="a vector that multiplies, an exponent that is learned"),
    "constants": dict(net=lambda: Net(dict(conv=nn.Conv2d(3, 4, 3), fc=nn.Linear(4, 3)), lambda n, x: n.fc(F.conv2d(n.conv(x * torch.tensor([0.5, 1.5, 2.0], dtype=x.dtype)[:, None, None]), torch.full((4, 1, 3, 3), 1 / 9, dtype=x.dtype), groups=4).relu().mean((2, 3)))), x=IMAGE, about="constants in forward, a fixed blur"),
}
