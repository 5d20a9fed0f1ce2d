"""Settings of the deployment, read once from the environment. What an operator tunes while it runs are rows
instead: see `core/tunables.py`."""

import base64
import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import Unavailable

_KEY_BYTES = 32


class Environment(BaseSettings):
    """Every variable is `QUNZHU_` plus the field's name in capitals. Described in `docs/settings.md`."""

    model_config = SettingsConfigDict(env_prefix="QUNZHU_", extra="ignore", frozen=True)

    env: Literal["development", "production", "test"] = Field("development", description="production 下必须自带密钥")
    host: str = Field("127.0.0.1", description="监听地址")
    port: int = Field(8000, ge=0, le=65535, description="监听端口")
    data_dir: Path = Field(Path("var"), description="数据目录：数据库、向量索引、密钥、锁")
    database_url: str | None = Field(None, description="PostgreSQL 地址；不填用数据目录里的 SQLite")
    chroma_url: str | None = Field(None, description="chroma run 的地址；不填用数据目录里的向量索引")
    secret_key: SecretStr | None = Field(None, description="32 字节的 base64；生产环境必填")
    embeddings_url: str | None = Field(None, description="OpenAI 兼容的向量接口地址；不填用内置编码器")
    embeddings_model: str = Field("", description="向量模型名")
    embeddings_key: SecretStr = Field(SecretStr(""), description="向量接口密钥")
    embeddings_dimensions: int = Field(1024, ge=8, le=8192, description="向量维数")
    second_encoder: Literal["auto", "off"] = Field("auto", description="第二个小编码器；auto：装得上就用（x86-64）")
    engine: Literal["auto", "embedded", "llm"] = Field("auto", description="引擎；auto：填了模型地址就用 llm")
    llm_base_url: str | None = Field(None, description="OpenAI 兼容的对话模型地址；不填只用内置引擎")
    llm_model: str = Field("", description="对话模型名")
    llm_api_key: SecretStr = Field(SecretStr(""), description="对话模型密钥")
    llm_timeout: float = Field(20.0, ge=1, le=600, description="一次模型调用的时限，秒")
    llm_daily_tokens: int = Field(2_000_000, ge=0, description="每天最多用多少 token；0 表示不限")
    llm_output: Literal["json_schema", "tools", "text"] = Field(
        "json_schema", description="模型怎样给出结构化结果：json_schema、工具调用，或写在文字里"
    )
    llm_tool_calls: Literal["native", "text"] = Field(
        "native", description="模型怎样调用工具：原生，或写在文字里的 JSON"
    )
    llm_price_prompt: float = Field(0.0, ge=0, description="每百万提示 token 的价格")
    llm_price_completion: float = Field(0.0, ge=0, description="每百万生成 token 的价格")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="日志级别")
    log_format: Literal["json", "text"] = Field("json", description="日志格式")
    worker_model_threads: int = Field(4, ge=0, le=64, description="等模型的工作线程数，每个线程同时等一次调用")
    worker_threads: int = Field(1, ge=0, le=32, description="服务进程内处理消息的工作线程数；0 表示另开 worker 进程")

    @field_validator("database_url", "chroma_url", "embeddings_url", "llm_base_url", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _production_brings_its_secret(self) -> Self:
        if self.env == "production" and self.secret_key is None:
            raise ValueError("QUNZHU_ENV=production needs QUNZHU_SECRET_KEY (32 random bytes, base64)")
        return self

    @model_validator(mode="after")
    def _a_model_has_an_address_and_a_name(self) -> Self:
        if self.engine == "llm" and self.llm_base_url is None:
            raise ValueError("QUNZHU_ENGINE=llm needs QUNZHU_LLM_BASE_URL")
        if self.llm_base_url is not None and self.engine != "embedded" and not self.llm_model:
            raise ValueError("QUNZHU_LLM_BASE_URL needs QUNZHU_LLM_MODEL")
        return self

    @property
    def uses_model(self) -> bool:
        """Whether the llm engine is on."""
        return self.engine != "embedded" and self.llm_base_url is not None

    @property
    def sqlalchemy_url(self) -> str:
        """The database's URL for SQLAlchemy; `postgresql://` gets the psycopg 3 driver."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir.absolute() / 'qunzhu.db'}"
        for prefix in ("postgresql://", "postgres://"):
            if self.database_url.startswith(prefix):
                return "postgresql+psycopg://" + self.database_url.removeprefix(prefix)
        return self.database_url

    @cached_property
    def secret(self) -> bytes:
        """The deployment's 32-byte secret: from the environment, else from `secret.key` in the data folder, which
        is made (mode 0600) at the first start. Raises `Unavailable` `secret_key_invalid`."""
        if self.secret_key is not None:
            return _decode(self.secret_key.get_secret_value())
        path = self.data_dir / "secret.key"
        if not path.exists():
            _write_private(path, base64.b64encode(secrets.token_bytes(_KEY_BYTES)))
        return _decode(path.read_text("ascii").strip())


def _decode(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Unavailable("secret_key_invalid")
    return key


def _write_private(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` by a file that only its owner can read."""
    path.unlink(missing_ok=True)
    _write_private(path, content)
