// ML-DSA and ML-KEM in a second token, with the AWS SDK for JavaScript, version 3.
'use strict';

const assert = require('node:assert/strict');
const { after, before, beforeEach, test } = require('node:test');
// The first SDK that knows ML-KEM; it wants Node.js 20, which is more than the other tests do.
const kmsModule = require('@aws-sdk/client-kms-ml-kem');
const { freshClient, start } = require('./server');
const { makeKey } = require('./keys');

const MESSAGE = Buffer.from('meet me at the mill');
const SigningAlgorithm = 'ML_DSA_SHAKE_256';
const EncapsulationAlgorithm = 'ML_KEM';
// With the bytes of a signature.
const LATTICES = { ML_DSA_44: 2420, ML_DSA_65: 3309, ML_DSA_87: 4627 };
// With the bytes of a ciphertext.
const KEMS = { ML_KEM_512: 768, ML_KEM_768: 1088, ML_KEM_1024: 1568 };

let server;
let kms;

before(async () => {
  server = await start();
});
after(() => server.stop());
beforeEach(() => {
  kms = freshClient(server, kmsModule.KMSClient);
});

for (const [KeySpec, bytes] of Object.entries(LATTICES)) {
  test(`a key of ${KeySpec} signs and verifies, and no longer once its deletion is scheduled`, async () => {
    const KeyId = await makeKey(kms, { KeySpec, KeyUsage: 'SIGN_VERIFY' });
    const by = { KeyId, SigningAlgorithm };
    const sign = () => kms.send(new kmsModule.SignCommand({ ...by, Message: MESSAGE }));
    const { Signature } = await sign();
    assert.equal(Signature.length, bytes);
    const verify = (Message) => kms.send(new kmsModule.VerifyCommand({ ...by, Message, Signature }));
    assert.equal((await verify(MESSAGE)).SignatureValid, true);
    const refusal = { name: 'KMSInvalidSignatureException', constructor: kmsModule.KMSInvalidSignatureException };
    await assert.rejects(verify(Buffer.from('meet me at the well')), refusal);
    await kms.send(new kmsModule.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    await assert.rejects(sign(), { name: 'KMSInvalidStateException', message: `${KeyId} is pending deletion.` });
  });
}

for (const [KeySpec, bytes] of Object.entries(KEMS)) {
  test(`a key of ${KeySpec} opens what was encapsulated for it, and nothing of another length`, async () => {
    const KeyId = await makeKey(kms, { KeySpec, KeyUsage: 'ENCAPSULATE_DECAPSULATE' });
    const by = { KeyId, EncapsulationAlgorithm };
    const made = await kms.send(new kmsModule.EncapsulateCommand(by));
    assert.deepEqual([made.KeyId, made.SharedSecret.length], [KeyId, 32]);
    assert.equal(made.SharedSecretCiphertextBlob.length, bytes);
    const open = (SharedSecretCiphertextBlob) =>
      kms.send(new kmsModule.DecapsulateCommand({ ...by, SharedSecretCiphertextBlob }));
    assert.deepEqual((await open(made.SharedSecretCiphertextBlob)).SharedSecret, made.SharedSecret);
    const cut = made.SharedSecretCiphertextBlob.slice(1);
    const refusal = { name: 'InvalidCiphertextException', constructor: kmsModule.InvalidCiphertextException };
    await assert.rejects(open(cut), refusal);
    await kms.send(new kmsModule.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    const pending = { name: 'KMSInvalidStateException', message: `${KeyId} is pending deletion.` };
    await assert.rejects(open(made.SharedSecretCiphertextBlob), pending);
  });
}
