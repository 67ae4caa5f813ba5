"""Deploys the stack of infra/ to an emulator, by the CDK command that deploys it to AWS."""

import json
import pathlib
import subprocess

from emulator import ACCOUNT, REGION

ROOT = pathlib.Path(__file__).resolve().parents[1]
INFRA = ROOT / "infra"
CDK = INFRA / "node_modules/.bin/cdk"
QUIET = ("--no-notices", "--no-version-reporting")


class Deployer:
    """Runs `cdk` against one emulator; `folder` takes what it writes."""

    def __init__(self, emulator, folder):
        if not CDK.is_file():
            raise FileNotFoundError(f"no {CDK}: run `npm ci` in {INFRA}")
        self.emulator, self.folder = emulator, pathlib.Path(folder)

    def bootstrap(self):
        """Makes what CDK needs in an account, once. Outside of infra/, whose app it would run."""
        self.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", folder=self.folder)

    def deploy(self, project, functions, config):
        """Deploys a project with these functions and this `deploy.json`; returns the stack's outputs."""
        outputs = self.folder / "outputs.json"
        self.cdk(
            "deploy",
            *("-c", f"project={pathlib.Path(project).resolve()}"),
            *("-c", f"functions={pathlib.Path(functions).resolve()}"),
            *("-c", f"config={pathlib.Path(config).resolve()}"),
            *("--output", str(self.folder / "cdk.out"), "--outputs-file", str(outputs)),
            *("--require-approval", "never", "--method", "direct"),
        )
        (values,) = json.loads(outputs.read_text()).values()
        return values

    def cdk(self, command, *arguments, folder=INFRA):
        environment = self.emulator.environment | {"CDK_DISABLE_CLI_TELEMETRY": "true"}
        call = [str(CDK), command, *arguments, *QUIET]
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"cdk {command} failed\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}")
