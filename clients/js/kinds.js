// The kinds of keys, from the table that the tests in Python have too, and Node.js as the second implementation of them.
'use strict';

const crypto = require('node:crypto');
const { promisify } = require('node:util');
const table = require('../kinds.json');

const CURVES = {
  ECC_NIST_P256: 'prime256v1',
  ECC_NIST_P384: 'secp384r1',
  ECC_NIST_P521: 'secp521r1',
  ECC_SECG_P256K1: 'secp256k1',
};
const SECRET_BYTES = { SYMMETRIC_DEFAULT: 32, HMAC_224: 28, HMAC_256: 32, HMAC_384: 48, HMAC_512: 64 };
const KEY_WRAP_IV = Buffer.from('a65959a6', 'hex');

/** Every pair of a spec and one of its usages, with its algorithms and how its material is wrapped for an import. */
const KINDS = Object.entries(table).flatMap(([spec, { usages, wrapping }]) =>
  Object.entries(usages).map(([usage, algorithms]) => ({ spec, usage, algorithms, wrapping })),
);

const newPair = promisify(crypto.generateKeyPair);

/** A new private key of a spec. */
async function newPrivateKey(spec) {
  if (spec.startsWith('RSA_')) {
    return (await newPair('rsa', { modulusLength: Number(spec.slice(4)) })).privateKey;
  }
  const made = CURVES[spec] ? newPair('ec', { namedCurve: CURVES[spec] }) : newPair('ed25519', undefined);
  return (await made).privateKey;
}

/** Something that can be imported into a key of a spec, and the key that it is for Node.js. */
async function newMaterial(spec) {
  if (SECRET_BYTES[spec]) {
    const material = crypto.randomBytes(SECRET_BYTES[spec]);
    return { material, original: crypto.createSecretKey(material) };
  }
  const original = await newPrivateKey(spec);
  return { material: original.export({ format: 'der', type: 'pkcs8' }), original };
}

function publicKey(spki) {
  return crypto.createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
}

function spki(key) {
  const half = key.type === 'private' ? crypto.createPublicKey(key) : key;
  return half.export({ format: 'der', type: 'spki' });
}

/** The name that Node.js has for the hash that an algorithm ends in. */
function hashOf(algorithm) {
  return `sha${algorithm.slice(algorithm.lastIndexOf('_') + 1)}`;
}

/** What Node.js signs and verifies with, for a signing algorithm: the hash, and the key with its padding. */
function scheme(algorithm, key) {
  if (algorithm.startsWith('ED25519')) {
    return [null, key];
  }
  const { RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = crypto.constants;
  const padding = { padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST };
  return [hashOf(algorithm), algorithm.startsWith('RSASSA_PSS') ? { key, ...padding } : key];
}

function sign(algorithm, key, message) {
  const [hash, by] = scheme(algorithm, key);
  return crypto.sign(hash, message, by);
}

function verify(algorithm, key, message, signature) {
  const [hash, by] = scheme(algorithm, key);
  return crypto.verify(hash, message, by, signature);
}

/** The key with the padding of an encryption or wrapping algorithm. */
function oaep(algorithm, key) {
  return { key, padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hashOf(algorithm) };
}

/** Material encrypted under a wrapping key, with an AES key between them where it may be long. */
function wrapped(wrappingKey, material, algorithm) {
  const by = oaep(algorithm, wrappingKey);
  if (!algorithm.startsWith('RSA_AES_KEY_WRAP')) {
    return crypto.publicEncrypt(by, material);
  }
  const ephemeral = crypto.randomBytes(32);
  const cipher = crypto.createCipheriv('id-aes256-wrap-pad', ephemeral, KEY_WRAP_IV);
  return Buffer.concat([crypto.publicEncrypt(by, ephemeral), cipher.update(material), cipher.final()]);
}

module.exports = { KINDS, hashOf, newMaterial, newPrivateKey, oaep, publicKey, sign, spki, verify, wrapped };
