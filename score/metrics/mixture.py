"""A threshold between two groups of scores without labels: a mixture of two Gaussians."""

from __future__ import annotations

import numpy as np

UPPER_PERCENT = 2.326  # standard deviations above the mean of a Gaussian that 1 % of it exceeds
MOST_FITTED = 50_000  # scores in one fit of a mixture; more are thinned evenly


def mixture_threshold(scores: np.ndarray) -> float:
    """Where the two components of a Gaussian mixture, fitted to scores [N], are equally likely.

    The point between their means, or halfway if there is no such point. If BIC (Schwarz, 1978) prefers one
    Gaussian, as for scores of normal videos only, the score that 1 % of it exceeds. Raises ValueError for
    fewer than two distinct scores.
    """
    from sklearn.mixture import GaussianMixture

    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    if not len(ordered) or ordered[0] == ordered[-1]:
        raise ValueError("--threshold gmm: all validation scores are equal, so they do not form two groups")
    step = -(-len(ordered) // MOST_FITTED)
    # Scaled to [0, 1], because the fit adds 1e-6 to its variances, which must be small in comparison.
    low, span = ordered[0], ordered[-1] - ordered[0]
    rows = ((ordered[step // 2 :: step] - low) / span)[:, None]
    one, two = (GaussianMixture(count, random_state=0).fit(rows) for count in (1, 2))
    chosen = one if one.bic(rows) <= two.bic(rows) else two
    mean, variance = np.asarray(chosen.means_)[:, 0], np.asarray(chosen.covariances_)[:, 0, 0]
    if chosen is one:
        return float(low + span * (mean[0] + UPPER_PERCENT * variance[0] ** 0.5))
    order = np.argsort(mean)
    weight = np.asarray(chosen.weights_)
    return float(low + span * _crossing(mean[order], variance[order], weight[order]))


def _crossing(mean: np.ndarray, variance: np.ndarray, weight: np.ndarray) -> float:
    """The point between both means at which both weighted densities are the same."""
    # Equal log densities are a quadratic equation in the score.
    height = np.log(weight) - 0.5 * np.log(variance) - 0.5 * mean**2 / variance
    slope, bend = mean / variance, -0.5 / variance
    roots = np.roots([bend[1] - bend[0], slope[1] - slope[0], height[1] - height[0]])
    inside = [root.real for root in roots if abs(root.imag) < 1e-12 and mean[0] <= root.real <= mean[1]]
    return min(inside, default=float(mean.mean()))
