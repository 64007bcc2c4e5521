"""Whether the digits of a finished quickstart are recognised by a judge that training never saw.

    make quickstart
    python -m benchmarks.quickstart --run=runs/00000-digits-quickstart

A support vector machine of scikit-learn, trained on the real digits, classifies as many generated
samples of each class. Prints its accuracy on held-out real digits and on generated ones, class by
class; less than 90 %, or a class of which fewer than half are recognised, is an error. Takes some
15 seconds.
"""

from __future__ import annotations

import numpy as np
from absl import flags

from tgan_tf import command

LEAST_ACCURACY = 0.9
MISSING_BELOW = 0.5


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    flags.DEFINE_integer(
        "per_class", 200, "generated samples of each class", lower_bound=1, flag_values=values
    )


def run(values: flags.FlagValues) -> None:
    """Trains the judge, shows it samples, prints, and raises where they are not good enough."""
    from sklearn.svm import SVC

    from benchmarks.judge import labelled
    from tgan_tf.data.sources import load_source
    from tgan_tf.metrics.class_accuracy import class_report

    sampler = command.load_run(values)
    source = load_source(sampler.config.data)
    judge = SVC(gamma="scale", C=10).fit(*flat(*labelled(source.train)))
    real, classes = flat(*labelled(source.val))
    real_accuracy = judge.score(real, classes)

    names = source.class_names
    labels = np.repeat(np.arange(len(names)), values.per_class)
    samples = sampler.sample(range(len(labels)), labels)
    report = class_report(judge.predict(flat(samples, labels)[0]), labels, len(names))
    print(f"held-out real images  {real_accuracy:6.1%} recognised")
    print(f"{len(labels):,} generated       {report.accuracy:6.1%} recognised")
    for name, accuracy in zip(names, report.per_class_accuracy, strict=True):
        print(f"  {name:<20}{accuracy:6.1%}")
    missing = [names[index] for index in report.missing(MISSING_BELOW)]
    if report.accuracy < LEAST_ACCURACY or missing:
        raise RuntimeError(
            f"{report.accuracy:.1%} recognised, at least {LEAST_ACCURACY:.0%} are asked for;"
            f" missing classes: {', '.join(missing) or 'none'}"
        )


def flat(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 ``[N, H, W, C]`` as float ``[N, H * W * C]`` in [0, 1], and the labels."""
    return images.reshape(len(images), -1) / 255, labels


if __name__ == "__main__":
    command.start(define_flags, run)
