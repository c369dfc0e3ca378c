//! What another PKCS#11 client in the same process sees: objects and their attributes, without the code under test.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::RawAuthPin;
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
}
