import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from knowledge import index as index_module
from knowledge.embeddings import Vectors
from knowledge.index import (
    LOCK_NAME,
    IndexBroken,
    IndexFailure,
    IndexLocked,
    IndexUnreachable,
    VectorIndex,
    collection_name,
    discard,
)
from knowledge.passages import Passage

DIMENSIONS = 8
ROOT = Path(__file__).parents[2]


def passages(count: int, prefix: str = "e") -> list[Passage]:
    return [Passage.of(f"{prefix}{number}", 0, "question", f"问题 {number}") for number in range(count)]


def unit(count: int, seed: int = 0) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype(np.float32)
    lengths: Vectors = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


def opened(path: Path, name: str = "encoder") -> VectorIndex:
    return VectorIndex(path, None, DIMENSIONS, name)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[VectorIndex]:
    with opened(tmp_path / "index") as index:
        yield index


def test_new_index_is_empty(index: VectorIndex) -> None:
    assert index.count() == 0
    assert index.hashes() == {}
    assert index.query(unit(1)[0], 5) == []


def test_nearest_comes_first_with_its_cosine(index: VectorIndex) -> None:
    some, vectors = passages(20), unit(20)
    index.upsert(some, vectors)
    asked = unit(1, seed=7)[0]
    expected = sorted(zip(vectors @ asked, some, strict=True), key=lambda pair: -pair[0])[:3]
    found = index.query(asked, 3)
    assert [one.passage_id for one in found] == [passage.id for _, passage in expected]
    assert [one.entry_id for one in found] == [passage.entry_id for _, passage in expected]
    assert [one.score for one in found] == pytest.approx([score for score, _ in expected], abs=1e-5)


def test_same_vector_scores_one_and_opposite_minus_one(index: VectorIndex) -> None:
    vector = unit(1)
    index.upsert(passages(2), np.vstack([vector, -vector]))
    same, opposite = index.query(vector[0], 2)
    assert same.score == pytest.approx(1, abs=1e-5)
    assert opposite.score == pytest.approx(-1, abs=1e-5)
    assert -1 <= opposite.score <= same.score <= 1


def test_more_asked_than_there_are(index: VectorIndex) -> None:
    index.upsert(passages(3), unit(3))
    assert len(index.query(unit(1)[0], 50)) == 3


def test_nothing_asked(index: VectorIndex) -> None:
    index.upsert(passages(3), unit(3))
    assert index.query(unit(1)[0], 0) == []
    assert index.query_many(unit(0), 5) == []


def test_several_queries_in_one_call(index: VectorIndex) -> None:
    vectors = unit(10)
    index.upsert(passages(10), vectors)
    assert [found[0].entry_id for found in index.query_many(vectors, 2)] == [f"e{number}" for number in range(10)]


def test_changed_passage_is_replaced(index: VectorIndex) -> None:
    index.upsert(passages(2), unit(2))
    changed, vector = Passage.of("e0", 0, "question", "新的问题"), unit(1, seed=5)
    index.upsert([changed], vector)
    assert index.count() == 2
    assert index.hashes()["e0#0"] == changed.content_hash
    assert index.query(vector[0], 1)[0].score == pytest.approx(1, abs=1e-5)


def test_deleted_passage_is_not_found(index: VectorIndex) -> None:
    vectors = unit(3)
    index.upsert(passages(3), vectors)
    index.delete(["e1#0", "never#0"])
    index.delete([])
    assert set(index.hashes()) == {"e0#0", "e2#0"}
    assert "e1" not in {found.entry_id for found in index.query(vectors[1], 3)}


def test_vectors_of_another_shape_are_refused(index: VectorIndex) -> None:
    with pytest.raises(ValueError, match="shape"):
        index.upsert(passages(2), unit(3))
    with pytest.raises(ValueError, match="shape"):
        index.upsert(passages(2), np.zeros((2, DIMENSIONS + 1), dtype=np.float32))


def test_more_than_one_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "BATCH", 7)
    with opened(tmp_path) as index:
        some = passages(30)
        index.upsert(some, unit(30))
        assert index.hashes() == {passage.id: passage.content_hash for passage in some}
        index.delete([passage.id for passage in some[:20]])
        assert index.count() == 10


def test_cleared_index_is_empty_and_usable(index: VectorIndex) -> None:
    index.upsert(passages(3), unit(3))
    index.clear()
    assert index.count() == 0
    index.upsert(passages(1), unit(1))
    assert index.count() == 1


def test_reopened_index_has_kept_everything(tmp_path: Path) -> None:
    vectors = unit(300)
    with opened(tmp_path) as index:
        index.upsert(passages(300), vectors)
    with opened(tmp_path) as index:
        assert index.count() == 300
        assert index.query(vectors[123], 1)[0].entry_id == "e123"


def test_wiped_folder_gives_an_empty_index(tmp_path: Path) -> None:
    with opened(tmp_path / "index") as index:
        index.upsert(passages(3), unit(3))
    shutil.rmtree(tmp_path / "index")
    with opened(tmp_path / "index") as index:
        assert index.count() == 0


def test_another_encoder_sees_nothing_of_this_one(tmp_path: Path) -> None:
    with opened(tmp_path, "first") as index:
        index.upsert(passages(3), unit(3))
    with opened(tmp_path, "second") as index:
        assert index.count() == 0
    with VectorIndex(tmp_path, None, DIMENSIONS + 1, "first") as index:
        assert index.count() == 0
    with opened(tmp_path, "first") as index:
        assert index.count() == 3


@pytest.mark.parametrize("name", ["", "a", "use-multilingual-3.1", "remote-BAAI/bge-m3", "模型", "x" * 500])
def test_any_encoder_name_makes_a_collection(tmp_path: Path, name: str) -> None:
    with opened(tmp_path, name) as index:
        index.upsert(passages(1), unit(1))
        assert index.count() == 1


def test_names_that_differ_only_in_signs_stay_apart() -> None:
    assert collection_name("a/b", 8) != collection_name("a-b", 8)


def test_path_and_url_together_or_neither(tmp_path: Path) -> None:
    for path, url in ((None, None), (tmp_path, "http://127.0.0.1:1")):
        with pytest.raises(ValueError, match="exactly one"):
            VectorIndex(path, url, DIMENSIONS, "encoder")


def test_closed_index_refuses_and_closes_again(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.close()
    index.close()
    for call in (index.count, index.hashes, index.clear, lambda: index.query(unit(1)[0], 1)):
        with pytest.raises(IndexFailure, match="关闭"):
            call()


def test_closed_by_another_thread_is_free_again(tmp_path: Path) -> None:
    index = opened(tmp_path)
    thread = threading.Thread(target=index.close)
    thread.start()
    thread.join()
    opened(tmp_path).close()


def test_folder_in_use_by_this_process(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(IndexLocked, match="另一个进程"):
        opened(tmp_path)
    opened(tmp_path).close()


HOLDER = """
import sys
from pathlib import Path
from knowledge.index import VectorIndex
index = VectorIndex(Path(sys.argv[1]), None, 8, "encoder")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has the folder open."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield process
        process.kill()


def test_folder_in_use_by_another_process(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    with pytest.raises(IndexLocked, match="qunzhu serve"):
        opened(tmp_path)
    with pytest.raises(IndexLocked):
        discard(tmp_path)
    holder.kill()
    holder.wait()
    opened(tmp_path).close()  # a killed owner leaves no lock behind


def damage_database(path: Path) -> None:
    (path / "chroma.sqlite3").write_bytes(b"this is no database" * 500)


def test_damaged_database_is_reported_when_opened(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.upsert(passages(3), unit(3))
    damage_database(tmp_path)
    with pytest.raises(IndexBroken, match="qunzhu reindex"):
        opened(tmp_path)
    with pytest.raises(IndexBroken):  # and not IndexLocked: the failed one has let go
        opened(tmp_path)


@pytest.fixture
def vector_files(tmp_path: Path) -> Path:
    """The folder with the vector files of a closed index; Chroma writes all of them from 1,000 rows on."""
    with opened(tmp_path) as index:
        index.upsert(passages(1_200), unit(1_200))
    return next(item for item in tmp_path.iterdir() if item.is_dir())


@pytest.mark.parametrize("name", ["index_metadata.pickle", "header.bin"])
def test_damaged_vector_file_is_reported_when_opened(tmp_path: Path, vector_files: Path, name: str) -> None:
    (vector_files / name).write_bytes(b"xx")
    with pytest.raises(IndexBroken, match="qunzhu reindex"):
        opened(tmp_path)


@pytest.mark.parametrize("name", ["index_metadata.pickle", "data_level0.bin"])
def test_lost_vector_file_is_reported_when_opened(tmp_path: Path, vector_files: Path, name: str) -> None:
    # Without the first one Chroma still counts every passage and finds almost none.
    (vector_files / name).unlink()
    with pytest.raises(IndexBroken, match="qunzhu reindex"):
        opened(tmp_path)


def test_discarded_folder_can_be_built_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as index:
        index.upsert(passages(3), unit(3))
    damage_database(tmp_path)
    discard(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == [LOCK_NAME]
    with opened(tmp_path) as index:
        assert index.count() == 0


def test_threads_write_and_ask_together(index: VectorIndex) -> None:
    failures: list[BaseException] = []
    vectors = unit(400)

    def work(number: int) -> None:
        try:
            for start in range(0, 100, 10):
                rows = slice(number * 100 + start, number * 100 + start + 10)
                index.upsert(passages(400)[rows], vectors[rows])
                index.query(vectors[rows.start], 5)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(index.hashes()) == index.count() == 400


def sockets() -> set[str]:
    """This process's open sockets, also those that Chroma's Rust part would open."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        # A thread of Chroma's may close its file between the listing and the look.
        with suppress(FileNotFoundError):
            found.add(os.readlink(f"/proc/self/fd/{name}"))
    return {link for link in found if link.startswith("socket:")}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see the sockets of native code")
def test_folder_index_opens_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: object, **_: object) -> None:
        raise AssertionError(f"a socket was used: {args[1:]}")

    monkeypatch.setenv("ANONYMIZED_TELEMETRY", "True")
    monkeypatch.setattr(socket.socket, "__init__", forbidden)
    monkeypatch.setattr(socket.socket, "connect", forbidden)
    before = sockets()
    with opened(tmp_path) as index:
        index.upsert(passages(3), unit(3))
        index.query(unit(1)[0], 2)
        assert sockets() == before


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real `chroma run` on loopback."""
    command = shutil.which("chroma", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("the chroma command is not installed beside this Python")
    url = f"http://127.0.0.1:{(port := free_port())}"
    arguments = [command, "run", "--path", str(tmp_path_factory.mktemp("chroma")), "--host", "127.0.0.1"]
    with subprocess.Popen(
        [*arguments, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        try:
            wait_for_server(url, run)
            yield url
        finally:
            run.kill()


def wait_for_server(url: str, run: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        assert run.poll() is None, "chroma run has ended"
        try:
            httpx.get(f"{url}/api/v2/heartbeat", timeout=1)
        except httpx.HTTPError:
            threading.Event().wait(0.1)
        else:
            return
    raise AssertionError("chroma run does not answer")


@pytest.fixture
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address connected to; another machine's is refused."""
    addresses: list[Any] = []
    connect = socket.socket.connect

    def checked(self: socket.socket, address: Any) -> None:
        addresses.append(address)
        assert address[0] in ("127.0.0.1", "::1", "localhost"), f"a connection to {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", checked)
    return addresses


def test_server_index_does_what_the_folder_does(server: str, only_loopback: list[Any]) -> None:
    some, vectors = passages(30), unit(30)
    with VectorIndex(None, server, DIMENSIONS, "encoder") as index:
        index.upsert(some, vectors)
        assert index.hashes() == {passage.id: passage.content_hash for passage in some}
        found = index.query(vectors[4], 2)
        assert found[0].passage_id == "e4#0"
        assert found[0].score == pytest.approx(1, abs=1e-5)
        index.delete(["e4#0"])
        assert index.count() == 29
    assert only_loopback


def test_server_index_cleared_by_another_process_goes_on(server: str) -> None:
    with VectorIndex(None, server, DIMENSIONS, "shared") as one, VectorIndex(None, server, DIMENSIONS, "shared") as two:
        one.upsert(passages(3), unit(3))
        assert two.count() == 3
        two.clear()
        assert one.count() == 0
        one.upsert(passages(2), unit(2))
        assert two.count() == 2


def test_server_that_is_not_there() -> None:
    with pytest.raises(IndexUnreachable, match="Chroma"):
        VectorIndex(None, f"http://127.0.0.1:{free_port()}", DIMENSIONS, "encoder")


def test_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "HTTP_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(IndexUnreachable):
            VectorIndex(None, f"http://127.0.0.1:{silent.getsockname()[1]}", DIMENSIONS, "encoder")


def test_address_that_is_no_url() -> None:
    with pytest.raises(IndexUnreachable, match="not a URL"):
        VectorIndex(None, "chroma:8000", DIMENSIONS, "encoder")


def test_a_successor_answers_only_when_it_is_told_to(tmp_path: Path) -> None:
    with VectorIndex(tmp_path, None, DIMENSIONS, "encoder") as index:
        index.upsert(passages(3), unit(3))
        assert (index.generation, index.coming()) == (0, None)
        successor = index.successor()
        successor.upsert(passages(2), unit(2))
        assert (index.count(), index.coming()) == (3, 2)
        index.succeed()
        assert (index.count(), index.coming(), index.generation) == (2, None, 1)
        index.succeed()
        assert index.count() == 2, "nobody comes next"
    with VectorIndex(tmp_path, None, DIMENSIONS, "encoder") as index:
        assert (index.count(), index.generation) == (2, 1)


def test_an_unfinished_successor_is_found_again(tmp_path: Path) -> None:
    with VectorIndex(tmp_path, None, DIMENSIONS, "encoder") as index:
        index.upsert(passages(3), unit(3))
        index.successor().upsert(passages(2), unit(2))
    with VectorIndex(tmp_path, None, DIMENSIONS, "encoder") as index:
        assert (index.count(), index.coming()) == (3, 2)
        assert len(index.successor().hashes()) == 2
        index.clear()
        assert (index.count(), index.coming(), index.generation) == (0, None, 0)


def test_another_encoders_successor_is_nobodys_here(tmp_path: Path) -> None:
    with VectorIndex(tmp_path, None, DIMENSIONS, "encoder") as index:
        index.successor().upsert(passages(2), unit(2))
    with VectorIndex(tmp_path, None, DIMENSIONS, "encoder-2") as index:
        assert index.coming() is None


def test_threads_that_ask_while_it_switches_all_get_an_answer(tmp_path: Path) -> None:
    vectors = unit(20)
    with VectorIndex(tmp_path, None, DIMENSIONS, "encoder") as index, ThreadPoolExecutor(3) as pool:
        index.upsert(passages(20), vectors)
        ended = threading.Event()

        def ask() -> set[int]:
            found = set()
            while not ended.is_set():
                found.add(len(index.query(vectors[0], 5)))
            return found

        asking = [pool.submit(ask) for _ in range(3)]
        for _ in range(4):
            index.successor().upsert(passages(20), vectors)
            index.succeed()
            ended.wait(0.3)  # a rebuild takes longer than a question
        ended.set()
        assert [one.result() for one in asking] == [{5}] * 3


def test_server_index_that_another_process_replaced_is_asked_anew(server: str) -> None:
    with VectorIndex(None, server, DIMENSIONS, "again") as one, VectorIndex(None, server, DIMENSIONS, "again") as two:
        one.upsert(passages(5), unit(5))
        assert two.count() == 5
        successor = one.successor()
        successor.upsert(passages(4), unit(4))
        assert two.coming() == 4
        one.succeed()
        assert len(two.query(unit(4)[0], 5)) == 4
        assert two.hashes_of(["e0#0", "e4#0"]) == {"e0#0": passages(1)[0].content_hash}


def test_hashes_of_some(tmp_path: Path) -> None:
    with VectorIndex(tmp_path, None, DIMENSIONS, "encoder") as index:
        index.upsert(passages(3), unit(3))
        assert index.hashes_of([]) == {}
        assert set(index.hashes_of(["e1#0", "e9#0"])) == {"e1#0"}
