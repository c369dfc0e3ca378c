// Keys for the tests, made and given their material with the SDK.
'use strict';

const {
  CreateKeyCommand,
  GetParametersForImportCommand,
  ImportKeyMaterialCommand,
} = require('@aws-sdk/client-kms');
const { publicKey, wrapped } = require('./kinds');

const DIRECTLY = ['RSAES_OAEP_SHA_256', 'RSA_2048'];

/** ARN of a new key; `members` are those of CreateKey. */
async function makeKey(kms, members = {}) {
  const make = () => kms.send(new CreateKeyCommand(members));
  const { KeyMetadata } = await make().catch((error) => {
    // An RSA key of 4096 bits may outlast the server's deadline on a busy machine. As clients do, it asks again, once.
    if (error.name !== 'DependencyTimeoutException') {
      throw error;
    }
    return make();
  });
  return KeyMetadata.Arn;
}

/** Imports material into a key of origin EXTERNAL; `members` are added to those of ImportKeyMaterial. */
async function importMaterial(kms, KeyId, material, members = {}) {
  return (await importerOf(kms, KeyId))(material, members);
}

/** What imports into a key, by one wrapping key, which serves for a day. */
async function importerOf(kms, KeyId, [WrappingAlgorithm, WrappingKeySpec] = DIRECTLY) {
  const { ImportToken, PublicKey } = await kms.send(
    new GetParametersForImportCommand({ KeyId, WrappingAlgorithm, WrappingKeySpec }),
  );
  return (material, members = {}) =>
    kms.send(
      new ImportKeyMaterialCommand({
        KeyId,
        ImportToken,
        EncryptedKeyMaterial: wrapped(publicKey(PublicKey), material, WrappingAlgorithm),
        ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
        ...members,
      }),
    );
}

module.exports = { importMaterial, importerOf, makeKey };
