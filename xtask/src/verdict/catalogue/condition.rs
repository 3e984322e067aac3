//! What an entry of the catalogue demands of the evidence.
//!
//! Every key that is given must hold; of a list, one element must, but for `code`
//! and `chain`, where all must.

use super::{evidence::Evidence, instruction::Instruction, place::Place};
use crate::verdict::kind::Kind;
use serde::{Deserialize, de};

/// The keys of `when`; `xtask/catalogue.toml` describes them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub verdict: Kind,
    vector: Option<Vectors>,
    #[serde(default)]
    code: Vec<CodeBit>,
    #[serde(default)]
    address: Vec<Place>,
    #[serde(default)]
    instruction: Vec<Instruction>,
    #[serde(default)]
    after: Vec<Instruction>,
    wild_pointer: Option<bool>,
    #[serde(default)]
    function: Vec<String>,
    #[serde(default)]
    backtrace: Vec<String>,
    ring: Option<u8>,
    interrupts: Option<bool>,
    halted: Option<bool>,
    in_service: Option<bool>,
    in_handler: Option<bool>,
    output: Option<bool>,
    #[serde(default)]
    chain: Vec<u8>,
    #[serde(default)]
    met: Vec<u8>,
    idt: Option<Idt>,
    #[serde(default)]
    message: Vec<String>,
    #[serde(default)]
    last_event: Vec<String>,
}

/// One vector, or all from one on.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Vectors {
    One(u8),
    From { from: u8 },
}

/// The state of the interrupt descriptor table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idt {
    /// None was loaded, or one without a single gate.
    None,
    /// Loaded, with room for gates.
    Loaded,
}

/// A bit of an error code that must be set, or clear.
#[derive(Debug, PartialEq, Eq)]
struct CodeBit {
    mask: u64,
    set: bool,
}

/// The bits by name: those of a page fault, then those of a selector (Intel SDM
/// volume 3A, 5.7 "Page-Fault Exceptions" and 7.13 "Error Code").
const CODE_BITS: [(&str, u64); 8] = [
    ("present", 1 << 0),
    ("write", 1 << 1),
    ("user", 1 << 2),
    ("reserved", 1 << 3),
    ("fetch", 1 << 4),
    ("external", 1 << 0),
    ("idt", 1 << 1),
    ("selector", 0xfffc),
];

impl<'de> Deserialize<'de> for CodeBit {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (set, name) = match text.strip_prefix('!') {
            Some(name) => (false, name),
            None => (true, text.as_str()),
        };
        let bit = CODE_BITS.iter().find(|(known, _)| *known == name);
        let &(_, mask) = bit.ok_or_else(|| {
            let known: Vec<&str> = CODE_BITS.iter().map(|(name, _)| *name).collect();
            de::Error::custom(format!("no such bit `{name}`; there are {}", known.join(", ")))
        })?;
        Ok(Self { mask, set })
    }
}

impl CodeBit {
    fn holds(&self, code: u64) -> bool {
        (code & self.mask != 0) == self.set
    }
}

impl Vectors {
    fn holds(&self, vector: u8) -> bool {
        match *self {
            Self::One(one) => vector == one,
            Self::From { from } => vector >= from,
        }
    }
}

impl Condition {
    /// Whether all of it holds.
    pub fn holds(&self, evidence: &Evidence) -> bool {
        let vector = |wanted: &Vectors| evidence.vector.is_some_and(|got| wanted.holds(got));
        self.verdict == evidence.kind
            && self.vector.as_ref().is_none_or(vector)
            && self.code.iter().all(|bit| bit.holds(evidence.code))
            && one_of(&self.address, |place| evidence.address.contains(place))
            && one_of(&self.instruction, |class| evidence.instruction == Some(*class))
            && one_of(&self.after, |class| evidence.after.contains(class))
            && one_of(&self.function, |part| mentions(&evidence.function, part))
            && one_of(&self.backtrace, |part| mentions(&evidence.backtrace, part))
            && one_of(&self.message, |part| evidence.message.contains(part.as_str()))
            && one_of(&self.met, |vector| evidence.met == Some(*vector))
            && one_of(&self.last_event, |word| evidence.last_event == *word)
            && follows(&self.chain, &evidence.chain)
            && self.ring.is_none_or(|ring| evidence.ring == Some(ring))
            && self.idt.is_none_or(|idt| evidence.idt == Some(idt))
            && self.wild_pointer.is_none_or(|wild| evidence.wild_pointer == wild)
            && self.interrupts.is_none_or(|on| evidence.interrupts == Some(on))
            && self.halted.is_none_or(|halted| evidence.halted == Some(halted))
            && self.in_service.is_none_or(|busy| evidence.in_service == Some(busy))
            && self.in_handler.is_none_or(|inside| evidence.in_handler == Some(inside))
            && self.output.is_none_or(|output| evidence.output == output)
    }

    /// How many things it demands: what makes it more specific than another.
    pub fn weight(&self) -> usize {
        let lists = [
            self.address.is_empty(),
            self.instruction.is_empty(),
            self.after.is_empty(),
            self.function.is_empty(),
            self.backtrace.is_empty(),
            self.met.is_empty(),
            self.message.is_empty(),
            self.last_event.is_empty(),
        ];
        let options = [
            self.vector.is_none(),
            self.ring.is_none(),
            self.idt.is_none(),
            self.wild_pointer.is_none(),
            self.interrupts.is_none(),
            self.halted.is_none(),
            self.in_service.is_none(),
            self.in_handler.is_none(),
            self.output.is_none(),
        ];
        let given = |absent: &&bool| !**absent;
        lists.iter().chain(&options).filter(given).count() + self.code.len() + self.chain.len()
    }
}

/// No demand, or one that holds.
fn one_of<T>(wanted: &[T], holds: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(holds)
}

fn mentions(names: &[String], part: &str) -> bool {
    names.iter().any(|name| name.contains(part))
}

/// Whether `wanted` stands in `got` in this order, with anything between.
fn follows(wanted: &[u8], got: &[u8]) -> bool {
    let mut rest = got.iter();
    wanted.iter().all(|one| rest.any(|other| other == one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Condition, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn an_unknown_word_is_a_mistake() {
        for text in [
            "verdict = \"boom\"",
            "verdict = \"exception\"\ncode = [\"presnt\"]",
            "verdict = \"exception\"\naddress = [\"moon\"]",
            "verdict = \"exception\"\ninstruction = [\"jump\"]",
            "verdict = \"exception\"\ncolour = 1",
            "vector = 1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_key_counts_and_must_hold() {
        let text = "verdict = \"exception\"\nvector = 14\ncode = [\"present\", \"!write\"]";
        let condition = parse(text).expect("good");
        assert_eq!(condition.weight(), 3);
        let mut evidence = Evidence::of(Kind::Exception);
        assert!(!condition.holds(&evidence));
        (evidence.vector, evidence.code) = (Some(14), 1);
        assert!(condition.holds(&evidence));
        evidence.code = 3;
        assert!(!condition.holds(&evidence));
        evidence.kind = Kind::TripleFault;
        assert!(!condition.holds(&evidence));
    }

    #[test]
    fn a_chain_has_an_order() {
        assert!(follows(&[14, 8], &[3, 14, 13, 8]));
        assert!(!follows(&[8, 14], &[14, 8]));
        assert!(follows(&[], &[14]));
    }
}
