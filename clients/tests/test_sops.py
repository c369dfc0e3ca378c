"""Files of settings whose values sops (the one in Python) encrypts under a key of ours."""

import os
import subprocess
import sys

import pytest

SETTINGS = "database:\n    user: eve\n    password: meet me at the mill\nport: 8080\n"
SECONDS = 60


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture
def sops(environment, tmp_path):
    """Runs `sops ARGUMENTS` beside this Python, as a person would; gives what it did."""

    def run(*arguments):
        program = os.path.join(os.path.dirname(sys.executable), "sops")
        return subprocess.run(
            [program, *map(str, arguments)],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    return run


def test_settings_are_encrypted_in_place_and_read(sops, settings, key):
    encrypted = encrypt(sops, settings, key)
    # Names stay readable, which is what sops is for; values do not.
    assert "password:" in encrypted and "mill" not in encrypted
    read = sops("--decrypt", settings)
    assert (read.returncode, read.stdout) == (0, SETTINGS), read.stderr
    part = sops("--decrypt", "--extract", '["database"]["user"]', settings)
    assert part.stdout.strip() == "eve", part.stderr


def test_an_encryption_context_that_was_changed_in_the_file_is_refused_by_the_key(sops, settings, key):
    encrypted = encrypt(sops, settings, key, "--encryption-context", "stage:test")
    assert sops("--decrypt", settings).stdout == SETTINGS
    assert encrypted.count("stage: test") == 1
    settings.write_text(encrypted.replace("stage: test", "stage: production"))
    is_refused(sops("--decrypt", settings), "(InvalidCiphertextException)")


def test_rotation_makes_a_new_data_key_and_two_keys_may_open_it(sops, settings, kms, key):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    before = encrypt(sops, settings, key)
    rotated = sops("--rotate", "--in-place", "--add-kms", other, settings)
    assert rotated.returncode == 0, rotated.stderr
    after = settings.read_text()
    assert other in after and not set(values(before)) & set(values(after))
    kms.disable_key(KeyId=key)
    assert sops("--decrypt", settings).stdout == SETTINGS
    kms.disable_key(KeyId=other)
    is_refused(sops("--decrypt", settings), f"{other} is disabled.")


def test_settings_open_again_once_their_material_is_imported_again(sops, settings, kms, empty_key, import_material):
    material = os.urandom(32)
    import_material(empty_key, material)
    encrypt(sops, settings, empty_key)
    kms.delete_imported_key_material(KeyId=empty_key)
    refused = sops("--decrypt", settings)
    is_refused(refused, "(KMSInvalidStateException)")
    is_refused(refused, f"{empty_key} is pending import.")
    import_material(empty_key, material)
    assert sops("--decrypt", settings).stdout == SETTINGS


def encrypt(sops, settings, key, *options):
    done = sops("--encrypt", "--in-place", "--kms", key, *options, settings)
    assert done.returncode == 0, done.stderr
    return settings.read_text()


def is_refused(done, reason):
    assert (done.returncode, done.stdout) == (128, "")
    assert reason in done.stderr


def values(encrypted):
    return [line for line in encrypted.splitlines() if "ENC[" in line and "mac:" not in line]
