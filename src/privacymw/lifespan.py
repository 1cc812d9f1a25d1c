"""What ASGI asks of a face besides requests: the lifespan of the process, and what may block."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar, TypeVarTuple

from privacymw.pipeline import Pipeline

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def in_thread(function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
    """Runs what may block beside the event loop, asyncio's or trio's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import trio

        answer: _Result = await trio.to_thread.run_sync(function, *arguments)
        return answer
    return await asyncio.to_thread(function, *arguments)


async def others_first() -> None:
    """Lets the event loop, asyncio's or trio's, do what else is waiting."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import trio

        await trio.lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


class Lifespan:
    """Passes lifespan through, answers it where the app knows none, and flushes at shutdown."""

    def __init__(self, app: App, pipeline: Pipeline, scope: Scope, receive: Receive, send: Send) -> None:
        self.app = app
        self.pipeline = pipeline
        self.scope = scope
        self.server_receive = receive
        self.server_send = send
        self.heard = False

    async def run(self) -> None:
        """Ends when the server has shut down."""
        try:
            await self.app(self.scope, self._receive, self._send)
        except Exception:
            if self.heard:  # the app does know lifespan, and failed in it: the server must see that
                raise
        if not self.heard:
            await self._answer()

    async def _receive(self) -> Message:
        self.heard = True
        return await self.server_receive()

    async def _send(self, message: Message) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            await in_thread(self.pipeline.close)
        await self.server_send(message)

    async def _answer(self) -> None:
        while True:
            message = await self.server_receive()
            if message["type"] == "lifespan.startup":
                await self.server_send({"type": "lifespan.startup.complete"})
            else:
                await self._send({"type": "lifespan.shutdown.complete"})
                return
