"""ministack, the emulator of AWS, as a process of our own on 127.0.0.1.

It keeps nothing, and takes what it has started with it when it ends. Functions run as processes of this
machine, and find AWS at its URL.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
READY_S, STOP_S = 60, 20
# Any key is taken; this one is the account's root where IAM is enforced.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REGION, ACCOUNT = "us-east-1", "000000000000"


class Emulator:
    def __init__(self, log, port=0, enforce_iam=False):
        """`log`: the path of what it writes; `port`: 0 takes a free one."""
        self.log, self.port = pathlib.Path(log), port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.enforce_iam = enforce_iam
        self.process = None

    @property
    def environment(self):
        """What a client of AWS needs in its environment to find this emulator, and nothing else."""
        names = {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        return without_aws(os.environ) | CREDENTIALS | names

    def start(self):
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "LAMBDA_EXECUTOR": "local",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "AUTH": str(self.enforce_iam).lower(),
        }
        command = [sys.executable, str(HERE / "run_ministack.py")]
        with self.log.open("wb") as log:
            # A session of its own, so that a Ctrl-C for us does not end it before what uses it.
            self.process = subprocess.Popen(
                command, env=self.environment | settings, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + READY_S
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"ministack does not start; its log is {self.log}")
            time.sleep(0.05)

    def ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=2) as reply:
                return reply.status == 200
        except (OSError, urllib.error.HTTPError):
            return False

    def stop(self):
        if self.process is None:
            return
        functions = self.functions()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in functions:
            kill(pid)

    def functions(self, name=None):
        """The processes of functions that it runs, all or those of the function `name`."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            own = f"AWS_LAMBDA_FUNCTION_NAME={name}".encode() if name else b"AWS_LAMBDA_FUNCTION_NAME="
            if parent == self.process.pid and any(each.startswith(own) for each in environment):
                found.append(int(folder.name))
        return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def without_aws(environment):
    """Without the settings of a real account: nothing here may reach one."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}
