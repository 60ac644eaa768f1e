//! Which part of a huge prompt is read.
//!
//! What a prompt asks for stands at its beginning or its end; what lies between is material. So of a text above the bound,
//! half of the bound is read from each end. The ends are joined by nothing: no n-gram spans the gap.

/// The parts of `text` to read, of at most `max_bytes` together, cut at character boundaries; the second is empty when
/// the text is read whole.
pub(super) fn window(text: &str, max_bytes: usize) -> (&str, &str) {
    if text.len() <= max_bytes {
        return (text, "");
    }
    let mut head = max_bytes / 2;
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    let mut tail = text.len() - max_bytes / 2;
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    (&text[..head], &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn a_text_at_the_bound_is_read_whole_and_one_above_it_from_both_ends() {
        assert_eq!(window("abcdef", 6), ("abcdef", ""));
        assert_eq!(window("abcdefg", 6), ("abc", "efg"));
        assert_eq!(window("", 6), ("", ""));
    }

    #[test]
    fn a_cut_inside_a_character_leaves_it_out() {
        let text = "é".repeat(10);
        assert_eq!(window(&text, 6), ("é", "é"));
    }
}
