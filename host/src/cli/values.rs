//! Values between JSON, as people write and read them, and MessagePack, as
//! guests do.
//!
//! | MessagePack | JSON |
//! |---|---|
//! | nil, booleans, numbers, strings, arrays | the same |
//! | maps | objects; keys that are no strings become text |
//! | bytes | `{"$bytes": "base64"}`, both ways |
//! | not a number, infinities | `{"$float": "NaN"}`, `"inf"`, `"-inf"`, both ways |
//! | object refs, handles | `{"$ref": "o3@n1"}`, `{"$handle": "a1@n1"}`: only shown |
//! | other extensions | `{"$ext": 5, "$bytes": "base64"}`: only shown |
//!
//! What guests answer is not believed: lengths are checked against the bytes
//! that are there, nesting is bounded, and text goes straight to the output,
//! so that a small answer cannot become a large tree.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rmp::Marker;
use serde_json::{Map, Value as Json, json};

use super::text::{is_harmless, one_line};
use host_proto::admin as proto;
use host_refs::Value;

/// Nesting of a value; the same as serde_json's.
const DEPTH_MAX: usize = 127;

/// The largest application error that is decoded for programs.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// MessagePack extension of an object ref, as the contract says.
const REF: i8 = 1;

/// MessagePack extension of a handle.
const HANDLE: i8 = 2;

/// Why a value cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// The guest's bytes are no value.
    #[error("the result is not a MessagePack value: {0}")]
    Malformed(&'static str),
    /// It cannot be printed.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// A guest's value as it can be shown: from here, or from another host.
pub(super) struct Shown {
    bytes: Bytes,
    carried: Carried,
}

/// The ids of the references that a value carries.
#[derive(Default)]
struct Carried {
    refs: Vec<String>,
    handles: Vec<String>,
}

impl From<&Value> for Shown {
    fn from(value: &Value) -> Shown {
        let carried = value.attached.as_ref().map_or_else(Carried::default, |all| Carried {
            refs: all.refs.iter().map(|object| object.id().to_string()).collect(),
            handles: all.handles.iter().map(|handle| handle.target().id().to_string()).collect(),
        });
        Shown { bytes: value.bytes.clone(), carried }
    }
}

impl From<proto::Value> for Shown {
    fn from(value: proto::Value) -> Shown {
        let proto::Value { bytes, refs, handles } = value;
        let clean = |ids: Vec<String>| ids.iter().map(|id| one_line(id)).collect();
        Shown { bytes, carried: Carried { refs: clean(refs), handles: clean(handles) } }
    }
}

/// Prints a guest's value as JSON in one line, without the line's end. If it
/// is malformed nothing is printed.
pub(super) fn write(value: &Shown, out: &mut impl Write) -> Result<(), Unreadable> {
    walk(&value.bytes, &value.carried, &mut io::sink())?;
    walk(&value.bytes, &value.carried, out)
}

/// An application error, decoded; none if it is malformed, missing or huge.
pub(super) fn decode(bytes: &[u8]) -> Option<Json> {
    if bytes.is_empty() || bytes.len() > ERROR_BYTES_MAX {
        return None;
    }
    let mut text = Vec::new();
    walk(bytes, &Carried::default(), &mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Adds JSON as MessagePack behind what is there.
pub(super) fn append(json: &Json, bytes: &mut Vec<u8>) -> Result<(), String> {
    use rmp::encode as msgpack;
    // Writing to memory does not fail.
    const MEMORY: &str = "a vector takes any bytes";
    match json {
        Json::Null => msgpack::write_nil(bytes).expect(MEMORY),
        Json::Bool(value) => msgpack::write_bool(bytes, *value).expect(MEMORY),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(value), ..) => drop(msgpack::write_uint(bytes, value).expect(MEMORY)),
            (_, Some(value), _) => drop(msgpack::write_sint(bytes, value).expect(MEMORY)),
            (.., Some(value)) => msgpack::write_f64(bytes, value).expect(MEMORY),
            _ => return Err(format!("{number} is not a number a guest can read")),
        },
        Json::String(text) => msgpack::write_str(bytes, text).expect(MEMORY),
        Json::Array(items) => {
            msgpack::write_array_len(bytes, length(items.len())?).expect(MEMORY);
            items.iter().try_for_each(|item| append(item, bytes))?;
        }
        Json::Object(entries) => return append_object(entries, bytes),
    }
    Ok(())
}

fn append_object(entries: &Map<String, Json>, bytes: &mut Vec<u8>) -> Result<(), String> {
    use rmp::encode as msgpack;
    const MEMORY: &str = "a vector takes any bytes";
    if let Some((key, value)) = entries.iter().next().filter(|_| entries.len() == 1) {
        match (key.as_str(), value) {
            ("$bytes", Json::String(text)) => {
                let decoded = STANDARD
                    .decode(text)
                    .map_err(|error| format!("{{\"$bytes\": {text:?}}} is not base64: {error}"))?;
                msgpack::write_bin(bytes, &decoded).expect(MEMORY);
                return Ok(());
            }
            ("$float", Json::String(text)) => {
                let value = text.parse::<f64>().map_err(|_| {
                    format!("{{\"$float\": {text:?}}} is not a number; use NaN, inf or -inf")
                })?;
                msgpack::write_f64(bytes, value).expect(MEMORY);
                return Ok(());
            }
            ("$ref" | "$handle", _) => {
                return Err(format!(
                    "{key:?} cannot be an argument: refs and handles cannot be made from text"
                ));
            }
            _ => {}
        }
    }
    msgpack::write_map_len(bytes, length(entries.len())?).expect(MEMORY);
    entries.iter().try_for_each(|(key, value)| {
        msgpack::write_str(bytes, key).expect(MEMORY);
        append(value, bytes)
    })
}

fn length(length: usize) -> Result<u32, String> {
    u32::try_from(length).map_err(|_| format!("{length} items are more than a value may have"))
}

/// Prints the one value that `bytes` are.
fn walk(bytes: &[u8], carried: &Carried, out: &mut impl Write) -> Result<(), Unreadable> {
    let mut reader = Reader { rest: bytes, carried };
    reader.value(out, DEPTH_MAX)?;
    if reader.rest.is_empty() { Ok(()) } else { Err(malformed("more bytes follow the value")) }
}

fn malformed(why: &'static str) -> Unreadable {
    Unreadable::Malformed(why)
}

/// Goes through a guest's bytes.
struct Reader<'a> {
    rest: &'a [u8],
    carried: &'a Carried,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| malformed("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        Ok(self.take(N)?.try_into().expect("as many as were asked for"))
    }

    /// A length of so many bytes.
    fn length(&mut self, width: usize) -> Result<usize, Unreadable> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
    }

    fn value(&mut self, out: &mut impl Write, depth: usize) -> Result<(), Unreadable> {
        let [first] = self.array()?;
        match Marker::from_u8(first) {
            Marker::Null => write!(out, "null")?,
            Marker::True => write!(out, "true")?,
            Marker::False => write!(out, "false")?,
            Marker::FixPos(value) => write!(out, "{value}")?,
            Marker::FixNeg(value) => write!(out, "{value}")?,
            Marker::U8 => write!(out, "{}", u8::from_be_bytes(self.array()?))?,
            Marker::U16 => write!(out, "{}", u16::from_be_bytes(self.array()?))?,
            Marker::U32 => write!(out, "{}", u32::from_be_bytes(self.array()?))?,
            Marker::U64 => write!(out, "{}", u64::from_be_bytes(self.array()?))?,
            Marker::I8 => write!(out, "{}", i8::from_be_bytes(self.array()?))?,
            Marker::I16 => write!(out, "{}", i16::from_be_bytes(self.array()?))?,
            Marker::I32 => write!(out, "{}", i32::from_be_bytes(self.array()?))?,
            Marker::I64 => write!(out, "{}", i64::from_be_bytes(self.array()?))?,
            Marker::F32 => {
                let value = f32::from_be_bytes(self.array()?);
                // A value's shortest form differs between the two widths.
                if value.is_finite() {
                    serde_json::to_writer(out, &value).map_err(io::Error::from)?;
                } else {
                    float(f64::from(value), out)?;
                }
            }
            Marker::F64 => float(f64::from_be_bytes(self.array()?), out)?,
            Marker::FixStr(length) => self.string(usize::from(length), out)?,
            Marker::Str8 => self.sized(1, out, Reader::string)?,
            Marker::Str16 => self.sized(2, out, Reader::string)?,
            Marker::Str32 => self.sized(4, out, Reader::string)?,
            Marker::Bin8 => self.sized(1, out, Reader::bytes)?,
            Marker::Bin16 => self.sized(2, out, Reader::bytes)?,
            Marker::Bin32 => self.sized(4, out, Reader::bytes)?,
            Marker::FixArray(length) => self.items(usize::from(length), out, depth)?,
            Marker::Array16 => self.sized(2, out, |r, length, out| r.items(length, out, depth))?,
            Marker::Array32 => self.sized(4, out, |r, length, out| r.items(length, out, depth))?,
            Marker::FixMap(length) => self.entries(usize::from(length), out, depth)?,
            Marker::Map16 => self.sized(2, out, |r, length, out| r.entries(length, out, depth))?,
            Marker::Map32 => self.sized(4, out, |r, length, out| r.entries(length, out, depth))?,
            Marker::FixExt1 => self.extension(1, out)?,
            Marker::FixExt2 => self.extension(2, out)?,
            Marker::FixExt4 => self.extension(4, out)?,
            Marker::FixExt8 => self.extension(8, out)?,
            Marker::FixExt16 => self.extension(16, out)?,
            Marker::Ext8 => self.sized(1, out, Reader::extension)?,
            Marker::Ext16 => self.sized(2, out, Reader::extension)?,
            Marker::Ext32 => self.sized(4, out, Reader::extension)?,
            Marker::Reserved => {
                return Err(malformed("it holds the byte 0xc1, which means nothing"));
            }
        }
        Ok(())
    }

    /// Reads a length of `width` bytes and then what it is the length of.
    fn sized<W: Write>(
        &mut self,
        width: usize,
        out: &mut W,
        then: impl FnOnce(&mut Reader<'a>, usize, &mut W) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let length = self.length(width)?;
        then(self, length, out)
    }

    fn string(&mut self, length: usize, out: &mut impl Write) -> Result<(), Unreadable> {
        let text = String::from_utf8_lossy(self.take(length)?);
        Ok(quoted(&text, out)?)
    }

    fn bytes(&mut self, length: usize, out: &mut impl Write) -> Result<(), Unreadable> {
        write!(out, "{{\"$bytes\":\"{}\"}}", STANDARD.encode(self.take(length)?))?;
        Ok(())
    }

    fn items(
        &mut self,
        length: usize,
        out: &mut impl Write,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let depth = depth.checked_sub(1).ok_or_else(|| malformed("it is nested too deeply"))?;
        write!(out, "[")?;
        for index in 0..length {
            if index > 0 {
                write!(out, ",")?;
            }
            self.value(out, depth)?;
        }
        write!(out, "]")?;
        Ok(())
    }

    fn entries(
        &mut self,
        length: usize,
        out: &mut impl Write,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let depth = depth.checked_sub(1).ok_or_else(|| malformed("it is nested too deeply"))?;
        write!(out, "{{")?;
        for index in 0..length {
            if index > 0 {
                write!(out, ",")?;
            }
            self.key(out, depth)?;
            write!(out, ":")?;
            self.value(out, depth)?;
        }
        write!(out, "}}")?;
        Ok(())
    }

    /// A map's key: JSON knows only strings, so others become their text.
    fn key(&mut self, out: &mut impl Write, depth: usize) -> Result<(), Unreadable> {
        let mut text = Vec::new();
        self.value(&mut text, depth)?;
        if text.first() == Some(&b'"') {
            out.write_all(&text)?;
            return Ok(());
        }
        Ok(quoted(&String::from_utf8_lossy(&text), out)?)
    }

    fn extension(&mut self, length: usize, out: &mut impl Write) -> Result<(), Unreadable> {
        let [kind] = self.array()?;
        let kind = i8::from_be_bytes([kind]);
        let data = self.take(length)?;
        let index = || {
            let index: [u8; 4] = data.try_into().ok()?;
            usize::try_from(u32::from_be_bytes(index)).ok()
        };
        let reference = match kind {
            REF => reference("$ref", index(), &self.carried.refs)?,
            HANDLE => reference("$handle", index(), &self.carried.handles)?,
            _ => format!("{{\"$ext\":{kind},\"$bytes\":\"{}\"}}", STANDARD.encode(data)),
        };
        write!(out, "{reference}")?;
        Ok(())
    }
}

/// A reference by its id, which is one of those that the value carries.
fn reference(what: &str, index: Option<usize>, ids: &[String]) -> Result<String, Unreadable> {
    let id = index.and_then(|index| ids.get(index));
    let id = id.ok_or_else(|| malformed("it names a reference that it does not carry"))?;
    Ok(json!({ what: id }).to_string())
}

fn float(value: f64, out: &mut impl Write) -> io::Result<()> {
    if value.is_finite() {
        return serde_json::to_writer(out, &value).map_err(io::Error::from);
    }
    write!(out, "{{\"$float\":\"{value}\"}}")
}

/// A JSON string in which everything that could harm a terminal is escaped.
fn quoted(text: &str, out: &mut impl Write) -> io::Result<()> {
    write!(out, "\"")?;
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        if !matches!(character, '"' | '\\') && is_harmless(character) {
            continue;
        }
        write!(out, "{}", &text[plain..at])?;
        plain = at + character.len_utf8();
        match character {
            '"' => write!(out, "\\\"")?,
            '\\' => write!(out, "\\\\")?,
            '\n' => write!(out, "\\n")?,
            '\r' => write!(out, "\\r")?,
            '\t' => write!(out, "\\t")?,
            // All harmful characters are in the basic plane.
            other => write!(out, "\\u{:04x}", u32::from(other))?,
        }
    }
    write!(out, "{}\"", &text[plain..])
}

#[cfg(test)]
mod tests;
