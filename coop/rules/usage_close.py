"""What of an account's nano-units is posted at a period's close: whole minor units; the rest is carried, never lost."""

from dataclasses import dataclass

from coop.core.money import nano_per_minor, whole_minor


@dataclass(frozen=True)
class ClosedAccount:
    """One account of one side. brought_nano + used_nano = posted_minor in nano-units + carried_nano, exactly."""

    brought_nano: int
    used_nano: int
    posted_minor: int
    carried_nano: int


def close_account(
    *, used_before_nano: int, posted_before_minor: int, used_total_nano: int, currency: str
) -> ClosedAccount:
    """Post an account.

    used_total_nano: all use recorded up to the period's end, also late receipts of periods that are closed already.
    used_before_nano, posted_before_minor: what the earlier periods summed and posted. The difference of all use and
    what they summed is this period's use, so no receipt counts twice and none is forgotten.
    """
    brought_nano = used_before_nano - posted_before_minor * nano_per_minor(currency)
    used_nano = used_total_nano - used_before_nano
    assert min(brought_nano, used_nano) >= 0, "usage only ever grows"
    posted_minor, carried_nano = whole_minor(brought_nano + used_nano, currency)
    return ClosedAccount(brought_nano, used_nano, posted_minor, carried_nano)
