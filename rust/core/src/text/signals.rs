//! Named numbers about a prompt.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::TaskType;

macro_rules! signals {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        #[allow(non_camel_case_types, missing_docs, dead_code, reason = "the variants are the names of the signals, used as offsets")]
        #[derive(Clone, Copy)]
        pub(super) enum Signal { $($name,)+ }

        impl Signals {
            /// Names of the signals, in order.
            pub const NAMES: [&'static str; SIGNALS] = [$(stringify!($name),)+];
        }
        const SIGNALS: usize = [$(stringify!($name),)+].len();
    };
}

signals! {
    /// Bytes of the whole prompt, also of the part that was not read.
    bytes,
    /// Words read.
    words,
    /// Sentences.
    sentences,
    /// Lines.
    lines,
    /// Complexity in [0, 1].
    complexity,
    /// Required reasoning depth in [0, 1].
    depth,
}

/// The signals of one text, by name or in the order of [`Signals::NAMES`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signals([f32; SIGNALS]);

impl Default for Signals {
    fn default() -> Self {
        Self([0.0; SIGNALS])
    }
}

/// As a map from name to number, so that a log can be read and a later version may add a signal.
impl Serialize for Signals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Self::NAMES.iter().zip(&self.0))
    }
}

/// A name that is missing is 0 (it was written before that signal existed); one that is unknown is an error.
impl<'de> Deserialize<'de> for Signals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut signals = Self::default();
        for (name, value) in BTreeMap::<String, f32>::deserialize(deserializer)? {
            match Self::NAMES.iter().position(|known| *known == name) {
                Some(position) => signals.0[position] = value,
                None => return Err(D::Error::custom(format!("unknown signal {name:?}"))),
            }
        }
        Ok(signals)
    }
}

impl Signals {
    /// The signal of that name; `None` for a name that is not in [`Signals::NAMES`].
    pub fn get(&self, name: &str) -> Option<f32> {
        let position = Self::NAMES.iter().position(|known| *known == name)?;
        Some(self.0[position])
    }

    /// All signals, in the order of [`Signals::NAMES`].
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Complexity in [0, 1].
    pub fn complexity(&self) -> f32 {
        self.0[Signal::complexity as usize]
    }

    /// Required reasoning depth in [0, 1].
    pub fn depth(&self) -> f32 {
        self.0[Signal::depth as usize]
    }

    /// What kind of work the prompt asks for.
    pub fn task_type(&self) -> TaskType {
        super::task_type(self)
    }
}
