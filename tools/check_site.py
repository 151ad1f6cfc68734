"""Open every page of the built documentation in a browser, at the width of a desk and of a phone.

Usage: python tools/check_site.py build/site [--pictures FOLDER]

A page is wrong if it asks another machine for something, misses a file, raises an error, is wider than its
window, or is Chinese and does not say so. Pictures of six pages are saved to be looked at.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Error, sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = os.environ.get("PYINIT_CHROMIUM", "/usr/bin/chromium")
WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}
# whether a page of words has more Chinese characters than Latin letters in its headings
CHINESE = """() => {
  const text = [...document.querySelectorAll("h1, h2")].map((heading) => heading.innerText).join("");
  return (text.match(/\\p{Script=Han}/gu) || []).length > (text.match(/[a-z]/gi) || []).length;
}"""
PICTURED = ("index", "zh", "tour", "howto/large_model", "gallery/README", "api/torch")


def faults(page: Page, path: Path) -> list[str]:
    """Open a page and return what is wrong with it."""
    found: list[str] = []

    def asked(request: object) -> None:
        address = getattr(request, "url", "")
        if not address.startswith(("file:", "data:")):
            found.append(f"asks for {address}")

    listeners = {
        "request": asked,
        "requestfailed": lambda request: found.append(f"misses {request.url}"),
        "pageerror": lambda error: found.append(f"raises {error}"),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    page.goto(path.resolve().as_uri())
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if wide > 0:
        found.append(f"is {wide} pixels wider than its window")
    if page.evaluate(CHINESE) != page.evaluate("document.documentElement.lang.startsWith('zh')"):
        found.append("is in another language than its attribute lang says")
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return found


def picture(page: Page, path: Path) -> None:
    """Save a picture of the whole page. Chromium on a busy machine cannot always make one at once."""
    for _ in range(4):
        with suppress(Error):
            page.screenshot(path=path, full_page=True)
            return
        page.wait_for_timeout(500)
    page.screenshot(path=path, full_page=True)


def check(site: Path, pictures: Path | None) -> list[str]:
    """Return the faults of all pages, and save the pictures."""
    found = []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (width, height) in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            for path in sorted(site.rglob("*.html")):
                stem = path.relative_to(site).with_suffix("").as_posix()
                found += [f"{stem} ({name}) {fault}" for fault in faults(page, path)]
                if pictures is not None and stem in PICTURED:
                    picture(page, pictures / f"site-{stem.replace('/', '-')}-{name}.png")
        browser.close()
    return found


def main() -> int:
    """Run the check; the exit status is 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("site", type=Path, help="the folder that nox -s docs has built")
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of six pages")
    arguments = parser.parse_args()
    if not (arguments.site / "index.html").exists():
        print(f"{arguments.site} needs the built documentation; run nox -s docs first", file=sys.stderr)
        return 2
    if arguments.pictures is not None:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    found = check(arguments.site, arguments.pictures)
    for fault in found:
        print(fault, file=sys.stderr)
    pages = len(list(arguments.site.rglob("*.html")))
    print(f"site: {pages} pages at {len(WIDTHS)} widths, {len(found)} faults")
    return min(1, len(found))


if __name__ == "__main__":
    sys.exit(main())
