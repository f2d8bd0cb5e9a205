"""Shorten a transcript with a hosted language model, if the environment holds a key for one.

GROQ_API_KEY or OPENAI_API_KEY chooses the service, SUMMARY_MODEL the model, and GROQ_BASE_URL or
OPENAI_BASE_URL another address that speaks the same protocol. Only the standard library.
"""

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

_INSTRUCTION = "Summarise this voice memo in one short sentence. Answer with the sentence alone."


class ModelError(Exception):
    """The service did not give a summary; *passing* when asking again can help."""

    def __init__(self, reason: str, *, passing: bool) -> None:
        self.passing = passing
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedModel:
    """A language model behind an OpenAI-compatible chat address."""

    base_url: str
    name: str
    key: str

    def __repr__(self) -> str:
        return f"HostedModel({self.name!r})"


def hosted_model() -> HostedModel | None:
    """Return the model that the environment names, or None to stay offline."""
    for service, address, model in (
        ("GROQ", "https://api.groq.com/openai/v1", "llama-3.1-8b-instant"),
        ("OPENAI", "https://api.openai.com/v1", "gpt-4o-mini"),
    ):
        if key := os.environ.get(f"{service}_API_KEY"):
            return HostedModel(
                base_url=os.environ.get(f"{service}_BASE_URL", address).rstrip("/"),
                name=os.environ.get("SUMMARY_MODEL", model),
                key=key,
            )
    return None


def ask(model: HostedModel, transcription: str, *, timeout: float = 20.0) -> str:
    """Return the model's summary; waits at most *timeout* seconds for each answer.

    Raises:
        ModelError: the service refused, is out of reach, or answered something else.
    """
    if not model.base_url.startswith(("https://", "http://")):
        raise ModelError(f"{model.base_url!r} is not an address of the web", passing=False)
    request = urllib.request.Request(  # noqa: S310  checked above
        f"{model.base_url}/chat/completions",
        data=json.dumps(_question(model.name, transcription)).encode(),
        headers={
            "Authorization": f"Bearer {model.key}",
            "Content-Type": "application/json",
            "User-Agent": "pgflow-example",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310
            answer: Any = json.load(response)
        return str(answer["choices"][0]["message"]["content"]).strip()
    except urllib.error.HTTPError as error:
        # 408, 409 and 429 ask for patience; the other 4xx answer the same every time.
        error.close()
        passing = error.code >= 500 or error.code in (408, 409, 429)
        raise ModelError(f"{model.name} answered HTTP {error.code}", passing=passing) from None
    except OSError as error:
        raise ModelError(f"{model.name} is out of reach: {error}", passing=True) from None
    except (ValueError, LookupError, TypeError):
        raise ModelError(f"{model.name} gave no summary in its answer", passing=True) from None


def _question(model: str, transcription: str) -> dict[str, Any]:
    return {
        "model": model,
        "temperature": 0,
        "max_tokens": 120,
        "messages": [
            {"role": "system", "content": _INSTRUCTION},
            {"role": "user", "content": transcription},
        ],
    }
