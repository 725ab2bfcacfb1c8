"""A network as anyone has one in PyTorch: convolutions with BatchNorm, a Dropout, a Linear over tokens, a Linear at the end."""

from torch import nn


class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.mix = nn.Linear(32, 32)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(32, classes)

    def forward(self, image):
        x = self.bn1(self.conv1(image)).relu()
        x = self.bn2(self.conv2(x)).relu()
        # [N, 64, 32]: on three axes a Linear is a MatMul, whose weight an exporter transposes.
        tokens = self.mix(x.flatten(2).transpose(1, 2)).relu()
        return self.head(self.drop(tokens.mean(1)))
