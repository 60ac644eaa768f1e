//! The hashes that name a feature. **Frozen**: saved weights are rows of the buckets that these choose, so a change here
//! is a new feature version, never an edit. The golden tests below hold them.

use xxhash_rust::xxh3::xxh3_64;

/// 2^64 / golden ratio, odd: the multiplier of Fibonacci hashing (Knuth, TAOCP 3, §6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// The second multiplier of SplitMix64 (Steele, Lea & Flood 2014). Of eight odd numbers tried, the one whose products spread the
/// 3- to 5-grams of English prompts best: 0 to 5 % more buckets in use than a random function would give; its first
/// multiplier left 12 % fewer.
const SPREAD: u64 = 0x94D0_49BB_1331_11EB;

/// Stands before the first word of a text in word n-grams.
pub(super) const START: u64 = 0x5354_4152_5453_5441;
/// Stands after the last word.
pub(super) const END: u64 = 0x454E_4445_4E44_454E;
/// Stands where the middle of a huge text was left out.
pub(super) const GAP: u64 = 0x4741_5047_4150_4741;

/// Longest character n-gram: its characters are one byte each and have to fit a `u64`.
pub(super) const LONGEST_CHAR_NGRAM: u8 = 8;

/// Hash of one lower-cased word (UTF-8) or run of marks: xxh3 with seed 0.
pub(super) fn word(folded: &[u8]) -> u64 {
    xxh3_64(folded)
}

/// Hash of an n-gram of words, from the hash of all but its last word and the hash of that.
#[inline]
pub(super) fn extend(gram: u64, word: u64) -> u64 {
    (gram.rotate_left(23) ^ word).wrapping_mul(GOLDEN)
}

/// Hash of a character n-gram: its symbols in one integer, the first in the lowest byte, times an odd number (Dietzfelbinger et
/// al. 1997). A second round of mixing was tried: it fills the buckets no better and costs a fifth of the extraction.
#[inline]
pub(super) fn characters(gram: u64) -> u64 {
    gram.wrapping_mul(SPREAD)
}

/// Bucket of a hash: its top bits.
#[inline]
pub(super) fn bucket(hash: u64, buckets_log2: u32) -> u32 {
    (hash >> (64 - buckets_log2)) as u32
}

/// One byte for one lower-cased character: an ASCII character is itself; any other keeps its place within its block of 128
/// code points, turned by the number of the block. So the letters of one alphabet stay apart, while two alphabets, or
/// two ideographs, may share a symbol; n of them together seldom do.
#[inline]
pub(super) fn symbol(c: char) -> u8 {
    let point = c as u32;
    if point < 128 { point as u8 } else { 128 | ((point ^ (point >> 7).wrapping_mul(37)) & 127) as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_frozen() {
        assert_eq!(word(b"card"), 0x73F323B182390BA6);
        assert_eq!(extend(word(b"my"), word(b"card")), 0xC085A71A55E6BBA9);
        assert_eq!(characters(u64::from(u32::from_le_bytes(*b"card"))), 0x614A1C77CA69F8E1);
        assert_eq!([symbol('z'), symbol('é'), symbol('ж'), symbol('中')], [122, 204, 158, 161]);
        assert_eq!(bucket(0xABCD_0000_0000_0000, 16), 0xABCD);
    }

    #[test]
    fn letters_of_one_alphabet_have_different_symbols() {
        for alphabet in [('a', 'z'), ('а', 'я'), ('α', 'ω'), ('א', 'ת'), ('à', 'ÿ'), ('ก', 'ฮ')] {
            let mut symbols: Vec<u8> = (alphabet.0..=alphabet.1).map(symbol).collect();
            let count = symbols.len();
            symbols.sort_unstable();
            symbols.dedup();
            assert_eq!(symbols.len(), count, "{alphabet:?}");
        }
    }

    #[test]
    fn short_grams_fill_the_buckets_evenly() {
        let mut hit = vec![0_u32; 1 << 12];
        let letters: Vec<u64> = (b'a'..=b'z').map(u64::from).collect();
        for a in &letters {
            for b in &letters {
                for c in &letters {
                    hit[bucket(characters(a | b << 8 | c << 16), 12) as usize] += 1;
                }
            }
        }
        // 26³ / 4096 = 4.3 on average; Poisson leaves 1.4 % of the buckets empty and goes above 16 about once in 30,000.
        assert!(hit.iter().filter(|count| **count == 0).count() < 100);
        assert!(hit.iter().all(|count| *count < 20));
    }
}
