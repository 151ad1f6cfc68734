"""Reports: the table fits, JSON says all, the page needs nothing else, the picture shows every layer."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyinit as pi
from pyinit.lab.probe.view.depth import _grid, _resampled
from pyinit.lab.probe.view.picture import plot
from pyinit.lab.probe.view.strip import MOST_PANELS, common_range
from pyinit.lab.probe.view.table import table
from pyinit.text import WIDTH, short
from pyinit.theory.activation import NAMES

matplotlib = pytest.importorskip("matplotlib")

X = pi.data.abalone().inputs[:200]
RECIPES = {"normal": pi.normal(), "xavier": pi.glorot_normal()}


def report(
    recipe: Any = None, title: str = "", widths: tuple[int, ...] = (8, 16, 16, 1), **options: Any
) -> pi.Report:
    network = {name: options.pop(name) for name in ("norm", "residual", "bias") if name in options}
    activation = options.pop("activation", "tanh")
    return pi.probe(pi.mlp(widths, activation, recipe, **network), X, title=title, **options)


REPORTS = {
    "plain": report(title="plain"),
    "forward": report(backward=False),
    "norms and skips": report(norm="batch", residual=True, widths=(8, 16, 16, 16, 1), dy="normal"),
    "loss": report(targets=np.zeros(200), bias="zeros"),
    "not finite": report(pi.normal(std=1e13), activation="relu", widths=(8, 16, 16, 16, 16, 1)),
    "all zero": report("zeros"),
    "logarithmic": report(log=True),
    "exploding": report(pi.normal(std=30), activation="relu"),
    "one layer": report(widths=(8, 1)),
    "deep": report(widths=(8, *[16] * 40, 1), activation="relu"),
    "long names": report(
        title="a title that says more than anybody needs to know of a network, and then says it all again",
        activation=("leaky_relu", 0.123456789),
        widths=(8, 12345, 1),
    ),
}
ALL = pytest.mark.parametrize("name", list(REPORTS))


@ALL
def test_the_table_fits(name: str) -> None:
    one = REPORTS[name]
    lines = str(one).splitlines()
    assert max(len(line) for line in lines) <= WIDTH == 100
    heads = [at for at, line in enumerate(lines) if line.startswith("layer ")]
    assert len(heads) == 1
    body = lines[heads[0] + 1 : heads[0] + 1 + len(one.layers)]
    assert [line.split()[0] for line in body] == [str(at) for at in range(len(one.layers))]
    assert all(line.endswith(layer.verdict.kind) for line, layer in zip(body, one.layers, strict=True))
    assert " ".join(lines[heads[0] + 1 + len(one.layers) :]).startswith(f"{one.verdict.kind}: ")


def test_a_table_as_it_prints() -> None:
    network = [pi.Dense(2, 2, "relu", 2 * np.eye(2)), pi.Dense(2, 2, "linear", recipe=np.eye(2))]
    assert str(pi.probe(network, [[1, -1], [3, 1]])) == (
        "2 rows, input mean 1, rms 1.732, seed 0\n"
        "layer     shape       phi          z mean    z rms   theory    h rms  flat  dead grad rms verdict\n"
        "0         2x2         relu              2    3.464    3.464    3.317    0%    0%    0.866 healthy\n"
        "1         2x2         linear          2.5    3.317    2.449    3.317    0%    0%        1 healthy\n"
        "healthy: signal and gradient keep their size in every layer."
    )


def test_a_report_shows_itself_in_a_line() -> None:
    one = report(title="tanh")
    assert repr(one) == f"Report('tanh': {len(one.layers)} layers, {one.rows} rows; {one.verdict.kind})"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (None, ""),
        (1.0, "1"),
        (0.12345, "0.1235"),
        (-0.0018123, "-0.00181"),
        (1e-3, "0.001"),
        (-123.456, "-123.5"),
        (9999.4, "9999"),
        (123456.0, "1.2e+05"),
        (-1.5e-30, "-1.5e-30"),
        (3e200, "3.0e+200"),
        (math.inf, "inf"),
    ],
)
def test_numbers_take_eight_characters(value: float | None, text: str) -> None:
    assert short(value) == text
    assert len(text) <= 8


@ALL
def test_json_says_all(name: str) -> None:
    one = REPORTS[name]
    text = one.to_json()
    assert pi.Report.from_json(text) == one
    assert json.loads(text)["report"] == 1
    assert "NaN" not in text
    assert "Infinity" not in text


@settings(max_examples=30)
@given(
    widths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    activation=st.sampled_from([*NAMES, ("leaky_relu", 0.5)]),
    recipe=st.sampled_from(
        [
            None,
            pi.normal(),
            pi.uniform(),
            pi.zeros(),
            pi.normal(std=1e15),
            pi.normal(std=1e30),
            pi.normal(std=1e-15),
        ]
    ),
    bias=st.sampled_from([None, pi.normal(), pi.constant(-3.0)]),
    norm=st.sampled_from([None, "batch", "layer"]),
    backward=st.booleans(),
    loss=st.sampled_from([None, "mse", "cross_entropy"]),
    log=st.booleans(),
)
def test_any_network_has_a_report(
    widths: list[int],
    activation: Any,
    recipe: Any,
    bias: Any,
    norm: Any,
    backward: bool,
    loss: Any,
    log: bool,
) -> None:
    network = pi.mlp([8, *widths], activation, recipe, bias, norm)
    options: dict[str, Any] = {"backward": backward, "log": log}
    if backward and loss is not None:
        options["loss"] = loss
        options["targets"] = (
            np.arange(20) % widths[-1] if loss == "cross_entropy" else np.ones((20, widths[-1]))
        )
    one = pi.probe(network, X[:20], **options)
    assert (one.loss is None) == (loss is None or not backward)
    assert pi.Report.from_json(one.to_json()) == one
    assert max(map(len, str(one).splitlines())) <= WIDTH
    for layer in one.layers:
        assert bool(layer.verdict.fix) == (layer.verdict.kind != "healthy")
        for kind, moments in layer.moments.items():
            assert moments.count + moments.nonfinite in (20 * layer.units, layer.inputs * layer.units)
            bars = moments.histogram
            if bars is not None:
                assert bars.below + sum(bars.counts) + bars.above == moments.count
            # theory leaves out gradients that batch normalization takes out, and what unlike rows' sums do
            left_out = (norm == "batch" and "gradient" in kind) or (
                recipe == pi.uniform() and kind != "weight"
            )
            assert kind in layer.predictions or left_out


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, 0.5, None])
def test_a_loss_is_read_back_and_printed(loss: float | None) -> None:
    one = replace(REPORTS["loss"], loss=loss)
    again = pi.Report.from_json(one.to_json())
    assert again == one
    assert type(again.loss) is type(loss)
    assert str(again) == str(one)
    assert f", loss {short(loss)}\n" in str(one) or loss is None
    # the check can fail
    assert again != replace(one, loss=0.25)
    assert again != "a report"


@pytest.mark.filterwarnings("ignore:x has features that are constant")
def test_a_loss_of_what_is_not_finite() -> None:
    digits = pi.data.mnist_5k()
    network = pi.mlp([784, 100, 10], "relu", pi.normal(std=1e20))
    one = pi.probe(network, digits.inputs[:50], targets=digits.targets[:50])
    assert math.isnan(one.loss)
    assert one.verdict.kind == "exploding"
    assert pi.Report.from_json(one.to_json()) == one
    assert str(one).splitlines()[0].endswith(", loss nan")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"a report is not valid JSON"),
        ("[]", r"a report is a JSON object; got \[\]. Read what to_json wrote."),
        ('{"report": 2}', r'a report needs "report": 1; got 2\. Read what to_json wrote\.'),
        ('{"report": 1}', r"not a report that to_json wrote: 'inputs'\. Write it again"),
        ('{"report": 1, "inputs": 3}', r"not a report that to_json wrote: "),
    ],
)
def test_what_is_no_report_is_refused(text: str, message: str) -> None:
    with pytest.raises(pi.FormatError, match=message):
        pi.Report.from_json(text)


@pytest.mark.parametrize("junk", [{}, [1], 10**400], ids=["dict", "list", "huge"])
def test_what_is_read_can_be_printed(junk: Any) -> None:
    written = REPORTS["loss"].to_dict()
    layers = written["layers"]
    moments = layers[0]["moments"]
    for changed in (
        {"loss": junk},
        {"layers": [layers[0] | {"activation": junk}, *layers[1:]]},
        {"layers": [layers[0] | {"moments": {**moments, "activation": junk}}, *layers[1:]]},
        {
            "layers": [
                layers[0] | {"moments": moments | {"activation": moments["activation"] | {"mean": junk}}}
            ]
        },
    ):
        with pytest.raises(pi.FormatError, match=r"^[^\n]{1,400}$"):
            pi.Report.from_dict(written | changed)


@pytest.mark.parametrize("name", ["count", "nonfinite", "variance"])
def test_negative_moments_are_refused(name: str) -> None:
    written = REPORTS["loss"].to_dict()
    with pytest.raises(pi.FormatError, match=f"moments need a {name} of at least 0, got -1"):
        pi.Report.from_dict(written | {"inputs": written["inputs"] | {name: -1}})


class Outside(HTMLParser):
    """Collects what a page would load, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "style")
        ]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def outside(page: str) -> list[str]:
    """Return what a page needs from elsewhere."""
    parser = Outside()
    parser.feed(page)
    loaded = [value for value in parser.loaded if not value.startswith("data:image/png;base64,")]
    loaded += [tag for tag in parser.tags if tag in ("script", "link", "iframe", "object", "embed")]
    return loaded + re.findall(r"@import|url\(", page)


def test_the_page_is_whole() -> None:
    title = "<script>alert('x')</script> & \"more\""
    page = report(pi.normal(), title=title).to_html()
    assert outside(page) == []
    assert "<script" not in page
    parser = Outside()
    parser.feed(page)
    text = " ".join(parser.words)
    assert title in text
    for word in ("layers.2", "16 × 16", "normal()", "saturated", "pi.glorot_normal(), gain 1"):
        assert word in text
    picture = base64.b64decode(parser.loaded[0].partition(",")[2])
    assert picture.startswith(b"\x89PNG")
    assert page.count("<tr>") == 4


def test_the_check_of_pages_can_fail() -> None:
    for tag in ("<img src='https://example.org/a.png'>", "<script>1</script>", "<style>@import 'a'</style>"):
        assert outside(tag) != []


@ALL
def test_pictures_are_drawn(name: str) -> None:
    one = REPORTS[name]
    figure = one.plot()
    figure.canvas.draw()
    shown = min(len(one.layers), MOST_PANELS)
    kinds = 1 if name == "forward" else 3
    assert len(figure.axes) == 2 * shown + kinds + 1
    titles = [axes.get_title().split(" ")[0] for axes in figure.axes[:shown]]
    assert titles[0] == "0"
    assert titles[-1] == str(len(one.layers) - 1)


def test_pictures_are_saved_side_by_side(tmp_path: Path) -> None:
    found = [report(recipe, name) for name, recipe in RECIPES.items()]
    figure = plot(found, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    # histograms of each, three panels for both, a map of each
    assert len(figure.axes) == 2 * (2 * 3) + 3 + 2
    assert {text.get_text() for text in figure.texts} == {"normal: saturated", "xavier: healthy"}
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["normal", "xavier", "theory; shaded: 2 sd of these widths"]
    report(title="one").plot(tmp_path / "b.svg")
    assert b"<svg" in (tmp_path / "b.svg").read_bytes()


def test_lines_are_the_numbers() -> None:
    one = REPORTS["plain"]
    axes = one.plot().axes[2 * len(one.layers)]
    measured, theory = axes.lines[0].get_ydata(), axes.lines[1].get_ydata()
    kind = "pre-activation"
    np.testing.assert_array_equal(measured, [layer.moments[kind].second_moment for layer in one.layers])
    np.testing.assert_array_equal(theory, [layer.predictions[kind].second_moment for layer in one.layers])
    heights = one.plot().axes[0].patches[0].get_data().values
    counts = np.array(one.layers[0].moments[kind].histogram.counts)
    np.testing.assert_allclose(heights, counts / counts.sum())


@pytest.mark.parametrize(("name", "is_linear"), [("plain", True), ("exploding", False)])
def test_maps_show_each_layer_over_its_highest_cell(name: str, is_linear: bool) -> None:
    found = [layer.moments["pre-activation"] for layer in REPORTS[name].layers]
    edges, width = _grid(found)
    assert (width is None) == is_linear == (common_range(found) is not None)
    for moments in found:
        shares = _resampled(moments, edges)
        assert shares.max() == pytest.approx(1.0)
        centre = np.average((edges[1:] + edges[:-1]) / 2, weights=shares)
        assert centre == pytest.approx(moments.mean, abs=0.15 * moments.std)


def test_without_matplotlib_reports_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(
        ImportError, match=r"a plot needs matplotlib, which is not installed\. Install"
    ) as raised:
        REPORTS["plain"].plot()
    assert isinstance(raised.value, pi.MissingLibraryError)
    assert not isinstance(raised.value, pi.RecipeError)
    assert table(REPORTS["plain"]) == str(REPORTS["plain"])
