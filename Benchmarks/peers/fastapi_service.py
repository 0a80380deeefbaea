"""The service's two endpoints as they are usually written with FastAPI and SQLite.

`DATABASE` is the file. `MODE` is `sync` (functions in a thread pool, a connection each) or `async` (one aiosqlite
connection). Both: WAL, synchronous=FULL, a committed transaction before each POST is answered.
"""

import os
import sqlite3
import threading
import time
import uuid
from contextlib import asynccontextmanager

import aiosqlite
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

DATABASE = os.environ["DATABASE"]
INSERT = "INSERT INTO tasks (id, goal, repo_url, status, created, updated) VALUES (?, ?, ?, 'QUEUED', ?, ?)"
SELECT = "SELECT id, goal, repo_url, status, created, updated FROM tasks WHERE id = ?"
COLUMNS = ("id", "goal", "repo_url", "status", "created", "updated")
local = threading.local()


class TaskRequest(BaseModel):
    goal: str = Field(min_length=1, max_length=100_000)
    repo_url: str


class TaskBody(BaseModel):
    id: str
    goal: str
    repo_url: str
    status: str
    created: float
    updated: float


def connection() -> sqlite3.Connection:
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(DATABASE, timeout=30, isolation_level=None)
        local.connection.execute("PRAGMA journal_mode = WAL")
        local.connection.execute("PRAGMA synchronous = FULL")
    return local.connection


@asynccontextmanager
async def lifespan(app: FastAPI):
    connection().execute(
        "CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, goal TEXT NOT NULL, repo_url TEXT NOT NULL, "
        "status TEXT NOT NULL, created REAL, updated REAL)")
    async with aiosqlite.connect(DATABASE, isolation_level=None) as app.state.connection:
        await app.state.connection.execute("PRAGMA synchronous = FULL")
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/healthz")
async def health():
    return {"status": "ok"}


def row_of(task: TaskRequest) -> tuple:
    now = time.time()
    return str(uuid.uuid4()), task.goal, task.repo_url, now, now


def body_of(row: tuple | None) -> dict:
    if row is None:
        raise HTTPException(404, "no such task")
    return dict(zip(COLUMNS, row))


if os.environ["MODE"] == "sync":

    @app.post("/agent/tasks", status_code=202)
    def submit(task: TaskRequest):
        row = row_of(task)
        connection().execute(INSERT, row)
        return {"task_id": row[0]}

    @app.get("/agent/tasks/{id}", response_model=TaskBody)
    def show(id: uuid.UUID):
        return body_of(connection().execute(SELECT, (str(id),)).fetchone())

else:

    @app.post("/agent/tasks", status_code=202)
    async def submit(task: TaskRequest):
        row = row_of(task)
        await app.state.connection.execute(INSERT, row)
        return {"task_id": row[0]}

    @app.get("/agent/tasks/{id}", response_model=TaskBody)
    async def show(id: uuid.UUID):
        async with app.state.connection.execute(SELECT, (str(id),)) as rows:
            return body_of(await rows.fetchone())
