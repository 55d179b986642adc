"""Keys and passwords that nobody may ever see, planted everywhere; then every byte that was written, said or sent."""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

import dashboards
import prompts
from harness.providers import PROVIDERS
from harness.sim.contender import load_contenders
from harness.sim.server import build_app
from tests.e2e.recording import Recorded
from tests.e2e.warm import ARENA
from tests.ports import free_port
from tests.postgres import new_postgres_database
from tests.torture.ledger import served

ROOT = Path(__file__).parents[2]
APP = Path(dashboards.__file__).parent / "app.py"
PAGES = sorted(p.stem for p in (APP.parent / "app_pages").glob("[a-z]*.py"))
AUTH_HEADERS = {b"authorization", b"x-key", b"x-api-key"}
SHAPES = {
    "plain": lambda key: key,
    "quoted": lambda key: quote(key, safe=""),
    "hex": lambda key: key.encode().hex(),
    "base64": lambda key: base64.b64encode(key.encode()).decode().rstrip("=")[:-1],
    "backwards": lambda key: key[::-1],
}


class Planted:
    """Canaries, and everything in which they must not be."""

    def __init__(self):
        self.canaries = {}

    def plant(self, what):
        self.canaries[what] = f"canary/{secrets.token_hex(12)}"
        return self.canaries[what]

    def found_in(self, data):
        return [f"{what}, {shape}" for what, key in self.canaries.items() for shape, made in SHAPES.items()
                if made(key).encode() in data]  # fmt: skip


@pytest.fixture
def planted():
    return Planted()


def toml_value(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value)


def simulated_endpoints():
    """One shipped simulated endpoint for each protocol, as its table says."""
    tables = [t for p in sorted((prompts.ROOT / "providers").glob("*.toml"))
              for t in tomllib.loads(p.read_text()).get("endpoint", [])]  # fmt: skip
    return {t["protocol"]: t for t in tables if t["id"].startswith("sim/") and "t2i" in t.get("modes", ["t2i"])}


def configure(directory, planted, env):
    """Every protocol's endpoint demands a key of its own; one more cannot be reached, one speaks no TLS."""
    chosen, lines = simulated_endpoints(), []
    assert set(chosen) == set(PROVIDERS)
    for protocol, table in chosen.items():
        name = f"CANARY_{protocol.replace('-', '_').upper()}_API_KEY"
        env[name] = planted.plant(protocol)
        changed = {**table, "id": f"canary/{protocol}", "key_env": name}
        lines += ["[[endpoint]]", *(f"{k} = {toml_value(v)}" for k, v in changed.items()), ""]
    for name, url in (("gone", "http://127.0.0.1:9/v1"), ("plain", env["ARENA_SIM_URL"].replace("http:", "https:"))):
        env[f"CANARY_{name.upper()}_API_KEY"] = planted.plant(name)
        fields = {"id": f"canary/{name}", "provider": "x", "protocol": "openai", "model": "m", "base_url": url}
        fields |= {"key_env": f"CANARY_{name.upper()}_API_KEY", "simulated": True}
        lines += ["[[endpoint]]", *(f"{k} = {toml_value(v)}" for k, v in fields.items()), ""]
    (directory / "plans").mkdir(parents=True)
    (directory / "endpoints.toml").write_text("\n".join(lines))
    plan = 'name = "canary"\nendpoints = ["canary/*"]\nrepetitions = 1\n[prompts]\nsets = ["core"]\nlimit = 2\n'
    (directory / "plans" / "canary.toml").write_text(f'{plan}[request]\nsize = "1024x1024"\n[load]\nin_flight = 4\n')
    return list(chosen)


def commands(protocols):
    """Everything that can be asked of a data directory without a person."""
    yield from (["plan", "check", "canary"], ["endpoints", "ls"], ["providers", "ls", "--json"], ["keys", "ls"])
    yield ["providers", "check", "canary/*"]
    for protocol in protocols:
        shown = ["providers", "show", f"canary/{protocol}", "--dry-run"]
        yield from (shown, [*shown, "--json"], ["endpoints", "show", f"canary/{protocol}"])
    yield ["run", "canary", "--yes", "--json"]
    yield from (["runs", "ls", "--json"], ["runs", "show", "last"], ["runs", "lookup", "last"])
    yield from (["runs", "show", "last", "--trial", str(n)] for n in range(0, 2 * len(protocols), 3))
    for table in ("outcomes", "summary", "votes"):
        run = [] if table == "votes" else ["last"]
        for kind in ("csv", "parquet", "jsonl"):
            yield ["export", *run, "--table", table, "--format", kind]
    yield from (["votes", "export", "--out", "-"], ["leaderboard", "--simulated"], ["providers", "table", "--json"])
    yield from (["db", "check"], ["db", "upgrade"])
    # What goes wrong, with its traceback.
    yield from (["run", "canry", "--yes"], ["run", "--resume", "last", "--yes"], ["endpoints", "show", "canary/non"])
    yield ["votes", "import", "no-such-file.csv"]


def said_by(arena, wanted, **env):
    """What the commands print on stdout and stderr, with tracebacks and every log."""
    listed = arena.directory / "commands.json"
    listed.write_text(json.dumps(wanted))
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.loud", str(listed)],
        env={**arena.env, "PYTHONPATH": str(ROOT), **env},
        cwd=arena.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:].decode()
    codes = json.loads(done.stdout.splitlines()[-1])
    assert {code for code in codes if code not in {0, 1, 2}} == set(), dict(zip(map(str, wanted), codes, strict=True))
    return done.stdout + done.stderr


def everything_below(directory):
    files = [p for p in directory.rglob("*") if p.is_file()]
    assert any(p.name == "arena.db" for p in files)
    return files


def answered_by_the_app(arena):
    """The app as it runs, and what it says on its own stdout and stderr."""
    port = free_port()
    command = [ARENA, "--debug", "app", "--headless", "--port", str(port)]
    process = subprocess.Popen(
        command, env=arena.env, cwd=arena.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    pieces, until_s = [], time.monotonic() + 60
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        while not pieces and time.monotonic() < until_s:
            try:
                pieces.append(client.get("/_stcore/health").content)
            except httpx.HTTPError:
                time.sleep(0.2)
        for path in ("/", "/trial", "/_stcore/host-config", "/_stcore/metrics", "/media/none", "/component/none/x"):
            answer = client.get(path)
            pieces += [answer.content, repr(answer.headers.raw).encode()]
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to the command and to its child
    pieces.append(process.communicate(timeout=30)[0])
    return b"\n".join(pieces)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_key_is_written_said_or_sent_to_anybody_but_its_own_host(arena, planted, tmp_path, monkeypatch):
    recorded = Recorded(build_app(load_contenders()))
    said = {}
    with served(recorded) as url:
        arena.config = tmp_path / "canaries"
        arena.env |= {"ARENA_CONFIG_DIR": str(arena.config), "ARENA_SIM_URL": url, "PYTHONASYNCIODEBUG": "1"}
        protocols = configure(arena.config, planted, arena.env)
        said["commands"] = said_by(arena, list(commands(protocols)))
        said["app"] = answered_by_the_app(arena)

    for name, value in arena.env.items():
        if name.startswith(("ARENA_", "CANARY_")):
            monkeypatch.setenv(name, value)
    for page in PAGES:
        shown = AppTest.from_file(str(APP), default_timeout=60).run()
        if page != "results":
            shown.switch_page(f"app_pages/{page}.py").run()
        said[f"page {page}"] = repr(shown).encode()
        assert len(said[f"page {page}"]) > 200

    for expected in (b'"success_rate"', b"Traceback", b"DEBUG:"):
        assert expected in said["commands"]
    leaks = {where: planted.found_in(data) for where, data in said.items()}
    leaks |= {str(p): planted.found_in(p.read_bytes()) for p in everything_below(arena.data)}
    assert {where: found for where, found in leaks.items() if found} == {}
    assert sent_elsewhere(recorded, planted, protocols) == []


def sent_elsewhere(recorded, planted, protocols):
    """Where a key went that it must not go to; every key must have gone where it must."""
    mounted = {p: simulated_endpoints()[p]["base_url"].split("}")[1].split("/")[1] for p in protocols}
    wrong, used = [], set()
    for request in recorded.requests:
        for what, key in planted.canaries.items():
            its_own = what in mounted and request.path.split("/")[1] == mounted[what]
            for name, value in request.headers:
                if key.encode() in value:
                    used.add(what)
                    if not (its_own and name in AUTH_HEADERS):
                        wrong.append((what, name, request.path))
        wrong += [(found, request.path) for found in planted.found_in(request.line + b"\n" + request.body)]
    assert used == set(protocols)
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_database_password_is_neither_written_nor_said(arena, planted, postgres_url):
    real = sa.make_url(new_postgres_database(postgres_url))
    password = planted.plant("password")
    urls = [
        real.set(password=password).render_as_string(hide_password=False),
        f"postgresql://me:{quote(password, safe='')}@127.0.0.1:1/none",
        f"mysql://me:{quote(password, safe='')}@127.0.0.1/none",
        f"postgresql://me:{password}@127.0.0.1:notaport/none",
    ]
    said = b""
    plan = arena.plan("quick")
    wanted = [["run", plan, "--yes"], ["runs", "show", "last"], ["export", "last"], ["db", "check"], ["db", "upgrade"]]
    for url in urls:
        said += said_by(arena, wanted, ARENA_DATABASE_URL=url)
    assert b"the database is sound" in said
    assert b"cannot be used" in said
    assert planted.found_in(said) == []
    for path in arena.data.rglob("*"):
        assert not path.is_file() or planted.found_in(path.read_bytes()) == [], path


def test_the_search_finds_what_it_looks_for(planted):
    """A search that finds nothing proves nothing unless it would have found something."""
    key = planted.plant("it")
    for made in SHAPES.values():
        assert planted.found_in(b"before " + made(key).encode() + b" after")
    assert planted.found_in(base64.b64encode(key.encode()))
    assert planted.found_in(b"nothing here") == []
