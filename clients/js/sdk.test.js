// The AWS SDK for JavaScript, version 3.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { after, before, beforeEach, test } = require('node:test');
const kmsModule = require('@aws-sdk/client-kms');
const { freshAccount, start } = require('./server');
const { importMaterial, makeKey } = require('./keys');

const LETTER = Buffer.from('meet me at the mill');
const CONTEXT = { purpose: 'Prüfung ☂' };

let server;
let account;
let kms;

before(async () => {
  server = await start();
});
after(() => server.stop());
beforeEach(() => {
  account = freshAccount();
  kms = client('test');
});

test('a letter is encrypted and opened, with its encryption context only', async () => {
  const KeyId = await makeKey(kms, { Description: 'of the miller', Tags: [{ TagKey: 'stage', TagValue: 'test' }] });
  const { CiphertextBlob } = await encrypt(KeyId);
  const opened = await decrypt(CiphertextBlob);
  assert.deepEqual(Buffer.from(opened.Plaintext), LETTER);
  assert.deepEqual([opened.KeyId, opened.EncryptionAlgorithm], [KeyId, 'SYMMETRIC_DEFAULT']);
  const refusal = { name: 'InvalidCiphertextException', constructor: kmsModule.InvalidCiphertextException };
  await assert.rejects(decrypt(CiphertextBlob, { purpose: 'another' }), refusal);
});

test('a data key comes in plaintext and encrypted', async () => {
  const KeyId = await makeKey(kms);
  const members = { KeyId, KeySpec: 'AES_256', EncryptionContext: CONTEXT };
  const made = await kms.send(new kmsModule.GenerateDataKeyCommand(members));
  assert.equal(made.Plaintext.length, 32);
  const opened = await decrypt(made.CiphertextBlob);
  assert.deepEqual(opened.Plaintext, made.Plaintext);
});

test('keys are listed page by page', async () => {
  const made = [await makeKey(kms), await makeKey(kms), await makeKey(kms)];
  const listed = [];
  let pages = 0;
  for await (const page of kmsModule.paginateListKeys({ client: kms, pageSize: 2 }, {})) {
    listed.push(...page.Keys.map((key) => key.KeyArn));
    pages += 1;
  }
  assert.deepEqual([listed.sort(), pages], [made.sort(), 2]);
});

test('an alias names a key, then another, and is listed page by page', async () => {
  const [first, second] = [await makeKey(kms), await makeKey(kms)];
  for (const name of ['a', 'b', 'c']) {
    await kms.send(new kmsModule.CreateAliasCommand({ AliasName: `alias/${name}`, TargetKeyId: first }));
  }
  const before = await encrypt('alias/a');
  await kms.send(new kmsModule.UpdateAliasCommand({ AliasName: 'alias/a', TargetKeyId: second }));
  const afterwards = await encrypt('alias/a');
  assert.deepEqual([before.KeyId, afterwards.KeyId], [first, second]);
  assert.equal((await decrypt(before.CiphertextBlob)).KeyId, first);
  const listed = [];
  for await (const page of kmsModule.paginateListAliases({ client: kms, pageSize: 1 }, { KeyId: first })) {
    listed.push(...page.Aliases.map((alias) => alias.AliasName));
  }
  assert.deepEqual(listed.sort(), ['alias/b', 'alias/c']);
  await kms.send(new kmsModule.DeleteAliasCommand({ AliasName: 'alias/a' }));
  await assert.rejects(encrypt('alias/a'), { name: 'NotFoundException', constructor: kmsModule.NotFoundException });
});

test('a ciphertext goes over to another key and another encryption context', async () => {
  const [first, second] = [await makeKey(kms), await makeKey(kms)];
  const { CiphertextBlob } = await encrypt(first);
  const members = { CiphertextBlob, DestinationKeyId: second, DestinationEncryptionContext: { year: '2027' } };
  const moved = await kms.send(new kmsModule.ReEncryptCommand({ ...members, SourceEncryptionContext: CONTEXT }));
  assert.deepEqual([moved.SourceKeyId, moved.KeyId], [first, second]);
  assert.deepEqual(Buffer.from((await decrypt(moved.CiphertextBlob, { year: '2027' })).Plaintext), LETTER);
  await assert.rejects(kms.send(new kmsModule.ReEncryptCommand(members)), { name: 'InvalidCiphertextException' });
});

test('dates come as dates, also that of a scheduled deletion', async () => {
  const KeyId = await makeKey(kms);
  const { DeletionDate } = await kms.send(new kmsModule.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
  const { KeyMetadata } = await kms.send(new kmsModule.DescribeKeyCommand({ KeyId }));
  assert.ok(Math.abs(KeyMetadata.CreationDate - Date.now()) < 60_000);
  assert.equal(Math.round((DeletionDate - KeyMetadata.CreationDate) / 86_400_000), 7);
  assert.deepEqual([KeyMetadata.KeyState, KeyMetadata.DeletionDate], ['PendingDeletion', DeletionDate]);
});

test('imported material expires at its date, is deleted, and comes back', async () => {
  const KeyId = await makeKey(kms, { Origin: 'EXTERNAL' });
  const material = crypto.randomBytes(32);
  const ValidTo = new Date(Math.ceil(Date.now() / 1000) * 1000 + 86_400_000);
  await importMaterial(kms, KeyId, material, { ExpirationModel: 'KEY_MATERIAL_EXPIRES', ValidTo });
  const { KeyMetadata } = await kms.send(new kmsModule.DescribeKeyCommand({ KeyId }));
  assert.deepEqual([KeyMetadata.KeyState, KeyMetadata.ValidTo], ['Enabled', ValidTo]);
  const { CiphertextBlob } = await encrypt(KeyId);

  await kms.send(new kmsModule.DeleteImportedKeyMaterialCommand({ KeyId }));
  const refusal = {
    name: 'KMSInvalidStateException',
    constructor: kmsModule.KMSInvalidStateException,
    message: `${KeyId} is pending import.`,
  };
  await assert.rejects(decrypt(CiphertextBlob), refusal);
  await assert.rejects(encrypt(KeyId), refusal);

  await importMaterial(kms, KeyId, material);
  assert.deepEqual(Buffer.from((await decrypt(CiphertextBlob)).Plaintext), LETTER);
});

test('a disabled key refuses until it is enabled', async () => {
  const KeyId = await makeKey(kms);
  const { CiphertextBlob } = await encrypt(KeyId);
  await kms.send(new kmsModule.DisableKeyCommand({ KeyId }));
  const refusal = { name: 'DisabledException', message: `${KeyId} is disabled.`, $fault: 'client' };
  await assert.rejects(decrypt(CiphertextBlob), refusal);
  await kms.send(new kmsModule.EnableKeyCommand({ KeyId }));
  assert.deepEqual(Buffer.from((await decrypt(CiphertextBlob)).Plaintext), LETTER);
});

test('a hundred calls at once are answered, each with its own plaintext', async () => {
  const KeyId = await makeKey(kms);
  const letters = Array.from({ length: 100 }, () => crypto.randomBytes(100));
  const opened = await Promise.all(
    letters.map(async (Plaintext) => {
      const { CiphertextBlob } = await kms.send(new kmsModule.EncryptCommand({ KeyId, Plaintext }));
      return (await kms.send(new kmsModule.DecryptCommand({ CiphertextBlob }))).Plaintext;
    }),
  );
  assert.deepEqual(opened.map(Buffer.from), letters);
});

test('a wrong secret is refused', async () => {
  const guess = client('guess').send(new kmsModule.ListKeysCommand({}));
  await assert.rejects(guess, { name: 'InvalidSignatureException', $fault: 'client' });
});

function client(secretAccessKey) {
  return new kmsModule.KMSClient({
    endpoint: server.endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: account, secretAccessKey },
    maxAttempts: 1,
  });
}

function encrypt(KeyId) {
  return kms.send(new kmsModule.EncryptCommand({ KeyId, Plaintext: LETTER, EncryptionContext: CONTEXT }));
}

function decrypt(CiphertextBlob, EncryptionContext = CONTEXT) {
  return kms.send(new kmsModule.DecryptCommand({ CiphertextBlob, EncryptionContext }));
}
