"""A repository of The Update Framework whose metadata securesystemslib signs by keys of ours, and python-tuf's client."""

import datetime

import boto3
import botocore.exceptions
import pytest
from securesystemslib.exceptions import UnsupportedAlgorithmError, UnverifiedSignatureError
from securesystemslib.signer import AWSSigner, Signature, Signer
from tuf.api.exceptions import DownloadHTTPError, RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater

from importing import Importer
from kinds import SIGNING, new_private_key, pkcs8

# What the library signs with by each kind of key, beside what the service calls it.
SCHEMES = {
    "RSA_2048": {
        **{f"rsassa-pss-sha{bits}": f"RSASSA_PSS_SHA_{bits}" for bits in (256, 384, 512)},
        **{f"rsa-pkcs1v15-sha{bits}": f"RSASSA_PKCS1_V1_5_SHA_{bits}" for bits in (256, 384, 512)},
    },
    "ECC_NIST_P256": {"ecdsa-sha2-nistp256": "ECDSA_SHA_256"},
    "ECC_NIST_P384": {"ecdsa-sha2-nistp384": "ECDSA_SHA_384"},
}
# The kinds of the keys of each role.
ROLES = {
    Root.type: ["RSA_2048", "ECC_NIST_P384"],
    Targets.type: ["ECC_NIST_P256"],
    Snapshot.type: ["ECC_NIST_P384"],
    Timestamp.type: ["ECC_NIST_P256"],
}
MIRROR = "https://updates.invalid/"
RELEASE = b"the release of the mill"


@pytest.fixture(autouse=True)
def ambient(environment, monkeypatch):
    """The signer makes its client of the default session of boto3, which may hold the credentials of an earlier test."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def new_key(kms, spec, **members):
    return kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY", **members)["KeyMetadata"]["Arn"]


def new_signer(kms, spec):
    uri, public = AWSSigner.import_(new_key(kms, spec))
    return Signer.from_priv_key_uri(uri, public)


class Repository(FetcherInterface):
    """A repository of one file, kept in memory, and the way to it."""

    def __init__(self, kms):
        self.signers = {role: [new_signer(kms, spec) for spec in specs] for role, specs in ROLES.items()}
        expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        root = Root(expires=expires, consistent_snapshot=False)
        for role, signers in self.signers.items():
            for signer in signers:
                root.add_key(signer.public_key, role)
            root.roles[role].threshold = len(signers)
        targets = Targets(expires=expires)
        targets.targets["release"] = TargetFile.from_data("release", RELEASE, ["sha256"])
        snapshot = Snapshot(expires=expires, meta={"targets.json": MetaFile(1)})
        timestamp = Timestamp(expires=expires, snapshot_meta=MetaFile(1))
        self.files = {"targets/release": RELEASE}
        for role in (root, targets, snapshot, timestamp):
            self.publish(Metadata(role), self.signers[role.type])

    def publish(self, metadata, signers):
        """Puts metadata into the repository, signed by these and nobody else."""
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)
        self.files[f"metadata/{metadata.signed.type}.json"] = metadata.to_bytes()

    def metadata(self, role):
        return Metadata.from_bytes(self.files[f"metadata/{role}.json"])

    def _fetch(self, url):
        path = url.removeprefix(MIRROR)
        if path not in self.files:
            raise DownloadHTTPError(f"no {path}", 404)
        yield self.files[path]


@pytest.fixture
def repository(kms):
    return Repository(kms)


@pytest.fixture
def update(tmp_path):
    """Gets the release as the program of a user does, who trusts the root metadata that it came with."""

    def run(repository):
        updater = Updater(
            metadata_dir=str(tmp_path),
            metadata_base_url=f"{MIRROR}metadata/",
            target_base_url=f"{MIRROR}targets/",
            target_dir=str(tmp_path),
            fetcher=repository,
            bootstrap=repository.files["metadata/root.json"],
        )
        with open(updater.download_target(updater.get_targetinfo("release")), "rb") as file:
            return file.read()

    return run


@pytest.mark.parametrize("spec", SCHEMES)
def test_a_key_signs_by_each_scheme_and_no_other_key_verifies_it(kms, spec):
    key, other_key = new_key(kms, spec), new_key(kms, spec)
    assert sorted(SCHEMES[spec].values()) == sorted(SIGNING[spec])
    for scheme in SCHEMES[spec]:
        uri, public = AWSSigner.import_(key, scheme)
        assert (uri, public.scheme) == (f"awskms:{key}", scheme)
        metadata = Metadata(Targets())
        signature = metadata.sign(Signer.from_priv_key_uri(uri, public))
        signed = metadata.signed_bytes
        public.verify_signature(signature, signed)

        _, other = AWSSigner.import_(other_key, scheme)
        claimed = Signature(other.keyid, signature.signature)
        for trusted, shown, payload in ((other, claimed, signed), (public, signature, signed + b" ")):
            with pytest.raises(UnverifiedSignatureError, match="^Failed to verify signature"):
                trusted.verify_signature(shown, payload)


def test_a_release_reaches_its_user(repository, update):
    assert update(repository) == RELEASE


def test_metadata_that_was_changed_after_it_was_signed_is_refused(repository, update):
    targets = repository.metadata(Targets.type)
    targets.signed.targets["release"] = TargetFile.from_data("release", b"another", ["sha256"])
    repository.files |= {"metadata/targets.json": targets.to_bytes(), "targets/release": b"another"}
    with pytest.raises(UnsignedMetadataError, match="targets was signed by 0/1 keys"):
        update(repository)


def test_metadata_signed_by_a_key_of_another_role_is_refused(repository, update):
    snapshot = repository.metadata(Snapshot.type)
    repository.publish(snapshot, repository.signers[Timestamp.type])
    with pytest.raises(UnsignedMetadataError, match="snapshot was signed by 0/1 keys"):
        update(repository)


def test_both_keys_of_the_root_must_sign(repository, update):
    root = repository.metadata(Root.type)
    repository.publish(root, repository.signers[Root.type][:1])
    with pytest.raises(RepositoryError, match="root was signed by 1/2 keys"):
        update(repository)


def test_a_key_on_a_curve_that_the_framework_does_not_know_is_not_taken(kms):
    with pytest.raises(UnsupportedAlgorithmError, match="Unsupported AWS key algorithms"):
        AWSSigner.import_(new_key(kms, "ECC_NIST_P521"))


@pytest.mark.parametrize(
    "spec, way", [("RSA_2048", "RSA_AES_KEY_WRAP_SHA_256"), ("ECC_NIST_P256", "RSAES_OAEP_SHA_256")]
)
def test_an_imported_key_signs_while_its_material_is_there(kms, spec, way):
    key, material = new_key(kms, spec, Origin="EXTERNAL"), pkcs8(new_private_key(spec))
    importer = Importer(kms, key, way)
    importer(material)
    uri, public = AWSSigner.import_(key)
    signer = Signer.from_priv_key_uri(uri, public)
    kms.delete_imported_key_material(KeyId=key)
    with pytest.raises(botocore.exceptions.ClientError, match=f"KMSInvalidStateException.*{key} is pending import"):
        signer.sign(b"metadata")
    importer(material)
    public.verify_signature(signer.sign(b"metadata"), b"metadata")


def test_a_disabled_key_signs_no_metadata(kms):
    signer = new_signer(kms, "ECC_NIST_P256")
    kms.disable_key(KeyId=signer.aws_key_id)
    with pytest.raises(UnsignedMetadataError, match="Failed to sign"):
        Metadata(Targets()).sign(signer)
