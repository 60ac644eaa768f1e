//! Numbers that start on a cache line, without unsafe code.

/// Bytes in a cache line.
pub(super) const LINE: usize = 64;

/// A slice whose first number starts a cache line: room for one line more is allocated, and the start moved up.
#[derive(Debug)]
pub(super) struct Aligned<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy> Aligned<T> {
    /// `len` times the same number.
    pub(super) fn filled(number: T, len: usize) -> Self {
        let in_line = LINE / size_of::<T>();
        let storage = vec![number; len + in_line - 1];
        // `align_offset` may decline to answer; an unaligned start is slower, not wrong.
        let start = match storage.as_ptr().align_offset(LINE) {
            offset if offset < in_line => offset,
            _ => 0,
        };
        Self { storage, start, len }
    }

    pub(super) fn as_slice(&self) -> &[T] {
        &self.storage[self.start..self.start + self.len]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

/// Anew, since a copied vector lies elsewhere.
impl<T: Copy + Default> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::filled(T::default(), self.len);
        copy.as_mut_slice().copy_from_slice(self.as_slice());
        copy
    }
}

impl<T: Copy + PartialEq> PartialEq for Aligned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_their_copies_start_on_a_line() {
        for len in [0, 1, 15, 16, 1000, 100_000] {
            let mut bytes = Aligned::filled(7_u8, len);
            assert!(bytes.as_slice().iter().all(|byte| *byte == 7));
            assert_eq!(bytes.as_mut_slice().as_ptr() as usize % LINE, 0);
            let mut numbers = Aligned::filled(0.0_f32, len);
            numbers.as_mut_slice().iter_mut().enumerate().for_each(|(i, number)| *number = i as f32);
            for slice in [numbers.as_slice(), numbers.clone().as_slice()] {
                assert_eq!(slice.len(), len);
                assert_eq!(slice.as_ptr() as usize % LINE, 0);
                assert!(slice.iter().enumerate().all(|(i, number)| *number == i as f32));
            }
            assert_eq!(numbers, numbers.clone());
        }
    }
}
