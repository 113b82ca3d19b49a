//! What lines are made of: values of the network, escaped so that no line break, quote or power over a terminal gets out of
//! them, and numbers.

use crate::telemetry::line::is_invisible;

/// How a value is escaped.
pub(super) type Escape = fn(&mut Vec<u8>, &[u8]);

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends a value as nginx and Apache escape it: what is not printable ASCII, quotes and backslashes become `\xHH`.
pub(super) fn escape_combined(out: &mut Vec<u8>, value: &[u8]) {
    let mut rest = plain(out, value);
    while let [byte, after @ ..] = rest {
        out.push(b'\\');
        hex(out, *byte);
        rest = plain(out, after);
    }
}

/// Appends a value as the inside of a JSON string. What controls a terminal is written as `\u`, although JSON would allow some of
/// it; a byte that belongs to no UTF-8 becomes the text `\xHH`.
pub(super) fn escape_json(out: &mut Vec<u8>, value: &[u8]) {
    for chunk in plain(out, value).utf8_chunks() {
        chunk.valid().chars().for_each(|c| json_char(out, c));
        for byte in chunk.invalid() {
            out.extend_from_slice(b"\\\\");
            hex(out, *byte);
        }
    }
}

fn json_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
        c if c.is_control() || is_invisible(c) => {
            let [.., high, low] = (c as u32).to_be_bytes();
            out.extend_from_slice(b"\\u");
            out.extend([high >> 4, high & 15, low >> 4, low & 15].map(|nibble| HEX[usize::from(nibble)]));
        }
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Appends what of a value can stand for itself in either format, up to the first byte that cannot; gives the rest.
fn plain<'a>(out: &mut Vec<u8>, value: &'a [u8]) -> &'a [u8] {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    let end = value.iter().position(|byte| !is_plain(byte)).unwrap_or(value.len());
    let (plain, rest) = value.split_at(end);
    out.extend_from_slice(plain);
    rest
}

fn hex(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(&[b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// Appends a number.
pub(super) fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// Appends a point and three digits.
pub(super) fn thousandths(out: &mut Vec<u8>, number: u64) {
    let digit = |n: u64| b'0' + (n % 10) as u8;
    out.extend_from_slice(&[b'.', digit(number / 100), digit(number / 10), digit(number)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        for (value, combined, json) in [
            (&b"/plain?a=b%20c"[..], "/plain?a=b%20c", "/plain?a=b%20c"),
            (b"say \"hi\"\\", r"say \x22hi\x22\x5C", r#"say \"hi\"\\"#),
            (b"\x1b[2J\r\n\t\0\x7f", r"\x1B[2J\x0D\x0A\x09\x00\x7F", r"\u001B[2J\u000D\u000A\u0009\u0000\u007F"),
            ("\u{9b}2J".as_bytes(), r"\xC2\x9B2J", r"\u009B2J"),
            ("caf\u{e9} \u{202e}drow".as_bytes(), r"caf\xC3\xA9 \xE2\x80\xAEdrow", "caf\u{e9} \\u202Edrow"),
            (b"half \xe2\x82 and \xff", r"half \xE2\x82 and \xFF", r"half \\xE2\\x82 and \\xFF"),
        ] {
            assert_eq!(written(|out| escape_combined(out, value)), combined);
            assert_eq!(written(|out| escape_json(out, value)), json);
        }
    }

    #[test]
    fn numbers() {
        for number in [0, 9, 10, 65_535, u64::MAX] {
            assert_eq!(written(|out| decimal(out, number)), number.to_string());
        }
        assert_eq!(written(|out| thousandths(out, 1_007)), ".007");
    }
}
