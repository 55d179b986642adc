"""Everything that a voter needs is on the screen at once, whatever the prompt: nobody scrolls between two images."""

import pytest

from arena.domain.prompt import Prompt
from tests.browser.test_app_browser import browser
from tests.browser.test_vote_browser import shown, vote_page
from tests.dashboards import small_run
from tests.dashboards.test_vote import NAMES, varied

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LONG = "A studio photograph of a kettle with a walnut handle, seen from the left on seamless grey paper. " * 6


@pytest.mark.parametrize(("width_px", "height_px", "lines"), [(390, 844, 2), (1280, 720, 2)])
def test_both_images_and_every_button_fit_on_the_screen(browser, tmp_path, monkeypatch, width_px, height_px, lines):
    from tests.browser.screenshots import served

    prompt = Prompt(id="long", text=LONG, category="products", clip_tokens=60)
    monkeypatch.setattr(small_run, "png", varied)
    monkeypatch.setattr(small_run, "PROMPTS", {"long": prompt})
    small_run.make_run(tmp_path, names=NAMES)
    with served(tmp_path) as address:
        page = vote_page(browser.new_context(viewport={"width": width_px, "height": height_px}), address)
        shown(page)
        assert page.locator(".stMarkdownBadge:visible").count() == 1
        sides = [page.locator(".arena-side").nth(i).bounding_box() for i in (0, 1)]
        buttons = [b.bounding_box() for b in page.get_by_test_id("stBottomBlockContainer").get_by_role("button").all()]
    assert len(buttons) == 8
    assert max(side["y"] + side["height"] for side in sides) <= min(button["y"] for button in buttons)
    assert max(button["y"] + button["height"] for button in buttons) <= height_px
    assert max(button["x"] + button["width"] for button in buttons) <= width_px
    assert len({round(button["y"]) for button in buttons}) == lines
    assert min(side["width"] for side in sides) >= 200, "and they are not made small for it"
