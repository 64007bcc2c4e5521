from __future__ import annotations

import numpy as np
import pytest

from tgan_tf.metrics.neighbours import memorisation, nearest


def test_the_nearest_of_a_stream_are_those_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    queries, others = rng.normal(size=(20, 4)), rng.normal(size=(300, 4))
    distances = np.linalg.norm(queries[:, None] - others, axis=-1)
    found = nearest(queries, np.split(others, [7, 100]), k=3)
    np.testing.assert_array_equal(found.rows, distances.argsort(axis=1)[:, :3])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :3], atol=1e-5)
    with pytest.raises(ValueError, match="3 nearest neighbours of a set of 2"):
        nearest(queries, [others[:2]], k=3)


def test_memorisation_tells_copies_from_fresh_samples() -> None:
    rng = np.random.default_rng(0)
    train, unseen, fresh = rng.normal(size=(3, 1000, 3))

    def distances(queries: np.ndarray) -> np.ndarray:
        return nearest(queries, [train]).distances[:, 0]

    honest = memorisation(distances(fresh), distances(unseen))
    assert abs(honest.score - 0.5) < 3 * honest.error
    assert honest.error == pytest.approx(np.sqrt(2 / 12 / 1000), rel=0.1)
    assert honest.copies == pytest.approx(0.01, abs=0.01)
    copied = memorisation(distances(train + 1e-6), distances(unseen))
    assert copied.score > 0.999
    assert copied.copies > 0.95
    assert memorisation(distances(3 * fresh), distances(unseen)).score < 0.3
    with pytest.raises(ValueError, match="0 generated"):
        memorisation(np.zeros(0), np.zeros(3))
