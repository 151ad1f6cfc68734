"""Fans of every layout: right by default, and each peer's own on request."""

from __future__ import annotations

import pytest

import pyinit as pi
from pyinit.recipes.fans import Axes


@pytest.mark.parametrize(
    ("axes", "shape", "fans"),
    [
        (Axes(), (784, 256), (784, 256)),
        (Axes(layout="torch"), (256, 784), (784, 256)),
        (Axes(layout="torch"), (32, 16, 3, 3), (144, 288)),
        (Axes(layout="keras"), (3, 3, 16, 32), (144, 288)),
        (Axes(layout="jax"), (3, 3, 16, 32), (144, 288)),
        # groups: an output channel sees its own group's inputs, an input feeds its own group's outputs
        (Axes(layout="torch", groups=4), (32, 16, 3, 3), (144, 72)),
        (Axes(layout="torch", groups=32), (32, 1, 3, 3), (9, 9)),
        (Axes(layout="jax", groups=4), (3, 3, 16, 32), (144, 72)),
        (Axes(groups=2), (5, 6), (5, 3)),
        # transposed convolutions
        (Axes(layout="torch", transposed=True), (8, 32, 4, 4), (128, 512)),
        (Axes(layout="torch", transposed=True, groups=4), (8, 32, 4, 4), (32, 512)),
        (Axes(layout="keras", transposed=True), (4, 4, 32, 8), (128, 512)),
        (Axes(layout="jax", transposed=True), (4, 4, 8, 32), (128, 512)),
        # each output of a strided one meets every stride-th tap: 4 / 2 along both axes, 3 / 2 on average
        (Axes(layout="torch", transposed=True, stride=2), (8, 32, 4, 4), (32, 512)),
        (Axes(layout="torch", transposed=True, stride=(2, 1)), (8, 32, 4, 4), (64, 512)),
        (Axes(layout="torch", transposed=True, stride=2), (8, 32, 3, 3), (18, 288)),
        (Axes(layout="torch", transposed=True, stride=2), (1, 32, 3, 3), (2.25, 288)),
        (Axes(layout="torch", transposed=True, stride=2, groups=4), (8, 32, 4, 4), (8, 512)),
        (Axes(layout="torch", transposed=True, stride=3), (1, 2, 1, 1), (1 / 9, 2)),
        # a stack: the layout is that of the other axes
        (Axes(layout="torch", batch_axis=0), (8, 32, 64), (64, 32)),
        (Axes(layout="jax", batch_axis=0), (8, 64, 32), (64, 32)),
        (Axes(layout="torch", batch_axis=0), (3, 8, 4, 3, 3), (36, 72)),
        (Axes(layout="torch", batch_axis=-1), (32, 64, 8), (64, 32)),
        (Axes(batch_axis=-1), (64, 32, 8), (64, 32)),
        (Axes(layout="keras", depthwise=True), (3, 3, 16, 2), (9, 18)),
        # axes by hand
        (Axes(in_axis=0, out_axis=(1, 2)), (512, 8, 64), (512, 512)),
        (Axes(in_axis=(0, 1), out_axis=2), (8, 64, 512), (512, 512)),
        (Axes(in_axis=-2, out_axis=-1, batch_axis=0), (12, 64, 32), (64, 32)),
        (Axes(batch_axis=-3), (12, 64, 32), (64, 32)),
        (Axes(in_axis=0, out_axis=()), (64,), (64, 1)),
        (Axes(in_axis=(), out_axis=1, batch_axis=0), (100, 64), (1, 64)),
        # peers, with their mistakes
        (Axes(compat="torch"), (8, 32, 4, 4), (512, 128)),
        (Axes(compat="torch", layout="torch", transposed=True), (8, 32, 4, 4), (512, 128)),
        (Axes(compat="torch", groups=4), (32, 16, 3, 3), (144, 288)),
        (Axes(compat="mxnet"), (32, 16, 3, 3), (144, 288)),
        (Axes(compat="caffe"), (32, 16, 3, 3), (144, 288)),
        (Axes(compat="keras", transposed=True), (4, 4, 32, 8), (512, 128)),
        (Axes(compat="keras", depthwise=True), (3, 3, 16, 2), (144, 18)),
        (Axes(compat="keras"), (7,), (7, 7)),
        (Axes(compat="keras"), (), (1, 1)),
        (Axes(compat="keras"), (0, 5), (1, 5)),
        (Axes(compat="jax"), (3, 16, 32), (48, 96)),
        (Axes(compat="paddle"), (784, 256), (784, 256)),
        (Axes(compat="paddle"), (32, 16, 3, 3), (144, 288)),
        (Axes(compat="paddle"), (9,), (9, 9)),
    ],
    ids=str,
)
def test_fans(axes: Axes, shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert axes.fans(shape) == fans


@pytest.mark.interop
@pytest.mark.parametrize("shape", [(4, 6), (8, 32, 4, 4), (5, 3, 2)])
def test_compat_torch_is_torch(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    expected = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert Axes(compat="torch").fans(shape) == expected


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (
            pi.ShapeError,
            lambda: Axes().fans((64,), "he_normal"),
            r"^he_normal needs at least 2 dimensions to count fan_in; got shape \(64,\). "
            r"Use normal\(std=...\) for vectors.$",
        ),
        (
            pi.ShapeError,
            lambda: Axes(compat="torch").fans(()),
            r"needs at least 2 dimensions .* got shape \(\)",
        ),
        (
            pi.ShapeError,
            lambda: Axes(layout="torch", groups=3).fans((32, 16)),
            r"groups=3 must divide the 32 output channels of shape \(32, 16\). Check groups",
        ),
        (
            pi.ShapeError,
            lambda: Axes(layout="torch", transposed=True, groups=3).fans((8, 6)),
            r"groups=3 must divide the 8 input channels",
        ),
        (pi.LayoutError, lambda: Axes(layout="tf"), r"layout must be one of torch, keras, jax; got 'tf'"),
        (
            pi.LayoutError,
            lambda: Axes(compat="tf"),
            r"compat must be one of torch, .*; got 'tf'. Leave it out.",
        ),
        (
            pi.LayoutError,
            lambda: Axes(layout="torch", in_axis=0),
            r"layout says which axes .*; got layout='torch' and in_axis or out_axis. Give either",
        ),
        (
            pi.LayoutError,
            lambda: Axes().fans((8, 32, 64), "he_normal"),
            r"^he_normal counts inputs and outputs, and cannot tell what each of the 3 axes of shape "
            r'\(8, 32, 64\) is. Give layout="torch", .*, batch_axis= .*, or in_axis= and out_axis=.$',
        ),
        (pi.LayoutError, lambda: Axes(in_axis=1).fans((8, 32, 64)), r"cannot tell what each of the 3 axes"),
        (pi.LayoutError, lambda: Axes(batch_axis=0).fans((2, 8, 32, 64)), r"cannot tell what each of the 4"),
        (
            pi.ShapeError,
            lambda: Axes(layout="torch", batch_axis=0).fans((2, 8), "he_normal"),
            r"needs at least 2 dimensions beside batch_axis 0 to count fan_in; got shape \(2, 8\)",
        ),
        (pi.LayoutError, lambda: Axes(stride=2), r"stride changes the fans of a transposed convolution only"),
        (pi.LayoutError, lambda: Axes(transposed=True, stride=0), r"stride is a positive integer or a tuple"),
        (
            pi.LayoutError,
            lambda: Axes(transposed=True, stride=()),
            r"stride is a positive integer or a tuple",
        ),
        (
            pi.LayoutError,
            lambda: Axes(layout="torch", transposed=True, stride=(1, 2, 3)).fans((8, 32, 4, 4)),
            r"stride needs a number for each of the 2 spatial axes; got \(1, 2, 3\)",
        ),
        (pi.LayoutError, lambda: Axes(compat="torch", layout="jax"), r"compat='torch' has its own layout"),
        (pi.LayoutError, lambda: Axes(compat="torch", in_axis=0), r"compat='torch' has its own layout"),
        (
            pi.LayoutError,
            lambda: Axes(groups=0),
            r"groups must be a positive integer; got 0. Use 1 for none.",
        ),
        (pi.LayoutError, lambda: Axes(groups=True), r"groups must be a positive integer; got True"),
        (
            pi.LayoutError,
            lambda: Axes(transposed="no"),
            r"transposed is True or False; got 'no'. Use a bool.",
        ),
        (
            pi.LayoutError,
            lambda: Axes(in_axis={0}),
            r"in_axis is an axis or a tuple of axes; got \{0\}. Use ints.",
        ),
        (pi.LayoutError, lambda: Axes(layout="torch", depthwise=True), r"depthwise describes Keras kernels"),
        (
            pi.LayoutError,
            lambda: Axes(layout="keras", depthwise=True, transposed=True),
            r"depthwise already says how channels are grouped; got transposed or groups as well. Give depth",
        ),
        (pi.LayoutError, lambda: Axes(layout="keras", depthwise=True, groups=2), r"depthwise already says"),
        (pi.LayoutError, lambda: Axes(layout=["torch"]), r"layout must be one of .*; got \['torch'\]"),
        (pi.LayoutError, lambda: Axes(compat=["torch"]), r"compat must be one of .*; got \['torch'\]"),
        (pi.LayoutError, lambda: Axes(in_axis=2).fans((3, 4)), r"in_axis 2 names no axis of a tensor with 2"),
        (
            pi.LayoutError,
            lambda: Axes(in_axis="in").fans((3, 4)),
            r"in_axis is an axis or a tuple of axes; got",
        ),
        (
            pi.LayoutError,
            lambda: Axes(in_axis=(0, -2)).fans((3, 4)),
            r"in_axis \(0, -2\) names an axis twice",
        ),
        (
            pi.LayoutError,
            lambda: Axes(in_axis=1).fans((3, 4)),
            r"in_axis \(1,\), out_axis \(1,\) .* share an axis",
        ),
    ],
)
def test_refusals(error: type[Exception], make, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
