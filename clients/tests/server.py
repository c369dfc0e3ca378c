"""A throw-away `strongroom dev` over a folder of its own."""

import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile

READY = "strongroom is ready at "
START_SECONDS = 60
# Names the PKCS#11 module of a second token in a run with one: cargo xtask test --pq.
PQ_MODULE = "STRONGROOM_PQ_MODULE"
STOP_SECONDS = 30


class Server:
    """A running server. It ends with this process, however that dies: it stops when its standard input ends."""

    def __init__(self, binary: str):
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-clients-", dir=memory))
        self.data_dir = self.place / "data"
        self.log = self.place / "log"
        tokens = ("SOFTHSM2_CONF", "KRYOPTIC_CONF")
        environment = {name: value for name, value in os.environ.items() if name not in tokens}
        second = ["--pq-module", os.environ[PQ_MODULE]] if PQ_MODULE in os.environ else []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [binary, "dev", "--listen", "127.0.0.1:0", "--until-stdin-ends", "--data-dir", self.data_dir, *second],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
            )
        self.endpoint = self._wait_until_ready()

    def _wait_until_ready(self) -> str:
        readable, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline().decode() if readable else ""
        if not line.startswith(READY):
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"strongroom did not become ready: {line!r}\n{self.log.read_text()}")
        return line.removeprefix(READY).strip()

    def set_clock(self, seconds: int) -> None:
        """Moves expiry, import tokens and deletion windows by this offset; never the clock of signatures."""
        draft = self.data_dir / "clock.new"
        draft.write_text(f"{seconds}\n")
        draft.rename(self.data_dir / "clock")

    def audit_lines(self) -> list[str]:
        """All lines of the audit log."""
        files = sorted((self.data_dir / "audit").glob("*.jsonl"))
        return [line for path in files for line in path.read_text().splitlines()]

    def stop(self) -> None:
        """Stops everything that was started, and proves it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdin.close()
            self.process.stdout.close()
        left = processes_under(self.data_dir)
        log = self.log.read_text()
        shutil.rmtree(self.place)
        assert status == 0, f"the server ended with {status}:\n{log}"
        assert not left, f"processes are left: {left}"


def processes_under(folder: pathlib.Path) -> list[int]:
    """Ids of processes that work in this folder: the private Postgres does."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                here = pathlib.Path(os.readlink(entry / "cwd"))
            except OSError:
                continue
            if here == folder or folder in here.parents:
                found.append(int(entry.name))
    return found
