"""Minimax polynomials by the Remez exchange, in multiple precision.

`remez(function, weight, interval, degree)` returns the coefficients c[0..degree] that minimise
max |weight(x) (function(x) - sum c[k] x^k)| on the interval, and that maximum.

References
----------
E. Remez 1934; L. N. Trefethen, Approximation Theory and Approximation Practice, chapter 10.
"""

from collections.abc import Callable

import mpmath as mp

Real = mp.mpf
Function = Callable[[Real], Real]


def remez(
    function: Function, weight: Function, interval: tuple[Real, Real], degree: int, grid: int = 1200
) -> tuple[list[Real], Real]:
    low, high = (mp.mpf(end) for end in interval)
    points = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / grid) for k in range(grid + 1)]
    values = [function(x) for x in points]
    weights = [weight(x) for x in points]
    count = degree + 2
    chosen = [round(k * grid / (count - 1)) for k in range(count)]
    coefficients: list[Real] = []
    largest = mp.mpf(0)
    for _ in range(40):
        matrix = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for row, index in enumerate(chosen):
            for column in range(degree + 1):
                matrix[row, column] = points[index] ** column
            matrix[row, degree + 1] = (-1) ** row / weights[index]
            right[row] = values[index]
        solution = mp.lu_solve(matrix, right)
        coefficients = [solution[k] for k in range(degree + 1)]
        errors = [
            w * (f - mp.polyval(coefficients[::-1], x))
            for x, f, w in zip(points, values, weights, strict=True)
        ]
        largest = max(abs(e) for e in errors)
        if largest <= abs(solution[degree + 1]) * mp.mpf("1.001"):
            break
        chosen = _alternation(errors, count)
    return coefficients, largest


def _alternation(errors: list[Real], count: int) -> list[int]:
    """The indices of `count` alternating extremes of the error, the largest kept."""
    runs: list[int] = []
    for index, error in enumerate(errors):
        if runs and mp.sign(errors[runs[-1]]) == mp.sign(error):
            if abs(error) > abs(errors[runs[-1]]):
                runs[-1] = index
        else:
            runs.append(index)
    while len(runs) > count:
        if abs(errors[runs[0]]) < abs(errors[runs[-1]]):
            runs.pop(0)
        else:
            runs.pop()
    if len(runs) < count:
        raise ArithmeticError(f"the error alternates {len(runs)} times; needed {count}")
    return runs
