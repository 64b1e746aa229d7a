//! Which trace a call belongs to: W3C trace context, as it goes from a call to
//! those that it makes, on whichever node they run.
//!
//! Only what a `traceparent` says: `tracestate` and baggage stay with whoever
//! began the trace.

use std::fmt;
use std::str::FromStr;

/// A place in a trace: under which span something happens.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// The trace; never zero.
    pub trace: [u8; 16],
    /// The span; never zero.
    pub span: [u8; 8],
    /// Whether whoever began the trace keeps it.
    pub sampled: bool,
}

/// A text that is no `traceparent`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a traceparent is 00-TRACE-SPAN-FLAGS, in 32, 16 and 2 hexadecimal digits")]
pub struct Malformed;

/// Characters of a `traceparent` of version 00.
const LENGTH: usize = 55;

impl FromStr for Context {
    type Err = Malformed;

    /// Reads a `traceparent`. Later versions may say more behind the flags,
    /// which is left out, as the standard asks.
    fn from_str(text: &str) -> Result<Context, Malformed> {
        let head = text.get(..LENGTH).ok_or(Malformed)?;
        let rest = &text[LENGTH..];
        let mut parts = head.split('-');
        let mut next = || parts.next().ok_or(Malformed);
        let version = hex::<1>(next()?)?;
        let (trace, span, flags) = (hex(next()?)?, hex(next()?)?, hex::<1>(next()?)?);
        let known = match version {
            [0] => rest.is_empty(),
            [0xff] => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        if !known || trace == [0; 16] || span == [0; 8] || parts.next().is_some() {
            return Err(Malformed);
        }
        Ok(Context { trace, span, sampled: flags[0] & 1 == 1 })
    }
}

/// Exactly so many bytes, in lower case as the standard has it.
fn hex<const BYTES: usize>(text: &str) -> Result<[u8; BYTES], Malformed> {
    let digits = text.as_bytes();
    if digits.len() != 2 * BYTES {
        return Err(Malformed);
    }
    let digit = |at: usize| match digits[at] {
        digit @ b'0'..=b'9' => Ok(digit - b'0'),
        digit @ b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(Malformed),
    };
    let mut bytes = [0; BYTES];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = digit(2 * at)? << 4 | digit(2 * at + 1)?;
    }
    Ok(bytes)
}

impl fmt::Display for Context {
    /// As a `traceparent` of version 00.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(if self.sampled { "-01" } else { "-00" })
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_comes_back_as_it_was() {
        let context: Context = GOOD.parse().unwrap();
        assert!(context.sampled);
        assert_eq!(context.to_string(), GOOD);
        let unsampled = Context { sampled: false, ..context };
        assert_eq!(unsampled.to_string().parse(), Ok(unsampled));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = format!("cc{}-what-else", &GOOD[2..]);
        assert_eq!(later.parse(), GOOD.parse::<Context>());
    }

    #[test]
    fn what_is_no_context_is_refused() {
        let zero_trace = GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = GOOD.replace("00f067aa0ba902b7", &"0".repeat(16));
        let more = format!("{GOOD}-00");
        let forbidden = format!("ff{}", &GOOD[2..]);
        let shifted = GOOD.replace("-00f0", "0-0f0");
        let upper = GOOD.to_uppercase();
        let multibyte = format!("{}é", &GOOD[..54]);
        for bad in
            ["", "00", &zero_trace, &zero_span, &more, &forbidden, &shifted, &upper, &multibyte]
        {
            assert_eq!(bad.parse::<Context>(), Err(Malformed), "{bad:?}");
        }
    }
}
