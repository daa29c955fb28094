"""The page as it is served: what it shows of which models, and what nobody gets from it."""

import re

import pytest

from keras_bert.demo import Shown, page, server
from keras_bert.demo.tabs import TABS

pytest.importorskip("gradio", reason="gradio isn't installed: pip install 'bert-for-keras[demo]'")
pytest.importorskip("httpx", reason="httpx isn't installed: pip install 'bert-for-keras[serve]'")

import httpx
from starlette.testclient import TestClient

ADDRESS = "http://127.0.0.1:7860"


def tabs_of(blocks):
    """A page -> the titles of its tabs."""
    return [block["props"]["label"] for block in blocks.config["components"] if block["type"] == "tabitem"]


@pytest.fixture(scope="module")
def client(letters):
    """A client of a page with a tokenizer."""
    application = server.Guard(server.served(page([Shown("letters", letters)])), "127.0.0.1")
    with TestClient(application, ADDRESS) as client:
        yield client


@pytest.mark.parametrize(
    ("tasks", "titles"),
    [
        (["pretrainer"], ["Tokens", "Masked words", "Attention"]),
        (["text_classifier", "text_regressor"], ["Tokens", "Attention", "Classify"]),
        (["span_predictor", "token_classifier"], ["Tokens", "Attention", "Entities", "Answers"]),
        (["backbone"], ["Tokens", "Attention", "Nearest sentences"]),
    ],
)
def test_the_tabs_are_what_the_models_can_do(shown, tasks, titles):
    assert tabs_of(page([shown(task) for task in tasks])) == titles
    assert set(titles) <= {tab.title for tab in TABS}


def test_pairs_have_a_tab_of_their_own(shown):
    assert tabs_of(page([shown("text_classifier", pairs=True)])) == ["Tokens", "Attention", "Pairs"]
    known = shown("text_regressor")
    known.model.keep_pairs()
    again = Shown("similarity", known.tokenizer, known.model)
    known.model.keep_pairs(False)
    assert tabs_of(page([again])) == ["Tokens", "Attention", "Pairs"]


def test_a_page_needs_models_with_names_of_their_own(letters):
    with pytest.raises(ValueError, match=r"different names, at least one\. Received: none"):
        page([])
    with pytest.raises(ValueError, match=r"different names, at least one\. Received: a, a"):
        page([Shown("a", letters), Shown("a", letters)])


def test_the_page_comes_with_its_answer_and_asks_nobody_else(client):
    got = client.get("/")
    assert got.status_code == 200 and "kb-chips" in got.text
    for tag in re.findall(r"<(?:script|link|img|iframe|source)[^>]*>", got.text):
        assert not re.search(r"(?:src|href)=.https?://(?!127\.0\.0\.1)", tag), tag
    policy = got.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy
    style = client.get("/theme.css").text
    assert "--primary-500" in style and not re.search(r"@import|url\(.?https?:", style)


def test_nobody_is_told_of_it(client):
    settings = client.get("/config").json()
    assert not settings["analytics_enabled"] and not settings["run_history"] and not settings["footer_links"]


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/gradio_api/file=/etc/passwd",
            "/file=/etc/passwd",
            "/gradio_api/file/etc/passwd",
            "/gradio_api/file=README.md",
        ),
        *("/static/../../../../../etc/passwd", "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/svelte/etc/passwd"),
        *(
            "/gradio_api/proxy=http://example.org",
            "/gradio_api/info",
            "/gradio_api/openapi.json",
            "/monitoring",
            "/docs",
        ),
        *("/gradio_api/upload_progress", "/gradio_api/deep_link", "/gradio_api/run-history/buckets", "/openapi.json"),
    ],
)
def test_files_and_tools_are_out_of_reach(client, path):
    for method in ("GET", "HEAD"):
        got = client.request(method, path)
        assert got.status_code == 404 and "root:" not in got.text, path


@pytest.mark.parametrize(
    "path", ["upload", "run/predict", "call/predict", "api/predict", "component_server", "reset", "vibe-edit", "cancel"]
)
def test_nothing_can_be_sent_but_what_the_page_sends(client, path):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, f"/gradio_api/{path}", json={"data": ["a"]}).status_code == 404


def test_files_can_not_be_named_in_what_is_sent(served_at, letters, tmp_path, monkeypatch):
    """Gradio copies a file that is named as its own components name theirs, whatever it is sent to."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    (tmp_path / "secret.txt").write_text("sesame")
    file = {"path": str(tmp_path / "secret.txt"), "meta": {"_type": "gradio.FileData"}}
    with served_at([Shown("letters", letters)]) as address:
        event = httpx.get(f"{address}/config").json()["dependencies"][0]["id"]

        def send(data):
            sent = {"data": data, "fn_index": event, "session_hash": "odd"}
            return httpx.post(f"{address}/gradio_api/queue/join", json=sent).status_code

        assert send(["letters", file]) == send(["letters", [file]]) == send(file) == 403
        assert send(["letters", "a" * 600_000]) == 403
        assert send(["letters", "책"]) == 200
        with httpx.stream("GET", f"{address}/gradio_api/queue/data?session_hash=odd", timeout=60) as got:
            events = " ".join(got.iter_lines())  # it ends with the answer
    assert "process_completed" in events and "1 character, 1 token" in events
    assert not (tmp_path / "gradio").exists()


def test_other_sites_get_nothing(client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403  # a name that was pointed here
    assert client.get("/", headers={"host": "localhost:7860"}).status_code == 200
    for origin, status in (("http://evil.example", 403), ("null", 403), (ADDRESS, 200)):
        assert client.get("/config", headers={"origin": origin}).status_code == status


def test_on_all_addresses_any_name_will_do(letters):
    application = server.Guard(server.served(page([Shown("letters", letters)])), "0.0.0.0")
    with TestClient(application, "http://some.machine:7860") as client:
        assert client.get("/").status_code == 200
        assert client.get("/gradio_api/file=/etc/passwd").status_code == 404


def test_a_port_that_is_taken():
    with server.listening("127.0.0.1", 0) as opened:
        port = opened.getsockname()[1]
        with pytest.raises(OSError, match=rf"Can't listen on 127.0.0.1, port {port}: .*Give another `port`, or 0"):
            server.listening("127.0.0.1", port)
    for host, port in (("127.0.0.1", 99999), ("no.such.name.invalid", 0)):
        with pytest.raises(OSError, match="Can't listen on"):
            server.listening(host, port)


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_which_addresses_are_this_machine(host, local):
    assert server.is_loopback(host) is local
