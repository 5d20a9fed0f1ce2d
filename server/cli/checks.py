"""The single checks of `qunzhu doctor`. None raises, none writes."""

import os
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from core.errors import QunzhuError
from core.settings import Environment
from server.cli import environment as here

if TYPE_CHECKING:
    from knowledge.passages import Passage
    from store.session import Database

Result = Literal["ok", "warn", "fail"]
_OLDEST: Final = (3, 11)
_TOO_NEW: Final = (3, 14)
_SECONDS: Final = 5.0
# The index and the write-ahead log need room to be rewritten.
_LITTLE_BYTES: Final = 1024**3
_TOO_LITTLE_BYTES: Final = 200 * 1024**2
# The next year's holidays are announced in November, a release of the table follows within weeks.
_HOLIDAYS_AHEAD: Final = timedelta(weeks=6)


class Check(NamedTuple):
    name: str
    result: Result
    text: str


def all_of_them() -> list[Check]:
    """Every check, in the order in which things depend on each other."""
    found = [_python()]
    try:
        env = here.environment()
    except QunzhuError as error:
        return [*found, Check("settings", "fail", f"环境变量不对，请改正：{error.params['why']}")]
    found.append(Check("settings", "ok", f"env={env.env}"))
    return found + [_guarded(check, env) for check in _CHECKS]


def _guarded(check: Callable[[Environment], Check], env: Environment) -> Check:
    try:
        return check(env)
    except Exception as error:
        name = check.__name__.strip("_")
        return Check(name, "fail", f"检查不下去：{getattr(error, 'code', type(error).__name__)} {error}"[:300])


def _python() -> Check:
    version = sys.version_info[:2]
    text = ".".join(map(str, sys.version_info[:3]))
    if _OLDEST <= version < _TOO_NEW:
        return Check("python", "ok", text)
    return Check("python", "fail", f"{text}：请换用 Python 3.11 到 3.13")


def _data_folder(env: Environment) -> Check:
    path = env.data_dir.absolute()
    if not path.exists():
        parent = next(one for one in path.parents if one.exists())
        if os.access(parent, os.W_OK):
            return Check("data_folder", "warn", f"{path} 还没有，首次启动时会建")
        return Check("data_folder", "fail", f"{path} 建不了：请给 {parent} 写权限，或另设 QUNZHU_DATA_DIR")
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        return Check("data_folder", "fail", f"{path} 不可写：请改权限，或另设 QUNZHU_DATA_DIR")
    return Check("data_folder", "ok", str(path))


def _secret(env: Environment) -> Check:
    path = env.data_dir / "secret.key"
    if env.secret_key is None and not path.exists():
        return Check("secret", "warn", f"还没有，首次启动时生成 {path}；请与备份分开保存")
    assert len(env.secret) > 0
    if env.secret_key is not None:
        return Check("secret", "ok", "QUNZHU_SECRET_KEY")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Check("secret", "warn", f"{path} 权限是 {mode:o}，别人也能读：请 chmod 600 {path}")
    return Check("secret", "ok", str(path))


@contextmanager
def _opened(env: Environment) -> Iterator["Database | None"]:
    """The database as it is; None where SQLite's file was not made yet, since opening would make it."""
    from core.clock import SystemClock
    from core.crypto import Keyring
    from store.session import Database

    if env.database_url is None and not (env.data_dir / "qunzhu.db").exists():
        yield None
        return
    found = Database(env.sqlalchemy_url, SystemClock(), Keyring(env.secret))
    try:
        yield found
    finally:
        found.close()


def _database(env: Environment) -> Check:
    from store import migrate

    with _opened(env) as database:
        if database is None:
            return Check("database", "warn", "还没有数据库，首次启动时会建")
        database.ping()
        found, newest = migrate.current(database), migrate.head()
    kind = "SQLite" if env.database_url is None else "PostgreSQL"
    if found == newest:
        return Check("database", "ok", f"{kind}，结构 {found}")
    return Check(
        "database", "warn", f"{kind}，结构是 {found}，需要 {newest}：请运行 qunzhu migrate（serve 启动时也会升级）"
    )


def _index(env: Environment) -> Check:
    if (running := here.find_running(env.data_dir)) is not None:
        return _index_of_service(running.url)
    if env.chroma_url is None and here.is_locked(env.data_dir):
        return Check("index", "warn", "另一个 qunzhu 进程正在使用，稍后再查")
    if env.chroma_url is None and not (env.data_dir / here.INDEX_LOCK.parent / "chroma.sqlite3").exists():
        return Check("index", "warn", "还没有向量索引，首次启动时会建")
    if env.embeddings_url is not None:
        return Check("index", "ok", "用外部编码器，serve 启动时比对")
    return _index_compared(env)


def _index_of_service(url: str) -> Check:
    import httpx2

    answer = httpx2.get(f"{url}/readyz", timeout=_SECONDS, trust_env=False)
    checks = answer.json()["checks"]
    state = ", ".join(f"{name}={value}" for name, value in checks.items())
    return Check("index", "ok" if answer.status_code == 200 else "fail", f"{url}/readyz: {state}")


def _index_compared(env: Environment) -> Check:
    from knowledge.embeddings import EmbeddedEncoder
    from knowledge.index import VectorIndex

    with _opened(env) as database:
        wanted = {} if database is None else {one.id: one.content_hash for one in _passages(database)}
    encoder = EmbeddedEncoder()
    path = None if env.chroma_url else env.data_dir / here.INDEX_LOCK.parent
    with VectorIndex(path, env.chroma_url, encoder.dimensions, encoder.name) as index:
        stored, coming = index.hashes(), index.coming()
    stale = sum(stored.get(id_) != hash_ for id_, hash_ in wanted.items()) + len(stored.keys() - wanted.keys())
    if stale:
        return Check("index", "warn", f"{stale} 条与数据库不一致：serve 启动时会补齐，或运行 qunzhu reindex")
    if coming is not None:
        return Check("index", "warn", f"有一次重建没有做完（{coming}/{len(wanted)}）：运行 qunzhu reindex 接着做")
    return Check("index", "ok", f"{len(stored)} 条，与数据库一致")


def _passages(database: "Database") -> "list[Passage]":
    from knowledge.entries import entry_of, passages_of
    from store import knowledge

    with database.read() as db:
        return [passage for row in knowledge.approved(db) for passage in passages_of(entry_of(row))]


def _service(env: Environment) -> Check:
    if (running := here.find_running(env.data_dir)) is not None:
        return Check("service", "ok", f"{running.url}（进程 {running.pid}）")
    with socket.socket(socket.AF_INET6 if ":" in env.host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((env.host, env.port))
        except OSError as error:
            why = error.strerror or type(error).__name__
            return Check("service", "fail", f"{env.host}:{env.port} 用不了（{why}）：请停掉占用者，或另设 QUNZHU_PORT")
    return Check("service", "ok", f"没有在运行；{env.host}:{env.port} 空闲")


def _embeddings(env: Environment) -> Check:
    import httpx2

    if env.embeddings_url is None:
        return Check("embeddings", "ok", "用内置编码器")
    if not env.embeddings_model:
        return Check("embeddings", "fail", "设了 QUNZHU_EMBEDDINGS_URL，还要设 QUNZHU_EMBEDDINGS_MODEL")
    key = env.embeddings_key.get_secret_value()
    headers = {"authorization": f"Bearer {key}"} if key else {}
    url = f"{env.embeddings_url.rstrip('/')}/models"
    try:
        status = httpx2.get(url, headers=headers, timeout=_SECONDS).status_code
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return Check("embeddings", "fail", f"{url} 连不上（{type(error).__name__}）：请检查地址与网络")
    if status in (401, 403):
        return Check("embeddings", "fail", f"{url} 回 {status}：请检查 QUNZHU_EMBEDDINGS_KEY")
    # Not every server lists its models: any other answer shows that one is there.
    return Check("embeddings", "ok" if status < 500 else "fail", f"{env.embeddings_model}，{url} 回 {status}")


def _model(env: Environment) -> Check:
    if not env.uses_model:
        why = "QUNZHU_ENGINE=embedded" if env.llm_base_url else "没有设 QUNZHU_LLM_BASE_URL"
        return Check("model", "ok", f"内置引擎（{why}）")
    url, key = f"{str(env.llm_base_url).rstrip('/')}/models", env.llm_api_key.get_secret_value()
    status, names = _listed(url, key)
    if status is None:
        return Check("model", "fail", f"{url} 连不上（{names[0]}）：草稿会退回内置引擎；请检查地址与网络")
    if status in (401, 403):
        return Check("model", "fail", f"{url} 回 {status}：请检查 QUNZHU_LLM_API_KEY")
    if status >= 500:
        return Check("model", "fail", f"{url} 回 {status}：草稿会退回内置引擎")
    if names and env.llm_model not in names:
        return Check("model", "warn", f"{url} 没有列出 {env.llm_model}：请检查 QUNZHU_LLM_MODEL")
    # Not every server lists its models: any other answer shows that one is there.
    return Check("model", "ok", f"llm 引擎，{env.llm_model}（{env.llm_output}），{url} 回 {status}")


def _listed(url: str, key: str) -> tuple[int | None, list[str]]:
    """Status and names of an endpoint's list of models; without an answer None and the error's kind."""
    import httpx2

    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx2.get(url, headers=headers, timeout=_SECONDS)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return None, [type(error).__name__]
    try:
        return answer.status_code, [str(one["id"]) for one in answer.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return answer.status_code, []


def _own_classifier(env: Environment) -> Check:
    """The classifier fitted on what people decided, where there is one."""
    from agent.flows.risk_rules import OWN_FILE
    from agent.steps.risk_classifier import ClassifierError, load

    path = env.data_dir / OWN_FILE
    if not path.exists():
        return Check("own_classifier", "ok", "没有，用出厂的风险分类器")
    try:
        found = load(path)
    except ClassifierError as error:
        return Check("own_classifier", "warn", f"{path} 用不了，已跳过（{error}）：请重新拟合，或删掉它"[:300])
    return Check("own_classifier", "ok", f"{path}，{len(found.labels)} 类")


def _holidays(env: Environment) -> Check:
    """Whether the table of legal holidays reaches far enough, where a community closes on them."""
    from core import office_hours
    from core.clock import SystemClock

    today = SystemClock().now().date()
    wanted = (today + _HOLIDAYS_AHEAD).year
    missing = [year for year in (today.year, wanted) if not office_hours.table_has(year)]
    if not missing:
        return Check("holidays", "ok", f"节假日表有到 {wanted} 年")
    closes = _closes_on_holidays(env)
    used = "有社群按法定节假日休息（clocks.holidays）" if closes else "没有社群用到"
    advice = "请升级 chinesecalendar，或用 clocks.closed_dates 补上"
    return Check("holidays", "warn", f"节假日表还没有 {missing[0]} 年，那一年只分平日和周末；{used}：{advice}")


def _closes_on_holidays(env: Environment) -> bool:
    from core import tunables
    from store import settings

    with _opened(env) as database:
        if database is None:
            return False
        with database.read() as db:
            rows = settings.every(db)
    return any(row.key == tunables.CLOCK_HOLIDAYS.key and row.value == "closed" for row in rows)


def _disk(env: Environment) -> Check:
    free = shutil.disk_usage(_existing(env.data_dir.absolute())).free
    text = f"剩余 {free / 1024**3:.1f} GiB"
    if free < _TOO_LITTLE_BYTES:
        return Check("disk", "fail", f"{text}：请清出空间，写满会丢失服务")
    return Check("disk", "ok" if free >= _LITTLE_BYTES else "warn", text)


def _existing(path: Path) -> Path:
    return next(one for one in (path, *path.parents) if one.exists())


_CHECKS = (_data_folder, _secret, _database, _index, _service, _embeddings, _model, _own_classifier, _holidays, _disk)
