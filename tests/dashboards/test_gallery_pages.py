"""The gallery and the competitions: over nothing, over a few images and over more than a page of them."""

from datetime import UTC, datetime

import pytest

from arena.settings import Settings
from arena.store import screening
from arena.store.blobs import BlobStore
from arena.store.engine import open_database
from dashboards import gallery
from tests.dashboards.small_run import NASTY, make_run, stored_outcomes
from tests.dashboards.test_pages import RUN_ID, words
from tests.dashboards.test_vote import rows as table_rows


def keep_out(directory, sha256, reason):
    database = open_database(Settings(data_dir=directory))
    with database.write() as connection:
        screening.keep_out(connection, {sha256: reason}, datetime.now(UTC))
    database.close()


@pytest.mark.parametrize("page", ["gallery", "competitions"])
def test_without_a_database_the_page_names_the_command_that_fills_it(open_page, directory, page):
    app = open_page(page)
    assert [code.value for code in app.code] == ["arena demo"]
    assert not app.error


@pytest.mark.parametrize("page", ["gallery", "competitions"])
def test_a_database_that_cannot_be_read_is_one_sentence(open_page, directory, page):
    (directory / "arena.db").write_bytes(b"this is no database at all" * 100)
    app = open_page(page)
    assert len(app.error) == 1


def test_the_gallery_shows_every_image_and_that_it_is_simulated(open_page, small):
    app = open_page("gallery")
    assert len(app.image) == 10
    assert app.selectbox(key="kind").options == ["simulated"]
    assert "SIMULATED" in words(app)
    assert not app.error


def test_more_images_than_fit_are_turned_page_by_page(open_page, directory):
    make_run(directory, names=("sim/a", "sim/b"), repetitions=8)
    app = open_page("gallery")
    first = [b.key for b in app.button if b.key.startswith("close-")]
    assert len(first) == gallery.PAGE
    assert app.button(key="newer").disabled
    app.button(key="older").click().run()
    second = [b.key for b in app.button if b.key.startswith("close-")]
    assert not set(first) & set(second)
    app.button(key="newer").click().run()
    assert [b.key for b in app.button if b.key.startswith("close-")] == first


def test_filters_narrow_the_gallery_and_a_new_choice_begins_on_the_first_page(open_page, directory):
    make_run(directory, names=("sim/a", "sim/b"), repetitions=8)
    app = open_page("gallery")
    app.button(key="older").click().run()
    app.selectbox(key="maker").select("sim/b").run()
    assert app.button(key="newer").disabled
    assert "sim/a" not in "".join(c.value for c in app.caption).replace("\\", "")
    app.selectbox(key="about").select("poster").run()
    assert len([b for b in app.button if b.key.startswith("close-")]) == 8


def test_real_and_simulated_images_are_never_on_one_page(open_page, small):
    make_run(small, names=("lab/real",), simulated=False, run_id="20270101-000000-real")
    app = open_page("gallery")
    assert app.selectbox(key="kind").value == "real"
    assert "simulated" not in words(app).lower()
    app.selectbox(key="kind").select("simulated").run()
    assert "lab/real" not in words(app).replace("\\", "")


def test_an_image_close_up_tells_everything_and_its_prompt_as_text(open_page, small):
    row = stored_outcomes(small, RUN_ID).dropna(subset=["image_sha256"]).query("prompt_id == 'cat'").iloc[0]
    keep_out(small, row["image_sha256"], "blank: one *colour*")
    app = open_page("gallery", about="cat")
    for button in [b for b in app.button if b.key.startswith("close-")]:
        found = gallery.one(button.key.removeprefix("close-"))
        if found.sha256 == row["image_sha256"]:
            button.click().run()
            break
    known = app.table[0].value.set_index("What")["Value"].str.replace("\\", "")
    assert known["Delivered"] == "64×48 png"
    assert known["Seed"] == "1"
    assert known["Cost"] == "$0.0040, by book"
    assert known["Battles"] == "kept out of battles: blank: one *colour*"
    assert NASTY in [t.value for t in app.text]
    assert row["image_sha256"] in [c.value for c in app.code]
    assert len(app.get("download_button")) == 1


def test_an_original_is_the_bytes_that_came(small):
    sha256 = stored_outcomes(small, RUN_ID)["image_sha256"].dropna().iloc[0]
    assert gallery.original(sha256) == BlobStore(Settings().images_dir).get(sha256)


@pytest.mark.parametrize("image", ["no", "1-", "99999-0", "1-0-0", "9" * 30 + "-0"])
def test_an_address_of_no_image_shows_them_all(open_page, small, image):
    app = open_page("gallery", image=image)
    assert not app.error
    assert "There is no such image" in words(app)


def test_prompts_are_listed_with_their_votes_and_images(open_page, small):
    shown = open_page("competitions").dataframe[0].value.set_index("prompt")
    assert shown["votes"].tolist() == [0, 0]
    assert shown["images"].sum() == 10


def test_a_prompt_without_votes_shows_its_images(open_page, small):
    app = open_page("competitions", competition="cat")
    assert "No vote on this prompt counts yet" in words(app)
    assert NASTY in [t.value for t in app.text]
    assert len(app.image) == 2


def test_a_prompt_with_votes_ranks_its_images(open_page, small, monkeypatch):
    from arena.battles.ballots import Ballots
    from arena.domain.battle import Verdict
    from arena.store.battles import VOTE
    from tests.arena.battles.conftest import Watch

    watch = Watch()
    database = open_database(Settings())
    ballots = Ballots(database, now=watch)
    ballots.register("ann")
    for _ in range(4):
        ballot = ballots.open("ann", ballots.pool(simulated=True))
        if ballot is None:
            break
        watch.ahead(seconds=5)
        ballots.cast(ballot.token, "ann", Verdict.LEFT, 2000, None)
    database.close()
    votes = len(table_rows(small, VOTE))
    assert votes > 0
    listed = open_page("competitions").dataframe[0].value
    assert listed["votes"].sum() == votes
    app = open_page("competitions", competition=listed["prompt"].iloc[0])
    assert not app.error
    assert len(app.table) == 1
    assert "provisional" in words(app)
    assert len(app.get("plotly_chart")) == 1


def test_a_choice_of_one_page_does_not_narrow_another(open_page, directory):
    make_run(directory, run_id="20260101-000000-olds")
    make_run(directory, run_id="20260201-000000-news")
    app = open_page("images")
    app.selectbox(key="prompt").select("poster").run()
    for page in ("gallery", "competitions", "images", "run", "gallery"):
        app.switch_page(f"app_pages/{page}.py").run()
        assert not app.exception
        assert not app.error
        if page == "gallery":
            assert [app.selectbox(key=key).value for key in ("about", "maker", "made_in")] == ["all", "all", "all"]
