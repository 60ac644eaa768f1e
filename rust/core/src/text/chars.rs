//! What a character outside ASCII is. The ranges are written out here, not asked of the standard library, because its
//! Unicode tables grow with the compiler and would move saved features.

/// What a character does to the words around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Part of a word.
    Letter,
    /// A word by itself: ideographs are written without spaces (the rule of BERT's basic tokenizer, Devlin et al. 2019).
    Ideograph,
    /// Punctuation, symbols, emoji: runs of them are tokens of their own.
    Mark,
    /// Separates.
    Space,
    /// Neither seen nor heard: joiners, variation selectors, the byte-order mark.
    Ignored,
}

/// Writing systems, as coarse as a router needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    /// Cyrillic and Greek, Armenian, Georgian: alphabets of Europe other than Latin.
    European,
    /// Hebrew, Arabic, Syriac, …: written from right to left.
    RightToLeft,
    /// The scripts of India and South-East Asia.
    Indic,
    /// Chinese, Japanese, Korean.
    EastAsian,
    Other,
}

/// First and last character of each range that is not [`Kind::Letter`], in order.
const RANGES: &[(u32, u32, Kind)] = &[
    (0x80, 0x84, Kind::Ignored),
    (0x85, 0x85, Kind::Space),
    (0x86, 0x9F, Kind::Ignored),
    (0xA0, 0xA0, Kind::Space),
    (0xA1, 0xA9, Kind::Mark),
    (0xAB, 0xAC, Kind::Mark),
    (0xAD, 0xAD, Kind::Ignored),
    (0xAE, 0xB1, Kind::Mark),
    (0xB4, 0xB4, Kind::Mark),
    (0xB6, 0xB8, Kind::Mark),
    (0xBB, 0xBB, Kind::Mark),
    (0xBF, 0xBF, Kind::Mark),
    (0xD7, 0xD7, Kind::Mark),
    (0xF7, 0xF7, Kind::Mark),
    (0x37E, 0x37E, Kind::Mark),
    (0x387, 0x387, Kind::Mark),
    (0x55A, 0x55F, Kind::Mark),
    (0x589, 0x58A, Kind::Mark),
    (0x5BE, 0x5BE, Kind::Mark),
    (0x5C0, 0x5C0, Kind::Mark),
    (0x5C3, 0x5C3, Kind::Mark),
    (0x5F3, 0x5F4, Kind::Mark),
    (0x60C, 0x60D, Kind::Mark),
    (0x61B, 0x61B, Kind::Mark),
    (0x61C, 0x61C, Kind::Ignored),
    (0x61D, 0x61F, Kind::Mark),
    (0x640, 0x640, Kind::Ignored),
    (0x66A, 0x66D, Kind::Mark),
    (0x6D4, 0x6D4, Kind::Mark),
    (0x964, 0x965, Kind::Mark),
    (0xE3F, 0xE3F, Kind::Mark),
    (0xE5A, 0xE5B, Kind::Mark),
    (0x104A, 0x104F, Kind::Mark),
    (0x1361, 0x1368, Kind::Mark),
    (0x17D4, 0x17DB, Kind::Mark),
    (0x1800, 0x180A, Kind::Mark),
    (0x180B, 0x180E, Kind::Ignored),
    (0x2000, 0x200A, Kind::Space),
    (0x200B, 0x200F, Kind::Ignored),
    (0x2010, 0x2027, Kind::Mark),
    (0x2028, 0x2029, Kind::Space),
    (0x202A, 0x202E, Kind::Ignored),
    (0x202F, 0x202F, Kind::Space),
    (0x2030, 0x205E, Kind::Mark),
    (0x205F, 0x205F, Kind::Space),
    (0x2060, 0x206F, Kind::Ignored),
    (0x20A0, 0x20CF, Kind::Mark),
    (0x2190, 0x2BFF, Kind::Mark),
    (0x2E00, 0x2E7F, Kind::Mark),
    (0x3000, 0x3000, Kind::Space),
    (0x3001, 0x3004, Kind::Mark),
    (0x3007, 0x3007, Kind::Ideograph),
    (0x3008, 0x3020, Kind::Mark),
    (0x3030, 0x3030, Kind::Mark),
    (0x303D, 0x303D, Kind::Mark),
    (0x30FB, 0x30FB, Kind::Mark),
    (0x3400, 0x4DBF, Kind::Ideograph),
    (0x4E00, 0x9FFF, Kind::Ideograph),
    (0xF900, 0xFAFF, Kind::Ideograph),
    (0xFE00, 0xFE0F, Kind::Ignored),
    (0xFE10, 0xFE19, Kind::Mark),
    (0xFE30, 0xFE6F, Kind::Mark),
    (0xFEFF, 0xFEFF, Kind::Ignored),
    (0xFF01, 0xFF0F, Kind::Mark),
    (0xFF1A, 0xFF20, Kind::Mark),
    (0xFF3B, 0xFF40, Kind::Mark),
    (0xFF5B, 0xFF65, Kind::Mark),
    (0xFFE0, 0xFFEE, Kind::Mark),
    (0xFFF0, 0xFFFF, Kind::Mark),
    (0x1F000, 0x1FAFF, Kind::Mark),
    (0x20000, 0x3FFFF, Kind::Ideograph),
    (0xE0000, 0xE0FFF, Kind::Ignored),
];

/// Kind of a character at or above U+0080. Frozen with feature version 1.
pub(super) fn kind(c: char) -> Kind {
    let point = c as u32;
    let after = RANGES.partition_point(|(_, last, _)| *last < point);
    match RANGES.get(after) {
        Some((first, _, kind)) if *first <= point => *kind,
        _ => Kind::Letter,
    }
}

/// Script of a letter or ideograph at or above U+0080, by block.
pub(super) fn script(c: char) -> Script {
    match c as u32 {
        0x80..=0x24F | 0x1E00..=0x1EFF | 0x2C60..=0x2C7F | 0xA720..=0xA7FF | 0xFF21..=0xFF5A => Script::Latin,
        0x370..=0x58F | 0x10A0..=0x10FF | 0x1C80..=0x1CBF | 0x1F00..=0x1FFF => Script::European,
        0x590..=0x8FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFE => Script::RightToLeft,
        0x900..=0xDFF | 0xE00..=0x109F | 0x1700..=0x17FF | 0x1900..=0x1CFF => Script::Indic,
        0x1100..=0x11FF | 0x2E80..=0x31FF | 0x3400..=0x9FFF | 0xA960..=0xA97F | 0xAC00..=0xD7FF => {
            Script::EastAsian
        }
        0xF900..=0xFAFF | 0xFF66..=0xFFDC | 0x20000..=0x3FFFF => Script::EastAsian,
        _ => Script::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_in_order_and_apart() {
        assert!(RANGES.iter().all(|(first, last, _)| first <= last));
        assert!(RANGES.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn kinds_of_known_characters() {
        for (text, expected) in [
            ("éßжλשقहกょ각ªµº²", Kind::Letter),
            ("中漢字𠀀", Kind::Ideograph),
            ("¿¡…—“”€√≤→。「」、！？🙂؟।·", Kind::Mark),
            ("\u{a0}\u{2003}\u{3000}\u{2028}", Kind::Space),
            ("\u{200d}\u{feff}\u{fe0f}\u{ad}", Kind::Ignored),
        ] {
            for c in text.chars() {
                assert_eq!(kind(c), expected, "{c:?} U+{:04X}", c as u32);
            }
        }
    }

    #[test]
    fn scripts_of_known_characters() {
        for (text, expected) in [
            ("éğ", Script::Latin),
            ("жλ", Script::European),
            ("שق", Script::RightToLeft),
            ("हก", Script::Indic),
            ("中ょカ각", Script::EastAsian),
            ("አ", Script::Other),
        ] {
            for c in text.chars() {
                assert_eq!(script(c), expected, "{c:?}");
            }
        }
    }
}
