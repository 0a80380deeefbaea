"""The places and programs that all figures share."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.processes import Client, running

HERE = Path(__file__).resolve().parent.parent
PACKAGES = {
    "mini": ["mini-swe-agent==2.4.6", "litellm[mcp]==1.106.2"],
    "langgraph": ["langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2"],
    "fastapi": ["fastapi==0.165.0", "uvicorn[standard]==0.54.0", "aiosqlite==0.22.1"],
}


class Workshop:
    """A scratch directory on the disk, our programs, and the peers' virtual environments."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix=".work-", dir=HERE))
        self.log = self.root / "log.txt"
        self.mock_port = 0

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    # Programs

    def swe_agent(self) -> Path:
        """`SWE_AGENT_BIN`, or the release build, made where it is missing."""
        if program := os.environ.get("SWE_AGENT_BIN"):
            return Path(program).resolve()
        program = HERE.parent / ".build/release/swe-agent"
        if not program.exists():
            build = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", "swe-agent"]
            subprocess.run(build, cwd=HERE.parent, check=True, stdout=sys.stderr)
        return program

    def durable_step(self) -> Path:
        """`DURABLE_STEP_BIN`, or the release build of the package beside this."""
        if program := os.environ.get("DURABLE_STEP_BIN"):
            return Path(program).resolve()
        program = HERE / ".build/release/DurableStep"
        if not program.exists():
            build = ["swift", "build", "-c", "release", "--static-swift-stdlib"]
            subprocess.run(build, cwd=HERE, check=True, stdout=sys.stderr)
        return program

    def peer(self, name: str, program: str = "python") -> Path:
        """A program of a peer's virtual environment, which is made where it is missing."""
        place = HERE / f".venv-{name}"
        ready = place / "ready"
        if not ready.exists() or ready.read_text().split() != PACKAGES[name]:
            print(f"Installing {' '.join(PACKAGES[name])}", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
            subprocess.run([place / "bin/pip", "install", "--quiet", *PACKAGES[name]], check=True, stdout=sys.stderr)
            ready.write_text("\n".join(PACKAGES[name]))
        return place / "bin" / program

    # Places

    def directory(self, name: str) -> Path:
        """An empty directory."""
        place = self.root / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return place

    def repository(self, name: str) -> Path:
        """A fresh repository of a few files."""
        place = self.directory(name)
        (place / "calc.py").write_text("def add(a, b):\n    return a - b\n")
        (place / "README.md").write_text("# Calculator\n")
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
        for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-qm", "Begin"]):
            subprocess.run(["git", *words], cwd=place, check=True)
        return place

    # The scripted model

    @contextlib.contextmanager
    def mock_model(self):
        """Has the scripted model answer on `mock_port`."""
        command = [sys.executable, HERE / "mock_model.py"]
        with running(command, dict(os.environ), self.root, self.log, stdout=subprocess.PIPE) as process:
            self.mock_port = int(process.stdout.readline())
            yield

    def forget_gaps(self) -> None:
        Client(self.mock_port)("POST", "/reset")

    def gaps(self) -> list[float]:
        """Milliseconds from each reply of the scripted model to the next request."""
        return Client(self.mock_port)("GET", "/stats")["gaps_ms"]

    # Environments

    def our_environment(self, commands: int, **settings) -> dict:
        """Nothing of the user's own settings; the scripted model that runs so many commands."""
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.root), "LANG": "C.UTF-8",
            "MODEL_NAME": f"openai-compatible/mock-{commands}",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.mock_port}/v1",
            "SWE_AGENT_ALLOW_LOCAL_REPOS": "on", "LOG_LEVEL": "warning",
        } | {name: str(value) for name, value in settings.items()}

    def mini_environment(self) -> dict:
        """mini-swe-agent against the scripted model, without start-up questions and cost look-ups."""
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.root), "LANG": "C.UTF-8", "OPENAI_API_KEY": "none",
            "OPENAI_API_BASE": f"http://127.0.0.1:{self.mock_port}/v1", "NO_PROXY": "127.0.0.1",
            "MSWEA_CONFIGURED": "true", "MSWEA_COST_TRACKING": "ignore_errors", "MSWEA_SILENT_STARTUP": "1",
            "MSWEA_GLOBAL_CONFIG_DIR": str(self.root / "mini"), "MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT": "1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False",
        }


def last_line(output: str) -> dict:
    """The JSON object that a program printed last."""
    return json.loads(output.strip().splitlines()[-1])
