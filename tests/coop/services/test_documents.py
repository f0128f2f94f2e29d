"""PDFs of a run: the same bytes each time, amounts as in the books, nothing fetched."""

import hashlib
import io

import pypdf
import pytest

from coop.core.db import Database
from coop.core.errors import NotFound, Tampered
from coop.core.templating.formats import Formats
from coop.core.templating.pdf import FetchDeniedError, PackagedFetcher, environment
from coop.services import documents
from tests import treasury as books
from tests.treasury import CLOSED_AT


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


@pytest.mark.slow
def test_the_same_batch_gives_the_same_bytes_with_every_amount(sqlite: Database) -> None:
    with sqlite.transaction() as session:
        people, run_id = books.prepared(session)
        books.sign(session, run_id, people.finn)
        batch = documents.load(session, run_id)
    first, second = documents.render(batch), documents.render(batch)
    assert [hashlib.sha256(file.content).digest() for file in first] == [
        hashlib.sha256(file.content).digest() for file in second
    ]
    assert [file.name for file in first][:2] == ["payout-run-PR-2026-01.pdf", "statement-2026-01-0001.pdf"]
    run_text = text_of(first[0].content)
    formats = Formats(currency="EUR", timezone="UTC")
    assert formats.money(batch.total_minor) in run_text
    assert "Finn" in run_text
    for statement, file in zip(batch.statements, first[1:], strict=True):
        assert formats.money(statement.amount_minor) in run_text
        page = text_of(file.content)
        assert len(pypdf.PdfReader(io.BytesIO(file.content)).pages) == 1
        assert all(formats.money(line.amount_minor) in page for line in statement.lines)
        assert batch.digest[:16] in page.replace("\n", "")
    assert all(file.content.startswith(b"%PDF-") for file in first)
    with sqlite.transaction() as session:
        documents.store(session, batch, first, CLOSED_AT)
        documents.store(session, batch, second, CLOSED_AT)
        assert len(documents.list_names(session, run_id)) == 6
        own = documents.read(session, name=first[2].name, actor=people.bo)
        assert own.member_id == people.bo.member_id
        for actor, name in ((people.bo, first[1].name), (people.bo, first[0].name), (people.gul, first[2].name)):
            with pytest.raises(NotFound):
                documents.read(session, name=name, actor=actor)
        other = [documents.Rendered(first[0].name, b"%PDF-forged", None)]
        with pytest.raises(Tampered):
            documents.store(session, batch, other, CLOSED_AT)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/x.css",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "data:text/css,a{}",
        "packaged:../pyproject.toml",
        "packaged:/etc/hostname",
        "packaged:nothing.css",
        "ftp://example.org/a",
        "PACKAGED:base.css",
    ],
)
def test_the_fetcher_denies_all_but_packaged_files(address: str) -> None:
    with pytest.raises(FetchDeniedError):
        PackagedFetcher().fetch(address)


def test_the_fetcher_serves_the_packaged_style() -> None:
    assert PackagedFetcher().fetch("packaged:base.css") is not None


def test_a_name_with_markup_stays_text() -> None:
    made = environment(Formats(currency="EUR", timezone="UTC")).from_string("{{ name | e }}")
    assert made.render(name="<img src=x>") == "&lt;img src=x&gt;"
