"""What a person can do on the page, done with mouse and keyboard, seen in its data and in its pixels."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyinit.lab.experiment.link import from_query
from pyinit.lab.live.session import Session

pytestmark = pytest.mark.interop

Open = Callable[..., Any]
Shot = Callable[[Any, str], None]

# the share of a canvas that is painted, and a sum that changes with the picture
PIXELS = """selector => {
  const canvas = [...document.querySelectorAll(selector)].find(one => one.clientWidth > 0);
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let painted = 0, sum = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 0) painted += 1;
    sum = (sum * 31 + data[i] + 3 * data[i + 1] + 7 * data[i + 2]) % 1000003;
  }
  return {painted: painted / (data.length / 4), sum};
}"""
SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
WEIGHTS = "pyinit.runs[0].now.get('weights.0').values.join()"


def pixels(page: Any, panel: str) -> dict[str, float]:
    """Return the painted share and a sum of a panel's canvas that is shown."""
    page.evaluate(SETTLED)
    found: dict[str, float] = page.evaluate(PIXELS, f".{panel} canvas")
    return found


def reach(page: Any, step: int) -> None:
    """Wait until a step is shown."""
    page.wait_for_function(f"pyinit.store.state.step >= {step}")


def test_a_training_is_played_paused_stepped_and_rewound_to_the_same_weights(
    open_page: Open, shot: Shot
) -> None:
    page = open_page("data=moons&depth=3&width=8&run=he_normal")
    first, before = page.evaluate(WEIGHTS), pixels(page, "boundary")
    page.click("button.play")
    reach(page, 20)
    page.click("button.play")
    page.wait_for_function("!pyinit.store.state.playing")
    shot(page, "train")
    assert page.evaluate(WEIGHTS) != first
    assert pixels(page, "boundary")["sum"] != before["sum"]
    assert page.evaluate("pyinit.runs[0].losses.count") == page.evaluate("pyinit.store.state.step")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("r")
    page.wait_for_function("pyinit.store.state.step === 0 && pyinit.runs[0].losses.count === 0")
    page.wait_for_function(f"{WEIGHTS} === '{first}'")
    assert pixels(page, "boundary")["sum"] == before["sum"]
    page.keyboard.press("s")
    page.wait_for_function("pyinit.store.state.step === 1")
    page.keyboard.press(" ")
    reach(page, 3)


def test_every_picture_of_the_first_view_is_painted_and_switched(open_page: Open) -> None:
    page = open_page("data=circles&depth=4&width=8&run=he_normal")
    page.click("button.play")
    reach(page, 10)
    page.click("button.play")
    page.wait_for_function("!pyinit.store.state.playing")
    for panel, share in (("network", 0.03), ("boundary", 0.3), ("curve", 0.005), ("profile", 0.003)):
        assert pixels(page, panel)["painted"] > share, panel
    for panel, button in (("network", "gradients"), ("curve", "score"), ("profile", "weight")):
        before = pixels(page, panel)["sum"]
        page.click(f".{panel} button[data-value={button!r}]")
        assert pixels(page, panel)["sum"] != before, panel
    page.click(".curve button[data-value=loss]")
    before = pixels(page, "curve")["sum"]
    page.click(".curve .switch")
    assert pixels(page, "curve")["sum"] != before


def test_the_link_holds_the_experiment_to_the_bit(open_page: Open) -> None:
    page = open_page(
        "data=spirals&depth=3&width=6&optimizer=sgd&seed=5&run=critical_normal,scale:0.5,sigma_b:0.1"
    )
    page.click("button.step")
    page.wait_for_function("pyinit.store.state.step === 1")
    session = Session(from_query(page.evaluate("location.hash.slice(1).replace(/&view=.*/, '')")))
    session.advance()
    shown = page.evaluate("[...pyinit.runs[0].now.get('weights.1').values]")
    expected = session.runs[0].training.parameters["layers.1.weight"]
    assert expected.T.ravel().tolist() == shown
    page.fill(".controls input[type=number] >> nth=0", "5")
    page.keyboard.press("Tab")
    page.wait_for_function("pyinit.runs[0].layers.length === 5 && location.hash.includes('depth=5')")
    page.click(".presets button[data-value=too_large]")
    page.wait_for_function(
        "pyinit.store.state.experiment.runs[0].scale === 5 && location.hash.includes('scale:5')"
    )
    page.select_option(".card select", "he_normal")
    page.wait_for_function("pyinit.runs[0].label.includes('he_normal')")
    page.click(".data button[data-value=blobs]")
    page.wait_for_function("pyinit.store.state.data.name === 'blobs'")


def test_layers_of_digits_are_seen_live_with_theory_and_predictions(open_page: Open, shot: Shot) -> None:
    page = open_page("view=layers&data=mnist&depth=5&width=24&learning_rate=0.003&run=he_normal")
    page.click("button.play")
    reach(page, 15)
    shot(page, "digits")
    for panel, share in (("histogram", 0.05), ("heatmap", 0.3), ("digits", 0.2)):
        assert pixels(page, panel)["painted"] > share, panel
    run = page.evaluate(
        "(({now}) => ({counts: now.get('counts').shape, digits: now.get('digits').shape[0],"
        " theory: [...now.get('theory').values].filter(Number.isFinite).length}))(pyinit.runs[0])"
    )
    assert run["counts"][:2] == [5, 4]
    assert run["theory"] > 100
    assert run["digits"] >= 20
    before = pixels(page, "heatmap")["sum"]
    page.click(".heatmap button[data-value=heat_gradient] >> visible=true")
    assert pixels(page, "heatmap")["sum"] != before


def test_one_s_own_csv_is_dropped_and_trained(open_page: Open, tmp_path: Path) -> None:
    page = open_page("view=layers")
    rng = np.random.default_rng(0)
    rows = ["height,weight,kind"]
    rows += [f"{a:.4f},{b:.4f},{'tall' if a > b else 'wide'}" for a, b in rng.normal(size=(80, 2))]
    own = tmp_path / "shapes.csv"
    own.write_text("\n".join(rows) + "\n")
    page.set_input_files("input[type=file]", str(own))
    page.wait_for_selector("dialog .use:visible")
    assert page.input_value("dialog select") == "kind"
    page.click("dialog .use")
    page.wait_for_function("pyinit.store.state.data?.name.includes('shapes') && pyinit.runs[0].now.size")
    page.click("button.play")
    reach(page, 5)
    own.write_text("a,b\n1,2,3\n4\n")
    page.set_input_files("input[type=file]", str(own))
    page.click("dialog .use")
    page.wait_for_selector(".error:visible")


def test_an_npz_is_dropped_on_the_page(open_page: Open) -> None:
    page = open_page("view=layers")
    rng = np.random.default_rng(0)
    raw = io.BytesIO()
    inputs = rng.normal(size=(60, 3)).astype(np.float32)
    np.savez(raw, x=inputs, y=(inputs[:, 0] > 0).astype(np.int64))
    page.evaluate(
        """bytes => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([new Uint8Array(bytes)], "mine.npz"));
          const root = document.querySelector(".pyinit-lab");
          root.dispatchEvent(new DragEvent("dragover", {dataTransfer, bubbles: true}));
          if (document.querySelector(".veil").hidden) throw new Error("no veil");
          root.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true}));
        }""",
        list(raw.getvalue()),
    )
    page.wait_for_function("pyinit.store.state.data?.name.includes('mine') && pyinit.runs[0].now.size")
    assert page.evaluate("pyinit.runs[0].layers[0].inputs") == 3


def test_runs_side_by_side_share_one_bar_and_a_sorted_table_brings_one_back(
    open_page: Open, shot: Shot
) -> None:
    page = open_page(
        "view=compare&data=moons&depth=6&width=8&run=critical_normal,scale:0.1&run=critical_normal"
    )
    page.click(".controls .add")
    page.wait_for_function("pyinit.runs.length === 3")
    page.click("button.play")
    reach(page, 12)
    page.click("button.play")
    page.wait_for_function("!pyinit.store.state.playing")
    shot(page, "compare")
    counts = page.evaluate("pyinit.runs.map(run => run.losses.count)")
    assert len(set(counts)) == 1
    assert counts[0] >= 12
    assert page.locator(".run >> visible=true").count() == 3
    page.click("[data-column=loss] button")
    losses = page.locator("tbody td[data-column=loss]").all_inner_texts()
    assert [float(one) for one in losses] == sorted(float(one) for one in losses)
    page.click(".card[data-run='2'] .quiet")
    page.wait_for_function("pyinit.runs.length === 2")
    page.locator("tbody button").first.click()
    page.wait_for_function("pyinit.runs.length === 3")


def test_a_point_of_the_phase_diagram_is_where_a_run_starts(open_page: Open, shot: Shot) -> None:
    page = open_page("view=phase&data=moons&depth=8&width=8&run=critical_normal")
    page.wait_for_function("pyinit.store.state.diagram")
    assert pixels(page, "phase")["painted"] > 0.5
    box = page.locator(".phase canvas").bounding_box()
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.4 * box["height"])
    page.wait_for_function("pyinit.store.state.experiment.runs[0].recipe === 'lecun_normal'")
    page.wait_for_function("pyinit.store.state.step > 0")
    shot(page, "phase")
    start = page.evaluate("pyinit.store.state.experiment.runs[0]")
    assert 2 < start["scale"] < 3
    assert 1 < start["sigma_b"] < 1.5
    assert page.evaluate("pyinit.runs[0].sigmaW") == pytest.approx(start["scale"], rel=1e-3)


def test_a_lesson_asks_and_answers_when_it_has_run(open_page: Open, shot: Shot) -> None:
    page = open_page("view=tour")
    assert page.locator(".lessons button").count() >= 12
    assert page.locator(".tour .question").inner_text()
    assert page.locator(".tour .answer").is_hidden()
    page.evaluate("pyinit.wire.send({type: 'pace', steps: 50}); pyinit.store.set({pace: 50})")
    page.click(".tour .primary")
    page.wait_for_selector(".tour .answer:visible")
    shot(page, "tour")
    before = page.locator(".tour h2").inner_text()
    page.click(".tour .actions button.text")
    assert page.locator(".tour h2").inner_text() != before
    assert page.locator(".tour .answer").is_hidden()
    assert "view=tour." in page.evaluate("location.hash")
