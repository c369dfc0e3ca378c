// Every kind of key with the AWS SDK for JavaScript, version 3: made or imported, used together with Node.js, and deleted.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { after, before, beforeEach, test } = require('node:test');
const {
  DecryptCommand,
  DeleteImportedKeyMaterialCommand,
  DeriveSharedSecretCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyPairCommand,
  GenerateDataKeyPairWithoutPlaintextCommand,
  GenerateMacCommand,
  GetPublicKeyCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
  VerifyCommand,
  VerifyMacCommand,
} = require('@aws-sdk/client-kms');
const { freshClient, start } = require('./server');
const { importerOf, makeKey } = require('./keys');
const { KINDS, hashOf, newMaterial, newPrivateKey, oaep, publicKey, sign, spki, verify } = require('./kinds');

const MESSAGE = Buffer.from('meet me at the mill');
const OTHER_MESSAGE = Buffer.from('meet me at the well');
const CONTEXT = { purpose: 'Prüfung ☂' };
// The names of the lists of algorithms, by usage.
const LISTS = {
  ENCRYPT_DECRYPT: 'EncryptionAlgorithms',
  SIGN_VERIFY: 'SigningAlgorithms',
  GENERATE_VERIFY_MAC: 'MacAlgorithms',
  KEY_AGREEMENT: 'KeyAgreementAlgorithms',
};
const USES = {
  ENCRYPT_DECRYPT: (kind) => (isSymmetric(kind) ? checkSymmetric : checkEncryption),
  SIGN_VERIFY: () => checkSigning,
  GENERATE_VERIFY_MAC: () => checkMac,
  KEY_AGREEMENT: () => checkAgreement,
};
// The making of pairs of RSA_4096 by the server would cost more time here than it tells.
const PAIRS = KINDS.filter(({ spec, usage }) => usage === 'SIGN_VERIFY' && spec !== 'RSA_4096');

const materials = new Map();
let server;
let kms;

before(async () => {
  server = await start();
});
after(() => server.stop());
beforeEach(() => {
  kms = freshClient(server);
});

for (const kind of KINDS) {
  test(`a key of ${kind.spec} for ${kind.usage} is made, used, and no longer once its deletion is scheduled`, async () => {
    const key = await makeKey(kms, { KeySpec: kind.spec, KeyUsage: kind.usage });
    await checkDescribed(key, kind, { KeyState: 'Enabled', Origin: 'AWS_KMS' });
    await use(key, kind);
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId: key, PendingWindowInDays: 7 }));
    await checkDescribed(key, kind, { KeyState: 'PendingDeletion', Origin: 'AWS_KMS' });
    await assert.rejects(use(key, kind), { name: 'KMSInvalidStateException', message: `${key} is pending deletion.` });
  });

  test(`material of ${kind.spec} for ${kind.usage} is imported, used, deleted, and comes back`, async () => {
    const key = await makeKey(kms, { KeySpec: kind.spec, KeyUsage: kind.usage, Origin: 'EXTERNAL' });
    await checkDescribed(key, kind, { KeyState: 'PendingImport', Origin: 'EXTERNAL' });
    const [{ material, original }, other] = await materialsOf(kind.spec);
    const importMaterial = await importerOf(kms, key, kind.wrapping);
    const imported = await importMaterial(material);
    await checkDescribed(key, kind, { KeyState: 'Enabled', Origin: 'EXTERNAL' });
    await use(key, kind, original);

    const deleted = await kms.send(new DeleteImportedKeyMaterialCommand({ KeyId: key }));
    assert.deepEqual([deleted.KeyId, deleted.KeyMaterialId], [key, imported.KeyMaterialId]);
    await checkDescribed(key, kind, { KeyState: 'PendingImport', Origin: 'EXTERNAL' });
    await assert.rejects(use(key, kind), { name: 'KMSInvalidStateException', message: `${key} is pending import.` });
    await assert.rejects(importMaterial(other.material), { name: 'IncorrectKeyMaterialException' });

    const again = await importMaterial(material);
    assert.equal(again.KeyMaterialId, imported.KeyMaterialId);
    await use(key, kind, original);
  });
}

for (const { spec, algorithms } of PAIRS) {
  test(`a data key pair of ${spec} is a pair, and its private key opens with its encryption context only`, async () => {
    const KeyId = await makeKey(kms);
    const members = { KeyId, KeyPairSpec: spec, EncryptionContext: CONTEXT };
    const full = await kms.send(new GenerateDataKeyPairCommand(members));
    const half = await kms.send(new GenerateDataKeyPairWithoutPlaintextCommand(members));
    const opened = [await decrypt(full.PrivateKeyCiphertextBlob), await decrypt(half.PrivateKeyCiphertextBlob)];
    assert.deepEqual([opened[0], half.PrivateKeyPlaintext], [Buffer.from(full.PrivateKeyPlaintext), undefined]);
    for (const [at, made] of [full, half].entries()) {
      assert.deepEqual([made.KeyId, made.KeyPairSpec], [KeyId, spec]);
      const privateKey = crypto.createPrivateKey({ key: opened[at], format: 'der', type: 'pkcs8' });
      const signature = sign(algorithms[0], privateKey, MESSAGE);
      assert.ok(verify(algorithms[0], publicKey(made.PublicKey), MESSAGE, signature));
      await assert.rejects(decrypt(made.PrivateKeyCiphertextBlob, {}), { name: 'InvalidCiphertextException' });
    }
  });
}

function isSymmetric(kind) {
  return kind.spec === 'SYMMETRIC_DEFAULT';
}

/** Two materials for all keys of a spec: making those of RSA takes long. */
async function materialsOf(spec) {
  if (!materials.has(spec)) {
    materials.set(spec, [await newMaterial(spec), await newMaterial(spec)]);
  }
  return materials.get(spec);
}

/** Metadata say what the key is. */
async function checkDescribed(KeyId, { spec, usage, algorithms }, expected) {
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
  const described = { KeySpec: spec, KeyUsage: usage, ...expected };
  for (const [name, value] of Object.entries(described)) {
    assert.equal(KeyMetadata[name], value, name);
  }
  assert.deepEqual(KeyMetadata[LISTS[usage]], algorithms);
}

/** The public half that the service gives, which is that of the original where there is one. */
async function publicHalf(KeyId, { spec, usage, algorithms }, original) {
  const answer = await kms.send(new GetPublicKeyCommand({ KeyId }));
  assert.deepEqual([answer.KeyId, answer.KeySpec, answer.KeyUsage], [KeyId, spec, usage]);
  assert.deepEqual(answer[LISTS[usage]], algorithms);
  const read = publicKey(answer.PublicKey);
  assert.deepEqual(Buffer.from(answer.PublicKey), spki(original ?? read));
  return read;
}

/** Uses a key in all its ways, together with its original where there is one. */
async function use(KeyId, kind, original) {
  await USES[kind.usage](kind)(KeyId, kind, original);
}

async function checkSymmetric(KeyId) {
  const sealed = await kms.send(new EncryptCommand({ KeyId, Plaintext: MESSAGE, EncryptionContext: CONTEXT }));
  assert.deepEqual(await decrypt(sealed.CiphertextBlob), MESSAGE);
  await assert.rejects(decrypt(sealed.CiphertextBlob, {}), { name: 'InvalidCiphertextException' });
  const members = { KeyId, KeySpec: 'AES_256', EncryptionContext: CONTEXT };
  const made = await kms.send(new GenerateDataKeyCommand(members));
  assert.deepEqual(await decrypt(made.CiphertextBlob), Buffer.from(made.Plaintext));
}

async function decrypt(CiphertextBlob, EncryptionContext = CONTEXT) {
  return Buffer.from((await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }))).Plaintext);
}

async function checkEncryption(KeyId, kind, original) {
  const half = await publicHalf(KeyId, kind, original);
  for (const EncryptionAlgorithm of kind.algorithms) {
    const by = { KeyId, EncryptionAlgorithm };
    const open = async (members) => Buffer.from((await kms.send(new DecryptCommand(members))).Plaintext);
    const ours = await kms.send(new EncryptCommand({ ...by, Plaintext: MESSAGE }));
    const theirs = crypto.publicEncrypt(oaep(EncryptionAlgorithm, half), MESSAGE);
    for (const CiphertextBlob of [ours.CiphertextBlob, theirs]) {
      assert.deepEqual(await open({ ...by, CiphertextBlob }), MESSAGE);
      if (original) {
        assert.deepEqual(crypto.privateDecrypt(oaep(EncryptionAlgorithm, original), CiphertextBlob), MESSAGE);
      }
    }
    const other = kind.algorithms.find((algorithm) => algorithm !== EncryptionAlgorithm);
    const wrong = { KeyId, EncryptionAlgorithm: other, CiphertextBlob: theirs };
    await assert.rejects(open(wrong), { name: 'InvalidCiphertextException' });
  }
}

async function checkSigning(KeyId, kind, original) {
  const half = await publicHalf(KeyId, kind, original);
  for (const SigningAlgorithm of kind.algorithms) {
    const by = { KeyId, SigningAlgorithm };
    const { Signature } = await kms.send(new SignCommand({ ...by, Message: MESSAGE }));
    assert.ok(verify(SigningAlgorithm, half, MESSAGE, Signature));
    const signatures = [Signature, ...(original ? [sign(SigningAlgorithm, original, MESSAGE)] : [])];
    for (const known of signatures) {
      const verified = await kms.send(new VerifyCommand({ ...by, Message: MESSAGE, Signature: known }));
      assert.equal(verified.SignatureValid, true);
      const other = kms.send(new VerifyCommand({ ...by, Message: OTHER_MESSAGE, Signature: known }));
      await assert.rejects(other, { name: 'KMSInvalidSignatureException' });
    }
  }
}

async function checkMac(KeyId, { algorithms: [MacAlgorithm] }, original) {
  const by = { KeyId, MacAlgorithm };
  const { Mac } = await kms.send(new GenerateMacCommand({ ...by, Message: MESSAGE }));
  if (original) {
    assert.deepEqual(Buffer.from(Mac), crypto.createHmac(hashOf(MacAlgorithm), original).update(MESSAGE).digest());
  }
  assert.equal((await kms.send(new VerifyMacCommand({ ...by, Message: MESSAGE, Mac }))).MacValid, true);
  const other = kms.send(new VerifyMacCommand({ ...by, Message: OTHER_MESSAGE, Mac }));
  await assert.rejects(other, { name: 'KMSInvalidMacException' });
}

async function checkAgreement(KeyId, kind, original) {
  const half = await publicHalf(KeyId, kind, original);
  const mine = await newPrivateKey(kind.spec);
  const by = { KeyId, KeyAgreementAlgorithm: 'ECDH' };
  const { SharedSecret } = await kms.send(new DeriveSharedSecretCommand({ ...by, PublicKey: spki(mine) }));
  assert.deepEqual(Buffer.from(SharedSecret), crypto.diffieHellman({ privateKey: mine, publicKey: half }));
  const foreign = new DeriveSharedSecretCommand({ ...by, PublicKey: spki(await newPrivateKey('ECC_SECG_P256K1')) });
  await assert.rejects(kms.send(foreign), { name: 'ValidationException' });
}
