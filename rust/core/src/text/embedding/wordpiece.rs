//! Text → word pieces: BERT's basic tokenizer in lower case, then the longest piece first (Wu et al. 2016, §4.1).
//!
//! Agrees with the `tokenizers` library on what a text *says*; a special token that is written out, such as `[MASK]`, is the three
//! words that it looks like: no text may speak to the model in its own marks. Nothing is allocated but room for the result.

use super::super::swar;
use super::EmbeddingError;
use super::UNKNOWN_PIECE;
use super::classes::{Class, Classes, fold, part};
use super::pieces::{Pieces, Place, SHORT, long_hash, short, short_hash};

/// Longest word that is looked at, in characters; a longer one is unknown.
const LONGEST_WORD: usize = 100;
const LONGEST_WORD_BYTES: usize = LONGEST_WORD * 4;

/// What an ASCII byte does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Word,
    Space,
    Mark,
    Removed,
    Beyond,
}

const BYTES: [Byte; 256] = {
    let mut table = [Byte::Mark; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' => Byte::Space,
            0..b' ' | 0x7F => Byte::Removed,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Byte::Word,
            0x80.. => Byte::Beyond,
            _ => Byte::Mark,
        };
        byte += 1;
    }
    table
};

/// A vocabulary, ready to take texts apart.
#[derive(Clone, Debug)]
pub(super) struct WordPieces {
    pieces: Pieces,
    unknown: Option<u32>,
    classes: &'static Classes,
}

impl WordPieces {
    pub(super) fn new<P: AsRef<str>>(pieces: &[P]) -> Result<Self, EmbeddingError> {
        let unknown = pieces.iter().position(|piece| piece.as_ref() == UNKNOWN_PIECE);
        Ok(Self {
            pieces: Pieces::new(pieces)?,
            unknown: unknown.map(|position| position as u32),
            classes: Classes::shared(),
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pieces.memory_bytes()
    }

    /// Appends the pieces of `text` to `out`.
    pub(super) fn pieces_into(&self, text: &str, out: &mut Vec<u32>) {
        let bytes = text.as_bytes();
        let mut word = Word::new();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at = match BYTES[byte as usize] {
                Byte::Word => self.letters(bytes, at, &mut word, out),
                Byte::Space => {
                    self.end(&mut word, out);
                    at + 1
                }
                Byte::Mark => {
                    self.end(&mut word, out);
                    self.short(u128::from(byte), 1, out);
                    at + 1
                }
                Byte::Removed => at + 1,
                Byte::Beyond => self.beyond(text, at, &mut word, out),
            };
        }
        self.end(&mut word, out);
    }

    /// ASCII letters and digits from `at` on; gives the offset behind those that were read.
    #[inline]
    fn letters(&self, bytes: &[u8], at: usize, word: &mut Word, out: &mut Vec<u32>) -> usize {
        let run = swar::run(swar::chunk(bytes, at));
        let (mut folded, mut len) = (u128::from(run.folded), run.len);
        if len == 8 {
            let more = swar::run(swar::chunk(bytes, at + 8));
            folded |= u128::from(more.folded) << 64;
            len += more.len;
        }
        let after = bytes.get(at + len).map_or(Byte::Space, |byte| BYTES[*byte as usize]);
        if word.is_empty() && matches!(after, Byte::Space | Byte::Mark) {
            self.short(folded, len, out);
        } else {
            word.push_ascii(&folded.to_le_bytes()[..len]);
        }
        at + len
    }

    /// The character at `at`, which is not ASCII.
    fn beyond(&self, text: &str, at: usize, word: &mut Word, out: &mut Vec<u32>) -> usize {
        let Some(c) = text[at..].chars().next() else { return text.len() };
        match self.classes.of(c) {
            Class::Letter => word.push(c),
            Class::Removed => {}
            Class::Space => self.end(word, out),
            Class::Ideograph | Class::Punctuation => {
                self.end(word, out);
                fold(c, |c| word.push(c));
                self.end(word, out);
            }
            Class::Folded => fold(c, |c| match part(c) {
                Class::Space => self.end(word, out),
                Class::Punctuation => {
                    self.end(word, out);
                    word.push(c);
                    self.end(word, out);
                }
                _ => word.push(c),
            }),
        }
        at + c.len_utf8()
    }

    /// Takes the word that has been collected apart, and forgets it.
    #[inline]
    fn end(&self, word: &mut Word, out: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        match short(word.bytes()) {
            _ if word.chars > LONGEST_WORD => out.extend(self.unknown),
            Some(key) => self.short(key, word.bytes().len(), out),
            None => self.long(word.bytes(), out),
        }
        word.clear();
    }

    /// The pieces of a word of `len` bytes, at most 16.
    #[inline]
    fn short(&self, key: u128, len: usize, out: &mut Vec<u32>) {
        match self.pieces.find(short_hash(key, Place::Head)) {
            Some(whole) => out.push(whole),
            None => self.short_in_pieces(key, len, out),
        }
    }

    #[inline(never)]
    fn short_in_pieces(&self, mut key: u128, mut len: usize, out: &mut Vec<u32>) {
        let start = out.len();
        let (mut place, mut longest) = (Place::Head, len - 1);
        while len > 0 {
            // A head that ends inside a character is no piece: pieces are whole characters.
            let mut heads = (1..=longest.min(self.pieces.longest())).rev();
            let found = heads.find_map(|head| {
                let kept = key & (u128::MAX >> (8 * (SHORT - head)));
                Some((head, self.pieces.find(short_hash(kept, place))?))
            });
            let Some((head, piece)) = found else {
                out.truncate(start);
                out.extend(self.unknown);
                return;
            };
            out.push(piece);
            len -= head;
            key = if head == SHORT { 0 } else { key >> (8 * head) };
            (place, longest) = (Place::Rest, len);
        }
    }

    /// The pieces of a longer word.
    fn long(&self, word: &[u8], out: &mut Vec<u32>) {
        let start = out.len();
        let (mut rest, mut place) = (word, Place::Head);
        while !rest.is_empty() {
            let mut heads = (1..=rest.len().min(self.pieces.longest())).rev();
            let found = heads.find_map(|head| {
                let bytes = &rest[..head];
                let hash = match short(bytes) {
                    Some(key) => short_hash(key, place),
                    None => long_hash(bytes, place),
                };
                Some((head, self.pieces.find(hash)?))
            });
            let Some((head, piece)) = found else {
                out.truncate(start);
                out.extend(self.unknown);
                return;
            };
            out.push(piece);
            (rest, place) = (&rest[head..], Place::Rest);
        }
    }
}

/// A word that is collected character by character.
struct Word {
    bytes: [u8; LONGEST_WORD_BYTES],
    len: usize,
    /// Counted beyond what is kept.
    chars: usize,
}

impl Word {
    fn new() -> Self {
        Self { bytes: [0; LONGEST_WORD_BYTES], len: 0, chars: 0 }
    }

    fn is_empty(&self) -> bool {
        self.chars == 0
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn clear(&mut self) {
        (self.len, self.chars) = (0, 0);
    }

    fn push(&mut self, c: char) {
        self.chars = self.chars.saturating_add(1);
        if self.chars <= LONGEST_WORD {
            // A hundred characters of four bytes fit.
            self.len += c.encode_utf8(&mut self.bytes[self.len..]).len();
        }
    }

    fn push_ascii(&mut self, letters: &[u8]) {
        self.chars = self.chars.saturating_add(letters.len());
        if self.chars <= LONGEST_WORD {
            self.bytes[self.len..self.len + letters.len()].copy_from_slice(letters);
            self.len += letters.len();
        }
    }
}
