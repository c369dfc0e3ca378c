// Keys for the tests, made and given their material with the SDK.
'use strict';

const crypto = require('node:crypto');
const {
  CreateKeyCommand,
  GetParametersForImportCommand,
  ImportKeyMaterialCommand,
} = require('@aws-sdk/client-kms');

/** ARN of a new key; `members` are those of CreateKey. */
async function makeKey(kms, members = {}) {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand(members));
  return KeyMetadata.Arn;
}

/** Imports a short material into a key of origin EXTERNAL; `members` are added to those of ImportKeyMaterial. */
async function importMaterial(kms, KeyId, material, members = {}) {
  const parameters = await kms.send(
    new GetParametersForImportCommand({ KeyId, WrappingAlgorithm: 'RSAES_OAEP_SHA_256', WrappingKeySpec: 'RSA_2048' }),
  );
  const wrappingKey = crypto.createPublicKey({ key: Buffer.from(parameters.PublicKey), format: 'der', type: 'spki' });
  const padding = { padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  return kms.send(
    new ImportKeyMaterialCommand({
      KeyId,
      ImportToken: parameters.ImportToken,
      EncryptedKeyMaterial: crypto.publicEncrypt({ key: wrappingKey, ...padding }, material),
      ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
      ...members,
    }),
  );
}

module.exports = { importMaterial, makeKey };
