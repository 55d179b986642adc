"""Leaderboard, Trade-offs and Matchups: empty, small and large, real and simulated, and by their addresses."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from arena.domain.request import Mode
from arena.reports.leaderboard import Board
from arena.settings import Settings
from arena.store.battles import BATTLE, VOTE
from arena.store.contenders import enroll, newcomers
from arena.store.engine import open_database
from dashboards import boards
from tests.arena.boards import board_of_skills
from tests.dashboards.small_run import make_run
from tests.dashboards.voted_run import Truth, make_arena, many

PAGES = ["board", "tradeoffs", "matchups"]


def words(app):
    kinds = (app.title, app.markdown, app.caption, app.text, app.error, app.code)
    return "\n".join(str(element.value) for element in itertools.chain(*kinds)).replace("\\", "")


def charts(app):
    return app.get("plotly_chart")


@pytest.fixture
def few(directory):
    make_arena(directory)
    return directory


@pytest.mark.parametrize("page", PAGES)
def test_without_a_database_the_page_names_the_command_that_fills_it(open_page, directory, page):
    app = open_page(page)
    assert [code.value for code in app.code] == ["arena demo"]
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_without_a_vote_the_page_says_what_is_missing(open_page, small, page):
    app = open_page(page)
    assert not app.error
    assert not charts(app)
    assert "vot" in words(app).lower()
    assert app.code[0].value.startswith("arena ")


@pytest.mark.parametrize("page", PAGES)
def test_a_single_vote_is_shown_without_a_claim(open_page, directory, page):
    make_arena(directory, {"a/one": Truth(), "b/two": Truth()}, votes=1, attempts=4)
    app = open_page(page)
    assert not app.error
    assert "told apart from all" not in words(app)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_many_contenders_with_long_names_fit_on_a_page(open_page, directory, page):
    make_arena(directory, many(30), votes=6000, attempts=20)
    app = open_page(page)
    assert not app.error
    assert charts(app)


@pytest.mark.parametrize("page", PAGES)
def test_simulated_contenders_are_marked_and_real_ones_are_not(open_page, directory, page):
    make_arena(directory, simulated=True)
    assert "SIMULATED" in words(open_page(page))


@pytest.mark.parametrize("page", PAGES)
def test_real_figures_never_stand_under_that_mark(open_page, few, page):
    app = open_page(page)
    assert "simulated" not in words(app).lower()
    assert not app.get("button_group")  # nothing to choose between


@pytest.mark.parametrize("page", PAGES)
def test_what_is_shown_can_be_taken_along(open_page, few, page):
    assert [b.proto.label for b in open_page(page).get("download_button")] == ["CSV", "Parquet"]


def test_the_board_shows_tiers_price_time_and_last_run(open_page, few):
    app = open_page("board")
    shown = app.table[0].value
    assert list(shown["Tier"].head(2)) == ["1", "2"]
    assert shown["Entrant"].iloc[0] == "alpha/large"
    assert shown["$ per 1,000"].iloc[0] == pytest.approx(60)
    assert shown["$ per 1,000"].isna().tolist() == [False] * 4 + [True]  # no price is known, which is not zero
    assert shown["Time to image p50"].iloc[0] == pytest.approx(9000, rel=0.1)
    assert shown["Last run"].str.startswith("20").all()
    assert "**The highest rated, alpha/large, is told apart from all 4 others that are ranked.**" in words(app)
    assert "text to image, 1024x1024" in words(app)


def test_a_provisional_entrant_is_grey_and_without_a_tier(open_page, directory):
    make_arena(directory, votes=40)
    assert set(open_page("board").table[0].value["Tier"]) == {"–"}
    skills = {"a/one": 90.0, "b/two": 0.0, "c/low": -90.0}
    assert ":gray[a/one]" in boards.table(board_of_skills(skills, votes=40)).to_html()
    assert ":gray[" not in boards.table(board_of_skills(skills)).to_html()


def test_a_provider_narrows_the_rows_and_changes_no_rating(open_page, few):
    everybody = open_page("board").table[0].value
    app = open_page("board", providers="beta")
    app.multiselect(key="providers").set_value(["beta"]).run()
    shown = app.table[0].value
    assert shown.to_dict("records") == everybody[everybody["Entrant"] == "beta/medium"].to_dict("records")
    assert "1 of 5 entrants shown, rated against all" in words(app)


def test_filters_are_in_the_address(open_page, few):
    app = open_page("board", category="type", by="Providers", mode="Text to image")
    assert app.selectbox(key="category").value == "type"
    assert "$ per 1,000" not in app.table[0].value  # a provider has no one price
    category = boards.board(Board(category="type", group_by="provider", mode="t2i")).votes
    assert f"{category:,} votes" in words(app)


def test_tradeoffs_draw_both_charts_and_name_who_is_left_out(open_page, few):
    app = open_page("tradeoffs")
    assert [m.value for m in app.markdown if m.value.startswith("### ")] == [
        "### Elo against cost", "### Elo against speed", "### Best within limits",
    ]  # fmt: skip
    assert len(charts(app)) == 2
    assert "local/tiny" in app.table[0].value["Endpoint"].iloc[0].replace("\\", "")
    assert app.table[0].value["Why"].iloc[0].replace("\\", "") == "no price is known"
    assert "Upper left is better" in words(app)
    assert "4,000 votes; measured" in words(app)


def test_limits_in_the_address_choose_and_say_what_each_costs(open_page, few):
    app = open_page("tradeoffs", usd="30", p95="20000")
    assert app.number_input(key="usd").value == 30
    said = words(app)
    assert "The choice is beta/medium" in said or "The choice is gamma/medium" in said
    assert "Without the price limit: alpha/large, +" in said
    assert "$40.00 more per 1,000" in said
    assert "The p95 limit costs nothing" in said


def test_limits_that_nobody_keeps_name_the_nearest_miss(open_page, few):
    said = words(open_page("tradeoffs", p95="100"))
    assert "Nobody keeps every limit" in said
    assert "The nearest miss is local/tiny" in said


@pytest.mark.parametrize("query", [{"p95": "-5"}, {"usd": "cheap"}, {"success": "400"}, {"days": "9"}, {"mode": "x"}])
def test_an_address_that_means_nothing_breaks_nothing(open_page, few, query):
    app = open_page("tradeoffs", **query)
    assert not app.error
    assert len(charts(app)) == 2


def test_a_window_without_a_run_says_so(open_page, few):
    app = open_page("tradeoffs", mode="Edit")
    assert not app.error
    assert "No votes count here yet" in words(app)


def test_where_only_edits_were_voted_on_the_page_opens_with_edits(open_page, few):
    database = open_database(Settings(data_dir=few))
    with database.write() as connection:
        for table in (VOTE, BATTLE):
            connection.execute(table.update().values(mode=Mode.EDIT))
    database.close()
    app = open_page("tradeoffs")
    (mode,) = [s for s in app.selectbox if s.label == "Mode"]
    assert mode.value == Mode.EDIT
    assert "No votes count here yet" not in words(app)


def test_matchups_show_the_matrix_and_pairs_worth_a_look(open_page, few):
    app = open_page("matchups")
    assert len(charts(app)) == 1
    titles = [m.value for m in app.markdown if m.value.startswith("####")]
    assert titles == ["#### Closest", "#### Most voted", "#### Most decisive", "#### Biggest surprises"]
    decisive = app.table[2].value
    assert decisive["Pair"].iloc[0].replace("\\", "") == "alpha/large against local/tiny"
    share = decisive["Share of the first"].iloc[0].replace("\\", "").replace("\N{NO-BREAK SPACE}", " ")
    assert share == "91 % [87, 94], n 338"


def test_where_both_kinds_are_there_they_are_asked_for_apart(open_page, few):
    make_run(few, names=("sim/steady",), run_id="20270101-000000-next")
    database, now = open_database(Settings(data_dir=few)), datetime.now(UTC) - timedelta(hours=1)
    with database.write() as connection:
        enroll(connection, newcomers(connection, now))
    database.close()
    app = open_page("board")
    assert "SIMULATED" not in words(app)
    app = open_page("board", kind="Simulated")
    assert "SIMULATED" in words(app)
    assert "No vote counts" in words(app)
