"""Kinds of tasks that misbehave, for the worker's tests."""

import time

from coop.worker import Kind


def hang() -> Kind:
    """Never done."""
    return Kind(load=lambda _session, _arguments: None, work=lambda _: time.sleep(60), store=lambda *_: None)


def fail() -> Kind:
    """Always an error."""

    def work(_loaded: object) -> None:
        raise ValueError("no paper left")

    return Kind(load=lambda _session, _arguments: None, work=work, store=lambda *_: None)


def greedy() -> Kind:
    """Wants eight gigabytes."""
    return Kind(load=lambda _session, _arguments: None, work=lambda _: bytearray(8 * 1024**3), store=lambda *_: None)
