import pytest

from arena.catalog import Catalog, read_prompt_set, spread
from arena.errors import ConfigError
from tests.factories import make_plan, make_prompt

ENDPOINT = """
[[endpoint]]
id = "mine/one"
provider = "mine"
protocol = "openai"
model = "m"
base_url = "https://mine.example/v1"
"""

PROMPTS = """
name = "mine"
title = "Mine"
licence = "CC0-1.0"
[[prompts]]
id = "one"
text = "a red cube"
category = "objects"
clip_tokens = 3
"""


def catalog(tmp_path, **files):
    for name, text in files.items():
        path = tmp_path / (name.replace("__", "/") + ".toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Catalog(tmp_path, environ={})


def sentence(action, *args):
    with pytest.raises(ConfigError) as caught:
        action(*args)
    return str(caught.value)


def test_shipped_files_are_read_without_a_directory_of_ones_own():
    shipped = Catalog(environ={})
    assert {"sim/steady", "local/flux.2-klein-4b"} <= set(shipped.endpoints())
    assert {"core", "edit"} <= set(shipped.prompt_sets())
    assert shipped.plan("demo")[0].name == "demo"


def test_every_shipped_plan_names_endpoints_that_exist_and_selects_prompts():
    shipped = Catalog(environ={})
    for name in ("demo", "first"):
        plan, where = shipped.plan(name)
        assert shipped.select_endpoints(plan.endpoints, where)
        assert shipped.select_prompts(plan, where)


def test_ones_own_endpoints_add_to_and_override_the_shipped_ones(tmp_path):
    own = ENDPOINT + ENDPOINT.replace("mine/one", "sim/steady")
    found = catalog(tmp_path, endpoints=own).endpoints()
    assert found["mine/one"].provider == "mine"
    assert found["sim/steady"].provider == "mine"
    assert found["sim/swift"].provider == "sim-swift"


def test_an_unknown_endpoint_is_told_its_nearest_name():
    message = sentence(Catalog(environ={}).select_endpoints, ["sim/steddy"], "p.toml: endpoints")
    assert message == "p.toml: endpoints: there is no endpoint 'sim/steddy'; did you mean 'sim/steady'?"


def test_a_misspelt_field_is_told_its_nearest_name_wherever_it_is(tmp_path):
    found = catalog(
        tmp_path,
        top='name = "x"\nendpoints = ["sim/steady"]\nrepititions = 3\nprompts.sets = ["core"]\nrequest.size = "64x64"',
        inner='name = "x"\nendpoints = ["sim/steady"]\nprompts.sets = ["core"]\nprompts.categorys = ["a"]\n'
        'request.size = "64x64"',
        required='name = "x"\nendpoint = ["sim/steady"]\nprompts.sets = ["core"]\nrequest.size = "64x64"',
    )
    assert "there is no field `repititions`; did you mean 'repetitions'?" in sentence(
        found.plan, f"{tmp_path}/top.toml"
    )
    inner = sentence(found.plan, f"{tmp_path}/inner.toml")
    assert "there is no field `prompts.categorys`; did you mean 'categories'?" in inner
    assert "there is no field `endpoint`; did you mean 'endpoints'?" in sentence(
        found.plan, f"{tmp_path}/required.toml"
    )


def test_a_misspelt_endpoint_limit_names_file_endpoint_and_field(tmp_path):
    found = catalog(tmp_path, endpoints=ENDPOINT + "limits = { max_side = 5 }\n")
    message = sentence(found.endpoints)
    assert message.startswith(f"{tmp_path}/endpoints.toml: endpoint mine/one: there is no field `limits.max_side`;")
    assert "did you mean 'max_side_px'?" in message


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("endpoints", ENDPOINT + ENDPOINT, "the endpoint id 'mine/one' is used twice"),
        ("endpoints", "[[endpoints]]\nid = 'x'", "there is no table `endpoints`"),
        ("endpoints", "id = ", "is not valid TOML"),
        ("prices", '[[price]]\nendpoint = "mine/one"\nsource = "x"\nconfidence = "high"', "`from_date`: is required"),
        ("prices", ('[[price]]\nendpoint = "a"\nfrom_date = 2026-01-01\nper_image_usd = "-1"\nsource = "x"\n'
         'confidence = "high"'), "`per_image_usd`"),
    ],
)  # fmt: skip
def test_bad_data_files_get_one_sentence(tmp_path, name, text, expected):
    found = catalog(tmp_path, **{name: text})
    message = sentence(found.prices if name == "prices" else found.endpoints)
    assert expected in message
    assert f"{name}.toml" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PROMPTS + PROMPTS.partition("[[")[1] + PROMPTS.partition("[[")[2], "the prompt id 'one' is used twice"),
        (PROMPTS.partition("[[")[0], "the prompt set is empty"),
        (PROMPTS.replace("clip_tokens", "clip_token"), "there is no field `prompts.0.clip_token`; did you mean"),
        (PROMPTS.replace('"one"', '"One Two"'), "`prompts.0.id`"),
    ],
)
def test_bad_prompt_sets_get_one_sentence(tmp_path, text, expected):
    (tmp_path / "mine.toml").write_text(text)
    assert expected in sentence(read_prompt_set, tmp_path / "mine.toml")


def test_a_selection_that_is_empty_or_names_unknown_prompts_is_refused():
    shipped = Catalog(environ={})
    nothing = make_plan(prompts={"sets": ["core"], "tags": ["no-such-tag"]})
    assert "selects no prompt at all" in sentence(shipped.select_prompts, nothing, "p.toml")
    unknown = make_plan(prompts={"sets": ["cor"]})
    assert "there is no prompt set 'cor'; did you mean 'core'?" in sentence(shipped.select_prompts, unknown, "p.toml")
    misnamed = make_plan(prompts={"sets": ["core"], "ids": ["neon-sign-wet-stret"]})
    assert "did you mean 'neon-sign-wet-street'?" in sentence(shipped.select_prompts, misnamed, "p.toml")


def test_a_host_may_come_from_the_environment(tmp_path):
    text = ENDPOINT.replace("https://mine.example/v1", "${MY_HOST:-http://127.0.0.1:1}/v1")
    catalog(tmp_path, endpoints=text)
    assert Catalog(tmp_path, environ={}).endpoints()["mine/one"].base_url == "http://127.0.0.1:1/v1"
    given = Catalog(tmp_path, environ={"MY_HOST": "http://127.0.0.1:2"})
    assert given.endpoints()["mine/one"].base_url == "http://127.0.0.1:2/v1"
    catalog(tmp_path, endpoints=text.replace(":-http://127.0.0.1:1", ""))
    assert "MY_HOST, which is not set" in sentence(Catalog(tmp_path, environ={}).endpoints)


def test_sources_stay_in_their_directory():
    shipped = Catalog(environ={})
    assert shipped.source_path("white-mug.jpg").is_file()
    assert "no such source image" in sentence(shipped.source_path, "../core.toml")


def test_a_limit_is_spread_over_the_categories():
    prompts = [make_prompt(f"p{i}", category=c) for i, c in enumerate(["a", "a", "a", "b", "b", "c"])]
    assert [p.category for p in spread(prompts, 4)] == ["a", "a", "b", "c"]
    assert len(spread(prompts, 100)) == 6


def test_a_plan_may_bring_its_own_prompts(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nendpoints = ["sim/steady"]\n[request]\nsize = "64x64"\n'
        '[[prompts.own]]\nid = "a-fox"\ntext = "a red fox"\ncategory = "animals"\nclip_tokens = 3\n'
    )
    catalog = Catalog()
    plan, where = catalog.plan(str(path))
    assert [p.text for p in catalog.select_prompts(plan, where)] == ["a red fox"]
    path.write_text('name = "mine"\nendpoints = ["sim/steady"]\n[request]\nsize = "64x64"\n[prompts]\nlimit = 3\n')
    with pytest.raises(ConfigError, match="name at least one prompt set in `sets`, or give prompts in `own`"):
        catalog.plan(str(path))
