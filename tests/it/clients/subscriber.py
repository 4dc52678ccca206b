"""A backend as others would write it: stubs made from proto/, a named subscription, every event noted before it is
acked. The events are noted as the bytes that came, so that repeats can be compared byte by byte.

  subscriber.py STUBS ADDRESS TOKEN NAME START LOG   (START: earliest or resume)

Ends by being killed; with status 2 and the gRPC code on stdout when it is turned away for good.
"""

import os
import queue
import sys
import time

stubs, address, token, name, start, log_path = sys.argv[1:7]
sys.path.insert(0, stubs)

import grpc  # noqa: E402
from hotline.v1 import call_event_service_pb2 as api  # noqa: E402
from hotline.v1 import event_pb2  # noqa: E402

# Every so many events an ack: what came after the last one comes again after a cut.
ACK_EVERY = 25

log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def note(*words):
    """One line, on its way to the disk when this returns: a kill does not take it back."""
    os.write(log, (" ".join(str(w) for w in words) + "\n").encode())


def varint(buffer, at):
    value = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(buffer):
    """The length-delimited fields of a message as they came: number and bytes."""
    at = 0
    while at < len(buffer):
        key, at = varint(buffer, at)
        if key & 7 == 2:
            length, at = varint(buffer, at)
            yield key >> 3, buffer[at : at + length]
            at += length
        elif key & 7 == 0:
            _, at = varint(buffer, at)
        else:
            raise ValueError(f"wire type {key & 7}")


def raw_events(frame):
    """The events of a SubscribeResponse, each as its own bytes."""
    for number, batch in fields(frame):
        if number == api.SubscribeResponse.BATCH_FIELD_NUMBER:
            for inner, event in fields(batch):
                if inner == api.EventBatch.EVENTS_FIELD_NUMBER:
                    yield event


def subscribe(channel, start):
    said = queue.Queue()
    first = api.SubscribeRequest()
    first.start.subscription = name
    first.start.consumer_id = "ticketing"
    getattr(first.start.position, start).SetInParent()
    said.put(first)
    call = channel.stream_stream(
        "/hotline.v1.CallEventService/Subscribe",
        request_serializer=api.SubscribeRequest.SerializeToString,
        response_deserializer=None,
    )
    frames = call(iter(said.get, None), metadata=[("authorization", f"Bearer {token}")])
    try:
        read(frames, said)
    finally:
        said.put(None)


def read(frames, said):
    unacked = 0
    for frame in frames:
        response = api.SubscribeResponse.FromString(frame)
        kind = response.WhichOneof("frame")
        if kind == "opened":
            note("opened", response.opened.after.position, response.opened.head.position)
            log_id = response.opened.after.log_id
        elif kind == "gap":
            note("gap", response.gap.from_cursor.position, response.gap.to_cursor.position)
        for raw in raw_events(frame):
            event = event_pb2.CallEvent.FromString(raw)
            assert event.WhichOneof("payload"), "an event without a payload"
            note("event", event.position, event.event_id, raw.hex())
            unacked += 1
            if unacked == ACK_EVERY:
                unacked = 0
                ack = api.SubscribeRequest()
                ack.ack.up_to.log_id = log_id
                ack.ack.up_to.position = event.position
                # Noted before it is sent: no ack can be stored that is not in the log.
                note("ack", event.position)
                said.put(ack)


options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 300)]
with grpc.insecure_channel(address, options=options) as channel:
    while True:
        try:
            subscribe(channel, start)
        except grpc.RpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED):
                print(error.code().name, flush=True)
                sys.exit(2)
        start = "resume"
        time.sleep(0.1)
