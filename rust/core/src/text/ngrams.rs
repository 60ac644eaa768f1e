//! Hashed n-grams as they are met: words and pairs of words in one block, characters within words in another.
//!
//! Both blocks are bags of buckets. Values are set at the end, one number per block: 1/√(number of entries in the block), so that
//! a long prompt does not outweigh a short one and no n-gram has to be looked for twice. For entries that are all different
//! this *is* L2 normalisation. Real deduplication, sublinear counts, idf and exact L2 norms were tried on CLINC150, BANKING77 and
//! MMLU subjects: none earned its cost, and idf lost half a point.

use super::hash;

/// Longest run of letters, in characters, that is one word; a longer run is cut there. Bounds the buffers.
pub(super) const LONGEST_WORD: usize = 64;
/// Zero bytes behind a padded word, so that eight bytes can be read at each of its characters.
const SPARE: usize = 8;
/// Longest n-gram of words.
pub(super) const LONGEST_WORD_NGRAM: usize = 4;

/// A lower-cased word with a space on either side, one symbol per character, and room to read beyond.
pub(super) struct Padded {
    symbols: [u8; LONGEST_WORD + 2 + SPARE],
    len: usize,
}

impl Padded {
    /// No word yet.
    pub(super) fn new() -> Self {
        Self { symbols: [b' '; LONGEST_WORD + 2 + SPARE], len: 0 }
    }

    /// Adds a character; false when the word is full.
    pub(super) fn push(&mut self, symbol: u8) -> bool {
        if self.len == LONGEST_WORD {
            return false;
        }
        self.len += 1;
        self.symbols[self.len] = symbol;
        true
    }

    /// Number of characters, without the spaces.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// Collects the buckets of one text.
pub(super) struct Ngrams<'o> {
    words: &'o mut Vec<u32>,
    characters: &'o mut Vec<u32>,
    buckets_log2: u32,
    longest_word_ngram: usize,
    char_min: usize,
    char_max: usize,
    /// Hashes of the 1-, 2-, … grams that end at the last token.
    last: [u64; LONGEST_WORD_NGRAM],
    /// How many of them reach back no further than the start of the text.
    known: usize,
}

impl<'o> Ngrams<'o> {
    pub(super) fn new(
        spec: &super::FeatureSpec,
        words: &'o mut Vec<u32>,
        characters: &'o mut Vec<u32>,
    ) -> Self {
        // With character n-grams off, the empty range max < min emits none.
        let char_min = usize::from(spec.char_ngram_min.max(1));
        Self {
            words,
            characters,
            buckets_log2: u32::from(spec.buckets_log2),
            longest_word_ngram: usize::from(spec.word_ngrams).min(LONGEST_WORD_NGRAM),
            char_min,
            char_max: usize::from(spec.char_ngram_max.min(hash::LONGEST_CHAR_NGRAM)),
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
        if self.longest_word_ngram > 0 {
            self.words.push(hash::bucket(token, self.buckets_log2));
        }
        self.grams_ending_in(token)
    }

    #[inline]
    fn grams_ending_in(&mut self, token: u64) -> u64 {
        let pair = hash::extend(self.last[0], token);
        let mut longer = [token, pair, 0, 0];
        if self.longest_word_ngram > 1 {
            self.words.push(hash::bucket(pair, self.buckets_log2));
            for n in 2..self.longest_word_ngram.min(self.known + 1) {
                longer[n] = hash::extend(self.last[n - 1], token);
                self.words.push(hash::bucket(longer[n], self.buckets_log2));
            }
        }
        self.last = longer;
        self.known = (self.known + 1).min(LONGEST_WORD_NGRAM);
        pair
    }

    /// The character n-grams of a word of `len` ≤ 14 ASCII characters, given in one integer, its first character lowest.
    #[inline]
    pub(super) fn short_word(&mut self, folded: u128, len: usize) {
        let space = u128::from(b' ');
        let padded = space | folded << 8 | space << (8 * (len + 1));
        for n in self.char_min..=self.char_max.min(len + 2) {
            let keep = u64::MAX >> (64 - 8 * n);
            let mut rest = padded;
            self.characters.extend((n..=len + 2).map(|_| {
                let gram = rest as u64 & keep;
                rest >>= 8;
                hash::bucket(hash::characters(gram), self.buckets_log2)
            }));
        }
    }

    /// The character n-grams of any word.
    pub(super) fn word(&mut self, padded: &mut Padded) {
        let len = padded.len;
        padded.symbols[len + 1] = b' ';
        for n in self.char_min..=self.char_max.min(len + 2) {
            let keep = u64::MAX >> (64 - 8 * n);
            self.characters.extend((0..=len + 2 - n).map(|at| {
                let gram = super::swar::chunk(&padded.symbols, at) & keep;
                hash::bucket(hash::characters(gram), self.buckets_log2)
            }));
        }
    }
}
