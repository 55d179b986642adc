"""Each incident is told once to each channel, and once that it is over: over real HTTP, real SMTP and a file."""

import asyncio
import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
import trustme

from arena.domain.watch import Direction, Incident, Watchable
from arena.errors import ConfigError
from arena.settings import Settings
from arena.store import alerts
from arena.store.alerts import Notice, Told
from arena.store.engine import open_database
from harness.alerts import config
from harness.alerts.channels import SIGNATURE, DeliveryError, deliver, signature
from harness.alerts.check import check, news_for
from harness.alerts.config import WatchConfig
from harness.alerts.messages import News, slack
from tests.mail import mail_server
from tests.postgres import new_postgres_database
from tests.servers import answering, response, scripted
from tests.watch_history import Day, noon, write_days

FIRST = noon(2026, 3, 1)
NOW = datetime(2026, 4, 4, 14, tzinfo=UTC)
TAKEN = response(b"{}")
MAIL = "[[channel]]\nkind = 'email'\nname = 'a'\nhost = 'h'\nsender = 'a@x'\nto = ['b@x']"


def incident(**changes):
    fields = {
        "endpoint": "lab/one", "simulated": False, "figure": Watchable.P50, "direction": Direction.WORSE,
        "since": date(2026, 4, 1), "earliest": date(2026, 4, 1), "latest": date(2026, 4, 2),
        "noticed": date(2026, 4, 2), "last": date(2026, 4, 4), "unit": "ms", "before": 1000.0, "now": 1150.0,
        "change": 0.15, "change_low": 0.1, "change_high": 0.2, "n": 300, "baseline_from": date(2026, 2, 19),
        "baseline_to": date(2026, 3, 29),
    }  # fmt: skip
    return Incident(**{**fields, **changes})


def news(**changes):
    one = incident(**changes)
    return News("opened", one.key, one.series, one.noticed, one)


def told(one, event="opened", sent=NOW):
    return Told(Notice(one.key, one.series, one.noticed, event, "ops"), sent, 1, None)


def channel(**fields):
    return WatchConfig.model_validate({"channel": [fields]}).channel[0]


@pytest.mark.slow
def test_an_incident_and_its_end_are_each_told_once_on_every_channel(database, tmp_path):
    back = lambda i: Day(slower={"lab/one": 0.3}) if 31 <= i < 35 else None  # noqa: E731
    during = write_days(database, FIRST, 34, back)
    with scripted(answering(TAKEN)) as server, mail_server() as box:
        watch = WatchConfig.model_validate(
            {
                "figures": ["p50"],
                "channel": [
                    {"kind": "webhook", "name": "hook", "url": f"{server.url}/in", "secret_env": "HOOK_KEY"},
                    {"kind": "slack", "name": "chat", "url_env": "CHAT_URL"},
                    {"kind": "email", "name": "mail", "host": "127.0.0.1", "port": box.port, "sender": "a@lab.example",
                     "to": ["ops@lab.example"], "starttls": False},
                    {"kind": "file", "name": "log", "path": "log/alerts.jsonl"},
                ],
            }
        )  # fmt: skip
        environ = {"HOOK_KEY": "k", "CHAT_URL": f"{server.url}/services/T0/secret"}

        def checked(now):
            return check(database, watch, tmp_path, now=now, environ=environ)

        first = checked(during)
        assert [(n.event, n.incident.endpoint) for n in first.told] == [("opened", "lab/one")]
        assert not first.complaints
        assert not checked(during).told
        assert (len(server.requests), len(box.messages)) == (2, 1)
        after = write_days(database, FIRST + timedelta(days=34), 8, lambda i: back(i + 34))
        assert [n.event for n in checked(after).told] == ["closed"]
        assert not checked(after).told
        assert (len(server.requests), len(box.messages)) == (4, 2)
    hooks = [r for r in server.requests if r.path == "/in"]
    events = [r.json["events"][0] for r in hooks]
    assert [(e["event"], e["incident"]["state"]) for e in events] == [("opened", "open"), ("closed", "recovered")]
    assert events[0]["id"] == events[1]["id"]
    assert {r.json["schema"] for r in hooks} == {"arena.watch/1"}
    assert all(r.headers[SIGNATURE.lower()] == signature("k", r.body) for r in hooks)
    chats = [r.json for r in server.requests if r.path.startswith("/services")]
    assert "1 changed (lab/one)" in chats[0]["text"]
    assert "lab/one" in box.messages[0].get_content()
    assert "arena providers table --window" in box.messages[0].get_content()
    assert "recovered on" in box.messages[1].get_content()
    lines = [json.loads(line) for line in (tmp_path / "log" / "alerts.jsonl").read_text().splitlines()]
    assert [line["events"][0]["event"] for line in lines] == ["opened", "closed"]


@pytest.mark.slow
def test_a_channel_that_fails_hears_of_it_at_the_next_check_and_the_others_only_once(database, tmp_path):
    now = write_days(database, FIRST, 34, lambda i: Day(slower={"lab/one": 0.3}) if i >= 31 else None)
    with scripted(
        answering(response(status="500 Down"), response(status="503 Down"), response(status="400 No"), TAKEN)
    ) as down:
        watch = WatchConfig.model_validate(
            {
                "figures": ["p50"],
                "channel": [
                    {"kind": "webhook", "name": "hook", "url": down.url},
                    {"kind": "file", "name": "log", "path": "alerts.jsonl"},
                ],
            }
        )
        failed = check(database, watch, tmp_path, now=now)
        assert failed.complaints == ["channel hook: not taken (HTTP 400)"]
        assert len(down.requests) == 3
        assert len(check(database, watch, tmp_path, now=now).told) == 1
        assert not check(database, watch, tmp_path, now=now).told
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 1
    with database.read() as connection:
        assert {(t.notice.channel, t.tries, t.complaint) for t in alerts.told(connection)} == {
            ("hook", 2, None), ("log", 1, None),
        }  # fmt: skip


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def either_database(request, tmp_path):
    postgres = request.param == "postgresql"
    url = new_postgres_database(request.getfixturevalue("postgres_url")) if postgres else None
    made = open_database(Settings(data_dir=tmp_path, database_url=url), create=True)
    yield made
    made.close()


def test_many_checks_at_once_send_once(either_database):
    notice = Notice("abc", "lab/one real p50 worse", date(2026, 4, 2), "opened", "ops")

    def claimed(_):
        with either_database.write() as connection:
            return len(alerts.claim(connection, [notice], NOW))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claimed, range(16))) == 1


def test_a_claim_whose_process_died_is_taken_over(either_database):
    database = either_database
    notice = Notice("abc", "lab/one real p50 worse", date(2026, 4, 2), "opened", "ops")
    with database.write() as connection:
        assert alerts.claim(connection, [notice], NOW) == [notice]
    with database.write() as connection:
        assert alerts.claim(connection, [notice], NOW + timedelta(minutes=9)) == []
    with database.write() as connection:  # its process has died
        assert alerts.claim(connection, [notice], NOW + timedelta(minutes=11)) == [notice]
        alerts.sent(connection, [notice], NOW)
    with database.write() as connection:
        assert alerts.claim(connection, [notice], NOW + timedelta(days=9)) == []


def test_what_is_no_longer_found_is_withdrawn_and_a_later_day_of_notice_is_the_same_incident():
    before, moved = incident(), incident(noticed=date(2026, 4, 3))
    assert news_for([moved], [told(before)]) == []
    (over,) = news_for([incident(noticed=date(2026, 4, 3), until=date(2026, 4, 9), ending="recovered")], [told(before)])
    assert (over.event, over.key) == ("closed", before.key)
    (gone,) = news_for([], [told(before)])
    assert gone.incident is None
    assert gone.words.startswith("withdrawn: lab/one real p50 worse")
    assert news_for([], [told(before), told(before, "closed")]) == []
    assert [n.key for n in news_for([incident(noticed=date(2026, 5, 3))], [told(before), told(before, "closed")])] != []


def test_of_a_past_incident_nobody_heard_nothing_is_told():
    assert news_for([incident(until=date(2026, 4, 9), ending="recovered")], []) == []


def test_what_a_channel_did_not_take_is_told_although_it_is_over_by_now():
    over = incident(until=date(2026, 4, 9), ending="recovered")
    unsent = told(incident(), sent=None)
    assert [n.event for n in news_for([over], [unsent])] == ["opened", "closed"]
    assert news_for([over], [told(over), told(over, "closed")]) == []
    assert [n.event for n in news_for([over], [told(over), told(over, "closed", sent=None)])] == ["closed"]


@pytest.mark.parametrize("curly", ["token_env", "secret_env"])
@pytest.mark.slow
def test_a_secret_that_cannot_be_sent_keeps_nobody_else_from_hearing(database, tmp_path, curly):
    now = write_days(database, FIRST, 34, lambda i: Day(slower={"lab/one": 0.3}) if i >= 31 else None)
    with scripted(answering(TAKEN)) as hook:
        bad = {"kind": "webhook", "name": "hook", "url": hook.url, curly: "TOKEN"}
        log = {"kind": "file", "name": "log", "path": "alerts.jsonl"}
        watch = WatchConfig.model_validate({"figures": ["p50"], "channel": [bad, log]})
        checked = check(database, watch, tmp_path, now=now, environ={"TOKEN": "\u201cgeheim\u201d"})
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 1
    if curly == "token_env":
        (complaint,) = checked.complaints
        assert complaint.startswith("channel hook: an address, a user or a secret of it holds a character")
        assert "geheim" not in complaint


def test_mail_with_letters_that_a_server_does_not_take_is_a_sentence():
    with mail_server() as box:
        plain = {"kind": "email", "name": "mail", "host": "127.0.0.1", "port": box.port, "starttls": False}
        to = channel(**plain, sender="jürgen@exämple.org", to=["öps@lab.example"])
        with pytest.raises(DeliveryError, match="channel mail: "):
            deliver(to, [news()], NOW, None, {})
        deliver(
            channel(**plain, sender="a@lab.example", to=["b@lab.example"]), [news(endpoint="lab/één")], NOW, None, {}
        )
    (mail,) = box.messages
    assert mail["Subject"] == "Arena watch: 1 changed (lab/één)"


def test_who_took_a_mail_gets_it_once_although_another_address_is_unknown():
    with mail_server() as box:
        box.unknown = ("gone@lab.example",)
        to = channel(kind="email", name="mail", host="127.0.0.1", port=box.port, starttls=False, sender="a@lab.example",
                     to=["b@lab.example", "gone@lab.example"])  # fmt: skip
        said = deliver(to, [news()], NOW, None, {})
    assert "refused gone@lab.example; the others have the message" in said
    assert len(box.messages) == 1


def test_an_answer_without_end_or_that_leads_elsewhere_holds_up_nothing():
    ended = threading.Event()

    async def endless(_request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not ended.is_set():
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    with scripted(endless) as hook:
        sending = threading.Thread(
            target=deliver,
            args=(channel(kind="webhook", name="hook", url=hook.url), [news()], NOW, None, {}),
            daemon=True,
        )
        sending.start()
        sending.join(60)
        taken = not sending.is_alive()
        ended.set()
    assert taken
    with scripted(answering(response(status="302 Found"))) as hook:
        to = channel(kind="webhook", name="hook", url=hook.url)
        with pytest.raises(DeliveryError, match="leads to another address; put that one in its place"):
            deliver(to, [news()], NOW, None, {})


@pytest.mark.parametrize("tls_first", [False, True])
def test_mail_goes_over_tls_with_a_password_from_the_environment(monkeypatch, tls_first):
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    with authority.cert_pem.tempfile() as pem, mail_server(server_side, tls_first=tls_first) as box:
        monkeypatch.setenv("SSL_CERT_FILE", pem)
        to = channel(kind="email", name="mail", host="127.0.0.1", port=box.port, sender="a@lab.example",
                     to=["b@lab.example", "c@lab.example"], user="me", password_env="MAIL_PASSWORD",
                     tls_first=tls_first)  # fmt: skip
        deliver(to, [news()], NOW, None, {"MAIL_PASSWORD": "geheim"})
        box.refusing = True
        with pytest.raises(DeliveryError, match="answered 451"):
            deliver(to, [news()], NOW, None, {"MAIL_PASSWORD": "geheim"})
    (mail,) = box.messages
    assert mail["To"] == "b@lab.example, c@lab.example"
    assert mail["Subject"] == "Arena watch: 1 changed (lab/one)"
    assert len(box.logins) == 2


@pytest.mark.parametrize("tls_first", [False, True])
def test_a_mail_server_whose_certificate_nobody_vouches_for_gets_nothing(tls_first):
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server_side)
    with mail_server(server_side, tls_first=tls_first) as box:
        to = channel(kind="email", name="mail", host="127.0.0.1", port=box.port, sender="a@x", to=["b@x"],
                     tls_first=tls_first)  # fmt: skip
        with pytest.raises(DeliveryError, match="did not take it"):
            deliver(to, [news()], NOW, None, {})
    assert not box.messages


def test_the_port_for_it_begins_with_tls():
    to = {"kind": "email", "name": "mail", "host": "h", "sender": "a@x", "to": ["b@x"]}
    assert channel(**to, port=465).begins_with_tls
    assert not channel(**to).begins_with_tls


def test_what_is_signed_can_be_checked_with_openssl():
    body = b'{"schema": "arena.watch/1"}'
    # printf '%s' '{"schema": "arena.watch/1"}' | openssl dgst -sha256 -hmac geheim
    assert signature("geheim", body) == "sha256=bbfeeeec3a005c495c1cbc9eb75d22c7803a30deac9ba8cde71984f6a5956b07"


def test_an_address_that_is_a_secret_is_in_no_complaint():
    to = channel(kind="slack", name="chat", url_env="CHAT_URL")
    with pytest.raises(DeliveryError) as refused:
        deliver(to, [news()], NOW, None, {"CHAT_URL": "http://127.0.0.1:9/services/topsecret"})
    assert "topsecret" not in str(refused.value)
    with pytest.raises(DeliveryError, match="no http") as wrong:
        deliver(to, [news()], NOW, None, {"CHAT_URL": "topsecret"})
    assert "topsecret" not in str(wrong.value)
    with pytest.raises(ConfigError, match="set the environment variable CHAT_URL"):
        deliver(to, [news()], NOW, None, {})


def test_the_name_of_an_endpoint_is_neither_link_nor_mention_in_a_chat():
    said = json.dumps(slack([news(endpoint="<!channel> <http://evil.example|click> *x* `y`")]), ensure_ascii=False)
    assert "<!channel>" not in said
    assert "<http" not in said
    assert "&lt;!channel&gt;" in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("figure = ['p50']", "there is no field `figure`; did you mean 'figures'?"),
        ("figures = ['p51']", "`figures.0`"),
        ("false_alarms_per_year = 0", "`false_alarms_per_year`"),
        ("[[channel]]\nkind = 'slack'\nname = 'a'\nurl = 'http://x'", "url"),
        ("[[channel]]\nkind = 'webhook'\nname = 'a'\nurl = 'http://me:pw@x'", "holds a password"),
        ("[[channel]]\nkind = 'webhook'\nname = 'a'\nurl = 'ftp://x'", "no http(s) address"),
        ("[[channel]]\nkind = 'webhook'\nname = 'a'", "either `url`, or `url_env`"),
        ("[[channel]]\nkind = 'pigeon'\nname = 'a'", "pigeon"),
        ("[[channel]]\nkind = 'file'\nname = 'a'\npath = 'x'\n" * 2, "used twice"),
        (f"{MAIL}\nuser = 'u'\npassword_env = 'P'\nstarttls = false", "only sent over TLS"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_meant_so_is_refused_with_what_to_change(tmp_path, text, sentence):
    path = tmp_path / "watch.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        config.load(path)
    assert sentence in str(refused.value)
    assert "pw" not in str(refused.value)
