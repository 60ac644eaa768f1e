//! Numbers that start on a cache line, without unsafe code.

/// f32 in a cache line.
pub(super) const LINE: usize = 16;

/// A slice of f32 whose first number starts a cache line: room for one line more is allocated, and the start moved up.
#[derive(Debug)]
pub(super) struct Aligned {
    storage: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let storage = vec![0.0; len + LINE - 1];
        // `align_offset` may decline to answer; an unaligned start is slower, not wrong.
        let start = match storage.as_ptr().align_offset(LINE * size_of::<f32>()) {
            offset if offset < LINE => offset,
            _ => 0,
        };
        Self { storage, start, len }
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        &self.storage[self.start..self.start + self.len]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

/// Anew, since a copied vector lies elsewhere.
impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.as_mut_slice().copy_from_slice(self.as_slice());
        copy
    }
}

impl PartialEq for Aligned {
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
            let mut numbers = Aligned::zeros(len);
            numbers.as_mut_slice().iter_mut().enumerate().for_each(|(i, number)| *number = i as f32);
            for slice in [numbers.as_slice(), numbers.clone().as_slice()] {
                assert_eq!(slice.len(), len);
                assert_eq!(slice.as_ptr() as usize % 64, 0);
                assert!(slice.iter().enumerate().all(|(i, number)| *number == i as f32));
            }
            assert_eq!(numbers, numbers.clone());
        }
    }
}
