"""The charts of the boards: what they mark, what they say, and that their names stay apart."""

import pytest

from arena.reports.matchups import matchups
from arena.reports.tradeoffs import frontier, tradeoffs
from dashboards import boards, matchup_charts, tradeoff_charts
from dashboards.format import colours, short, shortened
from dashboards.labels import Spot, place
from tests.arena.boards import board_of_skills, summary

SKILLS = {"a/best": 150, "b/good": 50, "c/fair": 0, "d/poor": -200}
COLOURS = colours(SKILLS)
ABOUT = "Endpoints: 6,000 votes; measured in May"


@pytest.fixture(scope="module")
def joined():
    figures = [
        summary("a/best", usd=20, p50=(4000, 3500, 4600)), summary("b/good", usd=30, p50=(1000, 950, 1100)),
        summary("c/fair", usd=2, p50=(900, 880, 950)), summary("d/poor", usd=None, p50=(400, 380, 450)),
    ]  # fmt: skip
    return tradeoffs(board_of_skills(SKILLS), figures)


def drawn(joined, against, **options):
    chart = tradeoff_charts.elo_against(
        frontier(joined, against), COLOURS, about=ABOUT, simulated=joined.simulated, **options
    )
    return chart, {trace.name: trace for trace in chart.figure.data}


def test_a_point_is_a_rating_with_its_interval_at_its_price(joined):
    chart, traces = drawn(joined, "cost")
    best, candidate = traces["a/best"], joined.candidates[0]
    assert (best.x, best.y) == ((20,), (candidate.elo,))
    assert best.error_y.array[0] == pytest.approx(candidate.rating.high - candidate.elo)
    assert best.error_x.visible is False
    assert chart.figure.layout.xaxis.type == "log"
    assert "d/poor" not in traces  # no price
    assert best.marker.color == COLOURS["a/best"]


def test_speed_has_bars_both_ways_in_seconds(joined):
    chart, traces = drawn(joined, "speed")
    best = traces["a/best"]
    assert best.x == (4,)
    assert (best.error_x.array[0], best.error_x.arrayminus[0]) == pytest.approx((0.6, 0.5))
    low, high = (10**end for end in chart.figure.layout.xaxis.range)
    assert low < 0.38
    assert high > 4.6


def test_the_line_joins_those_likelier_than_not_and_the_unlikely_are_hollow(joined):
    chart, traces = drawn(joined, "cost")
    assert traces["frontier"].x == (2, 20)
    assert traces["b/good"].marker.symbol == "circle-open"
    assert traces["a/best"].text[0] == "a/best >99 %"
    assert traces["b/good"].text[0] == "b/good"
    assert chart.alt.endswith("from the cheapest on: c/fair (>99 %); a/best (>99 %).")


def test_a_bubble_is_the_third_dimension_by_area(joined):
    _, traces = drawn(joined, "cost")
    sizes = {name: traces[name].marker.size for name in ("a/best", "b/good")}
    assert sizes["a/best"] == tradeoff_charts.MOST_PX
    assert (sizes["b/good"] / sizes["a/best"]) ** 2 == pytest.approx(1000 / 4000)


def test_words_say_the_direction_the_window_and_what_is_simulated(joined):
    for against in ("cost", "speed"):
        chart, _ = drawn(joined, against)
        assert "Upper left is better." in chart.subtitle
        assert ABOUT in chart.subtitle
        assert "Simulated" not in chart.subtitle
    front = frontier(joined, "cost")
    assert "Simulated endpoints." in tradeoff_charts.elo_against(front, {}, about=ABOUT, simulated=True).subtitle


def test_the_best_quadrant_is_upper_left_of_both_medians(joined):
    _, traces = drawn(joined, "cost")
    quadrant = traces["best quadrant"]
    assert max(quadrant.x) == 20  # the median price of three
    assert min(quadrant.y) == sorted(c.elo for c in joined.candidates if c.endpoint != "d/poor")[1]


def test_something_free_has_a_place_too():
    free = tradeoffs(board_of_skills(SKILLS), [summary("a/best", usd=20), summary("c/fair", usd=0.0)])
    chart, traces = drawn(free, "cost")
    assert traces["c/fair"].x == (0,)
    assert chart.figure.layout.xaxis.type is None
    assert "Logarithmic" not in chart.subtitle


def test_an_empty_frontier_draws_nothing_and_says_so():
    chart, _ = drawn(tradeoffs(board_of_skills(SKILLS), []), "speed")
    assert not chart.figure.data
    assert "nobody can be placed yet" in chart.alt


def test_labels_keep_off_each_other_and_inside():
    apart = place([Spot(0.01, 0.01, 6, "a/one"), Spot(0.99, 0.99, 6, "b/two")])
    assert apart == ["top right", "bottom left"]  # the first free one that lies inside
    crowded = place([Spot(0.5, 0.5, 6, "a/name-of-some-length")] * 12)
    assert 0 < crowded.count(None) < 12
    assert len({p for p in crowded if p is not None}) == 12 - crowded.count(None)


def test_a_label_far_to_the_right_goes_inward_where_it_can():
    assert place([Spot(0.6, 0.5, 6, "a/one")]) == ["top left"]  # on a phone there is no room to its right
    assert place([Spot(0.4, 0.5, 6, "a/one")]) == ["bottom right"]


def test_the_matrix_is_the_share_of_the_row_and_its_mirror():
    board = board_of_skills(SKILLS)
    pairs = matchups(board)
    chart = matchup_charts.matrix(pairs, [r.entrant for r in board.rows], about=ABOUT, simulated=True)
    (heat,) = chart.figure.data
    assert heat.z[0][0] is None
    for i in range(4):
        for j in range(i):
            assert heat.z[i][j] + heat.z[j][i] == pytest.approx(1)
    best = next(m for m in pairs if (m.a, m.b) == ("a/best", "d/poor"))
    assert heat.z[0][3] == best.win_share.value
    assert f"<b>{best.win_share.value * 100:.0f} %</b>" in heat.text[0][3]
    assert f"the model expects {best.expected_share * 100:.0f} %" in heat.hovertext[0][3]
    assert f"n {best.win_share.n:,}" in heat.hovertext[0][3]
    assert chart.subtitle.startswith("Simulated contenders.")
    assert "a/best is ahead in the most, 3" in chart.alt


def test_a_large_matrix_leaves_numbers_to_hovering():
    board = board_of_skills({f"p/m{i:02}": 10.0 * i for i in range(20)}, votes=9000)
    chart = matchup_charts.matrix(matchups(board), [r.entrant for r in board.rows], about=ABOUT, simulated=False)
    (heat,) = chart.figure.data
    assert {text for line in heat.text for text in line} == {""}
    assert chart.figure.layout.yaxis.ticktext[0].startswith("1 p/m")
    assert chart.figure.layout.height < 1000


def test_ratings_of_the_provisional_are_hollow_and_grey():
    board = board_of_skills(SKILLS, votes=30)
    chart = boards.chart(board, COLOURS)
    assert {trace.marker.color for trace in chart.figure.data} == {boards.PROVISIONAL_COLOUR}
    assert "nobody yet is highest" in chart.alt
    settled = boards.chart(board_of_skills(SKILLS), COLOURS)
    assert [t.marker.color for t in settled.figure.data] == [COLOURS[name] for name in SKILLS]
    assert "a/best is highest" in settled.alt


def test_long_names_are_cut_in_the_middle_unless_they_would_look_alike():
    name = "provider/a-model-with-a-very-long-name-v3"
    assert (len(short(name, 20)), short(name, 20)[0], short(name, 20)[-2:]) == (20, "p", "v3")
    twins = [f"provider/some-long-name-{i}-preview-of-something" for i in range(2)]
    assert shortened([*twins, name], 20) == {**{t: t for t in twins}, name: short(name, 20)}
