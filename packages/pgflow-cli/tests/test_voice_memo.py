"""The example: real speech to text, and what it says of recordings that it cannot use."""

import array
import json
import wave
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, get_type_hints

import pytest

from pgflow_cli.errors import CommandError
from pgflow_cli.example import check_recording, find_example
from pgflow_dsl import Flow, FlowTestFailedError, Step, discover_flows

SENTENCES = [
    "please call the bakery about the birthday cake for saturday",
    "the party starts at three in the afternoon",
    "tell them we need candles and twenty paper plates",
]
EXAMPLE = find_example()


@pytest.fixture(scope="module")
def flow() -> Flow[Any]:
    (found,) = discover_flows(EXAMPLE.flows)
    assert found.flow.slug == "voice_memo"
    return found.flow


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GROQ_API_KEY", "OPENAI_API_KEY", "BUCKETS", "SUMMARY_MODEL"):
        monkeypatch.delenv(name, raising=False)


def payload_of(path: Path | None = None, **changes: str) -> dict[str, str]:
    memo = path or EXAMPLE.recording
    return {
        "object_id": "1",
        "object_name": memo.name,
        "bucket_id": str(memo.parent),
        "owner_id": "ada",
        **changes,
    }


def step(flow: Flow[Any], slug: str) -> Step[Any]:
    return flow.steps[slug]


def result_type(flow: Flow[Any], slug: str) -> Any:
    """The model that a step of the example returns; the module itself has no name to import."""
    return get_type_hints(step(flow, slug).fn)["return"]


def resaved(path: Path, *, rate: int, channels: int) -> Path:
    """The first sentence of the example's recording as other devices save it."""
    with wave.open(str(EXAMPLE.recording), "rb") as file:
        samples = array.array("h", file.readframes(int(3.7 * 16_000)))
    length = len(samples) * rate // 16_000
    stretched = array.array("h")
    for index in range(length):
        position = index * (len(samples) - 1) / length
        left = int(position)
        share = position - left
        value = round(samples[left] * (1 - share) + samples[left + 1] * share)
        stretched.extend([value] * channels)
    return save(path, stretched.tobytes(), rate=rate, channels=channels)


def save(
    path: Path, frames: bytes, *, rate: int = 16_000, channels: int = 1, width: int = 2
) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)
    return path


def test_the_recording_is_heard_summarised_and_merged(flow: Flow[Any]) -> None:
    # Not absolute, so it is taken from the folder of the example.
    run = flow.test(payload_of(bucket_id="memos"))
    heard = run.results["transcribe"]
    assert heard.transcription == " ".join(SENTENCES)
    assert heard.phrases == SENTENCES
    assert heard.seconds == pytest.approx(8.605)
    merged = run.output["merge"]
    assert merged.model_dump() == {
        "owner_id": "ada",
        "object_name": "bakery.wav",
        "summary": "Please call the bakery about the birthday cake for saturday.",
        "transcription": " ".join(SENTENCES).upper(),
    }


def test_a_bucket_may_be_a_name_below_a_folder_of_buckets(
    flow: Flow[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BUCKETS", str(tmp_path))
    (tmp_path / "inbox").mkdir()
    memo = resaved(tmp_path / "inbox" / "memo.wav", rate=16_000, channels=1)
    run = flow.test(payload_of(memo, bucket_id="inbox"))
    assert run.results["transcribe"].transcription == SENTENCES[0]


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 1)])
def test_other_rates_and_channels_are_converted(
    flow: Flow[Any], tmp_path: Path, rate: int, channels: int
) -> None:
    memo = resaved(tmp_path / "memo.wav", rate=rate, channels=channels)
    run = flow.test(payload_of(memo))
    assert run.results["transcribe"].transcription == SENTENCES[0]


def test_silence_gives_an_empty_transcription(flow: Flow[Any], tmp_path: Path) -> None:
    run = flow.test(payload_of(save(tmp_path / "silence.wav", bytes(32_000))))
    assert run.output["merge"].transcription == ""
    assert run.output["merge"].summary == ""


def unusable(folder: Path) -> dict[str, tuple[Path, str]]:
    text = folder / "text.wav"
    text.write_text("no sound at all")
    short = folder / "short.wav"
    short.write_bytes(b"RIFF")
    return {
        "missing": (folder / "none.wav", "No such file"),
        "folder": (folder, "Is a directory"),
        "text": (text, "no plain WAV file"),
        "short": (short, "no plain WAV file"),
        "empty": (save(folder / "empty.wav", b""), "holds no sound"),
        "slow": (save(folder / "slow.wav", bytes(800), rate=8_000), "8000 samples a second"),
        "8 bit": (save(folder / "8.wav", bytes(800), width=1), "8 bits a sample, not 16"),
        "long": (save(folder / "long.wav", bytes(20_000_000)), "longer than 10 minutes"),
    }


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "text", "short", "empty", "slow", "8 bit", "long"]
)
def test_a_recording_that_cannot_be_used_is_a_clear_error_and_not_tried_again(
    flow: Flow[Any], tmp_path: Path, kind: str
) -> None:
    path, reason = unusable(tmp_path)[kind]
    with pytest.raises(CommandError, match=reason):
        check_recording(EXAMPLE, path)
    with pytest.raises(FlowTestFailedError, match=reason) as failed:
        flow.test(payload_of(path))
    assert failed.value.step_slug == "transcribe"
    assert failed.value.attempts == 1


def test_an_object_outside_its_bucket_is_refused(flow: Flow[Any]) -> None:
    with pytest.raises(FlowTestFailedError, match="leaves the bucket"):
        flow.test(payload_of(object_name="../flows/voice_memo.py"))


@contextmanager
def service(*answers: tuple[int, object]) -> Generator[tuple[str, list[Any]]]:
    """A real HTTP server that gives one answer after the other; yields URL and the requests."""
    waiting = list(answers)
    requests: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.path, self.headers["Authorization"], json.loads(body)))
            status, document = waiting.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(text: str) -> tuple[int, object]:
    return 200, {"choices": [{"message": {"role": "assistant", "content": text}}]}


def heard(flow: Flow[Any]) -> dict[Step[Any], Any]:
    """Leave out the recogniser where only the summary matters."""
    words = result_type(flow, "transcribe")(
        transcription=" ".join(SENTENCES), phrases=SENTENCES, seconds=8.6
    )
    return {step(flow, "transcribe"): lambda: words}


def test_with_a_key_the_hosted_model_summarises(
    flow: Flow[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with service((503, None), answer("Order the cake.")) as (url, requests):
        monkeypatch.setenv("GROQ_API_KEY", "key-1")
        monkeypatch.setenv("GROQ_BASE_URL", url)
        monkeypatch.setenv("SUMMARY_MODEL", "model-1")
        run = flow.test(payload_of(), replace=heard(flow))
    assert run.results["summarize"].model_dump() == {
        "summary": "Order the cake.",
        "model": "model-1",
    }
    # the first answer was 503, which is tried again
    assert run.attempts["summarize"] == len(requests) == 2
    path, authorization, question = requests[-1]
    assert path == "/v1/chat/completions"
    assert authorization == "Bearer key-1"
    assert question["model"] == "model-1"
    assert question["messages"][-1]["content"] == " ".join(SENTENCES)


def test_a_model_that_stays_away_is_replaced_offline_and_that_is_told(
    flow: Flow[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with service(*[(500, None)] * 5) as (url, requests):
        monkeypatch.setenv("OPENAI_API_KEY", "key-1")
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        run = flow.test(payload_of(), replace=heard(flow))
    assert len(requests) == 5
    assert run.results["summarize"].model is None
    assert run.results["summarize"].summary.startswith("Please call the bakery")
    assert "summarised offline" in caplog.text
    assert "HTTP 500" in caplog.text


def test_a_wrong_key_fails_at_once_and_is_not_told(
    flow: Flow[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with service((401, None)) as (url, _):
        monkeypatch.setenv("GROQ_API_KEY", "key-1")
        monkeypatch.setenv("GROQ_BASE_URL", url)
        with pytest.raises(FlowTestFailedError, match="HTTP 401") as failed:
            flow.test(payload_of(), replace=heard(flow))
    assert failed.value.attempts == 1
    assert "key-1" not in str(failed.value)


def test_without_pauses_a_long_phrase_is_cut_and_the_topic_that_returns_wins() -> None:
    summarise = sibling("_summary").summarise
    words = (
        "i had a long talk with the landlord today and he will repair the heating next week "
        "because the heating makes a lot of noise and the repair of the heating takes two days"
    )
    summary = summarise([words])
    assert "heating" in summary
    assert len(summary) < len(words)
    assert summarise([]) == ""


def sibling(name: str) -> Any:
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"example{name}", EXAMPLE.flows / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
