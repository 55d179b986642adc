"""Logging in, with the OpenID Connect providers that whoever runs the app has set up, and out again."""

from __future__ import annotations

from importlib import util
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.errors import Error as StreamlitError

from arena.errors import ConfigError
from dashboards import format as fmt

if TYPE_CHECKING:
    from collections.abc import Mapping


def logged_in() -> bool:
    """Whether this is somebody's account."""
    return bool(getattr(st.user, "is_logged_in", False))


def missing() -> bool:
    """Whether there is a login here, and this visitor has not logged in."""
    return getattr(st.user, "is_logged_in", None) is False


def providers() -> dict[str, str | None]:
    """What can be logged in with, as labels and the names that `st.login` knows.

    ConfigError if none is set up, or if what it takes is not installed.
    """
    found = login_providers(_secrets())
    if not found:
        raise ConfigError(
            "nobody can log in here, as no login is set up; add an [auth] section to `.streamlit/secrets.toml` in the"
            " directory where the app is started, or unset ARENA_REQUIRE_LOGIN"
        )
    if util.find_spec("authlib") is None:
        raise ConfigError(
            "nobody can log in here, as Authlib is missing; `pip install 'provider-arena[login]'` where the app is"
            " started, and start it again"
        )
    return found


def login_providers(auth: Mapping[str, object] | None) -> dict[str, str | None]:
    """The providers of an [auth] section: the section itself, if it names a client, and each table in it."""
    if auth is None:
        return {}
    named: dict[str, str | None] = {
        k.capitalize(): k for k, v in auth.items() if hasattr(v, "keys") and k != "client_kwargs"
    }
    return {"Log in": None} if "client_id" in auth else {f"Log in with {label}": k for label, k in named.items()}


def ask(why: str) -> None:
    """One button for each way to log in. ConfigError as in `providers`."""
    st.markdown(why)
    for label, provider in providers().items():
        if st.button(label, type="primary"):
            try:
                st.login(provider)
            except StreamlitError as error:
                st.error(fmt.markdown(f"Nobody can log in here yet: {str(error).splitlines()[0]}"))


def way_out() -> None:
    """The button for who has logged in."""
    st.button("Log out", type="tertiary", icon=":material/logout:", on_click=st.logout)


def _secrets() -> Mapping[str, object] | None:
    try:
        auth = st.secrets["auth"]
    except (KeyError, FileNotFoundError):
        return None
    return auth if hasattr(auth, "keys") else None
