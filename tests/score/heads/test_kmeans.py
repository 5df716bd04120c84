"""k-means with k = 2 in every bag: planted clusters, any padding, and centres with a gradient."""

import torch

from score.heads.layers.kmeans import both_filled, cluster_centres, two_clusters


def test_two_planted_clusters_are_found_in_every_bag():
    torch.manual_seed(0)
    truth = torch.rand(5, 40) < 0.3
    rows = torch.randn(5, 40, 6) + 8 * truth[:, :, None]
    cluster = two_clusters(rows, torch.ones(5, 40, dtype=torch.bool))
    for found, planted in zip(cluster.bool(), truth, strict=True):
        assert torch.equal(found, planted) or torch.equal(found, ~planted)


def test_clusters_are_as_tight_as_those_of_sklearn():
    from sklearn.cluster import KMeans

    torch.manual_seed(1)
    rows, mask = torch.randn(3, 30, 2), torch.ones(3, 30, dtype=torch.bool)
    cluster = two_clusters(rows, mask, iterations=50)
    centres = cluster_centres(rows, mask, cluster)
    spread = (rows - centres.gather(1, cluster[:, :, None].expand(-1, -1, 2))).square().sum(dim=(1, 2))
    for bag, mine in zip(rows, spread, strict=True):
        assert (
            mine <= KMeans(2, n_init=10, random_state=0).fit(bag.numpy()).inertia_ * 1.15
        )  # Lloyd finds a local optimum


def test_padding_belongs_to_no_cluster_and_no_centre():
    rows, mask = torch.randn(1, 6, 3), torch.tensor([[True, True, True, True, False, False]])
    changed = rows.clone()
    changed[~mask] = 1e4
    first, second = two_clusters(rows, mask), two_clusters(changed, mask)
    assert torch.equal(first[mask], second[mask])
    assert torch.equal(cluster_centres(rows, mask, first), cluster_centres(changed, mask, second))


def test_equal_rows_and_a_single_row_are_one_cluster():
    mask = torch.tensor([[True] * 4, [True, False, False, False]])
    cluster = two_clusters(torch.ones(2, 4, 3), mask)
    assert both_filled(mask, cluster).tolist() == [False, False]


def test_a_centre_is_the_mean_of_its_rows_and_shares_its_gradient_among_them():
    rows = torch.tensor([[[1.0], [3.0], [10.0]]], requires_grad=True)
    cluster = torch.tensor([[0, 0, 1]])
    centres = cluster_centres(rows, torch.ones(1, 3, dtype=torch.bool), cluster)
    assert centres.flatten().tolist() == [2.0, 10.0]
    centres[0, 0].sum().backward()
    assert rows.grad.flatten().tolist() == [0.5, 0.5, 0.0]
