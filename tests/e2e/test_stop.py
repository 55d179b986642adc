"""A run that ends once an interval is narrow enough, or at its budget, whichever comes first."""

STOP = {"metric": "time_to_image_p50_ms", "relative_width": 2.0}


def test_a_run_stops_when_its_plans_interval_is_narrow_enough(arena):
    plan = arena.plan("quick", "pods", repetitions=40, stop=STOP)
    checked = arena("plan", "check", plan).out
    assert "fewer, if every endpoint's time_to_image_p50_ms has an interval at most 200.0% wide before" in checked
    shown = arena.json("run", plan, "--yes")
    stop = shown["run"]["stop"]
    assert shown["run"]["status"] == "finished"
    assert stop["reached"] is True
    assert set(stop["endpoints"]) == {"t/quick", "t/pods"}
    for endpoint in stop["endpoints"].values():
        assert endpoint["relative_width"] == (endpoint["high"] - endpoint["low"]) / endpoint["value"] <= 2.0
    counts = [e["figures"]["attempts"]["value"] for e in shown["endpoints"]]
    assert all(30 <= count < 200 for count in counts)
    assert arena.json("runs", "show", "last")["run"]["stop"] == stop

    told = arena("runs", "show", "last").out
    assert "stopped: the interval of time_to_image_p50_ms at most 200.0% wide at every endpoint" in told
    assert "t/pods: " in told
    assert "has told what its plan asks for" in arena("run", "--resume", "last", "--yes", code=2).sentence


def test_the_budget_ends_it_first_where_it_is_used_up_first(arena):
    plan = arena.plan("quick", repetitions=40, stop=STOP)
    stopped = arena("run", plan, "--yes", "--budget", "0.10", "--json", code=3)
    assert "the budget is used up" in stopped.err
    shown = arena.json("runs", "show", "last")["run"]
    assert (shown["status"], shown["stop"]["reached"]) == ("budget", False)
    assert "not reached: " in arena("runs", "show", "last").out
    arena("run", "--resume", "last", "--yes", "--budget", "5")
    shown = arena.json("runs", "show", "last")
    assert shown["run"]["stop"]["reached"] is True
    assert shown["endpoints"][0]["figures"]["attempts"]["value"] < 200


def test_a_stop_rule_that_cannot_be_is_refused(arena):
    plan = arena.plan("quick", stop={"metric": "cost_per_image_usd", "relative_width": 0.1})
    assert "stop" in arena("plan", "check", plan, code=2).sentence


def test_a_stop_rule_that_cannot_be_reached_is_noted_before_anything_is_fired(arena):
    noted = arena("plan", "check", arena.plan("quick", repetitions=5, stop=STOP)).out
    assert "t/quick gets fewer trials than the 30 after which `stop` first looks" in noted
