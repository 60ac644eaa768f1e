//! The canonical form of JSON text, written while it is read: no tree in between.
//!
//! Entries go to the output in the order in which they come and are put in order at the closing brace, if they are not in order
//! already. What is rare (an escape in a key, a key twice, deep nesting) and whatever is not JSON is left to the caller, who
//! reads it the slow way and has the last word: this file only ever says "it is this" or "look yourself".

use super::canonical::{write_number, write_string};

/// Deeper nesting is left to the slow way, which has a bound of its own.
const DEEPEST: usize = 64;

/// Appends the canonical form of `text`; `None` where the slow way has to decide, and `out` is then anything.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader { text, at: 0, entries: Vec::with_capacity(16), moved: Vec::new() };
    reader.value(out, DEEPEST)?;
    reader.peek().is_none().then_some(())
}

/// One entry of an object that is being written, by offsets into the output.
#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    /// Behind the key, its quotes included.
    key_end: usize,
    end: usize,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Entries of the objects that are open, the innermost last.
    entries: Vec<Entry>,
    /// Where entries are copied to while they are put in order.
    moved: Vec<u8>,
}

impl Reader<'_> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, out: &mut Vec<u8>, deepest: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(out, true),
            b'{' => self.object(out, deepest.checked_sub(1)?),
            b'[' => self.array(out, deepest.checked_sub(1)?),
            b'-' | b'0'..=b'9' => self.number(out),
            _ => ["null", "true", "false"].into_iter().find_map(|word| self.word(word, out)),
        }
    }

    fn word(&mut self, word: &str, out: &mut Vec<u8>) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| {
            self.at += word.len();
            out.extend_from_slice(word.as_bytes());
        })
    }

    fn array(&mut self, out: &mut Vec<u8>, deepest: usize) -> Option<()> {
        self.at += 1;
        out.push(b'[');
        if self.peek()? != b']' {
            loop {
                self.value(out, deepest)?;
                match self.peek()? {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return None,
                }
                out.push(b',');
            }
        }
        self.at += 1;
        out.push(b']');
        Some(())
    }

    fn object(&mut self, out: &mut Vec<u8>, deepest: usize) -> Option<()> {
        self.at += 1;
        out.push(b'{');
        let first = self.entries.len();
        if self.peek()? != b'}' {
            loop {
                let start = out.len();
                if self.peek()? != b'"' {
                    return None;
                }
                self.string(out, false)?;
                let key_end = out.len();
                self.expect(b':')?;
                out.push(b':');
                self.value(out, deepest)?;
                self.entries.push(Entry { start, key_end, end: out.len() });
                match self.peek()? {
                    b',' => self.at += 1,
                    b'}' => break,
                    _ => return None,
                }
                out.push(b',');
            }
        }
        self.at += 1;
        self.put_in_order(first, out)?;
        self.entries.truncate(first);
        out.push(b'}');
        Some(())
    }

    /// Sorts the entries from `first` on by their keys; `None` when a key is there twice.
    fn put_in_order(&mut self, first: usize, out: &mut Vec<u8>) -> Option<()> {
        let entries = &mut self.entries[first..];
        // Without its quotes: a key that begins another comes first.
        let key = |out: &[u8], entry: &Entry| entry.start + 1..out.len().min(entry.key_end - 1);
        let rising = |out: &[u8], entries: &[Entry]| {
            entries.windows(2).all(|pair| out[key(out, &pair[0])] < out[key(out, &pair[1])])
        };
        if rising(out, entries) {
            return Some(());
        }
        entries.sort_unstable_by(|a, b| out[key(out, a)].cmp(&out[key(out, b)]));
        if !rising(out, entries) {
            return None;
        }
        let begin = entries.iter().map(|entry| entry.start).min()?;
        self.moved.clear();
        self.moved.extend_from_slice(&out[begin..]);
        out.truncate(begin);
        for (at, entry) in entries.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&self.moved[entry.start - begin..entry.end - begin]);
        }
        Some(())
    }

    /// A string; one with escapes only where they may be.
    fn string(&mut self, out: &mut Vec<u8>, may_escape: bool) -> Option<()> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut end = start + 1;
        let mut escapes = false;
        loop {
            match bytes.get(end)? {
                b'"' => break,
                b'\\' if may_escape => {
                    escapes = true;
                    end += 2;
                }
                b'\\' | 0..=0x1F => return None,
                _ => end += 1,
            }
        }
        self.at = end + 1;
        let quoted = self.text.get(start..=end)?;
        if escapes {
            write_string(&serde_json::from_str::<String>(quoted).ok()?, out);
        } else {
            out.extend_from_slice(quoted.as_bytes());
        }
        Some(())
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Option<()> {
        /// Digits that fit an i64 for sure.
        const SHORT: usize = 18;
        let rest = self.text.get(self.at..)?;
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let len = rest.as_bytes().iter().take_while(|byte| is_part(byte)).count();
        let number = &rest[..len];
        self.at += len;
        let digits = number.strip_prefix('-').unwrap_or(number).as_bytes();
        let plain = digits.len() <= SHORT
            && digits.iter().all(u8::is_ascii_digit)
            && (digits.first() != Some(&b'0') || number == "0");
        if plain && !digits.is_empty() {
            out.extend_from_slice(number.as_bytes());
        } else {
            write_number(&serde_json::from_str(number).ok()?, out);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::super::canonical::write_json;
    use super::*;

    /// By way of a tree.
    fn twin(text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        write_json(&serde_json::from_str::<Json>(text).ok()?, &mut out);
        Some(out)
    }

    fn fast(text: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        write_text(text, &mut out).map(|()| out)
    }

    fn string() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c]{0,3}", "\\PC{0,4}", Just("a\"\\\n\u{1}é".to_owned())]
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            (-3_i8..3).prop_map(Json::from),
            string().prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                prop::collection::vec((string(), inner), 0..5).prop_map(|pairs| pairs.into_iter().collect()),
            ]
        })
    }

    /// The same JSON with its keys the other way round and blanks between.
    fn reversed(json: &Json) -> String {
        match json {
            Json::Array(items) => {
                format!("[ {} ]", items.iter().map(reversed).collect::<Vec<_>>().join(" ,\n"))
            }
            Json::Object(map) => {
                let entry = |(key, value): (&String, &Json)| {
                    format!("{}\t: {}", Json::from(&key[..]), reversed(value))
                };
                format!("{{ {} }}", map.iter().rev().map(entry).collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }

    proptest! {
        #[test]
        fn a_form_is_that_of_the_tree(json in json()) {
            for text in [json.to_string(), reversed(&json)] {
                let fast = fast(&text);
                prop_assert!(fast.is_none() || fast == twin(&text), "{}", text);
                // Only escapes in keys are left to the slow way.
                prop_assert!(fast.is_some() || text.contains('\\'), "{}", text);
            }
        }

        #[test]
        fn text_that_is_no_json_has_no_form(json in json(), at: prop::sample::Index, other in "[\\[\\]{}:,\"\\\\0-9.eE+ a\\-]") {
            let mut text = json.to_string();
            let at = at.index(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                text.replace_range(at..at + 1, &other);
                let fast = fast(&text);
                prop_assert!(fast.is_none() || fast == twin(&text), "{}", text);
            }
        }
    }

    #[test]
    fn known_texts_have_the_form_of_the_tree_or_none() {
        for text in [
            "-0",
            "-",
            "01",
            "-01",
            "1.",
            ".5",
            "1e5",
            "1E+2",
            "1e999",
            "00",
            "123456789012345678901",
            "nul",
            "nulll",
            "true false",
            "[1,]",
            "[,1]",
            "{,}",
            "{\"a\":1,}",
            "{\"a\"}",
            "{1:2}",
            "\"a",
            "\"\\ud800\"",
            "\"\\",
            "",
            " ",
            "{\"a\":1,\"a\":2}",
            "{\"\\u0061\":1}",
            "{\"b\":1,\"a\":{\"d\":1,\"c\":2},\"ab\":0}",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "\"a\tb\"",
            "[]",
            "{}",
            "[[]]",
            "1 ",
            "18446744073709551616",
        ] {
            let fast = fast(text);
            assert!(fast.is_none() || fast == twin(text), "{text}");
        }
        assert!(fast(&("[".repeat(200) + &"]".repeat(200))).is_none());
    }
}
