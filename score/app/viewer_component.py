"""The viewer of vad-score predict as a Streamlit component, which returns the threshold chosen in it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


def show(html: str, *, key: str, moment: tuple[float, int] | None = None) -> float | None:
    """Show a viewer page. Returns the threshold chosen in it, None until it is moved.

    moment: (seconds to seek to, a number that differs per request).
    """
    value = _component()(html=html, moment=moment, key=key, default=None)
    return None if not value else float(value["threshold"])


def address_of(path: Path, kind: str, *, key: str) -> str | None:
    """The URL at which Streamlit serves a file to this page, with ranges for seeking; None without a server.

    Streamlit serves files from memory and needs the bytes at every run of the page, so they are kept in the
    session. Callers limit the size.
    """
    import streamlit
    from streamlit.runtime import exists, get_instance

    if not exists():
        return None
    served = streamlit.session_state.setdefault("served_videos", {})
    if key not in served or served[key][0] != path:
        served[key] = (path, path.read_bytes())
    return get_instance().media_file_mgr.add(served[key][1], kind, key)


def forget(key: str | None = None) -> None:
    """Release the file served under a key, or all files without one."""
    import streamlit

    if key is None:
        streamlit.session_state.pop("served_videos", None)
    else:
        streamlit.session_state.get("served_videos", {}).pop(key, None)


@lru_cache(maxsize=1)
def _component():
    from streamlit.components.v1 import declare_component

    return declare_component("player", path=str(Path(__file__).with_name("frame")))
