"""A scrambled Sobol sequence on the functions of bench/bayesian/run, by scipy: it learns nothing."""

from scipy.stats import qmc

import optimisation


class Sobol(optimisation.Cube):
    def __init__(self, args, seed):
        super().__init__(args)
        self.sequence = qmc.Sobol(self.n_params, rng=seed)

    def propose(self, q):
        return self.sequence.random(q)

    def observe(self, points, values):
        pass


if __name__ == "__main__":
    optimisation.main(__doc__, Sobol)
