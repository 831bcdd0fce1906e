"""A small server on loopback that speaks the HTTP interface of the Hugging Face hub.

It knows model and dataset repositories at one commit each, serves large files by redirect from
another origin as the hub does, asks for a token where a repository is gated, and gives other
bytes than it promises where it is told to. Models can be made and uploaded to, large files by their
own protocol; clients must have HF_HUB_DISABLE_XET for it. Clients find it by HF_ENDPOINT.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from tests.gner_core.faulty_server import served

REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?")
TOKEN = "hf_s3cretS3cretS3cret"


@dataclass
class Repository:
    """Files at one commit."""

    files: dict[str, bytes]
    commit: str = "0123456789abcdef0123456789abcdef01234567"
    gated: bool = False
    broken: dict[str, bytes] = field(default_factory=dict)
    """File → the bytes that are sent instead of the ones that were promised, once."""
    cut: frozenset[str] = frozenset()
    """Files whose body always ends in the middle, whatever range is asked for."""
    private: bool = False
    failing: int | None = None
    """Status of every answer, where this repository always fails."""


@dataclass
class HubServer:
    """Repositories by "models/owner/name" or "datasets/owner/name"."""

    url: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and Authorization of every request."""
    stored: dict[str, bytes] = field(default_factory=dict)
    """Large files that were uploaded, by their SHA-256."""

    def environment(self, home: str) -> dict[str, str]:
        """Return the variables with which a client process finds this hub and no other."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": home,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: HubServer

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        authorization = self.headers.get("Authorization", "")
        self.state.asked.append((self.command, path, authorization))
        if path.startswith("cdn/"):
            self.large(path.removeprefix("cdn/"))
            return
        api = path.startswith("api/")
        parts = path.removeprefix("api/").split("/")
        kind = parts.pop(0) if parts[0] in ("models", "datasets") else "models"
        self.route(kind, "/".join(parts[:2]), parts[2:], api=api)

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.state.asked.append((self.command, path, self.headers.get("Authorization", "")))
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if path == "api/validate-yaml":
            self.validate(json.loads(data))
        elif f"Bearer {TOKEN}" not in self.headers.get("Authorization", ""):
            self.refuse(401, "", "Invalid credentials in Authorization header")
        elif path == "api/repos/create":
            self.create(json.loads(data))
        elif path.endswith("/preupload/main"):
            files = json.loads(data)["files"]
            self.json({"files": [_mode(file["path"]) for file in files]})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self.json(
                {"transfer": "basic", "objects": [*map(self.place, json.loads(data)["objects"])]}
            )
        elif path.endswith("/commit/main"):
            lines = [json.loads(line) for line in data.splitlines()]
            self.commit(path.removesuffix("/commit/main").removeprefix("api/"), lines)
        else:
            self.answer(404, b"", {})

    def do_PUT(self) -> None:
        digest = self.path.rpartition("/")[2]
        data = self.rfile.read(int(self.headers["Content-Length"]))
        whole = hashlib.sha256(data).hexdigest() == digest
        self.state.stored |= {digest: data} if whole else {}
        self.answer(200 if whole else 400, b"", {})

    def validate(self, given: Any) -> None:
        """Check the front matter of a card; the hub's own check is stricter in what it knows by heart."""
        faults = front_matter_faults(given["content"])
        body = json.dumps({"errors": [{"message": fault} for fault in faults], "warnings": []})
        self.answer(400 if faults else 200, body.encode(), {"Content-Type": "application/json"})

    def create(self, given: Any) -> None:
        name = f"models/{given['organization']}/{given['name']}" if "organization" in given else ""
        name = name or f"models/us/{given['name']}"
        status = 409 if name in self.state.repositories else 200
        if status == 200:
            private = given.get("visibility") == "private"
            self.state.repositories[name] = Repository({}, private=private)
        url = f"{self.state.url}/{name.removeprefix('models/')}"
        body = json.dumps({"url": url, "id": "1", "error": "You already created this model repo"})
        self.answer(status, body.encode(), {"Content-Type": "application/json"})

    def place(self, wanted: Any) -> Any:
        """Return where a large file is to be put; nowhere where it is known."""
        if wanted["oid"] in self.state.stored:
            return wanted
        upload = {"href": f"{self.state.url}/lfs/{wanted['oid']}", "header": {}}
        return {**wanted, "actions": {"upload": upload}}

    def commit(self, name: str, lines: list[Any]) -> None:
        files = self.state.repositories[name].files
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.state.stored[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        commit = self.state.repositories[name].commit
        url = f"{self.state.url}/{name.removeprefix('models/')}/commit/{commit}"
        self.json({"success": True, "commitOid": commit, "commitUrl": url})

    def route(self, kind: str, name: str, rest: list[str], *, api: bool) -> None:
        """Answer for one repository; `rest` is a verb, a revision and perhaps a path."""
        repository = self.state.repositories.get(f"{kind}/{name}")
        allowed = f"Bearer {TOKEN}" in self.headers.get("Authorization", "")
        commit = repository.commit if repository else ""
        verb, revision, *folders = rest or ("revision", commit)  # without one, the newest
        file = "/".join(folders)
        if repository is None:
            self.refuse(401, "RepoNotFound", "Repository not found")
        elif repository.failing is not None:
            self.answer(repository.failing, b"", {})
        elif (repository.gated or repository.private) and not allowed:
            self.refuse(403, "GatedRepo", f"Access to {kind} {name} is restricted")
        elif revision not in (repository.commit, repository.commit[:7]):
            self.refuse(404, "RevisionNotFound", "Invalid rev id")
        elif api and verb == "tree":
            self.json([_tree_entry(file, body) for file, body in repository.files.items()])
        elif api:
            files = [{"rfilename": file} for file in repository.files]
            about = {"id": name, "sha": repository.commit, "private": repository.private}
            self.json({**about, "siblings": files})
        elif file not in repository.files:
            self.refuse(404, "EntryNotFound", "Entry not found")
        else:
            self.file(repository, f"{kind}/{name}", file)

    def file(self, repository: Repository, name: str, file: str) -> None:
        promised = repository.files[file]
        headers = {"X-Repo-Commit": repository.commit, "ETag": f'"{_etag(file, promised)}"'}
        if not _large(file):
            self.body(repository, file, headers)
            return
        origin = self.state.url.replace("127.0.0.1", "localhost")  # another origin to the client
        headers |= {
            "X-Linked-Etag": headers.pop("ETag"),
            "X-Linked-Size": str(len(promised)),
            "Location": f"{origin}/cdn/{name}/{file}",
        }
        self.answer(302, b"", headers)

    def large(self, path: str) -> None:
        kind, owner, repo, file = path.split("/", 3)
        repository = self.state.repositories[f"{kind}/{owner}/{repo}"]
        self.body(repository, file, {})

    def body(self, repository: Repository, file: str, headers: dict[str, str]) -> None:
        body = repository.files[file]
        if self.command == "GET":
            body = repository.broken.pop(file, body)
        self.close_connection |= self.command == "GET" and file in repository.cut
        self.answer(200, body, headers)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.answer(status, b"{}", {"X-Error-Code": code, "X-Error-Message": message})

    def json(self, value: Any) -> None:
        self.answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if self.close_connection else body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def front_matter_faults(card: str) -> list[str]:
    """Faults of the front matter of a model card, by what the hub's documentation says of its fields."""
    head, fence, _ = card.removeprefix("---\n").partition("\n---\n")
    if not card.startswith("---\n") or not fence:
        return ["no front matter"]
    data = yaml.safe_load(head)
    texts = ("license", "library_name", "pipeline_tag", "base_model_relation")
    lists = ("tags", "datasets", "metrics")
    faults = [f"{name} is no text" for name in texts if not isinstance(data.get(name, ""), str)]
    for name in lists:
        given = data.get(name, [])
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            faults.append(f"{name} is no list of texts")
    if not REPOSITORY.fullmatch(data.get("base_model", "a/b")):
        faults.append("base_model is no repository")
    faults += [
        f"dataset {one}" for one in data.get("datasets", []) if not REPOSITORY.fullmatch(one)
    ]
    for model in data.get("model-index", []):
        for result in model["results"]:
            known = (
                result["task"]["type"] and result["dataset"]["type"] and result["dataset"]["name"]
            )
            numbers = all(
                isinstance(one["value"], float) and one["type"] for one in result["metrics"]
            )
            faults += [] if known and numbers else [f"model-index: {result}"]
    return faults


def _mode(path: str) -> dict[str, Any]:
    mode = "lfs" if _large(path) else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": None}


def _large(file: str) -> bool:
    return file.endswith((".safetensors", ".bin", ".parquet"))


def _etag(file: str, body: bytes) -> str:
    return hashlib.sha256(body).hexdigest() if _large(file) else _git_id(body)


def _git_id(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _tree_entry(file: str, body: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": file, "size": len(body), "oid": _git_id(body)}
    if _large(file):
        entry["lfs"] = {"oid": _etag(file, body), "size": len(body), "pointerSize": 134}
    return entry


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """Run a hub in a thread until the block ends."""
    with served(Handler, HubServer) as state:
        yield state
