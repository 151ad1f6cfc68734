"""How Sphinx builds the documentation: `nox -s docs`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

# pyinit.keras is documented on Keras' own NumPy backend; nothing is written to anybody's home
os.environ.setdefault("KERAS_BACKEND", "numpy")
os.environ["KERAS_HOME"] = os.path.join(os.devnull, "keras")

import pyinit

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "pyinit"
author = "the authors of pyinit"
copyright = "the authors of pyinit, Apache-2.0"
version = release = pyinit.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["lab.ipynb"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "inherited-members": False}
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = False

html_theme = "furo"
html_title = "pyinit"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# For `nox -s links`, which asks other sites; the build asks none.
linkcheck_timeout = 20
linkcheck_retries = 2

PAGES = Path(__file__).parent


def pages_below(app: Sphinx, page: str, text: list[str]) -> None:
    """Add the tree of its pages to the gallery's list, which GitHub shows, too."""
    if page == "gallery/README":
        text[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"


def setup(app: Sphinx) -> None:
    """Connect what this site adds to Sphinx."""
    app.connect("source-read", pages_below)
