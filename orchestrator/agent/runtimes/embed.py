"""The embed runtime: wordllama in a process of its own, real vectors of 256 dimensions with no download.

Reads {"inputs": [...]} frames from stdin, answers {"vectors", "tokens", "dimensions"}; ends with its parent.
"""

import base64
import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

from orchestrator.agent.runtimes.frames import pack, read_blocking

MODEL = "wordllama-256"
DIMENSIONS = 256
BATCH_TOKENS_MAX = 16_384  # padded tokens of one batch: 16 MB of vectors before they are pooled
LEAST_NORM = 1e-12  # a text of no tokens has the zero vector, not NaN
PR_SET_PDEATHSIG = 1  # prctl(2)


def load() -> Any:
    """Load the model from its package's own folder; it never looks for anything on a network."""
    import wordllama

    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)


def count_tokens(model: Any, inputs: list[str]) -> list[int]:
    """Return the tokens of each input, as they are paid."""
    return [sum(encoding.attention_mask) for text in inputs for encoding in model.tokenize([text])]


def embed(model: Any, inputs: list[str]) -> dict[str, Any]:
    """Return vectors (base64 of little-endian float32) in the order of the inputs, and the tokens in all of them.

    Inputs of like length are batched together, since a batch is padded to its longest.
    """
    counts = count_tokens(model, inputs)
    vectors = [""] * len(inputs)
    for batch in _batches(counts):
        found = model.embed([inputs[index] for index in batch])
        for index, vector in zip(batch, found, strict=True):
            vector /= max(float((vector**2).sum() ** 0.5), LEAST_NORM)
            vectors[index] = base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return {"vectors": vectors, "tokens": sum(counts), "dimensions": DIMENSIONS}


def _batches(counts: list[int]) -> list[list[int]]:
    batches: list[list[int]] = []
    for index in sorted(range(len(counts)), key=lambda index: counts[index]):
        size = max(counts[index], 1)
        if batches and (len(batches[-1]) + 1) * size <= BATCH_TOKENS_MAX:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def main() -> None:
    """Serve until stdin ends."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Frames go out by a descriptor of their own, so that nothing a library prints can fall between them.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    model = load()
    out.write(pack({"ready": MODEL}))
    out.flush()
    while (asked := read_blocking(sys.stdin.buffer)) is not None:
        out.write(pack(embed(model, asked["inputs"])))
        out.flush()


if __name__ == "__main__":
    main()
