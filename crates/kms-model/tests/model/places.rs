//! Every place of every request: where a value of some shape may stand, and how a body with a value there looks.

use kms_model::{Kind, ModelError, OPERATIONS, OperationShape, Shape, read};
use serde_json::{Map, Value, json};

/// One step from the outside to a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Member(&'static str),
    Element,
    Pair,
}

/// A place in the input of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) operation: &'static OperationShape,
    pub(crate) steps: Vec<Step>,
    pub(crate) shape: &'static Shape,
    pub(crate) required: bool,
}

/// All places of all operations, outer before inner.
pub(crate) fn places() -> Vec<Place> {
    let mut found = Vec::new();
    for operation in OPERATIONS {
        let root = Place { operation, steps: Vec::new(), shape: operation.input, required: true };
        below(&root, &mut found);
    }
    assert!(found.len() > 200, "the table has lost members");
    found
}

fn below(outer: &Place, found: &mut Vec<Place>) {
    let mut add = |step, shape, required| {
        let mut steps = outer.steps.clone();
        steps.push(step);
        let place = Place { operation: outer.operation, steps, shape, required };
        found.push(place.clone());
        below(&place, found);
    };
    match &outer.shape.kind {
        Kind::Structure(members) => {
            for member in *members {
                add(Step::Member(member.name), member.shape, member.required);
            }
        }
        Kind::List { member, .. } => add(Step::Element, member, true),
        Kind::Map { value, .. } => add(Step::Pair, value, true),
        _ => {}
    }
}

impl Place {
    /// A body that is right everywhere except perhaps here, where `value` stands.
    pub(crate) fn body(&self, value: Value) -> Vec<u8> {
        let mut body = good(self.operation.input);
        put(&mut body, self.operation.input, &self.steps, value);
        serde_json::to_vec(&body).unwrap()
    }

    /// What reading such a body gives.
    pub(crate) fn read(&self, value: Value) -> Result<(), ModelError> {
        read(self.operation, &self.body(value)).map(|_| ())
    }

    /// The text of the `ValidationException`, or nothing.
    pub(crate) fn violations(&self, value: Value) -> String {
        match self.read(value) {
            Ok(()) => String::new(),
            Err(ModelError::Validation(text)) => text,
            Err(other) => panic!("{self:?}: {other}"),
        }
    }

    /// As KMS prints it: `tags.1.member.tagKey`.
    pub(crate) fn path(&self) -> String {
        let parts: Vec<String> = self
            .steps
            .iter()
            .map(|step| match step {
                Step::Member(name) => name[..1].to_lowercase() + &name[1..],
                Step::Element => "1.member".to_owned(),
                Step::Pair => "k.member".to_owned(),
            })
            .collect();
        parts.join(".")
    }

    /// True if this is a string inside a list, whose violations name the list.
    pub(crate) fn is_listed_string(&self) -> bool {
        self.steps.last() == Some(&Step::Element) && matches!(self.shape.kind, Kind::String(_))
    }

    /// Path of the list around an element.
    pub(crate) fn list_path(&self) -> String {
        self.path().strip_suffix(".1.member").unwrap().to_owned()
    }
}

fn put(target: &mut Value, shape: &'static Shape, steps: &[Step], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *target = value;
        return;
    };
    let (slot, inner) = match (step, &shape.kind) {
        (Step::Member(name), Kind::Structure(members)) => {
            let member = members.iter().find(|member| member.name == *name).unwrap();
            let slot = target.as_object_mut().unwrap().entry(*name).or_insert_with(|| good(member.shape));
            (slot, member.shape)
        }
        (Step::Element, Kind::List { member, .. }) => (&mut target[0], *member),
        (Step::Pair, Kind::Map { value, .. }) => (&mut target["k"], *value),
        _ => panic!("{step:?} does not lead into {}", shape.name),
    };
    put(slot, inner, rest, value);
}

/// The smallest right value of a shape.
pub(crate) fn good(shape: &'static Shape) -> Value {
    match &shape.kind {
        Kind::String(rules) => match (&rules.values, &rules.pattern, &rules.length) {
            (Some(values), ..) => json!(values.allowed[0]),
            (None, Some(_), _) => json!(pattern_samples(shape.name).0),
            (None, None, Some(length)) => json!("a".repeat(length.min)),
            (None, None, None) => json!(""),
        },
        Kind::Blob(_) => json!("AAAA"),
        Kind::Integer { min, .. } => json!(min),
        Kind::Boolean => json!(true),
        Kind::Timestamp => json!(1_607_472_987.918),
        Kind::List { member, .. } => json!([good(member)]),
        Kind::Map { value, .. } => json!({ "k": good(value) }),
        Kind::Structure(members) => {
            let required = members.iter().filter(|member| member.required);
            Value::Object(required.map(|member| (member.name.to_owned(), good(member.shape))).collect::<Map<_, _>>())
        }
    }
}

/// A text that satisfies the shape's pattern and one that does not, both within its length.
pub(crate) fn pattern_samples(shape: &str) -> (&'static str, &'static str) {
    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    match shape {
        "AccountIdType" => ("111122223333", "11112222333x"),
        "AliasNameType" => ("alias/a_b-c:d", "alias/a b"),
        "BackingKeyIdType" => (HEX, "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"),
        "CloudHsmClusterIdType" => ("cluster-2345abcdefg", "cluster-1345abcdefg"),
        "GrantConstraintSourceArnType" => {
            ("arn:aws:sns:us-east-1:111122223333:t", "arn:aws:sns:us-east-1:1111222233:t")
        }
        "GrantNameType" => ("name", "na!me"),
        "KeyIdType" => ("alias/x", "キー"),
        "KeyMaterialDescriptionType" => ("made on\t1.2.3", "made (by)"),
        "MarkerType" => ("ÿ", "Ā"),
        "PolicyNameType" => ("default", "invalid-name"),
        "PolicyType" => ("{\n\t}", "{\u{8}}"),
        "PrincipalIdType" => ("arn:aws:iam::111122223333:user/a+b=c,d.e@f", "arn aws"),
        "RegionType" => ("us-gov-west-1", "us-east"),
        "ServicePrincipalType" => ("rds.amazonaws.com", "amazonaws.com"),
        "XksKeyIdType" => ("a-b_c.d", "a/b"),
        "XksProxyAuthenticationAccessKeyIdType" => ("ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRS1"),
        "XksProxyAuthenticationRawSecretAccessKeyType" => {
            ("0123456789abcdef0123456789abcdef012345678/+", "0123456789abcdef0123456789abcdef012345678-_")
        }
        "XksProxyUriEndpointType" => ("https://a.example", "http://a.example"),
        "XksProxyUriPathType" => ("/a/kms/xks/v1", "/a/kms/xks/v123"),
        "XksProxyVpcEndpointServiceNameType" => {
            ("com.amazonaws.vpce.us-east-1.vpce-svc-0a", "com.amazonaws.vpce.us-east-1.vpce-svc-")
        }
        other => panic!("{other} has a pattern and needs two samples here"),
    }
}
