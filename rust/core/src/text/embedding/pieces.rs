//! From the bytes of a word piece to its number: an open-addressed table of hashes.
//!
//! **The problem.** The longest piece at the head of a word is found by asking for ever shorter heads, so most questions are answered
//! *no*, and each has to cost a nanosecond or two. A slot is one u64: 44 bits of the hash and the number of the piece. The bytes are not compared.
//! A head that is no piece passes for one with a chance of about 2⁻⁴³ a question, and then on every machine alike.

use xxhash_rust::xxh3::xxh3_64;

use super::EmbeddingError;

/// The most pieces: their number fits the lower bits of a slot.
pub(super) const MOST: usize = (1 << NUMBER_BITS) - 2;
/// Bytes of a piece that fit a `u128`.
pub(super) const SHORT: usize = 16;

const NUMBER_BITS: u32 = 20;
const NUMBER: u64 = (1 << NUMBER_BITS) - 1;
/// Fractional bits of √2, √3 and √5: nothing up the sleeve.
const LOW: u64 = 0x6A09_E667_F3BC_C908;
const HIGH: u64 = 0xBB67_AE85_84CA_A73B;
const REST: u64 = 0x3C6E_F372_FE94_F82B;

/// Where in a word a piece stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At its start.
    Head,
    /// Further on: `##` is written before it.
    Rest,
}

/// Pieces by their bytes.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    /// 0 is empty; else the lower 44 bits of the hash and the number of the piece plus 1.
    slots: Vec<u64>,
    shift: u32,
    /// Bytes of the longest piece.
    longest: usize,
}

impl Pieces {
    pub(super) fn new<P: AsRef<str>>(pieces: &[P]) -> Result<Self, EmbeddingError> {
        // At most half full, so that a question is nearly always one look.
        let slots = (pieces.len() * 2).next_power_of_two().max(16);
        let shift = 64 - slots.trailing_zeros();
        let mut table = Self { slots: vec![0; slots], shift, longest: 0 };
        for (position, piece) in pieces.iter().enumerate() {
            let piece = piece.as_ref();
            let wrong = |problem| EmbeddingError::Piece { position, piece: piece.to_owned(), problem };
            let (bytes, place) = match piece.strip_prefix("##") {
                Some(rest) if !rest.is_empty() => (rest.as_bytes(), Place::Rest),
                _ => (piece.as_bytes(), Place::Head),
            };
            if bytes.is_empty() {
                return Err(wrong("it is empty"));
            }
            if bytes.iter().any(|byte| *byte < b' ') {
                return Err(wrong("it holds a control character"));
            }
            let hash = match short(bytes) {
                Some(key) => short_hash(key, place),
                None => long_hash(bytes, place),
            };
            if table.find(hash).is_some() {
                return Err(wrong("it is there twice"));
            }
            let mut slot = table.first(hash);
            while table.slots[slot] != 0 {
                slot = (slot + 1) & (slots - 1);
            }
            table.slots[slot] = hash << NUMBER_BITS | (position as u64 + 1);
            table.longest = table.longest.max(bytes.len());
        }
        Ok(table)
    }

    /// Bytes of the longest piece.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(self.slots.as_slice())
    }

    fn first(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    /// The number of the piece of that hash.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> Option<u32> {
        let (tag, mask) = (hash << NUMBER_BITS, self.slots.len() - 1);
        let mut slot = self.first(hash);
        loop {
            let entry = self.slots[slot & mask];
            if entry == 0 {
                return None;
            }
            if entry & !NUMBER == tag {
                return Some((entry & NUMBER) as u32 - 1);
            }
            slot += 1;
        }
    }
}

/// Bytes as one number, the first lowest; `None` if they are too many.
pub(super) fn short(bytes: &[u8]) -> Option<u128> {
    let mut key = [0; SHORT];
    key.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u128::from_le_bytes(key))
}

/// Hash of up to 16 bytes, none of them 0: both halves of one product (the multiply-and-fold of wyhash, Wang 2019).
#[inline]
pub(super) fn short_hash(key: u128, place: Place) -> u64 {
    let high = if place == Place::Head { HIGH } else { REST };
    let product = u128::from(key as u64 ^ LOW) * u128::from((key >> 64) as u64 ^ high);
    (product >> 64) as u64 ^ product as u64
}

/// Hash of more.
pub(super) fn long_hash(bytes: &[u8], place: Place) -> u64 {
    short_hash(u128::from(xxh3_64(bytes)), place)
}
