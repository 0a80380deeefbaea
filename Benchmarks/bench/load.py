"""HTTP services under the load of wrk."""

import contextlib
import shutil
import subprocess
import time

from bench.processes import Client, free_port, running, seconds_to_first_answer
from bench.workshop import HERE, Workshop, last_line

CONNECTIONS = 64
SECONDS = 5
TASKS = 200


def wrk(shop: Workshop, script: str, url: str, **environment) -> dict:
    """Loads a service with a script from the folder `wrk`."""
    if not shutil.which("wrk"):
        raise RuntimeError("wrk is missing: install it, for example with apt-get install wrk")
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "20s", "-s", script, url]
    variables = shop.our_environment(0) | {name: str(value) for name, value in environment.items()}
    report = last_line(subprocess.run(
        command, cwd=HERE / "wrk", env=variables, check=True, capture_output=True, text=True, timeout=60).stdout)
    if report["failed"]:
        raise RuntimeError(f"{report['failed']} requests of {script} to {url} failed")
    return report


def measure(shop: Workshop, port: int) -> dict:
    """POST and GET of a service with the guide's two endpoints."""
    client = Client(port)
    tasks = shop.root / "tasks.txt"
    body = {"goal": "Fix the failing unit test.", "repo_url": "https://example.com/calc.git"}
    tasks.write_text("\n".join(client("POST", "/agent/tasks", body)["task_id"] for _ in range(TASKS)))
    url = f"http://127.0.0.1:{port}"
    get = wrk(shop, "get.lua", url, TASKS=tasks)
    post = wrk(shop, "post.lua", url + "/agent/tasks")
    return {"post": post["per_second"], "post_p99": post["p99_ms"], "get": get["per_second"], "get_p99": get["p99_ms"]}


@contextlib.contextmanager
def fastapi(shop: Workshop, mode: str):
    """The peer's service on a fresh database; yields its process, its port and the seconds to its first answer."""
    place = shop.directory("fastapi")
    port = free_port()
    command = [
        shop.peer("fastapi", "uvicorn"), "fastapi_service:app", "--app-dir", HERE / "peers", "--port", port,
        "--workers", "1", "--no-access-log",
    ]
    environment = shop.our_environment(0) | {"DATABASE": str(place / "tasks.sqlite"), "MODE": mode}
    since = time.perf_counter()
    with running(command, environment, place, shop.log) as process:
        yield process, port, seconds_to_first_answer(port, "/healthz", since, process)
