"""Our service with tasks in it."""

import contextlib
import time
from pathlib import Path

from bench.processes import Client, free_port, running, seconds_to_first_answer
from bench.workshop import Workshop


@contextlib.contextmanager
def our_service(shop: Workshop, commands: int = 0, **settings):
    """The service, started on a fresh database; yields its process, its port and the seconds to its first answer."""
    place = shop.directory("service")
    port = free_port()
    environment = shop.our_environment(
        commands, SWE_AGENT_DATA=place / "data", SWE_AGENT_WORKSPACE=place / "workspace", SWE_AGENT_PORT=port,
        **settings)
    since = time.perf_counter()
    with running([shop.swe_agent(), "serve"], environment, place, shop.log) as process:
        yield process, port, seconds_to_first_answer(port, "/healthz", since, process)


def do_tasks(shop: Workshop, count: int, port: int, repository: Path, timeout: float = 300) -> float:
    """Submits tasks of the programmer alone; returns the seconds until the last is COMPLETED."""
    client = Client(port)
    start = time.perf_counter()
    ids = [
        client("POST", "/agent/tasks", {
            "goal": f"Write a note. task-id:{number}", "repo_url": str(repository), "test_command": "true",
            "skip_stages": ["planner", "reviewer"]})["task_id"]
        for number in range(count)
    ]
    for id in ids:
        while (task := client("GET", f"/agent/tasks/{id}"))["status"] in ("QUEUED", "RUNNING"):
            if time.perf_counter() - start > timeout:
                raise TimeoutError(f"task {id} did not end: {task['logs'][-3:]}")
            time.sleep(0.02)
        if task["status"] != "COMPLETED":
            raise RuntimeError(f"task {id} failed: {task['logs'][-3:]}")
    return time.perf_counter() - start
