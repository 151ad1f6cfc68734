"""How Sphinx builds the documentation: `nox -s docs`."""

from __future__ import annotations

import contextlib
import io
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# pyinit.keras is documented on Keras' own NumPy backend; nothing is written to anybody's home
os.environ.setdefault("KERAS_BACKEND", "numpy")
os.environ["KERAS_HOME"] = os.path.join(os.devnull, "keras")

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docstrings import prepare_docstring
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import signature, stringify_signature

import pyinit
from pyinit.cli import main

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

LOG = logging.getLogger(__name__)

project = "pyinit"
author = "the authors of pyinit"
project_copyright = "the authors of pyinit, Apache-2.0"
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

myst_enable_extensions = ["colon_fence"]
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


class CommandHelp(SphinxDirective):
    """What a command, or pyinit itself, says to --help: ```{command-help} init."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return it as a block."""
        os.environ["COLUMNS"] = "88"
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            main([*self.arguments, "--help"])
        text = said.getvalue()
        block = nodes.literal_block(text, text)
        block["language"] = "text"
        return [block]


def pages_below(app: Sphinx, page: str, text: list[str]) -> None:
    """Add the tree of its pages to the gallery's list, which GitHub shows, too."""
    if page == "gallery/README":
        text[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"


def language_of_page(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Tell browsers which page is Chinese: they choose letters, voice and translation by it."""
    context["language"] = "zh-CN" if page == "zh" else "en"


# packages that are functions, too, and where these are defined
CALLED = {
    "pyinit.lab": "pyinit.lab.notebook.show.lab",
    "pyinit.recipes": "pyinit.recipes.lookup.recipes",
}


def called(name: str) -> Any:
    """Return the function that a package is."""
    home, _, function = CALLED[name].rpartition(".")
    return getattr(import_module(home), function)


def docstring_of_call(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Put the docstring of the function in the place of the package's."""
    if name in CALLED and what == "function":
        lines[:] = prepare_docstring(called(name).__doc__)


def docstring_of_property(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Take back what napoleon made of a property: it reads a colon of the first line as the end of a type."""
    if what == "property" and "-------" not in (plain := thing.__doc__ or ""):
        lines[:] = prepare_docstring(plain)


def signature_of_call(app: Sphinx, what: str, name: str, *_: Any) -> tuple[str, str] | None:
    """Return the signature of the function."""
    if name in CALLED and what == "function":
        return stringify_signature(signature(called(name)), show_annotation=False), ""
    return None


def check_complete(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names that no page documents."""
    domain = env.get_domain("py")
    known = {name for name, *_ in domain.get_objects()}
    for module in ("pyinit", "pyinit.torch", *domain.modules):
        for name in import_module(module).__all__:
            thing = getattr(import_module(module), name)
            home = f"{getattr(thing, '__module__', module)}.{getattr(thing, '__qualname__', name)}"
            if f"{module}.{name}" not in known and home not in known and home.startswith("pyinit"):
                LOG.warning("%s.%s is on no page of docs/api", module, name)


def setup(app: Sphinx) -> None:
    """Connect what this site adds to Sphinx."""
    app.add_directive("command-help", CommandHelp)
    app.connect("source-read", pages_below)
    app.connect("html-page-context", language_of_page)
    app.connect("env-check-consistency", check_complete)
    # before napoleon reads it
    app.connect("autodoc-process-docstring", docstring_of_call, priority=100)
    app.connect("autodoc-process-docstring", docstring_of_property, priority=900)
    app.connect("autodoc-process-signature", signature_of_call)
