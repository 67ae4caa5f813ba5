"""Runs a command beside emulators of AWS: starts them on free ports, and stops them in the end.

    run.py DYNAMODB_LOCAL_JARS COMMAND…

The command finds their URLs in ANABRANCH_MINISTACK and ANABRANCH_DYNAMODB_LOCAL. Both listen on
127.0.0.1 only and keep nothing; credentials and region are made up.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
READY_SECONDS = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_ministack(port: int, log) -> subprocess.Popen:
    url = f"http://127.0.0.1:{port}"
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LAMBDA_EXECUTOR": "local",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "AWS_ENDPOINT_URL": url,
        "PYTHONPATH": str(pathlib.Path(__file__).with_name("kinesis_numbers")),
    }
    command = [str(pathlib.Path(sys.executable).with_name("ministack"))]
    return subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)


def start_dynamodb_local(jars: str, port: int, log) -> subprocess.Popen:
    java = shutil.which("java")
    if java is None:
        sys.exit("run.py: no `java`: DynamoDB Local needs a JDK 17 or newer (Debian: openjdk-17-jdk-headless)")
    command = [java, f"-Djava.library.path={jars}", "-cp", f"{jars}/*", str(HERE / "DynamoDbLocal.java"), str(port)]
    # It reports home otherwise.
    settings = {"DDB_LOCAL_TELEMETRY": "0"}
    return subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)


def wait_until_it_answers(server: subprocess.Popen, url: str, log_path: pathlib.Path) -> None:
    """An HTTP error is an answer, too: DynamoDB Local has no page to ask for."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"run.py: {server.args[0]} does not answer on {url}:\n{log_path.read_text()}")


def main() -> int:
    jars, *command = sys.argv[1:]
    started = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            urls = {}
            for name, path, start in [
                ("ANABRANCH_MINISTACK", "/_ministack/ready", start_ministack),
                ("ANABRANCH_DYNAMODB_LOCAL", "/", lambda port, log: start_dynamodb_local(jars, port, log)),
            ]:
                port, log_path = free_port(), pathlib.Path(folder, name)
                with log_path.open("w") as log:
                    server = start(port, log)
                started.append(server)
                urls[name] = f"http://127.0.0.1:{port}"
                wait_until_it_answers(server, urls[name] + path, log_path)
            credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
            return subprocess.run(command, env=os.environ | credentials | urls).returncode
        finally:
            for server in started:
                server.terminate()
            for server in started:
                server.wait()


if __name__ == "__main__":
    sys.exit(main())
