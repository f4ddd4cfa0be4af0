"""BoTorch on the functions of bench/bayesian/run: a SingleTaskGP with its own priors, fitted anew every round by
fit_gpytorch_mll, and the logarithm of the expected improvement: of one point where q is 1, else qLogEI of all q at once
(--greedy: point after point)."""

import time
import warnings

import torch
from botorch.acquisition import LogExpectedImprovement, qLogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood

import optimisation


def add_arguments(parser):
    parser.add_argument("--greedy", action="store_true", help="choose the points of a batch one after the other")


class Botorch(optimisation.Cube):
    def __init__(self, args, seed):
        super().__init__(args)
        torch.manual_seed(seed)
        self.greedy, self.n_startup = args.greedy, optimisation.first_points(args)
        self.sequence = torch.quasirandom.SobolEngine(self.n_params, scramble=True, seed=seed)
        self.x, self.y = torch.empty(0, self.n_params), torch.empty(0, 1)
        self.figures = {"seconds_of_fits": []}

    def propose(self, q):
        if len(self.x) < self.n_startup:
            return self.sequence.draw(q, dtype=torch.float64)
        begin = time.perf_counter()
        model = SingleTaskGP(self.x, self.y)  # of the largest value
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        self.figures["seconds_of_fits"].append(time.perf_counter() - begin)
        acquisition = (LogExpectedImprovement if q == 1 else qLogExpectedImprovement)(model, best_f=self.y.max())
        # The settings of BoTorch's own examples: as many raw samples, fewer restarts where there are many points.
        points, _ = optimize_acqf(acquisition, torch.tensor([[0.0], [1.0]]).expand(2, self.n_params), q=q,
                                  num_restarts=10 if q == 1 else 2, raw_samples=512 if q == 1 else 64,
                                  sequential=self.greedy and q > 1, options={"batch_limit": 5, "maxiter": 200})
        return points.detach()

    def observe(self, points, values):
        self.x = torch.cat([self.x, torch.as_tensor(points)])
        self.y = torch.cat([self.y, -torch.as_tensor(values).unsqueeze(1)])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)
    optimisation.main(__doc__, Botorch, add_arguments)
