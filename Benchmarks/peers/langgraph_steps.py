"""LangGraph's durable super-steps, each a checkpoint in SQLite before the next begins; prints one JSON object.

    python langgraph_steps.py DATABASE STEPS
"""

import json
import operator
import sqlite3
import sys
import time
from typing import Annotated, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    messages: Annotated[list, operator.add]
    steps: int


def node(state: State) -> dict:
    return {"messages": ["x" * 100], "steps": state["steps"] + 1}


database, steps = sys.argv[1], int(sys.argv[2])
connection = sqlite3.connect(database, check_same_thread=False)
connection.execute("PRAGMA synchronous = FULL")
graph = StateGraph(State)
graph.add_node("programmer", node)
graph.add_node("reviewer", node)
graph.add_edge(START, "programmer")
graph.add_edge("programmer", "reviewer")
graph.add_conditional_edges("reviewer", lambda state: "programmer" if state["steps"] < steps else END)
compiled = graph.compile(checkpointer=SqliteSaver(connection))


def run(thread: str) -> float:
    settings = {"configurable": {"thread_id": thread}, "recursion_limit": steps + 10}
    start = time.perf_counter()
    compiled.invoke({"messages": [], "steps": 0}, settings, durability="sync")
    return time.perf_counter() - start


run("first")
print(json.dumps({"step_ms": run("second") / steps * 1e3}))
