"""Words that are meant for a terminal, a page or a log rather than for a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena.domain.failure import FailureKind as F
from harness.sim.hostile.case import IMAGE_PATH, KEY, Case, answer, image_at, replying, said
from harness.sim.hostile.pictures import inline, picture

if TYPE_CHECKING:
    from harness.sim.hostile.case import Handler

CLEAR_SCREEN = "\x1b[2J\x1b[1;1H\x1b]0;owned\x07\x9b31m"


def _refuses(message: Any, status: str = "500 No", headers: tuple[tuple[str, str], ...] = ()) -> Handler:
    return replying(said({"error": {"message": message}}, status, headers))


def _error(name: str, says: str, message: Any, mentions: str = "") -> Case:
    return Case(name, says, (F.PROVIDER_ERROR,), _refuses(message), mentions=mentions)


CASES = (
    _error("terminal-codes", "clears the terminal from its error text", f"{CLEAR_SCREEN}all is well"),
    _error(
        "other-alphabets", "an error in several alphabets, as a control", "Fehler: изображение 失敗", "изображение 失敗"
    ),
    _error(
        "reversed-text", "turns the direction of its error text around", "\u202egnp.exe\u202c\u2066\u2067 gone", "gone"
    ),
    _error("markup", "an error text in rich's markup", "[bold red]ok[/] [link=file:///etc]x", "[bold red]ok[/]"),
    _error(
        "script", "an error text with a script", "<script>alert(1)</script><img src=x onerror=alert(1)>", "<script>"
    ),
    _error(
        "markdown", "an error text in Markdown", "![x](https://evil.example/x.png) :red[ok] $\\frac{a}{b}$", "![x]("
    ),
    _error(
        "formula", "an error text that is a spreadsheet's formula", '=HYPERLINK("https://evil.example","ok")', "HYPER"
    ),
    _error(
        "line-breaks", "an error text of many lines", "all is well\r\n\r\narena: run finished\n" * 100, "all is well"
    ),
    _error("zero-bytes", "zero bytes in its error text", "a\0b\0c", "a b c"),
    _error("ten-megabytes", "an error text of ten megabytes", "long " * 2_000_000),
    _error("half-a-letter", "an error text with half a surrogate pair", "\ud800 gone"),
    _error("error-is-a-list", "a list where its error text belongs", [["x"] * 50] * 50),
    _error("combining", "a letter with ten thousand accents", "e" + "\u0301" * 10_000),
    _error("percent", "an error text full of format codes", "%s%s%n {0.__class__} {key} ${HOME} $(id)", "%s%s%n"),
    _error("key-quoted", "quotes the key", f"Invalid API key: {KEY}", "(key)"),
    _error("key-in-capitals", "quotes the key in capitals", f"Invalid API key: {KEY.upper()}", "(key)"),
    _error("key-cut", "quotes the key where the message will be cut", "x" * 480 + KEY, "x" * 400),
    _error("key-many-times", "quotes the key a thousand times", f"{KEY} " * 1000, "(key)"),
    Case(
        "key-in-plain-text",
        "quotes the key in plain text",
        (F.AUTH,),
        replying(answer(f"bad key {KEY}\n".encode(), "401 No", "text/plain")),
        mentions="(key)",
    ),
    Case(
        "key-in-title",
        "quotes the key in the title of a web page",
        (F.AUTH,),
        replying(answer(f"<html><title>{KEY} is bad</title></html>".encode(), "403 No", "text/html")),
        mentions="(key)",
    ),
    Case(
        "key-in-header",
        "quotes the key in the name of the request",
        ("ok",),
        replying(said(inline(picture()), headers=[("X-Request-Id", KEY)])),
    ),
    Case(
        "key-in-model",
        "quotes the key in the name of the model and of a timing",
        ("ok",),
        replying(said({**inline(picture()), "model": KEY, "timings_ms": {KEY: 1.0}})),
    ),
    Case(
        "key-in-address",
        "quotes the key in the result's address",
        ("ok",),
        image_at(f"{{own}}{IMAGE_PATH}/{KEY}.png?{KEY}", answer(picture())),
    ),
    Case(
        "codes-in-headers",
        "puts terminal codes into its headers",
        ("ok", F.PROTOCOL),
        replying(answer(said(inline(picture())).partition(b"\r\n\r\n")[2], headers=[("X-Request-Id", "\x1b[31mred")])),
    ),
    Case(
        "codes-in-names",
        "puts terminal codes into names and times",
        ("ok",),
        replying(
            said({**inline(picture()), "model": CLEAR_SCREEN, "id": CLEAR_SCREEN, "timings_ms": {CLEAR_SCREEN: 1}})
        ),
    ),
)
