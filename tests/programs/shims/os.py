# `os.dupterm`, which the unix port lacks: it keeps the stream, and `serve()` is the interpreter's side of it.
from uos import *

stream = None


def dupterm(new):
    global stream
    stream = new


def serve(step):
    """Reads lines from the stream, evaluates each and writes the result, as the interpreter's prompt does."""
    line = b""
    stream.write(b">>> ")
    while True:
        got = stream.read(1)
        if not got:
            step()
        elif got == b"\r":
            try:
                result = repr(eval(line)).encode()
            except Exception as e:
                result = repr(e).encode()
            stream.write(line + b"\r\n" + result + b"\r\n>>> ")
            line = b""
        elif got != b"\n":
            line += got
