#!/usr/bin/env python3
"""A scripted model server that answers at once: OpenAI's Chat Completions, streamed or not, on loopback.

The reply depends on the request alone, so any number of tasks can talk at once. The model's name says how many commands
there are: `mock-50` runs `true` fifty times and hands in. A planner, a programmer, a reviewer and a bash-only agent are
told apart by the tools they offer.

    GET /stats     the gaps, in milliseconds, between a reply that asked for a command and the next request of the same
                   conversation: what the harness costs per step. Conversations are told apart by `task-id:…` in the
                   first message and by the tools.
    POST /reset    forgets them.
"""

import argparse
import asyncio
import itertools
import json
import re
import time

HAND_IN = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
# Requests are searched and not parsed: the server shares two cores with what it measures.
TASK = re.compile(rb"task-id:[\w-]+")
MODEL = re.compile(rb'"model"\s*:\s*"([^"]*-(\d+))"')
ASSISTANT = re.compile(rb'"role"\s*:\s*"assistant"')
STREAM = re.compile(rb'"stream"\s*:\s*true')
TOOL = re.compile(rb'"name"\s*:\s*"(submit_plan|submit_review|submit)"\s*,\s*"(?:description|parameters|strict)"'
                  rb'|"function"\s*:\s*\{[^{}]*"name"\s*:\s*"(submit_plan|submit_review|submit)"')

gaps: list[float] = []
waiting: dict[tuple, float] = {}
numbers = itertools.count(1)


def next_call(body: bytes) -> tuple[str, str, dict, bool]:
    """The conversation that a request belongs to, and the tool that is called next."""
    tools = {name.decode() for match in TOOL.findall(body) for name in match if name}
    done = len(ASSISTANT.findall(body))
    commands = int(MODEL.search(body).group(2))
    task = TASK.search(body)
    conversation = (task and task.group(), "submit_plan" in tools, "submit_review" in tools)

    if "submit_plan" in tools:
        return conversation, "submit_plan", {
            "summary": "Nothing to know.", "steps": [{"title": "Write the file", "check": "It is there"}]}, False
    if "submit_review" in tools:
        return conversation, "submit_review", {"approved": True, "findings": []}, False
    if done < commands:
        # An argument that `true` ignores: an agent that repeats itself word for word is rightly broken off.
        return conversation, "bash", {"command": f"true {done}"}, True
    if "submit" not in tools:
        return conversation, "bash", {"command": HAND_IN}, False
    if done == commands:
        return conversation, "write_file", {"path": "note.txt", "content": "A change.\n"}, False
    return conversation, "submit", {"summary": "Wrote a note."}, False


def reply(body: bytes, tool: str, arguments: dict) -> tuple[str, bytes]:
    """Content type and body of the reply that calls a tool."""
    number = next(numbers)
    base = {"id": f"chatcmpl-{number}", "created": int(time.time()), "model": MODEL.search(body).group(1).decode()}
    usage = {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020}
    call = {"id": f"call_{number}", "type": "function",
            "function": {"name": tool, "arguments": json.dumps(arguments)}}
    if not STREAM.search(body):
        message = {"role": "assistant", "content": "On it.", "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return "application/json", json.dumps(
            base | {"object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    deltas = [({"role": "assistant", "content": "On it."}, None), ({"tool_calls": [call | {"index": 0}]}, None),
              ({}, "tool_calls")]
    chunks = [[{"index": 0, "delta": delta, "finish_reason": finish}] for delta, finish in deltas] + [[]]
    events = [base | {"object": "chat.completion.chunk", "choices": choices} for choices in chunks]
    events[-1]["usage"] = usage
    lines = [json.dumps(event) for event in events] + ["[DONE]"]
    return "text/event-stream", "".join(f"data: {line}\n\n" for line in lines).encode()


def answer(method: str, path: str, body: bytes, received: float) -> tuple[str, str, bytes, tuple | None]:
    """Status, content type and body, and the conversation whose next request is to be timed."""
    if (method, path) == ("GET", "/stats"):
        return "200 OK", "application/json", json.dumps({"gaps_ms": gaps}).encode(), None
    if (method, path) == ("POST", "/reset"):
        gaps.clear()
        waiting.clear()
        return "200 OK", "application/json", b"{}", None
    if (method, path) != ("POST", "/v1/chat/completions"):
        return "404 Not Found", "application/json", b'{"error":{"message":"no such route"}}', None
    conversation, tool, arguments, is_command = next_call(body)
    if (since := waiting.pop(conversation, None)) is not None:
        gaps.append((received - since) * 1e3)
    kind, content = reply(body, tool, arguments)
    return "200 OK", kind, content, conversation if is_command else None


class Connection(asyncio.Protocol):
    """HTTP/1.1 with bodies of known length, which is all that the clients send."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            start, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(self.buffer) < whole:
                return
            received = time.perf_counter()
            body = bytes(self.buffer[end + 4 : whole])
            del self.buffer[:whole]
            method, path, _ = start.split(" ")
            status, kind, content, timed = answer(method, path.partition("?")[0], body, received)
            head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n"
            self.transport.write(head.encode() + content)
            if timed:
                waiting[timed] = time.perf_counter()


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 for a free one, which is printed")
    try:
        asyncio.run(serve(parser.parse_args().port))
    except KeyboardInterrupt:
        pass
