"""Trains a multi-layer perceptron on a CSV file of whole numbers, the last column the class: an ordinary training script, as
one writes it for HyperDrive. It knows nothing of sweeps: it takes its hyperparameters as arguments, and logs its accuracy
once an epoch.

    python train.py --data digits.csv.gz --lr 0.05 --momentum 0.9
"""

import argparse
import csv
import gzip
import os

import torch
from azureml.core import Run  # Lockstep brings a stand-in where it is not installed


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="CSV file, gzipped or not")
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def load(path):
    """Training and validation part, every fifth row the latter: inputs standardised by the training part, and classes."""
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    table = torch.tensor(rows)
    is_validation = torch.arange(len(table)) % 5 == 0
    inputs, classes = table[:, :-1], table[:, -1].long()
    mean, std = inputs[~is_validation].mean(0), inputs[~is_validation].std(0, unbiased=False)
    inputs = (inputs - mean) / torch.where(std > 0, std, torch.ones_like(std))
    return (inputs[~is_validation], classes[~is_validation]), (inputs[is_validation], classes[is_validation])


class Model(torch.nn.Module):
    def __init__(self, n_inputs, hidden, n_classes):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_inputs, hidden), torch.nn.ReLU(),
            torch.nn.Linear(hidden, hidden), torch.nn.ReLU(),
            torch.nn.Linear(hidden, n_classes))

    def forward(self, inputs):
        return self.layers(inputs)


def train_epoch(model, optimizer, inputs, classes, batch_size):
    model.train()
    loss = torch.nn.CrossEntropyLoss()
    for batch in torch.randperm(len(inputs)).split(batch_size):
        optimizer.zero_grad()
        loss(model(inputs[batch]), classes[batch]).backward()
        optimizer.step()


@torch.no_grad()
def accuracy_of(model, inputs, classes):
    model.eval()
    return (model(inputs).argmax(1) == classes).float().mean().item()


def main():
    arguments = parse_arguments()
    run = Run.get_context()
    torch.manual_seed(arguments.seed)
    training, validation = load(arguments.data)
    model = Model(training[0].shape[1], arguments.hidden, int(training[1].max()) + 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=arguments.lr, momentum=arguments.momentum)

    for epoch in range(arguments.epochs):
        train_epoch(model, optimizer, *training, arguments.batch_size)
        accuracy = accuracy_of(model, *validation)
        print(f"epoch {epoch + 1}: accuracy {accuracy:.4f}")
        run.log("accuracy", accuracy)  # a sweep's policy may end the script here

    os.makedirs("outputs", exist_ok=True)  # what lies here is kept
    torch.save(model.state_dict(), "outputs/model.pt")


if __name__ == "__main__":
    main()
