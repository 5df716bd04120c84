"""The viewer page of vad-score predict inside a Streamlit page; its threshold comes back."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


def show(html: str, *, key: str, moment: tuple[float, int] | None = None) -> float | None:
    """The threshold that the person has chosen on the page, None until it is moved.

    moment: (seconds to show, a number that differs for each wish).
    """
    value = _component()(html=html, moment=moment, key=key, default=None)
    return None if not value else float(value["threshold"])


def address_of(path: Path, kind: str, *, key: str) -> str | None:
    """Where Streamlit serves a file to this page, with ranges so that players can jump; None outside a
    server.

    Streamlit serves from memory and wants the file at every run of the page: it is read once. Callers see to it
    that it is not too large for that.
    """
    import streamlit
    from streamlit.runtime import exists, get_instance

    if not exists():
        return None
    films = streamlit.session_state.setdefault("films", {})
    if key not in films or films[key][0] != path:
        films[key] = (path, path.read_bytes())
    return get_instance().media_file_mgr.add(films[key][1], kind, key)


def forget(key: str | None = None) -> None:
    """Let go of a file that was served, of all without a key."""
    import streamlit

    if key is None:
        streamlit.session_state.pop("films", None)
    else:
        streamlit.session_state.get("films", {}).pop(key, None)


@lru_cache(maxsize=1)
def _component():
    from streamlit.components.v1 import declare_component

    return declare_component("player", path=str(Path(__file__).with_name("frame")))
