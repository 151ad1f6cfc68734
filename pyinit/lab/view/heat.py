"""`heat`: numbers of all layers over time as one picture, a row for each layer, a column for each step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["heat"]

# from blue over white to orange, which all eyes tell apart; and from white to blue
_DIVERGING = ("#174a86", "#7db2dd", "#f5f1e6", "#eda262", "#97380a")
_SEQUENTIAL = ("#f5f1e6", "#7db2dd", "#174a86")
_ABSENT = (128, 128, 128)
# what is white, and the decades on either side of it; shares go from 0 to 1
_MIDDLES = {"activation": 1.0, "gradient": 1.0, "update ratio": 1e-3}
_DECADES = 3.0
_HEIGHT, _WIDTH, _LARGEST = 320, 640, 24


def heat(values: npt.NDArray[np.float64], scalar: str) -> npt.NDArray[np.uint8]:
    """Return the picture, (height, width, 3); the first layer is on top, and what is not there is grey.

    Activations are white at an rms of 1, updates at a thousandth of the weights, gradients at the rms of the
    last layer that has one at that step. Colours span three decades on either side; those of shares go from 0
    to 1.

    Parameters
    ----------
    values : ndarray
        (layers, steps).
    scalar : {"activation", "gradient", "update ratio", "saturated", "dead"}
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if scalar == "gradient":
            values = values / _last(values)
        if scalar in _MIDDLES:
            place = 0.5 + np.log10(values / _MIDDLES[scalar]) / (2.0 * _DECADES)
            table: tuple[str, ...] = _DIVERGING
        else:
            place, table = values, _SEQUENTIAL
    colours = np.array([[int(one[at : at + 2], 16) for at in (1, 3, 5)] for one in table], np.float64)
    known = ~np.isnan(place)
    place = np.clip(np.where(known, place, 0.0), 0.0, 1.0) * (len(table) - 1)
    channels = [np.interp(place, np.arange(len(table)), colours[:, channel]) for channel in range(3)]
    picture = np.stack(channels, axis=-1).round().astype(np.uint8)
    picture[~known] = _ABSENT
    rows, columns = picture.shape[:2]
    tall, wide = (min(max(full // each, 1), _LARGEST) for full, each in ((_HEIGHT, rows), (_WIDTH, columns)))
    return np.repeat(np.repeat(picture, tall, axis=0), wide, axis=1)


def _last(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the last number of each column that is positive, or nan."""
    found = np.full(values.shape[1], np.nan)
    for row in values:
        found = np.where(row > 0, row, found)
    return found
