"""A control for each parameter of a recipe, theory's sizes beside what is measured, pictures of tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.interop

Open = Callable[..., Any]
Shot = Callable[[Any, str], None]

SUM = """selector => {
  const canvas = [...document.querySelectorAll(selector)].find(one => one.clientWidth > 0);
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Uint32Array(data.buffer).reduce((sum, one) => (31 * sum + one) % 1000003, 7);
}"""
SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def picture(page: Any, panel: str) -> int:
    """Return a sum that changes with a panel's picture."""
    page.evaluate("pyinit.store.set({runs: pyinit.runs})")
    page.evaluate(SETTLED)
    return int(page.evaluate(SUM, f".{panel} canvas"))


def restarted(page: Any, condition: str) -> None:
    """Wait until a run with such parameters is shown."""
    page.wait_for_function(f"(run => run && ({condition}))(pyinit.store.state.experiment.runs[0])")
    page.wait_for_function("pyinit.runs[0].now.size && !document.querySelector('.error:not([hidden])')")


def test_words_and_truth_values_have_controls_that_change_the_weights(open_page: Open, shot: Shot) -> None:
    page = open_page("data=moons&depth=3&width=8&run=variance_scaling")
    weights = "pyinit.runs[0].now.get('weights.1')?.values.join()"
    first = page.evaluate(weights)
    assert page.locator(".card select[data-t-label=mode] option").all_inner_texts() == [
        "fan_in",
        "fan_out",
        "fan_avg",
        "fan_geo_avg",
    ]
    page.select_option(".card select[data-t-label=distribution]", "uniform")
    restarted(page, "run.parameters.distribution === 'uniform'")
    page.wait_for_function(f"{weights} && {weights} !== '{first}'")
    assert "distribution:uniform" in page.evaluate("location.hash")
    page.select_option(".card select >> nth=0", "he_normal")
    restarted(page, "run.recipe === 'he_normal'")
    page.wait_for_selector(".card input[type=checkbox]")
    untruncated = page.evaluate(weights)
    page.check(".card input[type=checkbox]")
    restarted(page, "run.parameters.truncated === true")
    page.wait_for_function(f"{weights} && {weights} !== '{untruncated}'")
    shot(page, "controls")
    page.reload()
    page.wait_for_function("window.pyinit?.runs.length && pyinit.runs[0].now.size")
    assert page.is_checked(".card input[type=checkbox]")


def test_a_setting_that_is_changed_before_the_last_change_is_answered_is_kept(open_page: Open) -> None:
    page = open_page("data=moons&depth=3&width=8&run=variance_scaling")
    # the box is checked when the other recipe has been asked for, and before it is there
    page.evaluate(
        """() => {
          const send = pyinit.wire.send.bind(pyinit.wire);
          window.starts = [];
          pyinit.wire.send = (message) => {
            send(message);
            if (message.type !== "start") return;
            window.starts.push(message.experiment.runs[0]);
            if (window.starts.length === 1) document.querySelector(".card input[type=checkbox]").click();
          };
        }"""
    )
    page.select_option(".card select >> nth=0", "he_normal")
    page.wait_for_function("window.starts.length === 2")
    assert page.evaluate("window.starts.map(run => [run.recipe, run.parameters.truncated ?? false])") == [
        ["he_normal", False],
        ["he_normal", True],
    ]
    restarted(page, "run.parameters.truncated === true")
    assert "truncated:true" in page.evaluate("location.hash")


def test_every_parameter_of_every_recipe_has_a_control_that_shows_its_default(open_page: Open) -> None:
    page = open_page("data=moons&depth=2&width=4")
    recipes = page.evaluate("pyinit.store.state.options.recipes")
    for recipe in recipes:
        page.evaluate(
            "name => pyinit.store.set({experiment: {...pyinit.store.state.experiment,"
            " runs: [{recipe: name, parameters: {}, scale: 1, sigma_b: 0}]}})",
            recipe["name"],
        )
        for parameter in recipe["parameters"]:
            control = page.locator(
                f".card :is(select, input:not([type=range]))[data-t-label='{parameter['name']}']"
            )
            usual = parameter["default"]
            if isinstance(usual, bool):
                assert control.is_checked() is usual
            elif isinstance(usual, str):
                assert control.input_value() == usual
                assert usual in parameter["choices"]
            else:
                assert float(control.input_value()) == usual


def test_the_size_that_theory_predicts_of_gradients_is_drawn_and_read(open_page: Open) -> None:
    page = open_page("data=moons&depth=5&width=16&run=critical_normal,scale:0.5")
    predicted = page.evaluate("pyinit.runs[0].layers.map((_, i) => pyinit.runs[0].predictedOf(i, 2))")
    measured = page.evaluate("pyinit.runs[0].layers.map((_, i) => pyinit.runs[0].momentsOf(i, 2)[2])")
    assert all(one > 0 for one in predicted)
    # half the critical scale: both fall towards the first layer
    assert predicted[0] < 0.5 * predicted[-2]
    assert measured[0] < 0.5 * measured[-2]
    drawn = picture(page, "profile")
    page.evaluate("window.kept = pyinit.runs[0].predicted; pyinit.runs[0].predicted = undefined")
    assert picture(page, "profile") != drawn
    page.evaluate("pyinit.runs[0].predicted = window.kept")
    assert picture(page, "profile") == drawn
    page.focus(".profile canvas")
    page.keyboard.press("ArrowRight")
    assert "theory, at the start: " in page.locator(".tip").inner_text()
    page.keyboard.press("Escape")
    page.click(".tabs button[data-value=layers]")
    drawn = picture(page, "histogram")
    page.evaluate("pyinit.runs[0].predicted = undefined")
    assert picture(page, "histogram") != drawn
    # the prediction is of the start: it stays while the network trains, and comes again with a rewind
    page.click("button.step")
    page.wait_for_function("pyinit.store.state.step === 1")
    page.click("button.rewind")
    page.wait_for_function("pyinit.store.state.step === 0 && pyinit.runs[0].predicted")


def test_a_regression_s_answers_are_drawn_against_the_truth(open_page: Open, shot: Shot) -> None:
    page = open_page("data=abalone&depth=3&width=16&run=he_normal")
    before = picture(page, "answers")
    page.select_option("select.pace", "20")
    page.click("button.play")
    page.wait_for_function("pyinit.store.state.step >= 120")
    page.click("button.play")
    page.wait_for_function("!pyinit.store.state.playing")
    shot(page, "table")
    assert picture(page, "answers") != before
    far = page.evaluate(
        "(() => { const a = pyinit.runs[0].now.get('answers').values;"
        " const b = pyinit.store.state.examples.arrays.get('targets').values;"
        " return Math.sqrt(a.reduce((sum, one, i) => sum + (one - b[i]) ** 2, 0) / a.length); })()"
    )
    assert 1.5 < far < 3.0, "rings of a shell"
    page.focus(".answers canvas")
    page.keyboard.press("ArrowRight")
    assert "true" in page.locator(".tip").inner_text()


def test_a_table_s_classes_are_counted_by_what_they_are_taken_for(open_page: Open, tmp_path: Path) -> None:
    page = open_page("depth=2")
    x = np.random.default_rng(0).normal(size=(240, 3))
    rows = [
        f"{a:.3f},{b:.3f},{c:.3f},{'low' if a + b < -1 else 'high' if a + b > 1 else 'mid'}" for a, b, c in x
    ]
    own = tmp_path / "classes.csv"
    own.write_text("\n".join(["one,two,three,kind", *rows]) + "\n")
    page.set_input_files("input[type=file]", str(own))
    page.click("dialog .use")
    page.wait_for_function(
        "pyinit.store.state.data?.name === 'classes.csv' && pyinit.runs[0].now.get('answers')"
    )
    before = picture(page, "answers")
    page.select_option("select.pace", "50")
    page.click("button.play")
    page.wait_for_function("pyinit.store.state.step >= 300")
    page.click("button.play")
    page.wait_for_function("!pyinit.store.state.playing")
    assert picture(page, "answers") != before
    page.focus(".answers canvas")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    tip = page.locator(".tip").inner_text()
    assert "→" in tip
    assert "%" in tip


def test_listeners_of_pictures_that_are_gone_are_gone(open_page: Open) -> None:
    page = open_page("data=moons&depth=2&width=4")
    listening = page.evaluate("pyinit.store.listeners.length")
    for depth in (3, 4, 5):
        page.evaluate(f"pyinit.wire.send({{type: 'start', experiment: {{data: 'moons', depth: {depth}}}}})")
        page.wait_for_function(f"pyinit.runs[0].layers.length === {depth} && pyinit.runs[0].now.size")
    assert page.evaluate("pyinit.store.listeners.length") == listening
