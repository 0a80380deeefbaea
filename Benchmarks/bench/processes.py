"""Processes and loopback requests."""

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Finished:
    """How a program ended, and what it took."""

    code: int
    seconds: float
    """Most resident memory of its largest process."""
    peak_mib: float
    output: str


def measure(command: list, environment: dict, directory: Path, log: Path, timeout: float = 600) -> Finished:
    """Runs a program to its end."""
    with open(log, "ab") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command], env=environment, cwd=directory, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=errors)
        try:
            deadline = start + timeout
            chunks = []
            while True:
                if not select.select([process.stdout], [], [], max(0, deadline - time.perf_counter()))[0]:
                    raise TimeoutError(f"{command[0]} did not end within {timeout} s; see {log}")
                if not (chunk := os.read(process.stdout.fileno(), 1 << 16)):
                    break
                chunks.append(chunk)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            return Finished(process.returncode, time.perf_counter() - start, usage.ru_maxrss / 1024,
                            b"".join(chunks).decode())
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()


@contextlib.contextmanager
def running(command: list, environment: dict, directory: Path, log: Path, **options):
    """Has a program running beside the body; it is asked to end, and killed where it does not."""
    with open(log, "ab") as errors:
        process = subprocess.Popen(
            [str(word) for word in command], env=environment, cwd=directory, stdin=subprocess.DEVNULL,
            **{"stdout": errors, "stderr": errors} | options)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()


def peak_mib(process: subprocess.Popen) -> float:
    """Most resident memory that a running process has had."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {process.pid} is gone")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """Requests with JSON over one connection."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def __call__(self, method: str, path: str, body: dict | None = None) -> dict:
        text = json.dumps(body) if body is not None else None
        self.connection.request(method, path, text, {"content-type": "application/json"})
        response = self.connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {answer.decode()[:500]}")
        return json.loads(answer)


def seconds_to_first_answer(port: int, path: str, since: float, process: subprocess.Popen) -> float:
    """Asks again and again until there is an answer 200."""
    while time.perf_counter() - since < 60:
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with code {process.returncode}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return time.perf_counter() - since
        except OSError:
            time.sleep(0.0005)
        finally:
            connection.close()
    raise TimeoutError("the service did not answer within 60 s")
