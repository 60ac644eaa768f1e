//! Named numbers about a prompt: what rules read before there is data, and what learned routers read beside the n-grams.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::TaskType;

macro_rules! signals {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        #[allow(non_camel_case_types, reason = "the variants are the public names of the signals, used as offsets")]
        #[derive(Clone, Copy)]
        pub(super) enum Signal { $($(#[doc = $doc])+ $name,)+ }

        /// Number of signals.
        const SIGNALS: usize = [$(Signal::$name),+].len();

        impl Signals {
            /// Names of the signals, in order.
            ///
            /// | name | meaning |
            /// |---|---|
            $(#[doc = concat!("| `", stringify!($name), "` |", $($doc,)+ " |")])+
            pub const NAMES: [&'static str; SIGNALS] = [$(stringify!($name)),+];
        }
    };
}

signals! {
    /// How much the prompt asks for, in \[0, 1\]: length, readability, code, maths, constraints, steps.
    complexity,
    /// How far it asks to think, in \[0, 1\]: proofs, reasons, mathematics, ordered steps.
    depth,
    /// Bytes of the whole prompt, also of what was not read.
    bytes,
    /// 1 when the prompt is longer than the spec's `max_bytes` and its middle was not read.
    truncated,
    /// Words read; an ideograph is a word.
    words,
    /// Sentences: ends of sentences, and one more for words behind the last.
    sentences,
    /// Lines.
    lines,
    /// Mean length of a word, in characters.
    word_chars_mean,
    /// Share of words with more than six characters.
    long_word_share,
    /// LIX readability: words per sentence + 100 · share of long words; 25 is easy, 60 very difficult (Björnsson 1968).
    lix,
    /// Question marks.
    question_marks,
    /// Words that open a question: what, who, how, …
    question_words,
    /// Fences of three backticks.
    code_fences,
    /// Brackets, semicolons, underscores, … for each byte read.
    code_mark_share,
    /// Words of programmers: function, python, compile, …
    code_words,
    /// Evidence of program code, in \[0, 1\]; 0 when there is none.
    code,
    /// Share of digits among the bytes read.
    digit_share,
    /// Words that are numbers.
    numbers,
    /// Operators: + = * ^ < > ~ × ÷ ±; not / and %, which dates and prices have.
    operators,
    /// Marks of LaTeX and mathematical symbols.
    formulas,
    /// Words of mathematicians: calculate, equation, triangle, …
    maths_words,
    /// Evidence of mathematics, in \[0, 1\]; 0 when there is none.
    maths,
    /// Demands on the answer: must, exactly, at most, …
    constraints,
    /// Demands on its form: json, table, one word, …
    formats,
    /// Words and list items that order work: first, then, 1., 2., …
    steps,
    /// Numbered and bulleted items.
    list_items,
    /// Requests to reason: why, explain, compare, …
    reasons,
    /// Requests to reason far: prove, derive, step by step, …
    deep_reasons,
    /// Terms of a trade: encryption, plaintiff, enzyme, …
    technical_words,
    /// Hints that a tool or fresh data is needed: search, weather, calendar, today, …
    tools,
    /// Negations: not, never, n't, …
    negations,
    /// Requests to take something out of a text.
    extractions,
    /// Requests to choose a label or an option.
    classifications,
    /// Requests to shorten.
    summaries,
    /// Requests for another language.
    translations,
    /// Requests for something new: poem, story, write a, …
    creations,
    /// Polite talk: hi, thanks, please, …
    greetings,
    /// Requests for little: briefly, what is, who was, …
    briefs,
    /// Answer options, A. B. C. …
    options,
    /// Mean length of an answer option, in bytes.
    option_bytes_mean,
    /// Numbers for each answer option.
    option_number_share,
    /// Share of capital letters among the characters of words.
    capital_share,
    /// Share of words in capitals only.
    shouting,
    /// Exclamation marks.
    exclamation_marks,
    /// Share of characters outside ASCII, of words and marks.
    non_ascii_share,
    /// Number of scripts: Latin, European, right-to-left, Indic, East Asian, other.
    scripts,
    /// Share of the characters of words in Cyrillic, Greek, Armenian, Georgian.
    european_share,
    /// The same for Hebrew, Arabic and other scripts from right to left.
    right_to_left_share,
    /// The same for the scripts of India and South-East Asia.
    indic_share,
    /// The same for Chinese, Japanese, Korean.
    east_asian_share,
}

/// The signals of one text, by name or in the order of [`Signals::NAMES`].
///
/// ```
/// use ecology_core::text::FeatureSpec;
/// let signals = FeatureSpec::default().extract("Sort this list in Python:\n```\nxs = [3, 1]\n```").signals;
/// assert_eq!(signals.get("code_fences"), Some(2.0));
/// assert!(signals.get("code") > Some(0.5));
/// assert_eq!(signals.get("no such signal"), None);
/// ```
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

    /// Every signal brought to about [0, 1], for heads that learn from them: shares and scores as they are, counts and
    /// lengths as log₂(1 + x) / 16.
    pub fn scaled(&self) -> [f32; SIGNALS] {
        static IS_SHARE: OnceLock<[bool; SIGNALS]> = OnceLock::new();
        let is_share = IS_SHARE.get_or_init(|| {
            Self::NAMES.map(|name| {
                let share = name.ends_with("_share") && name != "option_number_share";
                share || matches!(name, "complexity" | "depth" | "truncated" | "code" | "maths" | "shouting")
            })
        });
        let mut scaled = self.0;
        for (number, is_share) in scaled.iter_mut().zip(is_share) {
            if !is_share && *number != 0.0 {
                // In f64: one rounding of the result, so that its last bit does not depend on the platform's logarithm.
                *number = ((1.0 + f64::from(*number)).log2() / 16.0) as f32;
            }
        }
        scaled
    }

    /// How much the prompt asks for, in [0, 1].
    pub fn complexity(&self) -> f32 {
        self.at(Signal::complexity)
    }

    /// How far it asks to think, in [0, 1].
    pub fn depth(&self) -> f32 {
        self.at(Signal::depth)
    }

    /// What kind of work the prompt asks for.
    pub fn task_type(&self) -> TaskType {
        super::task_type(self)
    }

    pub(super) fn at(&self, signal: Signal) -> f32 {
        self.0[signal as usize]
    }

    pub(super) fn set(&mut self, signal: Signal, value: f32) {
        self.0[signal as usize] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_to_their_number() {
        let mut signals = Signals::default();
        signals.set(Signal::east_asian_share, 0.5);
        assert_eq!(Signals::NAMES.last(), Some(&"east_asian_share"));
        assert_eq!(signals.get("east_asian_share"), Some(0.5));
        let mut names = Signals::NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SIGNALS);
    }

    #[test]
    fn json_is_a_map_that_comes_back_bit_for_bit_and_refuses_unknown_names() {
        let mut signals = Signals::default();
        signals.set(Signal::complexity, 0.1_f32 + 0.2);
        let json = serde_json::to_string(&signals).unwrap();
        assert_eq!(serde_json::from_str::<Signals>(&json).unwrap(), signals);
        assert_eq!(serde_json::from_str::<Signals>("{}").unwrap(), Signals::default());
        assert!(serde_json::from_str::<Signals>(r#"{"complexitee": 1}"#).is_err());
    }
}
