"""Images a second of the data pipeline alone, without networks.

    python -m benchmarks.data
    python -m benchmarks.data --dataset=folder:/photos --image_size=64 --batch_size=128

Expect some 100,000 images a second and more of 28x28 on one core at batch 64; training must see
at least 20 times more from here than the networks consume.
"""

from __future__ import annotations

import argparse
import time

from tgan_tf.config import Config
from tgan_tf.data.pipeline import make_dataset
from tgan_tf.data.sources import load_source
from tgan_tf.data.types import Source


def images_per_second(source: Source, *, batch_size: int, mirror: bool, seconds: float) -> float:
    """Measures for about ``seconds``, after a warm-up."""
    batches = iter(make_dataset(source.train, batch_size=batch_size, seed=0, mirror=mirror))
    for _ in range(20):
        next(batches)
    shown = 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(20):
            next(batches)
        shown += 20 * batch_size
    return shown / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", nargs="+", default=["digits", "fashion_mnist"])
    parser.add_argument("--data_dir", default="")
    parser.add_argument("--image_size", default="0,0")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    args = parser.parse_args()
    print(f"{'data set':<24} {'images':>8} {'shape':>12} {'load s':>7} {'images/s':>10} mirrored")
    for dataset in args.dataset:
        options = {"data_dir": args.data_dir, "image_size": args.image_size}
        data = Config().replace(dataset=dataset, **options).data
        start = time.perf_counter()
        source = load_source(data)
        load_seconds = time.perf_counter() - start
        rates = [
            images_per_second(
                source, batch_size=args.batch_size, mirror=mirror, seconds=args.seconds
            )
            for mirror in (False, True)
        ]
        shape = "x".join(map(str, source.train.sample_shape))
        print(
            f"{source.name:<24} {len(source.train):>8} {shape:>12} {load_seconds:>7.2f}"
            f" {rates[0]:>10,.0f} {rates[1]:>8,.0f}"
        )


if __name__ == "__main__":
    main()
