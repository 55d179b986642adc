"""Where keys come from: the environment, and after it the keyring of the operating system. Never a file of ours.

The keyring is an extra (`pip install 'provider-arena[keyring]'`). Its entries are of the service `arena`, each under
the name of the environment variable that it stands for. A machine without a keyring is no error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import util
from typing import TYPE_CHECKING, Literal

from arena.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import SecretStr

SERVICE = "arena"
Source = Literal["environment", "keyring"]


class Keys(Mapping[str, str]):
    """The environment, in which a name that is not set is looked for in the keyring. Only lookups ask the keyring.

    A variable that is set wins, even an empty one: that is how a key is put out of use for one command.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._found: dict[str, SecretStr | None] = {}

    def __getitem__(self, name: str) -> str:
        """The value; KeyError if neither has it."""
        if name in self._environ:
            return self._environ[name]
        if name not in self._found:
            self._found[name] = _in_keyring(name) if name else None
        found = self._found[name]
        if found is None:
            raise KeyError(name)
        return found.get_secret_value()

    def __iter__(self) -> Iterator[str]:
        """The names in the environment; a keyring does not tell what it holds."""
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def source(self, name: str) -> Source | None:
        """Where a key would be taken from; None if there is none."""
        if name in self._environ:
            return "environment" if self._environ[name].strip() else None
        return "keyring" if name in self else None


KEYS = Keys()
"""Of this process."""


def _in_keyring(name: str) -> SecretStr | None:
    from pydantic import SecretStr

    try:
        import keyring

        value = keyring.get_password(SERVICE, name)
    except Exception:  # noqa: BLE001 - backends raise whatever their system raises; a run with its keys set needs none
        return None
    return SecretStr(value) if value else None


def store(name: str, value: SecretStr) -> str:
    """Put a key into the keyring; returns the keyring's name. ConfigError if there is none that keeps it."""
    _require_package()
    try:
        import keyring

        keyring.set_password(SERVICE, name, value.get_secret_value())
        kept = keyring.get_password(SERVICE, name) == value.get_secret_value()
        where = str(keyring.get_keyring().name)
    except Exception as error:  # noqa: BLE001 - as above
        raise _unusable(name, type(error).__name__) from None
    if not kept:
        raise _unusable(name, "it keeps nothing")
    return where


def remove(name: str) -> None:
    """Take a key out of the keyring; ConfigError if it is not there."""
    _require_package()
    try:
        import keyring
        from keyring.errors import PasswordDeleteError

        try:
            keyring.delete_password(SERVICE, name)
        except PasswordDeleteError:
            raise ConfigError(f"{name} is not in the keyring; `arena keys ls` shows where keys come from") from None
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise _unusable(name, type(error).__name__) from None


def _require_package() -> None:
    if util.find_spec("keyring") is None:
        raise ConfigError(
            "the keyring needs `pip install 'provider-arena[keyring]'`; or set keys as environment variables"
        )


def _unusable(name: str, why: str) -> ConfigError:
    return ConfigError(f"this machine has no keyring that can be used ({why}); set the environment variable {name}")
