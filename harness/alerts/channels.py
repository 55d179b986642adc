"""Delivers messages: each way says in one sentence why it could not."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from arena.errors import ArenaError
from harness.alerts import messages
from harness.alerts.config import Channel, EmailChannel, FileChannel, SlackChannel, WebhookChannel, secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from smtplib import SMTP

    from harness.alerts.messages import News

TIMEOUT_S = 10.0
TRIES = 3
PAUSE_S = 0.5
SIGNATURE = "X-Arena-Signature"


class DeliveryError(ArenaError):
    """A message was not taken; says by whom and why, without addresses that are secrets."""


def deliver(
    channel: Channel, news: Sequence[News], now: datetime, beside: Path, environ: Mapping[str, str] = os.environ
) -> str | None:
    """Send over one channel, at most `TRIES` times; `beside` is the directory of watch.toml.

    Returns a sentence if some of those whom it was for did not take it: it is not sent again, as the others would get
    it twice. DeliveryError if the other side did not take it; ConfigError if a secret is missing or cannot be sent.
    """
    try:
        match channel:
            case WebhookChannel():
                body = json.dumps(messages.payload(news, now), ensure_ascii=False, default=str).encode()
                url = channel.url or secret(channel.url_env, channel.name, environ) or ""
                _post(channel.name, url, body, _signed(channel, body, environ))
            case SlackChannel():
                body = json.dumps(messages.slack(news), ensure_ascii=False).encode()
                _post(channel.name, secret(channel.url_env, channel.name, environ) or "", body, {})
            case EmailChannel():
                return _mail(channel, news, now, environ)
            case FileChannel():
                _append(channel, json.dumps(messages.payload(news, now), ensure_ascii=False, default=str), beside)
    except UnicodeError:  # its words hold the secret
        raise DeliveryError(
            f"channel {channel.name}: an address, a user or a secret of it holds a character that cannot be sent, such "
            "as a curly quote; write it anew in plain letters (domains as xn--…)"
        ) from None
    return None


def signature(key: str, body: bytes) -> str:
    """`sha256=` and the HMAC of the body in hexadecimal (RFC 2104)."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def _signed(channel: WebhookChannel, body: bytes, environ: Mapping[str, str]) -> dict[str, str]:
    headers = {}
    key, token = (secret(name, channel.name, environ) for name in (channel.secret_env, channel.token_env))
    if key is not None:
        headers[SIGNATURE] = signature(key, body)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _post(name: str, url: str, body: bytes, headers: dict[str, str]) -> None:
    """One POST; again where the other side was not there or asks to come back. Redirects are not followed."""
    import httpx

    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "arena-watch", **headers}
    why = ""
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client:
        for attempt in range(TRIES):
            time.sleep(PAUSE_S * attempt)
            try:
                # Nobody needs its body, which may never end.
                with client.stream("POST", url, content=body, headers=headers) as answer:
                    status = answer.status_code
            except (httpx.InvalidURL, httpx.UnsupportedProtocol):
                raise DeliveryError(f"channel {name}: the address is no http(s) address") from None
            except httpx.HTTPError as error:
                why = type(error).__name__  # its words may hold the address
                continue
            if status < 300:
                return
            why = f"HTTP {status}"
            if 300 <= status < 400:
                why += ", which leads to another address; put that one in its place, as redirects are not followed"
            if status < 500 and status != 429:
                break
    raise DeliveryError(f"channel {name}: not taken ({why})")


def _mail(channel: EmailChannel, news: Sequence[News], now: datetime, environ: Mapping[str, str]) -> str | None:
    import smtplib
    from email.message import EmailMessage
    from email.utils import format_datetime, make_msgid

    password = secret(channel.password_env, channel.name, environ)
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = messages.subject(news), channel.sender, ", ".join(channel.to)
    mail["Date"], mail["Message-ID"] = format_datetime(now), make_msgid(domain=channel.sender.partition("@")[2])
    mail.set_content(messages.text(news) + "\n\narena watch lists what is open.\n")
    try:
        with _mail_server(channel) as server:
            if channel.user is not None and password is not None:
                server.login(channel.user, password)
            refused = server.send_message(mail)
    except smtplib.SMTPResponseException as error:
        raise DeliveryError(f"channel {channel.name}: {channel.host} answered {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryError(
            f"channel {channel.name}: {channel.host} did not take it ({type(error).__name__})"
        ) from None
    if not refused:
        return None
    return (
        f"channel {channel.name}: {channel.host} refused {', '.join(sorted(refused))}; the others have the message, so "
        "it is not sent again; put these addresses right in `to`"
    )


def _mail_server(channel: EmailChannel) -> SMTP:
    """A connection that is encrypted unless the channel says otherwise."""
    import smtplib
    import ssl

    if channel.begins_with_tls:
        return smtplib.SMTP_SSL(channel.host, channel.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    server = smtplib.SMTP(channel.host, channel.port, timeout=TIMEOUT_S)
    if channel.starttls:
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _append(channel: FileChannel, line: str, beside: Path) -> None:
    path = beside / Path(channel.path).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DeliveryError(f"channel {channel.name}: {path} cannot be written ({error.strerror})") from None
