// The AWS Encryption SDK for JavaScript with its KMS keyrings, which find the server in the environment.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { after, before, test } = require('node:test');
const { CommitmentPolicy, KmsKeyringNode, buildClient } = require('@aws-crypto/client-node');
const { DeleteImportedKeyMaterialCommand, DisableKeyCommand, KMSClient } = require('@aws-sdk/client-kms');
const { freshAccount, start } = require('./server');
const { importMaterial, makeKey } = require('./keys');

const sdk = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const LETTER = crypto.randomBytes(100_000);
const CONTEXT = { file: 'letter.txt', purpose: 'Prüfung ☂' };

let server;
let kms;

// The library makes one client for each region and keeps it with its credentials, so all tests here share an account.
before(async () => {
  server = await start();
  const environment = {
    AWS_ENDPOINT_URL_KMS: server.endpoint,
    AWS_ACCESS_KEY_ID: freshAccount(),
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
    AWS_MAX_ATTEMPTS: '1',
  };
  Object.assign(process.env, environment);
  kms = new KMSClient({});
});
after(() => server.stop());

test('a file is encrypted and opened with its encryption context', async () => {
  const key = await makeKey(kms);
  const { result } = await encrypt(keyring(key));
  assert.ok(!result.includes(LETTER.subarray(0, 64)));
  const { plaintext, messageHeader } = await sdk.decrypt(keyring(key), result);
  assert.deepEqual(plaintext, LETTER);
  assert.equal(messageHeader.encryptionContext.purpose, CONTEXT.purpose);
});

test('an encryption context that was changed in the file is refused by the key', async () => {
  const key = await makeKey(kms);
  const { result } = await encrypt(keyring(key));
  const at = result.indexOf('letter.txt');
  assert.ok(at > 0);
  result.write('better.txt', at);
  await assert.rejects(sdk.decrypt(keyring(key), result), /InvalidCiphertextException/);
});

test('whoever knows no key discovers it in the file', async () => {
  const { result } = await encrypt(keyring(await makeKey(kms)));
  const discovery = new KmsKeyringNode({ discovery: true });
  assert.deepEqual((await sdk.decrypt(discovery, result)).plaintext, LETTER);
});

test('a file for two keys is opened by the one that is left', async () => {
  const [first, second] = [await makeKey(kms), await makeKey(kms)];
  const { result } = await encrypt(keyring(first, second));
  await kms.send(new DisableKeyCommand({ KeyId: first }));
  assert.deepEqual((await sdk.decrypt(keyring(first, second), result)).plaintext, LETTER);
  await assert.rejects(sdk.decrypt(keyring(first), result), /is disabled/);
});

test('a file opens again once its material is imported again', async () => {
  const key = await makeKey(kms, { Origin: 'EXTERNAL' });
  const material = crypto.randomBytes(32);
  await importMaterial(kms, key, material);
  const { result } = await encrypt(keyring(key));
  await kms.send(new DeleteImportedKeyMaterialCommand({ KeyId: key }));
  await assert.rejects(sdk.decrypt(keyring(key), result), /KMSInvalidStateException.*is pending import/);
  await assert.rejects(encrypt(keyring(key)), { name: 'KMSInvalidStateException' });
  await importMaterial(kms, key, material);
  assert.deepEqual((await sdk.decrypt(keyring(key), result)).plaintext, LETTER);
});

/** The keyring of one or two keys, without a memory of data keys. */
function keyring(generatorKeyId, ...keyIds) {
  return new KmsKeyringNode({ generatorKeyId, keyIds });
}

function encrypt(keys) {
  return sdk.encrypt(keys, LETTER, { encryptionContext: CONTEXT });
}
