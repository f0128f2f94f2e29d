"""The only code that speaks NATS: connect for good, ask, answer, announce. Every wait and queue is bounded.

Delivery is at least once and may fail at any time: what must arrive is asked again by its sender until it is answered.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from coop.core.errors import CoopError, Unavailable
from orchestrator.messages import Message, Refusal
from orchestrator.subjects import inbox_prefix, sender_of

log = structlog.get_logger()

RECONNECT_WAIT_S = 0.2
CONNECT_TIMEOUT_S = 2
CONNECTION_WAIT_S = 1.0  # how long a request waits for a lost connection before it gives up
REQUEST_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
CONCURRENCY = 16
QUEUE_MAX = 256

Asked = TypeVar("Asked", bound=Message)
Answer = TypeVar("Answer", bound=Message)
Handler = Callable[[str, Asked], Awaitable[Message | None]]
RawHandler = Callable[[Msg], Awaitable[None]]


def _error_classes() -> dict[str, type[CoopError]]:
    found: dict[str, type[CoopError]] = {}
    waiting: list[type[CoopError]] = [CoopError]
    while waiting:
        current = waiting.pop()
        found[current.__name__] = current
        waiting.extend(current.__subclasses__())
    return found


ERRORS = _error_classes()


def refusal_of(error: CoopError) -> Refusal:
    """Return the answer that carries an error to the asker."""
    return Refusal(error=type(error).__name__, code=error.code, values=error.values)


def error_of(refusal: Refusal) -> CoopError:
    """Return the error that a refusal carries; a class this side does not know becomes CoopError."""
    error = ERRORS.get(refusal.error, CoopError)(refusal.code)
    error.values.update(refusal.values)
    return error


def read_answer(data: bytes, answer: type[Answer]) -> Answer:
    """Read an answer. Raises the error of a refusal, Invalid for anything unreadable."""
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if isinstance(document, dict) and document.get("ok") is False:
        raise error_of(Refusal.decode(data))
    return answer.decode(data)


class Bus:
    """One party's connection. It is kept for good: lost, refused or expired, it is made again with all subscriptions.

    The credentials file is read at every connection, so a renewed one counts from then on.
    """

    def __init__(self, *, url: str, credentials: Path, name: str) -> None:
        self.url, self.credentials, self.name = url, credentials, name
        self.on_connected: list[Callable[[], Awaitable[None]]] = []
        self._client: Client | None = None
        self._connected = asyncio.Event()
        self._closed = asyncio.Event()
        self._stopping = False
        self._subscriptions: list[tuple[str, RawHandler]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def connect(cls, *, url: str, credentials: Path, name: str, timeout_s: float | None = None) -> "Bus":
        """Return a bus that keeps connecting. With `timeout_s` the first connection is awaited. Raises Unavailable."""
        bus = cls(url=url, credentials=credentials, name=name)
        bus.start()
        if timeout_s is not None:
            try:
                await bus.wait_connected(timeout_s)
            except Unavailable:
                await bus.close()
                raise
        return bus

    @property
    def is_connected(self) -> bool:
        """Say whether the connection stands now."""
        return self._client is not None and self._client.is_connected

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._spawn(self._keep())

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait for the connection. Raises Unavailable."""
        try:
            await asyncio.wait_for(self._connected.wait(), timeout_s)
        except TimeoutError as error:
            raise Unavailable("bus.no_connection") from error

    async def request(
        self, subject: str, message: Message, answer: type[Answer], timeout: float = REQUEST_TIMEOUT_S
    ) -> Answer:
        """Ask and return the answer. Raises the error of a refusal; Unavailable when nobody answered in time.

        After `bus.timeout` and `bus.lost` nobody knows whether the other side acted.
        """
        await self.wait_connected(min(timeout, CONNECTION_WAIT_S))
        assert self._client is not None
        try:
            reply = await self._ask(self._client, subject, message.encode(), timeout)
        except nats.errors.NoRespondersError as error:
            raise Unavailable("bus.no_responder", subject=subject) from error
        except (nats.errors.TimeoutError, TimeoutError) as error:
            raise Unavailable("bus.timeout", subject=subject, seconds=int(timeout)) from error
        except nats.errors.Error as error:
            raise Unavailable("bus.no_connection") from error
        return read_answer(reply.data, answer)

    async def request_raw(self, subject: str, data: bytes, timeout: float = REQUEST_TIMEOUT_S) -> bytes:
        """Ask something that is not ours, such as the server's own services. Raises Unavailable."""
        await self.wait_connected(min(timeout, CONNECTION_WAIT_S))
        assert self._client is not None
        try:
            return bytes((await self._ask(self._client, subject, data, timeout)).data)
        except (nats.errors.Error, TimeoutError) as error:
            raise Unavailable("bus.timeout", subject=subject, seconds=int(timeout)) from error

    async def _ask(self, client: Client, subject: str, data: bytes, timeout: float) -> Msg:
        """Ask by one connection. The answer can come by no other, so when it is lost nobody waits for it any longer."""
        asked = asyncio.ensure_future(client.request(subject, data, timeout=timeout))
        lost = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({asked, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise Unavailable("bus.lost", subject=subject)
            return asked.result()
        finally:
            for task in (asked, lost):
                task.cancel()
            await asyncio.gather(asked, lost, return_exceptions=True)

    async def publish(self, subject: str, message: Message) -> None:
        """Say something without waiting for an answer. Raises Unavailable when it cannot be sent now."""
        if not self.is_connected:
            raise Unavailable("bus.no_connection")
        assert self._client is not None
        try:
            await self._client.publish(subject, message.encode())
            await self._client.flush(timeout=CONNECT_TIMEOUT_S)
        except (nats.errors.Error, TimeoutError) as error:
            raise Unavailable("bus.no_connection") from error

    async def subscribe(self, subject: str, handler: Handler[Asked], message: type[Asked]) -> None:
        """Hear announcements, one after the other; what the handler returns is dropped."""
        await self.serve(subject, handler, message, concurrency=1)

    async def serve(
        self,
        subject: str,
        handler: Handler[Asked],
        message: type[Asked],
        *,
        concurrency: int = CONCURRENCY,
        queue_max: int = QUEUE_MAX,
    ) -> None:
        """Answer a subject. `handler(last token of the subject, message)` returns the answer, or None for no answer.

        A full queue is answered with the refusal `bus.busy`. May be called before the connection stands.
        """
        queue: asyncio.Queue[Msg] = asyncio.Queue(maxsize=queue_max)

        async def enqueue(incoming: Msg) -> None:
            try:
                queue.put_nowait(incoming)
            except asyncio.QueueFull:
                await self._respond(incoming, refusal_of(Unavailable("bus.busy")))

        async def work() -> None:
            while True:
                incoming = await queue.get()
                await self._handle(incoming, handler, message)

        for _ in range(concurrency):
            self._spawn(work())
        self._subscriptions.append((subject, enqueue))
        if self._client is not None and not self._client.is_closed:
            with contextlib.suppress(nats.errors.Error, TimeoutError):  # the next connection subscribes it again
                await self._client.subscribe(subject, cb=enqueue)
                await self._client.flush(timeout=CONNECT_TIMEOUT_S)

    async def close(self) -> None:
        """End the connection and every worker."""
        self._stopping = True
        self._closed.set()
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(nats.errors.Error, TimeoutError):
                await asyncio.wait_for(client.close(), CLOSE_TIMEOUT_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _handle(self, incoming: Msg, handler: Handler[Asked], message: type[Asked]) -> None:
        answer: Message | None
        try:
            answer = await handler(sender_of(incoming.subject), message.decode(incoming.data))
        except CoopError as error:
            answer = refusal_of(error)
            if not incoming.reply:
                log.warning("message_refused", name=self.name, subject=incoming.subject, error=str(error))
        except Exception:
            log.exception("handler_failed", subject=incoming.subject)
            answer = refusal_of(Unavailable("bus.failed"))
        if answer is not None:
            await self._respond(incoming, answer)

    async def _respond(self, incoming: Msg, answer: Message) -> None:
        if not incoming.reply:
            return
        try:
            await incoming.respond(answer.encode())
        except (nats.errors.Error, CoopError) as error:  # the asker asks again
            log.warning("answer_lost", subject=incoming.subject, error=str(error))

    async def _keep(self) -> None:
        """Hold a connection until close(), each time a new client with all subscriptions."""
        while not self._stopping:
            self._closed.clear()
            try:
                client = await self._open()
            except (nats.errors.Error, OSError, TimeoutError, ValueError) as error:
                log.info("bus_not_connected", name=self.name, error=type(error).__name__)
                await asyncio.sleep(RECONNECT_WAIT_S)
                continue
            self._client = client
            try:
                for subject, enqueue in self._subscriptions:
                    await client.subscribe(subject, cb=enqueue)
                await client.flush(timeout=CONNECT_TIMEOUT_S)
            except (nats.errors.Error, TimeoutError):
                await client.close()
                continue
            self._note_connected()
            await self._closed.wait()
            self._connected.clear()
            if not self._stopping:
                await asyncio.sleep(RECONNECT_WAIT_S)

    async def _open(self) -> Client:
        client = Client()
        options: dict[str, Any] = {
            "name": self.name,
            "inbox_prefix": inbox_prefix(self.name),
            "user_credentials": str(self.credentials),
            "allow_reconnect": False,  # one place decides: _keep, which also outlives refused credentials
            "reconnect_time_wait": RECONNECT_WAIT_S,  # between tries inside connect(), two seconds by default
            "connect_timeout": CONNECT_TIMEOUT_S,
            "ping_interval": 10,
            "error_cb": self._on_error,
            "disconnected_cb": self._on_disconnected,
            "closed_cb": self._on_closed,
        }
        try:
            await asyncio.wait_for(client.connect(self.url, **options), CONNECT_TIMEOUT_S)
        except BaseException:
            with contextlib.suppress(nats.errors.Error, OSError):
                await client.close()
            raise
        return client

    def _note_connected(self) -> None:
        self._connected.set()
        for callback in self.on_connected:
            self._spawn(self._call(callback))

    async def _call(self, callback: Callable[[], Awaitable[None]]) -> None:
        try:
            await callback()
        except CoopError as error:
            log.warning("on_connected_failed", name=self.name, error=str(error))

    async def _on_disconnected(self) -> None:
        self._connected.clear()

    async def _on_closed(self) -> None:
        self._connected.clear()
        self._closed.set()

    async def _on_error(self, error: Exception) -> None:
        if not self._stopping:
            log.info("bus_error", name=self.name, error=str(error) or type(error).__name__)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
