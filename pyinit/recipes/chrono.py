"""The biases of an LSTM whose gates remember for as long as the sequences are."""

from __future__ import annotations

from ..stream.arguments import number
from .blocks import Blocks, blocks
from .distributions import zeros
from .logarithms import log_of_uniform
from .makers import maker
from .recipe import named

__all__ = ["chrono"]


def _chrono(longest: float) -> Blocks:
    """Return the recipe of an LSTM's bias by chrono initialization: units forget in 2 to `longest` steps.

    The bias of the forget gate is ln v, v uniform on [1, longest - 1), and that of the input gate is -ln v
    with the same v: a unit whose forget gate stays at sigmoid(ln v) forgets in 1 + v steps. The other two
    gates begin at 0. The gates lie in the order input, forget, cell, output, as in torch and Keras.

    Parameters
    ----------
    longest : float
        The longest dependency that the data have, in steps; above 2, finite.

    Returns
    -------
    Recipe
        ``blocks`` of the four gates; `recipe_from_dict` reads it as such.

    Raises
    ------
    RecipeError
        If `longest` is not a finite number above 2.

    Notes
    -----
    torch has two biases and adds them: give this one to ``bias_ih`` and zeros to ``bias_hh``, as
    ``pyinit.recipes("lstm", longest=...)`` does.

    References
    ----------
    Tallec, Ollivier, "Can recurrent neural networks warp time?", ICLR 2018 (arXiv 1804.11188).

    Examples
    --------
    >>> import pyinit as pi
    >>> bias = pi.chrono(784)((4 * 128,), key=0).reshape(4, 128)
    >>> bool((bias[0] == -bias[1]).all() and (bias[1] >= 0).all()), bool(bias[2:].any())
    (True, False)
    """
    most = number("chrono's longest", longest, above=2.0, advice="Give the length of the longest dependency.")
    forget = log_of_uniform(1.0, most - 1.0)
    negative = log_of_uniform(1.0, most - 1.0, scale=-1.0)
    return blocks([negative, forget, zeros(), zeros()], streams=[1, 1, 2, 3])


chrono = maker("chrono", _chrono)
named(chrono, "chrono")
