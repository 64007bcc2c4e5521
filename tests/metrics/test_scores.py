"""Inception score, intervals and class reports: numbers that follow from definitions."""

import numpy as np
import pytest

from tgan_tf.metrics.class_accuracy import class_report
from tgan_tf.metrics.inception_score import inception_score
from tgan_tf.metrics.intervals import bootstrap_mean, proportion


def test_inception_score_of_uniform_predictions_is_1():
    assert inception_score(np.full((100, 7), 3.0))[:2] == pytest.approx((1, 0))


@pytest.mark.parametrize("scale", [50.0, 1e5])  # 1e5: some probabilities are exactly 0
def test_inception_score_of_balanced_certainty_is_the_number_of_classes(scale):
    logits = scale * np.eye(6)[np.arange(600) % 6]
    assert inception_score(logits, shuffle=False)[:2] == pytest.approx((6, 0))
    # Certain of one class only
    assert inception_score(logits[::6]).mean == pytest.approx(1)


def test_inception_score_by_hand():
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    marginal = p.mean(0)
    expected = np.exp((p * np.log(p / marginal)).sum(1).mean())
    score = inception_score(np.log(p) + 5, splits=1)  # a shift of all logits changes nothing
    assert score[:2] == pytest.approx((expected, 0))
    with pytest.raises(ValueError, match="3 samples into 10"):
        inception_score(np.log(p))


def test_bootstrap_agrees_with_the_normal_interval():
    values = np.random.default_rng(0).integers(0, 2, 5000)
    low, high = bootstrap_mean(values, resamples=4000)
    half = 1.96 * values.std() / np.sqrt(5000)
    np.testing.assert_allclose((low, high), values.mean() + np.array([-half, half]), atol=1e-3)
    assert bootstrap_mean(np.ones(5)) == (1, 1)
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_mean(np.zeros(0))


def test_wilson_interval():
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20
    assert proportion(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert proportion(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert proportion(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    with pytest.raises(ValueError, match="no share"):
        proportion(3, 2)


def test_class_report():
    labels = np.array([0, 0, 0, 0, 1, 1, 3])
    predicted = np.array([0, 0, 0, 1, 0, 0, 3])
    report = class_report(predicted, labels, 4)
    assert report.count == 7
    assert report.accuracy == pytest.approx(4 / 7)
    np.testing.assert_allclose(report.per_class_accuracy, [0.75, 0, np.nan, 1])
    assert report.missing() == [1]  # class 2 was never asked for
    assert report.confusion[1].tolist() == [2, 0, 0, 0]
    for bad, message in (
        (np.array([0, 0, 0, 1, 0, 0, 4]), "0 classes|4 classes"),
        (np.array([0]), "one predicted class"),
    ):
        with pytest.raises(ValueError, match=message):
            class_report(bad, labels, 4)
