"""Who may ask: the token, the session of a browser, the names of the server, and what every answer says."""

import re
import stat

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn (extra live)")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from extract.runtime.foreign.foreign_error import ForeignFileError
from score.web.access_token import SESSION_SECONDS, AccessToken, make_token, read_token
from score.web.gate import Gate, cookie_name, session_cookie
from score.web.routed_app import routed_app
from score.web.served import serving
from score.web.web_server import WebServer
from support.waiting import wait_until
from support.web_client import Client

TOKEN = "a-token-of-many-letters"


def answer(request):
    if request.method == "POST":
        return PlainTextResponse("changed")
    return PlainTextResponse("secret")


def fail(_request):
    raise RuntimeError("line one\nline two")


@pytest.fixture(scope="module")
def served():
    """(client without a token, client with it, with pages)."""
    routes = [Route("/", answer, methods=["GET", "POST"]), Route("/bug", fail), Route("/login", answer)]
    app = routed_app(routes, help_line="")
    servers = [WebServer() for _ in range(2)]
    servers[0].start(Gate(app, AccessToken(TOKEN), names=["cam.example"]))
    servers[1].start(Gate(app, AccessToken(TOKEN), public=["/login"]))
    yield Client(servers[0].address), Client(servers[0].address, TOKEN), Client(servers[1].address)
    for each in servers:
        each.stop()


def test_only_the_whole_token_opens(served):
    without, known, _ = served
    assert known.get("/").body == b"secret"
    assert without.get("/").status == 401 and "missing" in without.get("/").error
    for wrong in (TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "", "é" * 23, "x" * 20000):
        refusal = without.get("/", Authorization=f"Bearer {wrong}".encode().decode("latin-1"))
        assert (refusal.status, refusal.headers["www-authenticate"]) == (401, "Bearer"), wrong
    assert without.get("/", Authorization=f"Basic {TOKEN}").status == 401
    assert without.get(f"/?token={TOKEN}").status == 401  # addresses end up in logs and histories
    assert (
        without.get("/", Authorization=f"bearer {TOKEN}").status == 200
    )  # the scheme has no case (RFC 9110)


def test_names_that_others_can_make_lead_here_are_refused(served):
    _, known, _ = served
    for own in ("localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:80", "192.168.1.7", "cam.example:8600"):
        assert known.get("/", Host=own).status == 200, own
    for other in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "a b",
        "[::1",
        "cam.example.evil",
    ):
        refusal = known.get("/", Host=other)
        assert refusal.status == 421 and "name" in refusal.error, other


def test_two_hosts_and_two_tokens_are_refused(served):
    _, known, _ = served
    auth = f"Authorization: Bearer {TOKEN}\r\n".encode()
    for lines in (b"Host: localhost\r\nHost: evil.example\r\n" + auth, b"Host: localhost\r\n" + auth + auth):
        assert known.raw(b"GET / HTTP/1.1\r\n" + lines + b"\r\n").split()[1] in (b"421", b"401", b"400")


def test_heads_without_end_and_other_protocols_are_refused(served):
    _, known, _ = served
    huge = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 300_000 + b"\r\n\r\n"
    assert known.raw(huge).split()[1] == b"400"
    assert known.raw(b"\x16\x03\x01\x02\x00" * 20 + b"\r\n\r\n").split()[1] == b"400"  # as TLS begins
    assert known.get("/").status == 200


def test_every_answer_forbids_foreign_scripts_frames_and_copies(served):
    without, known, _ = served
    for each in (known.get("/"), without.get("/"), known.get("/bug"), known.get("/", Host="evil.example")):
        policy = each.headers["content-security-policy"]
        assert (
            "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        )
        assert each.headers["x-content-type-options"] == "nosniff"
        assert each.headers["cache-control"] == "no-store"
        assert "server" not in each.headers and "access-control-allow-origin" not in each.headers


def test_a_bug_is_one_line_for_whoever_asks(served, caplog):
    _, known, _ = served
    refusal = known.get("/bug")
    assert refusal.status == 500 and refusal.error == "the program failed (RuntimeError); its log says where"
    wait_until(lambda: "line two" in caplog.text, 10)  # written after the answer
    assert TOKEN not in caplog.text


def test_a_browser_without_a_session_is_led_to_the_login_page(served):
    *_, pages = served
    refusal = pages.get("/", Accept="text/html,*/*")
    assert (refusal.status, refusal.headers["location"]) == (303, "/login")
    assert pages.get("/").status == 401 and pages.get("/login").status == 200
    assert pages.ask("POST", "/", Accept="text/html").status == 401


def cookie(client, token=TOKEN):
    port = int(client.address.rpartition(":")[2])
    return session_cookie({"server": ("127.0.0.1", port)}, AccessToken(token)).partition(";")[0]


def test_a_session_reads_but_changes_only_from_our_own_page(served):
    _, _, pages = served
    own = pages.address.removeprefix("http://")
    session = cookie(pages)
    assert pages.get("/", Cookie=session).body == b"secret"
    assert pages.ask("POST", "/", Cookie=session, Origin=pages.address).body == b"changed"
    # other ports of a host are the same site, to which browsers send the cookie
    for origin in ("http://127.0.0.1:1", "null", "http://evil.example", f"http://{own}.evil.example"):
        assert pages.ask("POST", "/", Cookie=session, Origin=origin).status == 403, origin
    assert pages.ask("POST", "/", Cookie=session).status == 403


def test_cookies_of_other_servers_of_the_machine_do_not_hide_a_session(served):
    _, _, browser = served
    port = int(browser.address.rpartition(":")[2])
    own = session_cookie({"server": ("", port)}, AccessToken(TOKEN)).partition(";")[0]
    for other in (
        'state={"a":1}',
        'a="x y',
        "bad",
        "x=\xe9",
        "path=/",
        f"vad_session_{port}=old",
        "a[b]=1,2",
    ):
        for stated in (f"{other}; {own}", f"{own}; {other}"):
            assert browser.get("/", Cookie=stated).body == b"secret", stated


def test_sessions_end_and_cannot_be_made_without_the_token(served):
    without, _, pages = served
    token = AccessToken(TOKEN)
    session = token.session(now=1000.0)
    assert token.is_session(session, now=1000.0 + SESSION_SECONDS - 2)
    assert not token.is_session(session, now=1000.0 + SESSION_SECONDS + 2)
    later = f"9{session}"
    for forged in (later, session[:-1], "", ".", "x.y", "é.é", AccessToken(TOKEN + "x").session()):
        assert not token.is_session(forged, now=1000.0), forged
    name = cookie_name({"server": ("", int(pages.address.rpartition(":")[2]))})
    assert pages.get("/", Cookie=f"{name}={later}").status == 401
    assert pages.get("/", Cookie=f"other=1; {cookie(pages, TOKEN + 'x')}").status == 401
    assert without.get("/", Cookie=cookie(without)).status == 401  # where there are no pages there are none


def test_no_script_reads_the_cookie_and_other_sites_do_not_send_it():
    scope = {"server": ("127.0.0.1", 8600)}
    set_cookie = session_cookie(scope, AccessToken(TOKEN))
    assert TOKEN not in set_cookie
    assert re.fullmatch(
        r"vad_session_8600=\d+\.[0-9a-f]{64}; Max-Age=\d+; Path=/; HttpOnly; SameSite=Strict", set_cookie
    )
    assert "Max-Age=0" in session_cookie(scope, None)


def test_a_made_token_is_random_and_for_its_owner_alone(tmp_path):
    for name in ("a", "b"):
        make_token(tmp_path / name)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    first, second = ((tmp_path / name).read_text().strip() for name in "ab")
    assert first != second and len(first) >= 40
    token = read_token(tmp_path / "a")
    assert token.matches(first) and not token.matches(second) and first not in repr(token)


@pytest.mark.parametrize(
    "content, mode, words",
    [
        (TOKEN, 0o644, "chmod 600"),
        ("short", 0o600, "at least 20"),
        ("two words of a token", 0o600, "without spaces"),
        (f"{TOKEN}\n{TOKEN}", 0o600, "one line"),
        ("", 0o600, "at least 20"),
        ("é" * 30, 0o600, "at least 20"),
    ],
)
def test_tokens_that_others_know_or_guess_are_refused_without_repeating_them(tmp_path, content, mode, words):
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises((ValueError, ForeignFileError), match=words) as found:
        read_token(file)
    assert not content or content.split("\n")[0] not in str(found.value)


def test_a_port_that_is_taken_is_one_line():
    first = WebServer()
    try:
        with pytest.raises(ValueError, match=rf"127.0.0.1 port {first.port}: .*in use; choose another port"):
            WebServer(port=first.port)
        with pytest.raises(ValueError, match="no.such.host.invalid"):
            WebServer("no.such.host.invalid")
    finally:
        first.stop()


def test_other_machines_are_warned_of(capsys):
    with serving("0.0.0.0", 0) as place:
        place.open(Starlette(routes=[Route("/", answer)]))
        token = place.token_file.read_text().strip()
        assert Client(place.server.address, token).get("/").body == b"secret"
    said = capsys.readouterr()
    assert "warning: 0.0.0.0 can be reached from other machines" in said.err
    assert str(place.token_file) in said.out and token not in said.out + said.err
    assert not place.token_file.exists()
