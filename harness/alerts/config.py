"""`watch.toml`: what is watched and whom to tell. Secrets stay in the environment; the file names the variables."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - read when the models are made
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from arena.catalog import parse, read_toml
from arena.domain.base import Value
from arena.domain.watch import Rules
from arena.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arena.settings import Settings

FILE_NAME = "watch.toml"
SUBMISSIONS_PORT = 465
"""Mail submission over TLS from the first byte (RFC 8314 section 7.3)."""
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]


class WebhookChannel(Value):
    """JSON by POST. `secret_env` names the key of an HMAC signature, `token_env` that of a bearer token."""

    kind: Literal["webhook"]
    name: Name
    url: str | None = None
    url_env: Variable | None = None
    secret_env: Variable | None = None
    token_env: Variable | None = None

    @model_validator(mode="after")
    def _one_address(self) -> WebhookChannel:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("give either `url`, or `url_env` where the address is a secret")
        return self

    @field_validator("url")
    @classmethod
    def _plain_address(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://x")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("is no http(s) address")
        if parts.password or parts.username:
            raise ValueError("holds a password; put the address into a variable and name it in `url_env`")
        return url


class SlackChannel(Value):
    """An incoming webhook as Slack, Mattermost and others have it; its address is the secret."""

    kind: Literal["slack"]
    name: Name
    url_env: Variable


class EmailChannel(Value):
    """Mail by SMTP: TLS from the first byte on port 465 (RFC 8314) or with `tls_first`, else STARTTLS.

    STARTTLS can be turned off, which is refused where a password would be sent.
    """

    kind: Literal["email"]
    name: Name
    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65_535)
    sender: str = Field(pattern=r"^[^@\s,]+@[^@\s,]+$")
    to: tuple[Annotated[str, Field(pattern=r"^[^@\s,]+@[^@\s,]+$")], ...] = Field(min_length=1)
    user: str | None = None
    password_env: Variable | None = None
    starttls: bool = True
    tls_first: bool | None = None

    @property
    def begins_with_tls(self) -> bool:
        """Whether nothing is said before TLS; where the file is silent, the port tells."""
        return self.port == SUBMISSIONS_PORT if self.tls_first is None else self.tls_first

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> EmailChannel:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("`user` and `password_env` go together")
        if self.user is not None and not self.starttls and not self.begins_with_tls:
            raise ValueError("a password is only sent over TLS; leave `starttls` on")
        return self


class FileChannel(Value):
    """One line of JSON a message, appended; a relative path is beside watch.toml."""

    kind: Literal["file"]
    name: Name
    path: str = Field(min_length=1)


Channel = Annotated[WebhookChannel | SlackChannel | EmailChannel | FileChannel, Field(discriminator="kind")]


class WatchConfig(Rules):
    """The whole file: the rules, and `[[channel]]` tables."""

    channel: tuple[Channel, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> WatchConfig:
        names = [c.name for c in self.channel]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise ValueError(f"the channel name {twice!r} is used twice; names are unique")
        return self

    @property
    def rules(self) -> Rules:
        """What is watched, without whom to tell."""
        return Rules.model_validate(self.model_dump(exclude={"channel"}))


def find(settings: Settings, given: Path | None = None) -> Path | None:
    """The file in use: the one given, or that of ARENA_CONFIG_DIR; None where there is none."""
    if given is not None:
        return given
    path = None if settings.config_dir is None else settings.config_dir / FILE_NAME
    return path if path is not None and path.is_file() else None


def load(path: Path) -> WatchConfig:
    """The file; ConfigError says what is wrong in it."""
    return parse(WatchConfig, read_toml(path), str(path))


def secret(variable: str | None, channel: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The value of a variable that a channel names; ConfigError if it is empty. Never printed."""
    if variable is None:
        return None
    value = environ.get(variable, "").strip()
    if not value:
        raise ConfigError(f"channel {channel}: set the environment variable {variable}")
    return value
