"""Documents of an approved run: one PDF for the run, one statement per member. Rendered from the frozen content only.

The worker calls `load` and `store` in transactions of its own and `render` between them, so no PDF is made inside one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from coop.core.actor import Actor, Role
from coop.core.clock import from_iso
from coop.core.errors import NotFound, Tampered
from coop.core.ids import new_id
from coop.core.money import EXPONENTS, nano_per_minor
from coop.models.work import StoredDocument
from coop.rules.payouts import minor_of
from coop.services import payouts

PDF = "application/pdf"


@dataclass(frozen=True)
class Line:
    """One line of a statement and what it came from, in minor or nano-units; `step` says which are set."""

    step: str
    amount_minor: int
    part_minor: int = 0
    weight_minor: int = 0
    weight_total_minor: int = 0
    exact_nano: int = 0
    has_spare_cent: bool = False
    receipts: int = 0
    quantity: int = 0
    brought_nano: int = 0
    earned_nano: int = 0
    carried_nano: int = 0


@dataclass(frozen=True)
class Rounding:
    """What an account carries below the smallest coin."""

    side: str
    brought_nano: int
    used_nano: int
    posted_minor: int
    carried_nano: int


@dataclass(frozen=True)
class Statement:
    """One member's statement."""

    number: str
    member_id: str
    member_number: int
    name: str
    address: str
    joined_at: datetime
    amount_minor: int
    lines: tuple[Line, ...]
    rounding: tuple[Rounding, ...]

    def amount_of(self, step: str) -> int | None:
        """Return the amount of a step, None where the member has no such line."""
        return next((line.amount_minor for line in self.lines if line.step == step), None)


@dataclass(frozen=True)
class Result:
    """Where the surplus came from, in minor units, and the rule that shared it."""

    bylaws_version: int
    income_minor: int
    provider_pay_minor: int
    other_cost_minor: int
    surplus_minor: int
    reserve_minor: int
    capital_minor: int
    capital_cap_minor: int
    use_minor: int
    carried_minor: int
    shared_minor: int
    reserve_fraction: tuple[int, int]
    capital_fraction: tuple[int, int]
    cap_fraction: tuple[int, int]
    period_s: int


@dataclass(frozen=True)
class Batch:
    """A run as people read it: everything from the frozen content, plus who signed it."""

    run_id: str
    number: str
    digest: str
    cooperative: str
    legal_name: str
    address: str
    timezone: str
    is_demo: bool
    currency: str
    period: str
    starts_at: datetime
    ends_at: datetime
    prepared_by: str
    prepared_at: datetime
    approved_by: tuple[tuple[str, datetime], ...]
    result: Result
    statements: tuple[Statement, ...]
    total_minor: int

    def total_of(self, step: str) -> int:
        """Return the sum of one step over all members."""
        return sum(statement.amount_of(step) or 0 for statement in self.statements)


@dataclass(frozen=True)
class Rendered:
    """A finished file."""

    name: str
    content: bytes
    member_id: str | None


def _signed(text: object, places: int) -> int:
    assert isinstance(text, str)
    return -minor_of(text[1:], places) if text.startswith("-") else minor_of(text, places)


def _line(line: dict[str, object], places: int, nano: int) -> Line:
    inputs = line["inputs"]
    assert isinstance(inputs, dict)
    step, amount = str(line["step"]), minor_of(line["amount"], places)
    if step == "contribution":
        return Line(
            step,
            amount,
            receipts=inputs["receipts"],
            quantity=int(inputs["quantity"]),
            brought_nano=int(inputs["brought_nano"]),
            earned_nano=int(inputs["earned_nano"]),
            carried_nano=int(inputs["carried_nano"]),
        )
    part, weight, total = (int(inputs[key]) for key in ("part_minor", "weight_minor", "weight_total_minor"))
    return Line(
        step,
        amount,
        part_minor=part,
        weight_minor=weight,
        weight_total_minor=total,
        exact_nano=part * weight * nano // total,
        has_spare_cent=bool(inputs["has_spare_cent"]),
    )


def _statement(row: dict[str, object], places: int, nano: int) -> Statement:
    lines, rounding = row["lines"], row["rounding"]
    assert isinstance(lines, list)
    assert isinstance(rounding, dict)
    number = row["member_number"]
    assert isinstance(number, int)
    order = ("contribution", "capital", "use")
    read = sorted((_line(line, places, nano) for line in lines), key=lambda line: order.index(line.step))
    return Statement(
        number=str(row["statement"]),
        member_id=str(row["member_id"]),
        member_number=number,
        name=str(row["name"]),
        address=str(row["address"]),
        joined_at=from_iso(str(row["joined_at"])),
        amount_minor=minor_of(row["amount"], places),
        lines=tuple(read),
        rounding=tuple(
            Rounding(
                side,
                int(values["brought_nano"]),
                int(values["used_nano"]),
                minor_of(values["posted"], places),
                int(values["carried_nano"]),
            )
            for side, values in sorted(rounding.items())
        ),
    )


def _result(result: dict[str, object], places: int) -> Result:
    detail = result["detail"]
    assert isinstance(detail, dict)
    rule = detail["rule"]
    version = result["bylaws_version"]
    assert isinstance(version, int)

    def fraction(name: str) -> tuple[int, int]:
        return rule[name]["numerator"], rule[name]["denominator"]

    return Result(
        bylaws_version=version,
        income_minor=_signed(result["income"], places),
        provider_pay_minor=_signed(detail["provider_pay_minor"], places),
        other_cost_minor=_signed(detail["other_cost_minor"], places),
        surplus_minor=_signed(result["surplus"], places),
        reserve_minor=_signed(result["reserve"], places),
        capital_minor=_signed(detail["capital_minor"], places),
        capital_cap_minor=_signed(detail["capital_cap_minor"], places),
        use_minor=_signed(detail["use_minor"], places),
        carried_minor=_signed(detail["carried_minor"], places),
        shared_minor=_signed(result["shared"], places),
        reserve_fraction=fraction("reserve"),
        capital_fraction=fraction("capital"),
        cap_fraction=fraction("capital_cap_per_year"),
        period_s=detail["period_s"],
    )


def load(session: Session, run_id: str) -> Batch:
    """Read a run and check it against its hash first. Raises NotFound, Tampered."""
    run = payouts.get(session, run_id)
    payouts.verify(session, run)
    content = run.content
    currency = str(content["currency"])
    places, nano = EXPONENTS[currency], nano_per_minor(currency)
    coop, period, prepared, result, rows = (
        content[key] for key in ("cooperative", "period", "prepared", "result", "rows")
    )
    assert isinstance(coop, dict)
    assert isinstance(period, dict)
    assert isinstance(prepared, dict)
    assert isinstance(result, dict)
    assert isinstance(rows, list)
    return Batch(
        run_id=run.id,
        number=run.number,
        digest=run.content_digest,
        cooperative=coop["name"],
        legal_name=coop["legal_name"],
        address=coop["address"],
        timezone=coop["timezone"],
        is_demo=coop["is_demo"],
        currency=currency,
        period=period["name"],
        starts_at=from_iso(period["starts_at"]),
        ends_at=from_iso(period["ends_at"]),
        prepared_by=prepared["by"],
        prepared_at=from_iso(prepared["at"]),
        approved_by=tuple((name, approval.approved_at) for approval, name in payouts.list_approvals(session, run.id)),
        result=_result(result, places),
        statements=tuple(_statement(row, places, nano) for row in rows),
        total_minor=run.total_minor,
    )


def run_name(number: str) -> str:
    """Return the name of a run's own document."""
    return f"payout-run-{number}.pdf"


def statement_name(number: str) -> str:
    """Return the name of a statement."""
    return f"statement-{number}.pdf"


def render(batch: Batch) -> list[Rendered]:
    """Make all PDFs of a run. Pure: the same batch gives the same bytes."""
    # WeasyPrint takes a third of a second to import; only the worker's child renders.
    from coop.core.templating.formats import Formats
    from coop.core.templating.pdf import Renderer

    renderer = Renderer(Formats(currency=batch.currency, timezone=batch.timezone))
    made = [Rendered(run_name(batch.number), renderer.pdf("payouts/run_pdf.html", batch=batch), None)]
    for statement in batch.statements:
        content = renderer.pdf("payouts/statement_pdf.html", batch=batch, statement=statement)
        made.append(Rendered(statement_name(statement.number), content, statement.member_id))
    return made


def store(session: Session, batch: Batch, rendered: Sequence[Rendered], now: datetime) -> None:
    """Keep the files. Storing the same again changes nothing; other bytes under a known name raise Tampered."""
    for file in rendered:
        checksum = hashlib.sha256(file.content).hexdigest()
        known = session.exec(select(StoredDocument).where(StoredDocument.name == file.name)).first()
        if known is not None and known.sha256 != checksum:
            raise Tampered("payout.tampered", number=batch.number)
        if known is None:
            document = StoredDocument(
                id=new_id(),
                name=file.name,
                media_type=PDF,
                sha256=checksum,
                content=file.content,
                subject_id=batch.run_id,
                member_id=file.member_id,
                created_at=now,
            )
            session.add(document)
    session.flush()


def list_names(session: Session, run_id: str) -> dict[str, str]:
    """Return name -> SHA-256 of the files of a run, empty while they are being made."""
    rows = session.exec(
        select(StoredDocument.name, StoredDocument.sha256)
        .where(StoredDocument.subject_id == run_id)
        .order_by(col(StoredDocument.name))
    )
    return {row[0]: row[1] for row in rows}


def read(session: Session, *, name: str, actor: Actor) -> StoredDocument:
    """Return a file: a statement for its member, everything for treasurer, approver and auditor.

    Raises NotFound for others as for a file that is not made yet; Tampered when the bytes do not match their SHA-256.
    """
    found = session.exec(select(StoredDocument).where(StoredDocument.name == name)).first()
    if found is None:
        raise NotFound("document.not_ready")
    is_own = found.member_id is not None and found.member_id == actor.member_id
    if not is_own and not actor.has_role(Role.TREASURER, Role.APPROVER, Role.AUDITOR):
        raise NotFound("statement.not_found")
    if hashlib.sha256(found.content).hexdigest() != found.sha256:
        raise Tampered("payout.tampered", number=name)
    return found
