//! What is counted on the way through a text; the signals are computed from it.

use super::chars::Script;
use super::cues::{CUES, Cue};

/// Number of [`Script`]s.
pub(super) const SCRIPTS: usize = Script::Other as usize + 1;

/// Counts over the part of a text that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) words: u32,
    /// Characters of words.
    pub(super) word_chars: u32,
    /// Words of more than six characters, as LIX counts them (Björnsson 1968).
    pub(super) long_words: u32,
    pub(super) capital_letters: u32,
    /// Words of two letters or more that are all capitals.
    pub(super) shouted_words: u32,
    pub(super) digits: u32,
    /// Words that are all digits.
    pub(super) numbers: u32,
    /// The same, after the first answer option.
    pub(super) option_numbers: u32,
    /// Characters outside ASCII, of words and marks.
    pub(super) non_ascii: u32,
    /// Characters of words by script; ASCII letters and digits are not in it.
    pub(super) scripts: [u32; SCRIPTS],
    pub(super) lines: u32,
    pub(super) sentence_ends: u32,
    /// A word was read since the last end of a sentence.
    pub(super) in_sentence: bool,
    pub(super) question_marks: u32,
    pub(super) exclamation_marks: u32,
    pub(super) fences: u32,
    /// Brackets, semicolons, underscores and the like.
    pub(super) code_marks: u32,
    /// `name(` with nothing between, `snake_case`, `a.b` of words.
    pub(super) code_joins: u32,
    pub(super) operators: u32,
    /// `\command`, `$`, mathematical symbols outside ASCII.
    pub(super) formulas: u32,
    pub(super) list_items: u32,
    pub(super) options: u32,
    /// Offset of the first option and of the end of the text, in bytes.
    pub(super) options_start: usize,
    pub(super) cues: [u16; CUES],
}

impl Tally {
    /// How often a cue was met.
    pub(super) fn cue(&self, cue: Cue) -> f32 {
        f32::from(self.cues[cue as usize])
    }

    /// Counts the cues of which `mask` has the bits.
    #[inline]
    pub(super) fn count_cues(&mut self, mut mask: u32) {
        while mask != 0 {
            let cue = &mut self.cues[mask.trailing_zeros() as usize % CUES];
            *cue = cue.saturating_add(1);
            mask &= mask - 1;
        }
    }
}
