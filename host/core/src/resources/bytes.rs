//! Sizes as people write and read them.

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a size: `4096`, `256MiB`, `1.5 GiB`, `1GB`, in any case. A lone `M`
/// or `G` is refused, because people disagree about what it means; the error
/// says so to whoever wrote it.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits_end =
        trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits_end);
    let unit = unit.trim_start();
    let factor = match UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None => {
            return Err(format!(
                "{text:?} has the unit {unit:?}; use B, KB, MB, GB, TB, KiB, MiB, GiB or TiB"
            ));
        }
    };
    size_of(number, factor)
        .ok_or_else(|| format!("{text:?} is not a size; write it like 256MiB, 1.5GB or 4096"))
}

/// The size in the largest binary unit that it fills, rounded down to two
/// decimals. Two sizes that differ may look the same.
pub fn format_bytes(bytes: u64) -> String {
    let binary = UNITS.into_iter().filter(|(name, _)| *name == "B" || name.contains('i'));
    let (name, factor) = binary.rev().find(|(_, factor)| *factor <= bytes).unwrap_or(UNITS[0]);
    let hundredths = u128::from(bytes) * 100 / u128::from(factor);
    let (whole, fraction) = (hundredths / 100, format!("{:02}", hundredths % 100));
    match fraction.trim_end_matches('0') {
        "" => format!("{whole} {name}"),
        fraction => format!("{whole}.{fraction} {name}"),
    }
}

/// `number` times `factor`, exact but for a part of a byte, which is dropped.
fn size_of(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, fraction_of(factor, fraction)?),
        None => (number, 0),
    };
    factor.checked_mul(whole.parse().ok()?)?.checked_add(fraction)
}

/// The fraction `0.digits` of `factor`. Digits past the ninth would be parts
/// of a byte up to a gigabyte; they are refused.
fn fraction_of(factor: u64, digits: &str) -> Option<u64> {
    let places = u32::try_from(digits.len()).ok().filter(|places| *places <= 9)?;
    let numerator: u64 = digits.parse().ok()?;
    u64::try_from(u128::from(factor) * u128::from(numerator) / 10u128.pow(places)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("1B", 1),
            ("1GB", 1_000_000_000),
            ("256MiB", 256 << 20),
            (" 256 mib ", 256 << 20),
            ("1.5GiB", 3 << 29),
            ("0.001KB", 1),
            ("2TiB", 2 << 40),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_by_its_text() {
        let bad = [
            "",
            " ",
            "MiB",
            ".5GB",
            "5.",
            "1.2.3KB",
            "-1",
            "+1",
            "1e3",
            "1G",
            "256M",
            "1 GB 2",
            "18446744073709551616",
            "16777216TiB",
            "1.0000000001GiB",
            "\u{663}",
        ];
        for text in bad {
            let error = parse_bytes(text).unwrap_err();
            assert!(error.starts_with(&format!("{text:?}")), "{error}");
        }
        assert_eq!(
            parse_bytes("1G").unwrap_err(),
            "\"1G\" has the unit \"G\"; use B, KB, MB, GB, TB, KiB, MiB, GiB or TiB"
        );
    }

    #[test]
    fn sizes_print_in_the_unit_they_fill() {
        for (bytes, text) in [
            (0, "0 B"),
            (1000, "1000 B"),
            (1024, "1 KiB"),
            (256 << 20, "256 MiB"),
            ((256 << 20) - 1, "255.99 MiB"),
            (3 << 29, "1.5 GiB"),
            (33_451_234_567, "31.15 GiB"),
            (u64::MAX, "16777215.99 TiB"),
        ] {
            assert_eq!(format_bytes(bytes), text);
        }
    }

    #[test]
    fn round_sizes_survive_printing_and_reading() {
        for bytes in (0..44).flat_map(|shift| [1u64 << shift, 3 << shift]).filter(|b| b % 256 == 0)
        {
            assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
        }
    }
}
