//! How much a graph has to do, where its file says so plainly.
//!
//! **The problem.** Handing a leg to another thread and back costs more than a small head takes. The calling thread may run it
//! only if it is bound to come back in microseconds: a run cannot be cut off inside a node, and the deadline has to hold. No
//! measurement is such a bound, but the arithmetic of a plain chain of `Gemm` is one: one multiplication for each weight and row, whatever
//! the numbers are. Any other operator, and any other wiring, has no bound here.
//!
//! Field numbers: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>.

use std::collections::HashMap;

/// Operators from one array to one of the same shape.
const ELEMENTWISE: [&[u8]; 7] =
    [b"Identity", b"LogSoftmax", b"Neg", b"Relu", b"Sigmoid", b"Softmax", b"Tanh"];
/// What one of them takes for an element, in multiplications; generous.
const ELEMENTWISE_COST: u64 = 16;

enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
    Fixed,
}

/// Multiplications for one row of input; `None` where the file gives no bound.
pub(super) fn row_cost(model: &[u8]) -> Option<u64> {
    let mut graph = None;
    for (number, field) in fields(model)? {
        match (number, field) {
            (7, Field::Bytes(bytes)) if graph.is_none() => graph = Some(bytes),
            // A second graph would be merged into the first; a function might be called like an operator.
            (7 | 25, _) => return None,
            _ => {}
        }
    }
    let (mut nodes, mut weights, mut inputs) = (Vec::new(), HashMap::new(), Vec::new());
    for (number, field) in fields(graph?)? {
        match (number, field) {
            (1, Field::Bytes(bytes)) => nodes.push(bytes),
            (5, Field::Bytes(bytes)) => {
                let (name, dims) = tensor(bytes)?;
                weights.insert(name, dims);
            }
            (11, Field::Bytes(bytes)) => inputs.push(only(bytes, 1)?),
            (15, _) => return None,
            _ => {}
        }
    }
    inputs.retain(|name| !weights.contains_key(name));
    let [mut wire] = inputs[..] else { return None };
    let (mut cost, mut elementwise, mut widest) = (0u64, 0u64, 0u64);
    for node in nodes {
        let (ins, outs) = (strings(node, 1)?, strings(node, 2)?);
        let (kind, domain) = (strings(node, 4)?, strings(node, 7)?);
        if ins.first() != Some(&wire) || !domain.iter().all(|name| name.is_empty()) {
            return None;
        }
        match (&kind[..], &ins[1..]) {
            ([b"Gemm"], [matrix, bias @ ..]) if !turned(node)? => {
                let [d, columns] = weights.get(matrix)?[..] else { return None };
                if bias.iter().any(|name| !name.is_empty() && !weights.contains_key(name)) {
                    return None;
                }
                cost = cost.checked_add(d.checked_add(1)?.checked_mul(columns)?)?;
                widest = widest.max(d).max(columns);
            }
            ([kind], []) if ELEMENTWISE.contains(kind) => elementwise += 1,
            _ => return None,
        }
        let [out] = outs[..] else { return None };
        wire = out;
    }
    // The width of an array is known where a Gemm reads or writes it; without one there is none to know.
    let elementwise = elementwise.checked_mul(widest)?.checked_mul(ELEMENTWISE_COST)?;
    (cost > 0).then(|| cost.checked_add(elementwise)).flatten()
}

/// Name and dimensions of a tensor.
fn tensor(bytes: &[u8]) -> Option<(&[u8], Vec<u64>)> {
    let mut dims = Vec::new();
    for (number, field) in fields(bytes)? {
        match (number, field) {
            (1, Field::Number(n)) => dims.push(n),
            (1, Field::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    dims.push(varint(&mut packed)?);
                }
            }
            _ => {}
        }
    }
    Some((only(bytes, 8)?, dims))
}

/// Whether a Gemm turns its first operand, so that its rows are not the input's.
fn turned(node: &[u8]) -> Option<bool> {
    for attribute in strings(node, 5)? {
        if strings(attribute, 1)?.contains(&&b"transA"[..]) {
            return Some(true);
        }
    }
    Some(false)
}

/// The value of a field of bytes that is there once: of several a reader would take another one.
fn only(bytes: &[u8], wanted: u64) -> Option<&[u8]> {
    match strings(bytes, wanted)?[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// The values of a field of bytes.
fn strings(bytes: &[u8], wanted: u64) -> Option<Vec<&[u8]>> {
    let of = |(number, field)| match field {
        Field::Bytes(bytes) if number == wanted => Some(bytes),
        _ => None,
    };
    Some(fields(bytes)?.into_iter().filter_map(of).collect())
}

/// The fields of a message in the wire format of protobuf.
fn fields(mut rest: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut rest)?),
            1 => {
                rest = rest.get(8..)?;
                Field::Fixed
            }
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let bytes = rest.get(..length)?;
                rest = &rest[length..];
                Field::Bytes(bytes)
            }
            5 => {
                rest = rest.get(4..)?;
                Field::Fixed
            }
            _ => return None,
        };
        fields.push((tag >> 3, field));
    }
    Some(fields)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, payload: &[u8]) -> Vec<u8> {
        assert!(payload.len() < 128, "one byte of length is enough here");
        [&[number << 3 | 2, payload.len() as u8], payload].concat()
    }

    fn weight(name: &str, dims: &[u8]) -> Vec<u8> {
        let dims = dims.iter().flat_map(|n| [1 << 3, *n]).collect::<Vec<_>>();
        field(5, &[dims, field(8, name.as_bytes())].concat())
    }

    fn node(kind: &str, ins: &[&str], out: &str, more: &[u8]) -> Vec<u8> {
        let ins = ins.iter().flat_map(|name| field(1, name.as_bytes())).collect::<Vec<_>>();
        field(1, &[ins, field(2, out.as_bytes()), field(4, kind.as_bytes()), more.to_vec()].concat())
    }

    fn model(parts: &[Vec<u8>]) -> Vec<u8> {
        let input = field(11, &field(1, b"x"));
        let graph =
            [parts.concat(), weight("w", &[3, 5]), weight("v", &[5, 2]), weight("b", &[5]), input].concat();
        // Longer than 127 bytes: two bytes of length.
        let length = [0x80 | (graph.len() & 0x7f) as u8, (graph.len() >> 7) as u8];
        [&[7 << 3 | 2], &length[..], &graph[..]].concat()
    }

    #[test]
    fn a_chain_costs_its_weights_and_a_little_for_each_element() {
        let head = node("Gemm", &["x", "w", "b"], "y", &[]);
        assert_eq!(row_cost(&model(std::slice::from_ref(&head))), Some((3 + 1) * 5));
        let deep = [head, node("Relu", &["y"], "z", &[]), node("Gemm", &["z", "v"], "s", &[])];
        assert_eq!(row_cost(&model(&deep)), Some((3 + 1) * 5 + (5 + 1) * 2 + 5 * ELEMENTWISE_COST));
    }

    #[test]
    fn what_is_no_plain_chain_has_no_bound() {
        let turned = field(5, &[field(1, b"transA"), vec![3 << 3, 1]].concat());
        let cases: [(&str, Vec<Vec<u8>>); 8] = [
            ("nothing", vec![]),
            ("no weights", vec![node("Relu", &["x"], "y", &[])]),
            ("a loop", vec![node("Loop", &["x"], "y", &[])]),
            ("an operator of somebody's", vec![node("Gemm", &["x", "w"], "y", &field(7, b"mine"))]),
            ("rows that are not the input's", vec![node("Gemm", &["x", "w"], "y", &turned)]),
            ("the input twice", vec![node("Gemm", &["x", "x"], "y", &[])]),
            ("a vector for a matrix", vec![node("Gemm", &["x", "b"], "y", &[])]),
            ("two ways", vec![node("Gemm", &["x", "w"], "y", &[]), node("Gemm", &["x", "w"], "z", &[])]),
        ];
        for (name, nodes) in cases {
            assert_eq!(row_cost(&model(&nodes)), None, "{name}");
        }
    }

    #[test]
    fn bytes_that_are_no_model_have_no_bound() {
        let whole = model(&[node("Gemm", &["x", "w", "b"], "y", &[])]);
        for end in 0..whole.len() {
            assert_eq!(row_cost(&whole[..end]), None, "{end}");
        }
        assert_eq!(row_cost(&[0xff; 32]), None);
    }
}
