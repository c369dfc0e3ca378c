"""A local stand-in for S3 and DynamoDB, where clients put what they encrypted. Keys never come from here."""

import pathlib
import select
import subprocess
import sys

READY = "the store is ready at "
START_SECONDS = 60
STOP_SECONDS = 30


class Store:
    """moto's server in a process of its own: importing moto here would put its hooks into the clients under test."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        readable, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline().decode() if readable else ""
        if not line.startswith(READY):
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"the store did not become ready: {line!r}")
        self.endpoint = line.removeprefix(READY).strip()

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def serve_until_stdin_ends() -> None:
    from moto import server

    threads = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threads.start()
    print("%shttp://%s:%d" % (READY, *threads.get_host_and_port()), flush=True)
    sys.stdin.buffer.read()
    threads.stop()


if __name__ == "__main__":
    serve_until_stdin_ends()
