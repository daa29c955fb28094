"""The server of docs/guide/serving, started as its Dockerfile does, on loopback."""

import asyncio
import importlib.util
import json
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import keras
import pytest

import keras_bert

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "guide" / "serving"
GUIDE = (ROOT / "docs" / "guide" / "serving.md").read_text(encoding="utf8")
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf8")
TEXTS = ["A good book.", "", "dull " * 40, "the very film"]

for module in ("fastapi", "httpx", "onnx", "onnxruntime", "uvicorn"):
    pytest.importorskip(module, reason=f"{module} isn't installed: pip install 'bert-for-keras[onnx,serve]'")

import httpx  # noqa: E402


def command(instruction):
    """CMD or HEALTHCHECK -> what the Dockerfile runs, a list of strings."""
    return json.loads(re.search(rf"^{instruction} .*?(\[.*\])$", DOCKERFILE, re.M)[1])


@pytest.fixture(scope="module")
def directory(tmp_path_factory, tokenizer):
    """A directory with what `export_onnx` wrote as `served-onnx`."""
    keras.utils.set_random_seed(3)
    size = {"num_layers": 2, "num_heads": 4, "hidden_dim": 12, "intermediate_dim": 37, "max_sequence_length": 32}
    config = keras_bert.BertConfig(vocabulary_size=tokenizer.vocabulary_size, initializer_range=0.5, **size)
    model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["negative", "positive"])
    directory = tmp_path_factory.mktemp("server")
    keras_bert.export_onnx(model, tokenizer, directory / "served-onnx")
    return directory


def start(directory):
    """A directory -> the process of a server that is ready, its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = {"--host": "127.0.0.1", "--port": str(port)}
    program = command("CMD")
    for place, name in enumerate(program[:-1]):
        program[place + 1] = arguments.get(name, program[place + 1])
    process = subprocess.Popen([sys.executable, "-m", *program, "--app-dir", FOLDER], cwd=directory)
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        assert process.poll() is None
        try:
            assert httpx.get(f"{address}/health").status_code == 200
            return process, address
        except httpx.ConnectError:
            time.sleep(0.1)
    process.kill()
    raise TimeoutError("The server isn't ready after a minute.")


@pytest.fixture(scope="module")
def address(directory):
    process, address = start(directory)
    yield address
    process.kill()
    process.wait()


async def posted(address, requests):
    """Lists of texts, sent at the same time -> the responses."""
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=100)) as client:
        sent = [client.post(f"{address}/predict", json={"texts": texts}) for texts in requests]
        return await asyncio.gather(*sent)


def assert_equal(answers, expected):
    assert [answer["label"] for answer in answers] == [answer["label"] for answer in expected]
    for answer, wanted in zip(answers, expected, strict=True):
        assert answer.keys() == wanted.keys()
        assert answer["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-5)


def test_answers_are_those_of_the_runtime(address, directory):
    response = httpx.post(f"{address}/predict", json={"texts": TEXTS})
    assert response.status_code == 200 and list(response.json()) == ["answers"]
    assert_equal(response.json()["answers"], keras_bert.runtime.load(directory / "served-onnx")(TEXTS))
    [shown] = [block for block in re.findall(r"```json\n(.*?)\n```", GUIDE, re.S) if "answers" in block]
    assert json.loads(shown)["answers"][0].keys() == response.json()["answers"][0].keys()


def test_concurrent_requests_run_together_and_each_gets_its_own_answers(address, directory):
    requests = [[TEXTS[number % 4]] * (1 + number % 3) for number in range(60)]
    before = httpx.get(f"{address}/health").json()
    responses = asyncio.run(posted(address, requests))
    after = httpx.get(f"{address}/health").json()
    assert after["requests"] - before["requests"] == 60
    assert 1 <= after["runs"] - before["runs"] <= 40
    expected = keras_bert.runtime.load(directory / "served-onnx")(TEXTS)
    for number, response in enumerate(responses):
        assert_equal(response.json()["answers"], [expected[number % 4]] * (1 + number % 3))


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b'{"texts": [', 422, r"body: Invalid JSON: EOF .*\."),
        (b"", 422, r"body: Invalid JSON: .*\."),
        (b'{"texts": ["\xff"]}', 422, r"body: Invalid JSON: invalid unicode .*\."),
        (b'{"texts": ["\\ud800"]}', 422, r"body: Invalid JSON: .*\."),
        (b"[" * 100_000, 422, r"body: Invalid JSON: recursion limit .*\."),
        (b"[]", 422, r"body: Input should be an object\."),
        (b'{"text": "A good book."}', 422, r"texts: Field required\."),
        (b'{"texts": "A good book."}', 422, r"texts: Input should be a valid array\."),
        (b'{"texts": []}', 422, r"texts: List should have at least 1 item .*\."),
        (b'{"texts": ["good", 3]}', 422, r"texts\.1: Input should be a valid string\."),
        (json.dumps({"texts": ["good"] * 65}).encode(), 422, r"texts: List should have at most 64 items .*\."),
        (json.dumps({"texts": ["g" * 10_001]}).encode(), 422, r"texts\.0: String should have at most 10000 .*\."),
        (json.dumps({"texts": ["good " * 210_000]}).encode(), 413, r"A request has at most 1000000 bytes\."),
    ],
)
def test_what_is_refused_gets_a_sentence(address, body, status, detail):
    response = httpx.post(f"{address}/predict", content=body)
    assert response.status_code == status
    assert re.fullmatch(detail, response.json()["detail"])


def test_a_body_without_a_length_has_the_same_limit(address):
    chunks = (b"good " * 10_000 for _ in range(30))
    response = httpx.post(f"{address}/predict", content=chunks)
    assert response.status_code == 413 and "1000000 bytes" in response.json()["detail"]


def test_the_largest_request_is_answered(address):
    response = httpx.post(f"{address}/predict", json={"texts": ["good " * 2_000] * 64}, timeout=60)
    assert response.status_code == 200 and len(response.json()["answers"]) == 64


def test_a_stopped_server_answers_what_it_has_taken(directory):
    process, address = start(directory)
    try:

        async def stopped():
            sent = asyncio.create_task(posted(address, [["good " * 2_000] * 64] * 8))
            async with httpx.AsyncClient() as client:
                while (await client.get(f"{address}/health")).json()["waiting"] < 6:
                    assert not sent.done()
            process.send_signal(signal.SIGTERM)
            return await sent

        responses = asyncio.run(stopped())
        assert [response.status_code for response in responses] == [200] * 8
        process.wait(20)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/health")
    finally:
        process.kill()


def app_module():
    """-> app.py, as a new module."""
    spec = importlib.util.spec_from_file_location("app", FOLDER / "app.py")
    server = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    return server


def test_an_embedder_answers_vectors(small_config, tokenizer, tmp_path):
    model = keras_bert.text_embedder(keras_bert.backbone(small_config), prompts={"query": "very "})
    keras_bert.export_onnx(model, tokenizer, tmp_path / "served-onnx", prompt="query")
    server = app_module()
    server.app.state.model = keras_bert.runtime.load(tmp_path / "served-onnx")
    answers = json.loads(json.dumps(asyncio.run(server.answer(TEXTS))))
    expected = keras_bert.predictor(model, tokenizer, prompt="query")(TEXTS)
    assert [list(answer) for answer in answers] == [["embedding"]] * len(TEXTS)
    for answer, wanted in zip(answers, expected, strict=True):
        assert answer["embedding"] == pytest.approx(wanted["embedding"], abs=1e-5)


def test_a_run_that_fails_leaves_nobody_waiting():
    server, runs = app_module(), []

    def fails_at_first(texts):
        runs.append(texts)
        if len(runs) == 1:
            raise MemoryError
        return [text.upper() for text in texts]

    async def answered():
        return await asyncio.gather(*map(server.answer, (["a"], ["b", "c"], ["d"])), return_exceptions=True)

    server.app.state.model = fails_at_first
    first, *others = asyncio.run(answered())
    assert isinstance(first, MemoryError) and others == [["B", "C"], ["D"]]
    assert runs[1:] == [["b", "c", "d"]] and not server.waiting


def test_the_check_of_health_tells_a_server_that_is_ready(address):
    program = command("HEALTHCHECK")
    port = address.rpartition(":")[2]
    assert program[:2] == ["python", "-c"] and ":8000/health" in program[2]
    for number, code in ((port, 0), ("1", 1)):
        run = subprocess.run([sys.executable, "-c", program[2].replace("8000", number)], capture_output=True)
        assert run.returncode == code


def test_the_dockerfile_copies_what_stands_beside_it_and_installs_what_the_runtime_needs():
    assert len((FOLDER / "app.py").read_text(encoding="utf8").splitlines()) <= 60
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}
    assert {line.split()[0] for line in lines} == known
    names = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]
    assert all((FOLDER / name).exists() for name in names if name != "*.whl")
    assert lines.index("USER server") > lines.index("RUN useradd --system server")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
    extras = project["optional-dependencies"]
    known = {*project["dependencies"], *extras["runtime"], *extras["serve"]}
    assert set((FOLDER / "requirements.txt").read_text().split()) <= known


def test_the_guide_names_files_that_exist():
    for name in re.findall(r"(?<!/)(?:tests|keras_bert|docs)/[\w/]+\.?\w+", GUIDE):
        assert (ROOT / name).exists(), name
    assert "@@" not in GUIDE
