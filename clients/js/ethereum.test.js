// An Ethereum account whose key is ours: ethers with the signer of @rumblefishdev/eth-signer-kms.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { after, before, beforeEach, test } = require('node:test');
const { DeleteImportedKeyMaterialCommand, DisableKeyCommand, GetPublicKeyCommand } = require('@aws-sdk/client-kms');
const { KMSSigner, getEthAddressFromKMS } = require('@rumblefishdev/eth-signer-kms');
const ethers = require('ethers');
const { freshClient, start } = require('./server');
const { importMaterial, makeKey } = require('./keys');

const ACCOUNT_KEY = { KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'SIGN_VERIFY' };
const RECIPIENT = ethers.getAddress(`0x${'5a'.repeat(20)}`);
const PAYMENT = { chainId: 1, nonce: 7, to: RECIPIENT, value: ethers.parseEther('1.5'), gasLimit: 21_000 };
const TRANSACTIONS = {
  'of the first kind': { ...PAYMENT, type: 0, gasPrice: 30_000_000_000n },
  'with an access list': { ...PAYMENT, type: 1, gasPrice: 30_000_000_000n, accessList: [[RECIPIENT, [ethers.ZeroHash]]] },
  'with a priority fee': { ...PAYMENT, type: 2, maxFeePerGas: 40_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n },
};
const LETTER = 'meet me at the mill ☂';
const DOMAIN = { name: 'Mill', version: '1', chainId: 1, verifyingContract: RECIPIENT };
const ORDER_TYPE = { Order: [{ name: 'flour', type: 'uint256' }, { name: 'by', type: 'address' }] };
const ORDER = { flour: 25n, by: RECIPIENT };
// Half the order of the curve: Ethereum takes the lower of the two values of s only.
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

let server;
let kms;

before(async () => {
  server = await start();
});
after(() => server.stop());
beforeEach(() => {
  kms = freshClient(server);
});

test('the address of the account is that of the public key', async () => {
  const key = await makeKey(kms, ACCOUNT_KEY);
  const address = await addressOf(key);
  assert.equal(await getEthAddressFromKMS({ keyId: key, kmsInstance: kms }), address);
  assert.equal(await (await signerOf(key)).getAddress(), address);
  assert.notEqual(await addressOf(await makeKey(kms, ACCOUNT_KEY)), address);
});

test('messages are signed by the address of the public key, and no other message is', async () => {
  const key = await makeKey(kms, ACCOUNT_KEY);
  const [signer, address] = [await signerOf(key), await addressOf(key)];
  // The service answers with either value of s and with numbers of any length; each must become a signature of Ethereum.
  for (let round = 0; round < 20; round += 1) {
    const message = `${LETTER} ${round}`;
    const signature = await signer.signMessage(message);
    assert.equal(ethers.verifyMessage(message, signature), address);
    assert.ok(BigInt(ethers.Signature.from(signature).s) <= HALF_ORDER);
    assert.notEqual(ethers.verifyMessage(`${message}!`, signature), address);
  }
});

test('typed data is signed by the address of the public key, and no other data is', async () => {
  const key = await makeKey(kms, ACCOUNT_KEY);
  const signature = await (await signerOf(key)).signTypedData(DOMAIN, ORDER_TYPE, ORDER);
  const signerOfOrder = (order) => ethers.verifyTypedData(DOMAIN, ORDER_TYPE, order, signature);
  assert.equal(signerOfOrder(ORDER), await addressOf(key));
  assert.notEqual(signerOfOrder({ ...ORDER, flour: 26n }), await addressOf(key));
});

for (const [kind, members] of Object.entries(TRANSACTIONS)) {
  test(`a transaction ${kind} comes from the address of the public key, and a changed one does not`, async () => {
    const key = await makeKey(kms, ACCOUNT_KEY);
    const [signer, address] = [await signerOf(key), await addressOf(key)];
    const sent = ethers.Transaction.from(await signer.signTransaction({ ...members, from: address }));
    assert.equal(sent.from, address);
    assert.equal(sent.unsignedSerialized, ethers.Transaction.from(members).unsignedSerialized);
    const changed = ethers.Transaction.from({ ...members, value: 0n, signature: sent.signature });
    assert.notEqual(changed.from, address);
    const ofAnother = signer.signTransaction({ ...members, from: RECIPIENT });
    await assert.rejects(ofAnother, /transaction from address mismatch/);
  });
}

test('a wallet that is imported keeps its address, signs while its material is there, and comes back', async () => {
  const wallet = ethers.Wallet.createRandom();
  const key = await makeKey(kms, { ...ACCOUNT_KEY, Origin: 'EXTERNAL' });
  await importMaterial(kms, key, pkcs8(wallet));
  const signer = await signerOf(key);
  assert.equal(await signer.getAddress(), wallet.address);
  assert.equal(ethers.verifyMessage(LETTER, await signer.signMessage(LETTER)), wallet.address);

  await kms.send(new DeleteImportedKeyMaterialCommand({ KeyId: key }));
  const refusal = { name: 'KMSInvalidStateException', message: `${key} is pending import.` };
  await assert.rejects(signer.signMessage(LETTER), refusal);
  await importMaterial(kms, key, pkcs8(wallet));
  assert.equal(ethers.verifyMessage(LETTER, await signer.signMessage(LETTER)), wallet.address);
});

test('a disabled key signs no transaction', async () => {
  const key = await makeKey(kms, ACCOUNT_KEY);
  const signer = await signerOf(key);
  await kms.send(new DisableKeyCommand({ KeyId: key }));
  const refusal = { name: 'DisabledException', message: `${key} is disabled.` };
  await assert.rejects(signer.signTransaction(TRANSACTIONS['with a priority fee']), refusal);
});

test('a key on another curve is no account', async () => {
  const key = await makeKey(kms, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
  await assert.rejects(signerOf(key), /bad point|invalid/i);
});

/** The account of a key. It asks nothing of any network. */
function signerOf(key) {
  return KMSSigner.create(null, key, kms);
}

/** The address of the public key that the service gives, read by Node.js. */
async function addressOf(key) {
  const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: key }));
  const { crv, x, y } = crypto
    .createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' })
    .export({ format: 'jwk' });
  assert.equal(crv, 'secp256k1');
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return ethers.computeAddress(ethers.hexlify(point));
}

/** The private key of a wallet as KMS imports it. */
function pkcs8(wallet) {
  const pair = crypto.createECDH('secp256k1');
  pair.setPrivateKey(Buffer.from(ethers.getBytes(wallet.privateKey)));
  const point = pair.getPublicKey();
  const part = (from) => point.subarray(from, from + 32).toString('base64url');
  const jwk = { kty: 'EC', crv: 'secp256k1', x: part(1), y: part(33), d: pair.getPrivateKey('base64url') };
  return crypto.createPrivateKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'pkcs8' });
}
