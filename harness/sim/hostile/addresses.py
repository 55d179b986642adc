"""Results, redirects and questions that lead where nobody should go."""

from __future__ import annotations

from arena.domain.failure import FailureKind as F
from harness.sim.hostile.case import IMAGE_PATH, SHORT_S, Case, answer, by_path, image_at, said
from harness.sim.hostile.pictures import picture

HERE = f"{{own}}{IMAGE_PATH}"
PNG = answer(picture(), content_type="image/png")
PRIVATE = "private"
NOT_PUBLIC = "not a public address"


def _leads_to(name: str, says: str, url: str, mentions: str) -> Case:
    return Case(f"result-{name}", says, (F.DOWNLOAD,), image_at(url), mentions=mentions, most_requests=1)


def _redirects_to(name: str, says: str, url: str, mentions: str = "") -> Case:
    moved = answer(b"", "302 Found", headers=[("Location", url)])
    return Case(f"redirect-{name}", says, (F.DOWNLOAD,), image_at(HERE, moved), mentions=mentions, most_requests=5)


def _named(name: str, says: str, *answers: tuple[str, ...] | None, deadline_s: float = 30, mentions: str = "") -> Case:
    """A result on a name that the case's own resolver answers for."""
    timed_out = deadline_s == SHORT_S
    return Case(
        f"dns-{name}",
        says,
        (F.TIMEOUT,) if timed_out else (F.DOWNLOAD,),
        image_at("https://cdn.example:{traps_port}/image.png"),
        names={"cdn.example": answers},
        mentions=mentions,
        deadline_s=deadline_s,
        most_requests=1,
    )


CASES = (
    _leads_to("loopback", "names a result on loopback", "https://127.0.0.1:{traps_port}/", PRIVATE),
    _leads_to("localhost", "names a result on localhost", "{traps}/", PRIVATE),
    _leads_to(
        "localhost-with-dot", "writes localhost with a dot behind it", "https://localhost.:{traps_port}/", PRIVATE
    ),
    _leads_to("plain-http", "names a result over plain http", "{trap}/", "plain http"),
    _leads_to("private", "names a result in a private network", "https://10.0.0.1/image.png", PRIVATE),
    _leads_to(
        "link-local", "names the metadata service of a cloud", "http://169.254.169.254/latest/meta-data/", "plain http"
    ),
    _leads_to("metadata-over-https", "names the metadata service over https", "https://169.254.169.254/", PRIVATE),
    _leads_to("metadata-by-name", "names the metadata service by name", "https://metadata.google.internal/", PRIVATE),
    _leads_to("shared-space", "names an address of a provider's network", "https://100.100.100.200/", PRIVATE),
    _leads_to("unspecified", "names 0.0.0.0", "https://0.0.0.0:{traps_port}/", PRIVATE),
    _leads_to("ipv6-loopback", "names ::1", "https://[::1]:{traps_port}/", PRIVATE),
    _leads_to("ipv4-mapped", "writes loopback as an IPv6 address", "https://[::ffff:127.0.0.1]:{traps_port}/", PRIVATE),
    _leads_to("nat64", "writes loopback behind NAT64", "https://[64:ff9b::7f00:1]/", PRIVATE),
    _leads_to("6to4", "writes loopback behind 6to4", "https://[2002:7f00:1::]/", PRIVATE),
    _leads_to("decimal", "writes loopback as one number", "https://2130706433:{traps_port}/", PRIVATE),
    _leads_to("octal", "writes loopback in octal", "https://0177.0.0.1:{traps_port}/", PRIVATE),
    _leads_to("hexadecimal", "writes loopback in hexadecimal", "https://0x7f.0.0.1:{traps_port}/", PRIVATE),
    _leads_to("short", "writes loopback as 127.1", "https://127.1:{traps_port}/", PRIVATE),
    _leads_to("wide-dots", "writes loopback with ideographic stops", "https://127。0。0。1:{traps_port}/", "no valid"),
    _leads_to(
        "wide-letters", "writes localhost in letters of another kind", "https://ⓛocalhost:{traps_port}/", "no valid"
    ),
    _leads_to("user-name", "puts the own host before an @", "https://127.0.0.1@localhost:{traps_port}/", "user name"),
    _leads_to("back-slash", "puts a back slash into the host", "https://cdn.example\\@localhost/", "user name"),
    _leads_to("file", "names a file of ours", "file:///etc/passwd", "not an http(s)"),
    _leads_to("ftp", "names an FTP server", "ftp://127.0.0.1/image.png", "not an http(s)"),
    _leads_to("gopher", "names a Gopher server that speaks to a mail server", "gopher://127.0.0.1:25/_HELO", "not an"),
    _leads_to("javascript", "names a script", "javascript:alert(1)", "not an http(s)"),
    _leads_to(
        "line-break", "puts a line break and a header into an address", "https://cdn.example/\r\nX-Evil: 1", "no valid"
    ),
    _leads_to("no-host", "names an address without a host", "https:///image.png", "no valid"),
    _leads_to("port-99999", "names a port that there is not", "https://cdn.example:99999/", "no valid"),
    _leads_to(
        "very-long", "names an address of 100,000 characters", "https://cdn.example/" + "a" * 100_000, "characters"
    ),
    Case(
        "result-data-uri",
        "names a data URI that is not in base64",
        (F.BAD_RESPONSE,),
        image_at("data:image/svg+xml,<svg/>"),
        most_requests=1,
    ),
    _redirects_to("loop", "redirects to itself for ever", HERE, "redirects more than"),
    _redirects_to("growing-loop", "redirects to an ever longer address", f"{HERE}/again", "redirects more than"),
    _redirects_to("to-private", "redirects to a private address", "https://192.168.0.1/", PRIVATE),
    _redirects_to("to-metadata", "redirects to the metadata service", "http://169.254.169.254/", "plain http"),
    _redirects_to("to-loopback", "redirects to loopback", "{traps}/", PRIVATE),
    _redirects_to("to-file", "redirects to a file", "file:///etc/passwd", "not an http(s)"),
    _redirects_to("to-user-name", "redirects with a user name", "https://user:pw@cdn.example/", "user name"),
    _redirects_to("to-nothing", "redirects to no address", "http://[bad", "no address"),
    Case("redirect-nowhere", "redirects without saying where", (F.DOWNLOAD,), image_at(HERE, answer(b"", "302 Found"))),
    Case(
        "redirect-good",
        "redirects twice on its own host, as a control",
        ("ok",),
        by_path(
            {
                "/": said({"data": [{"url": f"{HERE}/1"}]}),
                IMAGE_PATH: PNG,
                f"{IMAGE_PATH}/1": answer(b"", "302 Found", headers=[("Location", f"{IMAGE_PATH}/2")]),
                f"{IMAGE_PATH}/2": answer(b"", "307 Found", headers=[("Location", HERE)]),
            }
        ),
    ),
    Case(
        "redirect-downgrade",
        "redirects from https to plain http",
        (F.DOWNLOAD,),
        certificate="good",
        handle=image_at(HERE, answer(b"", "302 Found", headers=[("Location", "{trap}/")])),
        result_hosts=("127.0.0.1",),
        mentions="from https to plain http",
    ),
    _named("private", "a result whose name leads to a private address", ("10.0.0.1",), mentions=NOT_PUBLIC),
    _named("loopback", "a result whose name leads to loopback", ("127.0.0.1",), mentions=NOT_PUBLIC),
    _named(
        "mixed",
        "a result whose name leads to a public address and to loopback",
        ("8.8.8.8", "127.0.0.1"),
        mentions=NOT_PUBLIC,
    ),
    _named("mapped", "a result whose name leads to loopback, mapped", ("::ffff:127.0.0.1",), mentions=NOT_PUBLIC),
    _named("empty", "a result whose name leads nowhere", (), mentions="dns"),
    _named("never-answered", "a result whose name server never answers", None, deadline_s=SHORT_S),
    Case(
        "dns-rebinding",
        "a result whose name leads to a private address from the second hop on",
        (F.DOWNLOAD,),
        by_path(
            {
                "/": said({"data": [{"url": "http://cdn.example:{own_port}/image/1"}]}),
                f"{IMAGE_PATH}/1": answer(
                    b"", "302 Found", headers=[("Location", "https://eu.cdn.example:{traps_port}/")]
                ),
            }
        ),
        result_hosts=("cdn.example",),
        names={"cdn.example": (("127.0.0.1",),), "eu.cdn.example": (("127.0.0.1",),)},
        mentions=NOT_PUBLIC,
        most_requests=2,
    ),
    Case(
        "poll-elsewhere",
        "has its jobs asked for at another host",
        (F.BAD_RESPONSE,),
        by_path({"/": said({"id": "t1", "polling_url": "{trap}/t1"})}),
        protocol="bfl",
        mentions="the address to poll",
    ),
    Case(
        "poll-user-name",
        "has its jobs asked for with its own host before an @",
        (F.BAD_RESPONSE,),
        by_path({"/": said({"id": "t1", "polling_url": "http://127.0.0.1:{own_port}@localhost:{trap_port}/"})}),
        protocol="bfl",
        mentions="user name",
    ),
    Case(
        "poll-below-a-domain",
        "has its jobs asked for at a private host below the domain that gets the key",
        (F.BAD_RESPONSE,),
        by_path({"/": said({"id": "t1", "polling_url": "https://eu.cdn.example:{traps_port}/"})}),
        protocol="bfl",
        key_hosts=("*.cdn.example:{traps_port}",),
        names={"eu.cdn.example": (("127.0.0.1",),)},
        mentions=NOT_PUBLIC,
    ),
)
