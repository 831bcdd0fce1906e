"""The store on an S3 server: races, kills, damage, faults that pass, leases, credentials."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.lease import Pace, leased
from gner_core.store.objects import Objects
from tests.s3_server import S3, SECRET

REF = ArtifactRef("step", "k0")
QUICK = Pace(beat=0.1, dead=1.0, poll=0.05)


@pytest.fixture
def url(s3: S3, tmp_path: Path) -> str:
    return s3.url(tmp_path.name)


@pytest.fixture
def store(url: str, tmp_path: Path) -> Store:
    return Store(url, scratch=tmp_path / "here")


def machine(url: str, scratch: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [
        sys.executable,
        "-m",
        "tests.gner_core.store.race_worker",
        url,
        str(scratch),
        *arguments,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(process: "subprocess.Popen[str]") -> Any:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


def publish(store: Store, text: str = "hello") -> None:
    with store.lock(REF), store.publish(REF, about={}) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text(text)


@pytest.mark.parametrize("locked", ["locked", "unlocked"])
def test_two_machines_race_and_nothing_is_mixed(
    url: str, store: Store, tmp_path: Path, locked: str
) -> None:
    machines = [machine(url, tmp_path / name, "race", "8", locked) for name in ("one", "two")]
    one, two = map(answer, machines)
    assert one["found"] == two["found"]  # whoever built it
    if locked == "locked":
        assert sorted(one["built"] + two["built"]) == sorted(one["found"])
    else:
        assert set(one["built"]) & set(two["built"]), "no race"
    for key, files in one["found"].items():
        ref = ArtifactRef("step", key)
        folder = store.fetch(ref)
        assert {name: (folder / name).read_text() for name in files} == files
        assert len({text.split()[0] for text in files.values()}) == 1  # of one builder
        kept = store.objects.sizes(f"{ref.path}/attempts")
        assert len(kept) == 3  # the other's files are gone


def test_a_kill_in_the_middle_of_an_upload_leaves_nothing_visible(
    url: str, store: Store, tmp_path: Path
) -> None:
    victim = machine(url, tmp_path / "one", "upload", "300")
    deadline = time.monotonic() + 60
    while len(store.objects.sizes("step/k0/attempts")) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    victim.kill()
    victim.communicate()
    left = store.objects.sizes("step/k0/attempts")
    assert 5 <= len(left) < 300
    assert not store.has(REF)
    with pytest.raises(InputError, match="no such artifact"):
        store.fetch(REF)
    again = machine(url, tmp_path / "one", "upload", "20")  # its own lease does not stop it
    _, err = again.communicate(timeout=30)
    assert again.returncode == 0, err
    assert sorted(f.name for f in store.fetch(REF).iterdir()) == sorted(
        f"{n}.bin" for n in range(20)
    )
    names = store.objects.sizes("step/k0")
    assert len(names) == 21  # the manifest and its files; nothing of the killed one, no lease


def test_what_a_killed_upload_left_goes_when_another_machine_was_faster(
    url: str, store: Store, tmp_path: Path
) -> None:
    with store.publish(ArtifactRef("step", "k1"), about={}) as folder:
        (folder / "a.txt").write_text("hello")
    machine = next(iter(store.objects.sizes("step/k1/attempts"))).split("/")[3]
    attempt = store.publish(REF, about={})
    (attempt.__enter__() / "half.txt").write_text("half")  # and then the process is gone
    left = f"step/k0/attempts/{machine}/dead/half.txt"
    store.objects.write(left, b"half")
    other = Store(url, scratch=tmp_path / "there")
    publish(other)
    with store.lock(REF):
        assert store.has(REF)
        store.discard(REF)
    assert not store.objects.exists(left)
    assert (store.fetch(REF) / "sub" / "a.txt").read_text() == "hello"


def test_a_damaged_object_is_named_by_its_url(store: Store, url: str, tmp_path: Path) -> None:
    publish(store)
    name = next(iter(store.objects.sizes("step/k0/attempts")))
    store.objects.write(name, b"hel")
    other = Store(url, scratch=tmp_path / "there")
    with pytest.raises(InputError, match=rf"{url}/{name}: content does not match .*3 of 5 bytes"):
        other.fetch(REF)
    store.objects.remove([name])
    with pytest.raises(InputError, match=r"a\.txt: named by its manifest and not there"):
        other.fetch(REF)
    assert (store.fetch(REF) / "sub" / "a.txt").read_text() == "hello"  # has its own copy


def test_a_download_that_ends_early_is_done_again(
    store: Store, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store)
    other = Store(url, scratch=tmp_path / "there")
    whole, faults = Objects.get, ["short", "broken"]

    def get(objects: Objects, name: str, file: Path) -> None:
        whole(objects, name, file)
        if faults:
            file.write_bytes({"short": b"he", "broken": b"hellO"}[faults.pop()])

    monkeypatch.setattr(Objects, "get", get)
    assert (other.fetch(REF) / "sub" / "a.txt").read_text() == "hello"
    assert faults == []


def test_a_fault_that_passes_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gner_core.store.objects.PAUSES", (0.01, 0.01))
    faults = [TimeoutError("slow"), ConnectionResetError("gone")]
    put = store.objects.filesystem.put_file

    def failing(*arguments: str) -> None:
        if faults:
            raise faults.pop()
        put(*arguments)

    monkeypatch.setattr(store.objects.filesystem, "put_file", failing)
    publish(store)
    assert store.has(REF) and faults == []


def test_a_damaged_copy_is_fetched_again(store: Store) -> None:
    publish(store)
    (store.fetch(REF) / "sub" / "a.txt").write_text("hel")
    assert (store.fetch(REF) / "sub" / "a.txt").read_text() == "hello"


def test_a_publisher_keeps_what_it_built_as_its_copy(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store)
    monkeypatch.setattr(Objects, "get", lambda *_: pytest.fail("downloaded"))
    assert (store.fetch(REF) / "sub" / "a.txt").read_text() == "hello"


def test_a_second_machine_waits_for_a_living_one_and_then_skips(
    url: str, store: Store, tmp_path: Path
) -> None:
    other, told, order = Store(url, scratch=tmp_path / "there"), [], []

    def second() -> None:
        with other.lock(REF, on_wait=told.append):
            order.append(f"second, published: {other.has(REF)}")

    thread = threading.Thread(target=second)
    with store.lock(REF):
        thread.start()
        time.sleep(1)
        with store.publish(REF, about={}) as folder:
            (folder / "x").write_text("1")
        order.append("first")
    thread.join(20)
    assert order == ["first", "second, published: True"]
    assert len(told) == 1 and "waiting for process" in told[0]
    assert not store.objects.exists("step/k0/lease.json")


def test_a_killed_holder_is_not_waited_for_long(url: str, store: Store, tmp_path: Path) -> None:
    victim = machine(url, tmp_path / "one", "hold")
    assert victim.stdout is not None
    assert victim.stdout.readline() == "held\n"
    victim.kill()
    victim.communicate()
    told: list[str] = []
    started = time.monotonic()
    with leased(
        store.objects,
        "step/k0/lease.json",
        machine="another",
        unless=lambda: False,
        on_wait=told.append,
        pace=QUICK,
    ):
        waited = time.monotonic() - started
    assert QUICK.dead < waited < QUICK.dead + 2
    assert "waiting for process" in told[0] and "has not been heard of" in told[1]


def test_a_living_holder_is_waited_for_longer_than_a_dead_one(store: Store) -> None:
    common = {"unless": lambda: False, "on_wait": len, "pace": QUICK}
    started, waited = time.monotonic(), []

    def second() -> None:
        with leased(store.objects, "lease", machine="two", **common):
            waited.append(time.monotonic() - started)

    thread = threading.Thread(target=second)
    with leased(store.objects, "lease", machine="one", **common):
        thread.start()
        time.sleep(2 * QUICK.dead)
        assert waited == []
    thread.join(10)
    assert waited[0] < 2 * QUICK.dead + 1


def test_leases_that_come_and_go_are_taken_in_turn(store: Store) -> None:
    turns = 0

    def take(machine: str) -> None:
        nonlocal turns
        for _ in range(10):
            with leased(
                store.objects,
                "lease",
                machine=machine,
                unless=lambda: False,
                on_wait=len,
                pace=Pace(beat=9, dead=60, poll=0.001),
            ):
                turns += 1

    threads = [threading.Thread(target=take, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert turns == 30


def test_credentials_stay_out_of_urls_manifests_and_messages(s3: S3, store: Store) -> None:
    with pytest.raises(InputError, match="no credentials in the URL") as refused:
        Store(f"s3://id:{SECRET}@bucket/x", scratch=store.scratch)
    assert SECRET not in str(refused.value)
    publish(store)
    assert SECRET not in json.dumps(store.manifest(REF))
    with pytest.raises(InputError, match="s3://nowhere/x/step/k0") as missing:
        publish(Store("s3://nowhere/x", scratch=store.scratch / "n"))
    assert "bucket does not exist" in str(missing.value)
    assert SECRET not in str(missing.value)


def test_a_wrong_protocol_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nope://x: cannot be opened"):
        Store("nope://x", scratch=tmp_path)
