"""Settings from the environment (`COOP_*`), each with a default that works. The folder COOP_HOME holds everything else."""

import json
from functools import cached_property
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from coop.core.ids import new_id
from coop.core.signing import write_private


class Settings(BaseSettings):
    """The settings of one instance. Paths below `home` are named here and nowhere else."""

    model_config = SettingsConfigDict(env_prefix="COOP_")

    home: Path = Field(default=Path(".coop"), description="folder of this instance: database, keys, logs")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty means SQLite in COOP_HOME")
    nats_url: str = Field(default="", description="an existing NATS cluster; empty means the embedded server")
    nats_server: str = Field(default="", description="path of a nats-server binary instead of the packaged one")
    public_url: str = Field(default="", description="address people use; empty means http://localhost:COOP_PORT")
    host: str = Field(default="127.0.0.1", description="address that portal and gateway listen on")
    port: int = Field(default=8080, description="port of the portal")
    api_port: int = Field(default=8081, description="port of the OpenAI-compatible API")
    nats_port: int = Field(default=0, description="port of the embedded NATS; 0 picks a free one and keeps it")

    @property
    def portal_url(self) -> str:
        """Return the address of the portal without a trailing slash."""
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")

    @property
    def api_url(self) -> str:
        """Return the base address that OpenAI clients use, ending in /v1."""
        return f"http://localhost:{self.api_port}/v1"

    @property
    def database(self) -> str:
        """Return the SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{(self.home / 'coop.db').resolve()}"

    @property
    def keys(self) -> Path:
        """Return the folder of private keys (mode 0700)."""
        return self.home / "keys"

    @property
    def nats_home(self) -> Path:
        """Return the folder of the embedded NATS server: configuration, operator JWT, resolver, credentials."""
        return self.home / "nats"

    @property
    def roots_path(self) -> Path:
        """Return the file of the trust roots, public, written by control."""
        return self.nats_home / "roots.json"

    @property
    def gateway_credentials(self) -> Path:
        """Return the credential file of this machine's gateway, written by control."""
        return self.nats_home / "creds" / "gateway-1.creds"

    @property
    def grid_url(self) -> str:
        """Return the address of NATS. Raises FileNotFoundError before the embedded server chose its port."""
        if self.nats_url:
            return self.nats_url
        return f"nats://127.0.0.1:{self.nats_port or int((self.nats_home / 'port').read_text())}"

    @property
    def agent_home(self) -> Path:
        """Return the folder of the local agent: seed, bundle, journal. Elsewhere than `home` on other machines."""
        return self.home / "agent"

    @property
    def run_home(self) -> Path:
        """Return the folder of what is true while the instance runs: `up.json`, process logs."""
        return self.home / "run"

    @cached_property
    def instance(self) -> str:
        """Return the id of this instance as NATS subjects carry it: 8 hex digits, written once."""
        path = self.home / "instance.json"
        if not path.exists():
            write_private(path, json.dumps({"id": new_id()[-8:]}).encode())
        return str(json.loads(path.read_text())["id"])
