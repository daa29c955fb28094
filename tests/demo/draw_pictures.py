"""Draws docs/pictures/demo-*.png: each tab of the page with the models that are given, in a headless Chromium.

    keras-bert demo --model MiniLM words reviews names answers --pairs inference &
    python tests/demo/draw_pictures.py http://127.0.0.1:7860

It wants Playwright, a Chromium and Pillow.
"""

import io
import re
import shutil
import sys
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES = 80_000


def main(address):
    """The address of a page -> None; writes the pictures and prints their sizes."""
    from playwright.sync_api import sync_playwright  # few have it: the tests import this file as they pass

    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as started:
        path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
        browser = started.chromium.launch(executable_path=path)
        opened = browser.new_page(viewport={"width": 960, "height": 1100})
        opened.goto(address)
        opened.locator(".prose.kb-answer").first.wait_for()
        for title in opened.get_by_role("tab").all_inner_texts():
            opened.get_by_role("tab", name=title, exact=True).click()
            opened.wait_for_timeout(1000)
            if title == "Masked words":  # of what `keras-bert pretrain` knows: Python's documentation
                opened.get_by_label("Text with [MASK]").fill("A function is called with a list of [MASK].")
                opened.get_by_role("button", name="Show").filter(visible=True).click()
                opened.wait_for_timeout(3000)
            if title == "Attention":
                opened.locator(".kb-token", has_text=re.compile(r"^it$")).hover()
            top = opened.get_by_role("tablist").first.bounding_box()["y"]
            shown = opened.locator(".prose.kb-answer").filter(visible=True).bounding_box()
            clip = {"x": 110, "y": top - 10, "width": 740, "height": shown["y"] + shown["height"] - top + 30}
            name = re.sub(r"\W+", "-", title.lower())
            save(opened.screenshot(clip=clip, full_page=True), PICTURES / f"demo-{name}.png")
        browser.close()


def save(picture, path):
    """PNG's bytes, path -> None; writes it in 64 colours, which is what such pages need, and checks its size."""
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(64).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.name}: {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"{path} has {size:,} bytes, more than {MOST_BYTES:,}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
