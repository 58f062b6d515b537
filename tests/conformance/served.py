"""The sandbox in another process, and Microsoft's clients with its address and its certificate."""

import json
import os
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.mgmt.appcontainers import ContainerAppsAPIClient
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.msi import ManagedServiceIdentityClient

PROJECT = Path(__file__).resolve().parents[2]

# What a fresh sandbox holds (src/sandbox/seed.rs).
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
GROUP = "rg-demo"
APP = "ca-demo"
VAULT = "kv-demo"
LOCATION = "westeurope"
FIRST_REVISION = "ca-demo--first01"
IMAGE = "ghcr.io/acarecipe/python-demo:1.0"
SUBSCRIPTION_ID = f"/subscriptions/{SUBSCRIPTION}"
GROUP_ID = f"{SUBSCRIPTION_ID}/resourceGroups/{GROUP}"
APP_ID = f"{GROUP_ID}/providers/Microsoft.App/containerApps/{APP}"
ENVIRONMENT_ID = f"{GROUP_ID}/providers/Microsoft.App/managedEnvironments/cae-demo"
VAULT_ID = f"{GROUP_ID}/providers/Microsoft.KeyVault/vaults/{VAULT}"

# The limit of anything that waits, in seconds: reached only by a hang.
HANG = 30


def binary() -> Path:
    """The program: ACARECIPE_BINARY, else the debug build."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target"))
    return Path(os.environ.get("ACARECIPE_BINARY", target / "debug" / "acarecipe")).resolve()


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Nothing of the caller's but the path; every file below `folder`."""
    here = str(folder)
    return {"PATH": os.environ["PATH"], "HOME": here, "TMPDIR": here, "XDG_STATE_HOME": here, **more}


class Caller:
    """A credential whose token names a caller of the sandbox."""

    def __init__(self, name: str) -> None:
        self.token = f"sandbox-{name}"
        self.expires = int(time.time()) + 3600

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(self.token, self.expires)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        return AccessTokenInfo(self.token, self.expires)


class Served:
    """One `acarecipe sandbox serve` with fresh state, until `close`."""

    def __init__(self, folder: Path, *flags: str, https: bool = True) -> None:
        self.folder = folder
        self.flags = flags
        scheme = ["--https"] if https else []
        self.process = subprocess.Popen(
            [binary(), "sandbox", "serve", "--port", "0", *scheme, *flags],
            stdout=subprocess.PIPE,
            env=environment(folder),
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.communicate(timeout=HANG)
            raise RuntimeError(f"the sandbox did not start: {flags}")
        ready: dict[str, Any] = json.loads(line)
        self.endpoint: str = ready["endpoint"]
        self.ca: str | None = ready["ca"]
        self.control_token: str = ready["token"]

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=HANG)
        assert self.process.returncode == 0

    def control(self, method: str, what: str, body: Any = None) -> Any:
        """A request of the control API (`/_sandbox/…`)."""
        request = urllib.request.Request(
            f"{self.endpoint}/_sandbox/{what}",
            method=method,
            headers={"x-sandbox-token": self.control_token},
            data=None if body is None else json.dumps(body).encode(),
        )
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self.ca is not None:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca)))
        with urllib.request.build_opener(*handlers).open(request, timeout=HANG) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def exchanges(self) -> list[dict[str, Any]]:
        """Every request to Azure so far, with its answer."""
        exchanges: list[dict[str, Any]] = self.control("GET", "exchanges")
        return exchanges

    def edit(self, **members: Any) -> None:
        """Replaces members of the state behind everybody's back."""
        self.control("PUT", "state", self.control("GET", "state") | members)

    def reach(self, options: dict[str, Any]) -> dict[str, Any]:
        """What every client is given: the address, the certificate, no proxy."""
        return {
            "base_url": self.endpoint,
            "connection_verify": self.ca,
            "use_env_settings": False,
            **options,
        }

    def apps(self, caller: str = "owner", **options: Any) -> ContainerAppsAPIClient:
        return ContainerAppsAPIClient(Caller(caller), SUBSCRIPTION, **self.reach(options))

    def identities(self, caller: str = "owner", **options: Any) -> ManagedServiceIdentityClient:
        return ManagedServiceIdentityClient(Caller(caller), SUBSCRIPTION, **self.reach(options))

    def vaults(self, caller: str = "owner", **options: Any) -> KeyVaultManagementClient:
        return KeyVaultManagementClient(Caller(caller), SUBSCRIPTION, **self.reach(options))

    def registries(
        self, caller: str = "owner", subscription: str = SUBSCRIPTION, **options: Any
    ) -> ContainerRegistryManagementClient:
        return ContainerRegistryManagementClient(Caller(caller), subscription, **self.reach(options))

    def roles(self, caller: str = "owner", **options: Any) -> AuthorizationManagementClient:
        return AuthorizationManagementClient(Caller(caller), SUBSCRIPTION, **self.reach(options))
