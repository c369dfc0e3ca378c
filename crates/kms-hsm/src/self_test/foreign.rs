//! Which private keys the token takes from outside: unwrapped by itself, or by their numbers. One signature of each is
//! verified with the public half that is known beforehand.

use aes_kw::{KeyInit, KwpAes256};
use kms_core::hsm::{Identity, KeyKind};
use kms_core::key_spec::{KeySpec, KeyUsage};
use zeroize::Zeroizing;

use crate::capabilities::Capabilities;
use crate::template;
use crate::wrapping::candidate::Bench;
use crate::wrapping::private_key::examine;
use crate::wrapping::session_object::SessionObject;
use crate::wrapping::source::Source;

/// How keys of a spec are taken.
pub(super) struct Taken {
    spec: KeySpec,
    creates: bool,
    unwraps: bool,
}

impl Taken {
    pub(super) fn note(&self, capabilities: &mut Capabilities) {
        capabilities.creates.extend(self.creates.then_some(self.spec));
        capabilities.unwraps.extend(self.unwraps.then_some(self.spec));
    }
}

/// Tries both ways with one key, PKCS #8, of which this is the public half.
pub(super) fn try_spec(bench: &Bench<'_>, spec: KeySpec, pkcs8: &[u8], der: &[u8]) -> Taken {
    let kind = KeyKind { spec, usage: KeyUsage::SignVerify };
    let is_taken = |capabilities: &Capabilities, source: &Source<'_>| {
        let candidate = examine(&Bench { capabilities, ..*bench }, kind, source).ok().flatten();
        candidate.is_some_and(|candidate| candidate.identity == Identity::PublicKey(der.to_vec()))
    };
    let reads = Capabilities { unwraps: Vec::new(), ..bench.capabilities.clone() };
    let creates = is_taken(&reads, &Source::Plain(Zeroizing::new(pkcs8.to_vec())));
    let unwraps = bench.capabilities.kwp.is_some_and(|kwp| {
        let able = Capabilities { unwraps: vec![spec], ..reads };
        let mut buffer = vec![0; pkcs8.len() + 16];
        let wrapped = KwpAes256::new((&**bench.substitute).into()).wrap_key(pkcs8, &mut buffer);
        let kek = template::ephemeral_aes(kwp).with_value(&**bench.substitute);
        SessionObject::create(bench.session, &kek).is_ok_and(|kek| {
            wrapped.is_ok_and(|bytes| {
                let source = Source::WrappedByKwp { raw: bench.raw, kwp, key: kek.handle(), bytes };
                is_taken(&able, &source)
            })
        })
    });
    Taken { spec, creates, unwraps }
}
