"""How good samples are: distances between features, and the networks that make the features.

`suite.compute_metrics` is the way in; the modules beside it hold one metric each, pure NumPy but
for the networks (`extractors`, `efficientnet_lite`, `classifier`).
"""
