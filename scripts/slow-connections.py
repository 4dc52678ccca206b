#!/usr/bin/env python3
"""Slow connections against a running gateway: many peers each begin a message or a handshake and go on octet by octet,
while a caller at another address goes on calling. Says when the last of them was cut and how the calls went.

    scripts/slow-connections.py --tcp 127.0.0.1:5060 --tls 127.0.0.1:5061 --ws 127.0.0.1:5080 --caller 127.0.0.2

The caller must be a trunk of the gateway, the slow peers (127.0.0.3) must not. Ends with 1 when a call failed or a
slow connection lived for longer than 30 seconds.
"""
import argparse
import asyncio
import itertools
import time

BEGINNINGS = {
    "tcp": b"OPTIONS sip:a SIP/2.0\r\nX: ",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "ws": b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
}


def place(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


async def slow(at, text, source, began):
    """How long one connection lived, in seconds."""
    try:
        reader, writer = await asyncio.open_connection(*at, local_addr=(source, 0))
    except OSError:
        return time.monotonic() - began

    async def trickle():
        for octet in text + b"x" * 10_000:
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(2)

    async def closed():
        while await reader.read(512):
            pass

    tasks = [asyncio.create_task(trickle()), asyncio.create_task(closed())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    lived = time.monotonic() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    writer.close()
    return lived


async def call(at, source, number):
    """One call from INVITE to BYE; how long its answer took, or None when it failed."""
    began = time.monotonic()
    try:
        reader, writer = await asyncio.open_connection(*at, local_addr=(source, 0))
        here = "%s:%d" % writer.get_extra_info("sockname")
        sdp = f"v=0\r\no=a 1 1 IN IP4 {source}\r\ns=-\r\nc=IN IP4 {source}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"

        async def ask(method, cseq, tag, body=""):
            kind = "Content-Type: application/sdp\r\n" if body else ""
            writer.write((
                f"{method} sip:{number}@{at[0]} SIP/2.0\r\nVia: SIP/2.0/TCP {here};branch=z9hG4bK{method}{cseq}\r\n"
                f"From: <sip:13812341234@{here}>;tag=a\r\nTo: <sip:{number}@{at[0]}>{tag}\r\nCall-ID: c@{here}\r\n"
                f"CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@{here};transport=tcp>\r\n{kind}"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
            await writer.drain()

        async def final():
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                await reader.readexactly(int(fields["Content-Length"]))
                status = int(head.split(" ")[1])
                if status >= 200:
                    return status, fields

        async def whole():
            await ask("INVITE", 1, "", sdp)
            status, fields = await final()
            took = time.monotonic() - began
            if status != 200:
                return None
            tag = ";tag=" + fields["To"].split(";tag=")[1]
            await ask("ACK", 1, tag)
            await ask("BYE", 2, tag)
            status, _ = await final()
            return took if status == 200 else None

        took = await asyncio.wait_for(whole(), 10)
        writer.close()
        return took
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        return None


def turns(kinds, sources, count):
    """Every kind from every source in turn."""
    pairs = itertools.cycle((kind, source) for source in sources for kind in kinds)
    return itertools.islice(pairs, count)


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tcp", type=place, required=True)
    parser.add_argument("--tls", type=place)
    parser.add_argument("--ws", type=place)
    parser.add_argument("--caller", default="127.0.0.2", help="where the good caller stands: a trunk")
    parser.add_argument("--slow", default="127.0.0.3", help="where the slow peers stand, by commas: unknown sources")
    parser.add_argument("--number", default="12345", help="what the caller dials")
    parser.add_argument("--connections", type=int, default=300)
    args = parser.parse_args()

    sources = args.slow.split(",")
    kinds = [kind for kind in BEGINNINGS if getattr(args, kind)]
    began = time.monotonic()
    peers = [
        asyncio.create_task(slow(getattr(args, kind), BEGINNINGS[kind], source, began))
        for kind, source in turns(kinds, sources, args.connections)
    ]
    calls = []
    while not all(peer.done() for peer in peers):
        calls.append(await call(args.tcp, args.caller, args.number))
        await asyncio.sleep(0.2)
    lived = sorted(peer.result() for peer in peers)
    at_once = sum(1 for t in lived if t < 2)
    good = [took for took in calls if took is not None]
    print(f"{len(lived)} slow connections: {at_once} refused within 2 s, the last cut after {lived[-1]:.1f} s")
    slowest = max(good, default=0) * 1000
    print(f"{len(good)} of {len(calls)} calls meanwhile went through; the slowest answer took {slowest:.0f} ms")
    return 0 if lived[-1] <= 30 and len(good) == len(calls) and good else 1


raise SystemExit(asyncio.run(main()))
