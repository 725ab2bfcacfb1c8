"""The models of examples/training/models as one writes them in PyTorch, with the same names of weights."""

import torch
from torch import nn


def mlp(features, hidden, outputs):
    layers, width = [], features
    for between in hidden:
        layers += [nn.Linear(width, between), nn.ReLU()]
        width = between
    return Sole(nn.Sequential(*layers, nn.Linear(width, outputs)), "x")


class Sole(nn.Module):
    """A Sequential whose weights keep its own names, given its input by name."""

    def __init__(self, inner, name):
        super().__init__()
        for key, module in inner.named_children():
            self.add_module(key, module)
        self.inner, self.name = [inner], name

    def forward(self, **feeds):
        return self.inner[0](feeds[self.name])


class Block(nn.Module):
    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or before != channels:
            self.downsample = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, depth, classes=10, size=32):
        super().__init__()
        blocks, width = {8: ([1, 1, 1], 16), 18: ([2, 2, 2, 2], 64)}[depth]
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.stages, channels = len(blocks), width
        for stage, count in enumerate(blocks):
            made = []
            for i in range(count):
                made.append(Block(channels, width * 2**stage, 2 if stage > 0 and i == 0 else 1))
                channels = width * 2**stage
            self.add_module(f"layer{stage + 1}", nn.Sequential(*made))
        self.fc = nn.Linear(channels, classes)

    def forward(self, image):
        x = self.relu(self.bn1(self.conv1(image)))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


class Lstm(nn.Module):
    def __init__(self, features, hidden, classes, layers=1, bidirectional=False):
        super().__init__()
        self.rnn = nn.LSTM(features, hidden, layers, batch_first=True, bidirectional=bidirectional)
        self.fc = nn.Linear(hidden * (2 if bidirectional else 1), classes)

    def forward(self, x):
        _, (last, _) = self.rnn(x)
        return self.fc(torch.cat([last[-2], last[-1]], 1) if self.rnn.bidirectional else last[-1])


class Sage(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.lin_l = nn.Linear(before, after)
        self.lin_r = nn.Linear(before, after, bias=False)

    def forward(self, own, total, count):
        return self.lin_l(total / count.clamp(min=1)) + self.lin_r(own)


class Gcn(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.lin = nn.Linear(before, after, bias=False)
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, own, total, count):
        return self.lin((total + own) / (count + 1)) + self.bias


class Sampled(nn.Module):
    """Layers over sampled neighbours, from the outermost hop in."""

    def __init__(self, layer, features, hidden, classes, batch, fanouts):
        super().__init__()
        hops = len(fanouts)
        sides = [features] + [hidden] * (hops - 1) + [classes]
        self.convs = nn.ModuleList([layer(before, after) for before, after in zip(sides, sides[1:])])

    def forward(self, features, **hops):
        h, count = features, len(self.convs)
        for layer, conv in enumerate(self.convs):
            near, mask = hops[f"neighbours{count - 1 - layer}"], hops[f"mask{count - 1 - layer}"]
            total = (h[near] * mask.unsqueeze(2)).sum(1)
            h = conv(h[: near.shape[0]], total, mask.sum(1, keepdim=True))
            if layer < count - 1:
                h = h.relu()
        return h


class Transformer(nn.Module):
    def __init__(self, vocabulary, classes, steps, width, heads, layers):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(steps, width)
        one = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(one, layers)
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, tokens, mask):
        x = self.embedding(tokens) + self.positions.weight
        x = self.norm(self.encoder(x, src_key_padding_mask=mask == 0))
        mean = (x * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return self.fc(mean)


makers = {
    "mlp": mlp,
    "resnet": ResNet,
    "lstm": Lstm,
    "graphsage": lambda **options: Sampled(Sage, **options),
    "gcn": lambda **options: Sampled(Gcn, **options),
    "transformer": Transformer,
}
