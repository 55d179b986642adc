"""What `arena endpoints` and `arena providers` tell, and that a dry run is the call that would be made."""

import json

from tests.servers import answering, response, scripted

KEYED = """
[[endpoint]]
id = "lab/keyed"
provider = "lab"
protocol = "openai"
model = "m-1"
base_url = "{url}/v1"
key_env = "LAB_API_KEY"
modes = ["t2i", "edit"]
limits = {{ max_side_px = 1024, side_multiple_px = 16 }}

[[price]]
endpoint = "lab/keyed"
from_date = 2026-01-01
first_mp_usd = "0.014"
per_mp_usd = "0.001"
mp = "binary"
round_up_mp = "1"
source = "the lab's page"
confidence = "high"
"""


def add(arena, url="http://127.0.0.1:9"):
    (arena.config / "providers").mkdir()
    (arena.config / "providers" / "lab.toml").write_text(KEYED.format(url=url))


def test_endpoints_are_listed_with_limits_price_and_key(arena):
    add(arena)
    (row,) = arena.json("endpoints", "ls", "lab/*")
    assert (row["key_env"], row["key_set"], row["limits"]["side_multiple_px"]) == ("LAB_API_KEY", False, 16)
    assert row["price"]["first_mp_usd"] == "0.014"
    text = arena("endpoints", "ls", "lab/*", LAB_API_KEY="k").out
    assert "64–1024 by 16" in text
    assert "$0.0140 first MP + $0.0010/further MP" in text
    assert "LAB_API_KEY (set)" in text
    assert {r["endpoint"] for r in arena.json("endpoints", "ls", "--real")} >= {"lab/keyed"}
    assert not any(r["simulated"] for r in arena.json("endpoints", "ls", "--real"))
    assert all("edit" in r["modes"] for r in arena.json("endpoints", "ls", "--mode", "edit"))
    assert "none/*" in arena("endpoints", "ls", "none/*", code=2).sentence


def test_a_dry_run_shows_the_call_without_the_key_and_sends_nothing(arena):
    add(arena)
    said = arena(
        "providers", "show", "lab/keyed", "--dry-run", "--prompt", "a tin", "--steps", "4", LAB_API_KEY="s3cr3t"
    )
    assert "POST http://127.0.0.1:9/v1/images/generations" in said.out
    assert '"prompt": "a tin"' in said.out
    assert "Authorization: Bearer •••" in said.out
    assert "cannot be told: seed, steps" in said.out
    assert "s3cr3t" not in said.out + said.err
    row = arena.json("providers", "show", "lab/keyed", "--dry-run", "--mode", "edit", "--size", "512x512")
    assert {part["name"] for part in row["call"]["multipart"]} >= {"model", "prompt", "size", "image"}
    assert (row["size_sent"], row["cost_usd"]) == ("512x512", "0.014")
    assert row["parameters"]["size"]["how"] == "converted"


def test_a_dry_run_is_of_the_request_that_is_asked_for(arena):
    add(arena)
    known = (arena.config / "providers" / "lab.toml").read_text()
    fields = 'options.fields = { safety = "moderation" }\n\n[[price]]'
    (arena.config / "providers" / "lab.toml").write_text(known.replace("[[price]]", fields))
    shown = ("providers", "show", "lab/keyed", "--dry-run", "--ratio", "1:1")
    half = arena.json(*shown, "--megapixels", "0.5", "--no-safety")
    assert half["size_sent"] == "720x720"
    assert half["call"]["json"]["moderation"] is False
    assert arena.json(*shown)["size_sent"] == "1024x1024"
    assert (
        "--megapixels goes with --ratio"
        in arena("providers", "show", "lab/keyed", "--dry-run", "--megapixels", "2", code=2).sentence
    )


def test_an_option_that_no_adapter_heeds_is_refused_with_file_and_name(arena):
    add(arena)
    path = arena.config / "providers" / "lab.toml"
    path.write_text(path.read_text().replace("[[price]]", 'options.filds = { seed = "seed" }\n\n[[price]]'))
    refused = arena("providers", "show", "lab/keyed", code=2).sentence
    assert "lab.toml: endpoint lab/keyed: options: there is no option 'filds'; did you mean 'fields'?" in refused
    (arena.config / "plans").mkdir(exist_ok=True)
    plan = arena.plan("quick", endpoints=["lab/keyed"])
    assert "there is no option 'filds'" in arena("run", plan, "--yes", code=2).sentence


def test_a_request_that_the_endpoint_would_refuse_is_refused_before(arena):
    add(arena)
    refused = arena("providers", "show", "lab/keyed", "--dry-run", "--size", "1030x1024", code=2).sentence
    assert refused == "lab/keyed makes sides from 64 to 1024 px, not 1030x1024; change the options of the request"
    assert "such as 1024x1024" in arena("providers", "show", "lab/keyed", "--dry-run", "--size", "big", code=2).sentence
    unheeded = arena("providers", "show", "lab/keyed", "--json", "--size", "512x512", code=2).sentence
    assert unheeded == "--size belongs to the call that --dry-run shows; add --dry-run"


def test_check_tells_what_a_key_can_do_without_asking_for_an_image(arena):
    models = json.dumps({"data": [{"id": "m-1"}]}).encode()
    with scripted(answering(response(models))) as server:
        add(arena, server.url)

        def verdict(**env):
            (row,) = arena.json("providers", "check", "lab/keyed", **env)
            return row["verdict"], row["key_set"]

        assert verdict(LAB_API_KEY="") == ("no key", False)
        assert server.requests == []
        assert verdict(LAB_API_KEY="k-1") == ("ready", True)
        assert [(r.method, r.path) for r in server.requests] == [("GET", "/v1/models")]
        assert server.requests[0].headers["authorization"] == "bearer k-1"
    assert verdict(LAB_API_KEY="k-1")[0] == "no answer"
