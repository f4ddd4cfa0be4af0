"""TuRBO-1 with Thompson sampling on the functions of bench/bayesian/run, written from its paper: Eriksson, Pearce,
Gardner, Turner, Poloczek, "Scalable global optimization via local Bayesian optimization", NeurIPS 2019, arXiv
1910.01465.

A Gaussian process (Matern-5/2, a lengthscale a dimension) of the observations since the last restart, by gpytorch; a box
around the best of them, in the shape of the lengthscales. Its length doubles after 3 rounds in a row that improved, halves
after as many that did not as the failure tolerance says, which for batches is ceil(max(4, d) / q), and below 2^-7
everything starts anew from a Sobol sequence. Each of the q points is the best of min(100 d, 5000) candidates by one draw
from the posterior; a candidate differs from the centre in min(1, 20 / d) of its coordinates.
"""

import math
import warnings

import gpytorch
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.constraints import Interval
from gpytorch.kernels import MaternKernel, ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood

import optimisation

FIRST_LENGTH, LEAST_LENGTH, LARGEST_LENGTH = 0.8, 0.5**7, 1.6
SUCCESS_TOLERANCE = 3
LEAST_IMPROVEMENT = 1e-3  # of the best value, to count as one


class Turbo(optimisation.Cube):
    def __init__(self, args, seed):
        super().__init__(args)
        torch.manual_seed(seed)
        self.n_startup = optimisation.first_points(args)
        self.n_candidates = min(100 * self.n_params, 5000)
        self.share_moved = min(1.0, 20 / self.n_params)
        self.restart()

    def restart(self):
        self.length, self.n_successes, self.n_failures = FIRST_LENGTH, 0, 0
        self.x, self.y = torch.empty(0, self.n_params), torch.empty(0)
        self.first = self.sobol()

    def sobol(self):
        return torch.quasirandom.SobolEngine(self.n_params, scramble=True, seed=int(torch.randint(2**31, (1,))))

    def fitted(self):
        """Standardised, within the bounds of the paper's appendix."""
        y = (self.y - self.y.mean()) / self.y.std().clamp_min(1e-12)
        kernel = ScaleKernel(MaternKernel(2.5, ard_num_dims=self.n_params, lengthscale_constraint=Interval(0.005, 2.0)),
                             outputscale_constraint=Interval(0.05, 20.0))
        likelihood = GaussianLikelihood(noise_constraint=Interval(0.0005, 0.1))
        model = SingleTaskGP(self.x, y.unsqueeze(1), covar_module=kernel, likelihood=likelihood, outcome_transform=None)
        kernel.outputscale, kernel.base_kernel.lengthscale, likelihood.noise = 1.0, 0.5, 0.005
        fit_gpytorch_mll(ExactMarginalLogLikelihood(likelihood, model))
        return model.eval()

    def propose(self, q):
        if len(self.x) < self.n_startup:
            return self.first.draw(q, dtype=torch.float64)
        with gpytorch.settings.max_cholesky_size(10_000):  # exact, which is also the fastest here
            model = self.fitted()
            weights = model.covar_module.base_kernel.lengthscale.detach().squeeze(0)
            weights = weights / weights.log().mean().exp()
            centre = self.x[self.y.argmin()]
            low, high = ((centre + sign * weights * self.length / 2).clamp(0, 1) for sign in (-1, 1))
            points = low + (high - low) * self.sobol().draw(self.n_candidates, dtype=torch.float64)
            moved = torch.rand(points.shape) < self.share_moved
            none = ~moved.any(1)
            moved[none, torch.randint(self.n_params, (int(none.sum()),))] = True
            candidates = torch.where(moved, points, centre)
            with torch.no_grad():
                draws = model(candidates).sample(torch.Size([q]))
        chosen = []
        for draw in draws:  # no candidate twice
            draw[chosen] = math.inf
            chosen.append(int(draw.argmin()))
        return candidates[chosen]

    def observe(self, points, values):
        values = torch.as_tensor(values)
        if len(self.x) >= self.n_startup:
            self.resize(bool(values.min() < self.y.min() - LEAST_IMPROVEMENT * self.y.min().abs()), len(values))
        self.x, self.y = torch.cat([self.x, torch.as_tensor(points)]), torch.cat([self.y, values])
        if self.length < LEAST_LENGTH:
            self.restart()

    def resize(self, improved, q):
        self.n_successes, self.n_failures = (self.n_successes + 1, 0) if improved else (0, self.n_failures + 1)
        if self.n_successes == SUCCESS_TOLERANCE:
            self.length, self.n_successes = min(2 * self.length, LARGEST_LENGTH), 0
        elif self.n_failures == math.ceil(max(4, self.n_params) / q):
            self.length, self.n_failures = self.length / 2, 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)
    optimisation.main(__doc__, Turbo)
