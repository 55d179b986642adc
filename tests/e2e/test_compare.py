"""`arena runs compare` over real runs of simulated providers."""


def test_two_endpoints_of_a_run_and_two_runs_are_compared(arena):
    # Twenty prompts once, not five four times: by chance those can say too little for an interval.
    plan = arena.plan("quick", "slow", prompts={"sets": ["core"], "limit": 20})
    first = arena.json("run", plan, "--yes")["run"]["id"]
    (within,) = arena.json("runs", "compare", first)["comparisons"]
    assert within["paired"] is True
    assert (within["a"]["endpoint"], within["b"]["endpoint"]) == ("t/quick", "t/slow")
    assert within["a"]["simulated"] is True
    median = within["contrasts"][0]
    assert median["high"] < 0
    assert median["verdict"].startswith("t/quick is faster by ")
    shown = arena("runs", "compare", first, "--endpoints", "t/slow", "t/quick")
    assert "t/quick is faster by " in shown.out
    assert "SIMULATED" in shown.out

    second = arena.json("run", plan, "--yes")["run"]["id"]
    across = arena.json("runs", "compare", first, second)["comparisons"]
    assert [c["a"]["endpoint"] for c in across] == ["t/quick", "t/slow"]
    assert all(c["paired"] and c["cells_a"] == 20 for c in across)
    assert all("apart" in c["notes"][0] for c in across)


def test_comparisons_that_mean_nothing_are_refused_in_one_sentence(arena):
    small = arena.json("run", arena.plan("quick"), "--yes")["run"]["id"]
    larger = arena.json("run", arena.plan("quick", request={"size": "128x128"}), "--yes")["run"]["id"]
    refused = arena("runs", "compare", small, larger, code=2).sentence
    assert "asked for different images (size 64x64 and 128x128)" in refused
    assert "has 1 endpoints with measured attempts; name two" in arena("runs", "compare", small, code=2).sentence
    unknown = arena("runs", "compare", small, "--endpoints", "t/quick", "t/quik", code=2).sentence
    assert "there is no endpoint 't/quik'; did you mean 't/quick'?" in unknown
    same = arena("runs", "compare", small, "--endpoints", "t/quick", "t/quick", code=2).sentence
    assert "is on both sides" in same


def test_show_all_tells_p90_and_p99_and_the_plain_table_does_not(arena):
    arena("run", arena.plan("quick", repetitions=4), "--yes")
    assert "p90" not in arena("runs", "show", "last").out
    assert "p90" in arena("runs", "show", "last", "--all").out
    figures = arena.json("runs", "show", "last")["endpoints"][0]["figures"]
    assert figures["time_to_image_p99_ms"] == {"value": None, "n": 20, "low": None, "high": None}
