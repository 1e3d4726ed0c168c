"""What the system tests share: a node as a real process, and public clients as programs."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
OTTLA = os.environ.get("OTTLA", str(HERE.parent.parent / "build/release/ottla"))
CACHE = pathlib.Path(os.environ.get("OTTLA_TEST_CACHE", pathlib.Path.home() / ".cache/ottla-tests"))
ALL = os.environ.get("OTTLA_ALL") == "1"


class Missing(Exception):
    """Something that the test needs is not on this machine."""


def main(function):
    """Runs a test as a program: exit code 0, 1 or, when something it needs is missing, 77."""
    try:
        function()
    except Missing as missing:
        print(missing)
        sys.exit(77)


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed")


def free_ports(count):
    """Ports that were free a moment ago; below the range that outgoing connections take theirs from."""
    sockets = []
    port = 12000 + os.getpid() * 37 % 18000
    while len(sockets) < count:
        one = socket.socket()
        try:
            one.bind(("127.0.0.1", port))
            sockets.append(one)
        except OSError:
            one.close()
        port = port + 1 if port < 32000 else 12000
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextlib.contextmanager
def scratch():
    """A folder that goes away when the test passes and stays when it fails."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ottla-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Node:
    """One ottla process. Its data, log and ports outlive a stop, so that start() is a restart."""

    def __init__(self, folder, settings=None, wrapper=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.controller_port = free_ports(2)
        self.settings = {
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            **(settings or {}),
        }
        self.wrapper = list(wrapper)
        self.process = None

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    @property
    def log_path(self):
        return self.folder / "node.log"

    def start(self, wait=True):
        command = self.wrapper + [OTTLA, "start", "--data", str(self.folder / "data")]
        for name, value in self.settings.items():
            command += ["-o", f"{name}={value}"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self.log_path, "ab"))
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the node ended with {self.process.returncode}:\n{self.log_tail()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.01)
        raise AssertionError(f"the node does not listen after {seconds} s:\n{self.log_tail()}")

    def stop(self, which=signal.SIGTERM, seconds=30):
        self.process.send_signal(which)
        code = self.process.wait(seconds)
        if which == signal.SIGTERM and code != 0:
            raise AssertionError(f"SIGTERM ended the node with {code}:\n{self.log_tail()}")
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log_tail(self, lines=40):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, _value, _trace):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        if kind is not None:
            print(f"--- the node's log ({self.log_path})\n{self.log_tail()}")


def run(command, seconds=120, **more):
    """The command's standard output; an AssertionError with all it said when it fails."""
    done = subprocess.run([str(part) for part in command], stdin=more.pop("stdin", subprocess.DEVNULL),
                          capture_output=True, text=True, timeout=seconds, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def prepared(name, make):
    """A folder below the cache, made once by make(folder); its name holds what it depends on."""
    folder = CACHE / name
    if not (folder / ".done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        (folder / ".done").touch()
    return folder
