//! Eight bytes at a time in an ordinary register (SIMD within a register): where the ASCII word at hand ends, and what is in it.
//! Words are short, so one look usually sees a whole one, and the loop over its letters, with its mispredicted end, is gone.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES * 0x80;

/// A run of ASCII letters and digits at the start of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Its length in bytes, 0 to 8.
    pub(super) len: usize,
    /// The run in lower case, its first byte lowest; zeros after it.
    pub(super) folded: u64,
    /// How many of its bytes are capital letters.
    pub(super) capitals: u32,
    /// How many are digits.
    pub(super) digits: u32,
}

/// The high bit of each byte that lies in `low..=high`; bytes of `seven` are below 128.
#[inline]
const fn within(seven: u64, low: u8, high: u8) -> u64 {
    // Adding to a byte below 128 carries into its own high bit and no further.
    let at_least = seven + ONES * (0x80 - low as u64);
    let above = seven + ONES * (0x7F - high as u64);
    at_least & !above & HIGH
}

/// The run at the start of `chunk` (little-endian: first byte lowest).
#[inline]
pub(super) fn run(chunk: u64) -> Run {
    let ascii = !chunk & HIGH;
    let seven = chunk & !HIGH;
    // Bit 5 is what tells a small letter from its capital.
    let letters = within(seven | (ONES * 0x20), b'a', b'z') & ascii;
    let capitals = letters & !(chunk << 2);
    let digits = within(seven, b'0', b'9') & ascii;
    let stop = (letters | digits) ^ HIGH;
    let len = (stop.trailing_zeros() / 8) as usize;
    let keep = if len == 8 { u64::MAX } else { (1 << (8 * len)) - 1 };
    Run {
        len,
        folded: (chunk | capitals >> 2) & keep,
        capitals: count(capitals & keep),
        digits: count(digits & keep),
    }
}

/// The high bit of each byte of `chunk` that is a space. No byte may be `!`, which is one bit away from it.
#[inline]
pub(super) fn spaces(chunk: u64) -> u64 {
    // The classic test for a zero byte (Mycroft 1987): exact below and at the first one, above it wrong only for 0x01.
    let zero = chunk ^ (ONES * b' ' as u64);
    zero.wrapping_sub(ONES) & !zero & HIGH
}

/// How many bytes have their high bit set; the others are 0. A product, since the smallest x86-64 has no popcount.
#[inline]
fn count(high_bits: u64) -> u32 {
    ((high_bits >> 7).wrapping_mul(ONES) >> 56) as u32
}

/// The eight bytes at `at`, zeros beyond the end.
#[inline]
pub(super) fn chunk(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    match bytes.get(at..at + 8) {
        Some(whole) => eight.copy_from_slice(whole),
        None => {
            let rest = bytes.get(at..).unwrap_or(&[]);
            eight[..rest.len()].copy_from_slice(rest);
        }
    }
    u64::from_le_bytes(eight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn obvious(bytes: &[u8]) -> Run {
        let word: Vec<u8> = bytes.iter().copied().take_while(u8::is_ascii_alphanumeric).collect();
        Run {
            len: word.len(),
            folded: chunk(&word.to_ascii_lowercase(), 0),
            capitals: word.iter().filter(|byte| byte.is_ascii_uppercase()).count() as u32,
            digits: word.iter().filter(|byte| byte.is_ascii_digit()).count() as u32,
        }
    }

    #[test]
    fn every_byte_in_every_place_is_seen_as_what_it_is() {
        for byte in 0..=255 {
            for place in 0..8 {
                let mut bytes = *b"aZ09zA5b";
                bytes[place] = byte;
                assert_eq!(run(u64::from_le_bytes(bytes)), obvious(&bytes), "{bytes:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_run_equals_its_slow_twin(bytes in prop::array::uniform8(any::<u8>())) {
            prop_assert_eq!(run(u64::from_le_bytes(bytes)), obvious(&bytes));
        }

        #[test]
        fn a_chunk_is_zero_beyond_the_end(bytes in prop::collection::vec(any::<u8>(), 0..20), at in 0_usize..24) {
            let expected: Vec<u8> = (at..at + 8).map(|i| bytes.get(i).copied().unwrap_or(0)).collect();
            prop_assert_eq!(chunk(&bytes, at).to_le_bytes().to_vec(), expected);
        }
    }
}
