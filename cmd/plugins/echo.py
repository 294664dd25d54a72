#!/usr/bin/env python3
"""The service echo in Python, with nothing but its standard library: a plugin for Go's server and for ours.

A plugin prints the path of a Unix socket and answers HTTP there: POST /parameters with a map from text to text, POST
/request, a map {ID, Payload, HasSURB}, with a map {Payload}, all in CBOR (wire facts 8.2).
"""
import os
import signal
import socketserver
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler


def encode_bytes(data):
    """A CBOR byte string."""
    n = len(data)
    if n < 24:
        return bytes([0x40 | n]) + data
    for code, size in ((0x58, 1), (0x59, 2), (0x5A, 4)):
        if n < 1 << (8 * size):
            return bytes([code]) + n.to_bytes(size, "big") + data
    raise ValueError("too long")


def decode(data, at=0):
    """One CBOR item of those that requests are made of, and where it ends."""
    kind, info = data[at] >> 5, data[at] & 31
    at += 1
    if kind == 7:
        return {20: False, 21: True, 22: None}[info], at
    n = info
    if info >= 24:
        size = {24: 1, 25: 2, 26: 4, 27: 8}[info]
        n, at = int.from_bytes(data[at : at + size], "big"), at + size
    if kind == 0:
        return n, at
    if kind in (2, 3):
        item, at = data[at : at + n], at + n
        if len(item) < n:
            raise ValueError("truncated")
        return (item if kind == 2 else item.decode()), at
    if kind == 5:
        fields = {}
        for _ in range(n):
            key, at = decode(data, at)
            fields[key], at = decode(data, at)
        return fields, at
    raise ValueError("unexpected type")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = 200, b"\xa0"
        if self.path == "/request":
            try:
                request, _ = decode(body)
                answer = b"\xa1\x67Payload" + encode_bytes(request["Payload"])
            except (ValueError, KeyError, IndexError):
                status, answer = 400, b""
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def address_string(self):
        return "provider"

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    path = os.path.join(tempfile.gettempdir(), f"{os.getpid()}.echo.socket")
    server = Server(path, Handler)
    os.chmod(path, 0o600)

    def stop(*_):
        os.unlink(path)
        os._exit(0)

    def watch(parent):
        while os.getppid() == parent:
            time.sleep(1)
        stop()

    signal.signal(signal.SIGHUP, stop)
    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()
    print(path, flush=True)
    server.serve_forever()


main()
