//! What a character does to the words around it, by the rules of BERT's basic tokenizer (Devlin et al. 2019, `tokenization.py`) as the
//! `tokenizers` library reads them: its categories are those of Unicode 8, the crate that it asks is asked here.

use std::sync::OnceLock;

use unicode_categories::UnicodeCategories;
use unicode_normalization::char::decompose_canonical;

/// What becomes of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Part of a word, as it is.
    Letter,
    /// Becomes other characters: decomposed, without accents, in lower case.
    Folded,
    /// Left out; what stands on either side is joined.
    Removed,
    /// Separates words.
    Space,
    /// A word by itself.
    Ideograph,
    /// A word by itself.
    Punctuation,
}

/// Characters below this are looked up: the first plane.
const PLANE: usize = 0x1_0000;

/// The class of each character of the first plane; the others are worked out.
pub(super) struct Classes(Vec<Class>);

impl Classes {
    /// Made once in a process, in some milliseconds.
    pub(super) fn shared() -> &'static Self {
        static CLASSES: OnceLock<Classes> = OnceLock::new();
        CLASSES.get_or_init(|| {
            let class = |point| char::from_u32(point).map_or(Class::Removed, work_out);
            Classes((0..PLANE as u32).map(class).collect())
        })
    }

    #[inline]
    pub(super) fn of(&self, c: char) -> Class {
        match self.0.get(c as usize) {
            Some(class) => *class,
            None => work_out(c),
        }
    }
}

fn work_out(c: char) -> Class {
    let is_blank = matches!(c, '\t' | '\n' | '\r');
    if !is_blank && (c == '\u{FFFD}' || c.is_other()) {
        Class::Removed
    } else if c.is_whitespace() {
        Class::Space
    } else if is_ideograph(c) {
        Class::Ideograph
    } else {
        let mut folded = Vec::new();
        fold(c, |c| folded.push(c));
        match folded[..] {
            [] => Class::Removed,
            [same] if same == c => part(c),
            _ => Class::Folded,
        }
    }
}

/// Class of a character that has been folded.
pub(super) fn part(c: char) -> Class {
    if c.is_whitespace() {
        Class::Space
    } else if c.is_ascii_punctuation() || c.is_punctuation() {
        Class::Punctuation
    } else {
        Class::Letter
    }
}

/// What becomes of a character: its canonical decomposition without marks that take no room, in lower case.
pub(super) fn fold(c: char, mut emit: impl FnMut(char)) {
    decompose_canonical(c, |part| {
        if !part.is_mark_nonspacing() {
            part.to_lowercase().for_each(&mut emit);
        }
    });
}

/// The blocks that BERT calls Chinese; kana and hangul are written in words.
fn is_ideograph(c: char) -> bool {
    matches!(c as u32,
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x2_A6DF
        | 0x2_A700..=0x2_B81F | 0x2_B920..=0x2_CEAF | 0x2_F800..=0x2_FA1F)
}

impl std::fmt::Debug for Classes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Classes")
    }
}
