"""The handler of XLA's foreign function interface; built where jaxlib's headers are."""

from typing import Any

def fill() -> Any: ...
