"""The page for everybody: languages, light and dark, keyboard, screen readers, phones; and its faults."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.interop

Open = Callable[..., Any]
Shot = Callable[[Any, str], None]


def test_the_page_follows_the_browser_s_language_and_is_switched(open_page: Open, shot: Shot) -> None:
    page = open_page("view=layers&depth=6&run=critical_normal,scale:5", locale="zh-CN")
    shot(page, "chinese")
    assert page.locator("h1").inner_text() == "pyinit 实验室"
    assert page.get_attribute(".pyinit-lab", "lang") == "zh-Hans"
    assert any("\u4e00" <= letter <= "\u9fff" for letter in page.locator(".verdict").inner_text())
    page.click("button.language")
    assert page.locator("h1").inner_text() == "pyinit lab"
    page.wait_for_function("!/[\\u4e00-\\u9fff]/.test(document.querySelector('.verdict').textContent)")


def test_light_and_dark_follow_the_system_and_the_switch(open_page: Open, shot: Shot) -> None:
    page = open_page("data=moons", color_scheme="dark")
    shot(page, "dark")
    ground = "getComputedStyle(document.querySelector('.pyinit-lab')).backgroundColor"
    dark = page.evaluate(ground)
    page.click("button.theme")
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) == light != dark


def test_every_control_is_reached_and_named_and_canvases_are_read(open_page: Open) -> None:
    page = open_page("data=moons&depth=3&width=8")
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, select, input')].filter(one => one.offsetParent !== null)"
        ".filter(one => !(one.getAttribute('aria-label') || one.textContent.trim() || one.closest('label')))"
        ".map(one => one.outerHTML)"
    )
    assert nameless == []
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.className + document.activeElement.tagName"))
    assert {"playBUTTON", "rewindBUTTON", "stepBUTTON", "CANVAS", "SELECT"} <= reached
    page.click("button.step")
    page.wait_for_function("pyinit.store.state.step === 1")
    page.focus(".boundary canvas")
    page.keyboard.press("ArrowRight")
    assert "%" in page.locator(".tip").inner_text()
    assert page.get_attribute(".boundary canvas", "role") == "img"
    page.wait_for_function(
        "document.querySelector('.boundary canvas').getAttribute('aria-label').length > 40"
    )


def test_a_score_that_is_not_of_now_says_of_when_it_is(open_page: Open) -> None:
    page = open_page("data=moons&depth=3&width=8&steps=60&run=he_normal")
    assert "scored" not in page.locator(".count").inner_text()
    page.click("button.step")
    page.wait_for_function("document.querySelector('.count').textContent === 'step 1 of 60 · scored at 0'")
    page.click("button.play")
    page.wait_for_function("document.querySelector('.count').textContent === 'step 60 of 60 · Finished'")


def test_the_summary_is_said_when_a_run_pauses(open_page: Open) -> None:
    page = open_page("data=moons&depth=3&width=8&run=he_normal")
    page.click("button.play")
    page.wait_for_function("pyinit.store.state.step >= 3")
    page.click("button.play")
    assert page.get_attribute(".summary", "aria-live") == "polite"
    text = page.text_content(".summary")
    assert "he_normal" in text
    assert "Loss" in text


@pytest.mark.parametrize("view", ["train", "layers", "compare", "phase", "tour"])
def test_a_phone_shows_every_view_without_scrolling_sideways(open_page: Open, shot: Shot, view: str) -> None:
    page = open_page(f"view={view}&data=moons&depth=4&width=8", width=390, height=844, device_scale_factor=2)
    shot(page, f"phone_{view}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".play").is_visible()
    assert page.evaluate("[...document.querySelectorAll('.board canvas')].some(one => one.clientWidth > 250)")


def test_python_and_the_link_are_copied(open_page: Open) -> None:
    page = open_page("data=moons&depth=3&width=8&run=he_normal")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("button.python")
    assert (
        "pi.train" in page.locator("dialog pre").inner_text()
        or "pi.compare" in page.locator("dialog pre").inner_text()
    )
    page.click("dialog.python .primary")
    assert "import pyinit as pi" in page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("Escape")
    page.click("button.link")
    page.wait_for_function("navigator.clipboard.readText().then(text => text.includes('run=he_normal'))")


def test_a_link_that_cannot_be_followed_says_why_and_the_page_works(open_page: Open) -> None:
    page = open_page("data=nothing&run=he_normal")
    page.wait_for_selector(".error:visible")
    assert "nothing" in page.locator(".error").inner_text()
    page.click("button.step")
    page.wait_for_function("pyinit.store.state.step === 1")


def test_a_dropped_socket_is_opened_again_with_the_same_experiment(open_page: Open, server: str) -> None:
    page = open_page("data=moons&depth=3&width=8&seed=7&run=he_normal")
    before = page.evaluate("pyinit.runs[0].now.get('weights.0').values.join()")
    page.evaluate("window.old = pyinit.runs[0]")
    urllib.request.urlopen(f"{server}drop").read()
    page.wait_for_function("pyinit.runs[0] !== window.old && pyinit.runs[0].now.size")
    assert page.evaluate("pyinit.runs[0].now.get('weights.0').values.join()") == before


def test_ten_thousand_malformed_frames_are_refused_and_the_page_goes_on(open_page: Open, server: str) -> None:
    page = open_page("data=moons&depth=3&width=8&run=he_normal")
    urllib.request.urlopen(f"{server}malform?count=10000", timeout=120).read()
    page.wait_for_function("pyinit.stats.refused + pyinit.stats.frames > 10000")
    assert page.evaluate("pyinit.stats.refused") > 1000
    page.click("button.step")
    page.wait_for_function("pyinit.store.state.step === 1")


def test_a_run_that_diverges_is_named(open_page: Open) -> None:
    page = open_page(
        "data=moons&depth=4&width=8&activation=relu&optimizer=sgd&learning_rate=100&run=he_normal,scale:5"
    )
    page.click("button.play")
    page.wait_for_function("pyinit.runs[0].diverged")
    page.wait_for_function("document.querySelector('.chip').textContent.includes('diverged')")
    # the sentence is said at the end, and the numbers that are left are no numbers of a network that learns
    page.wait_for_function("pyinit.store.state.finished")
    page.wait_for_function("document.querySelector('.verdict').textContent.includes('not finite')")
    assert page.get_attribute(".verdict", "data-kind") == "ill"
    page.click("button.rewind")
    page.wait_for_function("!pyinit.runs[0].diverged && pyinit.store.state.step === 0")
    page.wait_for_function("!document.querySelector('.chip').textContent.includes('diverged')")


def test_the_user_s_own_networks_show_no_settings_that_are_not_theirs(open_page: Open) -> None:
    page = open_page("data=moons&depth=3&width=8")
    assert page.locator(".of-network").is_visible()
    page.evaluate("pyinit.store.set({own: true}); pyinit.store.set({runs: [...pyinit.runs]})")
    for hidden in (".of-presets", ".of-data", ".of-network", ".of-initialization", "button.python"):
        assert page.locator(hidden).is_hidden(), hidden
    assert page.locator(".of-training").is_visible()
    assert page.locator(".network canvas").is_visible()
