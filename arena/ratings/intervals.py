"""How sure a rating is when votes share prompts and voters.

The covariance is a sandwich (Huber 1967; White 1980): curvature^-1 · meat · curvature^-1, with the meat summed over
clusters. Votes on one prompt lean the same way, because the prompt suits one model; votes of one voter lean the same
way, too. Clustering in both ways at once adds the two and takes away what they share (Cameron, Gelbach & Miller 2011,
JBES 29:238-249). Quantiles come from Student's t with one degree of freedom less than there are prompts: with twenty
prompts, ten thousand votes say less than they seem to (`make bench-arena`). What counts is the number of prompts that
tell of the contender in question, taken as how many of equal size would say as much (in the manner of Carter, Schnepel
& Steigerwald 2017, REStat 99:698-709, with votes of one cluster taken to agree): a newcomer with two hundred votes on
four prompts has three degrees of freedom, however many prompts the veterans were seen on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse, stats

from arena.ratings.davidson import ELO_PER_LOGIT, Array, Fit, even_inverse, probabilities
from arena.ratings.votes import Result, Votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIDENCE = 0.95
LEAST_PROMPTS = 1.5
"""Below so many effective prompts of its own, a contender on a board of several has no interval."""
DENSE_CELLS = 16_000_000
"""Cluster sums of up to so many numbers are kept as a full matrix."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Covariances of the parameters (n skills relative to their mean, side, tie), in squared logits.

    `covariance` is what intervals come from; `clustered` is the sandwich alone, `independent` what it would be if votes
    shared nothing. `freedom` is the degrees of freedom of t: one less than the effective number of prompts or of
    voters, whichever is smaller; 0 where no interval can be had. `freedoms` are those of each contender, shape (n,),
    from the prompts and voters that tell of it. `scope` says what the intervals are about.
    """

    covariance: Array = field(repr=False)
    clustered: Array = field(repr=False)
    independent: Array = field(repr=False)
    prompts: int
    voters: int
    freedom: int
    freedoms: Array
    scope: str

    def t(self, confidence: float = CONFIDENCE) -> float:
        """The two-sided quantile of Student's t; infinite where there are no degrees of freedom."""
        return float(stats.t.ppf((1 + confidence) / 2, self.freedom)) if self.freedom > 0 else float("inf")

    def half_widths_elo(self, n: int) -> Array:
        """Half the width of each skill's 95 % interval on the Elo scale, shape (n,)."""
        return np.asarray(student(self.freedoms) * np.sqrt(np.diag(self.covariance)[:n]) * ELO_PER_LOGIT)

    def quantiles_between(self, tail: float = (1 + CONFIDENCE) / 2) -> Array:
        """The quantile of t for each difference, with the freedom of the less known of the two, shape (n, n)."""
        each = student(self.freedoms, tail)
        return np.asarray(np.maximum(each[:, None], each[None, :]))

    def design_effect(self, n: int) -> float:
        """How many votes it takes to say what one independent vote would: the mean ratio of the variances."""
        clustered, plain = np.diag(self.clustered)[:n], np.diag(self.independent)[:n]
        known = plain > 0
        return float(np.mean(clustered[known] / plain[known])) if known.any() else float("nan")


def student(freedom: Array, tail: float = (1 + CONFIDENCE) / 2) -> Array:
    """Quantiles of Student's t, infinite where there is no degree of freedom."""
    known = freedom > 0
    return np.where(known, stats.t.ppf(tail, np.where(known, freedom, 1.0)), np.inf)


def precision(fitted: Fit, votes: Votes, settled: NDArray[np.bool_] | None = None) -> Precision:
    """The covariance of a fit, clustered by prompt and by voter as far as there are several of each.

    Skills are taken relative to the mean of the `settled` contenders (None: of all), so that what is not known of a
    newcomer does not widen the intervals of the others.
    """
    scores = _Scores(fitted, votes)
    n = len(votes.contenders)
    centring = _centring(n, settled)
    bread = np.asarray(centring @ fitted.inverse())
    everything = scores.meat(None)
    prompts, voters = _distinct(votes.prompt), _distinct(votes.voter)
    by_prompt = scores.meat(votes.prompt) if prompts > 1 else None
    by_voter = scores.meat(votes.voter) if voters > 1 else None
    if by_prompt is not None and by_voter is not None:
        meat = by_prompt + by_voter - scores.meat(_paired(votes.prompt, votes.voter))
        meats = [_psd(meat), by_prompt, by_voter]
    else:
        meats = [by_prompt if by_prompt is not None else by_voter if by_voter is not None else everything]
    # No variance below what one way of clustering says alone, nor below what as many votes between equals leave open:
    # in small samples the sandwich can come out too thin by chance, and for who has only won yet it always does.
    weights = votes.weights
    effective = float(weights.sum() / (weights**2).sum()) if len(votes) else 1.0
    even = centring @ even_inverse(fitted, votes.counts() * effective) @ centring.T
    floor = [] if fitted.model.ties == "half" else [even]
    sandwiches = [bread @ m @ bread.T for m in meats]
    covariance, clustered = _widest(*sandwiches, *floor), _widest(*sandwiches)
    clusters = _clusters_of_each(votes, by_prompts=prompts > 1, by_voters=voters > 1)
    covariance = covariance + np.diag(np.append(_few_clusters(clusters) * np.diag(clustered)[:n], [0.0, 0.0]))
    scope = "these prompts" if prompts > 1 else "this prompt"
    counts = [_effective(votes.prompt)] if prompts > 1 else []
    counts += [_effective(votes.voter)] if voters > 1 else []
    freedom = max(0, (max(2, round(min(counts))) if counts else len(votes)) - 1)
    freedoms = np.minimum(freedom, np.maximum(clusters - 1, clusters > 1)) if counts else np.full(n, float(freedom))
    independent = bread @ everything @ bread.T
    return Precision(covariance, clustered, independent, prompts, voters, freedom, freedoms, scope)


def vote_scores(fitted: Fit, votes: Votes) -> tuple[Array, NDArray[np.int64]]:
    """The gradient of each vote's log likelihood: four entries a vote, and which parameters they belong to; (m, 4)."""
    left, right, slope, tied = _Scores(fitted, votes).entries(None)
    n = len(votes.contenders)
    side = float(fitted.model.side)
    columns = np.column_stack((left, right, np.full_like(left, n), np.full_like(left, n + 1)))
    return np.column_stack((slope, -slope, side * slope, tied)), columns


class _Scores:
    """The gradients of the votes' log likelihoods, which depend on pair and result alone, and their sums by cluster."""

    def __init__(self, fitted: Fit, votes: Votes) -> None:
        n = len(votes.contenders)
        self._votes, self._n, self._size = votes, n, n + 2
        self._side = float(fitted.model.side)
        p_left, p_right, p_tie = probabilities(fitted.theta, fitted.side, fitted.tie)
        lean = (p_left - p_right) / 2
        slope = np.stack((0.5 - lean, -0.5 - lean, -lean), axis=2)
        tied = np.stack((-p_tie, -p_tie, 1 - p_tie), axis=2)
        if fitted.model.ties == "drop":
            slope[:, :, Result.TIE] = 0
        if fitted.model.ties != "davidson":
            tied[:] = 0
        self._slope, self._tied = slope.reshape(-1), tied.reshape(-1)
        self._cell = (votes.left * n + votes.right) * 3 + votes.result

    def meat(self, cluster: NDArray[np.int64] | None) -> Array:
        """The sum over clusters of the outer product of each cluster's summed score; None: every vote is its own."""
        if cluster is None:
            return self._outer(None)
        groups, sizes = _compact(cluster)
        count = int(sizes.size)
        correction = count / (count - 1) if count > 1 else 1.0
        if count * self._size <= DENSE_CELLS:
            summed = self._summed(groups, count, None)
            return np.asarray(summed.T @ summed) * correction
        # Most clusters are a single vote: those need no sums.
        shared = sizes[groups] > 1
        meat = self._outer(~shared)
        if shared.any():
            inner, inner_sizes = _compact(groups[shared])
            meat = meat + self._sparse(inner, int(inner_sizes.size), shared)
        return meat * correction

    def entries(self, chosen: NDArray[np.bool_] | None) -> tuple[NDArray[np.int64], NDArray[np.int64], Array, Array]:
        """Left, right, and the weighted slopes in eta and in the tie parameter, of the chosen votes."""
        votes = self._votes
        take = slice(None) if chosen is None else chosen
        cell, weight = self._cell[take], votes.weights[take]
        return votes.left[take], votes.right[take], weight * self._slope[cell], weight * self._tied[cell]

    def _summed(self, groups: NDArray[np.int64], count: int, chosen: NDArray[np.bool_] | None) -> Array:
        """Scores by cluster, shape (count, n + 2)."""
        left, right, slope, tied = self.entries(chosen)
        cells, size = count * self._n, (count, self._n)
        summed = np.empty((count, self._size))
        summed[:, : self._n] = np.bincount(groups * self._n + left, slope, cells).reshape(size)
        summed[:, : self._n] -= np.bincount(groups * self._n + right, slope, cells).reshape(size)
        summed[:, self._n] = self._side * np.bincount(groups, slope, count)
        summed[:, self._n + 1] = np.bincount(groups, tied, count)
        return summed

    def _sparse(self, groups: NDArray[np.int64], count: int, chosen: NDArray[np.bool_]) -> Array:
        left, right, slope, tied = self.entries(chosen)
        n = self._n
        columns = np.concatenate((left, right, np.full_like(left, n), np.full_like(left, n + 1)))
        values = np.concatenate((slope, -slope, self._side * slope, tied))
        matrix = sparse.coo_array((values, (np.tile(groups, 4), columns)), shape=(count, self._size)).tocsr()
        return np.asarray((matrix.T @ matrix).toarray())

    def _outer(self, chosen: NDArray[np.bool_] | None) -> Array:
        """The sum of the outer products of single votes' scores: a sum over pairs and results."""
        n, size = self._n, self._size
        take = slice(None) if chosen is None else chosen
        weight = None if self._votes.weight is None else self._votes.weight[take] ** 2
        votes = np.bincount(self._cell[take], weight, 3 * n * n).astype(float)
        square, product, tied = (
            (votes * x).reshape(n, n, 3).sum(axis=2) for x in (self._slope**2, self._slope * self._tied, self._tied**2)
        )
        meat = np.zeros((size, size))
        meat[:n, :n] = np.diag(square.sum(1) + square.sum(0)) - square - square.T
        meat[:n, n] = meat[n, :n] = self._side * (square.sum(1) - square.sum(0))
        meat[:n, n + 1] = meat[n + 1, :n] = product.sum(1) - product.sum(0)
        meat[n, n], meat[n + 1, n + 1] = self._side * square.sum(), tied.sum()
        meat[n, n + 1] = meat[n + 1, n] = self._side * product.sum()
        return meat


def _centring(n: int, settled: NDArray[np.bool_] | None) -> Array:
    """Takes the skills relative to the mean of the settled ones, and leaves the other parameters alone."""
    chosen = np.ones(n, dtype=bool) if settled is None or not settled.any() else settled
    centring = np.eye(n + 2)
    centring[:n, :n] -= chosen / max(1, int(chosen.sum()))
    return centring


def _effective(labels: NDArray[np.int64]) -> float:
    """How many clusters of equal size would be as good; one that holds most of the votes leaves few."""
    sizes = _sizes(labels).astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def _clusters_of_each(votes: Votes, *, by_prompts: bool, by_voters: bool) -> Array:
    """How many clusters of equal size would tell as much of each contender as its own do, shape (n,).

    The fewer of its prompts and its voters, as far as the board has several. 0 where all its votes, or nearly all, are
    on one prompt: what it is worth on others is not known. Voters count as two at least, as on the board as a whole.
    """
    found = np.full(len(votes.contenders), np.inf)
    if by_prompts:
        prompts = _effective_each(votes, votes.prompt)
        found = np.where(prompts < LEAST_PROMPTS, 0.0, prompts)
    if by_voters:
        found = np.minimum(found, np.maximum(2.0, _effective_each(votes, votes.voter)))
    return found


def _effective_each(votes: Votes, labels: NDArray[np.int64]) -> Array:
    """`_effective` over the votes of each contender, shape (n,); 0 without votes."""
    n = len(votes.contenders)
    groups, _ = _compact(labels)
    count = int(groups.max(initial=-1)) + 1
    total = np.bincount(votes.left, minlength=n) + np.bincount(votes.right, minlength=n).astype(float)
    cells = np.concatenate((votes.left * count + groups, votes.right * count + groups))
    if n * count <= DENSE_CELLS:  # counting is faster than sorting
        sizes = np.bincount(cells, minlength=n * count).reshape(n, count)
        squares = np.einsum("ij,ij->i", sizes, sizes).astype(float)
    else:
        keys, repeats = np.unique(cells, return_counts=True)
        squares = np.bincount(keys // count, repeats.astype(float) ** 2, n)
    return np.asarray(np.divide(total**2, squares, out=np.zeros(n), where=squares > 0))


def _few_clusters(clusters: Array) -> Array:
    """By what share the sandwich's variance of each contender falls short: a fit leans on its own few clusters."""
    several = np.isfinite(clusters) & (clusters > 1)
    return np.divide(1.0, clusters - 1, out=np.zeros_like(clusters), where=several)


def _compact(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels as 0 … c - 1, and how often each occurs."""
    most = int(labels.max(initial=0))
    if most < 8 * labels.size:  # a table is faster than sorting
        seen = np.bincount(labels, minlength=most + 1)
        found = np.flatnonzero(seen)
        number = np.empty(most + 1, dtype=np.int64)  # only the places that occur are written, and read
        number[found] = np.arange(found.size)
        return number[labels], seen[found]
    _, groups, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return groups.reshape(-1).astype(np.int64), sizes.astype(np.int64)


def _sizes(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each label occurs."""
    if int(labels.max(initial=0)) < 8 * labels.size:
        seen = np.bincount(labels)
        return seen[seen > 0]
    return np.unique(labels, return_counts=True)[1].astype(np.int64)


def _distinct(labels: NDArray[np.int64]) -> int:
    return int(_sizes(labels).size)


def _paired(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """One label for each combination of two."""
    return a * (int(b.max(initial=0)) + 1) + b


def _psd(meat: Array) -> Array:
    """The nearest matrix without negative variances (Cameron, Gelbach & Miller, §2.3)."""
    values, vectors = np.linalg.eigh((meat + meat.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


def _widest(combined: Array, *others: Array) -> Array:
    """The combined covariance with each variance brought up to the largest one; differences widen with them."""
    largest = np.max([np.diag(c) for c in (combined, *others)], axis=0)
    return np.asarray(combined + np.diag(np.maximum(largest - np.diag(combined), 0)))
