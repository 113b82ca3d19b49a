"""Clients that ask once, and then keep their connection without using it."""

import asyncio
import dataclasses

from load import RequestsFailed
from measure import usage
from outcome import Sample

REQUEST = b"GET /100B HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclasses.dataclass(frozen=True)
class Idle:
    held: int = 3000
    idle_seconds: int = 12
    # How many ask at the same time.
    connections: int = 64

    def measure(self, pid: int, port: int, _seconds: int) -> Sample:
        """What the proxy with this process id needs for each of the connections."""
        return asyncio.run(self.hold(pid, port))

    async def hold(self, pid: int, port: int) -> Sample:
        # The same in small goes first, for memory that is needed once.
        for client in await self.ask(port, self.connections):
            client.close()
        before = usage(pid)
        clients = await self.ask(port, self.held)
        await asyncio.sleep(self.idle_seconds)
        after = usage(pid)
        lost = sum(client.is_lost() for client in clients)
        for client in clients:
            client.close()
        if lost:
            raise RequestsFailed(f"{lost} idle connections were closed")
        return {"each": (after.resident - before.resident) / self.held, "peak": after.peak_resident}

    async def ask(self, port: int, clients: int) -> list["Client"]:
        free = asyncio.Semaphore(self.connections)

        async def one() -> Client:
            async with free:
                return await Client.ask(port)

        return await asyncio.gather(*(one() for _ in range(clients)))


@dataclasses.dataclass(frozen=True)
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def ask(cls, port: int) -> "Client":
        """Connects, asks, and has the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            status, _, fields = head.partition(b"\r\n")
            length = fields.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        except (asyncio.IncompleteReadError, ValueError) as error:
            raise RequestsFailed(f"an answer was cut or has no length: {error}") from error
        if b" 200 " not in status:
            raise RequestsFailed(status.decode())
        return cls(reader, writer)

    def is_lost(self) -> bool:
        return self.reader.at_eof() or self.reader.exception() is not None

    def close(self) -> None:
        self.writer.close()
