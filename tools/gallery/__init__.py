"""The experiments of docs/gallery: each runs in seconds, measures its figures and draws its picture.

    python -m tools.gallery            writes every page and picture
    python -m tools.gallery zeros      writes this one

An experiment is a module with ``run(draw)``, which returns a `Page`; tests/lab/train/test_gallery.py holds
the figures to their bounds. Pages of libraries train their models by torch, whose sums differ between
machines: tests/recipes/models/test_training.py holds short runs of them to their bounds.
"""

EXPERIMENTS = (
    "abalone_layers",
    "abalone_training",
    "mnist_training",
    "zeros",
    "small_weights",
    "linear_chain",
    "saturation",
    "orthogonal_depth",
    "batch_norm",
    "patterns",
    "fine_tuning",
    "widths",
)
OF_LIBRARIES = ("model_recipes",)
