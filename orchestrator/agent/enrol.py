"""Joins a machine to a co-op: checks whom it talks to before it uses the code, and pins the co-op's trust roots."""

from pathlib import Path

from coop.core.errors import Invalid, Tampered
from orchestrator.agent.home import AgentHome, Enrolled
from orchestrator.agent.inventory import take_inventory
from orchestrator.agent.portal import ask
from orchestrator.rules import roots
from orchestrator.rules.names import require_node_name


def enrol(home: Path, portal_url: str, code: str) -> Enrolled:
    """Enrol this machine with a one-time code `SECRET.FINGERPRINT`. Its key is made here and its seed stays here.

    Raises Invalid for a code that is none, Tampered when the address answers for another co-op, Conflict with the
    portal's words when it refuses, Unavailable when it does not answer. Only a successful call uses the code up.
    """
    secret, point, fingerprint = code.strip().partition(".")
    if not (secret and point and len(fingerprint) == roots.FINGERPRINT_HEX):
        raise Invalid("enrolment.bad_code")
    portal_url = portal_url.rstrip("/")
    trusted = ask(f"{portal_url}/api/enrolments")["trust_roots"]
    if roots.fingerprint(trusted) != fingerprint.lower():
        raise Tampered("enrolment.wrong_roots")
    known = roots.read(trusted)
    folder = AgentHome(home)
    body = {"code": secret, "public_key": folder.identity().public_key, "inventory": take_inventory()}
    answer = ask(f"{portal_url}/api/enrolments", body=body)
    enrolled = Enrolled(
        name=require_node_name(str(answer["node"])),
        portal_url=portal_url,
        instance=known.coop,
        policy_keys=known.policy_keys,
        nats_url=str(answer["nats_url"]),
        fingerprint=fingerprint.lower(),
    )
    folder.save(enrolled)
    return enrolled
