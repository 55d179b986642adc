"""Settings from the environment: where data lives. Keys are read by name where they are used, never kept here."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from arena.errors import StoreError


class Settings(BaseSettings):
    """`ARENA_DATA_DIR` (default `data`), `ARENA_DATABASE_URL` (default SQLite in it), `ARENA_REGION`.

    `ARENA_CONFIG_DIR` adds a directory with one's own `endpoints.toml`, `prices.toml`, prompt sets and plans. Of the
    pairs that are voted on, `ARENA_VOTE_GOLD_SHARE` have a known answer and `ARENA_VOTE_REPEAT_SHARE` come a second
    time; `ARENA_VOTES_PER_VOTER_AND_DAY` and `ARENA_VOTES_PER_NETWORK_AND_DAY` cap votes,
    `ARENA_NEW_VOTERS_PER_NETWORK_AND_HOUR` caps how many voters join. With `ARENA_REQUIRE_LOGIN=1` only who has logged
    in may vote, and with `ARENA_BLIND=1` the app shows no image with its maker. The app's playground is off unless
    `ARENA_PLAYGROUND_USD_PER_DAY` says what it may spend on a day (UTC); with 0 it fires simulated ones only.
    `ARENA_OTEL_ENDPOINT` is the OpenTelemetry collector to which every run is exported when it has ended.
    """

    model_config = SettingsConfigDict(env_prefix="ARENA_", extra="ignore")

    data_dir: Path = Path("data")
    database_url: SecretStr | None = None
    config_dir: Path | None = None
    region: str | None = None
    vote_gold_share: float = Field(default=0.03, ge=0, le=0.3)
    vote_repeat_share: float = Field(default=0.04, ge=0, le=0.3)
    votes_per_voter_and_day: int = Field(default=500, ge=1)
    votes_per_network_and_day: int = Field(default=2000, ge=1)
    playground_usd_per_day: Decimal | None = Field(default=None, ge=0, le=10_000)
    new_voters_per_network_and_hour: int = Field(default=100, ge=1)
    require_login: bool = False
    blind: bool = False
    otel_endpoint: str | None = Field(default=None, pattern=r"^https?://\S+$")

    @property
    def url(self) -> str:
        """The database URL in use; may hold a password, so it is never printed as it is."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute() / 'arena.db'}"

    @property
    def images_dir(self) -> Path:
        """Where generated images are kept, each once."""
        return self.data_dir / "images"

    @property
    def exports_dir(self) -> Path:
        """Where exports go that name no place."""
        return self.data_dir / "exports"

    def require_writable(self) -> None:
        """Create the data directory, or raise StoreError if nothing can be written there."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            writable = os.access(self.data_dir, os.W_OK | os.X_OK)
        except OSError:
            writable = False
        if not writable:
            raise StoreError(
                f"the data directory {self.data_dir} cannot be written; change its permissions or set ARENA_DATA_DIR"
            )
        probe = self.data_dir / f".writable-{os.getpid()}"
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise StoreError(
                f"the data directory {self.data_dir} cannot be written ({error.strerror}); set ARENA_DATA_DIR"
            ) from None
