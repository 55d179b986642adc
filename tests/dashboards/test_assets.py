import contextlib
import gzip
import sys
from pathlib import Path

import httpx
import pytest
import streamlit
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from dashboards.assets import Assets
from tests.browser.screenshots import served

STATIC = Path(streamlit.__file__).parent / "static"
SCRIPT = max((STATIC / "static" / "js").glob("*.js"), key=lambda path: path.stat().st_size)


@pytest.fixture
async def client():
    behind = Starlette(routes=[Route("/{rest:path}", lambda _request: PlainTextResponse("from behind"))])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Assets(behind)), base_url="http://app", headers={"accept-encoding": "identity"}
    ) as client:
        yield client


async def test_a_script_goes_out_compressed_and_is_the_file(client):
    async with client.stream("GET", f"/static/js/{SCRIPT.name}", headers={"accept-encoding": "gzip, br"}) as answer:
        sent = b"".join([part async for part in answer.aiter_raw()])
    assert gzip.decompress(sent) == SCRIPT.read_bytes()
    assert len(sent) < SCRIPT.stat().st_size / 2
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(sent)
    assert "immutable" in answer.headers["cache-control"]


async def test_who_takes_no_compression_gets_the_file_as_it_is(client):
    answer = await client.get(f"/under/a/base/static/js/{SCRIPT.name}")
    assert answer.content == SCRIPT.read_bytes()
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_a_font_is_not_compressed_again(client):
    font = next((STATIC / "static" / "media").glob("*.woff2"))
    answer = await client.get(f"/static/media/{font.name}", headers={"accept-encoding": "gzip"})
    assert answer.content == font.read_bytes()
    assert "content-encoding" not in answer.headers


async def test_a_head_has_the_length_and_no_body(client):
    answer = await client.head(f"/static/js/{SCRIPT.name}")
    assert (int(answer.headers["content-length"]), answer.content) == (SCRIPT.stat().st_size, b"")


@pytest.mark.parametrize(
    "path", ["/", "/vote", "/static/js/unknown.js", "/static/../index.html", "/static/js/../../../static.py"]
)
async def test_all_else_is_left_to_streamlit(client, path):
    assert (await client.get(path)).text == "from behind"


async def test_a_part_of_a_file_is_left_to_streamlit(client):
    answer = await client.get(f"/static/js/{SCRIPT.name}", headers={"range": "bytes=0-9"})
    assert answer.text == "from behind"


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/", {"PlotlyChart", "arrowFormatUtils"}),
        ("/base/run", {"PlotlyChart", "DataFrame", "arrowFormatUtils"}),
        ("/vote", {"BidiComponent", "recordbatch", "serialization"}),
    ],
)
async def test_a_page_is_told_early_what_it_will_draw_with(client, path, parts):
    answer = await client.get(path, headers={"accept": "text/html,*/*"})
    named = [link.split(">")[0].removeprefix("<static/") for link in answer.headers["link"].split(", ")]
    assert all((STATIC / "static" / name).is_file() for name in named)
    assert parts <= {name.removeprefix("js/").split(".")[0] for name in named}
    assert "link" not in (await client.get("/images", headers={"accept": "text/html,*/*"})).headers


@pytest.mark.slow
def test_the_app_serves_what_its_page_names_and_lets_no_answer_wait(tmp_path):
    scripts = [f"static/js/{path.name}" for path in (STATIC / "static" / "js").iterdir()]
    with served(tmp_path) as address, httpx.Client(base_url=address) as client:
        page = client.get("/").text
        answers = [client.get(f"/{name}") for name in scripts if name in page]
        libraries = _libraries_of_server(httpx.URL(address).port)
        by_name = client.get("/results?run=last")
    assert len(answers) > 20
    assert all(answer.headers["content-encoding"] == "gzip" for answer in answers)
    assert all("default-src 'self'" in answer.headers["content-security-policy"] for answer in answers)
    assert httpx.URL(address).join(by_name.headers["location"]).raw_path == b"/?run=last"
    # On its connections nothing waits until the other side has acknowledged what was sent before.
    assert "uvloop" in libraries


def _libraries_of_server(port: int) -> str:
    """What the process that serves the app on `port` has mapped into its memory."""
    if sys.platform != "linux":
        pytest.skip("only Linux tells what a process has loaded")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"--server.port\0{port}\0" in (process / "cmdline").read_text():
                return (process / "maps").read_text()
    return ""
