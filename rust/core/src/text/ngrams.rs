//! Hashed n-grams: words and pairs of words in one block, characters within words in another.
//!
//! Both blocks are bags of buckets. Values are set at the end, one number per block: 1/√(number of entries in the block), so that
//! a long prompt does not outweigh a short one and no n-gram has to be looked for twice. For entries that are all different
//! this *is* L2 normalisation. Real deduplication, exact L2 norms, skip-grams and idf were tried on CLINC150, BANKING77 and
//! MMLU subjects: none earned its cost, and idf lost half a point or more.

use super::hash;
use super::swar;

/// Longest run of letters, in characters, that is one word; a longer run is cut there. Bounds the buffers.
pub(super) const LONGEST_WORD: usize = 64;
/// Longest n-gram of words.
pub(super) const LONGEST_WORD_NGRAM: usize = 4;
/// Spaces behind the last word, so that eight bytes can be read at each of its characters.
const SPARE: usize = 8;

/// Collects the word n-grams of one text, and its words for the character n-grams.
pub(super) struct Ngrams<'o> {
    buckets: &'o mut Vec<u32>,
    /// The lower-cased words, one symbol per character, a space before and after each.
    symbols: &'o mut Vec<u8>,
    buckets_log2: u32,
    longest: usize,
    /// Hashes of the 1-, 2-, … grams that end at the last token.
    last: [u64; LONGEST_WORD_NGRAM],
    /// How many of them reach back no further than the start of the text.
    known: usize,
}

impl<'o> Ngrams<'o> {
    pub(super) fn new(
        spec: &super::FeatureSpec,
        buckets: &'o mut Vec<u32>,
        symbols: &'o mut Vec<u8>,
    ) -> Self {
        symbols.push(b' ');
        Self {
            buckets,
            symbols,
            buckets_log2: u32::from(spec.buckets_log2),
            longest: usize::from(spec.word_ngrams).min(LONGEST_WORD_NGRAM),
            last: [0; LONGEST_WORD_NGRAM],
            known: 0,
        }
    }

    /// Forgets the tokens so far: the next one follows `boundary`, the start of the text or a gap in it.
    pub(super) fn begin_after(&mut self, boundary: u64) {
        self.last[0] = boundary;
        self.known = 1;
    }

    /// Ends the text.
    pub(super) fn end(&mut self) {
        if self.known > 1 {
            self.grams_ending_in(hash::END);
        }
    }

    /// A word or a run of marks; returns the hash of the pair that it makes with the token before it.
    #[inline]
    pub(super) fn token(&mut self, token: u64) -> u64 {
        if self.longest > 0 {
            self.buckets.push(hash::bucket(token, self.buckets_log2));
        }
        self.grams_ending_in(token)
    }

    #[inline]
    fn grams_ending_in(&mut self, token: u64) -> u64 {
        let pair = hash::extend(self.last[0], token);
        if self.longest > 1 {
            self.buckets.push(hash::bucket(pair, self.buckets_log2));
        }
        if self.longest > 2 {
            self.longer_grams_ending_in(token);
        }
        self.last[0] = token;
        self.last[1] = pair;
        self.known += 1;
        pair
    }

    fn longer_grams_ending_in(&mut self, token: u64) {
        let before = self.last;
        for n in 2..self.longest.min(self.known + 1) {
            self.last[n] = hash::extend(before[n - 1], token);
            self.buckets.push(hash::bucket(self.last[n], self.buckets_log2));
        }
    }

    /// The characters of a word of at most 14 ASCII letters and digits in one integer, the first lowest, zeros behind it.
    #[inline]
    pub(super) fn short_word(&mut self, folded: u128, len: usize) {
        // Sixteen bytes are written at once and the surplus cut off: cheaper than copying a few.
        let end = self.symbols.len() + len + 1;
        self.symbols.extend_from_slice(&(folded | u128::from(b' ') << (8 * len)).to_le_bytes());
        self.symbols.truncate(end);
    }

    /// One character of a word.
    pub(super) fn symbol(&mut self, symbol: u8) {
        self.symbols.push(symbol);
    }

    /// The end of a word that was given by its characters.
    pub(super) fn end_word(&mut self) {
        self.symbols.push(b' ');
    }
}

/// Appends to `buckets` the character n-grams of the words in `symbols`: from each position those of rising length, and none that spans
/// two words. A word of L characters counts with the space on either side, so it has L + 3 − n of length n ≥ 2, as with
/// scikit-learn's `char_wb`; a space alone is none.
pub(super) fn characters(spec: &super::FeatureSpec, symbols: &mut Vec<u8>, buckets: &mut Vec<u32>) {
    let longest = spec.char_ngram_max.min(hash::LONGEST_CHAR_NGRAM);
    let shortest = spec.char_ngram_min.max(1);
    if shortest > longest {
        return;
    }
    let mut masks = [Mask::default(); hash::LONGEST_CHAR_NGRAM as usize];
    for n in shortest..=longest {
        masks[usize::from(n - shortest)] = Mask::of(n);
    }
    let positions = symbols.len() - 1;
    symbols.extend_from_slice(&[b' '; SPARE]);
    // With their number known, the loop over the lengths unrolls.
    match (&masks, longest - shortest + 1) {
        ([a, ..], 1) => collect(symbols, positions, &[*a], spec.buckets_log2, buckets),
        ([a, b, ..], 2) => collect(symbols, positions, &[*a, *b], spec.buckets_log2, buckets),
        ([a, b, c, ..], 3) => collect(symbols, positions, &[*a, *b, *c], spec.buckets_log2, buckets),
        (_, count) => collect(symbols, positions, &masks[..usize::from(count)], spec.buckets_log2, buckets),
    }
}

/// What makes eight bytes an n-gram.
#[derive(Clone, Copy, Default)]
struct Mask {
    /// Its bytes.
    keep: u64,
    /// The high bits of the bytes that must not be a space: all but the first and the last; for n = 1 that byte.
    inside: u64,
}

impl Mask {
    fn of(n: u8) -> Self {
        let keep = u64::MAX >> (64 - 8 * u32::from(n));
        let inside = if n == 1 { 0x80 } else { keep & keep >> 8 & !0xFF & 0x8080_8080_8080_8080 };
        Self { keep, inside }
    }
}

#[inline(always)]
fn collect(symbols: &[u8], positions: usize, masks: &[Mask], buckets_log2: u8, buckets: &mut Vec<u32>) {
    // Every candidate is written, and the end moves on only behind those that count: no branch to mispredict at each word.
    let start = buckets.len();
    buckets.resize(start + positions * masks.len(), 0);
    let slots = &mut buckets[start..];
    let mut filled = 0;
    for window in symbols.windows(SPARE).take(positions) {
        let mut eight = [0; SPARE];
        eight.copy_from_slice(window);
        let chunk = u64::from_le_bytes(eight);
        let spaces = swar::spaces(chunk);
        for mask in masks {
            slots[filled] = hash::bucket(hash::characters(chunk & mask.keep), u32::from(buckets_log2));
            filled += usize::from(spaces & mask.inside == 0);
        }
    }
    buckets.truncate(start + filled);
}
