"""Cells of an exported table that a spreadsheet must not take for a formula."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def safe_cell(text: str) -> str:
    """Return text for a CSV cell; a leading apostrophe disarms whatever a spreadsheet would run. Source: OWASP."""
    cleaned = text.replace("\x00", "")
    return f"'{cleaned}" if cleaned.lstrip(" \u00a0").startswith(FORMULA_STARTS) else cleaned
