//! Decodes CBOR, the format of some AWS services, as JSON values.

use serde_json::{Map, Value};

/// The CBOR document in these bytes, or `None` if they are not valid. Times, which have a tag, become numbers.
pub fn decode(bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value = item(&mut rest)?;
    rest.is_empty().then_some(value)
}

/// The end of an item without a length.
const BREAK: u8 = 0xff;

fn item(rest: &mut &[u8]) -> Option<Value> {
    let first = byte(rest)?;
    let (kind, info) = (first >> 5, first & 0x1f);
    if kind == 7 {
        return Some(match info {
            20 => false.into(),
            21 => true.into(),
            22 => Value::Null,
            26 => f64::from(f32::from_be_bytes(take(rest, 4)?.try_into().ok()?)).into(),
            27 => f64::from_be_bytes(take(rest, 8)?.try_into().ok()?).into(),
            _ => return None,
        });
    }
    let count = match info {
        0..=23 => Some(u64::from(info)),
        24..=27 => Some(take(rest, 1 << (info - 24))?.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))),
        31 => None,
        _ => return None,
    };
    Some(match (kind, count) {
        (0, Some(number)) => number.into(),
        (1, Some(number)) => (-1 - i64::try_from(number).ok()?).into(),
        (3, Some(length)) => String::from_utf8(take(rest, usize::try_from(length).ok()?)?.to_vec()).ok()?.into(),
        (4, count) => {
            let mut items = Vec::new();
            while more(rest, count, items.len())? {
                items.push(item(rest)?);
            }
            items.into()
        }
        (5, count) => {
            let mut members = Map::new();
            while more(rest, count, members.len())? {
                let name = item(rest)?.as_str()?.to_owned();
                members.insert(name, item(rest)?);
            }
            members.into()
        }
        // A tag describes the meaning of the next item. It is ignored.
        (6, Some(_)) => item(rest)?,
        _ => return None,
    })
}

/// Whether a list or map has a further entry after `read` of them.
fn more(rest: &mut &[u8], count: Option<u64>, read: usize) -> Option<bool> {
    match count {
        Some(count) => Some(u64::try_from(read).ok()? < count),
        None if *rest.first()? == BREAK => byte(rest).map(|_| false),
        None => Some(true),
    }
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    take(rest, 1).map(|bytes| bytes[0])
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    #[test]
    fn items_with_and_without_a_length_are_read() {
        use super::decode;
        let json = |text: &str| serde_json::from_str::<super::Value>(text).ok();
        // {"a": [1, -2, true], "b": 1.5} with lengths, and {"a": ["x"]} without.
        let known = b"\xa2\x61a\x83\x01\x21\xf5\x61b\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00";
        assert_eq!(decode(known), json(r#"{"a": [1, -2, true], "b": 1.5}"#));
        assert_eq!(decode(b"\xbf\x61a\x9f\x61x\xff\xff"), json(r#"{"a": ["x"]}"#));
        for wrong in [&b"\xa1\x61a"[..], b"\x01\x01", b"", b"Action=CreateTopic"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
    }
}
