"""Bradley–Terry with ties and a side term, by maximum a posteriori, in Newton steps on counts.

For a pair shown with i on the left and j on the right, with eta = theta_i - theta_j + side, the three results have
probabilities in proportion to exp(eta / 2), exp(-eta / 2) and exp(tie) (Davidson 1970, JASA 65:317-328; the order
effect as in Davidson & Beaver 1977, Biometrics 33:693-702). exp(eta) is thus the odds of left against right among
decided votes, and theta on the Elo scale is theta * 400 / ln 10. The skills have a normal prior around 0, which keeps
the undefeated, the never-won and the unconnected finite; without one the model is fitted by maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

ELO_PER_LOGIT = 400 / np.log(10)
PRIOR_SD_ELO = 200.0
"""Of the skills around their mean. Image models of one generation lie within some 100 Elo of each other; a prior that
is twice as wide moves a contender with a few hundred votes by less than its interval."""
SIDE_PRIOR_SD, TIE_PRIOR_SD = 1.0, 2.0
MOST_STEPS, TOLERANCE = 100, 1e-11
TIE_FLOOR = -30.0
"""The tie parameter where no tie is modelled: exp(-30) is none."""

Ties = Literal["davidson", "half", "drop"]


@dataclass(frozen=True, slots=True)
class Model:
    """What is fitted. `ties`: as a result of its own, as half a win for either, or left out."""

    ties: Ties = "davidson"
    side: bool = True
    prior_sd_elo: float | None = PRIOR_SD_ELO

    @property
    def precision(self) -> float:
        """Of the skills' prior, per squared logit; 0 without one."""
        return 0.0 if self.prior_sd_elo is None else (ELO_PER_LOGIT / self.prior_sd_elo) ** 2


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model. `theta` are n skills in logits with mean 0, `side` the advantage of the left, `tie` log nu.

    `curvature` is the negative Hessian of the log posterior over (theta_1 … theta_n, side, tie), shape (n + 2, n + 2),
    with the directions that are not fitted, or not determined, made regular. `converged` is False where Newton's steps
    did not settle.
    """

    model: Model
    theta: Array
    side: float
    tie: float
    curvature: Array = field(repr=False)
    converged: bool
    steps: int

    @property
    def elo(self) -> Array:
        """Skills on the Elo scale, mean 0."""
        return np.asarray(self.theta * ELO_PER_LOGIT)

    @property
    def parameters(self) -> Array:
        """(theta_1 … theta_n, side, tie), shape (n + 2,)."""
        return np.concatenate((self.theta, [self.side, self.tie]))

    def inverse(self) -> Array:
        """The inverse of the curvature, shape (n + 2, n + 2)."""
        return np.asarray(cho_solve(cho_factor(self.curvature), np.eye(len(self.curvature))))


def fit(
    counts: NDArray[np.float64], model: Model | None = None, start: Fit | None = None, towards: Array | None = None
) -> Fit:
    """Fit a model to counts by left, right and result, shape (n, n, 3); `start` is where Newton's steps begin.

    `towards` are skills in logits around which the prior lies instead of around 0: that is how a board of few votes is
    pooled partially with a larger one. The result depends on counts and prior alone, to within 1e-11 logits.
    """
    model = model or Model()
    cells = _prepared(counts, model)
    n = len(counts)
    centre = np.zeros(n) if towards is None else towards - towards.sum() / max(n, 1)
    fitted = _Fitted(n, centre, side=model.side, tie=model.ties == "davidson" and bool(cells[2].sum()))
    x = np.zeros(n + 2) if start is None else start.parameters.copy()
    if not fitted.tie:
        x[-1] = TIE_FLOOR
    elif x[-1] <= TIE_FLOOR:
        x[-1] = 0.0
    value, slope, curvature = _posterior(x, cells, model, fitted)
    steps, converged = 0, False
    while not converged and steps < MOST_STEPS:
        step = cho_solve(cho_factor(curvature), slope)
        x, value, slope, curvature = _stepped(x, step, value, cells, model, fitted)
        converged, steps = bool(np.max(np.abs(step)) < TOLERANCE), steps + 1
    theta = x[:n] - x[:n].sum() / max(n, 1)
    return Fit(model, theta, float(x[n]), float(x[n + 1]), curvature, converged, steps)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Where the prior of the skills lies, and which of the other parameters are free."""

    n: int
    centre: Array
    side: bool
    tie: bool


def _prepared(counts: NDArray[np.float64], model: Model) -> tuple[Array, Array, Array]:
    """Left, right and tied votes by pair, as the model takes them."""
    left, right, tied = (np.ascontiguousarray(counts[:, :, k], dtype=float) for k in range(3))
    if model.ties == "half":
        return left + tied / 2, right + tied / 2, np.zeros_like(tied)
    return left, right, np.zeros_like(tied) if model.ties == "drop" else tied


def _stepped(
    x: Array, step: Array, value: float, cells: tuple[Array, Array, Array], model: Model, fitted: _Fitted
) -> tuple[Array, float, Array, Array]:
    """One Newton step, halved until the posterior does not fall."""
    scale = 1.0
    while True:
        tried = x + scale * step
        new_value, slope, curvature = _posterior(tried, cells, model, fitted)
        if new_value >= value - 1e-9 * abs(value) or scale < 1e-6:
            return tried, new_value, slope, curvature
        scale /= 2


def probabilities(theta: Array, side: float, tie: float) -> tuple[Array, Array, Array]:
    """P(left), P(right), P(tie) for every ordered pair, each of shape (n, n)."""
    half = (theta[:, None] - theta[None, :] + side) / 2
    top = np.maximum(np.abs(half), tie)
    left, right, tied = np.exp(half - top), np.exp(-half - top), np.exp(tie - top)
    total = left + right + tied
    return left / total, right / total, tied / total


def even_inverse(fitted: Fit, counts: NDArray[np.float64]) -> Array:
    """The inverse curvature if all contenders were equal, shape (n + 2, n + 2): no votes of that number tell more."""
    n = len(fitted.theta)
    x = np.concatenate((np.zeros(n + 1), [fitted.tie]))
    free = _Fitted(
        n, np.zeros(n), side=fitted.model.side, tie=fitted.model.ties == "davidson" and fitted.tie > TIE_FLOOR
    )
    _, _, curvature = _posterior(x, _prepared(counts, fitted.model), fitted.model, free)
    return np.asarray(cho_solve(cho_factor(curvature), np.eye(n + 2)))


def _posterior(
    x: Array, cells: tuple[Array, Array, Array], model: Model, fitted: _Fitted
) -> tuple[float, Array, Array]:
    """Log posterior, its gradient, and the negative Hessian made regular."""
    n = fitted.n
    theta, side, tie = x[:n], float(x[n]), float(x[n + 1])
    half = (theta[:, None] - theta[None, :] + side) / 2
    top = np.maximum(np.abs(half), tie)
    e_left, e_right, e_tie = np.exp(half - top), np.exp(-half - top), np.exp(tie - top)
    total = e_left + e_right + e_tie
    log_total = top + np.log(total)
    p_left, p_right, p_tie = e_left / total, e_right / total, e_tie / total
    won, lost, tied = cells
    votes = won + lost + tied
    value = float(((won - lost) * half + tied * tie - votes * log_total).sum())
    lean = (p_left - p_right) / 2
    residual = (won - lost) / 2 - votes * lean
    w = votes * ((p_left + p_right) / 4 - lean**2)
    cross, tie_w = -votes * lean * p_tie, votes * p_tie * (1 - p_tie)
    slope, curvature = np.zeros(n + 2), np.zeros((n + 2, n + 2))
    slope[:n] = residual.sum(1) - residual.sum(0)
    slope[n], slope[n + 1] = residual.sum(), (tied - votes * p_tie).sum()
    curvature[:n, :n] = np.diag(w.sum(1) + w.sum(0)) - w - w.T
    curvature[:n, n] = curvature[n, :n] = w.sum(1) - w.sum(0)
    curvature[:n, n + 1] = curvature[n + 1, :n] = cross.sum(1) - cross.sum(0)
    curvature[n, n + 1] = curvature[n + 1, n] = cross.sum()
    curvature[n, n], curvature[n + 1, n + 1] = w.sum(), tie_w.sum()
    return _with_prior(x, value, slope, curvature, model, fitted)


def _with_prior(
    x: Array, value: float, slope: Array, curvature: Array, model: Model, fitted: _Fitted
) -> tuple[float, Array, Array]:
    """Add the prior; hold what is not fitted where it is, and the mean of the skills at 0."""
    n, theta = fitted.n, x[: fitted.n]
    off = theta - fitted.centre
    value -= model.precision * float(off @ off) / 2
    slope[:n] -= model.precision * off
    curvature[:n, :n] += model.precision * np.eye(n)
    if model.precision == 0:  # the likelihood knows differences only
        value -= float(theta.sum()) ** 2 / (2 * n)
        slope[:n] -= theta.sum() / n
        curvature[:n, :n] += np.full((n, n), 1 / n) + 1e-10 * np.eye(n)
    for index, free, sd in ((n, fitted.side, SIDE_PRIOR_SD), (n + 1, fitted.tie, TIE_PRIOR_SD)):
        if not free:
            slope[index] = 0
            curvature[index, :] = curvature[:, index] = 0
            curvature[index, index] = 1
        elif model.precision:
            value -= (x[index] / sd) ** 2 / 2
            slope[index] -= x[index] / sd**2
            curvature[index, index] += 1 / sd**2
    return value, slope, curvature
