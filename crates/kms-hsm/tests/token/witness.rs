//! What another PKCS#11 client in the same process sees: objects and their attributes, without the code under test.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::RawAuthPin;
use kms_core::hsm::TokenObject;
use kms_core::ids::ObjectId;

use crate::place::Place;

pub(crate) struct Witness(Session);

impl Witness {
    /// A session of its own on the place's token.
    pub(crate) fn open(place: &Place) -> Self {
        let config = place.config();
        let module = Pkcs11::new(&config.module).unwrap();
        // Initialised already when the test has opened a token.
        let _ready = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        let slots = module.get_slots_with_initialized_token().unwrap();
        let session = module.open_rw_session(slots[0]).unwrap();
        let _logged_in =
            session.login_with_raw(UserType::User, &RawAuthPin::new(Box::new(config.pin.expose().to_vec())));
        Self(session)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.0
    }

    /// How many session objects the process has.
    pub(crate) fn session_objects(&self) -> usize {
        self.0.find_objects(&[Attribute::Token(false)]).unwrap().len()
    }

    /// How many objects the token has.
    pub(crate) fn token_objects(&self) -> usize {
        self.0.find_objects(&[Attribute::Token(true)]).unwrap().len()
    }

    /// The one object of this id.
    pub(crate) fn handle(&self, id: ObjectId) -> ObjectHandle {
        let found = self.0.find_objects(&[Attribute::Id(id.as_bytes().to_vec())]).unwrap();
        assert_eq!(found.len(), 1);
        found[0]
    }

    pub(crate) fn attributes(&self, handle: ObjectHandle, types: &[AttributeType]) -> Vec<Attribute> {
        self.0.get_attributes(handle, types).unwrap()
    }

    /// Which usages an object says it has.
    pub(crate) fn granted(&self, handle: ObjectHandle) -> Vec<AttributeType> {
        use AttributeType::{Decapsulate, Decrypt, Derive, Encrypt, Sign, SignRecover, Unwrap, Verify, Wrap};
        let usages = [Encrypt, Decrypt, Sign, SignRecover, Verify, Wrap, Unwrap, Derive, Decapsulate];
        let granted = |usage: &AttributeType| match self.0.get_attributes(handle, &[*usage]).unwrap()[..] {
            [
                Attribute::Encrypt(granted)
                | Attribute::Decrypt(granted)
                | Attribute::Sign(granted)
                | Attribute::SignRecover(granted)
                | Attribute::Verify(granted)
                | Attribute::Wrap(granted)
                | Attribute::Unwrap(granted)
                | Attribute::Derive(granted)
                | Attribute::Decapsulate(granted),
            ] => granted,
            // A private key has no VERIFY, a secret no SIGN_RECOVER, and tokens before PKCS#11 3.2 no DECAPSULATE.
            _ => false,
        };
        usages.into_iter().filter(granted).collect()
    }

    /// Puts a secret of known bytes into the token.
    pub(crate) fn put_secret(&self, object: &TokenObject, mechanism: MechanismType, secret: &[u8]) {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Id(object.id.as_bytes().to_vec()),
            Attribute::Label(object.label.as_bytes().to_vec()),
            Attribute::Sign(true),
            Attribute::AllowedMechanisms(vec![mechanism]),
            Attribute::Value(secret.to_vec()),
        ];
        self.0.create_object(&template).unwrap();
    }
}
