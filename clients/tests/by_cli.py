"""The AWS CLI behind the calls of boto3, so that what is checked with the one is checked with the other."""

import base64
import contextlib
import io
import json
import re
import shlex
import subprocess

import awscli.clidriver
import botocore.exceptions
from botocore import xform_name

from tools import AwsCli

BLOBS = {
    "CiphertextBlob",
    "ImportToken",
    "Mac",
    "Plaintext",
    "PrivateKeyCiphertextBlob",
    "PrivateKeyPlaintext",
    "PublicKey",
    "SharedSecret",
    "Signature",
}
REFUSAL = re.compile(r"An error occurred \((\w+)\) when calling the (\w+) operation[^:]*: (.*)")


class AwsCliHere(AwsCli):
    """The same program within this process, for many commands: each start of its own would take longer than its work. Folder
    and environment are this process's, which the fixture `kms_by_cli` sets."""

    def __init__(self, endpoint, account, folder):
        super().__init__(endpoint, account, folder)
        self.driver = None

    def run(self, command):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            self.driver = self.driver or awscli.clidriver.create_clidriver()
            status = self.driver.main(["kms", *shlex.split(command)])
        return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


class KmsByCli:
    """Has the operations of the KMS client of boto3. Each is a command: members are its options, bytes go through files."""

    def __init__(self, cli):
        self.cli = cli

    def __getattr__(self, operation):
        def call(**members):
            done = self.cli.run(self.command(operation, members))
            if refused := REFUSAL.search(done.stderr):
                code, name, message = refused.groups()
                raise botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, name)
            assert (done.returncode, done.stderr) == (0, ""), (done.returncode, done.stderr)
            answer = json.loads(done.stdout)
            return {name: base64.b64decode(value) if name in BLOBS else value for name, value in answer.items()}

        return call

    def command(self, operation, members):
        """The command of an operation, its bytes written to files of the folder."""
        options = (
            f"--{xform_name(name, '-')} {shlex.quote(self.option(name, value))}" for name, value in members.items()
        )
        return f"{xform_name(operation, '-').replace('_', '-')} {' '.join(options)}"

    def option(self, name, value):
        if isinstance(value, bytes):
            (self.cli.folder / name).write_bytes(value)
            return f"fileb://{name}"
        return json.dumps(value) if isinstance(value, dict) else str(value)
