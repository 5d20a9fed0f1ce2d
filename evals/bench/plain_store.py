"""The baseline of ingest: FastAPI that checks nothing and only stores the row, with the same durability (SQLite, WAL,
`synchronous=FULL`, `BEGIN IMMEDIATE`). `python -m evals.bench.plain_store FILE PORT`."""

import json
import sqlite3
import sys
import threading
from typing import Any

import uvicorn
from fastapi import FastAPI


def create_app(path: str) -> FastAPI:
    """One route, one table, one connection behind a lock."""
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, body TEXT NOT NULL)")
    writing = threading.Lock()
    app = FastAPI(telemetry={"tracing": False, "metrics": False})

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/messages", status_code=202)
    def receive(message: dict[str, Any]) -> dict[str, str]:
        with writing:
            connection.execute("BEGIN IMMEDIATE")
            body = json.dumps(message, ensure_ascii=False)
            connection.execute("INSERT INTO messages VALUES (?, ?)", (message["message_id"], body))
            connection.execute("COMMIT")
        return {"id": message["message_id"]}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_config=None, access_log=False)
