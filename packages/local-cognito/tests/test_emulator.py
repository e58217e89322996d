"""Start, URLs and stop of an emulator, and the command that runs one."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import jwt
import pytest
import requests
from local_cognito import Emulator, SeedError
from local_cognito.__main__ import main
from local_cognito.errors import ServiceError
from local_cognito_support.user_pools import PASSWORD, POOL_ID

SEED = {
    "pools": [{"id": POOL_ID, "clients": [{"id": "other", "auth_flows": ["ALLOW_USER_PASSWORD_AUTH"]}], "users": []}]
}


def client(emulator: Emulator) -> Any:
    options = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "eu-west-1"}
    return boto3.client("cognito-idp", endpoint_url=emulator.endpoint_url, **options)


def test_urls_have_the_host_localhost(emulator: Emulator) -> None:
    assert emulator.url == emulator.domain == emulator.endpoint_url == f"http://localhost:{emulator.port}"
    assert emulator.issuer(POOL_ID) == f"{emulator.url}/{POOL_ID}"


def test_emulator_listens_only_on_loopback(emulator: Emulator) -> None:
    assert emulator._server.server_address[0] == "127.0.0.1"


def test_two_emulators_share_no_users_and_clients(emulator: Emulator) -> None:
    with Emulator(seed=SEED) as second:
        assert client(second).list_users(UserPoolId=POOL_ID)["Users"] == []
        assert emulator.service.client("other") is None


def test_stopped_emulator_releases_its_port() -> None:
    first = Emulator(seed=SEED).start()
    first.stop()
    with Emulator(seed=SEED, port=first.port) as second:
        assert requests.get(second.jwks_uri(POOL_ID), timeout=30).status_code == 200


def test_second_stop_does_not_affect_another_emulator() -> None:
    first = Emulator(seed=SEED)
    first.stop()
    with Emulator(seed=SEED) as second:
        first.stop()
        key = second.admin_credentials
        sts = boto3.client(
            "sts",
            region_name="eu-west-1",
            endpoint_url=second.endpoint_url,
            aws_access_key_id=key.id,
            aws_secret_access_key=key.secret,
        )
        assert sts.get_caller_identity()["Arn"].startswith("arn:aws:iam::")


def test_emulator_that_never_started_can_be_stopped() -> None:
    Emulator(seed=SEED).stop()


def test_port_in_use_is_an_error(emulator: Emulator) -> None:
    with pytest.raises(OSError, match="in use"):
        Emulator(seed=SEED, port=emulator.port)


def test_invalid_seed_is_an_error() -> None:
    with pytest.raises(SeedError):
        Emulator(seed={"pool": []})


def test_issuer_aws_makes_tokens_with_the_issuer_of_aws() -> None:
    with Emulator(issuer="aws") as emulator:
        answer = client(emulator).initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId="1local2web3client4example5",
            AuthParameters={"USERNAME": "alice", "PASSWORD": "Alice-local-1"},
        )
        raw = answer["AuthenticationResult"]["IdToken"]
        key = jwt.PyJWKClient(emulator.jwks_uri("eu-west-1_LocalPool")).get_signing_key_from_jwt(raw)
    issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_LocalPool"
    assert jwt.decode(raw, key, algorithms=["RS256"], audience="1local2web3client4example5", issuer=issuer)


def test_ids_are_those_of_the_seed(idp: Any) -> None:
    user = idp.admin_get_user(UserPoolId=POOL_ID, Username="alice")
    assert {"Name": "sub", "Value": "a11ce000-0000-4000-8000-000000000001"} in user["UserAttributes"]
    assert idp.describe_user_pool(UserPoolId=POOL_ID)["UserPool"]["Arn"].endswith(POOL_ID)
    assert idp.describe_user_pool_client(UserPoolId=POOL_ID, ClientId="1public")


def test_sign_for_an_unknown_pool_is_an_error(emulator: Emulator) -> None:
    with pytest.raises(ServiceError, match="does not exist"):
        emulator.sign("eu-west-1_Nowhere", {})


def test_restart_keeps_the_keys_and_loses_refresh_tokens(tmp_path: Path) -> None:
    users = [{"username": "alice", "password": PASSWORD}]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    seed = {"pools": [{"id": POOL_ID, "clients": [{"id": "other", "auth_flows": flows}], "users": users}]}
    with Emulator(seed=seed, state_dir=tmp_path) as emulator:
        login = {"USERNAME": "alice", "PASSWORD": PASSWORD}
        answer = client(emulator).initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId="other", AuthParameters=login)[
            "AuthenticationResult"
        ]
    with Emulator(seed=seed, state_dir=tmp_path) as emulator:
        keys = jwt.PyJWKClient(f"{emulator.issuer(POOL_ID)}/.well-known/jwks.json")
        key = keys.get_signing_key_from_jwt(answer["AccessToken"]).key
        assert jwt.decode(answer["AccessToken"], key, algorithms=["RS256"])["username"] == "alice"
        fields = {"grant_type": "refresh_token", "client_id": "other", "refresh_token": answer["RefreshToken"]}
        response = requests.post(f"{emulator.domain}/oauth2/token", fields, timeout=30)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_administrator_key_is_stored_in_the_state_dir(tmp_path: Path) -> None:
    keys = []
    for folder in (tmp_path, tmp_path, None):
        with Emulator(seed=SEED, state_dir=folder) as emulator:
            keys.append(emulator.admin_credentials)
    assert keys[0] == keys[1] != keys[2]
    assert (tmp_path / "administrator.json").stat().st_mode & 0o777 == 0o600
    assert keys[0].secret not in repr(keys[0])


def test_administrator_key_of_the_seed_is_not_stored(tmp_path: Path) -> None:
    admin = {"access_key_id": "AKIA0123456789ABCDEF", "secret_access_key": "of-the-seed"}
    with Emulator(seed={**SEED, "admin": admin}, state_dir=tmp_path) as emulator:
        assert emulator.admin_credentials.secret == "of-the-seed"
    assert not (tmp_path / "administrator.json").exists()


def test_policy_with_unsupported_conditions_logs_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "::1"}}}
    Emulator(seed={**SEED, "roles": [{"name": "homely", "policy": {"Statement": statement}}]}).stop()
    assert "the role homely" in caplog.text


def test_command_prints_ids_urls_and_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Emulator, "serve_forever", Emulator.stop)
    assert main(["--port", "0", "--state-dir", str(tmp_path)]) == 0
    *introduction, ready_line, last_line = capsys.readouterr().out.strip().splitlines()
    printed = "\n".join(introduction)
    for text in (
        "eu-west-1_LocalPool",
        "1local2web3client4example5",
        "alice",
        "default.yaml",
        "/eu-west-1_LocalPool",
        "eu-west-1:10ca1000-0000-4000-8000-000000000001",
        "AWS_ACCESS_KEY_ID=AKIA",
        "local-files",
        "local-items",
        "/mailbox",
    ):
        assert text in printed
    assert json.loads(ready_line)["ready"] is True
    assert last_line == "stopped"


@pytest.fixture
def command(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run `python -m local_cognito` on a free port, with `SEED`."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(SEED))
    arguments = ["--seed", str(seed), "--port", "0", "--state-dir", str(tmp_path / "state")]
    process = subprocess.Popen(
        [sys.executable, "-m", "local_cognito", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        yield process
        process.kill()


def read_ready_line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for the JSON line of the command and return it."""
    assert process.stdout is not None
    line = next(line for line in process.stdout if line.startswith("{"))
    values: dict[str, Any] = json.loads(line)
    return values


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_command_serves_until_it_is_signalled(command: "subprocess.Popen[str]", stop_signal: signal.Signals) -> None:
    values = read_ready_line(command)
    assert requests.get(f"{values['pools'][0]['issuer']}/.well-known/jwks.json", timeout=30).status_code == 200
    command.send_signal(stop_signal)
    output, errors = command.communicate(timeout=120)
    assert command.returncode == 0, errors
    assert output.endswith("stopped\n")
    assert "Traceback" not in output + errors


def test_command_prints_each_code_and_logs_no_code(command: "subprocess.Popen[str]") -> None:
    values = read_ready_line(command)
    headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService.SignUp"}
    attributes = [{"Name": "email", "Value": "nora@example.com"}]
    body = {"ClientId": "other", "Username": "nora", "Password": PASSWORD, "UserAttributes": attributes}
    assert requests.post(values["url"], json=body, headers=headers, timeout=30).status_code == 200
    page = requests.get(f"{values['url']}/mailbox", timeout=30).text
    command.send_signal(signal.SIGTERM)
    output, errors = command.communicate(timeout=120)
    printed = re.search(r"^EMAIL to nora@example.com \(nora, \S+\): (\d{6}) ", output, re.MULTILINE)
    assert printed is not None
    assert printed[1] in page
    assert "SignUp 200" in errors
    assert printed[1] not in errors


def test_command_with_a_port_in_use_is_an_error(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other_server:
        other_server.bind(("127.0.0.1", 0))
        other_server.listen()
        port = other_server.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    assert f"port {port} on 127.0.0.1 cannot be used" in capsys.readouterr().err


def test_command_with_an_invalid_seed_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text("pool: []")
    assert main(["--seed", str(seed)]) == 2
    assert "unknown key 'pool'; did you mean 'pools'?" in capsys.readouterr().err
