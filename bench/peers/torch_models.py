"""The workloads' models as PyTorch modules; in C++: models/, with the sizes of bench/training/workloads.cpp."""

import torch
from torch import nn

from contest import CLASSES, CONTEXT, FEATURES, TOKENS


def mlp(width):
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                         nn.Linear(width, CLASSES))


def logistic():
    return nn.Linear(64, CLASSES)


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, CLASSES))


class BasicBlock(nn.Module):
    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.shortcut = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x):
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(y + self.shortcut(x))


def resnet():
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
                         BasicBlock(16, 16, 1), BasicBlock(16, 32, 2), BasicBlock(32, 64, 2),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, 64, batch_first=True)
        self.last = nn.Linear(64, CLASSES)

    def forward(self, x):
        return self.last(self.lstm(x)[0][:, -1])


class LoopedLstm(nn.Module):
    """The same as a loop over nn.LSTMCell, for where nn.LSTM cannot be vmapped."""

    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(FEATURES, 64)
        self.last = nn.Linear(64, CLASSES)

    def forward(self, x):
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return self.last(state[0])


class WrittenLstm(nn.Module):
    """The same written out, for where nn.LSTMCell cannot be vmapped either. The inputs' product is taken at once."""

    def __init__(self):
        super().__init__()
        self.of_input = nn.Linear(FEATURES, 4 * 64)
        self.of_state = nn.Linear(64, 4 * 64)
        self.last = nn.Linear(64, CLASSES)
        for layer in (self.of_input, self.of_state):
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -(64**-0.5), 64**-0.5)

    def forward(self, x):
        h = c = x.new_zeros(len(x), 64)
        for gates in self.of_input(x).unbind(1):
            i, f, g, o = (gates + self.of_state(h)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return self.last(h)


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(FEATURES, 64, batch_first=True)
        self.last = nn.Linear(64, CLASSES)

    def forward(self, x):
        return self.last(self.gru(x)[0][:, -1])


class LoopedGru(nn.Module):
    """The same as a loop over nn.GRUCell, for where nn.GRU cannot be vmapped."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(FEATURES, 64)
        self.last = nn.Linear(64, CLASSES)

    def forward(self, x):
        h = None
        for step in x.unbind(1):
            h = self.cell(step, h)
        return self.last(h)


class WrittenGru(nn.Module):
    """The same written out, for where nn.GRUCell cannot be vmapped either. The inputs' product is taken at once."""

    def __init__(self):
        super().__init__()
        self.of_input = nn.Linear(FEATURES, 3 * 64)
        self.of_state = nn.Linear(64, 3 * 64)
        self.last = nn.Linear(64, CLASSES)
        for layer in (self.of_input, self.of_state):
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -(64**-0.5), 64**-0.5)

    def forward(self, x):
        h = x.new_zeros(len(x), 64)
        for of_input in self.of_input(x).unbind(1):
            (reset, update, new), (of_reset, of_update, of_new) = of_input.chunk(3, 1), self.of_state(h).chunk(3, 1)
            z = (update + of_update).sigmoid()
            h = z * h + (1 - z) * (new + (reset + of_reset).sigmoid() * of_new).tanh()
        return self.last(h)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(TOKENS, 128)
        self.position = nn.Embedding(CONTEXT, 128)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(128, 4, 256, dropout=0, batch_first=True), 2,
                                             enable_nested_tensor=False)
        self.last = nn.Linear(128, TOKENS)
        self.mask = nn.Transformer.generate_square_subsequent_mask(CONTEXT)  # no buffer: it would be stacked

    def forward(self, tokens):
        x = self.embed(tokens) + self.position.weight
        return self.last(self.encoder(x, self.mask))


class WrittenAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(128, 3 * 128)
        self.leave = nn.Linear(128, 128)

    def forward(self, x, mask):
        q, k, v = (part.unflatten(-1, (4, 32)).transpose(1, 2) for part in self.enter(x).chunk(3, -1))
        weights = (q @ k.transpose(-1, -2) * 32**-0.5 + mask).softmax(-1)
        return self.leave((weights @ v).transpose(1, 2).flatten(2))


class WrittenLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = WrittenAttention()
        self.norm1, self.norm2 = nn.LayerNorm(128), nn.LayerNorm(128)
        self.forward1, self.forward2 = nn.Linear(128, 256), nn.Linear(256, 128)

    def forward(self, x, mask):
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.forward2(torch.relu(self.forward1(x))))


class WrittenTransformer(nn.Module):
    """The same with attention written out, which vmap batches whole."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(TOKENS, 128)
        self.position = nn.Embedding(CONTEXT, 128)
        self.layers = nn.ModuleList(WrittenLayer() for _ in range(2))
        self.last = nn.Linear(128, TOKENS)
        self.mask = nn.Transformer.generate_square_subsequent_mask(CONTEXT)  # no buffer: it would be stacked

    def forward(self, tokens):
        x = self.embed(tokens) + self.position.weight
        for layer in self.layers:
            x = layer(x, self.mask)
        return self.last(x)


def variants(args):
    """Ways to write the workload's model, by name: the ordinary one first, then those that a user comes to when vmap
    does not take it, or takes it slowly."""
    return {
        "mlp": {"nn": lambda: mlp(args.width)},
        "logistic": {"nn": logistic},
        "lenet": {"nn": lenet},
        "resnet": {"nn": resnet},
        "lstm": {"nn.LSTM": Lstm, "nn.LSTMCell": LoopedLstm, "written out": WrittenLstm},
        "gru": {"nn.GRU": Gru, "nn.GRUCell": LoopedGru, "written out": WrittenGru},
        "transformer": {"nn.TransformerEncoder": Transformer, "written out": WrittenTransformer},
    }[args.workload]
