//! The one pass over a text: finds words and marks, counts what the signals need, hands tokens to the n-grams.
//!
//! A token is a word (a run of letters and digits), one ideograph, or a run of marks: punctuation is kept, because `?`, `=>` and
//! ` ``` ` say as much about a prompt as a word does (measured: + 0.1 to 0.2 points on intents). ASCII goes eight bytes at a time;
//! the first character outside ASCII sends its word down a slower path with the same result.

use super::chars::{self, Kind, Script};
use super::cues::Lexicon;
use super::hash;
use super::ngrams::{LONGEST_WORD, Ngrams};
use super::swar;
use super::tally::Tally;

/// Words up to this length, with a space on either side, fit a `u128`.
const SHORT_WORD: usize = 14;
/// UTF-8 of the longest word, and of a last character that becomes three when lower-cased.
const LONGEST_WORD_BYTES: usize = (LONGEST_WORD + 2) * 4;

/// What an ASCII byte does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Space,
    Newline,
    Word,
    Mark,
    Beyond,
}

const BYTES: [Byte; 256] = {
    let mut table = [Byte::Mark; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'\n' => Byte::Newline,
            0..=b' ' | 0x7F => Byte::Space,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Byte::Word,
            0x80.. => Byte::Beyond,
            _ => Byte::Mark,
        };
        byte += 1;
    }
    table
};

/// A pass over one text.
pub(super) struct Scan<'o> {
    ngrams: Ngrams<'o>,
    lexicon: &'static Lexicon,
    tally: Tally,
    /// Bytes of the parts before the one at hand, so that offsets go on counting.
    offset: usize,
    line_start: bool,
}

impl<'o> Scan<'o> {
    pub(super) fn new(ngrams: Ngrams<'o>) -> Self {
        let tally = Tally { lines: 1, ..Tally::default() };
        Self { ngrams, lexicon: Lexicon::shared(), tally, offset: 0, line_start: true }
    }

    /// Reads the text, or its head and its tail.
    pub(super) fn read(mut self, head: &str, tail: &str) -> Tally {
        self.ngrams.begin_after(hash::START);
        self.part(head);
        if !tail.is_empty() {
            self.offset = head.len();
            self.ngrams.begin_after(hash::GAP);
            self.part(tail);
        }
        self.ngrams.end();
        if self.tally.in_sentence {
            self.tally.sentence_ends += 1;
        }
        self.tally
    }

    fn part(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at = match BYTES[byte as usize] {
                Byte::Word => self.ascii_word(text, at),
                Byte::Space => at + 1,
                Byte::Mark => self.marks(text, at),
                Byte::Beyond => self.beyond(text, at),
                Byte::Newline => {
                    self.tally.lines += 1;
                    self.line_start = true;
                    at + 1
                }
            };
        }
    }

    /// The word of ASCII letters and digits at `at`; gives the offset behind it.
    #[inline]
    fn ascii_word(&mut self, text: &str, at: usize) -> usize {
        let bytes = text.as_bytes();
        let run = swar::run(swar::chunk(bytes, at));
        let (mut folded, mut len) = (u128::from(run.folded), run.len);
        let (mut capitals, mut digits) = (run.capitals, run.digits);
        if len == 8 {
            let more = swar::run(swar::chunk(bytes, at + 8));
            folded |= u128::from(more.folded) << 64;
            len += more.len;
            capitals += more.capitals;
            digits += more.digits;
        }
        let after = bytes.get(at + len).copied().unwrap_or(b' ');
        if len > SHORT_WORD || after >= 0x80 {
            return self.any_word(text, at);
        }
        let letters = folded.to_le_bytes();
        let token = hash::word(&letters[..len]);
        self.ngrams.short_word(folded, len);
        self.word(token, len, capitals, digits);
        if len <= 2 && capitals + digits > 0 {
            if len == 1 && capitals == 1 {
                self.option(bytes, at);
            } else if digits as usize == len {
                self.list_number(bytes, at, folded as u32);
            }
        }
        // Nearly always one space follows.
        at + len + usize::from(after == b' ')
    }

    /// Any word at `at`, one character at a time.
    fn any_word(&mut self, text: &str, at: usize) -> usize {
        let mut folded = [0; LONGEST_WORD_BYTES];
        let (mut len, mut folded_len, mut capitals, mut digits, mut beyond) = (0, 0, 0, 0, 0);
        let mut end = at;
        for c in text[at..].chars() {
            if len >= LONGEST_WORD {
                break;
            }
            if c.is_ascii() {
                if !c.is_ascii_alphanumeric() {
                    break;
                }
                digits += u32::from(c.is_ascii_digit());
            } else {
                match chars::kind(c) {
                    Kind::Letter => {}
                    Kind::Ignored => {
                        end += c.len_utf8();
                        continue;
                    }
                    Kind::Ideograph | Kind::Mark | Kind::Space => break,
                }
                beyond += 1;
                self.tally.scripts[chars::script(c) as usize] += 1;
            }
            let mut upper = false;
            for lower in c.to_lowercase() {
                upper |= lower != c;
                self.ngrams.symbol(hash::symbol(lower));
                folded_len += lower.encode_utf8(&mut folded[folded_len..]).len();
                len += 1;
            }
            capitals += u32::from(upper);
            end += c.len_utf8();
        }
        if len > 0 {
            self.tally.non_ascii += beyond;
            let token = hash::word(&folded[..folded_len]);
            self.ngrams.end_word();
            self.word(token, len, capitals, digits);
        }
        end.max(at + 1)
    }

    /// What is the same for every word.
    #[inline]
    fn word(&mut self, token: u64, len: usize, capitals: u32, digits: u32) {
        let pair = self.ngrams.token(token);
        let cues = self.lexicon.look_up(token) | self.lexicon.look_up(pair);
        let tally = &mut self.tally;
        if cues != 0 {
            tally.count_cues(cues);
        }
        tally.words += 1;
        tally.word_chars += len as u32;
        tally.long_words += u32::from(len > 6);
        if capitals | digits != 0 {
            tally.capital_letters += capitals;
            tally.shouted_words += u32::from(len > 1 && capitals as usize == len);
            tally.digits += digits;
            let number = u32::from(digits as usize == len);
            tally.numbers += number;
            tally.option_numbers += number * u32::from(tally.options > 0);
        }
        tally.in_sentence = true;
        self.line_start = false;
    }

    /// `A.` or `A)` or `A:` before a space, where the letter is the next of its list.
    fn option(&mut self, bytes: &[u8], at: usize) {
        let next = b'A' + (self.tally.options as u8).min(25);
        let before = at.checked_sub(1).map_or(b'\n', |before| bytes[before]);
        let (mark, space) = (bytes.get(at + 1), bytes.get(at + 2).copied().unwrap_or(b' '));
        if bytes[at] == next
            && matches!(before, b' ' | b'\n' | b'(' | b'\t')
            && matches!(mark, Some(b'.' | b')' | b':'))
            && space.is_ascii_whitespace()
        {
            if self.tally.options == 0 {
                self.tally.options_start = self.offset + at;
            }
            self.tally.options += 1;
        }
    }

    /// `1.` or `1)` before a space, where the number is the next of its list.
    fn list_number(&mut self, bytes: &[u8], at: usize, digits: u32) {
        let next = self.tally.list_items + 1;
        let number = if digits > 0xFF { (digits & 15) * 10 + (digits >> 8 & 15) } else { digits & 15 };
        let behind = at + 1 + usize::from(digits > 0xFF);
        let (mark, space) = (bytes.get(behind), bytes.get(behind + 1).copied().unwrap_or(b' '));
        if number == next && matches!(mark, Some(b'.' | b')')) && space.is_ascii_whitespace() {
            self.tally.list_items += 1;
        }
    }

    /// A character outside ASCII that no word has begun before.
    fn beyond(&mut self, text: &str, at: usize) -> usize {
        let Some(c) = text[at..].chars().next() else { return at + 1 };
        let end = at + c.len_utf8();
        match chars::kind(c) {
            Kind::Letter => self.any_word(text, at),
            Kind::Mark => self.marks(text, at),
            Kind::Space | Kind::Ignored => end,
            Kind::Ideograph => {
                self.tally.non_ascii += 1;
                self.tally.scripts[Script::EastAsian as usize] += 1;
                self.ngrams.symbol(hash::symbol(c));
                self.ngrams.end_word();
                self.word(hash::word(&text.as_bytes()[at..end]), 1, 0, 0);
                end
            }
        }
    }

    /// The run of marks at `at`.
    fn marks(&mut self, text: &str, at: usize) -> usize {
        let bytes = text.as_bytes();
        let mut end = at;
        while let Some(&byte) = bytes.get(end) {
            match BYTES[byte as usize] {
                Byte::Mark => {
                    self.mark(byte);
                    end += 1;
                }
                Byte::Beyond => {
                    let Some(c) = text[end..].chars().next() else { break };
                    match chars::kind(c) {
                        Kind::Mark => self.mark_beyond(c),
                        Kind::Ignored => {}
                        Kind::Letter | Kind::Ideograph | Kind::Space => break,
                    }
                    end += c.len_utf8();
                }
                Byte::Space | Byte::Newline | Byte::Word => break,
            }
            if end - at >= LONGEST_WORD {
                break;
            }
        }
        let run = &bytes[at..end];
        let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
        let after = bytes.get(end).copied().unwrap_or(b' ');
        self.judge_marks(run, before, after);
        // Typed and typeset quotes are the same token.
        let token = match run {
            b"\xE2\x80\x98" | b"\xE2\x80\x99" => hash::word(b"'"),
            b"\xE2\x80\x9C" | b"\xE2\x80\x9D" => hash::word(b"\""),
            _ => hash::word(run),
        };
        let pair = self.ngrams.token(token);
        let cues = self.lexicon.look_up(pair);
        if cues != 0 {
            self.tally.count_cues(cues);
        }
        self.line_start = false;
        end
    }

    #[inline]
    fn mark(&mut self, byte: u8) {
        let tally = &mut self.tally;
        match byte {
            b'?' => tally.question_marks += 1,
            b'!' => tally.exclamation_marks += 1,
            b'{' | b'}' | b'[' | b']' | b'(' | b')' | b';' | b'_' | b'#' | b'@' | b'|' | b'&' | b'`' => {
                tally.code_marks += 1;
            }
            b'\\' | b'$' => tally.formulas += 1,
            b'+' | b'=' | b'*' | b'^' | b'<' | b'>' | b'~' => tally.operators += 1,
            _ => {}
        }
    }

    fn mark_beyond(&mut self, c: char) {
        let tally = &mut self.tally;
        tally.non_ascii += 1;
        match c {
            '？' | '؟' => tally.question_marks += 1,
            '！' => tally.exclamation_marks += 1,
            '×' | '÷' | '±' => tally.operators += 1,
            // Arrows, mathematical operators, and their supplements.
            '\u{2190}'..='\u{22FF}' | '\u{27C0}'..='\u{27FF}' | '\u{2900}'..='\u{2AFF}' => {
                tally.formulas += 1
            }
            _ => {}
        }
        if matches!(c, '。' | '！' | '？' | '؟' | '।' | '…') && tally.in_sentence {
            tally.sentence_ends += 1;
            tally.in_sentence = false;
        }
    }

    /// What a run of marks is, from its neighbours.
    fn judge_marks(&mut self, run: &[u8], before: u8, after: u8) {
        let tally = &mut self.tally;
        let closes = run.iter().any(|byte| matches!(byte, b'.' | b'?' | b'!'));
        if closes && after.is_ascii_whitespace() && tally.in_sentence {
            tally.sentence_ends += 1;
            tally.in_sentence = false;
        }
        if run.windows(3).any(|three| three == b"```") {
            tally.fences += 1;
        }
        let joined = before.is_ascii_alphabetic() || before == b'_';
        if joined
            && (run[0] == b'('
                || (matches!(run, b"_" | b"." | b"::" | b"->") && after.is_ascii_alphanumeric()))
        {
            tally.code_joins += 1;
        }
        let bullet = matches!(run, b"-" | b"*") || run == "•".as_bytes();
        if self.line_start && bullet && after == b' ' {
            tally.list_items += 1;
        }
    }
}
